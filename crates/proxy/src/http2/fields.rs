//! Fields of HTTP/2 messages: names are in lower case, and what is about one connection is not sent (RFC 9113 §8.2).

use causeway_http::{Field, HeaderBlock};
use http::{HeaderMap, HeaderName, HeaderValue};

/// Fields as they are sent. What could not stand in a message of HTTP/2 is left out; nothing that was read from a
/// peer could not.
pub(crate) fn fields(block: &HeaderBlock) -> HeaderMap {
    fields_where(block, |_| true)
}

/// Those of the fields of which this is true.
pub(crate) fn fields_where(block: &HeaderBlock, wanted: impl Fn(&Field<'_>) -> bool) -> HeaderMap {
    let mut map = HeaderMap::new();
    for field in block.iter().filter(wanted) {
        if let (Ok(name), Ok(value)) =
            (HeaderName::from_bytes(field.name), HeaderValue::from_bytes(field.value))
        {
            // It has room for more fields than any limit lets through.
            let _ = map.try_append(name, value);
        }
    }
    map
}

/// Fields as they were received. Those of one name stand together, where its first one stood.
pub(crate) fn block(map: &HeaderMap) -> HeaderBlock {
    let mut block = HeaderBlock::new();
    add_all(map, &mut block);
    block
}

/// The fields of a response, in place of those that are there; returns how many bytes their names and values have.
pub(crate) fn read_response(map: &HeaderMap, block: &mut HeaderBlock) -> usize {
    block.clear(usize::MAX);
    let bytes = add_all(map, block);
    if map.keys_len() < map.len() {
        block.join_repeated_in_response();
    }
    bytes
}

fn add_all(map: &HeaderMap, block: &mut HeaderBlock) -> usize {
    let mut bytes = 0;
    for (name, value) in map {
        bytes += name.as_str().len() + value.len();
        block.append(name.as_str(), value.as_bytes());
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_come_back_as_they_were_sent() {
        let mut sent = HeaderBlock::new();
        sent.append("Set-Cookie", b"a=1");
        sent.append("x-b", b"\xFF");
        sent.append("set-cookie", b"b=2");
        let back = block(&fields(&sent));
        let seen: Vec<_> = back.iter().map(|field| (field.name, field.value)).collect();
        assert_eq!(
            seen,
            [(&b"set-cookie"[..], &b"a=1"[..]), (b"set-cookie", b"b=2"), (b"x-b", b"\xFF")],
            "names in lower case, one name after the other"
        );
    }
}

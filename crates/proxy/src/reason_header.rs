//! What a client is told of why its request failed, beside Envoy's answer: a name for anybody, everything for those who
//! may know.
//!
//! The name says no more than the documentation does. Evidence has addresses, names and what certificates say in it, so
//! it is for clients that connect from a trusted address, or send a token, and for nobody else: Envoy took such texts
//! out of its answers for a reason (envoyproxy/envoy#44694).

use causeway_http::{HeaderBlock, Known};
use causeway_model::{Address, CidrSet};
use causeway_reason::Failure;

/// Brings the token.
const TOKEN: &str = "x-causeway-token";
/// Says everything.
const WHY: &str = "x-causeway-why";

/// Who is told what.
#[derive(Debug, Clone, Default)]
pub struct ReasonHeader {
    /// Clients that connect from there are told everything; what forwarding headers say does not count.
    pub trusted: CidrSet,
    /// So are requests that bring this in `x-causeway-token`. Never empty.
    pub token: Option<Box<[u8]>>,
}

impl ReasonHeader {
    /// Whether a request may know everything. Its token is taken away, so that no back-end sees it.
    pub(crate) fn may_know_all(&self, request: &mut HeaderBlock, client: &Address) -> bool {
        let trusted = client.ip().is_some_and(|client| self.trusted.contains(client.ip().to_canonical()));
        let Some(token) = &self.token else { return trusted };
        let brings = request.get(TOKEN).is_some_and(|given| same(given, token));
        request.remove(TOKEN);
        trusted || brings
    }
}

/// Adds what the client is told of a failure. `id` is the number by which it is found in `/why`.
pub(crate) fn tell(response: &mut HeaderBlock, failure: &Failure, id: u64, all: bool) {
    response.set(Known::Causeway, failure.reason.key().as_bytes());
    if !all {
        return;
    }
    let code = failure.reason.code();
    let sentence = failure.spec().sentence.en;
    let mut words = format!("{code}; id={id:016x}; {sentence}");
    if let Some(evidence) = &failure.evidence {
        words.push_str(" [");
        words.extend(evidence.chars().map(|c| if c.is_control() { ' ' } else { c }));
        words.push(']');
    }
    response.set(WHY, words.as_bytes());
}

/// Compares in a time that does not say how much is the same.
fn same(one: &[u8], other: &[u8]) -> bool {
    one.len() == other.len() && one.iter().zip(other).fold(0, |differing, (a, b)| differing | (a ^ b)) == 0
}

#[cfg(test)]
mod tests {
    use causeway_model::CidrRange;
    use causeway_reason::Reason;

    use super::*;

    fn header() -> ReasonHeader {
        let trusted = CidrSet(vec![CidrRange::new("10.0.0.0".parse().unwrap(), 8)]);
        ReasonHeader { trusted, token: Some(b"open sesame".as_slice().into()) }
    }

    fn knows(client: &str, token: Option<&str>) -> (bool, bool) {
        let mut request = HeaderBlock::default();
        if let Some(token) = token {
            request.append(TOKEN, token.as_bytes());
        }
        let client = Address::Ip(client.parse().unwrap());
        (header().may_know_all(&mut request, &client), request.get(TOKEN).is_some())
    }

    #[test]
    fn addresses_and_tokens_are_trusted_and_no_token_goes_on() {
        assert_eq!(knows("10.1.2.3:4", None), (true, false));
        assert_eq!(knows("[::ffff:10.1.2.3]:4", None), (true, false));
        assert_eq!(knows("192.0.2.1:4", None), (false, false));
        assert_eq!(knows("192.0.2.1:4", Some("open sesame")), (true, false));
        assert_eq!(knows("192.0.2.1:4", Some("open sesamx")), (false, false));
        assert_eq!(knows("192.0.2.1:4", Some("")), (false, false));
    }

    #[test]
    fn only_those_who_may_know_are_told_the_evidence() {
        let failure = Failure::new(Reason::ConnectRefused).with_evidence("10.0.0.1:80: refused\r\nx: y");
        let mut response = HeaderBlock::default();
        tell(&mut response, &failure, 0xab, false);
        assert_eq!(response.get(Known::Causeway), Some(b"connect_refused".as_slice()));
        assert_eq!(response.get(WHY), None);
        tell(&mut response, &failure, 0xab, true);
        let told = String::from_utf8(response.get(WHY).unwrap().to_vec()).unwrap();
        assert!(told.starts_with("T201; id=00000000000000ab; "), "{told}");
        assert!(told.ends_with("[10.0.0.1:80: refused  x: y]"), "{told}");
    }
}

//! What a gRPC health service says (`grpc.health.v1.Health`), without a connection.

use std::time::Duration;

/// Where it is asked.
pub const PATH: &str = "/grpc.health.v1.Health/Check";

/// Most bytes of an answer that are looked at.
pub(crate) const MAX_ANSWER: usize = 64 << 10;

/// `HealthCheckResponse.ServingStatus` of a service that may be used.
const SERVING: u64 = 1;

/// A question about this service, as one message of gRPC; about the server as a whole where it is empty.
pub fn question(service: &str) -> Vec<u8> {
    let mut message = Vec::with_capacity(service.len() + 8);
    if !service.is_empty() {
        // Field 1, a text (`HealthCheckRequest.service`).
        message.push(0x0A);
        varint(&mut message, service.len() as u64);
        message.extend_from_slice(service.as_bytes());
    }
    let length = u32::try_from(message.len()).unwrap_or(0).to_be_bytes();
    [&[0][..], &length, &message].concat()
}

/// `grpc-timeout` as Envoy writes it: a number of at most eight digits and a unit.
pub(crate) fn timeout(timeout: Duration) -> String {
    let millis = timeout.as_millis();
    if millis <= 99_999_999 {
        return format!("{millis}m");
    }
    let seconds = timeout.as_secs();
    if seconds <= 99_999_999 { format!("{seconds}S") } else { format!("{}M", (seconds / 60).min(99_999_999)) }
}

/// What is wrong with an answer, in words; `Ok` where the service may be used.
///
/// # Errors
///
/// What is wrong with it.
pub fn judge(content_type: Option<&[u8]>, status: Option<&[u8]>, body: &[u8]) -> Result<(), String> {
    if !content_type.is_some_and(|kind| kind.starts_with(b"application/grpc")) {
        let kind = content_type.map_or_else(|| "nothing".to_owned(), |kind| kind.escape_ascii().to_string());
        return Err(format!("the answer is not of gRPC, its content-type is {kind}"));
    }
    match status {
        Some(b"0") => {}
        Some(b"12") => return Err("grpc-status 12: the server has no health service".to_owned()),
        Some(b"5") => return Err("grpc-status 5: the health service does not know this service".to_owned()),
        Some(other) => return Err(format!("grpc-status {}", other.escape_ascii())),
        None => return Err("the answer has no grpc-status".to_owned()),
    }
    let [0, a, b, c, d, message @ ..] = body else {
        return Err("the answer holds no message".to_owned());
    };
    if u32::from_be_bytes([*a, *b, *c, *d]) as usize != message.len() {
        return Err("the answer is not one message".to_owned());
    }
    match serving_status(message) {
        Some(SERVING) => Ok(()),
        Some(0) => Err("the service says UNKNOWN".to_owned()),
        Some(2) => Err("the service says NOT_SERVING".to_owned()),
        Some(3) => Err("the service says SERVICE_UNKNOWN".to_owned()),
        Some(other) => Err(format!("the service says {other}")),
        None => Err("the answer's message is malformed".to_owned()),
    }
}

/// Field 1 of a `HealthCheckResponse`, 0 where it is not set; `None` where the message is malformed.
fn serving_status(mut message: &[u8]) -> Option<u64> {
    let mut status = 0;
    while !message.is_empty() {
        let key = read_varint(&mut message)?;
        match (key >> 3, key & 7) {
            (1, 0) => status = read_varint(&mut message)?,
            (_, 0) => _ = read_varint(&mut message)?,
            (_, 1) => message = message.get(8..)?,
            (_, 5) => message = message.get(4..)?,
            (_, 2) => {
                let length = usize::try_from(read_varint(&mut message)?).ok()?;
                message = message.get(length..)?;
            }
            _ => return None,
        }
    }
    Some(status)
}

fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(u8::try_from(value & 0x7F).unwrap_or(0) | 0x80);
        value >>= 7;
    }
    out.push(u8::try_from(value).unwrap_or(0));
}

fn read_varint(from: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for at in 0..10 {
        let (byte, rest) = from.split_first()?;
        *from = rest;
        value |= u64::from(byte & 0x7F) << (7 * at);
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_question_is_one_message() {
        assert_eq!(question(""), [0, 0, 0, 0, 0]);
        assert_eq!(question("svc"), *b"\0\0\0\0\x05\x0A\x03svc");
        assert_eq!(question(&"x".repeat(200))[..8], *b"\0\0\0\0\xCB\x0A\xC8\x01");
    }

    #[test]
    fn the_time_has_eight_digits_at_most() {
        let cases = [(400, "400m"), (99_999_999, "99999999m"), (100_000_000, "100000S")];
        for (millis, text) in cases {
            assert_eq!(timeout(Duration::from_millis(millis)), text);
        }
    }

    #[test]
    fn only_serving_is_well() {
        let grpc = Some(&b"application/grpc+proto"[..]);
        let ok = Some(&b"0"[..]);
        assert_eq!(judge(grpc, ok, b"\0\0\0\0\x02\x08\x01"), Ok(()));
        // Fields that are not known yet are no fault.
        assert_eq!(judge(grpc, ok, b"\0\0\0\0\x07\x12\x01x\x18\x05\x08\x01"), Ok(()));
        type Case<'a> = (Option<&'a [u8]>, Option<&'a [u8]>, &'a [u8], &'a str);
        let faults: [Case<'_>; 10] = [
            (None, ok, b"\0\0\0\0\x02\x08\x01", "content-type is nothing"),
            (Some(b"text/html"), ok, b"", "text/html"),
            (grpc, None, b"\0\0\0\0\x02\x08\x01", "no grpc-status"),
            (grpc, Some(b"12"), b"", "no health service"),
            (grpc, Some(b"14"), b"", "grpc-status 14"),
            (grpc, ok, b"\0\0\0\0\0", "UNKNOWN"),
            (grpc, ok, b"\0\0\0\0\x02\x08\x02", "NOT_SERVING"),
            (grpc, ok, b"", "no message"),
            (grpc, ok, b"\0\0\0\0\x02\x08\x02\0\0\0\0\x02\x08\x01", "not one message"),
            (grpc, ok, b"\0\0\0\0\x01\x08", "malformed"),
        ];
        for (kind, status, body, words) in faults {
            let fault = judge(kind, status, body).unwrap_err();
            assert!(fault.contains(words), "{fault}");
        }
    }
}

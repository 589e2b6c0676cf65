//! How long a gRPC client wants to wait (`grpc-timeout`), and what routes make of it.

use causeway_http::{HeaderBlock, Known};
use causeway_model::{GrpcTimeout, MaxStreamDuration};

use crate::format::Decimal;
use crate::timer::{Millis, millis};

/// The longest number that can be said (gRPC over HTTP/2, `TimeoutValue`): eight digits.
const MOST: Millis = 99_999_999;

/// What the request asks for, in milliseconds, rounded up; none where it asks for nothing that can be read.
fn asked(request: &HeaderBlock) -> Option<Millis> {
    let (unit, digits) = request.get(Known::GrpcTimeout)?.split_last()?;
    if !(1..=8).contains(&digits.len()) || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let number: Millis = std::str::from_utf8(digits).ok()?.parse().ok()?;
    match unit {
        b'H' => Some(number * 3_600_000),
        b'M' => Some(number * 60_000),
        b'S' => Some(number * 1_000),
        b'm' => Some(number),
        b'u' => Some(number.div_ceil(1_000)),
        b'n' => Some(number.div_ceil(1_000_000)),
        _ => None,
    }
}

/// Tells the back-end how long it has.
pub(crate) fn tell(request: &mut HeaderBlock, timeout: Millis) {
    let (mut number, mut unit) = (timeout, b'm');
    for (size, next) in [(1_000, b'S'), (60, b'M'), (60, b'H')] {
        if number <= MOST {
            break;
        }
        (number, unit) = (number / size, next);
    }
    let mut text = Vec::with_capacity(9);
    text.extend_from_slice(Decimal::new(number.min(MOST)).as_bytes());
    text.push(unit);
    request.set(Known::GrpcTimeout, &text);
}

/// How long a request may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Limit {
    /// What the connection manager says.
    Manager,
    /// As long as it likes.
    None,
    /// This long; zero is no time at all.
    Of(Millis),
}

/// What `max_stream_duration` of a route makes of a request.
pub(crate) fn stream_duration(limits: &MaxStreamDuration, request: &HeaderBlock) -> Limit {
    let honoured = limits.grpc_timeout_header_max.and_then(|most| Some((millis(most), asked(request)?)));
    if let Some((most, asked)) = honoured {
        let limited = if most > 0 { asked.min(most) } else { asked };
        return Limit::Of(limited.saturating_sub(millis(limits.grpc_timeout_header_offset)));
    }
    match limits.max {
        None => Limit::Manager,
        Some(max) if max.is_zero() => Limit::None,
        Some(max) => Limit::Of(millis(max)),
    }
}

/// What `max_grpc_timeout` makes of a gRPC request, in place of the route's timeout.
pub(crate) fn route_timeout(limits: &GrpcTimeout, request: &HeaderBlock) -> Option<Millis> {
    let (most, offset) = (millis(limits.max), millis(limits.offset));
    let asked = asked(request).unwrap_or(0);
    let limited = if asked == 0 || (most > 0 && asked > most) { most } else { asked };
    let left = if limited > offset { limited - offset } else { limited };
    (left > 0).then_some(left)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn request(timeout: &str) -> HeaderBlock {
        let mut block = HeaderBlock::new();
        if timeout != "none" {
            block.append(Known::GrpcTimeout, timeout.as_bytes());
        }
        block
    }

    /// What Envoy 1.40 makes of these.
    #[test]
    fn the_client_is_listened_to_within_limits() {
        let limits = |max, most, offset| MaxStreamDuration {
            max,
            grpc_timeout_header_max: most,
            grpc_timeout_header_offset: offset,
        };
        let (zero, second) = (Duration::ZERO, Duration::from_secs(1));
        let most = limits(None, Some(second * 5), zero);
        let unlimited = limits(None, Some(zero), second);
        let both = limits(Some(second * 2), Some(second * 4), zero);
        for (limits, asked, expected) in [
            (most, "100m", Limit::Of(100)),
            (most, "10S", Limit::Of(5_000)),
            (most, "500u", Limit::Of(1)),
            (most, "7n", Limit::Of(1)),
            (most, "2H", Limit::Of(5_000)),
            (most, "0S", Limit::Of(0)),
            (most, "123456789S", Limit::Manager),
            (most, "x", Limit::Manager),
            (most, "S", Limit::Manager),
            (most, "+1S", Limit::Manager),
            (most, "none", Limit::Manager),
            (unlimited, "10S", Limit::Of(9_000)),
            (unlimited, "100m", Limit::Of(0)),
            (both, "10S", Limit::Of(4_000)),
            (both, "none", Limit::Of(2_000)),
            (limits(Some(zero), None, zero), "100m", Limit::None),
        ] {
            assert_eq!(stream_duration(&limits, &request(asked)), expected, "{asked} {limits:?}");
        }
    }

    #[test]
    fn the_old_limits_take_the_place_of_the_timeout() {
        let limits =
            |max, offset| GrpcTimeout { max: Duration::from_secs(max), offset: Duration::from_secs(offset) };
        for (limits, asked, expected) in [
            (limits(4, 0), "100m", Some(100)),
            (limits(4, 0), "10S", Some(4_000)),
            (limits(4, 0), "none", Some(4_000)),
            (limits(4, 0), "0S", Some(4_000)),
            (limits(0, 0), "2H", Some(7_200_000)),
            (limits(0, 0), "none", None),
            (limits(0, 1), "10S", Some(9_000)),
            (limits(0, 1), "100m", Some(100)),
        ] {
            assert_eq!(route_timeout(&limits, &request(asked)), expected, "{asked} {limits:?}");
        }
    }

    #[test]
    fn a_long_time_is_told_in_larger_units() {
        for (timeout, expected) in [
            (1, "1m"),
            (99_999_999, "99999999m"),
            (27_777 * 3_600_000, "99997200S"),
            (99_999_999 * 60_000, "99999999M"),
            (99_999_999 * 3_600_000, "99999999H"),
            (Millis::MAX, "99999999H"),
        ] {
            let mut block = HeaderBlock::new();
            tell(&mut block, timeout);
            assert_eq!(block.get(Known::GrpcTimeout), Some(expected.as_bytes()));
        }
    }
}

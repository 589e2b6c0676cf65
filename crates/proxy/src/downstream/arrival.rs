//! How long a request may take to arrive: what the file says, and what holds where it says nothing.
//!
//! Envoy waits for ever unless it is told otherwise, so that a few thousand connections that each send a
//! byte now and then hold a proxy's memory and descriptors for nothing. Here there is always an end. Nothing is
//! armed for a request that is there at once, as nearly all are.

use causeway_model::ArrivalTimeout;

use super::Downstream;
use crate::deadlines::Timer;
use crate::exchange::Facts;
use crate::snapshot::timeout;
use crate::timer::Millis;

use causeway_http::Method;

/// From the first byte of a head to its last, where `request_headers_timeout` is not set. A head is a few
/// packets.
const HEAD: Millis = 10_000;
/// The same for the whole request, where `request_timeout` is not set …
const WHOLE: Millis = 300_000;
/// … and as much more for each KiB of body that has arrived: a large upload over a poor line goes on for as
/// long as it moves, and one that moves a byte every ten seconds does not.
const FOR_EACH_KIB: Millis = 1_000;

/// What evidence says where a head was late by Causeway's own measure.
const HEAD_DEFAULT: &str = "; request_headers_timeout is not set, and without it a head has 10 s";
/// The same for the whole request.
const WHOLE_DEFAULT: &str =
    "; request_timeout is not set, and without it a request has 300 s and one more for each KiB of its body";

impl Downstream {
    /// The deadlines that the file sets, from the first byte of a request.
    pub(super) fn arm_arrival(&mut self) {
        let config = &self.listener.manager.config;
        let headers = timeout(config.request_headers_timeout.set());
        let whole = timeout(config.request_timeout.set());
        let duration = timeout(config.max_stream_duration);
        if headers.is_some() || whole.is_some() || duration.is_some() {
            let now = self.worker.now();
            self.deadlines.set(Timer::RequestHeaders, headers.map(|after| now + after));
            self.deadlines.set(Timer::Request, whole.map(|after| now + after));
            self.deadlines.set(Timer::StreamDuration, duration.map(|after| now + after));
        }
    }

    /// The deadlines of a head that did not arrive at once, where the file says nothing.
    pub(super) fn arm_head(&mut self, facts: &Facts) {
        let begun = self.begun(facts);
        let config = &self.listener.manager.config;
        let (headers, whole) = (config.request_headers_timeout, config.request_timeout);
        if headers == ArrivalTimeout::Unset {
            self.deadlines.set(Timer::RequestHeaders, Some(begun + HEAD));
        }
        if whole == ArrivalTimeout::Unset {
            self.deadlines.set(Timer::Request, Some(begun + WHOLE));
        }
    }

    /// The deadline of a body, where the file says nothing. What has no end of its own has no deadline: a
    /// tunnel, and gRPC, whose clients may speak whenever they have something to say.
    pub(super) fn arm_body(&mut self, facts: &Facts, method: Method, body: bool) {
        if self.listener.manager.config.request_timeout != ArrivalTimeout::Unset {
            return;
        }
        let whole = body && !facts.grpc && !facts.upgrade && method != Method::Connect;
        if whole || self.deadlines.is_set(Timer::Request) {
            let at = self.begun(facts) + WHOLE;
            self.deadlines.set(Timer::Request, whole.then_some(at));
        }
    }

    /// The whole request is late: unless the file says how long it has, what has arrived of it may have
    /// earned it more.
    pub(super) fn more_time(&self, facts: &Facts, now: Millis) -> Option<Millis> {
        if self.listener.manager.config.request_timeout != ArrivalTimeout::Unset {
            return None;
        }
        Some(self.begun(facts) + allowed(facts.bytes_received)).filter(|at| *at > now)
    }

    /// What there is to say about a deadline that the file does not set.
    pub(super) fn by_default(&self, timer: Timer) -> &'static str {
        let config = &self.listener.manager.config;
        match timer {
            Timer::RequestHeaders if config.request_headers_timeout == ArrivalTimeout::Unset => HEAD_DEFAULT,
            Timer::Request if config.request_timeout == ArrivalTimeout::Unset => WHOLE_DEFAULT,
            _ => "",
        }
    }

    fn begun(&self, facts: &Facts) -> Millis {
        facts.begun.map_or_else(|| self.worker.now(), |begun| self.worker.timers.at(begun))
    }
}

/// How long a request may take of whose body so many bytes have arrived.
const fn allowed(bytes: u64) -> Millis {
    WHOLE.saturating_add((bytes / 1024).saturating_mul(FOR_EACH_KIB))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_moves_lives_and_what_trickles_does_not() {
        const KIB: u64 = 1024;
        let lives = |bytes_per_second: f64, size: f64| {
            let mut at = WHOLE;
            loop {
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a test")]
                let arrived = (bytes_per_second * (at / 1000) as f64) as u64;
                if arrived as f64 >= size {
                    return true;
                }
                if allowed(arrived) <= at {
                    return false;
                }
                at = allowed(arrived);
            }
        };
        let gib = (KIB * KIB * KIB) as f64;
        assert!(lives(2.0 * KIB as f64, 10.0 * gib), "10 GiB at 2 KiB/s, which takes two months");
        assert!(!lives(0.1, 1000.0), "a byte every ten seconds");
        assert!(!lives(512.0, gib), "half a KiB each second is not enough for ever");
        assert_eq!(allowed(29), WHOLE);
        assert_eq!(allowed(10 * KIB), WHOLE + 10_000);
        assert_eq!(allowed(u64::MAX), WHOLE + (u64::MAX / KIB) * 1000);
    }
}

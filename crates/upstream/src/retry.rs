//! Whether, when and how often a request is sent to back-ends again: Envoy's rules, without I/O. Time and
//! chance are arguments, and so is the circuit breaker.

use std::sync::Arc;
use std::time::Duration;

use causeway_model::{RetryOn, RetryPolicy};
use causeway_reason::ResetReason;

/// What became of an attempt that failed, or may have.
#[derive(Debug, Clone, Copy)]
pub enum Attempt {
    /// There is the head of a response.
    Answered {
        /// Its status.
        status: u16,
        /// It has `x-envoy-ratelimited`.
        rate_limited: bool,
        /// `grpc-status` in its head, where it is a number.
        grpc_status: Option<u64>,
        /// One of [`RetryPolicy::response_headers`] or of the client's own names fits.
        header_fits: bool,
        /// How long the back-end asks to wait ([`RetryPolicy::rate_limited`]).
        wait: Option<Duration>,
    },
    /// There is none, because of this; `None` where the proxy itself gave up the attempt.
    Reset {
        /// Why.
        reset: Option<ResetReason>,
        /// Something of the request has been sent, by this attempt or one before.
        started: bool,
    },
}

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetryDecision {
    /// What the attempt brought is what the client gets.
    No,
    /// The same, and there would have been another attempt, had not all been used up.
    LimitExceeded,
    /// The same, had the circuit breaker let it.
    Overflow,
    /// There is another attempt after this pause.
    Yes {
        /// How long.
        pause: Duration,
        /// The back-end asked for that.
        rate_limited: bool,
    },
}

/// The retries of one request.
#[derive(Debug)]
pub struct Retries {
    policy: Arc<RetryPolicy>,
    on: RetryOn,
    left: u32,
    /// Statuses that the client named, beside the policy's.
    statuses: Vec<u16>,
    /// The next pause is below this.
    next: Duration,
    /// Attempts beside the first that were made.
    made: u32,
}

impl Retries {
    /// The retries of a request, where the policy, or the client, allows any: `on` and `statuses` are what the client
    /// adds, `most` takes the place of the policy's number.
    #[must_use]
    pub fn new(
        policy: &Arc<RetryPolicy>,
        on: RetryOn,
        most: Option<u32>,
        statuses: Vec<u16>,
    ) -> Option<Self> {
        let on = policy.on.and(on);
        (!on.is_empty()).then(|| Self {
            on,
            left: most.unwrap_or(policy.num_retries),
            statuses,
            next: policy.base_interval,
            made: 0,
            policy: Arc::clone(policy),
        })
    }

    /// The policy.
    #[must_use]
    pub const fn policy(&self) -> &Arc<RetryPolicy> {
        &self.policy
    }

    /// What has to happen for another attempt: what the policy says, and the client.
    #[must_use]
    pub const fn on(&self) -> RetryOn {
        self.on
    }

    /// How many retries may yet be made.
    #[must_use]
    pub const fn left(&self) -> u32 {
        self.left
    }

    /// Whether fields of responses matter.
    #[must_use]
    pub const fn looks_at_headers(&self) -> bool {
        self.on.has(RetryOn::HEADERS)
    }

    /// How many retries were made.
    #[must_use]
    pub const fn made(&self) -> u32 {
        self.made
    }

    /// Decides about an attempt. `breaker` takes one of the retries that may be made at once, and `random` is
    /// any number.
    pub fn decide(
        &mut self,
        attempt: &Attempt,
        random: u64,
        breaker: impl FnOnce() -> bool,
    ) -> RetryDecision {
        if !self.wants(attempt) {
            return RetryDecision::No;
        }
        let asked = match attempt {
            // Envoy passes over what is shorter.
            Attempt::Answered { wait: Some(wait), .. } if *wait > Duration::from_millis(1) => Some(*wait),
            Attempt::Answered { .. } | Attempt::Reset { .. } => None,
        };
        self.take_one(asked, random, breaker)
    }

    /// Takes one of the retries that are left; `asked` is the pause that a back-end wants.
    fn take_one(
        &mut self,
        asked: Option<Duration>,
        random: u64,
        breaker: impl FnOnce() -> bool,
    ) -> RetryDecision {
        let Some(left) = self.left.checked_sub(1) else { return RetryDecision::LimitExceeded };
        self.left = left;
        if !breaker() {
            return RetryDecision::Overflow;
        }
        self.made += 1;
        match asked {
            Some(wait) => RetryDecision::Yes { pause: wait + below(wait / 2, random), rate_limited: true },
            None => {
                let pause = below(self.next, random);
                self.next = self.next.saturating_mul(2).min(self.policy.max_interval);
                RetryDecision::Yes { pause, rate_limited: false }
            }
        }
    }

    /// Decides about an attempt that is late and goes on: another is made beside it whatever the conditions are, as long
    /// as there may be one (`hedge_on_per_try_timeout`).
    pub fn decide_late(&mut self, random: u64, breaker: impl FnOnce() -> bool) -> RetryDecision {
        self.take_one(None, random, breaker)
    }

    /// Whether the attempt is one of those that are made again.
    #[must_use]
    pub fn wants(&self, attempt: &Attempt) -> bool {
        match *attempt {
            Attempt::Answered { status, rate_limited, grpc_status, header_fits, .. } => {
                if rate_limited {
                    return self.on.has(RetryOn::RATE_LIMITED);
                }
                let named = || self.policy.statuses.contains(&status) || self.statuses.contains(&status);
                self.on.has(RetryOn::SERVER_ERROR) && (500..600).contains(&status)
                    || self.on.has(RetryOn::GATEWAY_ERROR) && (502..=504).contains(&status)
                    || self.on.has(RetryOn::CONFLICT) && status == 409
                    || self.on.has(RetryOn::STATUSES) && named()
                    || self.on.has(RetryOn::HEADERS) && header_fits
                    || grpc_status.is_some_and(|status| self.on.has(of_grpc(status)))
            }
            Attempt::Reset { reset: Some(ResetReason::Overflow), .. } => false,
            Attempt::Reset { reset, started } => {
                // What is reset would become a 503.
                let any = RetryOn::RESET.and(RetryOn::SERVER_ERROR).and(RetryOn::GATEWAY_ERROR);
                self.on.has(any)
                    || self.on.has(RetryOn::RESET_BEFORE_REQUEST) && !started
                    || self.on.has(RetryOn::REFUSED_STREAM)
                        && reset == Some(ResetReason::RemoteRefusedStreamReset)
                    || self.on.has(RetryOn::CONNECT_FAILURE)
                        && matches!(
                            reset,
                            Some(
                                ResetReason::RemoteConnectionFailure
                                    | ResetReason::LocalConnectionFailure
                                    | ResetReason::ConnectionTimeout
                            )
                        )
            }
        }
    }
}

const fn of_grpc(status: u64) -> RetryOn {
    match status {
        1 => RetryOn::GRPC_CANCELLED,
        4 => RetryOn::GRPC_DEADLINE_EXCEEDED,
        8 => RetryOn::GRPC_RESOURCE_EXHAUSTED,
        13 => RetryOn::GRPC_INTERNAL,
        14 => RetryOn::GRPC_UNAVAILABLE,
        _ => RetryOn::NOTHING,
    }
}

/// A time below the bound, in whole milliseconds, as Envoy draws it.
fn below(bound: Duration, random: u64) -> Duration {
    let millis = u64::try_from(bound.as_millis()).unwrap_or(u64::MAX);
    Duration::from_millis(random.checked_rem(millis).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use causeway_model::RetryBudget;

    use super::*;
    use crate::rng::Rng;

    fn retries(names: &str, most: u32) -> Retries {
        let on = names.split(',').filter_map(|name| RetryOn::named(name.as_bytes()));
        let on = on.fold(RetryOn::default(), |all, (one, _)| all.and(one));
        let policy = RetryPolicy { on, num_retries: most, statuses: vec![418], ..RetryPolicy::default() };
        Retries::new(&Arc::new(policy), RetryOn::default(), None, vec![422]).expect("there is a condition")
    }

    const fn answered(status: u16) -> Attempt {
        Attempt::Answered { status, rate_limited: false, grpc_status: None, header_fits: false, wait: None }
    }

    const fn reset(reset: ResetReason, started: bool) -> Attempt {
        Attempt::Reset { reset: Some(reset), started }
    }

    #[test]
    fn each_condition_is_about_what_its_name_says() {
        let grpc = |status| Attempt::Answered {
            status: 200,
            rate_limited: false,
            grpc_status: Some(status),
            header_fits: false,
            wait: None,
        };
        let rate_limited = Attempt::Answered {
            status: 503,
            rate_limited: true,
            grpc_status: None,
            header_fits: true,
            wait: None,
        };
        let fits = Attempt::Answered {
            status: 200,
            rate_limited: false,
            grpc_status: None,
            header_fits: true,
            wait: None,
        };
        let refused = reset(ResetReason::RemoteRefusedStreamReset, true);
        let unconnected = reset(ResetReason::RemoteConnectionFailure, false);
        let cut = reset(ResetReason::ConnectionTermination, true);
        let gave_up = Attempt::Reset { reset: None, started: true };
        let overflow = reset(ResetReason::Overflow, false);
        for (names, wanted, unwanted) in [
            (
                "5xx",
                vec![answered(500), answered(599), cut, unconnected, gave_up],
                vec![answered(409), overflow, rate_limited],
            ),
            (
                "gateway-error",
                vec![answered(502), answered(504), cut, gave_up],
                vec![answered(500), answered(505)],
            ),
            ("reset", vec![cut, refused, unconnected, gave_up], vec![answered(503), overflow]),
            ("reset-before-request", vec![unconnected], vec![cut, refused, answered(503)]),
            ("connect-failure", vec![unconnected], vec![cut, answered(503), gave_up]),
            ("refused-stream", vec![refused], vec![cut, unconnected]),
            ("retriable-4xx", vec![answered(409)], vec![answered(404), cut]),
            ("retriable-status-codes", vec![answered(418), answered(422)], vec![answered(500), cut]),
            ("retriable-headers", vec![fits], vec![answered(500), rate_limited]),
            ("envoy-ratelimited", vec![rate_limited], vec![answered(503)]),
            ("http3-post-connect-failure", vec![], vec![cut, answered(503), unconnected]),
            ("cancelled", vec![grpc(1)], vec![grpc(0), grpc(4), answered(503)]),
            ("deadline-exceeded,internal", vec![grpc(4), grpc(13)], vec![grpc(14)]),
            ("resource-exhausted,unavailable", vec![grpc(8), grpc(14)], vec![grpc(2), grpc(u64::MAX)]),
        ] {
            let retries = retries(names, 1);
            for attempt in wanted {
                assert!(retries.wants(&attempt), "{names}: {attempt:?}");
            }
            for attempt in unwanted {
                assert!(!retries.wants(&attempt), "{names}: {attempt:?}");
            }
        }
    }

    #[test]
    fn the_number_is_used_up_by_what_the_breaker_refuses_as_well() {
        let mut retries = retries("5xx", 2);
        assert_eq!(retries.decide(&answered(200), 1, || true), RetryDecision::No);
        assert_eq!(retries.decide(&answered(503), 1, || false), RetryDecision::Overflow);
        assert!(matches!(retries.decide(&answered(503), 1, || true), RetryDecision::Yes { .. }));
        assert_eq!(retries.decide(&answered(503), 1, || true), RetryDecision::LimitExceeded);
        assert_eq!(retries.made(), 1);
    }

    #[test]
    fn no_condition_is_no_retry() {
        assert!(Retries::new(&Arc::default(), RetryOn::default(), Some(3), Vec::new()).is_none());
    }

    /// Pauses of thousands of seeded requests stay within what the policy says, and use all of it.
    #[test]
    fn pauses_double_up_to_their_limit() {
        let mut longest = [Duration::ZERO; 6];
        for seed in 0..2000 {
            let mut rng = Rng::new(seed);
            let mut retries = retries("5xx", 6);
            for longest in &mut longest {
                let decision = retries.decide(&answered(503), rng.next(), || true);
                let RetryDecision::Yes { pause, rate_limited: false } = decision else {
                    panic!("seed {seed}: {decision:?}");
                };
                *longest = pause.max(*longest);
            }
        }
        let millis = longest.map(|longest| longest.as_millis());
        assert_eq!(millis, [24, 49, 99, 199, 249, 249]);
    }

    #[test]
    fn a_pause_that_is_asked_for_is_kept_and_half_of_it_at_most_added() {
        for seed in 0..2000 {
            let mut retries = retries("envoy-ratelimited", 1);
            let wait = Some(Duration::from_secs(2));
            let attempt = Attempt::Answered {
                status: 429,
                rate_limited: true,
                grpc_status: None,
                header_fits: false,
                wait,
            };
            let decision = retries.decide(&attempt, Rng::new(seed).next(), || true);
            let RetryDecision::Yes { pause, rate_limited: true } = decision else {
                panic!("seed {seed}: {decision:?}");
            };
            assert!((2000..3000).contains(&pause.as_millis()), "seed {seed}: {pause:?}");
        }
    }

    /// Requests of which many fail, in seeded lives: retries stay within their budget whatever happens.
    #[test]
    fn a_budget_holds_whatever_fails() {
        for seed in 0..200 {
            let mut rng = Rng::new(seed);
            let budget = RetryBudget { percent: 20.0, min_concurrency: 3 };
            let (mut running, mut retrying): (Vec<Retries>, Vec<Retries>) = (Vec::new(), Vec::new());
            for _ in 0..500 {
                if rng.below(3) > 0 {
                    running.push(retries("5xx", 3));
                }
                // One ends: well, or to be tried again.
                let active = u32::try_from(running.len()).unwrap();
                if let Some(mut one) = (rng.below(2) == 0).then(|| running.pop()).flatten() {
                    let used = u32::try_from(retrying.len()).unwrap();
                    let status = if rng.below(10) < 7 { 503 } else { 200 };
                    let decision = one.decide(&answered(status), rng.next(), || used < budget.limit(active));
                    if let RetryDecision::Yes { .. } = decision {
                        retrying.push(one);
                        let most = budget.limit(active);
                        assert!(retrying.len() <= most as usize, "seed {seed}: {} > {most}", retrying.len());
                    }
                }
                if rng.below(3) == 0 {
                    retrying.pop();
                }
            }
        }
    }
}

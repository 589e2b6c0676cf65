//! When a name is looked up again.

use std::time::Duration;

use causeway_model::DnsOptions;

use crate::dns::Outcome;
use crate::rng::Rng;

/// The time from one look-up of a name to the next.
#[derive(Debug)]
pub(crate) struct Schedule {
    /// The pause behind the next failure, where failures have a rate of their own.
    backoff: Option<Duration>,
}

/// Pauses are at least this long, whatever a TTL or a jitter of zero comes to.
const MIN: Duration = Duration::from_millis(1);

impl Schedule {
    pub(crate) fn new(options: &DnsOptions) -> Self {
        Self { backoff: options.failure_refresh_rate.map(|(first, _)| first) }
    }

    /// The time to the next look-up. `ttl` is that of an answer with addresses. For `LOGICAL_DNS` a name
    /// without addresses is a failure, for `STRICT_DNS` it is an answer.
    pub(crate) fn next(
        &mut self,
        options: &DnsOptions,
        outcome: Outcome,
        ttl: Option<Duration>,
        logical: bool,
        rng: &mut Rng,
    ) -> Duration {
        let failed = match outcome {
            Outcome::Found => false,
            Outcome::Nothing => logical,
            Outcome::Failed => true,
        };
        if failed {
            let Some((first, longest)) = options.failure_refresh_rate else {
                return options.refresh_rate.max(MIN);
            };
            let pause = self.backoff.unwrap_or(first).min(longest);
            self.backoff = Some(pause.saturating_mul(2).min(longest));
            // Half of it is random, so that many proxies do not ask a server that comes back all at once.
            // Envoy makes all of it random, down to no pause at all.
            let half = pause / 2;
            return (half + random(rng, half)).max(MIN);
        }
        self.backoff = options.failure_refresh_rate.map(|(first, _)| first);
        let rate = match ttl {
            Some(ttl) if options.respect_ttl && !ttl.is_zero() => ttl,
            _ => options.refresh_rate,
        };
        (rate + random(rng, options.jitter)).max(MIN)
    }
}

fn random(rng: &mut Rng, below: Duration) -> Duration {
    Duration::from_nanos(rng.below(u64::try_from(below.as_nanos()).unwrap_or(u64::MAX)))
}

#[cfg(test)]
mod tests {
    use causeway_model::{DnsLookupFamily, DnsResolver};

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn options() -> DnsOptions {
        DnsOptions {
            refresh_rate: 5 * SECOND,
            jitter: Duration::ZERO,
            failure_refresh_rate: None,
            respect_ttl: false,
            lookup_family: DnsLookupFamily::Auto,
            resolver: DnsResolver::default(),
        }
    }

    #[test]
    fn without_more_words_everything_is_asked_at_the_refresh_rate() {
        let (mut rng, options) = (Rng::new(1), options());
        let mut schedule = Schedule::new(&options);
        for outcome in [Outcome::Found, Outcome::Nothing, Outcome::Failed] {
            assert_eq!(schedule.next(&options, outcome, Some(SECOND), true, &mut rng), 5 * SECOND);
        }
    }

    #[test]
    fn a_ttl_counts_where_it_is_asked_for() {
        let mut rng = Rng::new(1);
        let options = DnsOptions { respect_ttl: true, ..options() };
        let mut schedule = Schedule::new(&options);
        let mut next = |ttl| schedule.next(&options, Outcome::Found, ttl, false, &mut rng);
        assert_eq!(next(Some(SECOND)), SECOND);
        assert_eq!(next(Some(Duration::ZERO)), 5 * SECOND);
        assert_eq!(next(None), 5 * SECOND);
    }

    #[test]
    fn jitter_is_added() {
        let mut rng = Rng::new(1);
        let options = DnsOptions { jitter: SECOND, ..options() };
        let mut schedule = Schedule::new(&options);
        let next: Vec<Duration> =
            (0..50).map(|_| schedule.next(&options, Outcome::Found, None, false, &mut rng)).collect();
        assert!(next.iter().all(|next| (5 * SECOND..6 * SECOND).contains(next)));
        assert!(next.iter().any(|next| *next > 5 * SECOND));
    }

    #[test]
    fn failures_back_off_and_a_success_forgets_them() {
        let mut rng = Rng::new(1);
        let options = DnsOptions { failure_refresh_rate: Some((SECOND, 8 * SECOND)), ..options() };
        let mut schedule = Schedule::new(&options);
        for longest in [1, 2, 4, 8, 8] {
            let next = schedule.next(&options, Outcome::Failed, None, false, &mut rng);
            assert!((longest * SECOND / 2..=longest * SECOND).contains(&next), "{next:?} of {longest}");
        }
        assert_eq!(schedule.next(&options, Outcome::Nothing, None, false, &mut rng), 5 * SECOND);
        assert!(schedule.next(&options, Outcome::Nothing, None, true, &mut rng) <= SECOND);
    }
}

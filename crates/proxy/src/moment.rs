//! Points in time, in half the room that those of the standard library take.

use std::num::NonZeroU64;
use std::ops::{Add, Sub};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

/// When somebody asked for a moment first.
static FIRST: LazyLock<Instant> = LazyLock::new(Instant::now);

/// That moment: what lies before it has room too.
const BEGINNING: u64 = 1 << 62;

/// A point in time on the monotonic clock, to the nanosecond.
///
/// A request knows a dozen of them, and not all have come: an [`Option`] of one takes eight bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Moment(NonZeroU64);

impl Moment {
    /// Now.
    pub(crate) fn now() -> Self {
        let first = *FIRST;
        let since = Instant::now().saturating_duration_since(first);
        let seconds = since.as_secs().saturating_mul(1_000_000_000);
        Self::at(BEGINNING.saturating_add(seconds).saturating_add(since.subsec_nanos().into()))
    }

    /// The time since another, in nanoseconds; 0 where that is later.
    pub(crate) const fn nanos_since(self, earlier: Self) -> u64 {
        self.0.get().saturating_sub(earlier.0.get())
    }

    /// The same in whole milliseconds, rounded down, as what has passed is counted and shown.
    pub(crate) const fn millis_since(self, earlier: Self) -> u64 {
        self.nanos_since(earlier) / 1_000_000
    }

    /// The same as a duration.
    pub(crate) const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.nanos_since(earlier))
    }

    /// How long it is past; nothing where it has yet to come.
    pub(crate) fn elapsed(self) -> Duration {
        Self::now().since(self)
    }

    const fn at(nanos: u64) -> Self {
        Self(match NonZeroU64::new(nanos) {
            Some(nanos) => nanos,
            None => NonZeroU64::MIN,
        })
    }
}

/// Later by so much.
impl Add<Duration> for Moment {
    type Output = Self;

    fn add(self, later: Duration) -> Self {
        Self::at(self.0.get().saturating_add(nanos(later)))
    }
}

/// Earlier by so much.
impl Sub<Duration> for Moment {
    type Output = Self;

    fn sub(self, earlier: Duration) -> Self {
        Self::at(self.0.get().saturating_sub(nanos(earlier)))
    }
}

/// A duration in nanoseconds; as many as there can be of one that is too long.
pub(crate) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_passes_and_never_backwards() {
        let now = Moment::now();
        let later = now + Duration::from_micros(2500);
        assert_eq!(later.since(now), Duration::from_micros(2500));
        assert_eq!((later.millis_since(now), later.nanos_since(now)), (2, 2_500_000));
        assert_eq!((now.since(later), now.millis_since(later)), (Duration::ZERO, 0));
        assert!(Moment::now() >= now && now < later);
        assert_eq!(size_of::<Option<Moment>>(), 8);
    }

    #[test]
    fn moments_before_the_first_are_as_good_as_others() {
        let now = Moment::now();
        let before = now - Duration::from_secs(100 * 365 * 24 * 3600);
        assert_eq!(now.since(before), Duration::from_secs(100 * 365 * 24 * 3600));
        assert_eq!((now - Duration::MAX) + Duration::MAX, now + Duration::MAX);
    }
}

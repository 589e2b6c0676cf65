//! A token bucket that all workers take from.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use crate::moment::{Moment, nanos};
use causeway_model::TokenBucket;

/// A token bucket. Nobody fills it: what is in it follows from the time, so that tokens come evenly.
///
/// Envoy's does the same: `tokens_per_fill` and `fill_interval` are but a rate.
#[derive(Debug)]
pub(crate) struct Bucket {
    epoch: Moment,
    /// It was last empty at this time, or would have been: nanoseconds since `epoch`, which lies so far back that the
    /// bucket has been filled since.
    empty_at: AtomicU64,
    /// Most tokens, in nanoseconds.
    most: u64,
    /// How long a token takes to come, in nanoseconds.
    each: u64,
}

impl Bucket {
    /// A bucket that is full.
    pub(crate) fn new(config: &TokenBucket, now: Moment) -> Self {
        let interval = nanos(config.fill_interval);
        let each = (interval / u64::from(config.tokens_per_fill).max(1)).max(1);
        let most = each.saturating_mul(u64::from(config.max_tokens));
        let epoch = now - Duration::from_nanos(most);
        Self { epoch, empty_at: AtomicU64::new(0), most, each }
    }

    /// Takes a token, where there is one.
    pub(crate) fn take(&self, now: Moment) -> bool {
        let now = now.nanos_since(self.epoch);
        let taken = self.empty_at.fetch_update(Relaxed, Relaxed, |empty_at| {
            let after = empty_at.max(now.saturating_sub(self.most)).saturating_add(self.each);
            (after <= now).then_some(after)
        });
        taken.is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bucket(max_tokens: u32, tokens_per_fill: u32, millis: u64) -> (Bucket, Moment) {
        let fill_interval = Duration::from_millis(millis);
        let now = Moment::now();
        (Bucket::new(&TokenBucket { max_tokens, tokens_per_fill, fill_interval }, now), now)
    }

    fn taken(bucket: &Bucket, at: Moment) -> usize {
        (0..100).take_while(|_| bucket.take(at)).count()
    }

    #[test]
    fn a_bucket_is_full_in_the_beginning_and_never_holds_more() {
        let (bucket, now) = bucket(5, 1, 1000);
        assert_eq!(taken(&bucket, now), 5);
        assert_eq!(taken(&bucket, now + Duration::from_secs(3)), 3);
        assert_eq!(taken(&bucket, now + Duration::from_secs(3600)), 5);
    }

    #[test]
    fn tokens_come_evenly() {
        let (bucket, now) = bucket(4, 4, 2000);
        assert_eq!(taken(&bucket, now), 4);
        assert_eq!(taken(&bucket, now + Duration::from_millis(499)), 0);
        assert_eq!(taken(&bucket, now + Duration::from_millis(500)), 1);
        assert_eq!(taken(&bucket, now + Duration::from_millis(1600)), 2);
    }

    #[test]
    fn a_bucket_without_tokens_lets_nobody_through() {
        let (bucket, now) = bucket(0, 1, 1000);
        assert_eq!(taken(&bucket, now + Duration::from_secs(60)), 0);
    }
}

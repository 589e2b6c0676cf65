//! What gates know beyond a reload: how many connections are open, what is left in a bucket.

use std::collections::HashMap;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use causeway_model::{ConnectionLimit, ConnectionRateLimit, TokenBucket};

use super::bucket::Bucket;
use crate::moment::Moment;

/// The states of all gates, which a reload hands from one configuration to the next: a gate that has not changed
/// goes on where it was. One for the process.
#[derive(Debug, Default)]
pub struct GateStates {
    limits: Mutex<HashMap<String, Weak<AtomicU64>>>,
    buckets: Mutex<HashMap<(String, TokenBucket), Weak<Bucket>>>,
}

impl GateStates {
    /// The connections that a limit has let through.
    pub(super) fn limit(&self, place: &str, config: &ConnectionLimit) -> Arc<AtomicU64> {
        let mut limits = self.limits.lock().unwrap_or_else(PoisonError::into_inner);
        limits.retain(|_, known| known.strong_count() > 0);
        let key = format!("{place}/{}", config.stat_prefix);
        if let Some(known) = limits.get(&key).and_then(Weak::upgrade) {
            return known;
        }
        let new = Arc::default();
        limits.insert(key, Arc::downgrade(&new));
        new
    }

    /// The bucket of a rate limit.
    pub(super) fn bucket(&self, place: &str, config: &ConnectionRateLimit) -> Arc<Bucket> {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        buckets.retain(|_, known| known.strong_count() > 0);
        let place = match &*config.share_key {
            "" => format!("{place}/{}", config.stat_prefix),
            key => format!("share_key {key}"),
        };
        let key = (place, config.bucket);
        if let Some(known) = buckets.get(&key).and_then(Weak::upgrade) {
            return known;
        }
        let new = Arc::new(Bucket::new(&config.bucket, Moment::now()));
        buckets.insert(key, Arc::downgrade(&new));
        new
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use causeway_model::RuntimeFlag;

    use super::*;

    fn rate_limit(share_key: &str, max_tokens: u32) -> ConnectionRateLimit {
        let fill_interval = Duration::from_secs(60);
        ConnectionRateLimit {
            stat_prefix: "x".into(),
            bucket: TokenBucket { max_tokens, tokens_per_fill: 1, fill_interval },
            share_key: share_key.into(),
            enabled: RuntimeFlag::on(),
        }
    }

    #[test]
    fn buckets_are_shared_by_key_and_survive_a_reload_unchanged() {
        let states = GateStates::default();
        let one = states.bucket("a/0", &rate_limit("k", 1));
        assert!(Arc::ptr_eq(&one, &states.bucket("b/0", &rate_limit("k", 1))));
        assert!(
            !Arc::ptr_eq(&one, &states.bucket("b/0", &rate_limit("k", 2))),
            "another size is another bucket"
        );
        let own = states.bucket("a/0", &rate_limit("", 1));
        assert!(!Arc::ptr_eq(&own, &states.bucket("b/0", &rate_limit("", 1))));
        assert!(Arc::ptr_eq(&own, &states.bucket("a/0", &rate_limit("", 1))));
    }
}

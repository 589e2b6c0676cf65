//! Histograms since the last flush.

use std::collections::HashMap;

use causeway_stats::{Buckets, Registry};

/// For each histogram what came in during the last whole interval, by full name. Histograms nothing
/// was ever recorded in are left out.
#[derive(Debug, Default)]
pub(crate) struct Intervals {
    /// Totals at the last flush, and what they had grown by since the one before.
    seen: HashMap<String, (Buckets, Buckets)>,
}

impl Intervals {
    /// An interval is over.
    pub(crate) fn flush(&mut self, registry: &Registry) {
        let mut before = std::mem::take(&mut self.seen);
        self.seen = registry
            .histograms()
            .into_iter()
            .map(|(name, total)| {
                let grown = match before.remove(&name) {
                    Some((earlier, _)) => total.since(&earlier),
                    None => total.clone(),
                };
                (name, (total, grown))
            })
            .collect();
    }

    /// What a histogram took in during the last interval.
    pub(crate) fn of(&self, name: &str) -> Buckets {
        self.seen.get(name).map(|(_, grown)| grown.clone()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use causeway_stats::ScopeName;

    use super::*;

    causeway_stats::schema! {
        enum Stat {
            Time = histogram "time",
        }
    }

    #[test]
    fn an_interval_holds_what_came_between_two_flushes() {
        let registry = Registry::new(1);
        let shard = registry.scope::<Stat>(ScopeName::root().then("x")).shard(0);
        let mut intervals = Intervals::default();
        shard.record(Stat::Time, 4);
        assert_eq!(intervals.of("x.time").count(), 0);
        intervals.flush(&registry);
        assert_eq!(intervals.of("x.time").count(), 1);
        shard.record(Stat::Time, 4);
        shard.record(Stat::Time, 5);
        assert_eq!(intervals.of("x.time").count(), 1);
        intervals.flush(&registry);
        assert_eq!(intervals.of("x.time").count(), 2);
        intervals.flush(&registry);
        assert_eq!(intervals.of("x.time").count(), 0);
    }
}

//! How findings show what an admin server counts, and what requests meet.

use super::observed::Observed;
use crate::finding::{Effect, Evidence, EvidenceKind};
use crate::said::Said;

/// What requests meet where no host is left.
pub(super) fn no_host() -> Effect {
    Effect {
        status: Some(503),
        flags: "UH".to_owned(),
        details: "no_healthy_upstream".to_owned(),
        words: None,
    }
}

/// What counters of a cluster say, and by how much they grew.
pub(super) fn counters_of(observed: &Observed, name: &str, counters: &[&str]) -> Evidence {
    let shown: Vec<_> = counters
        .iter()
        .filter_map(|counter| {
            let full = format!("cluster.{name}.{counter}");
            let value = observed.after.0.get(&full)?;
            Some(format!("{counter} {value} (+{})", observed.grew(&full)))
        })
        .collect();
    Evidence::new(EvidenceKind::Admin, Said::plain("/stats"), Said::plain(shown.join(", ")))
}

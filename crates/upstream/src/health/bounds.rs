//! How many descriptors health checks may take.
//!
//! The checks of thousands of hosts are due at the same moment. Where there are fewer descriptors than that, those that
//! got none would say that their hosts are down, and requests would get none either.

use std::sync::Arc;

use causeway_model::HealthCheck;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};

/// Where nobody says how many descriptors there are: as many as the kernel ever allows.
const UNBOUNDED: u64 = 1 << 30;

/// Shared by the checks of all clusters.
#[derive(Debug)]
pub(crate) struct Bounds {
    running: Semaphore,
    kept: Arc<Semaphore>,
}

/// That a check may keep its connection.
#[derive(Debug)]
pub(crate) struct Keeping(#[expect(dead_code, reason = "held, and let go")] OwnedSemaphorePermit);

impl Bounds {
    /// For a process that may have so many descriptors: a quarter is for checks that run, and a quarter for
    /// connections that they keep.
    pub(crate) fn new(descriptors: Option<u64>) -> Self {
        let quarter = usize::try_from(descriptors.unwrap_or(UNBOUNDED) / 4).unwrap_or(Semaphore::MAX_PERMITS);
        let quarter = quarter.clamp(1, Semaphore::MAX_PERMITS);
        Self { running: Semaphore::new(quarter), kept: Arc::new(Semaphore::new(quarter)) }
    }

    /// Waits until a check may run; it does until what this gives is dropped.
    pub(crate) async fn run(&self) -> Option<SemaphorePermit<'_>> {
        // It is never closed.
        self.running.acquire().await.ok()
    }

    /// The check as it is made: without a descriptor to spare, each makes a connection of its own.
    pub(crate) fn fit(&self, config: &Arc<HealthCheck>) -> (Arc<HealthCheck>, Option<Keeping>) {
        if !config.reuse_connection {
            return (Arc::clone(config), None);
        }
        match Arc::clone(&self.kept).try_acquire_owned() {
            Ok(permit) => (Arc::clone(config), Some(Keeping(permit))),
            Err(_) => (Arc::new(HealthCheck { reuse_connection: false, ..(**config).clone() }), None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_config::http_check;

    #[test]
    fn a_quarter_of_the_descriptors_is_for_connections_that_are_kept() {
        let bounds = Bounds::new(Some(9));
        let config = Arc::new(http_check("/"));
        let first = bounds.fit(&config);
        let second = bounds.fit(&config);
        let third = bounds.fit(&config);
        let kept = |(config, keeping): &(Arc<HealthCheck>, Option<Keeping>)| {
            assert_eq!(config.reuse_connection, keeping.is_some());
            keeping.is_some()
        };
        assert_eq!([kept(&first), kept(&second), kept(&third)], [true, true, false]);
        drop(first);
        assert!(kept(&bounds.fit(&config)));
        let alone = Arc::new(HealthCheck { reuse_connection: false, ..http_check("/") });
        assert!(Bounds::new(None).fit(&alone).1.is_none());
    }
}

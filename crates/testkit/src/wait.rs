//! Waiting for something to become true, which is what tests do where others sleep.

use std::time::{Duration, Instant};

/// Asks again and again until the answer is yes; false when `limit` has passed first.
///
/// The pause between two questions is short enough not to slow a test down and long enough not to
/// take the processor from what is being waited for.
pub async fn eventually(limit: Duration, mut question: impl AsyncFnMut() -> bool) -> bool {
    let end = Instant::now() + limit;
    loop {
        if question().await {
            return true;
        }
        if Instant::now() >= end {
            return false;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn stops_at_the_first_yes_and_at_the_limit() {
        let mut asked = 0;
        let yes = async || {
            asked += 1;
            asked == 3
        };
        assert!(eventually(Duration::from_secs(5), yes).await);
        assert_eq!(asked, 3);
        assert!(!eventually(Duration::from_millis(20), async || false).await);
    }
}

//! Keeping repeated lines apart: one for each key and window.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::Hash;
use std::time::{Duration, Instant};

/// Lets one line pass for each key in a window of time, and counts those held back.
///
/// It has no clock: time is an argument. It forgets keys that have been silent for a window, and holds
/// a bounded number of them, so that keys which clients can make up do not fill the memory.
#[derive(Debug)]
pub struct Limiter<K> {
    window: Duration,
    capacity: usize,
    keys: HashMap<K, Seen>,
    /// Lines held back since the last one that passed because their key found no room.
    crowded_out: u64,
    swept: Option<Instant>,
}

#[derive(Debug)]
struct Seen {
    since: Instant,
    held_back: u64,
}

impl<K: Hash + Eq> Limiter<K> {
    /// A limiter with this window, for at most this many keys at a time.
    #[must_use]
    pub fn new(window: Duration, capacity: usize) -> Self {
        Self { window, capacity, keys: HashMap::new(), crowded_out: 0, swept: None }
    }

    /// Whether a line with this key is to be written now: `Some` of the number of lines that were held
    /// back since the last one with this key.
    ///
    /// Where all keys are taken, a line with a new one is held back, and counted with the next key
    /// that finds room.
    pub fn pass(&mut self, key: K, now: Instant) -> Option<u64> {
        if self.keys.len() >= self.capacity && !self.keys.contains_key(&key) {
            self.sweep(now);
            if self.keys.len() >= self.capacity {
                self.crowded_out += 1;
                return None;
            }
        }
        match self.keys.entry(key) {
            Entry::Vacant(entry) => {
                entry.insert(Seen { since: now, held_back: 0 });
                Some(std::mem::take(&mut self.crowded_out))
            }
            Entry::Occupied(mut entry) => {
                let seen = entry.get_mut();
                if now.saturating_duration_since(seen.since) < self.window {
                    seen.held_back += 1;
                    return None;
                }
                seen.since = now;
                Some(std::mem::take(&mut seen.held_back))
            }
        }
    }

    /// What was held back for keys whose window is over, so that the end of a series is told too: each
    /// such key with its count. Forgets the keys that were silent.
    pub fn settle(&mut self, now: Instant) -> Vec<(K, u64)> {
        let window = self.window;
        let over: Vec<_> = self
            .keys
            .extract_if(|_, seen| now.saturating_duration_since(seen.since) >= window)
            .filter(|(_, seen)| seen.held_back > 0)
            .map(|(key, seen)| (key, seen.held_back))
            .collect();
        self.swept = Some(now);
        over
    }

    /// Makes room, at most once a window: under a flood of new keys, looking through all of them for
    /// each would be the attack.
    fn sweep(&mut self, now: Instant) {
        let due = self.swept.is_none_or(|last| now.saturating_duration_since(last) >= self.window);
        if due {
            let window = self.window;
            let mut untold = 0;
            self.keys.retain(|_, seen| {
                let keep = now.saturating_duration_since(seen.since) < window;
                if !keep {
                    untold += seen.held_back;
                }
                keep
            });
            self.crowded_out += untold;
            self.swept = Some(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: Duration = Duration::from_secs(1);

    #[test]
    fn one_line_a_window_with_the_number_held_back() {
        let mut limiter = Limiter::new(WINDOW, 10);
        let start = Instant::now();
        assert_eq!(limiter.pass("a", start), Some(0));
        assert_eq!(limiter.pass("a", start), None);
        assert_eq!(limiter.pass("a", start + WINDOW / 2), None);
        assert_eq!(limiter.pass("b", start + WINDOW / 2), Some(0));
        assert_eq!(limiter.pass("a", start + WINDOW), Some(2));
        assert_eq!(limiter.pass("a", start + WINDOW), None);
        assert_eq!(limiter.pass("a", start + WINDOW * 5), Some(1));
    }

    #[test]
    fn the_end_of_a_series_is_told() {
        let mut limiter = Limiter::new(WINDOW, 10);
        let start = Instant::now();
        for _ in 0..4 {
            limiter.pass("a", start);
        }
        limiter.pass("b", start);
        assert_eq!(limiter.settle(start), []);
        assert_eq!(limiter.settle(start + WINDOW), [("a", 3)]);
        assert_eq!(limiter.settle(start + WINDOW), []);
        assert_eq!(limiter.pass("a", start + WINDOW), Some(0));
    }

    #[test]
    fn keys_that_anybody_can_make_up_stay_bounded() {
        let mut limiter = Limiter::new(WINDOW, 3);
        let start = Instant::now();
        let passed = (0..100).filter(|key| limiter.pass(*key, start).is_some()).count();
        assert_eq!(passed, 3);
        assert_eq!(limiter.keys.len(), 3);
        limiter.pass(0, start);
        // 97 found no room, and one line of a key that is forgotten was not told.
        assert_eq!(limiter.pass(1000, start + WINDOW), Some(98));
    }
}

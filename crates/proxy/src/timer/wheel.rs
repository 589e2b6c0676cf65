//! A hierarchical timing wheel: deadlines in milliseconds, all operations in constant time.
//!
//! Four levels of 64 slots: the first tells milliseconds apart, the next 64 of them, and so on up to
//! 4.6 hours; what is later waits in the last slot of the last level and is looked at again there.
//! A slot is a list through the slab of entries, so that an entry can leave it without a search.

use std::mem;

const BITS: u32 = 6;
const SLOTS: usize = 1 << BITS;
const LEVELS: usize = 4;

/// Points at an entry of a [`Wheel`]; valid until the entry is removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Key(u32);

const NONE: u32 = u32::MAX;

/// Deadlines, and what belongs to each.
#[derive(Debug)]
pub(crate) struct Wheel<T> {
    /// The millisecond up to which everything has been taken out.
    now: u64,
    /// First entry of each slot.
    slots: [[u32; SLOTS]; LEVELS],
    /// Which slots of a level hold something.
    occupied: [u64; LEVELS],
    entries: Vec<Entry<T>>,
    free: u32,
    len: usize,
}

#[derive(Debug)]
struct Entry<T> {
    deadline: u64,
    value: Option<T>,
    /// The slot it is in: level and number; no meaning while the entry is free or expired.
    level: u8,
    slot: u8,
    listed: bool,
    previous: u32,
    next: u32,
}

impl<T> Wheel<T> {
    pub(crate) const fn new() -> Self {
        Self {
            now: 0,
            slots: [[NONE; SLOTS]; LEVELS],
            occupied: [0; LEVELS],
            entries: Vec::new(),
            free: NONE,
            len: 0,
        }
    }

    /// Number of entries.
    #[cfg(test)]
    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    /// Adds an entry. One whose deadline has passed expires at the next call of [`Self::expire`].
    pub(crate) fn insert(&mut self, deadline: u64, value: T) -> Key {
        let fresh = Entry {
            deadline,
            value: Some(value),
            level: 0,
            slot: 0,
            listed: false,
            previous: NONE,
            next: NONE,
        };
        let at = match self.entries.get_mut(self.free as usize) {
            Some(entry) => {
                let at = self.free;
                self.free = entry.next;
                *entry = fresh;
                at
            }
            None => {
                // Four billion connections do not fit into a machine.
                let at = u32::try_from(self.entries.len()).unwrap_or(NONE);
                self.entries.push(fresh);
                at
            }
        };
        self.len += 1;
        self.link(at);
        Key(at)
    }

    /// When an entry will expire.
    #[cfg(test)]
    pub(crate) fn deadline(&self, key: Key) -> Option<u64> {
        self.entries.get(key.0 as usize).filter(|entry| entry.value.is_some()).map(|entry| entry.deadline)
    }

    /// Gives an entry, expired or not, another deadline.
    pub(crate) fn reschedule(&mut self, key: Key, deadline: u64) {
        self.unlink(key.0);
        if let Some(entry) = self.entries.get_mut(key.0 as usize) {
            entry.deadline = deadline;
            self.link(key.0);
        }
    }

    /// Removes an entry.
    pub(crate) fn remove(&mut self, key: Key) -> Option<T> {
        self.unlink(key.0);
        let free = self.free;
        let entry = self.entries.get_mut(key.0 as usize)?;
        let value = entry.value.take()?;
        entry.next = free;
        self.free = key.0;
        self.len -= 1;
        Some(value)
    }

    /// The earliest moment at which something may expire; at that moment there may turn out to be
    /// nothing, because later levels are coarse. `None` while nothing waits.
    pub(crate) fn next_expiry(&self) -> Option<u64> {
        (0..LEVELS)
            .filter_map(|level| {
                let occupied = *self.occupied.get(level)?;
                let shift = BITS * u32::try_from(level).ok()?;
                let current = (self.now >> shift) & (SLOTS as u64 - 1);
                // Slots behind the current one come first, then those of the next turn.
                let ahead = occupied.rotate_right(u32::try_from(current).ok()?);
                let distance = if ahead == 0 { return None } else { u64::from(ahead.trailing_zeros()) };
                let start = ((self.now >> shift) + distance) << shift;
                Some(start.max(self.now))
            })
            .min()
    }

    /// Takes everything out whose deadline has passed by `now` and hands it over. The entries stay and
    /// can be given another deadline.
    pub(crate) fn expire(&mut self, now: u64, mut expired: impl FnMut(&mut T)) {
        while self.now <= now {
            let Some(next) = self.next_expiry().filter(|next| *next <= now) else { break };
            self.now = next;
            // Coarse levels first: what is due in them moves to finer ones, down to this very moment.
            for level in (0..LEVELS).rev() {
                let shift = BITS * u32::try_from(level).unwrap_or(0);
                let slot = usize::try_from((self.now >> shift) & (SLOTS as u64 - 1)).unwrap_or(0);
                let mut at = self.take_slot(level, slot);
                while let Some(entry) = self.entries.get_mut(at as usize) {
                    let following = entry.next;
                    entry.listed = false;
                    if entry.deadline <= self.now {
                        if let Some(value) = entry.value.as_mut() {
                            expired(value);
                        }
                    } else {
                        self.link(at);
                    }
                    at = following;
                }
            }
            if self.next_expiry() == Some(self.now) {
                continue;
            }
            self.now += 1;
        }
        self.now = self.now.max(now);
    }

    fn take_slot(&mut self, level: usize, slot: usize) -> u32 {
        if let Some(occupied) = self.occupied.get_mut(level) {
            *occupied &= !(1 << slot);
        }
        self.slots
            .get_mut(level)
            .and_then(|slots| slots.get_mut(slot))
            .map_or(NONE, |head| mem::replace(head, NONE))
    }

    fn link(&mut self, at: u32) {
        let Some(deadline) = self.entries.get(at as usize).map(|entry| entry.deadline) else { return };
        let (level, slot) = self.place(deadline);
        let Some(head) = self.slots.get_mut(level).and_then(|slots| slots.get_mut(slot)) else { return };
        let next = mem::replace(head, at);
        if let Some(occupied) = self.occupied.get_mut(level) {
            *occupied |= 1 << slot;
        }
        if let Some(entry) = self.entries.get_mut(next as usize) {
            entry.previous = at;
        }
        if let Some(entry) = self.entries.get_mut(at as usize) {
            entry.previous = NONE;
            entry.next = next;
            entry.listed = true;
            entry.level = u8::try_from(level).unwrap_or(0);
            entry.slot = u8::try_from(slot).unwrap_or(0);
        }
    }

    fn unlink(&mut self, at: u32) {
        let Some(entry) = self.entries.get_mut(at as usize).filter(|entry| entry.listed) else { return };
        entry.listed = false;
        let (previous, next) = (entry.previous, entry.next);
        let (level, slot) = (usize::from(entry.level), usize::from(entry.slot));
        if let Some(entry) = self.entries.get_mut(next as usize) {
            entry.previous = previous;
        }
        if let Some(entry) = self.entries.get_mut(previous as usize) {
            entry.next = next;
        } else if let Some(head) = self.slots.get_mut(level).and_then(|slots| slots.get_mut(slot)) {
            *head = next;
            if next == NONE
                && let Some(occupied) = self.occupied.get_mut(level)
            {
                *occupied &= !(1 << slot);
            }
        }
    }

    /// The slot for a deadline: the finest level that reaches that far from now.
    fn place(&self, deadline: u64) -> (usize, usize) {
        let deadline = deadline.max(self.now);
        let differing = (deadline ^ self.now) | (SLOTS as u64 - 1);
        let level = usize::try_from((63 - differing.leading_zeros()) / BITS).unwrap_or(0);
        if level >= LEVELS {
            // The last level goes round: its slots stand for the next 64 stretches of time, whatever
            // turn they belong to. What is later still waits in the last of them and is looked at again.
            let shift = BITS * (u32::try_from(LEVELS).unwrap_or(1) - 1);
            let stretch = (deadline >> shift).min((self.now >> shift) + SLOTS as u64 - 1);
            return (LEVELS - 1, usize::try_from(stretch & (SLOTS as u64 - 1)).unwrap_or(0));
        }
        let shift = BITS * u32::try_from(level).unwrap_or(0);
        (level, usize::try_from((deadline >> shift) & (SLOTS as u64 - 1)).unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn expired(wheel: &mut Wheel<u64>, now: u64) -> Vec<u64> {
        let mut out = Vec::new();
        wheel.expire(now, |value| out.push(*value));
        out.sort_unstable();
        out
    }

    #[test]
    fn entries_expire_at_their_time_and_not_before() {
        let mut wheel = Wheel::new();
        for deadline in [5, 70, 5000, 300_000, 20_000_000] {
            wheel.insert(deadline, deadline);
        }
        assert!(expired(&mut wheel, 4).is_empty());
        assert_eq!(expired(&mut wheel, 5), [5]);
        assert_eq!(expired(&mut wheel, 4999), [70]);
        assert_eq!(expired(&mut wheel, 299_999), [5000]);
        assert_eq!(expired(&mut wheel, 19_999_999), [300_000]);
        assert_eq!(expired(&mut wheel, 20_000_000), [20_000_000]);
        assert_eq!(wheel.next_expiry(), None);
    }

    #[test]
    fn a_removed_entry_makes_room() {
        let mut wheel = Wheel::new();
        let first = wheel.insert(10, 1);
        let second = wheel.insert(10, 2);
        assert_eq!(wheel.remove(first), Some(1));
        assert_eq!(wheel.remove(first), None);
        assert_eq!(wheel.insert(10, 3), first);
        assert_eq!(wheel.remove(second), Some(2));
        assert_eq!(expired(&mut wheel, 10), [3]);
        assert_eq!(wheel.len(), 1);
    }

    #[test]
    fn an_expired_entry_can_wait_again() {
        let mut wheel = Wheel::new();
        let key = wheel.insert(10, 1);
        assert_eq!(expired(&mut wheel, 50), [1]);
        wheel.reschedule(key, 60);
        assert!(expired(&mut wheel, 59).is_empty());
        wheel.reschedule(key, 55);
        assert_eq!(wheel.deadline(key), Some(55));
        assert_eq!(expired(&mut wheel, 59), [1]);
    }

    proptest! {
        #[test]
        fn agrees_with_a_list(steps in prop::collection::vec((0_u8..4, prop_oneof![0_u64..300, 0_u64..400_000, 0_u64..60_000_000], 0_usize..50), 1..300)) {
            let mut wheel = Wheel::new();
            let mut list: Vec<(Key, u64, u64, bool)> = Vec::new();
            let mut now = 0;
            for (serial, (kind, amount, pick)) in steps.into_iter().enumerate() {
                let serial = serial as u64;
                match kind {
                    0 => {
                        let key = wheel.insert(now + amount, serial);
                        list.push((key, now + amount, serial, true));
                    }
                    1 if !list.is_empty() => {
                        let (key, ..) = list.swap_remove(pick % list.len());
                        prop_assert!(wheel.remove(key).is_some());
                    }
                    2 if !list.is_empty() => {
                        let at = pick % list.len();
                        wheel.reschedule(list[at].0, now + amount / 7);
                        list[at].1 = now + amount / 7;
                        list[at].3 = true;
                    }
                    _ => {
                        now += amount / 3;
                        let mut due: Vec<u64> = Vec::new();
                        for entry in list.iter_mut().filter(|entry| entry.3 && entry.1 <= now) {
                            due.push(entry.2);
                            entry.3 = false;
                        }
                        due.sort_unstable();
                        prop_assert_eq!(expired(&mut wheel, now), due);
                        let earliest = list.iter().filter(|entry| entry.3).map(|entry| entry.1).min();
                        match (wheel.next_expiry(), earliest) {
                            (Some(next), Some(earliest)) => prop_assert!(next <= earliest && next >= now),
                            (next, earliest) => prop_assert_eq!(next, earliest),
                        }
                    }
                }
                prop_assert_eq!(wheel.len(), list.len());
            }
        }
    }
}

//! Hashing with bounded loads (`hash_balance_factor`): a host that is busier than its part of everything under way has
//! others stand in for it (<https://arxiv.org/abs/1608.01350>). Those come in an order that the hash determines.

/// What has to be known of all hosts that serve hashes.
#[derive(Debug)]
pub(super) struct Bounded {
    /// How much busier than its part a host may be, in per cent.
    factor: u32,
    /// The part of each host; all together come to one.
    parts: Vec<f64>,
}

impl Bounded {
    pub(super) const fn new(factor: u32, parts: Vec<f64>) -> Self {
        Self { factor, parts }
    }

    /// The host that serves a hash whose own is the first of them. `active` are requests under way with one.
    pub(super) fn find(&self, hash: u64, own: u32, active: impl Fn(u32) -> u64) -> u32 {
        let count = u32::try_from(self.parts.len()).unwrap_or(u32::MAX);
        let all: u64 = (0..count).map(&active).sum();
        let load = |host: u32| self.load(host, active(host), all);
        let mut least = (own, load(own));
        if least.1 <= 1.0 {
            return own;
        }
        let mut random = Twister::new(hash);
        let mut order: Vec<u32> = (0..count).collect();
        for at in 0..count {
            let other = at + random.below(count - at);
            let at = usize::try_from(at).unwrap_or(0);
            order.swap(at, usize::try_from(other).unwrap_or(0));
            let Some(host) = order.get(at).copied().filter(|host| *host != own) else { continue };
            let load = load(host);
            if load <= 1.0 {
                return host;
            }
            if load < least.1 {
                least = (host, load);
            }
        }
        least.0
    }

    /// How busy a host is: above one it has more than it may.
    fn load(&self, host: u32, active: u64, all: u64) -> f64 {
        let part = usize::try_from(host).ok().and_then(|host| self.parts.get(host)).copied().unwrap_or(0.0);
        let slots = (all + 1).saturating_mul(u64::from(self.factor)).saturating_add(99) / 100;
        #[expect(clippy::cast_precision_loss, reason = "Envoy reckons in the same numbers")]
        let (slots, active) = ((slots as f64 * part).ceil().max(1.0), active as f64);
        active / slots
    }
}

/// MT19937 (Matsumoto, Nishimura 1998), which Envoy shuffles by.
struct Twister {
    state: Vec<u32>,
    at: usize,
}

impl Twister {
    const SIZE: usize = 624;
    const MIDDLE: usize = 397;

    fn new(seed: u64) -> Self {
        let mut state = Vec::with_capacity(Self::SIZE);
        let mut last = u32::try_from(seed & u64::from(u32::MAX)).unwrap_or(0);
        state.push(last);
        for index in 1..624_u32 {
            last = 1_812_433_253_u32.wrapping_mul(last ^ (last >> 30)).wrapping_add(index);
            state.push(last);
        }
        Self { state, at: Self::SIZE }
    }

    /// A number below `bound`, which is not 0, each as likely as any other.
    fn below(&mut self, bound: u32) -> u32 {
        let width = u32::try_from((1_u64 << 32) / u64::from(bound.max(1))).unwrap_or(u32::MAX);
        if bound <= 1 {
            // Envoy draws a number all the same.
            self.next();
            return 0;
        }
        loop {
            let number = self.next() / width;
            if number < bound {
                return number;
            }
        }
    }

    fn next(&mut self) -> u32 {
        if self.at >= Self::SIZE {
            self.twist();
        }
        let mut number = self.word(self.at);
        self.at += 1;
        number ^= number >> 11;
        number ^= (number << 7) & 0x9d2c_5680;
        number ^= (number << 15) & 0xefc6_0000;
        number ^ (number >> 18)
    }

    fn twist(&mut self) {
        for index in 0..Self::SIZE {
            let low = self.word((index + 1) % Self::SIZE) & 0x7fff_ffff;
            let mixed = (self.word(index) & 0x8000_0000) | low;
            let odd = if mixed & 1 == 1 { 0x9908_b0df } else { 0 };
            let new = self.word((index + Self::MIDDLE) % Self::SIZE) ^ (mixed >> 1) ^ odd;
            if let Some(word) = self.state.get_mut(index) {
                *word = new;
            }
        }
        self.at = 0;
    }

    fn word(&self, at: usize) -> u32 {
        self.state.get(at).copied().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The standard of C++ demands this of its default seed.
    #[test]
    fn the_ten_thousandth_number_is_the_standards() {
        let mut random = Twister::new(5489);
        let last = (0..10_000).map(|_| random.next()).last();
        assert_eq!(last, Some(4_123_659_995));
    }

    #[test]
    fn others_stand_in_for_a_host_that_is_too_busy() {
        let bounded = Bounded::new(120, vec![0.25; 4]);
        assert_eq!(bounded.find(7, 2, |_| 0), 2);
        assert_eq!(bounded.find(7, 2, |_| 5), 2);
        let busy = |host| if host == 2 { 9 } else { 1 };
        let other = bounded.find(7, 2, busy);
        assert_ne!(other, 2);
        assert_eq!(bounded.find(7, 2, busy), other);
        // All are: the least busy one.
        let bounded = Bounded::new(1, vec![0.5; 2]);
        assert_eq!(bounded.find(7, 0, |host| if host == 0 { 9 } else { 8 }), 1);
    }
}

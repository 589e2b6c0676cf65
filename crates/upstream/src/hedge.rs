//! Requests of which several attempts are on their way at once (`hedge_on_per_try_timeout`): which of them the client
//! hears of. Envoy's rules, without I/O.
//!
//! One attempt is the youngest. Those before it were late, and go on; no other is made because of them. Where the youngest
//! is late, [`Retries::decide_late`](crate::Retries::decide_late) says whether another takes its place; where it fails or is
//! answered, [`Retries::decide`](crate::Retries::decide) does. What ends without another is an [`Ending`].

/// How an attempt ended because of which no other is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// There is an answer, and nothing is wrong with it.
    Answered,
    /// There is one because of which the request would be sent again, if it could be.
    AnsweredBadly,
    /// There is none.
    Failed,
}

impl Ending {
    /// Whether this is what the client gets. `others` says whether something better may yet come: an attempt that waits
    /// for its answer or for a connection, or one that is about to be made. Where it is, the others are given up.
    #[must_use]
    pub const fn is_final(self, others: bool) -> bool {
        matches!(self, Self::Answered) || !others
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use causeway_model::{RetryOn, RetryPolicy};

    use super::*;
    use crate::retry::{Attempt, Retries, RetryDecision};
    use crate::rng::Rng;

    /// What goes on for a request.
    #[derive(Debug, Default)]
    struct Life {
        /// Attempts that were late.
        late: u32,
        /// The youngest is on its way.
        youngest: bool,
        /// There will be another.
        pause: bool,
        /// It has a permit of the breaker.
        permit: bool,
        made: u32,
    }

    impl Life {
        const fn others(&self) -> bool {
            self.late > 0 || self.youngest || self.pause
        }

        /// Follows a decision about the youngest; whether there will be another.
        fn follow(&mut self, decision: RetryDecision) -> bool {
            self.permit = matches!(decision, RetryDecision::Yes { .. });
            self.pause |= self.permit;
            self.permit
        }
    }

    fn retries(most: u32) -> Retries {
        let policy = RetryPolicy { on: RetryOn::SERVER_ERROR, num_retries: most, ..RetryPolicy::default() };
        Retries::new(&Arc::new(policy), RetryOn::default(), None, Vec::new()).expect("there is a condition")
    }

    const fn answered(status: u16) -> Attempt {
        Attempt::Answered { status, rate_limited: false, grpc_status: None, header_fits: false, wait: None }
    }

    const RESET: Attempt = Attempt::Reset { reset: None, started: true };

    /// How an attempt ends, by chance.
    fn ends(rng: &mut Rng) -> Attempt {
        match rng.below(3) {
            0 => answered(200),
            1 => answered(503),
            _ => RESET,
        }
    }

    fn ending(attempt: &Attempt, wanted: bool) -> Ending {
        match attempt {
            Attempt::Reset { .. } => Ending::Failed,
            Attempt::Answered { .. } if wanted => Ending::AnsweredBadly,
            Attempt::Answered { .. } => Ending::Answered,
        }
    }

    /// One request from its first attempt to its end: what the client gets, and how many attempts were made.
    fn live(rng: &mut Rng, most: u32) -> (Ending, u32) {
        let mut retries = retries(most);
        let mut life = Life { youngest: true, made: 1, ..Life::default() };
        loop {
            assert!(life.others(), "nothing goes on, and the client has nothing: {life:?}");
            assert!(!(life.youngest && life.pause), "two take the place of one: {life:?}");
            assert!(life.made <= most + 1, "too many attempts: {life:?}");
            let room = rng.below(8) > 0;
            match rng.below(4) {
                // The youngest is late.
                0 if life.youngest => {
                    let decision = retries.decide_late(rng.next(), || room);
                    assert_ne!(decision, RetryDecision::No, "what is late is never well");
                    if life.follow(decision) {
                        life.youngest = false;
                        life.late += 1;
                    }
                }
                // It ends.
                1 if life.youngest => {
                    life.youngest = false;
                    let attempt = ends(rng);
                    let decision = retries.decide(&attempt, rng.next(), || room);
                    let wanted = decision != RetryDecision::No;
                    if !life.follow(decision) && ending(&attempt, wanted).is_final(life.others()) {
                        return (ending(&attempt, wanted), life.made);
                    }
                }
                // One that was late does.
                2 if life.late > 0 => {
                    life.late -= 1;
                    let attempt = ends(rng);
                    let ending = ending(&attempt, retries.wants(&attempt));
                    if ending.is_final(life.others()) {
                        return (ending, life.made);
                    }
                }
                // The pause is over.
                3 if life.pause => {
                    life.pause = false;
                    life.youngest = true;
                    life.made += 1;
                }
                _ => {}
            }
        }
    }

    /// Thousands of seeded requests end exactly once, with no more attempts than may be made; and none gets a bad
    /// answer while a good one may come.
    #[test]
    fn every_request_ends_once_whatever_its_attempts_do() {
        let mut seen = [0_u32; 3];
        for seed in 0..20_000 {
            let mut rng = Rng::new(seed);
            let (ending, made) = live(&mut rng, u32::try_from(seed % 5).unwrap_or(0));
            assert!(made >= 1, "seed {seed}");
            seen[ending as usize] += 1;
        }
        assert!(seen.iter().all(|count| *count > 1000), "{seen:?}");
    }

    #[test]
    fn what_is_well_is_waited_for_no_longer() {
        assert!(Ending::Answered.is_final(true));
        assert!(!Ending::AnsweredBadly.is_final(true) && !Ending::Failed.is_final(true));
        assert!(Ending::AnsweredBadly.is_final(false) && Ending::Failed.is_final(false));
    }
}

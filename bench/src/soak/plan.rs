//! What becomes of each request, decided by its number alone.
//!
//! Client and origin work it out from the same seed, so nothing has to travel with the request but its
//! number, and what the client sees can be held against what the origin was told to do.

use std::sync::LazyLock;
use std::time::Duration;

/// The bytes that bodies are cut from: no two places that a body can begin at look alike for long.
static BYTES: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mut chance = Chance::new(0x5EED);
    std::iter::repeat_with(|| chance.next().to_le_bytes())
        .take((LARGEST + OFFSETS) / 8 + 1)
        .flatten()
        .collect()
});

/// Most bytes of a body.
const LARGEST: usize = 1 << 20;
/// At how many places a body can begin; a prime, so that lengths and places do not keep step.
const OFFSETS: usize = 65_521;

/// One request: what the client sends, what the origin answers, and what goes wrong on the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) id: u64,
    pub(crate) method: Method,
    /// Bytes of the request's body, where the method has one.
    pub(crate) upload: usize,
    pub(crate) upload_framing: Framing,
    /// The client waits for `100 Continue`.
    pub(crate) expects_continue: bool,
    /// Bytes of the response's body.
    pub(crate) download: usize,
    pub(crate) download_framing: Framing,
    /// How long the origin thinks.
    pub(crate) delay: Duration,
    pub(crate) answer: Answer,
    pub(crate) abort: Option<Abort>,
    /// The client asks for its connection to be closed behind the response.
    pub(crate) closes: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    Get,
    Head,
    Post,
    Put,
}

/// How the end of a body is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    Length,
    Chunked,
    /// By the end of the connection; responses only.
    Close,
}

/// What the origin does with a request. All but the first three are faulty.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Answer {
    Good,
    /// A complete response with `connection: close`, and then it closes.
    GoodThenClose,
    /// Two informational responses in front of the response.
    GoodAfterHints,
    /// A complete response of that status.
    Status(u16),
    CloseBeforeHead,
    ResetBeforeHead,
    /// Closes before the request's body has arrived.
    CloseBeforeBody,
    CloseInHead,
    /// Bytes that are no response.
    Garbage,
    /// A head in small pieces over some time, and no end of it.
    SlowThenClose,
    CloseInBody,
    ResetInBody,
    /// A chunk whose size is no number.
    BadChunk,
    /// Some time between the pieces of a body that ends too early.
    SlowThenShort,
    /// Bytes behind the response that belong to nothing.
    ExtraBytes,
    /// Two lengths that contradict each other.
    TwoLengths,
}

/// Where a client gives up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Abort {
    InHead,
    InBody,
    Waiting,
    InResponse,
}

/// What a client may see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expected {
    /// The origin's response, complete, of that status.
    Complete(u16),
    /// A response of the proxy's own, of one of these statuses.
    Local(&'static [u16]),
    /// The origin's response, which breaks off.
    Cut,
    /// A response of the proxy's own (503) or one that breaks off: whether the head was read before the
    /// reset is the kernel's to say.
    LocalOrCut,
}

impl Plan {
    /// The plan of a request.
    pub(crate) fn of(seed: u64, id: u64) -> Self {
        let chance = &mut Chance::new(seed ^ id.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let method = match chance.below(100) {
            0..60 => Method::Get,
            60..65 => Method::Head,
            65..95 => Method::Post,
            _ => Method::Put,
        };
        let (upload, download) = (size(chance), size(chance));
        let mut plan = Self {
            id,
            method,
            upload,
            upload_framing: if chance.below(3) == 0 { Framing::Chunked } else { Framing::Length },
            expects_continue: chance.below(20) == 0,
            download,
            download_framing: match chance.below(20) {
                0..12 => Framing::Length,
                12..19 => Framing::Chunked,
                _ => Framing::Close,
            },
            delay: if chance.below(20) == 0 {
                Duration::from_millis(chance.below(30))
            } else {
                Duration::ZERO
            },
            answer: answer(chance),
            abort: None,
            closes: chance.below(20) == 0,
        };
        if chance.below(100) == 0 {
            plan.abort(chance);
        }
        plan.fit();
        plan
    }

    /// Makes it a request that the client gives up.
    fn abort(&mut self, chance: &mut Chance) {
        self.answer = Answer::Good;
        self.expects_continue = false;
        self.abort = Some(match chance.below(4) {
            0 => Abort::InHead,
            1 => {
                (self.method, self.upload) = (Method::Post, self.upload.max(1000));
                Abort::InBody
            }
            2 => {
                self.delay = Duration::from_millis(100 + chance.below(200));
                Abort::Waiting
            }
            _ => {
                (self.method, self.download) = (Method::Get, self.download.max(300_000));
                Abort::InResponse
            }
        });
    }

    /// What a fault needs to show.
    fn fit(&mut self) {
        match self.answer {
            Answer::CloseBeforeBody => {
                (self.method, self.upload) = (Method::Post, self.upload.max(1000));
            }
            Answer::CloseInBody | Answer::ResetInBody | Answer::SlowThenShort | Answer::BadChunk => {
                (self.method, self.download) = (Method::Get, self.download.max(1000));
                self.download_framing = match (self.answer, self.download_framing) {
                    (Answer::BadChunk, _) => Framing::Chunked,
                    // What ends with the connection can't end too early.
                    (_, Framing::Close) => Framing::Length,
                    (_, framing) => framing,
                };
            }
            Answer::ExtraBytes => {
                // In one piece with the response, so that they are there when its end is seen.
                (self.method, self.download) = (Method::Get, self.download.min(4000));
                self.download_framing = Framing::Length;
            }
            Answer::Good
            | Answer::GoodThenClose
            | Answer::GoodAfterHints
            | Answer::Status(_)
            | Answer::CloseBeforeHead
            | Answer::ResetBeforeHead
            | Answer::CloseInHead
            | Answer::Garbage
            | Answer::SlowThenClose
            | Answer::TwoLengths => {}
        }
    }

    /// Whether the request has a body.
    pub(crate) const fn uploads(&self) -> bool {
        matches!(self.method, Method::Post | Method::Put)
    }

    /// The bytes of the request's body.
    pub(crate) fn upload_bytes(&self) -> &'static [u8] {
        bytes(self.id.wrapping_mul(7919), if self.uploads() { self.upload } else { 0 })
    }

    /// The bytes of the response's body, as a GET has them.
    pub(crate) fn download_bytes(&self) -> &'static [u8] {
        bytes(self.id.wrapping_mul(104_729).wrapping_add(1), self.download)
    }

    /// How often it may reach the origin. One that met a connection which the origin closed without a word is sent once
    /// more, on a fresh one, where its method is idempotent (D-140 of docs/differences.md).
    pub(crate) const fn arrivals(&self) -> u32 {
        let unanswered = matches!(self.answer, Answer::CloseBeforeHead | Answer::ResetBeforeHead);
        if unanswered && !matches!(self.method, Method::Post) { 2 } else { 1 }
    }

    /// What the client may see; it is asked where the client has not given up.
    pub(crate) const fn expected(&self) -> Expected {
        match self.answer {
            Answer::Good | Answer::GoodThenClose | Answer::GoodAfterHints | Answer::ExtraBytes => {
                Expected::Complete(200)
            }
            Answer::Status(status) => Expected::Complete(status),
            Answer::CloseBeforeHead | Answer::ResetBeforeHead | Answer::CloseBeforeBody => {
                Expected::Local(&[503])
            }
            Answer::CloseInHead | Answer::SlowThenClose => Expected::Local(&[502, 503]),
            Answer::Garbage | Answer::TwoLengths => Expected::Local(&[502]),
            Answer::CloseInBody | Answer::BadChunk | Answer::SlowThenShort => Expected::Cut,
            Answer::ResetInBody => Expected::LocalOrCut,
        }
    }
}

impl Answer {
    /// Its name in reports.
    pub(crate) fn name(self) -> String {
        format!("{self:?}")
    }
}

/// One per cent is faulty, a few per cent are unusual.
fn answer(chance: &mut Chance) -> Answer {
    match chance.below(1000) {
        0..10 => match chance.below(14) {
            0 => Answer::CloseBeforeHead,
            1 => Answer::ResetBeforeHead,
            2 => Answer::CloseBeforeBody,
            3 => Answer::CloseInHead,
            4 => Answer::Garbage,
            5 => Answer::SlowThenClose,
            6 => Answer::CloseInBody,
            7 => Answer::ResetInBody,
            8 => Answer::BadChunk,
            9 => Answer::SlowThenShort,
            10 => Answer::ExtraBytes,
            11 => Answer::TwoLengths,
            12 => Answer::Status(500),
            _ => Answer::Status(503),
        },
        10..20 => Answer::GoodThenClose,
        20..30 => Answer::GoodAfterHints,
        30..50 => Answer::Status(404),
        _ => Answer::Good,
    }
}

/// Most bodies are small, some lie at the borders of buffers, a few are large.
fn size(chance: &mut Chance) -> usize {
    let size = match chance.below(100) {
        0..10 => 0,
        10..60 => 1 + chance.below(2000),
        60..75 => 16_380 + chance.below(10),
        75..85 => 32_764 + chance.below(10),
        85..95 => chance.below(100_000),
        95..99 => 65_530 + chance.below(10),
        _ => chance.below(LARGEST as u64),
    };
    usize::try_from(size).unwrap_or(LARGEST).min(LARGEST)
}

fn bytes(place: u64, length: usize) -> &'static [u8] {
    let start = usize::try_from(place % OFFSETS as u64).unwrap_or(0);
    BYTES.get(start..start + length).unwrap_or_default()
}

/// SplitMix64: a few numbers from a seed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Chance(u64);

impl Chance {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below the limit.
    pub(crate) const fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    #[test]
    fn a_number_always_means_the_same_request() {
        for id in 0..1000 {
            assert_eq!(Plan::of(7, id), Plan::of(7, id));
        }
    }

    #[test]
    fn one_per_cent_is_faulty_and_one_is_given_up() {
        let plans: Vec<_> = (0..200_000).map(|id| Plan::of(1, id)).collect();
        let mut answers: HashMap<String, usize> = HashMap::new();
        let mut aborts: HashMap<Option<Abort>, usize> = HashMap::new();
        for plan in &plans {
            *answers.entry(plan.answer.name()).or_default() += 1;
            *aborts.entry(plan.abort).or_default() += 1;
            assert_eq!(plan.download_bytes().len(), plan.download);
        }
        let fine = [Answer::Good, Answer::GoodThenClose, Answer::GoodAfterHints, Answer::Status(404)]
            .map(Answer::name);
        let faulty: usize = answers.iter().filter(|(name, _)| !fine.contains(name)).map(|(_, n)| n).sum();
        assert!((1800..2200).contains(&faulty), "{faulty}");
        assert_eq!(answers.len(), 18, "{answers:?}");
        assert_eq!(aborts.len(), 5, "{aborts:?}");
        let given_up = plans.len() - aborts[&None];
        assert!((1800..2200).contains(&given_up), "{given_up}");
    }
}

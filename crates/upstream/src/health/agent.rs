//! What agents say of their hosts, in the words of HAProxy, and what that comes to.
//!
//! A line has words with white space or commas between them: `75%`, `ready`, `drain`, `maint`, `up`, `down`, `fail`,
//! `stopped`, in any case of letters. Each is about one of three things, which hold until the agent says otherwise: a
//! weight, whether the host is to be used at all, and whether it is well. Of two words about one thing the last counts;
//! a word that nobody knows is shown, and changes nothing. What stands behind `#` is for people. As HAProxy 2.6 does,
//! but that this also takes `failed` for `fail`, and a `#` that stands directly behind a word.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use arc_swap::ArcSwapOption;

use super::CheckReport;
use crate::flags::HealthFlags;

/// As much of a line is read, in bytes; a longer one says nothing.
pub(crate) const LONGEST: usize = 1024;

/// The largest weight that HAProxy knows: no agent raises one above it.
const HEAVIEST: u64 = 256;

/// The agent of a host, as balancers and the admin server see it. Written by the main thread only.
#[derive(Debug)]
pub(crate) struct Agent {
    percent: AtomicU32,
    report: ArcSwapOption<AgentReport>,
}

/// What the agent of a host has said.
#[derive(Debug, Clone)]
pub struct AgentReport {
    /// How the last question ended: the failure says that there was no line, or a word in it that is not known. Neither
    /// changes anything.
    pub check: Arc<CheckReport>,
    /// The last line that said something.
    pub line: Option<Arc<str>>,
    /// The one that last took the host out of use, or brought it back.
    pub cause: Option<Arc<str>>,
    /// The weight in per cent of the configured one; 100 until the agent says otherwise.
    pub percent: u32,
    pub(crate) state: AgentState,
}

/// What holds by what an agent has said so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AgentState {
    /// Of the configured weight.
    percent: u32,
    admin: Admin,
    down: bool,
}

/// Whether a host is to be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Admin {
    Ready,
    Drain,
    Maint,
}

/// What one line says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Said {
    percent: Option<u32>,
    admin: Option<Admin>,
    down: Option<bool>,
    /// The first word that is not known.
    pub(crate) unknown: Option<Box<str>>,
}

impl Said {
    /// Reads a line, without its end.
    pub(crate) fn parse(line: &[u8]) -> Self {
        let words = line.split(|byte| *byte == b'#').next().unwrap_or_default();
        let mut said = Self::default();
        for word in words.split(|byte| matches!(byte, b' ' | b'\t' | b',')).filter(|word| !word.is_empty()) {
            match word.to_ascii_lowercase().as_slice() {
                b"ready" => said.admin = Some(Admin::Ready),
                b"drain" => said.admin = Some(Admin::Drain),
                b"maint" => said.admin = Some(Admin::Maint),
                b"up" => said.down = Some(false),
                b"down" | b"fail" | b"failed" | b"stopped" => said.down = Some(true),
                word => match percentage(word) {
                    Some(percent) => said.percent = Some(percent),
                    None => {
                        said.unknown.get_or_insert_with(|| String::from_utf8_lossy(word).into());
                    }
                },
            }
        }
        said
    }

    /// Whether it says nothing that is known.
    pub(crate) const fn is_empty(&self) -> bool {
        self.percent.is_none() && self.admin.is_none() && self.down.is_none()
    }
}

impl AgentState {
    /// Takes what a line says.
    pub(crate) fn take(&mut self, said: &Said) {
        self.percent = said.percent.unwrap_or(self.percent);
        self.admin = said.admin.unwrap_or(self.admin);
        self.down = said.down.unwrap_or(self.down);
    }

    /// The flags that it gives the host.
    pub(crate) fn flags(&self) -> HealthFlags {
        // A weight of nothing is a drain by another name, in HAProxy too.
        let drained = self.admin == Admin::Drain || self.percent == 0;
        HealthFlags::NONE
            .with(HealthFlags::AGENT_DOWN, self.down)
            .with(HealthFlags::AGENT_DRAIN, drained)
            .with(HealthFlags::AGENT_MAINT, self.admin == Admin::Maint)
    }

    /// The weight in per cent of the configured one.
    pub(crate) const fn percent(&self) -> u32 {
        self.percent
    }
}

impl Default for AgentState {
    fn default() -> Self {
        Self { percent: 100, admin: Admin::Ready, down: false }
    }
}

impl Agent {
    /// What a host of this weight weighs, in hundredths.
    pub(crate) fn share(&self, weight: u32) -> u64 {
        let weight = u64::from(weight);
        let heaviest = weight.max(HEAVIEST) * 100;
        (weight * u64::from(self.percent.load(Relaxed))).min(heaviest)
    }

    pub(crate) fn report(&self) -> Option<Arc<AgentReport>> {
        self.report.load_full()
    }

    pub(crate) fn set_report(&self, report: Arc<AgentReport>) {
        self.percent.store(report.percent, Relaxed);
        self.report.store(Some(report));
    }
}

impl Default for Agent {
    fn default() -> Self {
        Self { percent: AtomicU32::new(100), report: ArcSwapOption::empty() }
    }
}

/// `75%`: digits and the sign. What is too large for a number is as much as there can be.
fn percentage(word: &[u8]) -> Option<u32> {
    let digits = word.strip_suffix(b"%").filter(|digits| !digits.is_empty())?;
    digits.iter().try_fold(0_u32, |sum, digit| {
        let value = char::from(*digit).to_digit(10)?;
        Some(sum.saturating_mul(10).saturating_add(value))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What lines come to, one after the other.
    fn after(lines: &[&str]) -> String {
        let mut state = AgentState::default();
        lines.iter().for_each(|line| state.take(&Said::parse(line.as_bytes())));
        format!("{}% {}", state.percent(), state.flags())
    }

    /// As HAProxy 2.6.12 takes them.
    #[test]
    fn each_word_is_about_one_thing() {
        for (lines, expected) in [
            (&["75%"][..], "75% healthy"),
            (&["down", "75%"], "75% /agent_down"),
            (&["down", "75%", "up"], "75% healthy"),
            (&["drain", "up"], "100% /agent_drain"),
            (&["drain", "up", "ready"], "100% healthy"),
            (&["maint", "up 50%"], "50% /agent_maint"),
            (&["maint", "up 50%", "ready"], "50% healthy"),
            (&["up,25%,ready"], "25% healthy"),
            (&["UP 30%"], "30% healthy"),
            (&["ready down 40% # some text"], "40% /agent_down"),
            (&["stopped # on purpose"], "100% /agent_down"),
            (&["fail"], "100% /agent_down"),
            (&["bogus down"], "100% /agent_down"),
            (&["up down"], "100% /agent_down"),
            (&["down up"], "100% healthy"),
            (&["20% 60%"], "60% healthy"),
            (&["ready drain"], "100% /agent_drain"),
            (&["drain ready"], "100% healthy"),
            (&["0%"], "0% /agent_drain"),
            (&["0%", "ready"], "0% /agent_drain"),
            (&["\t up 45% "], "45% healthy"),
            (&["50% # 10%"], "50% healthy"),
            (&["99999999999%"], "4294967295% healthy"),
        ] {
            assert_eq!(after(lines), expected, "{lines:?}");
        }
        assert_eq!(after(&["failed#text"]), "100% /agent_down", "other than HAProxy");
    }

    #[test]
    fn what_is_not_known_changes_nothing_and_is_shown() {
        for line in ["bogus", "50", "-5%", "12.5%", "100%x", "%", "weight:50", "up;33%", "maxconn:30"] {
            let said = Said::parse(line.as_bytes());
            assert!(said.is_empty(), "{line}");
            assert_eq!(said.unknown.as_deref(), Some(line));
        }
        assert_eq!(Said::parse(b"down bogus other").unknown.as_deref(), Some("bogus"));
        assert_eq!(Said::parse(b"# up"), Said::default());
        assert_eq!(Said::parse(b""), Said::default());
    }

    #[test]
    fn a_share_is_the_weight_in_hundredths_and_no_heavier_than_haproxy_has_it() {
        let share = |weight, percent| {
            Agent { percent: AtomicU32::new(percent), report: ArcSwapOption::empty() }.share(weight)
        };
        assert_eq!((share(1, 100), share(1, 25), share(10, 75)), (100, 25, 750));
        assert_eq!((share(1, 300), share(10, 3000)), (300, 25_600));
        assert_eq!((share(1000, 100), share(1000, 200)), (100_000, 100_000));
        assert_eq!(share(u32::MAX, u32::MAX), u64::from(u32::MAX) * 100);
    }

    proptest! {
        #[test]
        fn any_line_can_be_read_and_twice_is_as_once(line in prop::collection::vec(any::<u8>(), 0..80)) {
            let said = Said::parse(&line);
            let mut once = AgentState::default();
            once.take(&said);
            let mut twice = once.clone();
            twice.take(&said);
            prop_assert_eq!(&once, &twice);
            if said.is_empty() {
                prop_assert_eq!(once, AgentState::default());
            }
        }

        #[test]
        fn words_mean_the_same_whatever_stands_between_them(
            words in prop::collection::vec(prop::sample::select(vec!["ready", "drain", "maint", "up", "down", "7%", "x"]), 1..6),
            comma in any::<bool>(),
        ) {
            let apart = words.join(if comma { ",\t" } else { " " });
            let one_by_one = after(&words);
            prop_assert_eq!(after(&[&apart]), one_by_one);
        }
    }
}

//! Agents beside the hosts that say anything, and what has to hold by what they said.

use std::sync::Arc;
use std::time::Duration;

use causeway_reason::{Failure, Reason};

use super::Simulation;
use crate::flags::HealthFlags;
use crate::health::Heard;
use crate::host::Host;

/// What an agent has said last of each of the three things.
#[derive(Debug, Default)]
pub(super) struct Said {
    percent: Option<u64>,
    admin: HealthFlags,
    down: bool,
}

/// A line, and what it says.
type Line = (&'static str, fn(&mut Said));

const LINES: &[Line] = &[
    ("75%", |said| said.percent = Some(75)),
    ("0%", |said| said.percent = Some(0)),
    ("300%", |said| said.percent = Some(300)),
    ("ready", |said| said.admin = HealthFlags::NONE),
    ("drain", |said| said.admin = HealthFlags::AGENT_DRAIN),
    ("maint # at night", |said| said.admin = HealthFlags::AGENT_MAINT),
    ("up", |said| said.down = false),
    ("down # no disk", |said| said.down = true),
    ("whatever", |_| ()),
    ("ready up 100%", |said| *said = Said::default()),
];

impl Simulation {
    /// The agent of any host says anything, or nothing.
    pub(super) fn hear_an_agent(&mut self) {
        let hosts: Vec<Arc<Host>> = self.hosts.values().cloned().collect();
        if hosts.is_empty() {
            return;
        }
        let host = &hosts[self.index(hosts.len())];
        match self.index(LINES.len() + 1).checked_sub(1) {
            Some(line) => {
                let (line, say) = LINES[line];
                say(self.said.entry(host.id()).or_default());
                self.hear(host, Ok(line.into()));
            }
            None => self.hear(host, Err(Failure::new(Reason::ConnectRefused).with_evidence("so it was"))),
        }
    }

    /// All agents say that all is well.
    pub(super) fn bring_agents_back(&mut self) {
        let away: Vec<Arc<Host>> = self.hosts.values().cloned().collect();
        for host in away.iter().filter(|host| host.flags().any(HealthFlags::BY_AGENT)) {
            self.hear(host, Ok("ready up 100%".into()));
        }
        self.said.clear();
        for host in away {
            if host.agent_report().is_some_and(|report| report.percent != 100) {
                self.hear(&host, Ok("100%".into()));
            }
        }
    }

    fn hear(&mut self, host: &Host, line: Result<Vec<u8>, Failure>) {
        let Some(check) = self.config.agent_check.clone() else { return };
        self.core.agent_heard(host, &check, Heard { line, took: Duration::from_millis(1) }, self.now);
        self.core.publish_checks();
    }

    /// A host is as its agent has said, whatever became of it otherwise.
    pub(super) fn check_agent(&self, host: &Host) {
        let none = Said::default();
        let said = self.said.get(&host.id()).unwrap_or(&none);
        let drained = said.admin == HealthFlags::AGENT_DRAIN || said.percent == Some(0);
        let expected = said.admin.with(HealthFlags::AGENT_DOWN, said.down);
        let expected = expected.with(HealthFlags::AGENT_DRAIN, drained);
        let others = host.flags().with(HealthFlags::BY_AGENT, false);
        assert_eq!(host.flags(), others | expected, "{host:?}: {said:?}");
        let hundredths = if host.agent().is_some() { said.percent.unwrap_or(100) } else { 1 };
        assert_eq!(host.share(), u64::from(host.weight()) * hundredths);
    }
}

//! What agents say becomes weights and flags of hosts, a new snapshot, and lines.

use std::sync::Arc;

use causeway_model::AgentCheck;
use causeway_reason::{Failure, Reason};

use super::{Core, Now};
use crate::flags::HealthFlags;
use crate::health::{AgentReport, AgentState, CheckReport, Heard, Said, agent_label};
use crate::host::Host;
use crate::report;

impl Core {
    /// Hosts whose agents nobody asks yet, since this was last asked.
    pub(crate) fn take_new_agents(&mut self) -> Vec<Arc<Host>> {
        std::mem::take(&mut self.new_agents)
    }

    /// Begins to hear the agent of a host that is new. What the agent of `former` said, a host at the same address before
    /// the cluster was changed, holds until it says otherwise.
    pub(super) fn admit_agent(&mut self, host: &Arc<Host>, former: Option<(&Self, &Host)>) {
        let (Some(agent), Some(check)) = (host.agent(), &self.cluster.config().agent_check) else { return };
        if host.address().ip().is_none() {
            return;
        }
        if let Some((core, former)) = former
            && core.cluster.config().agent_check.as_ref().is_some_and(|other| other.port == check.port)
            && let Some(report) = former.agent_report()
        {
            host.set_flags(host.flags() | report.state.flags());
            agent.set_report(report);
        }
        self.new_agents.push(Arc::clone(host));
    }

    /// Takes what came of asking the agent of a host. What it changes is published by [`Self::publish_checks`], if
    /// nothing else does it before.
    pub(crate) fn agent_heard(&mut self, host: &Host, check: &AgentCheck, heard: Heard, now: Now) {
        let Some(agent) = host.agent() else { return };
        let before = agent.report();
        let state_before = before.as_ref().map(|report| report.state.clone()).unwrap_or_default();
        let (said, line, failure) = match heard.line {
            Ok(line) => {
                let said = Said::parse(&line);
                let words = said.unknown.as_ref().map(|word| format!("{word:?} is no word of agents"));
                let failure =
                    words.map(|words| Failure::new(Reason::HealthCheckProtocol).with_evidence(words));
                (said, String::from_utf8_lossy(&line).trim().into(), failure)
            }
            Err(failure) => (Said::default(), Arc::default(), Some(failure)),
        };
        let mut state = state_before.clone();
        state.take(&said);
        let found = CheckReport {
            check: agent_label(check),
            failure,
            status: None,
            at: now.instant,
            at_wall: now.wall,
            took: heard.took,
            next: now.instant + check.interval,
            in_a_row: 1,
            last_failure: None,
        };
        let found = found.behind(before.as_ref().map(|report| &report.check));
        self.note_agent_fault(host, before.as_deref(), &found);
        let line: Option<Arc<str>> = (!said.is_empty()).then_some(line);
        let same_flags = state.flags() == state_before.flags();
        let known = before.as_deref();
        let cause =
            line.clone().filter(|_| !same_flags).or_else(|| known.and_then(|report| report.cause.clone()));
        let changed = state != state_before;
        let report = AgentReport {
            line: line.or_else(|| known.and_then(|report| report.line.clone())),
            check: found,
            percent: state.percent(),
            cause,
            state,
        };
        let report = Arc::new(report);
        agent.set_report(Arc::clone(&report));
        if changed {
            self.follow_agent(host, &state_before, &report, now);
        }
    }

    fn follow_agent(&mut self, host: &Host, before: &AgentState, report: &AgentReport, now: Now) {
        let returns =
            before.flags().any(HealthFlags::AGENT_DOWN) && !report.state.flags().any(HealthFlags::AGENT_DOWN);
        if returns {
            host.set_well_since(now.instant);
        }
        self.put_flags(host, host.flags().with(HealthFlags::BY_AGENT, false) | report.state.flags());
        // Weights are read with the next snapshot, whether or not flags have changed.
        self.outdated = true;
        let cause = report::agent(&self.cluster, host, report, self.tally);
        self.note_life(host, cause, now);
    }

    /// That an agent is not heard, or not understood, is said once, and so is its end.
    fn note_agent_fault(&self, host: &Host, before: Option<&AgentReport>, found: &CheckReport) {
        let reason = |report: &CheckReport| report.failure.as_ref().map(|failure| failure.reason);
        let reason_before = before.and_then(|before| reason(&before.check));
        if reason_before != reason(found) {
            report::agent_fault(&self.cluster, host, found.failure.as_ref());
        }
    }
}

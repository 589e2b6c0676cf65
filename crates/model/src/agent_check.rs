//! Agents: small programs beside back-ends that say how much of the traffic a host should get.

use std::time::Duration;

/// `metadata.filter_metadata` → `causeway` → `agent_check` of a cluster: what HAProxy calls `agent-check`. Envoy has
/// nothing like it, and ignores the metadata.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentCheck {
    /// Where agents listen, at the address of each host; never 0.
    pub port: u16,
    /// Time from one answer to the next question; 5 s unless set, never 0.
    pub interval: Duration,
    /// Time for connection and answer together; `interval` unless set, never 0.
    pub timeout: Duration,
    /// What is sent once the connection is made; nothing where it is empty.
    pub send: Box<[u8]>,
}

//! Asks an agent: connects, sends what is to be sent, and reads one line.

use std::sync::Arc;
use std::time::{Duration, Instant};

use causeway_model::{Address, AgentCheck, BindConfig};
use causeway_reason::{Failure, Reason};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::agent::LONGEST;
use crate::connect::{connect, connect_timeout};
use crate::words::Short;

/// What came of asking an agent.
#[derive(Debug)]
pub(crate) struct Heard {
    /// The line, without its end, or why there is none.
    pub(crate) line: Result<Vec<u8>, Failure>,
    pub(crate) took: Duration,
}

/// Asks the agent at an address once, within its time.
pub(crate) async fn ask_agent(address: &Address, check: &AgentCheck, source: Option<&BindConfig>) -> Heard {
    let began = Instant::now();
    let mut is_connected = false;
    let line = tokio::time::timeout(check.timeout, converse(address, check, source, &mut is_connected)).await;
    let took = began.elapsed();
    let line = line.unwrap_or_else(|_| {
        Err(match is_connected {
            false => connect_timeout(address, took),
            true => {
                let words = format!("{address}: no line within {}", Short(check.timeout));
                Failure::new(Reason::HealthCheckTimeout).with_evidence(words)
            }
        })
    });
    Heard { line, took }
}

async fn converse(
    address: &Address,
    check: &AgentCheck,
    source: Option<&BindConfig>,
    is_connected: &mut bool,
) -> Result<Vec<u8>, Failure> {
    let mut stream = connect(address, None, source).await?;
    *is_connected = true;
    // An agent may say its word and close before it has read ours, so the line is looked for in any case.
    let _ = stream.write_all(&check.send).await;
    let mut line = Vec::with_capacity(LONGEST);
    let broken = |reason, words: &str| Failure::new(reason).with_evidence(format!("{address}: {words}"));
    loop {
        let before = line.len();
        let room = u64::try_from(LONGEST - before).unwrap_or(0);
        let read = (&mut stream).take(room).read_buf(&mut line).await;
        if let Some(end) = line.iter().position(|byte| matches!(byte, b'\n' | b'\r')) {
            line.truncate(end);
            return Ok(line);
        }
        match read {
            Ok(_) if line.len() >= LONGEST => {
                let words = format!("no end of the line within {LONGEST} bytes");
                return Err(broken(Reason::HealthCheckProtocol, &words));
            }
            // As in HAProxy, what has no end may be half of a word.
            Ok(0) if !line.is_empty() => {
                return Err(broken(Reason::HealthCheckProtocol, "closed before the line had an end"));
            }
            Ok(0) => return Err(broken(Reason::HealthCheckClosed, "closed without a line")),
            Ok(_) => {}
            Err(error) => return Err(broken(Reason::HealthCheckClosed, &format!("broken off: {error}"))),
        }
    }
}

/// What was asked, for reports.
pub(crate) fn label(check: &AgentCheck) -> Arc<str> {
    format!("agent at port {}", check.port).into()
}

//! A TCP check that sends and waits for bytes, made as the data plane makes it.

use std::io;
use std::time::Duration;

use causeway_model::TcpHealthCheck;
use causeway_upstream::{Link, MAX_TCP_ANSWER, contains_in_order};
use tokio::time::timeout;

use super::trial::{Came, CameEnd, Got};

/// Bytes of an answer that are shown.
const SHOWN: usize = 48;

/// Sends what the check sends, and waits for what it waits for.
pub(super) async fn exchange(link: &mut Link, check: &TcpHealthCheck, most: Duration) -> Got {
    let mut received = Vec::new();
    let exchanged = async {
        // Who answers and closes before everything was read has answered.
        let sent = link.write_all(&check.send).await;
        loop {
            match link.read(&mut received).await {
                Ok(0) => return sent.and(Err(io::ErrorKind::UnexpectedEof.into())),
                Ok(_) if contains_in_order(&received, &check.receive) => return Ok(CameEnd::Expected),
                Ok(_) if received.len() >= MAX_TCP_ANSWER => return Ok(CameEnd::TooMuch),
                Ok(_) => {}
                Err(error) => return Err(error),
            }
        }
    };
    let end = match timeout(most, exchanged).await {
        Ok(Ok(end)) => end,
        Ok(Err(error)) if received.is_empty() => return Got::ended(&error),
        Err(_) if received.is_empty() => return Got::Silence,
        Ok(Err(_)) => CameEnd::Closed,
        Err(_) => CameEnd::Waiting,
    };
    let shown = received.get(..SHOWN).unwrap_or(&received).escape_ascii().to_string();
    Got::Came(Box::new(Came { shown, secure: matches!(*received, [0x15 | 0x16, 3, ..]), end }))
}

//! Asking an admin server.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::Value;

use super::observed::{Observed, Stats};
use crate::foreign::http::AdminServer;

const STATS: &str = "/stats?format=json&usedonly";

/// Everything, once. What an older version or another make does not have stays null; without `/server_info` and statistics
/// it is no admin server.
pub(super) fn all(server: &AdminServer) -> Result<Observed, String> {
    let info = get(server, "/server_info")?;
    let stats = get(server, STATS)?;
    let ready = server.get("/ready").unwrap_or_default();
    let optional = |target: &str| get(server, target).unwrap_or(Value::Null);
    let dump = dump(server);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
    let before = Stats::of(&stats);
    Ok(Observed {
        server: info,
        ready: (ready.0, ready.1.trim().to_owned()),
        dump,
        clusters: optional("/clusters?format=json"),
        listeners: optional("/listeners?format=json"),
        certificates: optional("/certs"),
        runtime: optional("/runtime"),
        init: optional("/init_dump"),
        why: Value::Null,
        reload: optional("/reload/status?format=json"),
        after: before.clone(),
        before,
        between: Duration::ZERO,
        now,
    })
}

/// What it runs, with endpoints where it is new enough to say them.
pub(super) fn dump(server: &AdminServer) -> Option<Value> {
    get(server, "/config_dump?include_eds").or_else(|_| get(server, "/config_dump")).ok()
}

/// What moves, once more.
pub(super) fn again(server: &AdminServer, observed: &mut Observed, between: Duration) {
    if let Ok(stats) = get(server, STATS) {
        observed.after = Stats::of(&stats);
        observed.between = between;
    }
    if let Ok(clusters) = get(server, "/clusters?format=json") {
        observed.clusters = clusters;
    }
}

fn get(server: &AdminServer, target: &str) -> Result<Value, String> {
    match server.get(target) {
        Ok((200, body)) => serde_json::from_str(&body).map_err(|error| format!("{server}{target}: {error}")),
        Ok((status, _)) => {
            Err(format!("{server}{target} answers {status}: is that an admin server of Envoy?"))
        }
        Err(error) => Err(format!("{server} does not answer: {error}")),
    }
}

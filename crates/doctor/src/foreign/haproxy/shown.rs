//! How findings name servers, show them, and say what requests meet.

use std::net::SocketAddr;

use super::state::{Observed, Row};
use crate::finding::{Effect, Evidence, EvidenceKind, Subject};
use crate::said::Said;

/// What the stats socket shows of a server.
pub(super) fn shown(row: &Row) -> Evidence {
    let mut text = row.text("status").to_owned();
    for column in ["check_status", "check_code", "last_chk"] {
        let value = row.text(column);
        if !value.is_empty() {
            text.push(' ');
            text.push_str(value);
        }
    }
    if !row.text("check_duration").is_empty() {
        text.push_str(&format!(" {} ms", row.text("check_duration")));
    }
    let place = format!("show stat: {}/{}", row.backend(), row.name());
    Evidence::new(EvidenceKind::Admin, Said::plain(place), Said::plain(text))
}

/// A server, by its address: a socket of a low level shows that in `show servers state` only.
pub(super) fn subject(observed: &Observed, row: &Row) -> Subject {
    let subject = Subject::cluster(row.backend());
    match row.text("addr") {
        // The paths of sockets are not shown.
        "unix" => return subject,
        "" => {}
        shown => return subject.endpoint(shown),
    }
    let state = observed.state_of(row);
    match state.and_then(|state| Some(SocketAddr::new(state.address.as_ref()?.parse().ok()?, state.port))) {
        Some(address) => subject.endpoint(address),
        None => subject.endpoint(row.name()),
    }
}

/// What HAProxy's log says where no server could be chosen.
pub(super) fn no_server() -> Effect {
    Effect {
        status: Some(503),
        flags: String::new(),
        details: "SC--".to_owned(),
        words: Some(Said::plain("<NOSRV>")),
    }
}

//! Envoy's default format of a line, and Istio's.

use super::words::split;
use crate::logs::entry::{Entry, Field};

/// `[START_TIME] "METHOD PATH PROTOCOL" CODE FLAGS …`, then what either has.
///
/// Envoy goes on with `BYTES_RECEIVED BYTES_SENT DURATION SERVICE_TIME "XFF" "USER-AGENT" "ID" "AUTHORITY" "HOST"`. Istio
/// has `DETAILS TERMINATION "TRANSPORT"` before these, and the cluster behind them.
pub(super) fn read(text: &str) -> Option<Entry<'_>> {
    use Field::{
        Authority, Cluster, Details, Duration, Flags, Host, Method, Path, ServiceTime, Status, Time,
        Transport,
    };
    const ENVOY: &[Option<Field>] =
        &[None, Some(Duration), Some(ServiceTime), None, None, None, Some(Authority), Some(Host)];
    const ISTIO: &[Option<Field>] = &[
        None,
        Some(Transport),
        None,
        None,
        Some(Duration),
        Some(ServiceTime),
        None,
        None,
        None,
        Some(Authority),
        Some(Host),
        Some(Cluster),
    ];
    if !text.starts_with('[') {
        return None;
    }
    let mut entry = Entry::default();
    let mut words = split(text);
    entry.set(Time, words.next()?);
    let request = words.next()?;
    if request.split(' ').count() < 3 && request != "- - -" {
        return None;
    }
    let mut parts = request.split(' ');
    entry.set(Method, parts.next()?);
    entry.set(Path, parts.next()?);
    let status = words.next()?;
    status.parse::<u16>().ok()?;
    entry.set(Status, status);
    entry.set(Flags, words.next()?);
    let fifth = words.next()?;
    let rest = if fifth.parse::<u64>().is_ok() {
        ENVOY
    } else {
        entry.set(Details, fifth);
        ISTIO
    };
    for (field, word) in rest.iter().zip(words) {
        if let Some(field) = field {
            entry.set(*field, word);
        }
    }
    Some(entry)
}

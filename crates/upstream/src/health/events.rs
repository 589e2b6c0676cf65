//! The event log of health checks: a file of JSON lines in Envoy's form.

use std::cell::RefCell;
use std::fmt::Write as _;
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use causeway_model::{Address, HealthCheck, HealthChecker, Locality, Metadata, Value};

use crate::health::session::Event;
use crate::host::Host;

/// A file for events. Opened when the first one comes, and again after [`Self::reopen`].
#[derive(Debug)]
pub(crate) struct EventLog {
    path: Arc<str>,
    file: RefCell<Option<File>>,
}

impl EventLog {
    pub(crate) const fn new(path: Arc<str>) -> Self {
        Self { path, file: RefCell::new(None) }
    }

    pub(crate) const fn path(&self) -> &Arc<str> {
        &self.path
    }

    /// The next event is written to the file that has the name then.
    pub(crate) fn reopen(&self) {
        self.file.borrow_mut().take();
    }

    /// Writes a line. Events are rare and lines short, so this is done at once.
    pub(crate) fn write(&self, line: &str) {
        let mut file = self.file.borrow_mut();
        let written = match &mut *file {
            Some(file) => file.write_all(line.as_bytes()),
            None => OpenOptions::new().create(true).append(true).open(&*self.path).and_then(|mut opened| {
                let written = opened.write_all(line.as_bytes());
                *file = Some(opened);
                written
            }),
        };
        if let Err(error) = written {
            tracing::warn!(target: "hc", "the event log {} can't be written: {error}", self.path);
        }
    }
}

/// One line, with its end.
pub(crate) fn line(event: Event, check: &HealthCheck, cluster: &str, host: &Host, now: SystemTime) -> String {
    let mut out = String::from("{\"health_checker_type\":");
    out.push_str(match check.checker {
        HealthChecker::Http(_) => "\"HTTP\"",
        HealthChecker::Tcp(_) => "\"TCP\"",
        HealthChecker::Grpc(_) => "\"GRPC\"",
    });
    out.push_str(",\"host\":");
    address(&mut out, &host.address());
    out.push_str(",\"cluster_name\":");
    string(&mut out, cluster);
    // Envoy prints fields in the order of their numbers; the time stands between the events.
    match event {
        Event::EjectUnhealthy { kind, status } => {
            let kind = kind.name();
            let _ = write!(
                out,
                ",\"eject_unhealthy_event\":{{\"failure_type\":\"{kind}\",\"http_status_code\":{status}}}"
            );
        }
        Event::AddHealthy { first } => {
            let _ = write!(out, ",\"add_healthy_event\":{{\"first_check\":{first}}}");
        }
        Event::Failure { .. } | Event::Success | Event::Degraded | Event::NoLongerDegraded => {}
    }
    out.push_str(",\"timestamp\":\"");
    timestamp(&mut out, now);
    out.push('"');
    match event {
        Event::Failure { kind, first, status } => {
            let kind = kind.name();
            let _ = write!(
                out,
                ",\"health_check_failure_event\":{{\"failure_type\":\"{kind}\",\"first_check\":{first},\
                 \"http_status_code\":{status}}}"
            );
        }
        Event::Degraded => out.push_str(",\"degraded_healthy_host\":{}"),
        Event::NoLongerDegraded => out.push_str(",\"no_longer_degraded_host\":{}"),
        Event::AddHealthy { .. } | Event::EjectUnhealthy { .. } | Event::Success => {}
    }
    metadata(&mut out, host.metadata());
    locality(&mut out, host.locality());
    if event == Event::Success {
        out.push_str(",\"successful_health_check_event\":{}");
    }
    out.push_str("}\n");
    out
}

fn address(out: &mut String, address: &Address) {
    match address {
        Address::Ip(ip) => {
            let _ = write!(
                out,
                "{{\"socket_address\":{{\"protocol\":\"TCP\",\"address\":\"{}\",\"port_value\":{},\
                 \"resolver_name\":\"\",\"ipv4_compat\":false,\"network_namespace_filepath\":\"\"}}}}",
                ip.ip(),
                ip.port()
            );
        }
        Address::Pipe { path, mode } => {
            out.push_str("{\"pipe\":{\"path\":");
            string(out, path);
            let _ = write!(out, ",\"mode\":{mode}}}}}");
        }
    }
}

fn locality(out: &mut String, locality: &Locality) {
    out.push_str(",\"locality\":{\"region\":");
    string(out, &locality.region);
    out.push_str(",\"zone\":");
    string(out, &locality.zone);
    out.push_str(",\"sub_zone\":");
    string(out, &locality.sub_zone);
    out.push('}');
}

/// Left out where the endpoint has none.
fn metadata(out: &mut String, metadata: &Metadata) {
    if metadata.0.is_empty() {
        return;
    }
    out.push_str(",\"metadata\":{\"filter_metadata\":");
    object(out, metadata.0.iter());
    out.push_str(",\"typed_filter_metadata\":{}}");
}

fn object<'a>(out: &mut String, fields: impl Iterator<Item = (&'a Box<str>, &'a Value)>) {
    out.push('{');
    for (at, (key, field)) in fields.enumerate() {
        if at > 0 {
            out.push(',');
        }
        string(out, key);
        out.push(':');
        value(out, field);
    }
    out.push('}');
}

fn value(out: &mut String, value_: &Value) {
    match value_ {
        Value::Null => out.push_str("null"),
        Value::Bool(on) => out.push_str(if *on { "true" } else { "false" }),
        // JSON has no word for what is no number; Envoy writes these as text too.
        Value::Number(n) if !n.is_finite() => string(
            out,
            if n.is_nan() {
                "NaN"
            } else if *n > 0.0 {
                "Infinity"
            } else {
                "-Infinity"
            },
        ),
        Value::Number(n) => {
            let _ = write!(out, "{n}");
        }
        Value::String(text) => string(out, text),
        Value::List(items) => {
            out.push('[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                value(out, item);
            }
            out.push(']');
        }
        Value::Object(fields) => object(out, fields.iter()),
    }
}

pub(crate) fn string(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if u32::from(c) < 0x20 => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

/// RFC 3339 in UTC, to the millisecond.
pub(crate) fn timestamp(out: &mut String, now: SystemTime) {
    let since = now.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    let seconds = since.as_secs();
    let (days, time) = (seconds / 86_400, seconds % 86_400);
    // Days since 1970 to a date of the Gregorian calendar, by eras of 400 years that begin on a 1 March.
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    let _ = write!(
        out,
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}.{:03}Z",
        time / 3600,
        time / 60 % 60,
        time % 60,
        since.subsec_millis()
    );
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::health::FailureKind;
    use crate::health::session::tests::check;
    use crate::host::HostSettings;
    use crate::host::tests::settings;

    const HOST: &str = "\"host\":{\"socket_address\":{\"protocol\":\"TCP\",\"address\":\"127.0.0.1\",\
        \"port_value\":20211,\"resolver_name\":\"\",\"ipv4_compat\":false,\
        \"network_namespace_filepath\":\"\"}},\"cluster_name\":\"five\"";
    const LOCALITY: &str = "\"locality\":{\"region\":\"\",\"zone\":\"\",\"sub_zone\":\"\"}";

    fn printed(event: Event, metadata: Metadata) -> String {
        let settings = HostSettings { metadata, ..settings() };
        let host = Host::new(Address::Ip(([127, 0, 0, 1], 20211).into()), settings, 1, false, 1);
        let now = UNIX_EPOCH + Duration::from_millis(1_795_191_710_327);
        line(event, &check(), "five", &host, now)
    }

    #[test]
    fn lines_are_those_of_envoy() {
        let time = "\"timestamp\":\"2026-11-20T16:21:50.327Z\"";
        let print = |event| printed(event, Metadata::default());
        let kind = FailureKind::Active;
        assert_eq!(
            print(Event::Failure { kind, first: true, status: 500 }),
            format!(
                "{{\"health_checker_type\":\"TCP\",{HOST},{time},\"health_check_failure_event\":\
                 {{\"failure_type\":\"ACTIVE\",\"first_check\":true,\"http_status_code\":500}},{LOCALITY}}}\n"
            )
        );
        assert_eq!(
            print(Event::EjectUnhealthy { kind: FailureKind::NetworkTimeout, status: 0 }),
            format!(
                "{{\"health_checker_type\":\"TCP\",{HOST},\"eject_unhealthy_event\":{{\"failure_type\":\
                 \"NETWORK_TIMEOUT\",\"http_status_code\":0}},{time},{LOCALITY}}}\n"
            )
        );
        assert_eq!(
            print(Event::AddHealthy { first: false }),
            format!(
                "{{\"health_checker_type\":\"TCP\",{HOST},\"add_healthy_event\":{{\"first_check\":false}},\
                 {time},{LOCALITY}}}\n"
            )
        );
        assert_eq!(
            print(Event::Success),
            format!(
                "{{\"health_checker_type\":\"TCP\",{HOST},{time},{LOCALITY},\
                 \"successful_health_check_event\":{{}}}}\n"
            )
        );
    }

    #[test]
    fn metadata_stands_before_the_locality() {
        let lb = BTreeMap::from([
            ("k".into(), Value::String("v\"\n".into())),
            ("n".into(), Value::Number(1.0)),
            ("o".into(), Value::List(vec![Value::Null, Value::Bool(true), Value::Number(0.5)])),
        ]);
        let metadata = Metadata(BTreeMap::from([("envoy.lb".into(), Value::Object(lb))]));
        let printed = printed(Event::Degraded, metadata);
        let expected = "\"degraded_healthy_host\":{},\"metadata\":{\"filter_metadata\":{\"envoy.lb\":\
            {\"k\":\"v\\\"\\n\",\"n\":1,\"o\":[null,true,0.5]}},\"typed_filter_metadata\":{}},\"locality\"";
        assert!(printed.contains(expected), "{printed}");
    }

    #[test]
    fn dates_are_right() {
        for (millis, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_400_001, "2000-02-29T00:00:00.001Z"),
            (4_107_542_399_999, "2100-02-28T23:59:59.999Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
        ] {
            let mut out = String::new();
            timestamp(&mut out, UNIX_EPOCH + Duration::from_millis(millis));
            assert_eq!(out, text);
        }
    }
}

//! The check of a server line.

use serde_json::{Value, json};

use super::super::cfg::{Expected, HttpCheck};
use super::{At, Known, seconds, tls};

impl Known<'_> {
    /// The check, and what its connections have of TLS and PROXY headers; nothing where there is no check.
    pub(super) fn check(&self) -> Option<(Value, Option<Value>)> {
        let line = self.line.filter(|line| line.has("check"))?;
        let section = self.section?;
        let timeout = section.timeout_check.unwrap_or_else(|| line.inter()).max(1);
        let http = section.http_check.as_ref();
        let connect = http.map_or(&[][..], |check| &check.connect[..]);
        let connects = |word: &str| connect.iter().any(|other| other == word);
        let behind = |word: &str| {
            let at = connect.iter().position(|other| other == word)?;
            connect.get(at + 1).map(String::as_str)
        };
        // What another port expects has to be said for it.
        let is_own = self.check_address().is_null() && connect.is_empty();
        let secured =
            (self.tls && is_own && !line.has("no-check-ssl")) || line.has("check-ssl") || connects("ssl");
        let header = if line.has("check-send-proxy") || connects("send-proxy") {
            Some(self.sends_header().unwrap_or("V1"))
        } else {
            self.sends_header().filter(|_| is_own)
        };
        // `sni` is for requests alone.
        let sni = behind("sni").or_else(|| line.value("check-sni"));
        let names = tls::Names { sni, expected: line.value("verifyhost").or(sni) };
        let socket = self.socket(secured.then(|| self.tls(names)), header);
        let mut check = json!({
            "timeout": seconds(timeout), "interval": "2s", "healthy_threshold": 1, "unhealthy_threshold": 1,
            "transport_socket_match_criteria": {"check": "1"},
        });
        let (name, asked) = match http {
            Some(http) => ("http_health_check", self.http(http)),
            None => ("tcp_health_check", self.other()),
        };
        if let Some(check) = check.as_object_mut() {
            check.insert(name.to_owned(), asked);
        }
        Some((check, socket))
    }

    /// What a check of another protocol says first, and waits for.
    fn other(&self) -> Value {
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        match self.section.and_then(|section| section.other_check.as_ref()) {
            Some(check) if !check.expect.is_empty() && check.send.is_empty() => {
                json!({"receive": [{"text": hex(&check.expect)}]})
            }
            Some(check) if !check.expect.is_empty() => {
                json!({"send": {"text": hex(&check.send)}, "receive": [{"text": hex(&check.expect)}]})
            }
            _ => json!({}),
        }
    }

    /// HAProxy takes every 2xx and 3xx for healthy unless it is told otherwise, and sends no Host.
    fn http(&self, check: &HttpCheck) -> Value {
        let usual = [(200, 399)];
        let any = [(100, 599)];
        let ranges = match &check.expected {
            Expected::Usual => &usual[..],
            Expected::Statuses(ranges) => ranges,
            Expected::Text => &any,
        };
        let statuses: Vec<_> =
            ranges.iter().map(|(first, last)| json!({"start": first, "end": last + 1})).collect();
        // What somebody would send who knows the address only.
        let address = match &self.at {
            At::Host(host, port) if host.contains(':') => format!("[{host}]:{port}"),
            At::Host(host, port) => format!("{host}:{port}"),
            At::Path(_) => "localhost".to_owned(),
        };
        let host = check.host.clone().filter(|host| !host.contains('%')).unwrap_or(address);
        json!({"path": check.path, "method": check.method, "host": host, "expected_statuses": statuses})
    }

    /// `addr` and `port`, where the check goes elsewhere.
    pub(super) fn check_address(&self) -> Value {
        let connect = self
            .section
            .and_then(|section| section.http_check.as_ref())
            .map_or(&[][..], |it| &it.connect[..]);
        let at = connect.iter().position(|word| word == "port").and_then(|at| connect.get(at + 1));
        let port =
            at.map(String::as_str).or_else(|| self.value("port")).and_then(|port| port.parse::<u16>().ok());
        let address = self.value("addr").filter(|address| address.parse::<std::net::IpAddr>().is_ok());
        let At::Host(_, own) = &self.at else { return Value::Null };
        let port = port.unwrap_or(*own);
        match (address, self.value("port").is_some() || at.is_some()) {
            (Some(address), _) => {
                json!({"port_value": port, "address": {"socket_address": {"address": address, "port_value": port}}})
            }
            (None, true) => json!({"port_value": port}),
            (None, false) => Value::Null,
        }
    }
}

//! The request of a health check.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::LazyLock;

use http::{Request, Uri};

use causeway_model::{
    Address, AddressPart, AppendAction, DurationPoint, HeaderMutations, HttpHealthCheck, Metadata,
    MetadataSource, OperatorKind, Peer, Template, TemplatePart, Value,
};

/// Of this machine, read once.
static HOSTNAME: LazyLock<String> = LazyLock::new(|| {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    name.trim().to_owned()
});

/// What checks call themselves.
pub(crate) const AGENT: &str = "Envoy/HC";

/// Who is asked, and by whom.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// Where it is.
    pub address: &'a Address,
    /// Its name; empty where it has none.
    pub hostname: &'a str,
    /// Its metadata.
    pub metadata: &'a Metadata,
    /// TLS is spoken with it.
    pub secure: bool,
    /// What whoever asks calls itself (`user-agent`), which is `AGENT` with Envoy.
    pub agent: &'a str,
}

static NO_METADATA: Metadata = Metadata(BTreeMap::new());

impl<'a> Asked<'a> {
    /// A host of which nothing but its address is known.
    #[must_use]
    pub const fn at(address: &'a Address, secure: bool, agent: &'a str) -> Self {
        Self { address, hostname: "", metadata: &NO_METADATA, secure, agent }
    }
}

/// Writes the request as Envoy sends it: `host`, `user-agent`, and what `request_headers_to_add` makes of them.
/// Operators about this machine, the host or a connection that has said nothing are filled in; those about a client's
/// request are empty, as there is none.
#[must_use]
pub fn write(check: &HttpHealthCheck, host: &str, asked: &Asked<'_>) -> Vec<u8> {
    let fields = fields(&check.headers, asked, "HTTP/1.1");
    let mut out = format!("{} {} HTTP/1.1\r\nhost: {host}\r\n", check.method, check.path);
    for (name, value) in fields {
        out.push_str(&name);
        out.push_str(": ");
        // A value from the file must not end its line.
        out.extend(value.chars().filter(|c| !matches!(c, '\r' | '\n' | '\0')));
        out.push_str("\r\n");
    }
    // RFC 9110 §8.6: methods that may have content say when there is none.
    if !matches!(&*check.method, "GET" | "HEAD" | "DELETE" | "TRACE" | "CONNECT") {
        out.push_str("content-length: 0\r\n");
    }
    out.push_str("\r\n");
    out.into_bytes()
}

/// The fields beside the host, with what the file makes of them.
fn fields(headers: &HeaderMutations, asked: &Asked<'_>, protocol: &str) -> Vec<(String, String)> {
    let mut fields = vec![("user-agent".to_owned(), asked.agent.to_owned())];
    change(&mut fields, headers, asked, protocol);
    fields
}

/// The same request in HTTP/2.
///
/// # Errors
///
/// Where the file gives it a method, host or path that no message of HTTP/2 can have.
pub fn http2(
    method: &str,
    host: &str,
    path: &str,
    headers: &HeaderMutations,
    asked: &Asked<'_>,
) -> Result<Request<()>, http::Error> {
    let scheme = if asked.secure { "https" } else { "http" };
    let uri = Uri::builder().scheme(scheme).authority(host).path_and_query(path).build()?;
    let mut request = Request::builder().method(method).uri(uri);
    for (name, value) in fields(headers, asked, "HTTP/2") {
        request = request.header(name, value);
    }
    request.body(())
}

/// Envoy's order: what is removed, what is overwritten, what is added.
fn change(fields: &mut Vec<(String, String)>, headers: &HeaderMutations, asked: &Asked<'_>, protocol: &str) {
    fields.retain(|(name, _)| headers.remove.iter().all(|removed| removed.as_str() != name));
    let overwrites =
        |action| matches!(action, AppendAction::OverwriteIfExistsOrAdd | AppendAction::OverwriteIfExists);
    let (first, last): (Vec<_>, Vec<_>) = headers.add.iter().partition(|option| overwrites(option.action));
    for option in first.into_iter().chain(last) {
        let name = option.name.as_str();
        let value = render(&option.value, asked, protocol);
        if value.is_empty() && !option.keep_empty_value {
            continue;
        }
        let known = fields.iter().position(|(known, _)| known == name);
        match (option.action, known.and_then(|at| fields.get_mut(at))) {
            (AppendAction::OverwriteIfExistsOrAdd | AppendAction::OverwriteIfExists, Some((_, old))) => {
                *old = value;
            }
            // The one field that Envoy keeps in one line.
            (AppendAction::AppendIfExistsOrAdd, Some((_, old))) if name == "user-agent" => {
                old.push(',');
                old.push_str(&value);
            }
            (AppendAction::AddIfAbsent, Some(_)) | (AppendAction::OverwriteIfExists, None) => {}
            (AppendAction::AppendIfExistsOrAdd, _)
            | (AppendAction::AddIfAbsent | AppendAction::OverwriteIfExistsOrAdd, None) => {
                fields.push((name.to_owned(), value));
            }
        }
    }
}

fn render(template: &Template, asked: &Asked<'_>, protocol: &str) -> String {
    let mut out = String::new();
    for part in &template.0 {
        match part {
            TemplatePart::Literal(text) => out.push_str(text),
            TemplatePart::Operator(operator) => {
                let value = operand(&operator.kind, asked, protocol);
                let cut = operator.max_length.unwrap_or(usize::MAX);
                out.extend(value.chars().take(cut));
            }
        }
    }
    out
}

/// What stands for the client of a check, which has none (`127.0.0.1:0` in Envoy).
const NOBODY: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

fn operand(kind: &OperatorKind, asked: &Asked<'_>, protocol: &str) -> String {
    match kind {
        OperatorKind::Hostname => HOSTNAME.clone(),
        OperatorKind::Environment(value) => value.as_deref().unwrap_or_default().to_owned(),
        OperatorKind::Protocol => protocol.to_owned(),
        OperatorKind::Address { peer: Peer::UpstreamHost, part } => part_of(asked.address, *part),
        OperatorKind::Address {
            peer:
                Peer::DownstreamRemote
                | Peer::DownstreamDirectRemote
                | Peer::DownstreamLocal
                | Peer::DownstreamDirectLocal,
            part,
        } => part_of(&Address::Ip(NOBODY), *part),
        OperatorKind::UpstreamHostName { without_port } => match asked.hostname {
            "" if *without_port => part_of(asked.address, AddressPart::WithoutPort),
            "" => part_of(asked.address, AddressPart::Whole),
            name if *without_port => name.rsplit_once(':').map_or(name, |(name, _)| name).to_owned(),
            name => name.to_owned(),
        },
        OperatorKind::Metadata { source: MetadataSource::UpstreamHost, namespace, path } => {
            match asked.metadata.get(namespace, path) {
                Some(Value::String(text)) => text.to_string(),
                Some(Value::Number(number)) => number.to_string(),
                Some(Value::Bool(value)) => value.to_string(),
                Some(Value::Null | Value::List(_) | Value::Object(_)) | None => String::new(),
            }
        }
        OperatorKind::ResponseCode
        | OperatorKind::BytesReceived
        | OperatorKind::BytesSent
        | OperatorKind::Duration { from: DurationPoint::DownstreamRxBegin, to: DurationPoint::End, .. } => {
            "0".to_owned()
        }
        OperatorKind::ResponseFlags | OperatorKind::ResponseFlagsLong => "-".to_owned(),
        _ => String::new(),
    }
}

fn part_of(address: &Address, part: AddressPart) -> String {
    match (part, address.ip()) {
        (AddressPart::Whole, _) => address.to_string(),
        // No operator asks for the network of a host.
        (AddressPart::WithoutPort | AddressPart::Network(_), Some(ip)) => ip.ip().to_string(),
        (AddressPart::WithoutPort | AddressPart::Network(_), None) => address.to_string(),
        (AddressPart::EndpointId, _) => String::new(),
        (AddressPart::Port, ip) => ip.map(|ip| ip.port().to_string()).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use causeway_model::{HeaderName, HeaderValueOption, Operator};

    use super::*;

    fn check(method: &str, headers: HeaderMutations) -> HttpHealthCheck {
        HttpHealthCheck {
            host: "".into(),
            path: "/hc?x=1".into(),
            method: method.into(),
            expected_statuses: Vec::new(),
            retriable_statuses: Vec::new(),
            headers,
            http2: false,
        }
    }

    fn written(check: &HttpHealthCheck) -> String {
        let address = Address::Ip("10.0.0.1:80".parse().unwrap());
        String::from_utf8(write(check, "backend", &Asked::at(&address, false, AGENT))).unwrap()
    }

    fn add(name: &str, value: Template, action: AppendAction) -> HeaderValueOption {
        HeaderValueOption { name: HeaderName::new(name).unwrap(), value, action, keep_empty_value: false }
    }

    #[test]
    fn the_request_is_envoys() {
        assert_eq!(
            written(&check("GET", HeaderMutations::default())),
            "GET /hc?x=1 HTTP/1.1\r\nhost: backend\r\nuser-agent: Envoy/HC\r\n\r\n"
        );
        for method in ["POST", "OPTIONS", "PUT"] {
            let written = written(&check(method, HeaderMutations::default()));
            assert!(written.ends_with("content-length: 0\r\n\r\n"), "{method}");
        }
    }

    #[test]
    fn headers_are_changed_in_envoys_order() {
        let literal = Template::literal;
        let host = Template(vec![TemplatePart::Operator(Operator {
            kind: OperatorKind::Address { peer: Peer::UpstreamHost, part: AddressPart::Whole },
            max_length: None,
        })]);
        let headers = HeaderMutations {
            remove: Vec::new(),
            add: vec![
                add("user-agent", literal("mine"), AppendAction::AppendIfExistsOrAdd),
                add("user-agent", literal("mine2"), AppendAction::OverwriteIfExistsOrAdd),
                add("x-a", host, AppendAction::AddIfAbsent),
                add("x-b", literal("split\r\nx: y"), AppendAction::AppendIfExistsOrAdd),
                add("x-c", literal("never"), AppendAction::OverwriteIfExists),
                add("x-d", literal(""), AppendAction::AppendIfExistsOrAdd),
            ],
        };
        assert_eq!(
            written(&check("GET", headers)),
            "GET /hc?x=1 HTTP/1.1\r\nhost: backend\r\nuser-agent: mine2,mine\r\nx-a: 10.0.0.1:80\r\n\
             x-b: splitx: y\r\n\r\n"
        );
        let remove =
            HeaderMutations { remove: vec![HeaderName::new("user-agent").unwrap()], add: Vec::new() };
        assert_eq!(written(&check("HEAD", remove)), "HEAD /hc?x=1 HTTP/1.1\r\nhost: backend\r\n\r\n");
    }
}

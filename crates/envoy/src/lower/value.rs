//! Small messages that stand in many places: durations, shares, addresses, ranges, untyped data.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use causeway_model::{
    Address, CidrRange, CidrSet, Locality, Metadata, RuntimeFraction, SocketOption, SocketState,
    TcpKeepalive, Value,
};

use super::Cx;
use crate::diagnostic::At;
use crate::tree::{self, Json, JsonKind, Message, Value as Tree};

impl Cx<'_> {
    /// A duration, where it is set and valid; what is not was reported with the rules.
    #[expect(clippy::unused_self, reason = "as all that reads a field")]
    pub(super) fn duration(&self, message: &Message<'_>, field: &str) -> Option<Duration> {
        let duration = message.duration(field)?.to_std()?;
        (duration.as_secs() <= tree::Duration::LONGEST_TAKEN).then_some(duration)
    }

    /// A timeout that zero switches off, and that holds unless it is set.
    pub(super) fn timeout(
        &self,
        message: &Message<'_>,
        field: &str,
        default: Option<Duration>,
    ) -> Option<Duration> {
        if message.has(field) {
            self.duration(message, field).filter(|timeout| !timeout.is_zero())
        } else {
            default
        }
    }

    /// `Percent`.
    pub(super) fn percent(&self, percent: &Message<'_>) -> f64 {
        let value = percent.double("value").unwrap_or(0.0);
        if value.is_nan() {
            self.reject(percent.at("value"), "invalid-number", "a percentage lies between 0 and 100");
            return 0.0;
        }
        value
    }

    /// `RuntimeDouble`, as the runtime of the file has it.
    pub(super) fn runtime_double(&self, message: &Message<'_>, field: &str) -> Option<f64> {
        let double = message.message(field)?;
        let key = double.text("runtime_key");
        self.uses_runtime_key(key);
        let default = double.double("default_value").unwrap_or(0.0);
        Some(match self.runtime.borrow().get(key) {
            Some(Value::Number(number)) => *number,
            Some(Value::String(text)) => text.trim().parse().unwrap_or(default),
            _ => default,
        })
    }

    /// `RuntimeFractionalPercent`.
    pub(super) fn runtime_fraction(&self, message: &Message<'_>, field: &str) -> Option<RuntimeFraction> {
        let fraction = message.message(field)?;
        let key = fraction.text("runtime_key");
        self.uses_runtime_key(key);
        let default = fraction.message("default_value");
        let (numerator, denominator) = default.map_or((0, 100), fraction_of);
        Some(RuntimeFraction { numerator, denominator, runtime_key: key.into() })
    }

    /// `Address`, to listen on or to send to; also says whether IPv6 is to take IPv4 too.
    pub(super) fn address(&self, address: &Message<'_>) -> Option<(Address, bool)> {
        match address.which("address") {
            Some("socket_address") => {
                let socket = address.message("socket_address")?;
                let port = self.port(socket);
                let text = socket.text("address");
                let compat = socket.bool("ipv4_compat");
                self.socket_address_rest(socket);
                let ip = self.ip(text, socket.at("address"));
                Some((Address::Ip(SocketAddr::new(ip?, port?)), compat))
            }
            Some("pipe") => Some((self.pipe(address)?, false)),
            Some(_) => {
                self.vital(
                    address.at_key("envoy_internal_address"),
                    "internal listeners are not implemented",
                );
                address.settle_all();
                None
            }
            None => None,
        }
    }

    /// The Unix socket of an address.
    pub(super) fn pipe(&self, address: &Message<'_>) -> Option<Address> {
        /// What `sockaddr_un` holds, without the final zero byte.
        const LONGEST_PATH: usize = 107;
        let pipe = address.message("pipe")?;
        let path = pipe.text("path");
        let mode = pipe.u32("mode").unwrap_or(0);
        if path.len() > LONGEST_PATH {
            let text = format!("the path of a Unix socket can't be longer than {LONGEST_PATH} bytes");
            self.reject(pipe.at("path"), "invalid-address", text);
            return None;
        }
        if mode != 0 && path.starts_with('@') {
            let text = "an abstract Unix socket is no file, and has no mode";
            self.reject(pipe.at("mode"), "invalid-address", text);
            return None;
        }
        Some(Address::Pipe { path: path.into(), mode })
    }

    /// What else can be set on a socket address.
    pub(super) fn socket_address_rest(&self, socket: &Message<'_>) {
        if socket.choice("protocol") == "UDP" {
            self.vital(socket.at("protocol"), "UDP is not implemented");
        }
        // Envoy's own resolver has two names.
        if !matches!(socket.text("resolver_name"), "" | "envoy.ip") {
            self.reject(
                socket.at("resolver_name"),
                "invalid-address",
                "there is no address resolver of that name; DNS names belong into clusters of type STRICT_DNS or LOGICAL_DNS",
            );
        }
        socket.settle("resolver_name");
        self.not_implemented_vital(socket, "network_namespace_filepath", "");
    }

    /// `port_value`; a named port is refused, as Envoy refuses it for addresses.
    pub(super) fn port(&self, socket: &Message<'_>) -> Option<u16> {
        if socket.has("named_port") {
            self.reject(
                socket.at("named_port"),
                "invalid-address",
                "ports by name are not resolved; write `port_value` with a number",
            );
            socket.settle("named_port");
            return None;
        }
        u16::try_from(socket.u32("port_value").unwrap_or(0)).ok()
    }

    /// An IP address.
    pub(super) fn ip(&self, text: &str, at: At) -> Option<IpAddr> {
        if let Ok(ip) = text.parse() {
            return Some(ip);
        }
        if text.contains('%') && text.split('%').next().is_some_and(|ip| ip.parse::<IpAddr>().is_ok()) {
            self.vital(at, format!("`{text}`: addresses with a zone are not implemented"));
            return None;
        }
        self.push(
            crate::diagnostic::Draft::rejected("invalid-address", format!("`{text}` is not an IP address"))
                .at(at)
                .label(if text == "localhost" { "write 127.0.0.1" } else { "" }),
        );
        None
    }

    /// `CidrRange`s.
    pub(super) fn cidrs(&self, message: &Message<'_>, field: &str) -> CidrSet {
        let ranges = message.messages(field).filter_map(|range| {
            let length = range.u32("prefix_len").unwrap_or(0);
            let ip = self.ip(range.text("address_prefix"), range.at("address_prefix"))?;
            Some(CidrRange::new(ip, u8::try_from(length).unwrap_or(128)))
        });
        CidrSet(ranges.collect())
    }

    /// `SocketOption`s.
    pub(super) fn socket_options(&self, message: &Message<'_>) -> Vec<SocketOption> {
        let mut options = Vec::new();
        for option in message.messages("socket_options") {
            option.settle("description");
            let narrow = |field: &str| {
                let value = i32::try_from(option.i64(field));
                if value.is_err() {
                    let text = format!("`{field}` of a socket option has 32 bits");
                    self.reject(option.at(field), "invalid-socket-option", text);
                }
                value.ok()
            };
            let (level, name) = (narrow("level"), narrow("name"));
            let value = match option.which("value") {
                Some("buf_value") => Some(option.bytes("buf_value").to_vec()),
                _ => narrow("int_value").map(|value| value.to_ne_bytes().to_vec()),
            };
            let state = match option.choice("state") {
                "STATE_BOUND" => SocketState::Bound,
                "STATE_LISTENING" => SocketState::Listening,
                _ => SocketState::Prebind,
            };
            if let (Some(level), Some(name), Some(value)) = (level, name, value) {
                options.push(SocketOption { level, name, value, state });
            }
        }
        options
    }

    /// `TcpKeepalive`.
    pub(super) fn keepalive(&self, message: &Message<'_>, field: &str) -> Option<TcpKeepalive> {
        let keepalive = message.message(field)?;
        let seconds =
            |field: &str| keepalive.u32(field).map(|seconds| Duration::from_secs(u64::from(seconds)));
        Some(TcpKeepalive {
            probes: keepalive.u32("keepalive_probes"),
            time: seconds("keepalive_time"),
            interval: seconds("keepalive_interval"),
        })
    }

    /// `Locality`.
    pub(super) fn locality(&self, message: &Message<'_>, field: &str) -> Locality {
        message.message(field).map_or_else(Locality::default, |locality| Locality {
            region: locality.text("region").into(),
            zone: locality.text("zone").into(),
            sub_zone: locality.text("sub_zone").into(),
        })
    }

    /// `Metadata.filter_metadata`, where nothing reads what is typed.
    pub(super) fn metadata(&self, message: &Message<'_>, field: &str) -> Metadata {
        if let Some(metadata) = message.message(field) {
            self.has_no_effect(metadata, "typed_filter_metadata", "there is no extension that reads it");
        }
        self.untyped_metadata(message, field)
    }

    /// `Metadata.filter_metadata`.
    pub(super) fn untyped_metadata(&self, message: &Message<'_>, field: &str) -> Metadata {
        let Some(metadata) = message.message(field) else { return Metadata::default() };
        let namespaces = metadata.map("filter_metadata").iter().filter_map(|item| match &item.item.value {
            Tree::Json(json) => Some((item.key.to_text().into(), value_of(json))),
            _ => None,
        });
        Metadata(namespaces.collect())
    }
}

/// Numerator and denominator of a `FractionalPercent`.
pub(super) fn fraction_of(fraction: &Message<'_>) -> (u32, u32) {
    let denominator = match fraction.choice("denominator") {
        "TEN_THOUSAND" => 10_000,
        "MILLION" => 1_000_000,
        _ => 100,
    };
    (fraction.u32("numerator").unwrap_or(0), denominator)
}

/// Untyped data without its places.
pub(super) fn value_of(json: &Json<'_>) -> Value {
    match &json.kind {
        JsonKind::Null => Value::Null,
        JsonKind::Bool(value) => Value::Bool(*value),
        JsonKind::Number(number) => Value::Number(*number),
        JsonKind::Text(text) => Value::String(text.as_ref().into()),
        JsonKind::List(items) => Value::List(items.iter().map(value_of).collect()),
        JsonKind::Object(fields) => {
            let fields: BTreeMap<_, _> =
                fields.iter().map(|(name, value)| (name.as_ref().into(), value_of(value))).collect();
            Value::Object(fields)
        }
    }
}

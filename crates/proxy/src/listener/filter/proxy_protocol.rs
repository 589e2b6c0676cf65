//! `envoy.filters.listener.proxy_protocol`: a proxy in front says in a header who the client is, and where it connected
//! to. From then on the connection has these ends.

use std::borrow::Cow;

use causeway_inspect::proxy::{Addresses, Detected, Fault, Parsed, Tlvs, Version, detect, parse};
use causeway_model::{Address, ProxyProtocol, TlvEncoding, TlvLocation, TlvRule, Value};
use causeway_reason::{Failure, Reason};
use causeway_stats::{Registry, Scope, ScopeName, Shard, schema};

use super::{Inspected, Look, Looked};

schema! {
    /// `proxy_proto.` with the filter's `stat_prefix`.
    pub(super) enum ProxyProtocolStat {
        /// Taken without a header.
        NotFoundAllowed = counter "not_found_allowed",
        /// Closed because there was no header.
        NotFoundDisallowed = counter "not_found_disallowed",
    }
}

schema! {
    /// The same, of each version: `versions.v1.` and `versions.v2.`
    pub(super) enum ProxyProtocolVersionStat {
        /// Headers of a version that is not allowed.
        Disallowed = counter "disallowed",
        /// Headers that are none.
        Error = counter "error",
        /// Headers.
        Found = counter "found",
    }
}

schema! {
    /// Of all filters together, without a prefix.
    pub(super) enum AllProxyProtocolStat {
        /// Connections that were closed for their header, or because there was none.
        Error = counter "downstream_cx_proxy_proto_error",
    }
}

/// The filter and its statistics, for all workers.
#[derive(Debug)]
pub(super) struct ProxyProtocolScopes {
    config: ProxyProtocol,
    all: Scope<AllProxyProtocolStat>,
    own: Scope<ProxyProtocolStat>,
    v1: Scope<ProxyProtocolVersionStat>,
    v2: Scope<ProxyProtocolVersionStat>,
}

impl ProxyProtocolScopes {
    pub(super) fn new(config: &ProxyProtocol, registry: &Registry) -> Self {
        let own = || {
            let scope = ScopeName::root().then("proxy_proto");
            match &*config.stat_prefix {
                "" => scope,
                prefix => scope.tagged("envoy.proxy_protocol_prefix", prefix),
            }
        };
        let version = |number: &str| {
            let elements = format!("versions.v{number}");
            registry.scope(own().named_for(&elements, "envoy.proxy_protocol_version", number))
        };
        Self {
            config: config.clone(),
            all: registry.scope(ScopeName::root()),
            own: registry.scope(own()),
            v1: version("1"),
            v2: version("2"),
        }
    }

    pub(super) fn for_worker(&self, worker: usize) -> ProxyProtocolFilter {
        let mut among = vec![Version::V1, Version::V2];
        // Where a connection need not have a header, one that is not allowed is none.
        if self.config.allow_requests_without_proxy_protocol {
            among.retain(|version| allows(&self.config, *version));
        }
        ProxyProtocolFilter {
            config: self.config.clone(),
            among,
            all: self.all.shard(worker),
            own: self.own.shard(worker),
            v1: self.v1.shard(worker),
            v2: self.v2.shard(worker),
        }
    }
}

const fn allows(config: &ProxyProtocol, version: Version) -> bool {
    match version {
        Version::V1 => config.allow_v1,
        Version::V2 => config.allow_v2,
    }
}

/// The filter as one worker has it.
#[derive(Debug)]
pub(super) struct ProxyProtocolFilter {
    config: ProxyProtocol,
    /// The versions that are looked for.
    among: Vec<Version>,
    all: Shard<AllProxyProtocolStat>,
    own: Shard<ProxyProtocolStat>,
    v1: Shard<ProxyProtocolVersionStat>,
    v2: Shard<ProxyProtocolVersionStat>,
}

impl ProxyProtocolFilter {
    pub(super) fn look(&self, connection: &mut Looked<'_>) -> Look {
        let held = connection.bytes.filled();
        let version = match detect(held, &self.among) {
            Detected::NeedMore => return Look::More(held.len() + 1),
            Detected::Nothing if self.config.allow_requests_without_proxy_protocol => {
                self.own.inc(ProxyProtocolStat::NotFoundAllowed);
                return Look::Done;
            }
            Detected::Nothing => return self.missing(held),
            Detected::Header(version) => version,
        };
        let stats = match version {
            Version::V1 => &self.v1,
            Version::V2 => &self.v2,
        };
        if !allows(&self.config, version) {
            stats.inc(ProxyProtocolVersionStat::Found);
            stats.inc(ProxyProtocolVersionStat::Disallowed);
            let what = format!("{} is among disallowed_versions", name(version));
            return close(Reason::ProxyHeaderInvalid, what);
        }
        match parse(held, version) {
            Ok(Parsed::NeedMore(wanted)) => Look::More(wanted),
            Ok(Parsed::Complete(header)) => {
                stats.inc(ProxyProtocolVersionStat::Found);
                let (length, addresses) = (header.length, header.addresses);
                let (values, kept) = (self.values(header.tlvs), self.kept(header.tlvs));
                connection.bytes.consume(length);
                if !values.is_empty() || !kept.is_empty() {
                    let found = connection.found();
                    found.tlvs = kept;
                    self.give(found, values);
                }
                if let Some(addresses) = addresses {
                    give(connection, addresses);
                }
                Look::Done
            }
            Err(fault) => {
                stats.inc(ProxyProtocolVersionStat::Error);
                self.all.inc(AllProxyProtocolStat::Error);
                self.refuse(version, fault, held)
            }
        }
    }

    fn missing(&self, held: &[u8]) -> Look {
        self.own.inc(ProxyProtocolStat::NotFoundDisallowed);
        self.all.inc(AllProxyProtocolStat::Error);
        close(Reason::ProxyHeaderMissing, causeway_http::h1::first_bytes(held))
    }

    fn refuse(&self, version: Version, fault: Fault, held: &[u8]) -> Look {
        let first = causeway_http::h1::first_bytes(held);
        close(Reason::ProxyHeaderInvalid, format!("{}: {fault}; {first}", name(version)))
    }

    /// What the rules make of the TLVs. Of several of one type, metadata has the first, and filter state the last, as
    /// in Envoy.
    fn values(&self, tlvs: Tlvs<'_>) -> Vec<(&TlvRule, Value)> {
        let value = |rule: &TlvRule| {
            let mut fitting = tlvs.filter(|tlv| tlv.kind == rule.tlv_type);
            let tlv = match self.config.tlv_location {
                TlvLocation::DynamicMetadata => fitting.next(),
                TlvLocation::FilterState => fitting.last(),
            }?;
            Some(Value::String(match rule.encoding {
                TlvEncoding::SanitizedUtf8 => sanitized(tlv.value).into(),
                TlvEncoding::Base64 => {
                    let mut text = String::new();
                    causeway_tls::certificate::base64(tlv.value, &mut text);
                    text.into()
                }
            }))
        };
        self.config.rules.iter().filter_map(|rule| Some((rule, value(rule)?))).collect()
    }

    fn give(&self, found: &mut Inspected, values: Vec<(&TlvRule, Value)>) {
        match self.config.tlv_location {
            TlvLocation::DynamicMetadata => {
                for (rule, value) in values {
                    found.metadata.set(&rule.namespace, &rule.key, value);
                }
            }
            TlvLocation::FilterState if values.is_empty() => {}
            TlvLocation::FilterState => {
                let fields = values.into_iter().map(|(rule, value)| (rule.key.clone(), value));
                found.tlv_state = Some(Value::Object(fields.collect()));
            }
        }
    }

    fn kept(&self, tlvs: Tlvs<'_>) -> Vec<(u8, Box<[u8]>)> {
        let pass = &self.config.pass_through_tlvs;
        tlvs.filter(|tlv| pass.takes(tlv.kind)).map(|tlv| (tlv.kind, tlv.value.into())).collect()
    }
}

const fn name(version: Version) -> &'static str {
    match version {
        Version::V1 => "version 1",
        Version::V2 => "version 2",
    }
}

fn close(reason: Reason, evidence: String) -> Look {
    Look::Close(Some(Box::new(Failure::new(reason).with_evidence(evidence))))
}

/// The connection has these ends from now on.
fn give(connection: &mut Looked<'_>, addresses: Addresses) {
    let remote = std::mem::replace(&mut connection.info.remote, Address::Ip(addresses.source));
    let local = std::mem::replace(&mut connection.info.local, Address::Ip(addresses.destination));
    let changed = local != connection.info.local;
    let found = connection.found();
    found.restored |= changed;
    // Another filter may have changed it before.
    found.direct_remote.get_or_insert(remote);
    found.direct_local.get_or_insert(local);
}

/// Bytes as text: each that belongs to no character becomes `!`.
fn sanitized(bytes: &[u8]) -> Cow<'_, str> {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return Cow::Borrowed(text);
    }
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|_| '!'));
    }
    Cow::Owned(text)
}

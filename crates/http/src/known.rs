//! Header names that the proxy itself asks for.
//!
//! A known name is compared once, when the head is read; after that it is a number, and a bit that
//! says whether the message has it at all.

macro_rules! known {
    ($($variant:ident = $name:literal,)*) => {
        /// A header name that the proxy itself asks for.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum Known {
            $(#[doc = concat!("`", $name, "`")] $variant,)*
        }

        impl Known {
            /// Every known name.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The name, in lower case.
            #[must_use]
            #[inline]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// What stands between the value in the line before, in HTTP/1, and the value of this.
            #[must_use]
            #[inline]
            pub(crate) const fn line_start(self) -> &'static str {
                match self { $(Self::$variant => concat!("\r\n", $name, ": "),)* }
            }
        }
    };
}

known! {
    Host = "host",
    Connection = "connection",
    ContentLength = "content-length",
    TransferEncoding = "transfer-encoding",
    Te = "te",
    Trailer = "trailer",
    Upgrade = "upgrade",
    KeepAlive = "keep-alive",
    ProxyConnection = "proxy-connection",
    Http2Settings = "http2-settings",
    Expect = "expect",
    Date = "date",
    Server = "server",
    Via = "via",
    UserAgent = "user-agent",
    ContentType = "content-type",
    Location = "location",
    Origin = "origin",
    GrpcTimeout = "grpc-timeout",
    GrpcStatus = "grpc-status",
    GrpcMessage = "grpc-message",
    XForwardedFor = "x-forwarded-for",
    XForwardedProto = "x-forwarded-proto",
    XForwardedHost = "x-forwarded-host",
    XForwardedPort = "x-forwarded-port",
    XForwardedClientCert = "x-forwarded-client-cert",
    XRequestId = "x-request-id",
    XClientTraceId = "x-client-trace-id",
    EnvoyAttemptCount = "x-envoy-attempt-count",
    EnvoyDecoratorOperation = "x-envoy-decorator-operation",
    EnvoyDegraded = "x-envoy-degraded",
    EnvoyDownstreamServiceCluster = "x-envoy-downstream-service-cluster",
    EnvoyDownstreamServiceNode = "x-envoy-downstream-service-node",
    EnvoyExpectedRqTimeoutMs = "x-envoy-expected-rq-timeout-ms",
    EnvoyExternalAddress = "x-envoy-external-address",
    EnvoyForceTrace = "x-envoy-force-trace",
    EnvoyHedgeOnPerTryTimeout = "x-envoy-hedge-on-per-try-timeout",
    EnvoyImmediateHealthCheckFail = "x-envoy-immediate-health-check-fail",
    EnvoyInternal = "x-envoy-internal",
    EnvoyIpTags = "x-envoy-ip-tags",
    EnvoyIsTimeoutRetry = "x-envoy-is-timeout-retry",
    EnvoyMaxRetries = "x-envoy-max-retries",
    EnvoyOriginalHost = "x-envoy-original-host",
    EnvoyOriginalPath = "x-envoy-original-path",
    EnvoyOriginalUrl = "x-envoy-original-url",
    EnvoyOverloaded = "x-envoy-overloaded",
    EnvoyRateLimited = "x-envoy-ratelimited",
    EnvoyRetriableHeaderNames = "x-envoy-retriable-header-names",
    EnvoyRetriableStatusCodes = "x-envoy-retriable-status-codes",
    EnvoyRetryGrpcOn = "x-envoy-retry-grpc-on",
    EnvoyRetryOn = "x-envoy-retry-on",
    EnvoyUpstreamCanary = "x-envoy-upstream-canary",
    EnvoyUpstreamAltStatName = "x-envoy-upstream-alt-stat-name",
    EnvoyUpstreamHealthCheckedCluster = "x-envoy-upstream-healthchecked-cluster",
    EnvoyUpstreamRqPerTryTimeoutMs = "x-envoy-upstream-rq-per-try-timeout-ms",
    EnvoyUpstreamRqTimeoutAltResponse = "x-envoy-upstream-rq-timeout-alt-response",
    EnvoyUpstreamRqTimeoutMs = "x-envoy-upstream-rq-timeout-ms",
    EnvoyUpstreamServiceTime = "x-envoy-upstream-service-time",
    EnvoyUpstreamStreamDurationMs = "x-envoy-upstream-stream-duration-ms",
    Accept = "accept",
    AcceptEncoding = "accept-encoding",
    Authorization = "authorization",
    CacheControl = "cache-control",
    Pragma = "pragma",
    Referer = "referer",
    ContentEncoding = "content-encoding",
    AccessControlRequestMethod = "access-control-request-method",
    AccessControlRequestHeaders = "access-control-request-headers",
    AccessControlRequestPrivateNetwork = "access-control-request-private-network",
    AccessControlAllowOrigin = "access-control-allow-origin",
    AccessControlAllowHeaders = "access-control-allow-headers",
    AccessControlAllowMethods = "access-control-allow-methods",
    AccessControlAllowCredentials = "access-control-allow-credentials",
    AccessControlAllowPrivateNetwork = "access-control-allow-private-network",
    AccessControlExposeHeaders = "access-control-expose-headers",
    AccessControlMaxAge = "access-control-max-age",
    IfNoneMatch = "if-none-match",
    IfMatch = "if-match",
    IfModifiedSince = "if-modified-since",
    IfUnmodifiedSince = "if-unmodified-since",
    IfRange = "if-range",
    GrpcAcceptEncoding = "grpc-accept-encoding",
    ProxyStatus = "proxy-status",
    Etag = "etag",
    Expires = "expires",
    LastModified = "last-modified",
    Vary = "vary",
    Age = "age",
    Causeway = "x-causeway-reason",
}

/// Names of which Envoy joins the values of a request that has them more than once, as a list may be
/// (RFC 9110 §5.3), so that whoever looks at one value looks at all. What is added to such a field is joined to it too.
pub(crate) const JOINED_IN_REQUESTS: &[Known] = &[
    Known::Accept,
    Known::AcceptEncoding,
    Known::AccessControlRequestHeaders,
    Known::AccessControlRequestMethod,
    Known::AccessControlRequestPrivateNetwork,
    Known::Authorization,
    Known::CacheControl,
    Known::ContentEncoding,
    Known::ContentType,
    Known::EnvoyAttemptCount,
    Known::EnvoyDecoratorOperation,
    Known::EnvoyDownstreamServiceCluster,
    Known::EnvoyDownstreamServiceNode,
    Known::EnvoyExpectedRqTimeoutMs,
    Known::EnvoyExternalAddress,
    Known::EnvoyForceTrace,
    Known::EnvoyHedgeOnPerTryTimeout,
    Known::EnvoyInternal,
    Known::EnvoyIpTags,
    Known::EnvoyIsTimeoutRetry,
    Known::EnvoyMaxRetries,
    Known::EnvoyOriginalHost,
    Known::EnvoyOriginalPath,
    Known::EnvoyOriginalUrl,
    Known::EnvoyRetriableHeaderNames,
    Known::EnvoyRetriableStatusCodes,
    Known::EnvoyRetryGrpcOn,
    Known::EnvoyRetryOn,
    Known::EnvoyUpstreamAltStatName,
    Known::EnvoyUpstreamRqPerTryTimeoutMs,
    Known::EnvoyUpstreamRqTimeoutAltResponse,
    Known::EnvoyUpstreamRqTimeoutMs,
    Known::Expect,
    Known::GrpcAcceptEncoding,
    Known::GrpcTimeout,
    Known::IfMatch,
    Known::IfModifiedSince,
    Known::IfNoneMatch,
    Known::IfRange,
    Known::IfUnmodifiedSince,
    Known::Origin,
    Known::Pragma,
    Known::ProxyStatus,
    Known::Referer,
    Known::UserAgent,
    Known::Via,
    Known::XClientTraceId,
    Known::XForwardedClientCert,
    Known::XForwardedFor,
    Known::XForwardedHost,
    Known::XForwardedPort,
    Known::XForwardedProto,
    Known::XRequestId,
];

/// The same of responses.
pub(crate) const JOINED_IN_RESPONSES: &[Known] = &[
    Known::AccessControlAllowCredentials,
    Known::AccessControlAllowHeaders,
    Known::AccessControlAllowMethods,
    Known::AccessControlAllowOrigin,
    Known::AccessControlAllowPrivateNetwork,
    Known::AccessControlExposeHeaders,
    Known::AccessControlMaxAge,
    Known::Age,
    Known::CacheControl,
    Known::ContentEncoding,
    Known::ContentType,
    Known::Date,
    Known::EnvoyAttemptCount,
    Known::EnvoyDecoratorOperation,
    Known::EnvoyDegraded,
    Known::EnvoyImmediateHealthCheckFail,
    Known::EnvoyRateLimited,
    Known::EnvoyUpstreamCanary,
    Known::EnvoyUpstreamHealthCheckedCluster,
    Known::EnvoyUpstreamServiceTime,
    Known::Etag,
    Known::Expires,
    Known::GrpcMessage,
    Known::GrpcStatus,
    Known::LastModified,
    Known::Location,
    Known::ProxyStatus,
    Known::Server,
    Known::Vary,
    Known::Via,
    Known::XRequestId,
];

impl Known {
    /// Whether a value that is added to a request goes behind the one that is there, as one field.
    #[must_use]
    pub fn is_joined_in_request(self) -> bool {
        const JOINED: KnownSet = KnownSet::of(JOINED_IN_REQUESTS);
        JOINED.contains(self)
    }

    /// The same in a response.
    #[must_use]
    pub fn is_joined_in_response(self) -> bool {
        const JOINED: KnownSet = KnownSet::of(JOINED_IN_RESPONSES);
        JOINED.contains(self)
    }
}

/// Places in the table of known names, as a power of two: enough that each name has one of its own.
const SLOT_BITS: u32 = 10;

/// Known names by [`hash`], one in each slot at most, so that a name is compared with one.
struct Table {
    multiplier: u64,
    slots: [Option<Known>; 1 << SLOT_BITS],
}

/// Looked for when this is built: a multiplier with which no two names fall into one slot. There is one within a few
/// dozen tries; that there is none fails the build.
static TABLE: Table = {
    let mut multiplier = FIRST_MULTIPLIER;
    loop {
        if let Some(slots) = slots(multiplier) {
            break Table { multiplier, slots };
        }
        multiplier = multiplier.wrapping_mul(FIRST_MULTIPLIER);
    }
};

/// 2⁶⁴ divided by the golden ratio, which spreads what differs little.
const FIRST_MULTIPLIER: u64 = 0x9E37_79B9_7F4A_7C15;

#[expect(clippy::indexing_slicing, reason = "evaluated at compile time, where a bad index fails the build")]
const fn slots(multiplier: u64) -> Option<[Option<Known>; 1 << SLOT_BITS]> {
    let mut slots = [None; 1 << SLOT_BITS];
    let mut i = 0;
    while i < Known::ALL.len() {
        let known = Known::ALL[i];
        let name = known.as_str().as_bytes();
        let slot = &mut slots[hash(name, end(name), multiplier)];
        if slot.is_some() {
            return None;
        }
        *slot = Some(known);
        i += 1;
    }
    Some(slots)
}

/// What a name is compared with first.
struct Entry {
    name: &'static str,
    /// Its [`end`].
    end: u64,
}

/// Known names by their numbers.
#[expect(clippy::indexing_slicing, reason = "evaluated at compile time, where a bad index fails the build")]
static ENTRIES: [Entry; Known::ALL.len()] = {
    let mut entries = [const { Entry { name: "", end: 0 } }; Known::ALL.len()];
    let mut i = 0;
    while i < entries.len() {
        let name = Known::ALL[i].as_str();
        entries[i] = Entry { name, end: end(name.as_bytes()) };
        i += 1;
    }
    entries
};

/// The last eight bytes of a name; all bytes of one that has no more, in some order, some of them twice.
const fn end(name: &[u8]) -> u64 {
    if let Some(last) = name.last_chunk::<8>() {
        u64::from_le_bytes(*last)
    } else if let (Some(first), Some(last)) = (name.first_chunk::<4>(), name.last_chunk::<4>()) {
        (u32::from_le_bytes(*last) as u64) << 32 | u32::from_le_bytes(*first) as u64
    } else if let [first, .., last] = name {
        let (_, behind) = name.split_at(name.len() / 2);
        let middle = if let [middle, ..] = behind { *middle } else { 0 };
        (*last as u64) << 16 | (middle as u64) << 8 | *first as u64
    } else if let [only] = name {
        *only as u64
    } else {
        0
    }
}

/// A slot for a name, the same whatever its case. It looks at the length, the end and the byte in the middle: names of
/// one length often share their beginning (`x-envoy-…`), rarely their end.
const fn hash(name: &[u8], end: u64, multiplier: u64) -> usize {
    let (_, behind) = name.split_at(name.len() / 2);
    let middle = if let Some(middle) = behind.first() { *middle as u64 } else { 0 };
    // Case is one bit of a letter, and the same bit of all else that names are made of.
    let case = 0x2020_2020_2020_2020;
    let mixed = (end | case) ^ ((name.len() as u64) << 8) ^ (middle | 0x20).wrapping_mul(FIRST_MULTIPLIER);
    (mixed.wrapping_mul(multiplier) >> (u64::BITS - SLOT_BITS)) as usize
}

// The names a message has are a set of bits.
const _: () = assert!(Known::ALL.len() <= 128);

impl Known {
    /// The known name that this is, whatever its case.
    #[must_use]
    pub fn from_bytes(name: &[u8]) -> Option<Self> {
        let end = end(name);
        let known = (*TABLE.slots.get(hash(name, end, TABLE.multiplier))?)?;
        let entry = ENTRIES.get(known as usize)?;
        let text = entry.name.as_bytes();
        (text.len() == name.len() && is_same(entry.end, end) && is_same_before_end(text, name))
            .then_some(known)
    }
}

/// A set of known names.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct KnownSet {
    first: u64,
    second: u64,
}

impl KnownSet {
    /// The set of these names.
    #[must_use]
    pub const fn of(names: &[Known]) -> Self {
        let (mut set, mut rest) = (Self { first: 0, second: 0 }, names);
        while let [name, behind @ ..] = rest {
            set.insert(*name);
            rest = behind;
        }
        set
    }

    /// Adds a name, and says whether it was not there before.
    pub const fn insert(&mut self, name: Known) -> bool {
        let half = self.half(name);
        let is_new = *half & bit(name) == 0;
        *half |= bit(name);
        is_new
    }

    /// Takes a name out.
    pub const fn remove(&mut self, name: Known) {
        *self.half(name) &= !bit(name);
    }

    /// Whether the name is in it.
    #[must_use]
    pub const fn contains(self, name: Known) -> bool {
        let half = if is_of_first_half(name) { self.first } else { self.second };
        half & bit(name) != 0
    }

    /// The set without the names of another.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self { first: self.first & !other.first, second: self.second & !other.second }
    }

    /// Whether the two have a name in common.
    #[must_use]
    pub const fn intersects(self, other: Self) -> bool {
        self.first & other.first | self.second & other.second != 0
    }

    const fn half(&mut self, name: Known) -> &mut u64 {
        if is_of_first_half(name) { &mut self.first } else { &mut self.second }
    }
}

const fn is_of_first_half(name: Known) -> bool {
    (name as u32) < u64::BITS
}

/// The bit of a name in its half.
const fn bit(name: Known) -> u64 {
    1 << (name as u32 % u64::BITS)
}

/// Whether eight bytes of a known name are those of another, whatever its case.
///
/// Known names are of small letters, digits and `-`, of which only letters have the bit 0x40, and only with letters is
/// the bit 0x20 a matter of case.
const fn is_same(known: u64, name: u64) -> bool {
    (known ^ name) & !((known & 0x4040_4040_4040_4040) >> 1) == 0
}

/// Whether two names of one length are the same in front of their last eight bytes, or a little further. Eight bytes
/// are compared at a time: this is done for each field of each message.
fn is_same_before_end(known: &[u8], name: &[u8]) -> bool {
    let (known, name) = (known.as_chunks::<8>().0, name.as_chunks::<8>().0);
    known.iter().zip(name).all(|(known, name)| is_same(u64::from_le_bytes(*known), u64::from_le_bytes(*name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_but_case_is_overlooked() {
        for known in Known::ALL {
            let text = known.as_str().as_bytes();
            assert!(text.iter().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-')), "{known:?}");
            for at in 0..text.len() {
                for byte in 0..=u8::MAX {
                    let mut other = text.to_vec();
                    other[at] = byte;
                    let same = is_same(end(text), end(&other)) && is_same_before_end(text, &other);
                    assert_eq!(same, text.eq_ignore_ascii_case(&other), "{known:?} {byte:#x}");
                }
            }
        }
    }

    #[test]
    fn every_known_name_is_found_in_any_case() {
        for known in Known::ALL {
            assert_eq!(Known::from_bytes(known.as_str().as_bytes()), Some(*known));
            assert_eq!(Known::from_bytes(known.as_str().to_uppercase().as_bytes()), Some(*known));
        }
        assert_eq!(Known::from_bytes(b""), None);
        assert_eq!(Known::from_bytes(b"x-other"), None);
        assert_eq!(Known::from_bytes(&[b'a'; 200]), None);
    }
}

//! The one table. A reason that is added here does not compile until its row is complete.

mod backend;
mod client;
mod connect;
mod connection;
mod dns;
mod health;
mod http2;
mod limits;
mod listener;
mod local;
mod routing;
mod streams;
mod tls;
mod upstream_tls;

use crate::Spec;

macro_rules! reasons {
    ($($family:ident { $($(#[$doc:meta])* $variant:ident = $row:ident,)* })*) => {
        /// Every way a request can fail, or be answered by the proxy itself: the root cause, under one
        /// name everywhere.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Reason { $($($(#[$doc])* $variant,)*)* }

        impl Reason {
            /// Every reason, by family.
            pub const ALL: &'static [Self] = &[$($(Self::$variant,)*)*];

            /// The families, in the order of the documentation: their names and members.
            pub const FAMILIES: &'static [(&'static str, &'static [Self])] =
                &[$((stringify!($family), &[$(Self::$variant,)*]),)*];

            /// The row of the catalogue.
            #[must_use]
            pub const fn spec(self) -> Spec {
                match self { $($(Self::$variant => $family::$row,)*)* }
            }
        }
    };
}

reasons! {
    client {
        /// The client closed the connection before its answer was complete.
        ClientDisconnected = CLIENT_DISCONNECTED,
        /// The first bytes are no HTTP: the client speaks another protocol.
        RequestNotHttp = REQUEST_NOT_HTTP,
        /// The first line is not a request line (RFC 9112 §3), or the method is unknown.
        RequestLineMalformed = REQUEST_LINE_MALFORMED,
        /// A field line is malformed (RFC 9112 §5).
        RequestHeaderMalformed = REQUEST_HEADER_MALFORMED,
        /// A field value holds a control character (RFC 9110 §5.5).
        RequestHeaderCharacters = REQUEST_HEADER_CHARACTERS,
        /// `Connection` names a header that the proxy itself relies on.
        RequestConnectionHeader = REQUEST_CONNECTION_HEADER,
        /// `Content-Length` is repeated or no number (RFC 9112 §6.3).
        RequestLengthInvalid = REQUEST_LENGTH_INVALID,
        /// `Content-Length` and `Transfer-Encoding` in one request (RFC 9112 §6.1).
        RequestFramingConflict = REQUEST_FRAMING_CONFLICT,
        /// A transfer coding other than exactly `chunked` (RFC 9112 §6.1).
        RequestTransferEncoding = REQUEST_TRANSFER_ENCODING,
        /// A chunk of the request body is malformed (RFC 9112 §7.1).
        RequestChunkMalformed = REQUEST_CHUNK_MALFORMED,
        /// The head is larger than `max_request_headers_kb`.
        RequestHeadersTooLarge = REQUEST_HEADERS_TOO_LARGE,
        /// The head has more fields than `max_headers_count`.
        RequestHeadersTooMany = REQUEST_HEADERS_TOO_MANY,
        /// The version is not HTTP/1.1, and HTTP/1.0 is not accepted.
        RequestHttpVersion = REQUEST_HTTP_VERSION,
        /// No `Host` in an HTTP/1.1 request (RFC 9112 §3.2).
        RequestHostMissing = REQUEST_HOST_MISSING,
        /// `Host` is repeated or not an authority (RFC 9112 §3.2).
        RequestHostInvalid = REQUEST_HOST_INVALID,
        /// The request target has no form that is allowed here (RFC 9112 §3.2).
        RequestTargetInvalid = REQUEST_TARGET_INVALID,
        /// The request target is an absolute URL of a scheme other than http and https.
        RequestSchemeInvalid = REQUEST_SCHEME_INVALID,
        /// The request target is no path: `OPTIONS *`, or an absolute URL where those are off.
        RequestTargetNotPath = REQUEST_TARGET_NOT_PATH,
        /// A QUERY request without `Content-Type`.
        RequestQueryWithoutType = REQUEST_QUERY_WITHOUT_TYPE,
        /// The path could not be normalised, or is refused by a path rule.
        RequestPathRejected = REQUEST_PATH_REJECTED,
        /// A header name with `_` under `REJECT_REQUEST`.
        RequestUnderscoreHeader = REQUEST_UNDERSCORE_HEADER,
        /// An `x-envoy-*` field under `strict_check_headers` has a value that is none.
        RequestEnvoyHeaderInvalid = REQUEST_ENVOY_HEADER_INVALID,
        /// A TLS ClientHello on a listener that speaks plain text.
        TlsOnPlainListener = TLS_ON_PLAIN_LISTENER,
        /// A PROXY protocol header on a listener that expects none.
        ProxyHeaderUnexpected = PROXY_HEADER_UNEXPECTED,
        /// An HTTP/2 preface on a listener that does not speak HTTP/2.
        Http2NotEnabled = HTTP2_NOT_ENABLED,
        /// The head did not arrive within `request_headers_timeout`.
        RequestHeadersTimeout = REQUEST_HEADERS_TIMEOUT,
        /// The request did not arrive within `request_timeout`.
        RequestTimeout = REQUEST_TIMEOUT,
        /// The client sent nothing of its request's body for `stream_idle_timeout`.
        RequestIdleTimeout = REQUEST_IDLE_TIMEOUT,
        /// The request was not complete when `max_stream_duration` had passed.
        RequestMaxDuration = REQUEST_MAX_DURATION,
    }
    listener {
        /// A listener that demands a PROXY protocol header, and a connection that does not begin with one.
        ProxyHeaderMissing = PROXY_HEADER_MISSING,
        /// A PROXY protocol header that is malformed, or of a version that is not allowed.
        ProxyHeaderInvalid = PROXY_HEADER_INVALID,
        /// The TLS inspector closes connections that do not begin with a ClientHello it can read.
        ClientHelloInvalid = CLIENT_HELLO_INVALID,
        /// The listener filters had not seen enough of the connection within `listener_filters_timeout`.
        ListenerFiltersTimeout = LISTENER_FILTERS_TIMEOUT,
        /// No filter chain of the listener is for the connection.
        NoFilterChain = NO_FILTER_CHAIN,
    }
    tls {
        /// The client spoke without TLS where TLS is expected.
        TlsNotSpoken = TLS_NOT_SPOKEN,
        /// No version of TLS is spoken by both sides.
        TlsVersionUnsupported = TLS_VERSION_UNSUPPORTED,
        /// No cipher suite, group or kind of certificate is known to both sides.
        TlsNoSharedCipher = TLS_NO_SHARED_CIPHER,
        /// The certificate needs an OCSP response, and there is none that holds.
        TlsOcspResponseMissing = TLS_OCSP_RESPONSE_MISSING,
        /// A client without the certificate that is demanded.
        TlsClientCertificateMissing = TLS_CLIENT_CERTIFICATE_MISSING,
        /// A client whose certificate is not accepted.
        TlsClientCertificateRefused = TLS_CLIENT_CERTIFICATE_REFUSED,
        /// The client does not accept what it was shown.
        TlsRefusedByClient = TLS_REFUSED_BY_CLIENT,
        /// The client closed in the middle of the handshake.
        TlsHandshakeClosed = TLS_HANDSHAKE_CLOSED,
        /// The handshake took longer than `transport_socket_connect_timeout`.
        TlsHandshakeTimeout = TLS_HANDSHAKE_TIMEOUT,
        /// The client broke the rules of TLS.
        TlsHandshakeFailed = TLS_HANDSHAKE_FAILED,
        /// A secret of the listener is not there yet.
        TlsSecretMissing = TLS_SECRET_MISSING,
    }
    streams {
        /// The client reset the stream (RFC 9113 §6.4).
        ClientReset = CLIENT_RESET,
        /// A frame breaks the rules of the connection (RFC 9113 §5.4.1).
        Http2ProtocolError = HTTP2_PROTOCOL_ERROR,
        /// A field that HTTP/2 does not allow (RFC 9113 §8.2).
        Http2FieldInvalid = HTTP2_FIELD_INVALID,
        /// The fields together are no request (RFC 9113 §8.3.1).
        Http2MessageInvalid = HTTP2_MESSAGE_INVALID,
        /// The body is not as long as content-length says (RFC 9113 §8.1.1).
        Http2LengthMismatch = HTTP2_LENGTH_MISMATCH,
        /// The request has more fields than `max_headers_count`.
        Http2TooManyFields = HTTP2_TOO_MANY_FIELDS,
        /// The fields are larger than `max_request_headers_kb`.
        Http2FieldsTooLarge = HTTP2_FIELDS_TOO_LARGE,
        /// A header name with `_` under `REJECT_REQUEST`, in HTTP/2.
        Http2UnderscoreHeader = HTTP2_UNDERSCORE_HEADER,
        /// More streams than `max_concurrent_streams`.
        Http2TooManyStreams = HTTP2_TOO_MANY_STREAMS,
        /// The client did not answer a PING within `connection_keepalive.timeout`.
        Http2PingTimeout = HTTP2_PING_TIMEOUT,
        /// Streams are opened and reset at once, again and again (CVE-2023-44487, CVE-2025-8671).
        Http2ResetFlood = HTTP2_RESET_FLOOD,
        /// A head of CONTINUATION frames without end (CVE-2024-27316).
        Http2ContinuationFlood = HTTP2_CONTINUATION_FLOOD,
        /// More answers to PING, SETTINGS and the like wait than `max_outbound_control_frames` (CVE-2019-9512, CVE-2019-9515).
        Http2ControlFlood = HTTP2_CONTROL_FLOOD,
        /// More frames wait for the client than `max_outbound_frames`.
        Http2OutboundFlood = HTTP2_OUTBOUND_FLOOD,
        /// More PRIORITY frames than `max_inbound_priority_frames_per_stream` (CVE-2019-9513).
        Http2PriorityFlood = HTTP2_PRIORITY_FLOOD,
        /// More WINDOW_UPDATE frames than `max_inbound_window_update_frames_per_data_frame_sent`.
        Http2WindowFlood = HTTP2_WINDOW_FLOOD,
        /// Frames without content, one behind the other (CVE-2019-9518).
        Http2EmptyFrameFlood = HTTP2_EMPTY_FRAME_FLOOD,
    }
    routing {
        /// No virtual host has a domain for the request's authority.
        NoVirtualHost = NO_VIRTUAL_HOST,
        /// The virtual host has no route for the request.
        NoRoute = NO_ROUTE,
        /// The route names a cluster that does not exist.
        ClusterNotFound = CLUSTER_NOT_FOUND,
        /// The request asks for an upgrade that is not configured.
        UpgradeNotEnabled = UPGRADE_NOT_ENABLED,
        /// The route answers by itself: `direct_response` or `redirect`.
        DirectResponse = DIRECT_RESPONSE,
    }
    dns {
        /// The name does not exist (NXDOMAIN).
        DnsNameNotFound = DNS_NAME_NOT_FOUND,
        /// The name has no address of the family that `dns_lookup_family` asks for.
        DnsNoAddress = DNS_NO_ADDRESS,
        /// The name server answered that it failed or refuses.
        DnsServerFailure = DNS_SERVER_FAILURE,
        /// No name server answered in time.
        DnsTimeout = DNS_TIMEOUT,
    }
    connect {
        /// The back-end's host answered that nothing listens on the port.
        ConnectRefused = CONNECT_REFUSED,
        /// A firewall on the way refused the connection and said so by ICMP.
        ConnectRejected = CONNECT_REJECTED,
        /// No answer within `connect_timeout`.
        ConnectTimeout = CONNECT_TIMEOUT,
        /// The host can't be reached: it does not answer on its network, or a router says so.
        HostUnreachable = HOST_UNREACHABLE,
        /// This host has no route to the back-end's network.
        NetworkUnreachable = NETWORK_UNREACHABLE,
        /// The connection was reset while it was being made.
        ConnectReset = CONNECT_RESET,
        /// All local ports towards the back-end are in use.
        LocalPortsExhausted = LOCAL_PORTS_EXHAUSTED,
        /// The process has no file descriptor left.
        DescriptorsExhausted = DESCRIPTORS_EXHAUSTED,
        /// The connection can't come from where `upstream_bind_config` says.
        SourceBindFailed = SOURCE_BIND_FAILED,
        /// The kernel does not let this process connect.
        ConnectNotPermitted = CONNECT_NOT_PERMITTED,
        /// The Unix socket does not exist.
        SocketPathMissing = SOCKET_PATH_MISSING,
        /// Any other error of the connect call; the evidence names it.
        ConnectFailed = CONNECT_FAILED,
    }
    upstream_tls {
        /// A certificate of the back-end is out of date.
        UpstreamTlsExpired = UPSTREAM_TLS_EXPIRED,
        /// A certificate of the back-end is not valid yet.
        UpstreamTlsNotYetValid = UPSTREAM_TLS_NOT_YET_VALID,
        /// Nobody who is trusted has issued the back-end's certificate.
        UpstreamTlsUnknownIssuer = UPSTREAM_TLS_UNKNOWN_ISSUER,
        /// The back-end's certificate, or the highest above it, has signed itself and is not trusted.
        UpstreamTlsSelfSigned = UPSTREAM_TLS_SELF_SIGNED,
        /// The back-end's certificate is revoked.
        UpstreamTlsRevoked = UPSTREAM_TLS_REVOKED,
        /// There is no current list of revoked certificates of the issuer.
        UpstreamTlsRevocationUnknown = UPSTREAM_TLS_REVOCATION_UNKNOWN,
        /// The back-end's certificate is for something else.
        UpstreamTlsPurpose = UPSTREAM_TLS_PURPOSE,
        /// The back-end's certificate bears another name.
        UpstreamTlsNameMismatch = UPSTREAM_TLS_NAME_MISMATCH,
        /// The back-end's certificate is not the one that was pinned.
        UpstreamTlsPinMismatch = UPSTREAM_TLS_PIN_MISMATCH,
        /// The back-end's certificates are broken.
        UpstreamTlsBadCertificate = UPSTREAM_TLS_BAD_CERTIFICATE,
        /// The back-end wants a client certificate, and there is none.
        UpstreamTlsClientCertificateMissing = UPSTREAM_TLS_CLIENT_CERTIFICATE_MISSING,
        /// The back-end does not take the client certificate.
        UpstreamTlsClientCertificateRefused = UPSTREAM_TLS_CLIENT_CERTIFICATE_REFUSED,
        /// No common version of TLS.
        UpstreamTlsVersion = UPSTREAM_TLS_VERSION,
        /// No common cipher suite, group or signature.
        UpstreamTlsNoCommonParameters = UPSTREAM_TLS_NO_COMMON_PARAMETERS,
        /// The back-end does not know the server's name.
        UpstreamTlsServerName = UPSTREAM_TLS_SERVER_NAME,
        /// The back-end speaks none of the protocols that were offered.
        UpstreamTlsAlpn = UPSTREAM_TLS_ALPN,
        /// The back-end ended the handshake with another alert.
        UpstreamTlsAlert = UPSTREAM_TLS_ALERT,
        /// The back-end answered the handshake in plain text.
        UpstreamTlsPlain = UPSTREAM_TLS_PLAIN,
        /// The back-end broke the TLS protocol in the handshake.
        UpstreamTlsBroken = UPSTREAM_TLS_BROKEN,
        /// The back-end closed the connection in the handshake.
        UpstreamTlsClosed = UPSTREAM_TLS_CLOSED,
        /// The connection was reset in the handshake.
        UpstreamTlsReset = UPSTREAM_TLS_RESET,
        /// The handshake was not complete within `connect_timeout`.
        UpstreamTlsTimeout = UPSTREAM_TLS_TIMEOUT,
        /// The TLS of the cluster can't be used yet.
        UpstreamTlsNotReady = UPSTREAM_TLS_NOT_READY,
    }
    health {
        /// The cluster has no endpoints.
        NoEndpoints = NO_ENDPOINTS,
        /// No endpoint has what the route asks for (`metadata_match`).
        NoSubset = NO_SUBSET,
        /// The request or connection does not say where it goes (`ORIGINAL_DST`).
        NoOriginalDestination = NO_ORIGINAL_DESTINATION,
        /// The file itself takes the endpoint out of use (`health_status`).
        EndpointDisabled = ENDPOINT_DISABLED,
        /// Outlier detection has ejected the endpoint.
        OutlierEjected = OUTLIER_EJECTED,
        /// The first health check has not been answered yet.
        HealthCheckPending = HEALTH_CHECK_PENDING,
        /// The health check's path answers 404.
        HealthCheckNotFound = HEALTH_CHECK_NOT_FOUND,
        /// The health check's path answers with a redirect.
        HealthCheckRedirect = HEALTH_CHECK_REDIRECT,
        /// The health check is asked for credentials (401 or 403).
        HealthCheckUnauthorized = HEALTH_CHECK_UNAUTHORIZED,
        /// The health check's path answers 5xx.
        HealthCheckServerError = HEALTH_CHECK_SERVER_ERROR,
        /// The health check's path answers any other status that is not expected.
        HealthCheckStatus = HEALTH_CHECK_STATUS,
        /// The health check was not answered within its `timeout`.
        HealthCheckTimeout = HEALTH_CHECK_TIMEOUT,
        /// The back-end closed the connection without answering the health check.
        HealthCheckClosed = HEALTH_CHECK_CLOSED,
        /// The answer to the health check is not what the checker speaks.
        HealthCheckProtocol = HEALTH_CHECK_PROTOCOL,
        /// The gRPC health service does not say that the service may be used.
        HealthCheckNotServing = HEALTH_CHECK_NOT_SERVING,
    }
    backend {
        /// The back-end closed a fresh connection without answering.
        UpstreamClosed = UPSTREAM_CLOSED,
        /// The back-end reset the connection without answering.
        UpstreamReset = UPSTREAM_RESET,
        /// The back-end closed a reused connection just as the request was sent on it.
        KeepaliveRace = KEEPALIVE_RACE,
        /// The connection ended inside the response's head.
        UpstreamClosedInHead = UPSTREAM_CLOSED_IN_HEAD,
        /// The connection ended before the response's body was complete.
        UpstreamClosedInBody = UPSTREAM_CLOSED_IN_BODY,
        /// The connection was reset before the response's body was complete.
        UpstreamResetInBody = UPSTREAM_RESET_IN_BODY,
        /// The back-end answered with something that is not HTTP.
        UpstreamNotHttp = UPSTREAM_NOT_HTTP,
        /// The back-end answered with a TLS record.
        UpstreamSpeaksTls = UPSTREAM_SPEAKS_TLS,
        /// The back-end answered with HTTP/2 frames.
        UpstreamSpeaksHttp2 = UPSTREAM_SPEAKS_HTTP2,
        /// A field line of the response is malformed.
        UpstreamHeaderMalformed = UPSTREAM_HEADER_MALFORMED,
        /// The response's head ends its lines in bare LF, or holds NUL.
        UpstreamHeadUnterminated = UPSTREAM_HEAD_UNTERMINATED,
        /// The response's length can't be told: conflicting, repeated or malformed framing fields.
        UpstreamFraming = UPSTREAM_FRAMING,
        /// A chunk of the response's body is malformed.
        UpstreamChunkMalformed = UPSTREAM_CHUNK_MALFORMED,
        /// The response's head is larger than allowed.
        UpstreamHeadersTooLarge = UPSTREAM_HEADERS_TOO_LARGE,
        /// The response's head has more fields than allowed.
        UpstreamHeadersTooMany = UPSTREAM_HEADERS_TOO_MANY,
        /// The back-end switched protocols though nobody asked.
        UpstreamSwitchedUnasked = UPSTREAM_SWITCHED_UNASKED,
        /// The back-end itself answered 5xx.
        UpstreamStatus = UPSTREAM_STATUS,
    }
    http2 {
        /// The back-end reset the stream.
        UpstreamStreamReset = UPSTREAM_STREAM_RESET,
        /// The back-end refused the stream (RFC 9113 §8.7): nothing was done with the request.
        UpstreamStreamRefused = UPSTREAM_STREAM_REFUSED,
        /// A GOAWAY of the back-end leaves this stream out: nothing was done with the request.
        UpstreamGoaway = UPSTREAM_GOAWAY,
        /// The back-end reset the stream with `CONNECT_ERROR`.
        UpstreamTunnelFailed = UPSTREAM_TUNNEL_FAILED,
        /// The back-end reset the stream with `PROTOCOL_ERROR`.
        UpstreamFoundFault = UPSTREAM_FOUND_FAULT,
        /// The back-end closed the connection with requests on it.
        UpstreamConnectionLost = UPSTREAM_CONNECTION_LOST,
        /// The back-end did not answer a PING in time.
        UpstreamPingTimeout = UPSTREAM_PING_TIMEOUT,
        /// The back-end answered HTTP/2 in HTTP/1.
        UpstreamSpeaksHttp1 = UPSTREAM_SPEAKS_HTTP1,
        /// The back-end broke the rules of the connection.
        UpstreamHttp2Broken = UPSTREAM_HTTP2_BROKEN,
        /// The back-end broke the rules of a message (RFC 9113 §8.1.1).
        UpstreamMessageMalformed = UPSTREAM_MESSAGE_MALFORMED,
        /// The back-end sent too many frames that carry nothing.
        UpstreamFlood = UPSTREAM_FLOOD,
        /// The response's head is larger, or has more fields, than allowed.
        UpstreamHeadOverflow = UPSTREAM_HEAD_OVERFLOW,
        /// The request's authority or method can't stand in a message of HTTP/2.
        RequestUnsendable = REQUEST_UNSENDABLE,
    }
    limits {
        /// The route's `timeout` passed.
        RouteTimeout = ROUTE_TIMEOUT,
        /// An attempt was not answered within `per_try_timeout`.
        PerTryTimeout = PER_TRY_TIMEOUT,
        /// Nothing moved on an attempt for `per_try_idle_timeout`.
        PerTryIdleTimeout = PER_TRY_IDLE_TIMEOUT,
        /// Nothing moved for the stream idle timeout.
        StreamIdleTimeout = STREAM_IDLE_TIMEOUT,
        /// The stream ran into `max_stream_duration`.
        MaxStreamDuration = MAX_STREAM_DURATION,
        /// The request ran into the cluster's `max_stream_duration`.
        UpstreamMaxStreamDuration = UPSTREAM_MAX_STREAM_DURATION,
        /// The circuit breaker `max_connections` is open for a connection that is passed on.
        CircuitBreakerConnections = CIRCUIT_BREAKER_CONNECTIONS,
        /// The circuit breaker `max_pending_requests` is open.
        CircuitBreakerPending = CIRCUIT_BREAKER_PENDING,
        /// The circuit breaker `max_requests` is open.
        CircuitBreakerRequests = CIRCUIT_BREAKER_REQUESTS,
        /// The overload manager lets no request through (`stop_accepting_requests`, a load shed point).
        Overloaded = OVERLOADED,
        /// The overload manager lets no request be read (`http1_server_abort_dispatch`).
        OverloadedDispatch = OVERLOADED_DISPATCH,
        /// The overload manager lets no connection to a back-end be made (`connection_pool_new_connection`).
        OverloadedPool = OVERLOADED_POOL,
    }
    connection {
        /// The network filter `connection_limit` lets no more connections be open.
        ConnectionLimit = CONNECTION_LIMIT,
        /// The network filter `local_ratelimit` lets no more connections in for the moment.
        ConnectionRateLimited = CONNECTION_RATE_LIMITED,
        /// The overload manager lets no connection be passed on (`tcp_proxy_upstream_connect`, `tcp_proxy_on_data`).
        OverloadedConnection = OVERLOADED_CONNECTION,
        /// Nothing moved on a connection for the TCP proxy's `idle_timeout`.
        TcpIdleTimeout = TCP_IDLE_TIMEOUT,
        /// A connection reached the TCP proxy's `max_downstream_connection_duration`.
        TcpMaxDuration = TCP_MAX_DURATION,
        /// The client reset a connection that was passed on.
        TcpClientReset = TCP_CLIENT_RESET,
        /// The back-end reset a connection that was passed on to it.
        TcpUpstreamReset = TCP_UPSTREAM_RESET,
    }
    local {
        /// A health check of the proxy, which has been told to fail them (`/healthcheck/fail`).
        DeclaredFailing = DECLARED_FAILING,
        /// A health check of the proxy, which depends on a cluster that does not exist.
        OwnHealthClusterNotFound = OWN_HEALTH_CLUSTER_NOT_FOUND,
        /// A health check of the proxy, which depends on a cluster that has no hosts.
        OwnHealthClusterEmpty = OWN_HEALTH_CLUSTER_EMPTY,
        /// A health check of the proxy, which depends on a cluster that has too few usable hosts.
        OwnHealthClusterUnhealthy = OWN_HEALTH_CLUSTER_UNHEALTHY,
        /// A health check of the proxy, answered with what a back-end said a while ago (`cache_time`).
        OwnHealthKept = OWN_HEALTH_KEPT,
        /// The proxy stopped before the request was done.
        DrainDeadline = DRAIN_DEADLINE,
        /// The request ended without an outcome: a defect of the proxy.
        Dropped = DROPPED,
    }
}

impl Reason {
    /// The reason's name, as in [`Spec::key`].
    #[must_use]
    pub const fn key(self) -> &'static str {
        self.spec().key
    }

    /// The reason of that name.
    #[must_use]
    pub fn from_key(key: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|reason| reason.key() == key)
    }
}

/// gRPC status that stands for an HTTP status, as Envoy maps local replies.
#[must_use]
pub const fn grpc(status: u16) -> u8 {
    match status {
        400 => 13,
        401 => 16,
        403 => 7,
        404 => 12,
        429 | 502 | 503 | 504 => 14,
        _ => 2,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn keys_are_unique_and_well_formed() {
        let mut seen = HashSet::new();
        for reason in Reason::ALL {
            let key = reason.key();
            assert!(seen.insert(key), "{key} twice");
            assert!(
                key.len() <= 40
                    && key.bytes().all(|b| b.is_ascii_lowercase() || b == b'_' || b.is_ascii_digit())
            );
            assert_eq!(Reason::from_key(key), Some(*reason));
        }
        assert_eq!(Reason::from_key("no such reason"), None);
    }

    #[test]
    fn every_row_says_something_in_both_languages() {
        for reason in Reason::ALL {
            let spec = reason.spec();
            for text in [spec.sentence, spec.advice] {
                assert!(text.en.len() > 15 && text.en.ends_with('.'), "{}: {}", spec.key, text.en);
                assert!(text.ko.chars().any(|c| ('가'..='힣').contains(&c)), "{}: {}", spec.key, text.ko);
            }
        }
    }

    #[test]
    fn families_hold_every_reason_once() {
        let all: Vec<_> = Reason::FAMILIES.iter().flat_map(|(_, members)| members.iter().copied()).collect();
        assert_eq!(all, Reason::ALL);
    }

    #[test]
    fn grpc_codes_follow_the_status() {
        for reason in Reason::ALL {
            let spec = reason.spec();
            // Whoever had a limit of time is told that it has passed, whatever the status.
            let of_time = [Reason::MaxStreamDuration, Reason::RequestMaxDuration].contains(reason);
            if spec.answer.status != 0 {
                let code = if of_time { 4 } else { grpc(spec.answer.status) };
                assert_eq!(spec.grpc, code, "{}", spec.key);
            }
        }
    }
}

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
use crate::codes::codes;

codes! {
    /// Every way a request can fail, or be answered by the proxy itself: the root cause, under one
    /// name everywhere.
    enum Reason: Spec;
    client {
        /// The client closed the connection before its answer was complete.
        ClientDisconnected = O808 CLIENT_DISCONNECTED,
        /// The first bytes are no HTTP: the client speaks another protocol.
        RequestNotHttp = K921 REQUEST_NOT_HTTP,
        /// The first line is not a request line (RFC 9112 §3), or the method is unknown.
        RequestLineMalformed = K922 REQUEST_LINE_MALFORMED,
        /// A field line is malformed (RFC 9112 §5).
        RequestHeaderMalformed = K923 REQUEST_HEADER_MALFORMED,
        /// A field value holds a control character (RFC 9110 §5.5).
        RequestHeaderCharacters = K924 REQUEST_HEADER_CHARACTERS,
        /// `Connection` names a header that the proxy itself relies on.
        RequestConnectionHeader = K925 REQUEST_CONNECTION_HEADER,
        /// `Content-Length` is repeated or no number (RFC 9112 §6.3).
        RequestLengthInvalid = K926 REQUEST_LENGTH_INVALID,
        /// `Content-Length` and `Transfer-Encoding` in one request (RFC 9112 §6.1).
        RequestFramingConflict = K914 REQUEST_FRAMING_CONFLICT,
        /// A transfer coding other than exactly `chunked` (RFC 9112 §6.1).
        RequestTransferEncoding = K927 REQUEST_TRANSFER_ENCODING,
        /// A chunk of the request body is malformed (RFC 9112 §7.1).
        RequestChunkMalformed = K928 REQUEST_CHUNK_MALFORMED,
        /// The head is larger than `max_request_headers_kb`.
        RequestHeadersTooLarge = L710 REQUEST_HEADERS_TOO_LARGE,
        /// The head has more fields than `max_headers_count`.
        RequestHeadersTooMany = L711 REQUEST_HEADERS_TOO_MANY,
        /// The version is not HTTP/1.1, and HTTP/1.0 is not accepted.
        RequestHttpVersion = K909 REQUEST_HTTP_VERSION,
        /// No `Host` in an HTTP/1.1 request (RFC 9112 §3.2).
        RequestHostMissing = K910 REQUEST_HOST_MISSING,
        /// `Host` is repeated or not an authority (RFC 9112 §3.2).
        RequestHostInvalid = K929 REQUEST_HOST_INVALID,
        /// CONNECT with a body (RFC 9110 §9.3.6).
        RequestConnectWithBody = K945 REQUEST_CONNECT_WITH_BODY,
        /// The request target has no form that is allowed here (RFC 9112 §3.2).
        RequestTargetInvalid = K930 REQUEST_TARGET_INVALID,
        /// The request target is an absolute URL of a scheme other than http and https.
        RequestSchemeInvalid = K931 REQUEST_SCHEME_INVALID,
        /// An absolute URL of `https` was asked for on a connection without TLS, and nobody in front ends it.
        RequestHttpsOnPlain = K944 REQUEST_HTTPS_ON_PLAIN,
        /// The request target is no path: `OPTIONS *`, or an absolute URL where those are off.
        RequestTargetNotPath = K932 REQUEST_TARGET_NOT_PATH,
        /// A QUERY request without `Content-Type`.
        RequestQueryWithoutType = K933 REQUEST_QUERY_WITHOUT_TYPE,
        /// The path could not be normalised, or is refused by a path rule.
        RequestPathRejected = K913 REQUEST_PATH_REJECTED,
        /// A header name with `_` under `REJECT_REQUEST`.
        RequestUnderscoreHeader = K912 REQUEST_UNDERSCORE_HEADER,
        /// An `x-envoy-*` field under `strict_check_headers` has a value that is none.
        RequestEnvoyHeaderInvalid = K934 REQUEST_ENVOY_HEADER_INVALID,
        /// A TLS ClientHello on a listener that speaks plain text.
        TlsOnPlainListener = K902 TLS_ON_PLAIN_LISTENER,
        /// A PROXY protocol header on a listener that expects none.
        ProxyHeaderUnexpected = K908 PROXY_HEADER_UNEXPECTED,
        /// An HTTP/2 preface on a listener that does not speak HTTP/2.
        Http2NotEnabled = K911 HTTP2_NOT_ENABLED,
        /// The head did not arrive within `request_headers_timeout`.
        RequestHeadersTimeout = O806 REQUEST_HEADERS_TIMEOUT,
        /// The request did not arrive within `request_timeout`.
        RequestTimeout = O812 REQUEST_TIMEOUT,
        /// The client sent nothing of its request's body for `stream_idle_timeout`.
        RequestIdleTimeout = O813 REQUEST_IDLE_TIMEOUT,
        /// The request was not complete when `max_stream_duration` had passed.
        RequestMaxDuration = O814 REQUEST_MAX_DURATION,
    }
    listener {
        /// A listener that demands a PROXY protocol header, and a connection that does not begin with one.
        ProxyHeaderMissing = K907 PROXY_HEADER_MISSING,
        /// A PROXY protocol header that is malformed, or of a version that is not allowed.
        ProxyHeaderInvalid = K935 PROXY_HEADER_INVALID,
        /// The TLS inspector closes connections that do not begin with a ClientHello it can read.
        ClientHelloInvalid = K936 CLIENT_HELLO_INVALID,
        /// The listener filters had not seen enough of the connection within `listener_filters_timeout`.
        ListenerFiltersTimeout = O815 LISTENER_FILTERS_TIMEOUT,
        /// No filter chain of the listener is for the connection.
        NoFilterChain = K903 NO_FILTER_CHAIN,
    }
    tls {
        /// The client spoke without TLS where TLS is expected.
        TlsNotSpoken = K901 TLS_NOT_SPOKEN,
        /// No version of TLS is spoken by both sides.
        TlsVersionUnsupported = K937 TLS_VERSION_UNSUPPORTED,
        /// No cipher suite, group or kind of certificate is known to both sides.
        TlsNoSharedCipher = K938 TLS_NO_SHARED_CIPHER,
        /// The certificate needs an OCSP response, and there is none that holds.
        TlsOcspResponseMissing = K939 TLS_OCSP_RESPONSE_MISSING,
        /// A client without the certificate that is demanded.
        TlsClientCertificateMissing = K904 TLS_CLIENT_CERTIFICATE_MISSING,
        /// A client whose certificate is not accepted.
        TlsClientCertificateRefused = K905 TLS_CLIENT_CERTIFICATE_REFUSED,
        /// The client does not accept what it was shown.
        TlsRefusedByClient = K906 TLS_REFUSED_BY_CLIENT,
        /// The client closed in the middle of the handshake.
        TlsHandshakeClosed = K941 TLS_HANDSHAKE_CLOSED,
        /// The handshake took longer than `transport_socket_connect_timeout`.
        TlsHandshakeTimeout = O816 TLS_HANDSHAKE_TIMEOUT,
        /// The client broke the rules of TLS.
        TlsHandshakeFailed = K942 TLS_HANDSHAKE_FAILED,
        /// A secret of the listener is not there yet.
        TlsSecretMissing = K943 TLS_SECRET_MISSING,
    }
    streams {
        /// The client reset the stream (RFC 9113 §6.4).
        ClientReset = K950 CLIENT_RESET,
        /// A frame breaks the rules of the connection (RFC 9113 §5.4.1).
        Http2ProtocolError = K951 HTTP2_PROTOCOL_ERROR,
        /// A field that HTTP/2 does not allow (RFC 9113 §8.2).
        Http2FieldInvalid = K952 HTTP2_FIELD_INVALID,
        /// The fields together are no request (RFC 9113 §8.3.1).
        Http2MessageInvalid = K953 HTTP2_MESSAGE_INVALID,
        /// The body is not as long as content-length says (RFC 9113 §8.1.1).
        Http2LengthMismatch = K954 HTTP2_LENGTH_MISMATCH,
        /// The request has more fields than `max_headers_count`.
        Http2TooManyFields = K955 HTTP2_TOO_MANY_FIELDS,
        /// The fields are larger than `max_request_headers_kb`.
        Http2FieldsTooLarge = K956 HTTP2_FIELDS_TOO_LARGE,
        /// A header name with `_` under `REJECT_REQUEST`, in HTTP/2.
        Http2UnderscoreHeader = K957 HTTP2_UNDERSCORE_HEADER,
        /// More streams than `max_concurrent_streams`.
        Http2TooManyStreams = K958 HTTP2_TOO_MANY_STREAMS,
        /// The client did not answer a PING within `connection_keepalive.timeout`.
        Http2PingTimeout = K959 HTTP2_PING_TIMEOUT,
        /// Streams are opened and reset at once, again and again (CVE-2023-44487, CVE-2025-8671).
        Http2ResetFlood = K960 HTTP2_RESET_FLOOD,
        /// A head of CONTINUATION frames without end (CVE-2024-27316).
        Http2ContinuationFlood = K961 HTTP2_CONTINUATION_FLOOD,
        /// More answers to PING, SETTINGS and the like wait than `max_outbound_control_frames` (CVE-2019-9512, CVE-2019-9515).
        Http2ControlFlood = K962 HTTP2_CONTROL_FLOOD,
        /// More frames wait for the client than `max_outbound_frames`.
        Http2OutboundFlood = K963 HTTP2_OUTBOUND_FLOOD,
        /// More PRIORITY frames than `max_inbound_priority_frames_per_stream` (CVE-2019-9513).
        Http2PriorityFlood = K964 HTTP2_PRIORITY_FLOOD,
        /// More WINDOW_UPDATE frames than `max_inbound_window_update_frames_per_data_frame_sent`.
        Http2WindowFlood = K965 HTTP2_WINDOW_FLOOD,
        /// Frames without content, one behind the other (CVE-2019-9518).
        Http2EmptyFrameFlood = K966 HTTP2_EMPTY_FRAME_FLOOD,
    }
    routing {
        /// No virtual host has a domain for the request's authority.
        NoVirtualHost = R601 NO_VIRTUAL_HOST,
        /// A virtual host has the domain, but not with the port that stands in the request's authority.
        PortInHost = R602 PORT_IN_HOST,
        /// The virtual host has no route for the request.
        NoRoute = R603 NO_ROUTE,
        /// The same for a browser's question whether it may ask (CORS preflight).
        PreflightUnrouted = R615 PREFLIGHT_UNROUTED,
        /// The route leaves the cluster to a header of the request, which is not there.
        ClusterHeaderUnusable = R606 CLUSTER_HEADER_UNUSABLE,
        /// The route names a cluster that does not exist.
        ClusterNotFound = R605 CLUSTER_NOT_FOUND,
        /// The request asks for an upgrade that is not configured.
        UpgradeNotEnabled = K915 UPGRADE_NOT_ENABLED,
        /// The route answers by itself: `direct_response` or `redirect`.
        DirectResponse = R609 DIRECT_RESPONSE,
    }
    dns {
        /// The name does not exist (NXDOMAIN).
        DnsNameNotFound = D101 DNS_NAME_NOT_FOUND,
        /// The name has no address of the family that `dns_lookup_family` asks for.
        DnsNoAddress = D102 DNS_NO_ADDRESS,
        /// The name server answered that it failed or refuses.
        DnsServerFailure = D104 DNS_SERVER_FAILURE,
        /// No name server answered in time.
        DnsTimeout = D105 DNS_TIMEOUT,
    }
    connect {
        /// The back-end's host answered that nothing listens on the port.
        ConnectRefused = T201 CONNECT_REFUSED,
        /// A firewall on the way refused the connection and said so by ICMP.
        ConnectRejected = T203 CONNECT_REJECTED,
        /// No answer within `connect_timeout`.
        ConnectTimeout = T204 CONNECT_TIMEOUT,
        /// The host can't be reached: it does not answer on its network, or a router says so.
        HostUnreachable = T205 HOST_UNREACHABLE,
        /// This host has no route to the back-end's network.
        NetworkUnreachable = T206 NETWORK_UNREACHABLE,
        /// The connection was reset while it was being made.
        ConnectReset = T212 CONNECT_RESET,
        /// All local ports towards the back-end are in use.
        LocalPortsExhausted = T208 LOCAL_PORTS_EXHAUSTED,
        /// The process has no file descriptor left.
        DescriptorsExhausted = T209 DESCRIPTORS_EXHAUSTED,
        /// The connection can't come from where `upstream_bind_config` says.
        SourceBindFailed = T210 SOURCE_BIND_FAILED,
        /// The kernel does not let this process connect.
        ConnectNotPermitted = T220 CONNECT_NOT_PERMITTED,
        /// The Unix socket does not exist.
        SocketPathMissing = T213 SOCKET_PATH_MISSING,
        /// Any other error of the connect call; the evidence names it.
        ConnectFailed = T221 CONNECT_FAILED,
    }
    upstream_tls {
        /// A certificate of the back-end is out of date.
        UpstreamTlsExpired = S304 UPSTREAM_TLS_EXPIRED,
        /// A certificate of the back-end is not valid yet.
        UpstreamTlsNotYetValid = S320 UPSTREAM_TLS_NOT_YET_VALID,
        /// Nobody who is trusted has issued the back-end's certificate.
        UpstreamTlsUnknownIssuer = S303 UPSTREAM_TLS_UNKNOWN_ISSUER,
        /// The back-end's certificate, or the highest above it, has signed itself and is not trusted.
        UpstreamTlsSelfSigned = S321 UPSTREAM_TLS_SELF_SIGNED,
        /// The back-end's certificate is revoked.
        UpstreamTlsRevoked = S322 UPSTREAM_TLS_REVOKED,
        /// There is no current list of revoked certificates of the issuer.
        UpstreamTlsRevocationUnknown = S323 UPSTREAM_TLS_REVOCATION_UNKNOWN,
        /// The back-end's certificate is for something else.
        UpstreamTlsPurpose = S324 UPSTREAM_TLS_PURPOSE,
        /// The back-end's certificate bears another name.
        UpstreamTlsNameMismatch = S305 UPSTREAM_TLS_NAME_MISMATCH,
        /// The back-end's certificate is not the one that was pinned.
        UpstreamTlsPinMismatch = S325 UPSTREAM_TLS_PIN_MISMATCH,
        /// The back-end's certificates are broken.
        UpstreamTlsBadCertificate = S326 UPSTREAM_TLS_BAD_CERTIFICATE,
        /// The back-end wants a client certificate, and there is none.
        UpstreamTlsClientCertificateMissing = S306 UPSTREAM_TLS_CLIENT_CERTIFICATE_MISSING,
        /// The back-end does not take the client certificate.
        UpstreamTlsClientCertificateRefused = S307 UPSTREAM_TLS_CLIENT_CERTIFICATE_REFUSED,
        /// No common version of TLS.
        UpstreamTlsVersion = S310 UPSTREAM_TLS_VERSION,
        /// No common cipher suite, group or signature.
        UpstreamTlsNoCommonParameters = S311 UPSTREAM_TLS_NO_COMMON_PARAMETERS,
        /// The back-end does not know the server's name.
        UpstreamTlsServerName = S309 UPSTREAM_TLS_SERVER_NAME,
        /// The back-end speaks none of the protocols that were offered.
        UpstreamTlsAlpn = S313 UPSTREAM_TLS_ALPN,
        /// The back-end ended the handshake with another alert.
        UpstreamTlsAlert = S327 UPSTREAM_TLS_ALERT,
        /// The back-end answered the handshake in plain text.
        UpstreamTlsPlain = S301 UPSTREAM_TLS_PLAIN,
        /// The back-end broke the TLS protocol in the handshake.
        UpstreamTlsBroken = S328 UPSTREAM_TLS_BROKEN,
        /// The back-end closed the connection in the handshake.
        UpstreamTlsClosed = S329 UPSTREAM_TLS_CLOSED,
        /// The connection was reset in the handshake.
        UpstreamTlsReset = S330 UPSTREAM_TLS_RESET,
        /// The handshake was not complete within `connect_timeout`.
        UpstreamTlsTimeout = S331 UPSTREAM_TLS_TIMEOUT,
        /// The TLS of the cluster can't be used yet.
        UpstreamTlsNotReady = S332 UPSTREAM_TLS_NOT_READY,
    }
    health {
        /// The cluster has no endpoints.
        NoEndpoints = H520 NO_ENDPOINTS,
        /// No endpoint has what the route asks for (`metadata_match`).
        NoSubset = R607 NO_SUBSET,
        /// The request or connection does not say where it goes (`ORIGINAL_DST`).
        NoOriginalDestination = R618 NO_ORIGINAL_DESTINATION,
        /// The file itself takes the endpoint out of use (`health_status`).
        EndpointDisabled = H521 ENDPOINT_DISABLED,
        /// Outlier detection has ejected the endpoint.
        OutlierEjected = H511 OUTLIER_EJECTED,
        /// The first health check has not been answered yet.
        HealthCheckPending = H508 HEALTH_CHECK_PENDING,
        /// The health check's path answers 404.
        HealthCheckNotFound = H501 HEALTH_CHECK_NOT_FOUND,
        /// The health check's path answers with a redirect.
        HealthCheckRedirect = H502 HEALTH_CHECK_REDIRECT,
        /// The health check is asked for credentials (401 or 403).
        HealthCheckUnauthorized = H503 HEALTH_CHECK_UNAUTHORIZED,
        /// The health check's path answers 5xx.
        HealthCheckServerError = H504 HEALTH_CHECK_SERVER_ERROR,
        /// The health check's path answers any other status that is not expected.
        HealthCheckStatus = H522 HEALTH_CHECK_STATUS,
        /// The health check was not answered within its `timeout`.
        HealthCheckTimeout = H506 HEALTH_CHECK_TIMEOUT,
        /// The back-end closed the connection without answering the health check.
        HealthCheckClosed = H523 HEALTH_CHECK_CLOSED,
        /// The answer to the health check is not what the checker speaks.
        HealthCheckProtocol = H507 HEALTH_CHECK_PROTOCOL,
        /// The gRPC health service does not say that the service may be used.
        HealthCheckNotServing = H524 HEALTH_CHECK_NOT_SERVING,
        /// The agent beside the back-end says that it is down.
        AgentDown = H525 AGENT_DOWN,
        /// The agent beside the back-end wants no new requests for it.
        AgentDrained = H526 AGENT_DRAINED,
    }
    backend {
        /// The back-end closed a fresh connection without answering.
        UpstreamClosed = P412 UPSTREAM_CLOSED,
        /// The back-end reset the connection without answering.
        UpstreamReset = P430 UPSTREAM_RESET,
        /// The back-end closed a reused connection just as the request was sent on it.
        KeepaliveRace = P411 KEEPALIVE_RACE,
        /// The connection ended inside the response's head.
        UpstreamClosedInHead = P431 UPSTREAM_CLOSED_IN_HEAD,
        /// The connection ended before the response's body was complete.
        UpstreamClosedInBody = P408 UPSTREAM_CLOSED_IN_BODY,
        /// The connection was reset before the response's body was complete.
        UpstreamResetInBody = P432 UPSTREAM_RESET_IN_BODY,
        /// The back-end answered with something that is not HTTP.
        UpstreamNotHttp = P401 UPSTREAM_NOT_HTTP,
        /// The back-end answered with a TLS record.
        UpstreamSpeaksTls = S302 UPSTREAM_SPEAKS_TLS,
        /// The back-end answered with HTTP/2 frames.
        UpstreamSpeaksHttp2 = P403 UPSTREAM_SPEAKS_HTTP2,
        /// A field line of the response is malformed.
        UpstreamHeaderMalformed = P407 UPSTREAM_HEADER_MALFORMED,
        /// The response's head ends its lines in bare LF, or holds NUL.
        UpstreamHeadUnterminated = P433 UPSTREAM_HEAD_UNTERMINATED,
        /// The response's length can't be told: conflicting, repeated or malformed framing fields.
        UpstreamFraming = P404 UPSTREAM_FRAMING,
        /// A chunk of the response's body is malformed.
        UpstreamChunkMalformed = P434 UPSTREAM_CHUNK_MALFORMED,
        /// The response's head is larger than allowed.
        UpstreamHeadersTooLarge = P406 UPSTREAM_HEADERS_TOO_LARGE,
        /// The response's head has more fields than allowed.
        UpstreamHeadersTooMany = P405 UPSTREAM_HEADERS_TOO_MANY,
        /// The back-end switched protocols though nobody asked.
        UpstreamSwitchedUnasked = P435 UPSTREAM_SWITCHED_UNASKED,
        /// The back-end itself answered 5xx.
        UpstreamStatus = P417 UPSTREAM_STATUS,
    }
    http2 {
        /// The back-end reset the stream.
        UpstreamStreamReset = P409 UPSTREAM_STREAM_RESET,
        /// The back-end refused the stream (RFC 9113 §8.7): nothing was done with the request.
        UpstreamStreamRefused = P440 UPSTREAM_STREAM_REFUSED,
        /// A GOAWAY of the back-end leaves this stream out: nothing was done with the request.
        UpstreamGoaway = P410 UPSTREAM_GOAWAY,
        /// The back-end reset the stream with `CONNECT_ERROR`.
        UpstreamTunnelFailed = P441 UPSTREAM_TUNNEL_FAILED,
        /// The back-end reset the stream with `PROTOCOL_ERROR`.
        UpstreamFoundFault = P442 UPSTREAM_FOUND_FAULT,
        /// The back-end closed the connection with requests on it.
        UpstreamConnectionLost = P443 UPSTREAM_CONNECTION_LOST,
        /// The back-end did not answer a PING in time.
        UpstreamPingTimeout = P444 UPSTREAM_PING_TIMEOUT,
        /// The back-end answered HTTP/2 in HTTP/1.
        UpstreamSpeaksHttp1 = P402 UPSTREAM_SPEAKS_HTTP1,
        /// The back-end broke the rules of the connection.
        UpstreamHttp2Broken = P445 UPSTREAM_HTTP2_BROKEN,
        /// The back-end broke the rules of a message (RFC 9113 §8.1.1).
        UpstreamMessageMalformed = P446 UPSTREAM_MESSAGE_MALFORMED,
        /// The back-end sent too many frames that carry nothing.
        UpstreamFlood = P447 UPSTREAM_FLOOD,
        /// The response's head is larger, or has more fields, than allowed.
        UpstreamHeadOverflow = P448 UPSTREAM_HEAD_OVERFLOW,
        /// The request's authority or method can't stand in a message of HTTP/2.
        RequestUnsendable = P449 REQUEST_UNSENDABLE,
    }
    limits {
        /// The route's `timeout` passed.
        RouteTimeout = O801 ROUTE_TIMEOUT,
        /// The same when the response had begun: it is cut.
        RouteTimeoutAfterHead = O802 ROUTE_TIMEOUT_AFTER_HEAD,
        /// An attempt was not answered within `per_try_timeout`.
        PerTryTimeout = O803 PER_TRY_TIMEOUT,
        /// Nothing moved on an attempt for `per_try_idle_timeout`.
        PerTryIdleTimeout = O817 PER_TRY_IDLE_TIMEOUT,
        /// Nothing moved for the stream idle timeout.
        StreamIdleTimeout = O804 STREAM_IDLE_TIMEOUT,
        /// The stream ran into `max_stream_duration`.
        MaxStreamDuration = O805 MAX_STREAM_DURATION,
        /// The request ran into the cluster's `max_stream_duration`.
        UpstreamMaxStreamDuration = O818 UPSTREAM_MAX_STREAM_DURATION,
        /// The circuit breaker `max_connections` is open for a connection that is passed on.
        CircuitBreakerConnections = L701 CIRCUIT_BREAKER_CONNECTIONS,
        /// The circuit breaker `max_pending_requests` is open.
        CircuitBreakerPending = L720 CIRCUIT_BREAKER_PENDING,
        /// The circuit breaker `max_requests` is open.
        CircuitBreakerRequests = L702 CIRCUIT_BREAKER_REQUESTS,
        /// The overload manager lets no request through (`stop_accepting_requests`, a load shed point).
        Overloaded = L713 OVERLOADED,
        /// The overload manager lets no request be read (`http1_server_abort_dispatch`).
        OverloadedDispatch = L721 OVERLOADED_DISPATCH,
        /// The overload manager lets no connection to a back-end be made (`connection_pool_new_connection`).
        OverloadedPool = L722 OVERLOADED_POOL,
    }
    connection {
        /// The network filter `connection_limit` lets no more connections be open.
        ConnectionLimit = L714 CONNECTION_LIMIT,
        /// The network filter `local_ratelimit` lets no more connections in for the moment.
        ConnectionRateLimited = L723 CONNECTION_RATE_LIMITED,
        /// The overload manager lets no connection be passed on (`tcp_proxy_upstream_connect`, `tcp_proxy_on_data`).
        OverloadedConnection = L724 OVERLOADED_CONNECTION,
        /// Nothing moved on a connection for the TCP proxy's `idle_timeout`.
        TcpIdleTimeout = O819 TCP_IDLE_TIMEOUT,
        /// A connection reached the TCP proxy's `max_downstream_connection_duration`.
        TcpMaxDuration = O820 TCP_MAX_DURATION,
        /// The client reset a connection that was passed on.
        TcpClientReset = K970 TCP_CLIENT_RESET,
        /// The back-end reset a connection that was passed on to it.
        TcpUpstreamReset = P450 TCP_UPSTREAM_RESET,
    }
    local {
        /// A health check of the proxy, which has been told to fail them (`/healthcheck/fail`).
        DeclaredFailing = H515 DECLARED_FAILING,
        /// A health check of the proxy, which depends on a cluster that does not exist.
        OwnHealthClusterNotFound = H530 OWN_HEALTH_CLUSTER_NOT_FOUND,
        /// A health check of the proxy, which depends on a cluster that has no hosts.
        OwnHealthClusterEmpty = H531 OWN_HEALTH_CLUSTER_EMPTY,
        /// A health check of the proxy, which depends on a cluster that has too few usable hosts.
        OwnHealthClusterUnhealthy = H532 OWN_HEALTH_CLUSTER_UNHEALTHY,
        /// A health check of the proxy, answered with what a back-end said a while ago (`cache_time`).
        OwnHealthKept = H533 OWN_HEALTH_KEPT,
        /// The proxy stopped before the request was done.
        DrainDeadline = L717 DRAIN_DEADLINE,
        /// The request ended without an outcome: a defect of the proxy.
        Dropped = X001 DROPPED,
    }
}

impl Reason {
    /// The reason of that code or name, in any case.
    #[must_use]
    pub fn find(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|reason| {
            reason.code().eq_ignore_ascii_case(text) || reason.key().eq_ignore_ascii_case(text)
        })
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
    fn codes_are_unique_and_well_formed() {
        let mut seen = HashSet::new();
        for reason in Reason::ALL {
            let code = reason.code();
            assert!(seen.insert(code), "{code} twice");
            let (letter, digits) = code.split_at(1);
            assert!("DTSPHRLOKX".contains(letter) && digits.len() == 3, "{code}");
            assert!(digits.bytes().all(|byte| byte.is_ascii_digit()), "{code}");
            assert_eq!(Reason::find(&code.to_lowercase()), Some(*reason));
        }
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

//! What is found by looking rather than met by requests: faults of files, hosts and back-ends that a doctor names.
//!
//! The same table as that of reasons, with fewer columns: a condition has no answer of its own, since a request that
//! suffers from it meets a reason.

mod back_end;
mod config;
mod connect;
mod health;
mod limits;
mod listening;
mod names;
mod routing;
mod timeouts;
mod upstream_tls;

use crate::codes::codes;
use crate::{Blame, Text};

/// All that is known about a condition before it is found.
#[derive(Debug, Clone, Copy)]
pub struct ConditionSpec {
    /// The condition's name: `snake_case`, at most 40 characters, never changed once released.
    pub key: &'static str,
    /// Who has to act.
    pub blame: Blame,
    /// One sentence that says what is so.
    pub sentence: Text,
    /// The next thing to do.
    pub advice: Text,
}

codes! {
    /// Everything that a doctor finds and that is no reason.
    enum Condition: ConditionSpec;
    names {
        /// The name led to an IPv6 address where only IPv4 answers.
        Ipv6Chosen = D103 IPV6_CHOSEN,
        /// The name servers that the proxy asks are not those that know the name.
        ResolverMissed = D106 RESOLVER_MISSED,
        /// The address in use is not one that the name has now.
        AddressStale = D107 ADDRESS_STALE,
        /// A STATIC cluster has a name where an address is needed.
        NameInStaticCluster = D108 NAME_IN_STATIC_CLUSTER,
        /// A LOGICAL_DNS cluster uses one of several addresses.
        LogicalDnsUsesOne = D109 LOGICAL_DNS_USES_ONE,
        /// A loopback endpoint in a container means the container itself.
        LoopbackInContainer = D110 LOOPBACK_IN_CONTAINER,
        /// The proxy and the back-end share no network.
        NetworkNotShared = D111 NETWORK_NOT_SHARED,
        /// The dynamic forward proxy cannot look up the host of a request.
        DynamicNameFailed = D112 DYNAMIC_NAME_FAILED,
        /// HAProxy keeps a server in maintenance since its name has no address.
        HaproxyServerUnresolved = D113 HAPROXY_SERVER_UNRESOLVED,
    }
    connect {
        /// The back-end listens on its loopback address only.
        ListensOnLoopback = T202 LISTENS_ON_LOOPBACK,
        /// The back-end does not accept connections as fast as they come.
        AcceptQueueFull = T207 ACCEPT_QUEUE_FULL,
        /// Redirection of a sidecar sends the traffic where it came from, or past the proxy.
        SidecarRedirectLoop = T211 SIDECAR_REDIRECT_LOOP,
        /// connect_timeout is shorter than connecting takes.
        ConnectTimeoutTooShort = T214 CONNECT_TIMEOUT_TOO_SHORT,
        /// Another port than the configured one is open.
        AnotherPortListens = T215 ANOTHER_PORT_LISTENS,
        /// The kernel's table of connections is full.
        ConntrackFull = T216 CONNTRACK_FULL,
    }
    upstream_tls {
        /// The certificate that the proxy shows to back-ends is expired.
        ClientCertificateExpired = S308 CLIENT_CERTIFICATE_EXPIRED,
        /// TLS is put around TLS.
        DoubleTls = S312 DOUBLE_TLS,
        /// One side of a mesh demands TLS and the other sends plain text, or the other way round.
        MeshTlsMismatch = S314 MESH_TLS_MISMATCH,
        /// A TLS cluster accepts any certificate.
        VerificationOff = S315 VERIFICATION_OFF,
        /// A certificate expires within days.
        CertificateExpiresSoon = S316 CERTIFICATE_EXPIRES_SOON,
    }
    back_end {
        /// The back-end wants a PROXY header in front of the request and is sent none.
        ProxyHeaderWanted = P413 PROXY_HEADER_WANTED,
        /// The back-end is sent a PROXY header and takes it for a request.
        ProxyHeaderUnwanted = P414 PROXY_HEADER_UNWANTED,
        /// The back-end has no site for the Host that the proxy sends.
        HostUnknownToBackEnd = P415 HOST_UNKNOWN_TO_BACK_END,
        /// A rewritten path begins with two slashes, or has two names run together.
        RewriteDoublesSlash = P416 REWRITE_DOUBLES_SLASH,
        /// Every attempt of a request failed.
        RetriesExhausted = P418 RETRIES_EXHAUSTED,
        /// Failures of gRPC stand in answers with status 200.
        GrpcErrorInOk = P419 GRPC_ERROR_IN_OK,
        /// The back-end answers a WebSocket upgrade without switching.
        WebSocketRefused = P420 WEB_SOCKET_REFUSED,
        /// Idle connections are kept for longer than the back-end keeps them.
        KeepaliveTooLong = P421 KEEPALIVE_TOO_LONG,
    }
    health {
        /// The health check fails because of its Host header.
        HealthCheckHost = H505 HEALTH_CHECK_HOST,
        /// So few hosts are healthy that health no longer counts.
        PanicMode = H509 PANIC_MODE,
        /// A TCP check finds hosts healthy whose application does not answer.
        TcpCheckTellsNothing = H510 TCP_CHECK_TELLS_NOTHING,
        /// The back-end takes itself out with a header.
        ImmediateHealthCheckFail = H512 IMMEDIATE_HEALTH_CHECK_FAIL,
        /// Only the checker is refused.
        CheckerBlocked = H513 CHECKER_BLOCKED,
        /// A host changes between healthy and unhealthy.
        HostFlapping = H514 HOST_FLAPPING,
        /// A cluster without traffic is checked rarely, and gets no traffic until it is checked.
        NoTrafficInterval = H516 NO_TRAFFIC_INTERVAL,
        /// The health path fails for the checker's method only.
        HealthCheckMethod = H517 HEALTH_CHECK_METHOD,
        /// With so few hosts, health checks change nothing.
        TooFewHostsForPanic = H518 TOO_FEW_HOSTS_FOR_PANIC,
    }
    routing {
        /// A route never gets a request, since an earlier one takes all.
        RouteShadowed = R604 ROUTE_SHADOWED,
        /// A redirect to https leads back to itself.
        RedirectLoop = R608 REDIRECT_LOOP,
        /// HAProxy has no backend for a request.
        HaproxyNoBackend = R610 HAPROXY_NO_BACKEND,
        /// Browsers reuse a connection for another host because the certificate names both.
        CertificateShared = R611 CERTIFICATE_SHARED,
        /// A proxy inside the application keeps the Host it got, which the mesh does not know.
        HostKeptIntoMesh = R612 HOST_KEPT_INTO_MESH,
        /// The mesh lets nothing out that it does not know.
        RegistryOnly = R613 REGISTRY_ONLY,
        /// The list of HTTP filters does not end in the router.
        RouterMissing = R614 ROUTER_MISSING,
        /// The origin of a page is not allowed.
        CorsOriginRefused = R616 CORS_ORIGIN_REFUSED,
        /// The method that a page asks for is not allowed.
        CorsMethodRefused = R617 CORS_METHOD_REFUSED,
        /// A domain has a scheme or a path in it.
        DomainIsUrl = R619 DOMAIN_IS_URL,
    }
    limits {
        /// Retries are not made because too many run.
        RetryBreaker = L703 RETRY_BREAKER,
        /// A rate limit turns requests away.
        RateLimited = L704 RATE_LIMITED,
        /// The rate limit service does not answer.
        RateLimitServiceDown = L705 RATE_LIMIT_SERVICE_DOWN,
        /// A policy of the filter rbac refuses requests.
        RbacDenied = L706 RBAC_DENIED,
        /// The authorization service does not answer, which clients see as 403.
        ExtAuthzDown = L707 EXT_AUTHZ_DOWN,
        /// The authorization service refuses requests.
        ExtAuthzDenied = L708 EXT_AUTHZ_DENIED,
        /// A token is missing, invalid, or cannot be checked.
        JwtRefused = L709 JWT_REFUSED,
        /// Bodies of requests are larger than a filter buffers.
        RequestBodyTooLarge = L712 REQUEST_BODY_TOO_LARGE,
        /// The limit of connections for the whole process is reached.
        GlobalConnectionLimit = L715 GLOBAL_CONNECTION_LIMIT,
        /// Requests wait in HAProxy's queue until they time out.
        HaproxyQueueTimeout = L716 HAPROXY_QUEUE_TIMEOUT,
        /// The process may open fewer descriptors than its limits of connections need.
        DescriptorLimitLow = L725 DESCRIPTOR_LIMIT_LOW,
    }
    timeouts {
        /// The server does not answer within HAProxy's timeout server.
        HaproxyServerTimeout = O807 HAPROXY_SERVER_TIMEOUT,
        /// A load balancer in front gives up first.
        OuterBalancerTimeout = O809 OUTER_BALANCER_TIMEOUT,
        /// The caller sets its own timeout with a header.
        CallerSetTimeout = O810 CALLER_SET_TIMEOUT,
        /// Of two times, one makes the other meaningless.
        TimeoutsContradict = O821 TIMEOUTS_CONTRADICT,
        /// HAProxy uses inter as the timeout of checks.
        CheckTimeoutIsInter = O822 CHECK_TIMEOUT_IS_INTER,
    }
    listening {
        /// A listener of the file is not open.
        ListenerNotOpen = K916 LISTENER_NOT_OPEN,
        /// Traffic goes to the admin port, or questions for admin to a listener.
        AdminMixedUp = K917 ADMIN_MIXED_UP,
        /// The admin interface can be reached from everywhere.
        AdminOpenToAll = K918 ADMIN_OPEN_TO_ALL,
        /// A certificate or key of a listener cannot be used.
        CertificateUnusable = K919 CERTIFICATE_UNUSABLE,
        /// An edge proxy believes what clients say about themselves.
        UseRemoteAddressMissing = K920 USE_REMOTE_ADDRESS_MISSING,
    }
    config {
        /// What runs is not what stands in the file.
        ReloadNotDone = C951 RELOAD_NOT_DONE,
        /// The proxy refused an update of its configuration.
        UpdateRejected = C952 UPDATE_REJECTED,
        /// The file uses fields that no longer exist.
        RemovedField = C953 REMOVED_FIELD,
        /// A certificate was renewed on disk, and the proxy still shows the old one.
        CertificateNotReloaded = C954 CERTIFICATE_NOT_RELOADED,
        /// The clock of this host is wrong.
        ClockSkew = C955 CLOCK_SKEW,
        /// The configuration cannot be loaded.
        ConfigUnusable = C956 CONFIG_UNUSABLE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_keys_are_well_formed() {
        for condition in Condition::ALL {
            let (letter, digits) = condition.code().split_at(1);
            assert!("DTSPHRLOKXC".contains(letter) && digits.len() == 3, "{}", condition.code());
            assert!(digits.bytes().all(|byte| byte.is_ascii_digit()), "{}", condition.code());
            let key = condition.key();
            assert!(key.len() <= 40, "{key}");
            assert!(key.bytes().all(|b| b.is_ascii_lowercase() || b == b'_' || b.is_ascii_digit()), "{key}");
        }
    }

    #[test]
    fn every_row_says_something_in_both_languages() {
        for condition in Condition::ALL {
            let spec = condition.spec();
            for text in [spec.sentence, spec.advice] {
                assert!(text.en.len() > 15 && text.en.ends_with('.'), "{}: {}", spec.key, text.en);
                assert!(text.ko.chars().any(|c| ('가'..='힣').contains(&c)), "{}: {}", spec.key, text.ko);
            }
        }
    }
}

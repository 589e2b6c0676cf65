//! The data plane's metrics, by Envoy's names. Those of clusters are in `causeway_upstream`.
//!
//! Names that can't move here yet, such as HTTP/3's, exist at zero, so that dashboards find them.

use std::cell::RefCell;

use causeway_http::Version;
use causeway_model::{FilterConfig, HttpConnectionManager};
use causeway_reason::Reason;
use causeway_stats::{DynamicCounter, Registry, Schema, Scope, ScopeName, Shard, schema};

schema! {
    /// `http.<stat_prefix>.`: a connection manager and its router.
    pub enum HttpStat {
        /// Connections open.
        DownstreamCxActive = gauge "downstream_cx_active",
        /// Closed by us because the client did not close in time.
        DownstreamCxDelayedCloseTimeout = counter "downstream_cx_delayed_close_timeout",
        /// Closed, by anyone.
        DownstreamCxDestroy = counter "downstream_cx_destroy",
        /// Closed with a request on them.
        DownstreamCxDestroyActiveRq = counter "downstream_cx_destroy_active_rq",
        /// Closed by us.
        DownstreamCxDestroyLocal = counter "downstream_cx_destroy_local",
        /// Closed by us with a request on them.
        DownstreamCxDestroyLocalActiveRq = counter "downstream_cx_destroy_local_active_rq",
        /// Closed by the client.
        DownstreamCxDestroyRemote = counter "downstream_cx_destroy_remote",
        /// Closed by the client with a request on them.
        DownstreamCxDestroyRemoteActiveRq = counter "downstream_cx_destroy_remote_active_rq",
        /// Closed because of draining.
        DownstreamCxDrainClose = counter "downstream_cx_drain_close",
        /// HTTP/1 connections open.
        DownstreamCxHttp1Active = gauge "downstream_cx_http1_active",
        /// HTTP/1 connections asked to end.
        DownstreamCxHttp1SoftDrain = gauge "downstream_cx_http1_soft_drain",
        /// HTTP/1 connections.
        DownstreamCxHttp1Total = counter "downstream_cx_http1_total",
        /// HTTP/2 connections open.
        DownstreamCxHttp2Active = gauge "downstream_cx_http2_active",
        /// HTTP/2 connections.
        DownstreamCxHttp2Total = counter "downstream_cx_http2_total",
        /// HTTP/3 connections open.
        DownstreamCxHttp3Active = gauge "downstream_cx_http3_active",
        /// HTTP/3 connections.
        DownstreamCxHttp3Total = counter "downstream_cx_http3_total",
        /// Closed because nothing was asked on them.
        DownstreamCxIdleTimeout = counter "downstream_cx_idle_timeout",
        /// Length of connections in milliseconds.
        DownstreamCxLengthMs = histogram "downstream_cx_length_ms",
        /// Closed because of `max_connection_duration`.
        DownstreamCxMaxDurationReached = counter "downstream_cx_max_duration_reached",
        /// Closed because of `max_requests_per_connection`.
        DownstreamCxMaxRequestsReached = counter "downstream_cx_max_requests_reached",
        /// Keep-alive refused because of overload.
        DownstreamCxOverloadDisableKeepalive = counter "downstream_cx_overload_disable_keepalive",
        /// Closed because of what the client sent.
        DownstreamCxProtocolError = counter "downstream_cx_protocol_error",
        /// Bytes received that wait because a back-end takes no more.
        DownstreamCxRxBytesBuffered = gauge "downstream_cx_rx_bytes_buffered",
        /// Bytes received.
        DownstreamCxRxBytesTotal = counter "downstream_cx_rx_bytes_total",
        /// TLS connections open.
        DownstreamCxSslActive = gauge "downstream_cx_ssl_active",
        /// TLS connections.
        DownstreamCxSslTotal = counter "downstream_cx_ssl_total",
        /// Connections.
        DownstreamCxTotal = counter "downstream_cx_total",
        /// Bytes of responses that wait because a client takes no more.
        DownstreamCxTxBytesBuffered = gauge "downstream_cx_tx_bytes_buffered",
        /// Bytes sent.
        DownstreamCxTxBytesTotal = counter "downstream_cx_tx_bytes_total",
        /// Upgraded connections open.
        DownstreamCxUpgradesActive = gauge "downstream_cx_upgrades_active",
        /// Upgraded connections.
        DownstreamCxUpgradesTotal = counter "downstream_cx_upgrades_total",
        /// Reading from a client stopped because its back-end was slower.
        DownstreamFlowControlPausedReadingTotal = counter "downstream_flow_control_paused_reading_total",
        /// Reading went on.
        DownstreamFlowControlResumedReadingTotal = counter "downstream_flow_control_resumed_reading_total",
        /// 1xx responses.
        DownstreamRq1xx = counter "downstream_rq_1xx",
        /// 2xx responses.
        DownstreamRq2xx = counter "downstream_rq_2xx",
        /// 3xx responses.
        DownstreamRq3xx = counter "downstream_rq_3xx",
        /// 4xx responses.
        DownstreamRq4xx = counter "downstream_rq_4xx",
        /// 5xx responses.
        DownstreamRq5xx = counter "downstream_rq_5xx",
        /// Requests being served.
        DownstreamRqActive = gauge "downstream_rq_active",
        /// Requests answered.
        DownstreamRqCompleted = counter "downstream_rq_completed",
        /// Paths that could not be normalised.
        DownstreamRqFailedPathNormalization = counter "downstream_rq_failed_path_normalization",
        /// Heads that came too late.
        DownstreamRqHeaderTimeout = counter "downstream_rq_header_timeout",
        /// HTTP/1 requests.
        DownstreamRqHttp1Total = counter "downstream_rq_http1_total",
        /// HTTP/2 requests.
        DownstreamRqHttp2Total = counter "downstream_rq_http2_total",
        /// HTTP/3 requests.
        DownstreamRqHttp3Total = counter "downstream_rq_http3_total",
        /// Requests on which nothing moved.
        DownstreamRqIdleTimeout = counter "downstream_rq_idle_timeout",
        /// Requests ended by `max_stream_duration`.
        DownstreamRqMaxDurationReached = counter "downstream_rq_max_duration_reached",
        /// Targets that are no path.
        DownstreamRqNonRelativePath = counter "downstream_rq_non_relative_path",
        /// Refused because of overload.
        DownstreamRqOverloadClose = counter "downstream_rq_overload_close",
        /// Sent to their normalised path.
        DownstreamRqRedirectedWithNormalizedPath = counter "downstream_rq_redirected_with_normalized_path",
        /// Refused for the client's address.
        DownstreamRqRejectedViaIpDetection = counter "downstream_rq_rejected_via_ip_detection",
        /// Answered before the request was complete.
        DownstreamRqResponseBeforeRqComplete = counter "downstream_rq_response_before_rq_complete",
        /// Reset by the client.
        DownstreamRqRxReset = counter "downstream_rq_rx_reset",
        /// Milliseconds from the request's first byte to the response's last.
        DownstreamRqTime = histogram "downstream_rq_time",
        /// Requests ended by `request_timeout`.
        DownstreamRqTimeout = counter "downstream_rq_timeout",
        /// Bodies that were too large.
        DownstreamRqTooLarge = counter "downstream_rq_too_large",
        /// Connections closed for resets.
        DownstreamRqTooManyPrematureResets = counter "downstream_rq_too_many_premature_resets",
        /// Requests.
        DownstreamRqTotal = counter "downstream_rq_total",
        /// Reset by us.
        DownstreamRqTxReset = counter "downstream_rq_tx_reset",
        /// Upgrades asked for where none are allowed.
        DownstreamRqWsOnNonWsRoute = counter "downstream_rq_ws_on_non_ws_route",
        /// Routes to clusters that do not exist.
        NoCluster = counter "no_cluster",
        /// Requests without a route.
        NoRoute = counter "no_route",
        /// Internal redirects not followed: location.
        PassthroughInternalRedirectBadLocation = counter "passthrough_internal_redirect_bad_location",
        /// Internal redirects not followed: no route.
        PassthroughInternalRedirectNoRoute = counter "passthrough_internal_redirect_no_route",
        /// Internal redirects not followed: predicate.
        PassthroughInternalRedirectPredicate = counter "passthrough_internal_redirect_predicate",
        /// Internal redirects not followed: too many.
        PassthroughInternalRedirectTooManyRedirects = counter "passthrough_internal_redirect_too_many_redirects",
        /// Internal redirects not followed: scheme.
        PassthroughInternalRedirectUnsafeScheme = counter "passthrough_internal_redirect_unsafe_scheme",
        /// Answered by `direct_response`.
        RqDirectResponse = counter "rq_direct_response",
        /// Answered because of overload.
        RqOverloadLocalReply = counter "rq_overload_local_reply",
        /// Redirected.
        RqRedirect = counter "rq_redirect",
        /// Cut after the response had begun.
        RqResetAfterDownstreamResponseStarted = counter "rq_reset_after_downstream_response_started",
        /// Requests that reached the router.
        RqTotal = counter "rq_total",
        /// Responses that were too large.
        RsTooLarge = counter "rs_too_large",
        /// Tracing: asked for by the client.
        TracingClientEnabled = counter "tracing.client_enabled",
        /// Tracing: health checks.
        TracingHealthCheck = counter "tracing.health_check",
        /// Tracing: not traceable.
        TracingNotTraceable = counter "tracing.not_traceable",
        /// Tracing: sampled.
        TracingRandomSampling = counter "tracing.random_sampling",
        /// Tracing: forced.
        TracingServiceForced = counter "tracing.service_forced",
    }
}

schema! {
    /// `http.<stat_prefix>.`, with `record_route_resolution_stats`.
    pub enum RouteResolutionStat {
        /// How often a route was looked for, request by request.
        DownstreamRqRouteResolutions = histogram "downstream_rq_route_resolutions",
        /// Microseconds that this took.
        DownstreamRqRouteResolutionTimeUs = histogram "downstream_rq_route_resolution_time_us",
    }
}

schema! {
    /// `listener.<address>.`
    pub enum ListenerStat {
        /// Connections taken at one go.
        ConnectionsAcceptedPerSocketEvent = histogram "connections_accepted_per_socket_event",
        /// Connections open.
        DownstreamCxActive = gauge "downstream_cx_active",
        /// Connections closed.
        DownstreamCxDestroy = counter "downstream_cx_destroy",
        /// Length of connections in milliseconds.
        DownstreamCxLengthMs = histogram "downstream_cx_length_ms",
        /// Refused because of the listener's limit.
        DownstreamCxOverflow = counter "downstream_cx_overflow",
        /// Refused because of overload.
        DownstreamCxOverloadReject = counter "downstream_cx_overload_reject",
        /// Connections.
        DownstreamCxTotal = counter "downstream_cx_total",
        /// Handshakes that came too late.
        DownstreamCxTransportSocketConnectTimeout = counter "downstream_cx_transport_socket_connect_timeout",
        /// Refused because of the limit of the process.
        DownstreamGlobalCxOverflow = counter "downstream_global_cx_overflow",
        /// Listener filters that failed.
        DownstreamListenerFilterError = counter "downstream_listener_filter_error",
        /// Closed by the client during listener filters.
        DownstreamListenerFilterRemoteClose = counter "downstream_listener_filter_remote_close",
        /// Connections in listener filters.
        DownstreamPreCxActive = gauge "downstream_pre_cx_active",
        /// Closed because listener filters took too long.
        DownstreamPreCxTimeout = counter "downstream_pre_cx_timeout",
        /// Filter configuration missing.
        ExtensionConfigMissing = counter "extension_config_missing",
        /// Network filter configuration missing.
        NetworkExtensionConfigMissing = counter "network_extension_config_missing",
        /// No filter chain for the connection.
        NoFilterChainMatch = counter "no_filter_chain_match",
    }
}

schema! {
    /// `listener.<address>.worker_<n>.`
    pub enum ListenerWorkerStat {
        /// Connections open.
        DownstreamCxActive = gauge "downstream_cx_active",
        /// Connections.
        DownstreamCxTotal = counter "downstream_cx_total",
    }
}

schema! {
    /// `listener.<address>.http.<stat_prefix>.`
    pub enum ListenerHttpStat {
        /// 1xx responses.
        DownstreamRq1xx = counter "downstream_rq_1xx",
        /// 2xx responses.
        DownstreamRq2xx = counter "downstream_rq_2xx",
        /// 3xx responses.
        DownstreamRq3xx = counter "downstream_rq_3xx",
        /// 4xx responses.
        DownstreamRq4xx = counter "downstream_rq_4xx",
        /// 5xx responses.
        DownstreamRq5xx = counter "downstream_rq_5xx",
        /// Requests answered.
        DownstreamRqCompleted = counter "downstream_rq_completed",
    }
}

schema! {
    /// `http1.`: the HTTP/1 codec towards clients.
    pub enum Http1Stat {
        /// Header fields dropped for `_`.
        DroppedHeadersWithUnderscores = counter "dropped_headers_with_underscores",
        /// Metadata where there can be none.
        MetadataNotSupportedError = counter "metadata_not_supported_error",
        /// Requests refused for `_`.
        RequestsRejectedWithUnderscoresInHeaders = counter "requests_rejected_with_underscores_in_headers",
        /// Too many responses waiting.
        ResponseFlood = counter "response_flood",
    }
}

schema! {
    /// `http2.`: the HTTP/2 codec towards clients.
    pub enum Http2Stat {
        /// Nothing is recorded, as with Envoy, unless something at run time is changed there: cookies of a message.
        CookieCount = histogram "cookie_count",
        /// The same: bytes of them.
        CookieSize = histogram "cookie_size",
        /// The same: fields of a message.
        HeaderCount = histogram "header_count",
        /// The same: bytes of them.
        HeaderListSize = histogram "header_list_size",
        /// Never moves: cookies count among the fields.
        CookiesTotalBytesTooLarge = counter "cookies_total_bytes_too_large",
        /// Never moves: streams that end while their last bytes wait.
        DeferredStreamClose = counter "deferred_stream_close",
        /// Header fields dropped for `_`.
        DroppedHeadersWithUnderscores = counter "dropped_headers_with_underscores",
        /// Clients that were told that no more streams are served.
        GoawaySent = counter "goaway_sent",
        /// Requests whose fields are too large.
        HeaderListSizeTooLarge = counter "header_list_size_too_large",
        /// Requests with too many fields.
        HeaderOverflow = counter "header_overflow",
        /// Fields of streams that are gone.
        HeadersCbNoStream = counter "headers_cb_no_stream",
        /// Connections with too many frames without content.
        InboundEmptyFramesFlood = counter "inbound_empty_frames_flood",
        /// Connections with too many PRIORITY frames.
        InboundPriorityFramesFlood = counter "inbound_priority_frames_flood",
        /// Connections with too many WINDOW_UPDATE frames.
        InboundWindowUpdateFramesFlood = counter "inbound_window_update_frames_flood",
        /// Connections that did not answer a PING.
        KeepaliveTimeout = counter "keepalive_timeout",
        /// Metadata without content.
        MetadataEmptyFrames = counter "metadata_empty_frames",
        /// Connections of clients.
        Nghttp2DownstreamConnections = counter "nghttp2_downstream_connections",
        /// Connections to back-ends.
        Nghttp2UpstreamConnections = counter "nghttp2_upstream_connections",
        /// Connections of clients with another library of Envoy.
        Oghttp2DownstreamConnections = counter "oghttp2_downstream_connections",
        /// Connections to back-ends with it.
        Oghttp2UpstreamConnections = counter "oghttp2_upstream_connections",
        /// Connections on which too many answers to frames waited.
        OutboundControlFlood = counter "outbound_control_flood",
        /// Answers to frames that wait.
        OutboundControlFramesActive = gauge "outbound_control_frames_active",
        /// Connections on which too many frames waited.
        OutboundFlood = counter "outbound_flood",
        /// Frames that wait.
        OutboundFramesActive = gauge "outbound_frames_active",
        /// Bytes of bodies that wait for windows.
        PendingSendBytes = gauge "pending_send_bytes",
        /// Requests refused for `_`.
        RequestsRejectedWithUnderscoresInHeaders = counter "requests_rejected_with_underscores_in_headers",
        /// Messages that break the rules.
        RxMessagingError = counter "rx_messaging_error",
        /// Streams that clients reset.
        RxReset = counter "rx_reset",
        /// Streams beyond those that may be open.
        StreamRefusedErrors = counter "stream_refused_errors",
        /// Streams that are open.
        StreamsActive = gauge "streams_active",
        /// Trailers of requests.
        Trailers = counter "trailers",
        /// Streams that were reset because their windows stayed shut.
        TxFlushTimeout = counter "tx_flush_timeout",
        /// Streams that were reset here.
        TxReset = counter "tx_reset",
    }
}

schema! {
    /// `filesystem.`: the files of access logs.
    pub enum FilesystemStat {
        /// Writes because time was up.
        FlushedByTimer = counter "flushed_by_timer",
        /// Files that could not be opened anew.
        ReopenFailed = counter "reopen_failed",
        /// Lines taken.
        WriteBuffered = counter "write_buffered",
        /// Writes done.
        WriteCompleted = counter "write_completed",
        /// Writes that failed.
        WriteFailed = counter "write_failed",
        /// Bytes that wait to be written.
        WriteTotalBuffered = gauge "write_total_buffered",
    }
}

schema! {
    /// `http.<stat_prefix>.cors.` of a filter chain with CORS: Envoy names it `<prefix>.cors.`.
    pub enum CorsStat {
        /// The origin did not match.
        OriginInvalid = counter "origin_invalid",
        /// The origin matched.
        OriginValid = counter "origin_valid",
    }
}

schema! {
    /// `http.<stat_prefix>.health_check.` of a filter chain with the health check filter.
    pub enum HealthCheckFilterStat {
        /// Answered with what a back-end had answered before.
        CachedResponse = counter "cached_response",
        /// What was kept had said that the back-end is degraded.
        Degraded = counter "degraded",
        /// Answered with anything but 2xx.
        Failed = counter "failed",
        /// A cluster had no hosts.
        FailedClusterEmpty = counter "failed_cluster_empty",
        /// A cluster was not there.
        FailedClusterNotFound = counter "failed_cluster_not_found",
        /// A cluster had too few hosts that can be used.
        FailedClusterUnhealthy = counter "failed_cluster_unhealthy",
        /// Answered with 2xx.
        Ok = counter "ok",
        /// Answered.
        RequestTotal = counter "request_total",
    }
}

/// Counts per reason: `http.<stat_prefix>.reason.<key>` and the like.
#[derive(Debug)]
pub(crate) struct ReasonCounters {
    known: RefCell<Vec<(Reason, DynamicCounter)>>,
}

impl ReasonCounters {
    pub(crate) const fn new() -> Self {
        Self { known: RefCell::new(Vec::new()) }
    }

    /// Counts a reason in a scope of this worker.
    pub(crate) fn count<S: Schema>(&self, shard: &Shard<S>, reason: Reason) {
        let mut known = self.known.borrow_mut();
        if let Some((_, counter)) = known.iter().find(|(seen, _)| *seen == reason) {
            counter.inc();
            return;
        }
        let counter = shard.dynamic(&format!("reason.{}", reason.key()));
        counter.inc();
        known.push((reason, counter));
    }
}

/// Counts per status and class of status: `upstream_rq_404` and `upstream_rq_4xx`.
#[derive(Debug)]
pub(crate) struct StatusCounters {
    prefix: &'static str,
    known: RefCell<Vec<KnownStatus>>,
}

#[derive(Debug)]
struct KnownStatus {
    status: u16,
    exact: DynamicCounter,
    class: DynamicCounter,
}

impl StatusCounters {
    pub(crate) const fn new(prefix: &'static str) -> Self {
        Self { prefix, known: RefCell::new(Vec::new()) }
    }

    /// Counts a status in a scope of this worker.
    pub(crate) fn count<S: Schema>(&self, shard: &Shard<S>, status: u16) {
        let mut known = self.known.borrow_mut();
        if let Some(known) = known.iter().find(|known| known.status == status) {
            known.exact.inc();
            known.class.inc();
            return;
        }
        let prefix = self.prefix;
        let exact = shard.dynamic(&format!("{prefix}{status}"));
        let class = shard.dynamic(&format!("{prefix}{}xx", status / 100));
        exact.inc();
        class.inc();
        known.push(KnownStatus { status, exact, class });
    }
}

/// The scopes of a connection manager in a listener.
#[derive(Debug)]
pub(crate) struct HttpScopes {
    listener_http: Scope<ListenerHttpStat>,
    http: Scope<HttpStat>,
    /// Where the connection manager has the CORS filter.
    cors: Option<Scope<CorsStat>>,
    /// Where it has the health check filter.
    health_check: Option<Scope<HealthCheckFilterStat>>,
    /// Where it counts how routes are found.
    routes: Option<Scope<RouteResolutionStat>>,
}

impl HttpScopes {
    pub(crate) fn new(registry: &Registry, listener: &str, manager: &HttpConnectionManager) -> Self {
        let stat_prefix = &manager.stat_prefix;
        let has_cors = manager.filters().any(|filter| matches!(filter.config, FilterConfig::Cors(_)));
        let has_health_check =
            manager.filters().any(|filter| matches!(filter.config, FilterConfig::HealthCheck(_)));
        let http =
            |scope: ScopeName| scope.then("http").tagged("envoy.http_conn_manager_prefix", stat_prefix);
        Self {
            listener_http: registry.scope(http(scope_of_listener(listener))),
            http: registry.scope(http(ScopeName::root())),
            cors: has_cors.then(|| registry.scope(http(ScopeName::root()).then("cors"))),
            health_check: has_health_check
                .then(|| registry.scope(http(ScopeName::root()).then("health_check"))),
            routes: manager.record_route_resolution_stats.then(|| registry.scope(http(ScopeName::root()))),
        }
    }

    /// The cells of one worker.
    pub(crate) fn shard(&self, worker: usize) -> HttpShards {
        HttpShards {
            listener_http: self.listener_http.shard(worker),
            http: self.http.shard(worker),
            cors: self.cors.as_ref().map(|cors| cors.shard(worker)),
            health_check: self.health_check.as_ref().map(|scope| scope.shard(worker)),
            routes: self.routes.as_ref().map(|scope| scope.shard(worker)),
            reasons: ReasonCounters::new(),
        }
    }
}

/// `listener.<address>.`
pub(crate) fn scope_of_listener(listener: &str) -> ScopeName {
    ScopeName::root().then("listener").tagged("envoy.listener_address", listener)
}

/// One worker's cells of a connection manager in a listener.
#[derive(Debug)]
pub(crate) struct HttpShards {
    listener_http: Shard<ListenerHttpStat>,
    pub(crate) http: Shard<HttpStat>,
    pub(crate) cors: Option<Shard<CorsStat>>,
    pub(crate) health_check: Option<Shard<HealthCheckFilterStat>>,
    pub(crate) routes: Option<Shard<RouteResolutionStat>>,
    pub(crate) reasons: ReasonCounters,
}

impl HttpShards {
    /// A connection was taken.
    pub(crate) fn connection_opened(&self) {
        self.http.inc(HttpStat::DownstreamCxTotal);
        self.http.adjust(HttpStat::DownstreamCxActive, 1);
    }

    /// A connection of TLS was taken.
    pub(crate) fn tls_opened(&self) {
        self.http.inc(HttpStat::DownstreamCxSslTotal);
        self.http.adjust(HttpStat::DownstreamCxSslActive, 1);
    }

    /// A connection of TLS was closed.
    pub(crate) fn tls_closed(&self) {
        self.http.adjust(HttpStat::DownstreamCxSslActive, -1);
    }

    /// A connection was taken and closed without a handshake, which took so many milliseconds.
    pub(crate) fn connection_failed(&self, length: u64, reason: Reason) {
        self.http.inc(HttpStat::DownstreamCxTotal);
        self.http.inc(HttpStat::DownstreamCxSslTotal);
        self.http.inc(HttpStat::DownstreamCxDestroy);
        let by_client = matches!(reason, Reason::TlsHandshakeClosed | Reason::TlsRefusedByClient);
        self.http.inc(if by_client {
            HttpStat::DownstreamCxDestroyRemote
        } else {
            HttpStat::DownstreamCxDestroyLocal
        });
        self.http.record(HttpStat::DownstreamCxLengthMs, length);
        self.reasons.count(&self.http, reason);
    }

    /// The first bytes of a request came.
    pub(crate) fn http1_opened(&self) {
        self.http.inc(HttpStat::DownstreamCxHttp1Total);
        self.http.adjust(HttpStat::DownstreamCxHttp1Active, 1);
    }

    /// The client turned out to speak HTTP/2.
    pub(crate) fn http2_opened(&self) {
        self.http.inc(HttpStat::DownstreamCxHttp2Total);
        self.http.adjust(HttpStat::DownstreamCxHttp2Active, 1);
    }

    /// A connection was closed after this many milliseconds; what had been spoken on it.
    pub(crate) fn connection_closed(&self, length: u64, spoken: Option<Version>) {
        self.http.inc(HttpStat::DownstreamCxDestroy);
        self.http.adjust(HttpStat::DownstreamCxActive, -1);
        match spoken {
            None => {}
            Some(Version::Http2) => self.http.adjust(HttpStat::DownstreamCxHttp2Active, -1),
            Some(Version::Http10 | Version::Http11) => {
                self.http.adjust(HttpStat::DownstreamCxHttp1Active, -1);
            }
        }
        self.http.record(HttpStat::DownstreamCxLengthMs, length);
    }

    /// A response was sent.
    pub(crate) fn response_completed(&self, status: u16) {
        let (http, listener) = match status / 100 {
            1 => (HttpStat::DownstreamRq1xx, ListenerHttpStat::DownstreamRq1xx),
            2 => (HttpStat::DownstreamRq2xx, ListenerHttpStat::DownstreamRq2xx),
            3 => (HttpStat::DownstreamRq3xx, ListenerHttpStat::DownstreamRq3xx),
            4 => (HttpStat::DownstreamRq4xx, ListenerHttpStat::DownstreamRq4xx),
            _ => (HttpStat::DownstreamRq5xx, ListenerHttpStat::DownstreamRq5xx),
        };
        self.http.inc(HttpStat::DownstreamRqCompleted);
        self.http.inc(http);
        self.listener_http.inc(ListenerHttpStat::DownstreamRqCompleted);
        self.listener_http.inc(listener);
    }
}

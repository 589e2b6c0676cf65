//! Names of Envoy's metrics about what does not happen here. They exist, so that dashboards find them.

use causeway_stats::{Registry, Scope, ScopeName, Shard, schema};

schema! {
    /// `http.admin.`: what the admin server does not do, or does not count.
    pub enum AdminHttpStat {
        #[doc = "`downstream_cx_delayed_close_timeout`"]
        DownstreamCxDelayedCloseTimeout = counter "downstream_cx_delayed_close_timeout",
        #[doc = "`downstream_cx_destroy_active_rq`"]
        DownstreamCxDestroyActiveRq = counter "downstream_cx_destroy_active_rq",
        #[doc = "`downstream_cx_destroy_local`"]
        DownstreamCxDestroyLocal = counter "downstream_cx_destroy_local",
        #[doc = "`downstream_cx_destroy_local_active_rq`"]
        DownstreamCxDestroyLocalActiveRq = counter "downstream_cx_destroy_local_active_rq",
        #[doc = "`downstream_cx_destroy_remote`"]
        DownstreamCxDestroyRemote = counter "downstream_cx_destroy_remote",
        #[doc = "`downstream_cx_destroy_remote_active_rq`"]
        DownstreamCxDestroyRemoteActiveRq = counter "downstream_cx_destroy_remote_active_rq",
        #[doc = "`downstream_cx_drain_close`"]
        DownstreamCxDrainClose = counter "downstream_cx_drain_close",
        #[doc = "`downstream_cx_http1_soft_drain`"]
        DownstreamCxHttp1SoftDrain = gauge "downstream_cx_http1_soft_drain",
        #[doc = "`downstream_cx_http2_active`"]
        DownstreamCxHttp2Active = gauge "downstream_cx_http2_active",
        #[doc = "`downstream_cx_http2_total`"]
        DownstreamCxHttp2Total = counter "downstream_cx_http2_total",
        #[doc = "`downstream_cx_http3_active`"]
        DownstreamCxHttp3Active = gauge "downstream_cx_http3_active",
        #[doc = "`downstream_cx_http3_total`"]
        DownstreamCxHttp3Total = counter "downstream_cx_http3_total",
        #[doc = "`downstream_cx_idle_timeout`"]
        DownstreamCxIdleTimeout = counter "downstream_cx_idle_timeout",
        #[doc = "`downstream_cx_max_duration_reached`"]
        DownstreamCxMaxDurationReached = counter "downstream_cx_max_duration_reached",
        #[doc = "`downstream_cx_max_requests_reached`"]
        DownstreamCxMaxRequestsReached = counter "downstream_cx_max_requests_reached",
        #[doc = "`downstream_cx_overload_disable_keepalive`"]
        DownstreamCxOverloadDisableKeepalive = counter "downstream_cx_overload_disable_keepalive",
        #[doc = "`downstream_cx_protocol_error`"]
        DownstreamCxProtocolError = counter "downstream_cx_protocol_error",
        #[doc = "`downstream_cx_rx_bytes_buffered`"]
        DownstreamCxRxBytesBuffered = gauge "downstream_cx_rx_bytes_buffered",
        #[doc = "`downstream_cx_rx_bytes_total`"]
        DownstreamCxRxBytesTotal = counter "downstream_cx_rx_bytes_total",
        #[doc = "`downstream_cx_ssl_active`"]
        DownstreamCxSslActive = gauge "downstream_cx_ssl_active",
        #[doc = "`downstream_cx_ssl_total`"]
        DownstreamCxSslTotal = counter "downstream_cx_ssl_total",
        #[doc = "`downstream_cx_tx_bytes_buffered`"]
        DownstreamCxTxBytesBuffered = gauge "downstream_cx_tx_bytes_buffered",
        #[doc = "`downstream_cx_tx_bytes_total`"]
        DownstreamCxTxBytesTotal = counter "downstream_cx_tx_bytes_total",
        #[doc = "`downstream_cx_upgrades_active`"]
        DownstreamCxUpgradesActive = gauge "downstream_cx_upgrades_active",
        #[doc = "`downstream_cx_upgrades_total`"]
        DownstreamCxUpgradesTotal = counter "downstream_cx_upgrades_total",
        #[doc = "`downstream_flow_control_paused_reading_total`"]
        DownstreamFlowControlPausedReadingTotal = counter "downstream_flow_control_paused_reading_total",
        #[doc = "`downstream_flow_control_resumed_reading_total`"]
        DownstreamFlowControlResumedReadingTotal = counter "downstream_flow_control_resumed_reading_total",
        #[doc = "`downstream_rq_failed_path_normalization`"]
        DownstreamRqFailedPathNormalization = counter "downstream_rq_failed_path_normalization",
        #[doc = "`downstream_rq_header_timeout`"]
        DownstreamRqHeaderTimeout = counter "downstream_rq_header_timeout",
        #[doc = "`downstream_rq_http2_total`"]
        DownstreamRqHttp2Total = counter "downstream_rq_http2_total",
        #[doc = "`downstream_rq_http3_total`"]
        DownstreamRqHttp3Total = counter "downstream_rq_http3_total",
        #[doc = "`downstream_rq_idle_timeout`"]
        DownstreamRqIdleTimeout = counter "downstream_rq_idle_timeout",
        #[doc = "`downstream_rq_max_duration_reached`"]
        DownstreamRqMaxDurationReached = counter "downstream_rq_max_duration_reached",
        #[doc = "`downstream_rq_non_relative_path`"]
        DownstreamRqNonRelativePath = counter "downstream_rq_non_relative_path",
        #[doc = "`downstream_rq_overload_close`"]
        DownstreamRqOverloadClose = counter "downstream_rq_overload_close",
        #[doc = "`downstream_rq_redirected_with_normalized_path`"]
        DownstreamRqRedirectedWithNormalizedPath = counter "downstream_rq_redirected_with_normalized_path",
        #[doc = "`downstream_rq_rejected_via_ip_detection`"]
        DownstreamRqRejectedViaIpDetection = counter "downstream_rq_rejected_via_ip_detection",
        #[doc = "`downstream_rq_response_before_rq_complete`"]
        DownstreamRqResponseBeforeRqComplete = counter "downstream_rq_response_before_rq_complete",
        #[doc = "`downstream_rq_timeout`"]
        DownstreamRqTimeout = counter "downstream_rq_timeout",
        #[doc = "`downstream_rq_too_large`"]
        DownstreamRqTooLarge = counter "downstream_rq_too_large",
        #[doc = "`downstream_rq_too_many_premature_resets`"]
        DownstreamRqTooManyPrematureResets = counter "downstream_rq_too_many_premature_resets",
        #[doc = "`downstream_rq_tx_reset`"]
        DownstreamRqTxReset = counter "downstream_rq_tx_reset",
        #[doc = "`downstream_rq_ws_on_non_ws_route`"]
        DownstreamRqWsOnNonWsRoute = counter "downstream_rq_ws_on_non_ws_route",
        #[doc = "`rs_too_large`"]
        RsTooLarge = counter "rs_too_large",
    }
}

schema! {
    /// `thread_local_cluster_manager.<thread>.`: what a thread has of clusters.
    pub enum ThreadLocalStat {
        /// Clusters it knows, which are all.
        ClustersInflated = gauge "clusters_inflated",
    }
}

/// The names; held for as long as they are to be found.
#[derive(Debug)]
pub(super) struct Names {
    _admin: Scope<AdminHttpStat>,
    _async_client: Scope<causeway_proxy::AsyncClientStat>,
    threads: Vec<Shard<ThreadLocalStat>>,
}

impl Names {
    pub(super) fn new(registry: &Registry, workers: usize) -> Self {
        let http =
            |prefix: &str| ScopeName::root().then("http").tagged("envoy.http_conn_manager_prefix", prefix);
        let manager = || ScopeName::root().then("thread_local_cluster_manager");
        let threads = (0..workers)
            .map(|worker| manager().tagged_with_prefix("worker_", "envoy.worker_id", &worker.to_string()))
            .chain([manager().then("main_thread")]);
        Self {
            _admin: registry.scope(http("admin")),
            _async_client: registry.scope(http("async-client")),
            threads: threads.map(|name| registry.scope(name).shard(registry.main_shard())).collect(),
        }
    }

    /// So many clusters are known.
    pub(super) fn clusters(&self, number: i64) {
        for thread in &self.threads {
            thread.set(ThreadLocalStat::ClustersInflated, number);
        }
    }
}

//! The statistics of clusters, under Envoy's names.
//!
//! Each schema holds what Envoy shows as soon as the thing it belongs to exists: dashboards find every
//! name, with 0 where nothing happened. What the data plane counts is here too, so that one cluster has
//! one set of cells. Names of features that this proxy does not have stay at 0.

use causeway_model::RoutingPriority;

use crate::breakers::Resource;

causeway_stats::schema! {
    /// `cluster.<name>.`: of every cluster.
    pub enum ClusterStat {
        /// Never moves: endpoint assignments of a management server.
        AssignmentStale = counter "assignment_stale",
        /// Never moves: as before.
        AssignmentTimeoutReceived = counter "assignment_timeout_received",
        /// Never moves: as before.
        AssignmentUseCached = counter "assignment_use_cached",
        /// Source addresses that could not be bound.
        BindErrors = counter "bind_errors",
        /// 1 while `max_connections` is reached.
        DefaultCxOpen = gauge "circuit_breakers.default.cx_open",
        /// Never moves: connection pools are not limited.
        DefaultCxPoolOpen = gauge "circuit_breakers.default.cx_pool_open",
        /// 1 while `max_requests` is reached.
        DefaultRqOpen = gauge "circuit_breakers.default.rq_open",
        /// 1 while `max_pending_requests` is reached.
        DefaultRqPendingOpen = gauge "circuit_breakers.default.rq_pending_open",
        /// 1 while `max_retries` is reached.
        DefaultRqRetryOpen = gauge "circuit_breakers.default.rq_retry_open",
        /// The same for priority `HIGH`.
        HighCxOpen = gauge "circuit_breakers.high.cx_open",
        /// Never moves: as before.
        HighCxPoolOpen = gauge "circuit_breakers.high.cx_pool_open",
        /// The same for priority `HIGH`.
        HighRqOpen = gauge "circuit_breakers.high.rq_open",
        /// The same for priority `HIGH`.
        HighRqPendingOpen = gauge "circuit_breakers.high.rq_pending_open",
        /// The same for priority `HIGH`.
        HighRqRetryOpen = gauge "circuit_breakers.high.rq_retry_open",
        /// Endpoints that got the default transport socket: one more for each that was made.
        DefaultTotalMatchCount = counter "default.total_match_count",
        /// Requests that went to a priority in panic: too few of its hosts are healthy, so all are used.
        LbHealthyPanic = counter "lb_healthy_panic",
        /// Requests that were not routed by zones because the cluster of this process is not well.
        LbLocalClusterNotOk = counter "lb_local_cluster_not_ok",
        /// Times that the routing by zones was reckoned anew.
        LbRecalculateZoneStructures = counter "lb_recalculate_zone_structures",
        /// Subsets that can be asked for.
        LbSubsetsActive = gauge "lb_subsets_active",
        /// Subsets that came.
        LbSubsetsCreated = counter "lb_subsets_created",
        /// Requests that were served by what the cluster falls back on.
        LbSubsetsFallback = counter "lb_subsets_fallback",
        /// Requests that any host served, because what the cluster falls back on has nobody.
        LbSubsetsFallbackPanic = counter "lb_subsets_fallback_panic",
        /// Subsets that went.
        LbSubsetsRemoved = counter "lb_subsets_removed",
        /// Requests that found the subset they asked for.
        LbSubsetsSelected = counter "lb_subsets_selected",
        /// Times that this came to nothing because too few hosts are healthy.
        LbZoneClusterTooSmall = counter "lb_zone_cluster_too_small",
        /// Requests to another zone that was drawn because none has capacity left.
        LbZoneNoCapacityLeft = counter "lb_zone_no_capacity_left",
        /// Requests that stayed in their zone, as all do.
        LbZoneRoutingAllDirectly = counter "lb_zone_routing_all_directly",
        /// Requests that went to another zone.
        LbZoneRoutingCrossZone = counter "lb_zone_routing_cross_zone",
        /// Requests that stayed in their zone, as some do.
        LbZoneRoutingSampled = counter "lb_zone_routing_sampled",
        /// The largest weight of an endpoint; kept for `STRICT_DNS` only, as in Envoy.
        MaxHostWeight = gauge "max_host_weight",
        /// Changes of the set of endpoints.
        MembershipChange = counter "membership_change",
        /// Endpoints that are degraded.
        MembershipDegraded = gauge "membership_degraded",
        /// Endpoints that the share of healthy ones is reckoned without.
        MembershipExcluded = gauge "membership_excluded",
        /// Endpoints that are healthy.
        MembershipHealthy = gauge "membership_healthy",
        /// Endpoints.
        MembershipTotal = gauge "membership_total",
        /// Requests that say of their destination what is no address (`ORIGINAL_DST`).
        OriginalDstHostInvalid = counter "original_dst_host_invalid",
        /// Retries and mirrored requests given up because the body was too large to keep.
        RetryOrShadowAbandoned = counter "retry_or_shadow_abandoned",
        /// Look-ups of names.
        UpdateAttempt = counter "update_attempt",
        /// Never moves: empty assignments of a management server.
        UpdateEmpty = counter "update_empty",
        /// Look-ups that failed. For `STRICT_DNS` a name that does not exist is an answer, not a failure.
        UpdateFailure = counter "update_failure",
        /// Look-ups that changed nothing.
        UpdateNoRebuild = counter "update_no_rebuild",
        /// Look-ups that were answered.
        UpdateSuccess = counter "update_success",
        /// Connections.
        UpstreamCxActive = gauge "upstream_cx_active",
        /// Connections that were closed after the back-end said it would not serve more.
        UpstreamCxCloseNotify = counter "upstream_cx_close_notify",
        /// Attempts to connect that ran out of tries (TCP).
        UpstreamCxConnectAttemptsExceeded = counter "upstream_cx_connect_attempts_exceeded",
        /// Connections that could not be made.
        UpstreamCxConnectFail = counter "upstream_cx_connect_fail",
        /// Time to make a connection, in milliseconds.
        UpstreamCxConnectMs = histogram "upstream_cx_connect_ms",
        /// Of those that could not be made, the ones that ran into `connect_timeout`.
        UpstreamCxConnectTimeout = counter "upstream_cx_connect_timeout",
        /// Never moves: HTTP/3.
        UpstreamCxConnectWith0Rtt = counter "upstream_cx_connect_with_0_rtt",
        /// Connections that were closed.
        UpstreamCxDestroy = counter "upstream_cx_destroy",
        /// Of those, by us.
        UpstreamCxDestroyLocal = counter "upstream_cx_destroy_local",
        /// Of those, with requests on them.
        UpstreamCxDestroyLocalWithActiveRq = counter "upstream_cx_destroy_local_with_active_rq",
        /// Of all closed, by the back-end.
        UpstreamCxDestroyRemote = counter "upstream_cx_destroy_remote",
        /// Of those, with requests on them.
        UpstreamCxDestroyRemoteWithActiveRq = counter "upstream_cx_destroy_remote_with_active_rq",
        /// Connections that were closed with requests on them.
        UpstreamCxDestroyWithActiveRq = counter "upstream_cx_destroy_with_active_rq",
        /// HTTP/1 connections.
        UpstreamCxHttp1Total = counter "upstream_cx_http1_total",
        /// HTTP/2 connections.
        UpstreamCxHttp2Total = counter "upstream_cx_http2_total",
        /// Never moves: HTTP/3.
        UpstreamCxHttp3Total = counter "upstream_cx_http3_total",
        /// Connections closed because they were idle.
        UpstreamCxIdleTimeout = counter "upstream_cx_idle_timeout",
        /// How long connections lived, in milliseconds.
        UpstreamCxLengthMs = histogram "upstream_cx_length_ms",
        /// Connections that were used up by `max_connection_duration`.
        UpstreamCxMaxDurationReached = counter "upstream_cx_max_duration_reached",
        /// Connections that were used up by `max_requests_per_connection`.
        UpstreamCxMaxRequests = counter "upstream_cx_max_requests",
        /// Requests for which there was no usable endpoint.
        UpstreamCxNoneHealthy = counter "upstream_cx_none_healthy",
        /// Connections that the circuit breaker did not allow.
        UpstreamCxOverflow = counter "upstream_cx_overflow",
        /// Never moves: connection pools are not limited.
        UpstreamCxPoolOverflow = counter "upstream_cx_pool_overflow",
        /// Never moves: connecting ahead of need.
        UpstreamCxPreconnectSkipped = counter "upstream_cx_preconnect_skipped",
        /// Connections on which the back-end broke the protocol.
        UpstreamCxProtocolError = counter "upstream_cx_protocol_error",
        /// Bytes received and not passed on yet.
        UpstreamCxRxBytesBuffered = gauge "upstream_cx_rx_bytes_buffered",
        /// Bytes received.
        UpstreamCxRxBytesTotal = counter "upstream_cx_rx_bytes_total",
        /// Connections that were made.
        UpstreamCxTotal = counter "upstream_cx_total",
        /// Bytes that wait to be sent.
        UpstreamCxTxBytesBuffered = gauge "upstream_cx_tx_bytes_buffered",
        /// Bytes sent.
        UpstreamCxTxBytesTotal = counter "upstream_cx_tx_bytes_total",
        /// Times that a connection's buffer was full, so that reading from the client paused.
        UpstreamFlowControlBackedUpTotal = counter "upstream_flow_control_backed_up_total",
        /// Times that it had drained again.
        UpstreamFlowControlDrainedTotal = counter "upstream_flow_control_drained_total",
        /// Times that reading from the back-end paused.
        UpstreamFlowControlPausedReadingTotal = counter "upstream_flow_control_paused_reading_total",
        /// Times that it went on.
        UpstreamFlowControlResumedReadingTotal = counter "upstream_flow_control_resumed_reading_total",
        /// Never moves: HTTP/3.
        UpstreamHttp3Broken = counter "upstream_http3_broken",
        /// Internal redirects that were passed to the client instead.
        UpstreamInternalRedirectFailedTotal = counter "upstream_internal_redirect_failed_total",
        /// Internal redirects that were followed.
        UpstreamInternalRedirectSucceededTotal = counter "upstream_internal_redirect_succeeded_total",
        /// Never moves: queues of the worker.
        UpstreamQueueOverloaded = gauge "upstream_queue_overloaded",
        /// Never moves: HTTP/3.
        UpstreamRq0Rtt = counter "upstream_rq_0rtt",
        /// Requests under way.
        UpstreamRqActive = gauge "upstream_rq_active",
        /// Requests that the circuit breaker `max_requests` did not allow.
        UpstreamRqActiveOverflow = counter "upstream_rq_active_overflow",
        /// Requests cancelled before they got a connection.
        UpstreamRqCancelled = counter "upstream_rq_cancelled",
        /// Responses.
        UpstreamRqCompleted = counter "upstream_rq_completed",
        /// Requests refused in maintenance mode.
        UpstreamRqMaintenanceMode = counter "upstream_rq_maintenance_mode",
        /// Requests that ran into `max_stream_duration`.
        UpstreamRqMaxDurationReached = counter "upstream_rq_max_duration_reached",
        /// Requests that wait for a connection.
        UpstreamRqPendingActive = gauge "upstream_rq_pending_active",
        /// Requests that failed because their connection could not be made.
        UpstreamRqPendingFailureEject = counter "upstream_rq_pending_failure_eject",
        /// Requests that the circuit breakers did not allow to wait.
        UpstreamRqPendingOverflow = counter "upstream_rq_pending_overflow",
        /// Requests that had to wait for a connection.
        UpstreamRqPendingTotal = counter "upstream_rq_pending_total",
        /// Requests per connection.
        UpstreamRqPerCx = histogram "upstream_rq_per_cx",
        /// Tries that were idle for too long.
        UpstreamRqPerTryIdleTimeout = counter "upstream_rq_per_try_idle_timeout",
        /// Tries that took too long.
        UpstreamRqPerTryTimeout = counter "upstream_rq_per_try_timeout",
        /// Retries.
        UpstreamRqRetry = counter "upstream_rq_retry",
        /// Retries after an exponential pause.
        UpstreamRqRetryBackoffExponential = counter "upstream_rq_retry_backoff_exponential",
        /// Retries after a pause that the back-end asked for.
        UpstreamRqRetryBackoffRatelimited = counter "upstream_rq_retry_backoff_ratelimited",
        /// Requests whose retries were used up.
        UpstreamRqRetryLimitExceeded = counter "upstream_rq_retry_limit_exceeded",
        /// Retries that the circuit breaker did not allow.
        UpstreamRqRetryOverflow = counter "upstream_rq_retry_overflow",
        /// Retries that succeeded.
        UpstreamRqRetrySuccess = counter "upstream_rq_retry_success",
        /// Requests that the back-end reset.
        UpstreamRqRxReset = counter "upstream_rq_rx_reset",
        /// Of those, without saying that anything was wrong.
        UpstreamRqRxResetNoError = counter "upstream_rq_rx_reset_no_error",
        /// Requests that ran into the route's timeout.
        UpstreamRqTimeout = counter "upstream_rq_timeout",
        /// Requests that were sent.
        UpstreamRqTotal = counter "upstream_rq_total",
        /// Requests that we reset.
        UpstreamRqTxReset = counter "upstream_rq_tx_reset",
        /// Never moves: version of a management server.
        Version = gauge "version",
        /// 1 while the cluster waits for its first DNS answer and its first round of health checks.
        WarmingState = gauge "warming_state",
    }
}

causeway_stats::schema! {
    /// `cluster.<name>.`: what Envoy shows from the first response on.
    pub enum ClusterResponseStat {
        /// Time of all responses, in milliseconds.
        UpstreamRqTime = histogram "upstream_rq_time",
    }
}

causeway_stats::schema! {
    /// `cluster.<name>.`: what Envoy shows from the first response to a request from outside on.
    pub enum ClusterExternalStat {
        /// Responses to requests from outside.
        Completed = counter "external.upstream_rq_completed",
        /// Their time, in milliseconds.
        Time = histogram "external.upstream_rq_time",
    }
}

causeway_stats::schema! {
    /// `cluster.<name>.canary.` and `cluster.<name>.zone.<from>.<to>.`: there from the first such response on. Statuses
    /// are counted beside these.
    pub enum ClusterShareStat {
        /// Responses.
        UpstreamRqCompleted = counter "upstream_rq_completed",
        /// Their time, in milliseconds.
        UpstreamRqTime = histogram "upstream_rq_time",
    }
}

causeway_stats::schema! {
    /// `cluster.<name>.`: what Envoy shows from the first response to a request from inside on.
    pub enum ClusterInternalStat {
        /// Responses to requests from inside.
        Completed = counter "internal.upstream_rq_completed",
        /// Their time, in milliseconds.
        Time = histogram "internal.upstream_rq_time",
    }
}

causeway_stats::schema! {
    /// `cluster.<name>.ssl.`: of clusters that speak TLS. Versions, suites, groups and signatures are counted
    /// beside these by their names.
    pub enum ClusterSslStat {
        /// Handshakes that failed, but for those that failed over a certificate.
        ConnectionError = counter "ssl.connection_error",
        /// Certificates that are none of those that were pinned.
        FailVerifyCertHash = counter "ssl.fail_verify_cert_hash",
        /// Certificates that are not trusted.
        FailVerifyError = counter "ssl.fail_verify_error",
        /// Never moves: back-ends always have a certificate.
        FailVerifyNoCert = counter "ssl.fail_verify_no_cert",
        /// Certificates that bear none of the expected names.
        FailVerifySan = counter "ssl.fail_verify_san",
        /// Handshakes that were completed.
        Handshake = counter "ssl.handshake",
        /// Never moves: back-ends always have a certificate.
        NoCertificate = counter "ssl.no_certificate",
        /// Never moves: OCSP responses are for clients.
        OcspStapleFailed = counter "ssl.ocsp_staple_failed",
        /// Never moves: as before.
        OcspStapleOmitted = counter "ssl.ocsp_staple_omitted",
        /// Never moves: as before.
        OcspStapleRequests = counter "ssl.ocsp_staple_requests",
        /// Never moves: as before.
        OcspStapleResponses = counter "ssl.ocsp_staple_responses",
        /// Handshakes that resumed a session.
        SessionReused = counter "ssl.session_reused",
    }
}

causeway_stats::schema! {
    /// `cluster.<name>.`: of clusters with `track_timeout_budgets`.
    pub enum ClusterBudgetStat {
        /// How much of the route's timeout it took to get a response, in per cent.
        PercentUsed = histogram "upstream_rq_timeout_budget_percent_used",
        /// How much of its own timeout an attempt took, in per cent; 0 where it has none.
        PerTryPercentUsed = histogram "upstream_rq_timeout_budget_per_try_percent_used",
    }
}

causeway_stats::schema! {
    /// `cluster.<name>.upstream.proxyprotocol.`: of clusters whose connections begin with a PROXY header.
    pub enum ProxyProtocolStat {
        /// Headers whose TLVs were left out because they do not fit.
        TlvsExceedMaxLength = counter "upstream.proxyprotocol.v2_tlvs_exceed_max_length",
    }
}

causeway_stats::schema! {
    /// `cluster.<name>.client_ssl_socket_factory.`: of clusters that speak TLS.
    pub enum SocketFactoryStat {
        /// Never moves: it is about clients.
        DownstreamContextSecretsNotReady = counter "client_ssl_socket_factory.downstream_context_secrets_not_ready",
        /// Times that a secret was read again.
        SslContextUpdateBySds = counter "client_ssl_socket_factory.ssl_context_update_by_sds",
        /// Connections that were not made because a secret is missing.
        UpstreamContextSecretsNotReady = counter "client_ssl_socket_factory.upstream_context_secrets_not_ready",
    }
}

causeway_stats::schema! {
    /// `cluster.<name>.`: of clusters that track sizes of requests and responses.
    pub enum ClusterSizeStat {
        /// Bytes of the bodies of requests.
        RqBodySize = histogram "upstream_rq_body_size",
        /// Fields of the heads of requests, as HTTP/2 counts them: the first line is some of them.
        RqHeadersCount = histogram "upstream_rq_headers_count",
        /// Bytes of their names and values.
        RqHeadersSize = histogram "upstream_rq_headers_size",
        /// Bytes of the bodies of responses.
        RsBodySize = histogram "upstream_rs_body_size",
        /// Fields of the heads of responses.
        RsHeadersCount = histogram "upstream_rs_headers_count",
        /// Bytes of their names and values.
        RsHeadersSize = histogram "upstream_rs_headers_size",
    }
}

causeway_stats::schema! {
    /// `cluster.<name>.http1.`: what Envoy shows from the first HTTP/1 connection on.
    pub enum ClusterHttp1Stat {
        /// Header fields that were left out because of a `_` in their names.
        DroppedHeadersWithUnderscores = counter "http1.dropped_headers_with_underscores",
        /// Never moves: METADATA frames of HTTP/2 that HTTP/1 can't carry.
        MetadataNotSupportedError = counter "http1.metadata_not_supported_error",
        /// Requests refused because of a `_` in the name of a header field.
        RequestsRejectedWithUnderscoresInHeaders = counter "http1.requests_rejected_with_underscores_in_headers",
        /// Never moves: responses that pile up for a client that does not read.
        ResponseFlood = counter "http1.response_flood",
    }
}

causeway_stats::schema! {
    /// `cluster.<name>.http2.`: what Envoy shows from the first HTTP/2 connection on.
    pub enum ClusterHttp2Stat {
        /// Nothing is recorded, as with Envoy, unless something at run time is changed there: cookies of a message.
        CookieCount = histogram "http2.cookie_count",
        /// The same: bytes of them.
        CookieSize = histogram "http2.cookie_size",
        /// The same: fields of a message.
        HeaderCount = histogram "http2.header_count",
        /// The same: bytes of them.
        HeaderListSize = histogram "http2.header_list_size",
        /// Never moves: cookies of requests.
        CookiesTotalBytesTooLarge = counter "http2.cookies_total_bytes_too_large",
        /// Never moves: streams that end while their last bytes wait.
        DeferredStreamClose = counter "http2.deferred_stream_close",
        /// Header fields that were left out because of a `_` in their names.
        DroppedHeadersWithUnderscores = counter "http2.dropped_headers_with_underscores",
        /// GOAWAY frames that were sent.
        GoawaySent = counter "http2.goaway_sent",
        /// Never moves: such heads are counted in `header_overflow`.
        HeaderListSizeTooLarge = counter "http2.header_list_size_too_large",
        /// Responses whose heads were too large.
        HeaderOverflow = counter "http2.header_overflow",
        /// Never moves: heads for streams that do not exist.
        HeadersCbNoStream = counter "http2.headers_cb_no_stream",
        /// Connections closed because of empty frames.
        InboundEmptyFramesFlood = counter "http2.inbound_empty_frames_flood",
        /// Connections closed because of PRIORITY frames.
        InboundPriorityFramesFlood = counter "http2.inbound_priority_frames_flood",
        /// Connections closed because of WINDOW_UPDATE frames.
        InboundWindowUpdateFramesFlood = counter "http2.inbound_window_update_frames_flood",
        /// Connections closed because a PING was not answered.
        KeepaliveTimeout = counter "http2.keepalive_timeout",
        /// Never moves: METADATA frames.
        MetadataEmptyFrames = counter "http2.metadata_empty_frames",
        /// Never moves: a codec, or a side, that these connections don't have.
        Nghttp2DownstreamConnections = counter "http2.nghttp2_downstream_connections",
        /// Connections, as with Envoy's codec.
        Nghttp2UpstreamConnections = counter "http2.nghttp2_upstream_connections",
        /// Never moves: a codec, or a side, that these connections don't have.
        Oghttp2DownstreamConnections = counter "http2.oghttp2_downstream_connections",
        /// Never moves: a codec, or a side, that these connections don't have.
        Oghttp2UpstreamConnections = counter "http2.oghttp2_upstream_connections",
        /// Never moves: control frames do not pile up.
        OutboundControlFlood = counter "http2.outbound_control_flood",
        /// Never moves: control frames that wait to be sent.
        OutboundControlFramesActive = gauge "http2.outbound_control_frames_active",
        /// Never moves: frames do not pile up.
        OutboundFlood = counter "http2.outbound_flood",
        /// Never moves: frames that wait to be sent.
        OutboundFramesActive = gauge "http2.outbound_frames_active",
        /// Never moves: bytes that wait for a window.
        PendingSendBytes = gauge "http2.pending_send_bytes",
        /// Requests refused because of a `_` in the name of a header field.
        RequestsRejectedWithUnderscoresInHeaders = counter "http2.requests_rejected_with_underscores_in_headers",
        /// Responses that were malformed.
        RxMessagingError = counter "http2.rx_messaging_error",
        /// RST_STREAM frames received.
        RxReset = counter "http2.rx_reset",
        /// Never moves: streams that a back-end may not open.
        StreamRefusedErrors = counter "http2.stream_refused_errors",
        /// Streams that are open.
        StreamsActive = gauge "http2.streams_active",
        /// Never moves: trailers, which Envoy counts towards clients only.
        Trailers = counter "http2.trailers",
        /// Never moves: streams that wait for a window for too long have time-outs of their own.
        TxFlushTimeout = counter "http2.tx_flush_timeout",
        /// RST_STREAM frames sent.
        TxReset = counter "http2.tx_reset",
    }
}

causeway_stats::schema! {
    /// `cluster.<name>.health_check.`: of clusters with health checks.
    pub enum HealthCheckStat {
        /// Checks that were begun.
        Attempt = counter "health_check.attempt",
        /// Endpoints that a check found degraded.
        Degraded = gauge "health_check.degraded",
        /// Checks that failed.
        Failure = counter "health_check.failure",
        /// Endpoints that the checks find healthy.
        Healthy = gauge "health_check.healthy",
        /// Checks that failed below HTTP: no connection, no answer, no HTTP.
        NetworkFailure = counter "health_check.network_failure",
        /// Failures that a response to a request announced (`x-envoy-immediate-health-check-fail`).
        PassiveFailure = counter "health_check.passive_failure",
        /// Checks that succeeded.
        Success = counter "health_check.success",
        /// Never moves: comparison of service names.
        VerifyCluster = counter "health_check.verify_cluster",
    }
}

causeway_stats::schema! {
    /// `cluster.<name>.circuit_breakers.<priority>.`: what is left, where `track_remaining` is set.
    pub enum RemainingStat {
        /// Connections.
        Cx = gauge "remaining_cx",
        /// Connection pools, which are not limited: the largest number.
        CxPools = gauge "remaining_cx_pools",
        /// Requests that may wait.
        Pending = gauge "remaining_pending",
        /// Retries.
        Retries = gauge "remaining_retries",
        /// Requests.
        Rq = gauge "remaining_rq",
    }
}

causeway_stats::schema! {
    /// `cluster_manager.`
    pub enum ClusterManagerStat {
        /// Clusters.
        ActiveClusters = gauge "active_clusters",
        /// Clusters that were added.
        ClusterAdded = counter "cluster_added",
        /// Clusters that were changed by a reload.
        ClusterModified = counter "cluster_modified",
        /// Clusters that were removed.
        ClusterRemoved = counter "cluster_removed",
        /// Never moves: updates of a management server.
        ClusterUpdated = counter "cluster_updated",
        /// Never moves: as before.
        ClusterUpdatedViaMerge = counter "cluster_updated_via_merge",
        /// Never moves: as before.
        UpdateMergeCancelled = counter "update_merge_cancelled",
        /// Never moves: as before.
        UpdateOutOfMergeWindow = counter "update_out_of_merge_window",
        /// Clusters that are not warm yet.
        WarmingClusters = gauge "warming_clusters",
    }
}

causeway_stats::schema! {
    /// `dns.cares.`: look-ups of names. The name is that of Envoy's resolver, so that dashboards find it.
    pub enum DnsStat {
        /// Look-ups that failed in any other way than those below.
        GetAddrFailure = counter "get_addr_failure",
        /// Look-ups of names that do not exist or have no address of the family.
        NotFound = counter "not_found",
        /// Look-ups under way.
        PendingResolutions = gauge "pending_resolutions",
        /// Times that the resolver was made anew, because the system's configuration had changed.
        Reinits = counter "reinits",
        /// Look-ups.
        ResolveTotal = counter "resolve_total",
        /// Look-ups that no server answered in time.
        Timeouts = counter "timeouts",
    }
}

/// The gauge that says whether a breaker is open.
pub(crate) const fn open_gauge(priority: RoutingPriority, resource: Resource) -> ClusterStat {
    match (priority, resource) {
        (RoutingPriority::Default, Resource::Connections) => ClusterStat::DefaultCxOpen,
        (RoutingPriority::Default, Resource::Pending) => ClusterStat::DefaultRqPendingOpen,
        (RoutingPriority::Default, Resource::Requests) => ClusterStat::DefaultRqOpen,
        (RoutingPriority::Default, Resource::Retries) => ClusterStat::DefaultRqRetryOpen,
        (RoutingPriority::High, Resource::Connections) => ClusterStat::HighCxOpen,
        (RoutingPriority::High, Resource::Pending) => ClusterStat::HighRqPendingOpen,
        (RoutingPriority::High, Resource::Requests) => ClusterStat::HighRqOpen,
        (RoutingPriority::High, Resource::Retries) => ClusterStat::HighRqRetryOpen,
    }
}

/// The gauge that would say that there may be no more pools, of which nobody limits the number.
pub(crate) const fn pool_gauge(priority: RoutingPriority) -> ClusterStat {
    match priority {
        RoutingPriority::Default => ClusterStat::DefaultCxPoolOpen,
        RoutingPriority::High => ClusterStat::HighCxPoolOpen,
    }
}

/// The gauge that says how much of a resource is left.
pub(crate) const fn remaining_gauge(resource: Resource) -> RemainingStat {
    match resource {
        Resource::Connections => RemainingStat::Cx,
        Resource::Pending => RemainingStat::Pending,
        Resource::Requests => RemainingStat::Rq,
        Resource::Retries => RemainingStat::Retries,
    }
}

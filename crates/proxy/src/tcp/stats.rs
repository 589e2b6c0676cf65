//! The metrics of TCP proxies, by Envoy's names.

causeway_stats::schema! {
    /// `tcp.<stat_prefix>.`
    pub enum TcpStat {
        /// Connections closed because their listener drains (`check_drain_close`).
        DownstreamCxDrainClose = counter "downstream_cx_drain_close",
        /// Connections to a cluster that does not exist.
        DownstreamCxNoRoute = counter "downstream_cx_no_route",
        /// Connections closed because of overload.
        DownstreamCxOverloadClose = counter "downstream_cx_overload_close",
        /// Bytes that the last reads of all open connections brought.
        DownstreamCxRxBytesBuffered = gauge "downstream_cx_rx_bytes_buffered",
        /// Bytes received.
        DownstreamCxRxBytesTotal = counter "downstream_cx_rx_bytes_total",
        /// Connections.
        DownstreamCxTotal = counter "downstream_cx_total",
        /// Bytes that wait to be sent.
        DownstreamCxTxBytesBuffered = gauge "downstream_cx_tx_bytes_buffered",
        /// Bytes sent.
        DownstreamCxTxBytesTotal = counter "downstream_cx_tx_bytes_total",
        /// Reading from a client stopped because its back-end was slower.
        DownstreamFlowControlPausedReadingTotal = counter "downstream_flow_control_paused_reading_total",
        /// It went on.
        DownstreamFlowControlResumedReadingTotal = counter "downstream_flow_control_resumed_reading_total",
        /// Connections that said something, or ended, before the back-end was connected, where that waits for it.
        EarlyDataReceivedCountTotal = counter "early_data_received_count_total",
        /// Closed because nothing moved for `idle_timeout`.
        IdleTimeout = counter "idle_timeout",
        /// Closed because of `max_downstream_connection_duration`.
        MaxDownstreamConnectionDuration = counter "max_downstream_connection_duration",
        /// Never moves: connections whose cluster was chosen later.
        RouteDelayedTotal = counter "route_delayed_total",
        /// Never moves: a client that is gone leaves nothing behind that is still to be sent.
        UpstreamFlushActive = gauge "upstream_flush_active",
        /// Never moves: as before.
        UpstreamFlushTotal = counter "upstream_flush_total",
    }
}

//! What happens when the machine has less left than it needs.

use std::sync::Arc;
use std::time::Duration;

/// `config.overload.v3.OverloadManager`.
#[derive(Debug, Clone, PartialEq)]
pub struct OverloadManager {
    /// How often the monitors look; 1 s unless set.
    pub refresh_interval: Duration,
    /// What is watched.
    pub monitors: Vec<ResourceMonitor>,
    /// What is done about it.
    pub actions: Vec<OverloadAction>,
    /// Places at which work is refused.
    pub load_shed_points: Vec<LoadShedPoint>,
    /// Connections of clients that may be open at once, in all listeners
    /// (`envoy.resource_monitors.global_downstream_max_connections`, or the runtime key
    /// `overload.global_downstream_max_connections`).
    pub max_connections: Option<u64>,
}

impl Default for OverloadManager {
    fn default() -> Self {
        Self {
            refresh_interval: Duration::from_secs(1),
            monitors: Vec::new(),
            actions: Vec::new(),
            load_shed_points: Vec::new(),
            max_connections: None,
        }
    }
}

/// `config.overload.v3.ResourceMonitor`.
#[derive(Debug, Clone, PartialEq)]
pub struct ResourceMonitor {
    /// The name under which triggers know it.
    pub name: Arc<str>,
    /// What it watches.
    pub resource: Resource,
}

/// What can be watched. Its pressure is the share of it that is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resource {
    /// Memory of this process, in bytes (`envoy.resource_monitors.fixed_heap`).
    Heap {
        /// `max_heap_size_bytes`.
        most: u64,
    },
    /// Memory of the control group that this process is in (`envoy.resource_monitors.cgroup_memory`).
    Cgroup {
        /// `max_memory_bytes`; the group's own limit unless set.
        most: Option<u64>,
    },
    /// Connections of clients (`envoy.resource_monitors.global_downstream_max_connections`).
    Connections {
        /// `max_active_downstream_connections`.
        most: u64,
    },
}

/// `config.overload.v3.OverloadAction`.
#[derive(Debug, Clone, PartialEq)]
pub struct OverloadAction {
    /// What is done.
    pub kind: OverloadActionKind,
    /// When: the strongest counts.
    pub triggers: Vec<Trigger>,
    /// For `reduce_timeouts`, how short they become.
    pub timers: Vec<ScaledTimer>,
}

/// `envoy.overload_actions.…`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum OverloadActionKind {
    /// Requests are answered 503.
    StopAcceptingRequests,
    /// Connections end behind their next response.
    DisableHttpKeepalive,
    /// No more connections are taken.
    StopAcceptingConnections,
    /// Connections are taken and closed at once.
    RejectIncomingConnections,
    /// Timeouts become shorter.
    ReduceTimeouts,
    /// Memory that is kept for later is given back.
    ShrinkHeap,
}

/// `envoy.load_shed_points.…`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum LoadShedPointKind {
    /// A connection is closed as soon as it has been taken.
    TcpListenerAccept,
    /// A connection is closed when its first bytes come.
    HcmOndataCreatingCodec,
    /// The head of a request has begun: it is answered 500.
    Http1ServerAbortDispatch,
    /// Something has come on a connection, also one of HTTP/1: it ends behind what is asked on it.
    Http2ServerGoAwayOnDispatch,
    /// Something has come on a connection, also one of HTTP/1: it is closed at once.
    Http2ServerGoAwayAndCloseOnDispatch,
    /// A request is complete enough to be routed: it is answered 503.
    HttpConnectionManagerDecodeHeaders,
    /// The router has a request for a back-end: it is answered 503.
    HttpDownstreamFilterCheck,
    /// A request would need a new connection to its back-end.
    ConnectionPoolNewConnection,
    /// A TCP proxy is about to connect to a back-end: the client's connection is closed.
    TcpProxyUpstreamConnect,
    /// Something has come from the client of a TCP proxy, if only its end: the connection is closed.
    TcpProxyOnData,
}

/// `config.overload.v3.LoadShedPoint`.
#[derive(Debug, Clone, PartialEq)]
pub struct LoadShedPoint {
    /// Where.
    pub kind: LoadShedPointKind,
    /// When: the strongest counts.
    pub triggers: Vec<Trigger>,
}

/// `config.overload.v3.Trigger`.
#[derive(Debug, Clone, PartialEq)]
pub struct Trigger {
    /// The monitor's name.
    pub monitor: Arc<str>,
    /// What follows from its pressure.
    pub curve: TriggerCurve,
}

/// How much is done at which pressure; 0 is nothing and 1 everything.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum TriggerCurve {
    /// Everything from there on.
    Threshold(f64),
    /// Nothing up to the first, everything from the second on, and evenly more between.
    Scaled(f64, f64),
}

impl TriggerCurve {
    /// How much is done at a pressure.
    #[must_use]
    pub fn at(self, pressure: f64) -> f64 {
        match self {
            Self::Threshold(threshold) => f64::from(u8::from(pressure >= threshold)),
            Self::Scaled(_, saturation) if pressure >= saturation => 1.0,
            Self::Scaled(scaling, _) if pressure <= scaling => 0.0,
            Self::Scaled(scaling, saturation) => (pressure - scaling) / (saturation - scaling),
        }
    }
}

/// `ScaleTimersOverloadActionConfig.ScaleTimer`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ScaledTimer {
    /// Which one.
    pub timer: TimerType,
    /// The least it becomes.
    pub least: TimerLeast,
}

/// `ScaleTimersOverloadActionConfig.TimerType`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimerType {
    /// `idle_timeout` of clients' connections.
    ConnectionIdle,
    /// `stream_idle_timeout` and the `idle_timeout` of routes.
    StreamIdle,
    /// `max_connection_duration`.
    ConnectionMax,
}

/// The least that a timer becomes when everything is done.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum TimerLeast {
    /// A time (`min_timeout`).
    Time(Duration),
    /// A share of what is set (`min_scale`); 1 is all of it.
    Share(f64),
}

impl OverloadActionKind {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::StopAcceptingRequests,
        Self::DisableHttpKeepalive,
        Self::StopAcceptingConnections,
        Self::RejectIncomingConnections,
        Self::ReduceTimeouts,
        Self::ShrinkHeap,
    ];

    /// Its name in files and statistics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::StopAcceptingRequests => "envoy.overload_actions.stop_accepting_requests",
            Self::DisableHttpKeepalive => "envoy.overload_actions.disable_http_keepalive",
            Self::StopAcceptingConnections => "envoy.overload_actions.stop_accepting_connections",
            Self::RejectIncomingConnections => "envoy.overload_actions.reject_incoming_connections",
            Self::ReduceTimeouts => "envoy.overload_actions.reduce_timeouts",
            Self::ShrinkHeap => "envoy.overload_actions.shrink_heap",
        }
    }
}

impl LoadShedPointKind {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::TcpListenerAccept,
        Self::HcmOndataCreatingCodec,
        Self::Http1ServerAbortDispatch,
        Self::Http2ServerGoAwayOnDispatch,
        Self::Http2ServerGoAwayAndCloseOnDispatch,
        Self::HttpConnectionManagerDecodeHeaders,
        Self::HttpDownstreamFilterCheck,
        Self::ConnectionPoolNewConnection,
        Self::TcpProxyUpstreamConnect,
        Self::TcpProxyOnData,
    ];

    /// Its name in files and statistics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::TcpListenerAccept => "envoy.load_shed_points.tcp_listener_accept",
            Self::HcmOndataCreatingCodec => "envoy.load_shed_points.hcm_ondata_creating_codec",
            Self::Http1ServerAbortDispatch => "envoy.load_shed_points.http1_server_abort_dispatch",
            Self::Http2ServerGoAwayOnDispatch => "envoy.load_shed_points.http2_server_go_away_on_dispatch",
            Self::Http2ServerGoAwayAndCloseOnDispatch => {
                "envoy.load_shed_points.http2_server_go_away_and_close_on_dispatch"
            }
            Self::HttpConnectionManagerDecodeHeaders => {
                "envoy.load_shed_points.http_connection_manager_decode_headers"
            }
            Self::HttpDownstreamFilterCheck => "envoy.load_shed_points.http_downstream_filter_check",
            Self::ConnectionPoolNewConnection => "envoy.load_shed_points.connection_pool_new_connection",
            Self::TcpProxyUpstreamConnect => "envoy.load_shed_points.tcp_proxy_upstream_connect",
            Self::TcpProxyOnData => "envoy.load_shed_points.tcp_proxy_on_data",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn curves_begin_and_end_where_they_say() {
        let threshold = TriggerCurve::Threshold(0.95);
        assert_eq!((threshold.at(0.94), threshold.at(0.95)), (0.0, 1.0));
        let scaled = TriggerCurve::Scaled(0.5, 0.9);
        assert_eq!((scaled.at(0.5), scaled.at(0.9), scaled.at(2.0)), (0.0, 1.0, 1.0));
        assert!((scaled.at(0.7) - 0.5).abs() < 1e-9);
    }
}

//! Metrics of the process as a whole, under Envoy's names.
//!
//! The admin server keeps [`ServerStat`] up to date ([`ServerStats`]) and counts its own requests. The
//! other schemas are for the binary, which alone knows what happened. Names that nothing can move here
//! exist at zero, so that dashboards find them.

use std::sync::{Mutex, MutexGuard, PoisonError};

use causeway_stats::{Registry, Schema, ScopeName, Shard, schema};

use crate::memory::Memory;
use crate::view::{ServerInfo, ServerState, Vitals};

schema! {
    /// `server.`: the process.
    pub enum ServerStat {
        /// Whether the cryptography is a FIPS module.
        FipsMode = gauge "compilation_settings.fips_mode",
        /// Number of workers.
        Concurrency = gauge "concurrency",
        /// Days until the first certificate expires; 4294967295 where there is none.
        DaysUntilFirstCertExpiring = gauge "days_until_first_cert_expiring",
        /// Assertions of debug builds that failed.
        DebugAssertionFailures = counter "debug_assertion_failures",
        /// Flushes left out because the one before was not done.
        DroppedStatFlushes = counter "dropped_stat_flushes",
        /// Unknown fields that management servers sent.
        DynamicUnknownFields = counter "dynamic_unknown_fields",
        /// States that must not be, and were.
        EnvoyBugFailures = counter "envoy_bug_failures",
        /// Notifications.
        EnvoyNotifications = counter "envoy_notifications",
        /// Number of processes that handed over before this one.
        HotRestartEpoch = gauge "hot_restart_epoch",
        /// Number of processes that have run.
        HotRestartGeneration = gauge "hot_restart_generation",
        /// Time from the start to serving, in milliseconds.
        InitializationTimeMs = histogram "initialization_time_ms",
        /// Whether the process serves and does not drain.
        Live = gauge "live",
        /// Bytes of its own memory that the process has touched.
        MemoryAllocated = gauge "memory_allocated",
        /// Bytes of its own memory that the process has reserved.
        MemoryHeapSize = gauge "memory_heap_size",
        /// Bytes of physical memory.
        MemoryPhysicalSize = gauge "memory_physical_size",
        /// Client connections of the process that is handing over.
        ParentConnections = gauge "parent_connections",
        /// Seconds until the first stapled OCSP response expires; 0 where there is none.
        SecondsUntilFirstOcspResponseExpiring = gauge "seconds_until_first_ocsp_response_expiring",
        /// [`ServerState::number`].
        State = gauge "state",
        /// Unknown fields in the file.
        StaticUnknownFields = counter "static_unknown_fields",
        /// Metrics looked up by name.
        StatsRecentLookups = gauge "stats_recent_lookups",
        /// Client connections.
        TotalConnections = gauge "total_connections",
        /// Seconds since the start.
        Uptime = gauge "uptime",
        /// [`ServerInfo::version_number`].
        Version = gauge "version",
        /// Fields that are work in progress.
        WipProtos = counter "wip_protos",
    }
}

schema! {
    /// `listener_manager.`: the listeners.
    pub enum ListenerManagerStat {
        /// Listeners that came.
        ListenerAdded = counter "listener_added",
        /// Listeners that could not be opened on a worker.
        ListenerCreateFailure = counter "listener_create_failure",
        /// Listeners opened, counted on each worker.
        ListenerCreateSuccess = counter "listener_create_success",
        /// Listeners that changed without being closed.
        ListenerInPlaceUpdated = counter "listener_in_place_updated",
        /// Listeners that changed.
        ListenerModified = counter "listener_modified",
        /// Listeners that went.
        ListenerRemoved = counter "listener_removed",
        /// Listeners stopped.
        ListenerStopped = counter "listener_stopped",
        /// Filter chains that are gone and have connections left.
        TotalFilterChainsDraining = gauge "total_filter_chains_draining",
        /// Listeners in use.
        TotalListenersActive = gauge "total_listeners_active",
        /// Listeners that are gone and have connections left.
        TotalListenersDraining = gauge "total_listeners_draining",
        /// Listeners that are not ready yet.
        TotalListenersWarming = gauge "total_listeners_warming",
        /// Workers bound to a processor.
        WorkersPinned = gauge "workers_pinned",
        /// Whether the workers run.
        WorkersStarted = gauge "workers_started",
    }
}

schema! {
    /// `runtime.`: runtime values.
    pub enum RuntimeStat {
        /// Keys overridden by `/runtime_modify`.
        AdminOverridesActive = gauge "admin_overrides_active",
        /// Uses of deprecated fields since the start.
        DeprecatedFeatureSeenSinceProcessStart = gauge "deprecated_feature_seen_since_process_start",
        /// Uses of deprecated fields.
        DeprecatedFeatureUse = counter "deprecated_feature_use",
        /// Loads that failed.
        LoadError = counter "load_error",
        /// Loads that succeeded.
        LoadSuccess = counter "load_success",
        /// Keys.
        NumKeys = gauge "num_keys",
        /// Layers.
        NumLayers = gauge "num_layers",
        /// Loads that found an override directory.
        OverrideDirExists = counter "override_dir_exists",
        /// Loads that found none.
        OverrideDirNotExists = counter "override_dir_not_exists",
    }
}

schema! {
    /// `main_thread.`, `workers.`, `server.main_thread.`, `server.worker_<n>.`: threads that did not
    /// come round in time.
    pub enum WatchdogStat {
        /// Far too late.
        WatchdogMegaMiss = counter "watchdog_mega_miss",
        /// Too late.
        WatchdogMiss = counter "watchdog_miss",
    }
}

/// Keeps [`ServerStat`] up to date: all gauges but `compilation_settings.fips_mode`. The counters and
/// `initialization_time_ms` are the binary's.
#[derive(Debug)]
pub struct ServerStats(Mutex<Shard<ServerStat>>);

impl ServerStats {
    /// The metrics of the process that this registry belongs to.
    #[must_use]
    pub fn new(registry: &Registry) -> Self {
        Self(Mutex::new(main_shard(registry, ScopeName::root().then("server"))))
    }

    /// Sets them to what holds now.
    pub fn refresh(&self, state: ServerState, info: &ServerInfo, vitals: &Vitals) {
        let memory = Memory::now();
        let epoch = i64::from(info.options.restart_epoch);
        let unsigned = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
        let days = vitals.days_until_first_cert_expiring.unwrap_or(u32::MAX);
        let ocsp = vitals.seconds_until_first_ocsp_response_expiring.unwrap_or_default();
        let shard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (stat, value) in [
            (ServerStat::Concurrency, i64::from(vitals.concurrency)),
            (ServerStat::DaysUntilFirstCertExpiring, i64::from(days)),
            (ServerStat::HotRestartEpoch, epoch),
            (ServerStat::HotRestartGeneration, epoch + 1),
            (ServerStat::Live, i64::from(state == ServerState::Live)),
            (ServerStat::MemoryAllocated, unsigned(memory.allocated)),
            (ServerStat::MemoryHeapSize, unsigned(memory.heap)),
            (ServerStat::MemoryPhysicalSize, unsigned(memory.physical)),
            (ServerStat::ParentConnections, unsigned(vitals.parent_connections)),
            (ServerStat::SecondsUntilFirstOcspResponseExpiring, unsigned(ocsp)),
            (ServerStat::State, state.number()),
            (ServerStat::StatsRecentLookups, 0),
            (ServerStat::TotalConnections, unsigned(vitals.total_connections)),
            (ServerStat::Uptime, unsigned(vitals.uptime.as_secs())),
            (ServerStat::Version, unsigned(info.version_number)),
        ] {
            shard.set(stat, value);
        }
    }
}

schema! {
    /// `http.admin.`
    pub(crate) enum HttpStat {
        CxActive = gauge "downstream_cx_active",
        CxDestroy = counter "downstream_cx_destroy",
        CxHttp1Active = gauge "downstream_cx_http1_active",
        CxHttp1Total = counter "downstream_cx_http1_total",
        CxLengthMs = histogram "downstream_cx_length_ms",
        CxTotal = counter "downstream_cx_total",
        RqActive = gauge "downstream_rq_active",
        RqHttp1Total = counter "downstream_rq_http1_total",
        RqRxReset = counter "downstream_rq_rx_reset",
        RqTime = histogram "downstream_rq_time",
        RqTotal = counter "downstream_rq_total",
    }
}

schema! {
    /// `http.admin.` and `listener.admin.http.admin.`
    pub(crate) enum ResponseStat {
        Rq1xx = counter "downstream_rq_1xx",
        Rq2xx = counter "downstream_rq_2xx",
        Rq3xx = counter "downstream_rq_3xx",
        Rq4xx = counter "downstream_rq_4xx",
        Rq5xx = counter "downstream_rq_5xx",
        RqCompleted = counter "downstream_rq_completed",
    }
}

schema! {
    /// `listener.admin.`; what belongs to listener filters, TLS and limits stays 0, as in Envoy: the
    /// admin server has none of them.
    pub(crate) enum ListenerStat {
        AcceptedPerEvent = histogram "connections_accepted_per_socket_event",
        Active = gauge "downstream_cx_active",
        Destroyed = counter "downstream_cx_destroy",
        LengthMs = histogram "downstream_cx_length_ms",
        Overflow = counter "downstream_cx_overflow",
        OverloadReject = counter "downstream_cx_overload_reject",
        Opened = counter "downstream_cx_total",
        TransportSocketConnectTimeout = counter "downstream_cx_transport_socket_connect_timeout",
        GlobalOverflow = counter "downstream_global_cx_overflow",
        FilterError = counter "downstream_listener_filter_error",
        FilterRemoteClose = counter "downstream_listener_filter_remote_close",
        PreActive = gauge "downstream_pre_cx_active",
        PreTimeout = counter "downstream_pre_cx_timeout",
        NoFilterChainMatch = counter "no_filter_chain_match",
    }
}

schema! {
    /// `listener.admin.main_thread.`
    pub(crate) enum ThreadStat {
        Active = gauge "downstream_cx_active",
        Opened = counter "downstream_cx_total",
    }
}

/// What the admin server counts of itself.
#[derive(Debug)]
pub(crate) struct AdminStats(Mutex<Shards>);

#[derive(Debug)]
struct Shards {
    http: Shard<HttpStat>,
    listener: Shard<ListenerStat>,
    thread: Shard<ThreadStat>,
    responses: [Shard<ResponseStat>; 2],
}

impl AdminStats {
    pub(crate) fn new(registry: &Registry) -> Self {
        let http = |scope: ScopeName| scope.then("http").tagged("envoy.http_conn_manager_prefix", "admin");
        let listener = || ScopeName::root().then("listener").then("admin");
        Self(Mutex::new(Shards {
            http: main_shard(registry, http(ScopeName::root())),
            listener: main_shard(registry, listener()),
            thread: main_shard(registry, listener().then("main_thread")),
            responses: [http(ScopeName::root()), http(listener())].map(|scope| main_shard(registry, scope)),
        }))
    }

    pub(crate) fn connected(&self) {
        let shards = self.lock();
        shards.http.inc(HttpStat::CxTotal);
        shards.http.inc(HttpStat::CxHttp1Total);
        shards.http.adjust(HttpStat::CxActive, 1);
        shards.http.adjust(HttpStat::CxHttp1Active, 1);
        shards.listener.inc(ListenerStat::Opened);
        shards.listener.adjust(ListenerStat::Active, 1);
        shards.listener.adjust(ListenerStat::PreActive, 0);
        // One is accepted at a time.
        shards.listener.record(ListenerStat::AcceptedPerEvent, 1);
        shards.thread.inc(ThreadStat::Opened);
        shards.thread.adjust(ThreadStat::Active, 1);
    }

    pub(crate) fn disconnected(&self, length_ms: u64) {
        let shards = self.lock();
        shards.http.inc(HttpStat::CxDestroy);
        shards.http.adjust(HttpStat::CxActive, -1);
        shards.http.adjust(HttpStat::CxHttp1Active, -1);
        shards.http.record(HttpStat::CxLengthMs, length_ms);
        shards.listener.inc(ListenerStat::Destroyed);
        shards.listener.adjust(ListenerStat::Active, -1);
        shards.thread.adjust(ThreadStat::Active, -1);
        shards.listener.record(ListenerStat::LengthMs, length_ms);
    }

    pub(crate) fn requested(&self) {
        let shards = self.lock();
        shards.http.inc(HttpStat::RqTotal);
        shards.http.inc(HttpStat::RqHttp1Total);
        shards.http.adjust(HttpStat::RqActive, 1);
    }

    /// A request is over; a status of 0 means that the client did not wait for its answer.
    pub(crate) fn answered(&self, status: u16, cut_short: bool, time_ms: u64) {
        let class = match status / 100 {
            0 => None,
            1 => Some(ResponseStat::Rq1xx),
            2 => Some(ResponseStat::Rq2xx),
            3 => Some(ResponseStat::Rq3xx),
            4 => Some(ResponseStat::Rq4xx),
            _ => Some(ResponseStat::Rq5xx),
        };
        let shards = self.lock();
        shards.http.adjust(HttpStat::RqActive, -1);
        shards.http.record(HttpStat::RqTime, time_ms);
        if cut_short {
            shards.http.inc(HttpStat::RqRxReset);
        }
        let Some(class) = class else { return };
        for responses in &shards.responses {
            responses.inc(class);
            responses.inc(ResponseStat::RqCompleted);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Shards> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn main_shard<S: Schema>(registry: &Registry, name: ScopeName) -> Shard<S> {
    registry.scope(name).shard(registry.main_shard())
}

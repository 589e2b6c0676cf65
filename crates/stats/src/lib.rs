//! Counters, gauges and histograms.
//!
//! Every worker has cells of its own, which only it writes, with plain loads and stores; whoever
//! reads sums them. So counting costs the request path a nanosecond and shares nothing.
//!
//! A *schema* is an enum of the metrics that belong together ([`schema!`]), a [`Scope`] is one
//! instance of a schema under a name (`cluster.backend`), a [`Shard`] is one worker's cells of a
//! scope. The [`Registry`] knows all scopes and reads them. Names are Envoy's.

mod cell;
mod histogram;
mod name;
mod registry;
mod scope;

pub use histogram::{Buckets, HistogramCells, bucket_lower_bound, bucket_of, bucket_width};
pub use name::ScopeName;
pub use registry::{NameFilter, Reading, Registry, Sample, ScopeReading};
pub use scope::{DynamicCounter, Kind, Metric, Schema, Scope, Shard};

/// Declares an enum of metrics and its [`Schema`].
///
/// ```
/// causeway_stats::schema! {
///     /// Of a listener.
///     pub enum ListenerStat {
///         /// Connections accepted.
///         DownstreamCxTotal = counter "downstream_cx_total",
///         /// Connections open.
///         DownstreamCxActive = gauge "downstream_cx_active",
///         /// Their length in milliseconds.
///         DownstreamCxLengthMs = histogram "downstream_cx_length_ms",
///     }
/// }
/// ```
#[macro_export]
macro_rules! schema {
    ($(#[$meta:meta])* $vis:vis enum $name:ident {
        $($(#[$doc:meta])* $variant:ident = $kind:ident $text:literal,)*
    }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        $vis enum $name { $($(#[$doc])* $variant,)* }

        impl $crate::Schema for $name {
            const METRICS: &'static [$crate::Metric] =
                &[$($crate::Metric { name: $text, kind: $crate::schema!(@kind $kind) },)*];

            fn index(self) -> usize {
                self as usize
            }
        }
    };
    (@kind counter) => { $crate::Kind::Counter };
    (@kind gauge) => { $crate::Kind::Gauge };
    (@kind histogram) => { $crate::Kind::Histogram };
}

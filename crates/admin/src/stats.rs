//! Statistics as text, JSON and for Prometheus.
//!
//! Counters, gauges and totals of histograms are as they are at the moment of the request; intervals of
//! histograms are those of the last flush, as Envoy's.

mod collect;
mod html;
mod intervals;
mod json;
pub(crate) mod number;
mod params;
mod prometheus;
mod quantile;
mod tags;
mod text;

pub(crate) use collect::{Collected, Filter, Metric, Value};
pub(crate) use html::html;
pub(crate) use intervals::Intervals;
pub(crate) use json::json;
pub(crate) use params::{BadParam, Format, StatsParams};
pub(crate) use prometheus::prometheus;
pub(crate) use tags::split as split_tags;
pub(crate) use text::text;

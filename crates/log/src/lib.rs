//! The application log, in Envoy's form.
//!
//! One `tracing` subscriber writes one line for each event:
//! `[2026-11-20 16:17:33.079][22155][info][config] [crates/envoy/src/load.rs:90] message`. Events
//! belong to one of Envoy's components, each with a level of its own that can be changed at any time;
//! a call site whose level is off costs a load and a branch. Names, levels, options and the flags of
//! `--log-format` are Envoy's.
//!
//! Writing is done by a thread of its own. Whoever logs never waits for a pipe that is full or gone:
//! what finds no room is counted, and the count is logged.
//!
//! A target names the component (`tracing::info!(target: "upstream", …)`); without one, the module
//! decides. Fields follow the message as `name=value`. `tracing` knows no level above error:
//! [`critical!`] is an error that Envoy would call critical.

mod component;
mod format;
mod level;
mod levels;
mod limiter;
mod logger;
mod writer;

pub use component::Component;
pub use format::{DEFAULT_FORMAT, Format, FormatError};
pub use level::{Level, UnknownLevel};
pub use levels::{ComponentLevelError, parse_component_levels};
pub use limiter::Limiter;
pub use logger::{InstallError, LogHandle, Logger, Options};
pub use writer::Output;

#[doc(hidden)]
pub use tracing as __tracing;

/// Logs that the process can't go on. Takes what `tracing::error!` takes.
#[macro_export]
macro_rules! critical {
    (target: $target:expr, $($rest:tt)+) => {
        $crate::__tracing::error!(target: $target, critical = true, $($rest)+)
    };
    ($($rest:tt)+) => {
        $crate::__tracing::error!(critical = true, $($rest)+)
    };
}

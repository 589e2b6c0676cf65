//! A doctor: it examines a configuration, a proxy that runs it, and the world around both, and says what is wrong, with
//! evidence, a grade of proof, and what to do.
//!
//! ```text
//!  what is examined             how                                   what comes of it
//!  envoy.yaml ── lint ────────▶ rules about the model ─────────┐
//!  the host ──── world ───────▶ facts, read once ──────────────┤
//!  listeners ─── listeners ───▶ addresses, certificates ───────┤
//!  names ─────── probe::dns ──▶ the same questions ────────────┼──▶ Report ─▶ text, JSON
//!  endpoints ─── probe ───────▶ as configured, then otherwise ─┤
//!  a log ─────── logs ────────▶ failures, counted by kind ─────┤
//!  a proxy ───── foreign ─────▶ what it says of itself ────────┘
//! ```
//!
//! What decides is free of I/O: a rule takes the model, a diagnosis takes observations. A [`Finding`] is never printed
//! without its evidence, and says what was ruled out.

pub mod backend;
pub mod bundle;
mod candidates;
pub mod checks;
pub mod examine;
pub mod finding;
pub mod foreign;
mod http_options;
pub mod lint;
pub mod listeners;
pub mod logs;
pub mod mend;
pub mod probe;
pub mod redact;
pub mod refused;
pub mod report;
pub mod said;
pub mod selection;
#[cfg(test)]
mod testing;
mod time;
pub mod world;

pub use finding::{Edit, Effect, Evidence, EvidenceKind, Finding, Fix, Grade, Severity, Subject, under};
pub use probe::Progress;
pub use redact::Redactor;
pub use report::{Check, Outcome, Report};
pub use said::Said;
pub use selection::Selection;

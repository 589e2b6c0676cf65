//! envoy.yaml, JSON and protobuf → model.
//!
//! A file becomes a text tree, the text tree a value tree typed by Envoy's own schema, and the value tree
//! the model that the proxy runs:
//!
//! ```text
//! Source ─ text ─▶ Node ─ tree::walk ─▶ Message ─ check ─ lower ─▶ Bootstrap
//!        └ protobuf ──── tree::wire ──▶    │                └ unread: what nobody read
//!                                          └ dump: what /config_dump prints
//! ```
//!
//! Everything that is wrong, not implemented, or probably not what was meant becomes a [`Diagnostic`]
//! with its place in the file. What Envoy 1.40 accepts is never refused for another reason than that
//! Causeway does not implement it.

mod check;
mod diagnostic;
mod dump;
mod edit;
mod extension;
mod load;
mod locate;
mod lower;
mod re2;
mod schema;
#[cfg(test)]
mod silent;
mod source;
mod suggest;
pub mod template;
mod text;
mod tree;
mod unread;

pub use diagnostic::{Diagnostic, Diagnostics, Kind, Place, Severity};
pub use dump::ConfigDump;
pub use edit::{EditError, FieldChange, edit};
pub use load::{LoadOptions, Loaded, LoadedSecrets, load, load_secrets};
pub use locate::{Located, Spot, locate};
pub use source::{Format, Source};

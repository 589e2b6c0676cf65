//! The admin server: Envoy's endpoints, in Envoy's forms, and a few of our own.
//!
//! It runs on a thread and a runtime of its own, so that it answers while workers are busy or stuck, and
//! touches none of their locks. What it shows, it asks of the [`Process`], which the binary
//! implements; what it gets are the plain values of [`view`].

mod process;
pub mod view;

pub use process::{ModifyRuntimeError, Process, RequestRecord};

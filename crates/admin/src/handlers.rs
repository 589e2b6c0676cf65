//! The answers.

pub(crate) mod certs;
pub(crate) mod clusters;
pub(crate) mod config_dump;
pub(crate) mod control;
pub(crate) mod home;
pub(crate) mod hosts;
pub(crate) mod listeners;
pub(crate) mod logging;
pub(crate) mod reasons;
pub(crate) mod reload;
pub(crate) mod runtime;
pub(crate) mod server;
pub(crate) mod stats;
pub(crate) mod trouble;
pub(crate) mod unsupported;
pub(crate) mod why;

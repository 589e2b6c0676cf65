//! The catalogue of every way a request can fail, or be answered by the proxy itself.
//!
//! A [`Reason`] is the *root cause* under one name. The same name stands in the access log, the
//! application log, the metric, the admin page and, where it is asked for, the response header.
//! [`Reason::spec`] is one total table from the reason to everything else that is known about it:
//! what the client is told, what Envoy would have logged, who is to blame, whether another attempt
//! is safe, a sentence in English and in Korean, and what to do.
//!
//! A [`Failure`] is a reason that happened: it adds how it was met and the evidence.
//!
//! A [`Condition`] is what no request meets as such but a doctor finds: a fault of a file, of a host, of a
//! back-end. Both together are the [`Cause`]s, and share their codes.
//!
//! This crate depends on nothing of ours, so that every other crate can speak of reasons.

mod answer;
mod catalogue;
mod cause;
mod codes;
mod condition;
mod failure;
mod flag;
mod line;
mod markdown;
mod spec;

pub use answer::{Answer, Body, Details, ResetReason};
pub use catalogue::{Reason, grpc as grpc_status};
pub use cause::Cause;
pub use condition::{Condition, ConditionSpec};
pub use failure::{Failure, Met};
pub use flag::{Flag, Flags};
pub use line::{HaproxyConnection, HaproxyLine, Line, Maker, Protocol};
pub use markdown::reasons_page;
pub use spec::{Blame, Language, Retry, Spec, Text};

//! HTTP/2 from clients (RFC 9113).
//!
//! A connection is a task that reads frames, hands each new request to a task of its own, and writes what those
//! have to send. What they share is the [`Session`](session::Session): windows, streams, and the bytes that wait to
//! be written. All of it belongs to one worker, so nobody waits for a lock.
//!
//! Nothing is buffered for a stream that is slow: a piece of a body is taken from the back-end when the windows and the
//! bytes that wait leave room for it. What a client may send before anybody takes it is limited by the windows that it
//! is given.

mod connection;
mod heads;
mod job;
mod limits;
mod output;
mod output_pool;
mod receive;
mod session;
mod stream;

pub(super) use connection::{Handover, serve, tell};
pub(crate) use job::StreamJob;
pub(crate) use output_pool::OutputPool;
pub(crate) use stream::{ClientStream, Lost};

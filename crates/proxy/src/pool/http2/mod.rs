//! HTTP/2 to back-ends: connections that many requests share, and the stream that each of them has.

mod failure;
mod frames;
mod preface;
mod session;
mod stream;
mod watch;
mod wire;

pub(super) use session::{Session, Sessions};
pub(crate) use stream::{Head, UpstreamStream};
pub(crate) use watch::StreamCount;

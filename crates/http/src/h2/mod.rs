//! HTTP/2 without I/O: frames (RFC 9113 §4), fields ([`hpack`], RFC 7541), and the head of a request.

mod frame;
pub mod hpack;
mod request;
mod settings;

pub use frame::{Code, FRAME_HEADER, FrameHeader, Kind, PREFACE, flags};
pub use request::{Fault, HeadReader, TrailerReader};
pub use settings::{Setting, Settings};

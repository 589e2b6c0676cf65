//! What can be done on one connection, and what can come of it: values, without I/O.

use std::time::Duration;

use causeway_model::{Address, ProxyProtocolVersion};
use causeway_reason::Failure;
use causeway_tls::certificate::Facts;

/// One connection, and what is said on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trial {
    /// Where to.
    pub to: Address,
    /// The PROXY header that is sent first.
    pub header: Option<ProxyProtocolVersion>,
    /// What it is secured with.
    pub security: Security,
    /// What is asked.
    pub ask: Ask,
    /// Whether the same was done before: who was silent for once may have been busy.
    pub repeated: bool,
}

/// What a connection is secured with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Security {
    /// Nothing.
    Plain,
    /// What the file says.
    Configured,
    /// TLS of any version, in which nothing is verified and no certificate is shown: to find out what is there.
    Any {
        /// The name that is asked for.
        name: Option<String>,
    },
}

/// What is asked on a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ask {
    /// Nothing: the connection and the handshake are all.
    Nothing,
    /// A request of HTTP/1.1, twice on the same connection where that stays open.
    Get {
        /// `Host`.
        host: String,
        /// The path.
        path: String,
    },
    /// A request of HTTP/1.1, and then nothing, until the connection is closed.
    Hold {
        /// `Host`.
        host: String,
        /// The path.
        path: String,
        /// It is held no longer than this.
        limit: Duration,
    },
    /// HTTP/2: whether its frames are understood.
    Http2,
    /// A request of HTTP/2.
    GetHttp2 {
        /// `:authority`.
        host: String,
        /// The path.
        path: String,
    },
    /// A call of gRPC's health service.
    Grpc {
        /// `:authority`.
        host: String,
    },
    /// HTTP/2 or HTTP/1.1, as ALPN says.
    Auto {
        /// `Host`, or `:authority`.
        host: String,
        /// The path.
        path: String,
    },
    /// A health check, or a variation of it.
    Check(CheckAsk),
}

/// A health check, or a variation of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckAsk {
    /// Its place in the list.
    pub index: usize,
    /// Another `Host`.
    pub host: Option<String>,
    /// Another path.
    pub path: Option<String>,
    /// `GET` in place of the method.
    pub by_get: bool,
}

/// What came of a trial.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// How long connecting took; `None` where there is no connection.
    pub connected: Option<Duration>,
    /// How long all of it took.
    pub took: Duration,
    /// What was agreed upon in the handshake, where there was one.
    pub tls: Option<TlsSeen>,
    /// What came of it.
    pub got: Got,
}

/// What a handshake came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TlsSeen {
    /// The version, `TLSv1.2`; empty where it failed.
    pub version: String,
    /// The protocol by ALPN.
    pub alpn: Option<String>,
    /// The name that was asked for; empty where none was.
    pub name: String,
    /// A certificate was asked for.
    pub asked: bool,
    /// What the back-end's certificate says.
    pub certificate: Option<Facts>,
}

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Got {
    /// There is no connection.
    NoConnection(Failure),
    /// The handshake failed.
    NoHandshake(Failure),
    /// Nothing was asked, and the connection stands.
    Connected,
    /// An answer.
    Answer(Box<Answer>),
    /// Something that is no answer: the reason that requests meet.
    Broken(Failure),
    /// HTTP/2 is understood.
    Frames,
    /// HTTP/2 is understood, and the request was not answered.
    Unanswered,
    /// An answer of HTTP/2 with this status.
    Reply(u16),
    /// What gRPC's health service says: what is wrong, or nothing.
    Grpc(Option<String>),
    /// Bytes, to those of a TCP check.
    Came(Box<Came>),
    /// The connection was closed.
    Closed,
    /// The connection was reset.
    Reset,
    /// Nothing came.
    Silence,
    /// It can't be asked, for this reason.
    NotAsked(String),
}

impl Got {
    /// A connection ended instead of saying something.
    pub(super) fn ended(error: &std::io::Error) -> Self {
        if error.kind() == std::io::ErrorKind::UnexpectedEof { Self::Closed } else { Self::Reset }
    }
}

/// An answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answer {
    /// Whether it came by HTTP/2.
    pub http2: bool,
    /// `grpc-status`, of an answer of gRPC.
    pub grpc: Option<u16>,
    /// Its status.
    pub status: u16,
    /// `Location`.
    pub location: Option<String>,
    /// How long an idle connection is kept, as `Keep-Alive: timeout=` says.
    pub keep_alive: Option<Duration>,
    /// After which time the connection, on which nothing was asked any more, was closed; `None` where it was not, or not
    /// waited for.
    pub idle: Option<Duration>,
    /// The first bytes of its body.
    pub body: String,
    /// What became of its body.
    pub end: BodyEnd,
    /// What came of the same request again on this connection; `None` where it was not sent.
    pub again: Option<Again>,
}

/// What came to the bytes of a TCP check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Came {
    /// The first of them, as text.
    pub shown: String,
    /// Whether they begin a record of TLS.
    pub secure: bool,
    /// How it ended.
    pub end: CameEnd,
}

/// How a TCP check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CameEnd {
    /// All that was waited for has come.
    Expected,
    /// More was waited for, and nothing came any more.
    Waiting,
    /// The connection was closed before.
    Closed,
    /// More came than is looked through.
    TooMuch,
}

/// What became of a body.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum BodyEnd {
    /// It is complete.
    #[default]
    Complete,
    /// It is longer than anybody wants to read here, or slow.
    Unread,
    /// The connection ended in it.
    Cut,
}

/// What came of a second request on a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Again {
    /// An answer.
    Answered(u16),
    /// The connection was closed instead.
    Closed,
    /// Nothing in time.
    Silence,
}

impl Seen {
    /// The answer.
    #[must_use]
    pub fn answer(&self) -> Option<&Answer> {
        if let Got::Answer(answer) = &self.got { Some(answer) } else { None }
    }

    /// The status of the answer, whichever HTTP it is.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        match &self.got {
            Got::Answer(answer) => Some(answer.status),
            Got::Reply(status) => Some(*status),
            _ => None,
        }
    }

    /// Whether a handshake was complete.
    #[must_use]
    pub fn is_secure(&self) -> bool {
        self.tls.as_ref().is_some_and(|tls| !tls.version.is_empty())
    }

    /// Whether a certificate was asked for.
    #[must_use]
    pub fn asked(&self) -> bool {
        self.tls.as_ref().is_some_and(|tls| tls.asked)
    }
}

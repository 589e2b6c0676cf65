//! What a request is sent on, whatever is spoken on it.

use std::net::SocketAddr;
use std::rc::Rc;

use causeway_model::Address;

use super::{UpstreamConnection, UpstreamStream};
use crate::connect::TlsFacts;
use crate::exchange::Outgoing;
use crate::pump::{Sink, Source};

/// What a request is sent on.
#[derive(Debug)]
pub(crate) enum Upstream {
    /// A connection of HTTP/1, which it has for itself.
    Http1(Box<UpstreamConnection>),
    /// A stream of a connection of HTTP/2.
    Http2(Box<UpstreamStream>),
}

impl Upstream {
    /// Number of the connection.
    pub(crate) fn id(&self) -> u64 {
        match self {
            Self::Http1(connection) => connection.id,
            Self::Http2(stream) => stream.connection(),
        }
    }

    /// Our end of it.
    pub(crate) fn local(&self) -> Option<SocketAddr> {
        match self {
            Self::Http1(connection) => connection.local,
            Self::Http2(stream) => stream.local(),
        }
    }

    /// The other end.
    pub(crate) fn remote(&self) -> &Rc<Address> {
        match self {
            Self::Http1(connection) => &connection.remote,
            Self::Http2(stream) => stream.remote(),
        }
    }

    /// What is known of its TLS, where it speaks it.
    pub(crate) fn tls(&self) -> Option<Rc<TlsFacts>> {
        match self {
            Self::Http1(connection) => connection.tls(),
            Self::Http2(stream) => stream.tls(),
        }
    }

    /// Lets somebody else have it, where nothing has been sent.
    pub(crate) fn put_back(self) {
        match self {
            Self::Http1(connection) => connection.pool().give_back(connection),
            // The place of a stream that has not been opened is free as soon as it is dropped.
            Self::Http2(_) => {}
        }
    }

    /// Whether HTTP/2 is spoken on it.
    pub(crate) const fn is_http2(&self) -> bool {
        matches!(self, Self::Http2(_))
    }

    /// Where the body of a request goes to, behind what waits to be written; `None` where the stream is gone.
    pub(crate) fn sink<'a>(&'a mut self, out: &'a mut Outgoing) -> Option<Sink<'a>> {
        match self {
            Self::Http1(connection) => Some(Sink::Http1 { stream: &mut connection.stream, out }),
            Self::Http2(stream) => stream.sink(),
        }
    }

    /// Where the body of a response comes from; `None` where there is none yet.
    pub(crate) fn source(&mut self) -> Option<Source<'_>> {
        match self {
            Self::Http1(connection) => {
                let connection = &mut **connection;
                Some(Source::Http1 { stream: &mut connection.stream, buffer: &mut connection.buffer })
            }
            Self::Http2(stream) => stream.source(),
        }
    }

    /// Whether it has served other requests before.
    pub(crate) fn is_reused(&self) -> bool {
        match self {
            Self::Http1(connection) => connection.served > 1,
            Self::Http2(_) => true,
        }
    }

    /// The back-end closed the connection.
    pub(crate) fn closed_by_peer(&self) {
        // A connection that many share knows by itself.
        if let Self::Http1(connection) = self {
            connection.closed_by_peer();
        }
    }
}

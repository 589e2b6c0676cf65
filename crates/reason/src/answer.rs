//! What the client and the access log are told, in the words of Envoy 1.40.

use crate::Flag;

/// The answer that belongs to a reason, where the proxy can still give one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer {
    /// HTTP status; 0 where no answer can be given (the client is gone, or the head is already out).
    pub status: u16,
    /// Body of the answer.
    pub body: Body,
    /// Envoy's response flag.
    pub flag: Option<Flag>,
    /// `%RESPONSE_CODE_DETAILS%`.
    pub details: Details,
    /// Whether the connection to the client is closed behind the answer, because what follows on it
    /// can't be told apart from a request any more.
    pub close: bool,
    /// Whether the answer carries `x-envoy-overloaded: true`.
    pub overloaded: bool,
}

impl Answer {
    /// An answer with an empty body that leaves the connection open.
    #[must_use]
    pub const fn empty(status: u16, flag: Option<Flag>, details: &'static str) -> Self {
        Self {
            status,
            body: Body::Empty,
            flag,
            details: Details::Text(details),
            close: false,
            overloaded: false,
        }
    }

    /// The same answer, with the connection closed behind it.
    #[must_use]
    pub const fn closing(mut self) -> Self {
        self.close = true;
        self
    }

    /// What Envoy answers when the codec refuses a request: `DPE`, the status text as body, close.
    #[must_use]
    pub const fn refused(status: u16, text: &'static str, details: &'static str) -> Self {
        Self {
            status,
            body: Body::Text(text),
            flag: Some(Flag::DownstreamProtocolError),
            details: Details::Text(details),
            close: true,
            overloaded: false,
        }
    }

    /// What Envoy answers when the upstream request was reset before its response began.
    #[must_use]
    pub const fn reset(status: u16, flag: Flag, reset: ResetReason) -> Self {
        Self {
            status,
            body: Body::Reset(reset),
            flag: Some(flag),
            details: Details::ResetBefore(reset),
            close: false,
            overloaded: false,
        }
    }

    /// What Envoy does when the upstream request was reset after its response began: nothing can be
    /// answered, the message is left visibly incomplete.
    #[must_use]
    pub const fn cut(flag: Flag, reset: ResetReason) -> Self {
        Self {
            status: 0,
            body: Body::Empty,
            flag: Some(flag),
            details: Details::ResetAfter(reset),
            close: true,
            overloaded: false,
        }
    }

    /// What Envoy answers when no host may be used.
    #[must_use]
    pub const fn no_healthy_upstream() -> Self {
        Self {
            status: 503,
            body: Body::Text("no healthy upstream"),
            flag: Some(Flag::NoHealthyUpstream),
            details: Details::Text("no_healthy_upstream"),
            close: false,
            overloaded: false,
        }
    }
}

/// Body of a local answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Body {
    /// None: `content-length: 0`, no `content-type`.
    Empty,
    /// This text, `content-type: text/plain`.
    Text(&'static str),
    /// Envoy's sentence about an upstream reset, which ends in the reset reason.
    Reset(ResetReason),
}

/// `%RESPONSE_CODE_DETAILS%` of a local answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Details {
    /// This text.
    Text(&'static str),
    /// `upstream_reset_before_response_started{…}`.
    ResetBefore(ResetReason),
    /// `upstream_reset_after_response_started{…}`.
    ResetAfter(ResetReason),
}

/// Why Envoy says an upstream request was reset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResetReason {
    /// The peer, or the network, refused the connection.
    RemoteConnectionFailure,
    /// This host could not even try: no descriptor, no port, no address to bind.
    LocalConnectionFailure,
    /// `connect_timeout` passed.
    ConnectionTimeout,
    /// The connection was closed under the request.
    ConnectionTermination,
    /// The upstream's bytes are not the protocol that was expected.
    ProtocolError,
    /// A circuit breaker is open.
    Overflow,
    /// The upstream reset the stream.
    RemoteReset,
    /// The upstream reset the stream before it did anything with it.
    RemoteRefusedStreamReset,
    /// The upstream could not open, or lost, the tunnel that CONNECT asked for.
    RemoteConnectError,
}

impl ResetReason {
    /// In words, as the body of the answer has it.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::RemoteConnectionFailure => "remote connection failure",
            Self::LocalConnectionFailure => "local connection failure",
            Self::ConnectionTimeout => "connection timeout",
            Self::ConnectionTermination => "connection termination",
            Self::ProtocolError => "protocol error",
            Self::Overflow => "overflow",
            Self::RemoteReset => "remote reset",
            Self::RemoteRefusedStreamReset => "remote refused stream reset",
            Self::RemoteConnectError => "remote error with CONNECT request",
        }
    }

    /// As the details have it: the words joined by underscores.
    #[must_use]
    pub const fn token(self) -> &'static str {
        match self {
            Self::RemoteConnectionFailure => "remote_connection_failure",
            Self::LocalConnectionFailure => "local_connection_failure",
            Self::ConnectionTimeout => "connection_timeout",
            Self::ConnectionTermination => "connection_termination",
            Self::ProtocolError => "protocol_error",
            Self::Overflow => "overflow",
            Self::RemoteReset => "remote_reset",
            Self::RemoteRefusedStreamReset => "remote_refused_stream_reset",
            Self::RemoteConnectError => "remote_error_with_CONNECT_request",
        }
    }
}

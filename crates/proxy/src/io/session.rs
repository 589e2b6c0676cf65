//! A TLS session without its connection: bytes in, bytes out.
//!
//! rustls is used without its buffers, so that a session that waits holds nothing but its keys.

use rustls::client::{ClientConnectionData, UnbufferedClientConnection};
use rustls::server::{ServerConnectionData, UnbufferedServerConnection};
use rustls::unbuffered::{
    ConnectionState, EncodeError, EncryptError, InsufficientSizeError, UnbufferedConnectionCommon,
    UnbufferedStatus, WriteTraffic,
};
use rustls::{CommonState, Error};

/// One side of a TLS session.
pub(crate) enum Session {
    Server(UnbufferedServerConnection),
    Client(UnbufferedClientConnection),
}

/// What came of handing bytes to a session.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    /// Bytes that are used up.
    pub(crate) used: usize,
    /// The peer has said that nothing more comes.
    pub(crate) closed: bool,
    /// The session is broken; what is to be said about it to the peer is among what is to be sent.
    pub(crate) error: Option<Error>,
}

impl Session {
    /// What both sides know.
    pub(crate) fn common(&self) -> &CommonState {
        match self {
            Self::Server(connection) => connection,
            Self::Client(connection) => connection,
        }
    }

    /// Hands records to the session, and then something to be sent. Data that arrives goes to `sink`, which says
    /// whether it wants more now; what is to be sent is put behind `out`.
    ///
    /// Records that are not used up have to be handed in again at the beginning of the next input, also where that
    /// is only about sending: rustls remembers by its place what it has seen of a message that is not complete.
    pub(crate) fn drive(
        &mut self,
        input: &mut [u8],
        send: Option<Sending<'_>>,
        out: &mut Vec<u8>,
        sink: &mut impl FnMut(&[u8]) -> bool,
    ) -> Progress {
        match self {
            Self::Server(connection) => drive(&mut **connection, input, send, out, sink),
            Self::Client(connection) => drive(&mut **connection, input, send, out, sink),
        }
    }
}

/// Something to be sent.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Sending<'a> {
    /// Data.
    Data(&'a [u8]),
    /// That nothing more is sent (`close_notify`).
    Close,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Server(_) => "Server",
            Self::Client(_) => "Client",
        })
    }
}

/// What rustls has for each side alone.
trait Side {
    type Data;

    fn process<'c, 'i>(&'c mut self, input: &'i mut [u8]) -> UnbufferedStatus<'c, 'i, Self::Data>;

    /// Whether there is something to be sent before anything else happens.
    fn has_to_speak(&self) -> bool;
}

impl Side for UnbufferedConnectionCommon<ServerConnectionData> {
    type Data = ServerConnectionData;

    fn process<'c, 'i>(&'c mut self, input: &'i mut [u8]) -> UnbufferedStatus<'c, 'i, Self::Data> {
        self.process_tls_records(input)
    }

    fn has_to_speak(&self) -> bool {
        self.wants_write()
    }
}

impl Side for UnbufferedConnectionCommon<ClientConnectionData> {
    type Data = ClientConnectionData;

    fn process<'c, 'i>(&'c mut self, input: &'i mut [u8]) -> UnbufferedStatus<'c, 'i, Self::Data> {
        self.process_tls_records(input)
    }

    fn has_to_speak(&self) -> bool {
        self.wants_write()
    }
}

fn drive<S: Side>(
    side: &mut S,
    input: &mut [u8],
    mut send: Option<Sending<'_>>,
    out: &mut Vec<u8>,
    sink: &mut impl FnMut(&[u8]) -> bool,
) -> Progress {
    let mut progress = Progress::default();
    loop {
        let status = side.process(input.get_mut(progress.used..).unwrap_or_default());
        progress.used += status.discard;
        match status.state {
            Ok(ConnectionState::ReadTraffic(mut traffic)) => {
                let mut wants_more = true;
                while let Some(Ok(record)) = traffic.next_record() {
                    progress.used += record.discard;
                    wants_more = sink(record.payload);
                }
                if !wants_more {
                    return progress;
                }
            }
            Ok(ConnectionState::EncodeTlsData(mut data)) => {
                append(out, ROOM, |room| data.encode(room).map_err(size_to_encode));
            }
            Ok(ConnectionState::TransmitTlsData(sent)) => sent.done(),
            Ok(ConnectionState::PeerClosed) => progress.closed = true,
            Ok(ConnectionState::WriteTraffic(mut traffic)) => {
                let Some(sending) = send.take() else { return progress };
                if !encrypt(&mut traffic, sending, out) {
                    progress.error = Some(Error::EncryptError);
                    return progress;
                }
            }
            Ok(other) => {
                progress.closed |= matches!(other, ConnectionState::Closed);
                if send.is_some() {
                    progress.error = Some(Error::HandshakeNotComplete);
                }
                return progress;
            }
            Err(error) => {
                progress.used = input.len();
                progress.error = Some(error);
                // The peer is told what it is.
                while side.has_to_speak() {
                    if let Ok(ConnectionState::EncodeTlsData(mut data)) = side.process(&mut []).state {
                        append(out, ROOM, |room| data.encode(room).map_err(size_to_encode));
                    } else {
                        break;
                    }
                }
                as_boring_ssl(out);
                return progress;
            }
        }
    }
}

/// Where there is no certificate to show, BoringSSL says `handshake_failure`, and rustls `access_denied`, which it says
/// in no other case without encryption.
fn as_boring_ssl(out: &mut [u8]) {
    const ALERT: u8 = 21;
    const HANDSHAKE_FAILURE: u8 = 40;
    const ACCESS_DENIED: u8 = 49;
    if let Some([ALERT, _, _, 0, 2, _, alert @ ACCESS_DENIED]) = out.last_chunk_mut::<7>() {
        *alert = HANDSHAKE_FAILURE;
    }
}

/// False where the keys are used up (RFC 8446 §5.5).
fn encrypt<D>(traffic: &mut WriteTraffic<'_, D>, sending: Sending<'_>, out: &mut Vec<u8>) -> bool {
    let length = match sending {
        Sending::Data(data) => data.len(),
        Sending::Close => 0,
    };
    let mut exhausted = false;
    append(out, length + AROUND * (1 + length / RECORD), |room| {
        let written = match sending {
            Sending::Data(data) => traffic.encrypt(data, room),
            Sending::Close => traffic.queue_close_notify(room),
        };
        written.map_err(|error| match error {
            EncryptError::InsufficientSize(size) => Some(size),
            EncryptError::EncryptExhausted => {
                exhausted = true;
                None
            }
        })
    });
    !exhausted
}

const fn size_to_encode(error: EncodeError) -> Option<InsufficientSizeError> {
    match error {
        EncodeError::InsufficientSize(size) => Some(size),
        EncodeError::AlreadyEncoded => None,
    }
}

/// Room that is tried first for messages of a handshake; most fit.
const ROOM: usize = 1024;

/// Most data in one record (RFC 8446 §5.1).
pub(crate) const RECORD: usize = 16 * 1024;

/// What stands around the data of a record at most: header, nonce, type, tag.
pub(crate) const AROUND: usize = 5 + 8 + 1 + 16;

/// Puts behind `out` what `write` writes, with as much room as it asks for.
fn append(
    out: &mut Vec<u8>,
    mut room: usize,
    mut write: impl FnMut(&mut [u8]) -> Result<usize, Option<InsufficientSizeError>>,
) {
    let before = out.len();
    loop {
        out.resize(before + room, 0);
        match write(out.get_mut(before..).unwrap_or_default()) {
            Ok(written) => {
                out.truncate(before + written);
                return;
            }
            Err(Some(InsufficientSizeError { required_size })) if required_size > room => {
                room = required_size;
            }
            Err(_) => {
                out.truncate(before);
                return;
            }
        }
    }
}

//! A client that sends what it is given.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::net::tcp::ReadHalf;
use tokio::time::timeout;

use crate::strict::{self, Message, Read};

/// Nothing comes any more when nothing has come for so long.
pub(crate) const QUIET: Duration = Duration::from_millis(120);

/// How long the proxy may take to end a connection whose client has said that it is done.
const END: Duration = Duration::from_millis(400);

/// What came back.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    pub(crate) responses: Vec<Message>,
    pub(crate) bytes: Vec<u8>,
    /// The proxy closed the connection before the client did.
    pub(crate) closed: bool,
    /// Why the bytes are not responses.
    pub(crate) fault: Option<String>,
}

impl Heard {
    /// The status codes of the final responses.
    pub(crate) fn codes(&self) -> Vec<&str> {
        self.responses.iter().map(|response| response.line[1].as_str()).collect()
    }
}

/// Sends bytes on a connection of their own, in two parts if `split` says where, and listens until nothing
/// has come for so long.
pub(crate) async fn talk(
    to: SocketAddr,
    bytes: &[u8],
    split: Option<usize>,
    to_head: bool,
    quiet: Duration,
) -> Heard {
    let mut heard = Heard::default();
    let mut stream = TcpStream::connect(to).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let (mut reader, mut writer) = stream.split();
    let (first, second) = bytes.split_at(split.unwrap_or(bytes.len()).min(bytes.len()));
    let send = async {
        // The proxy may refuse what it has seen and close before it has seen all.
        let _ = writer.write_all(first).await;
        if !second.is_empty() {
            tokio::time::sleep(Duration::from_millis(3)).await;
            let _ = writer.write_all(second).await;
        }
        writer
    };
    let listen = async {
        listen(&mut reader, &mut heard, quiet).await;
        reader
    };
    let (mut writer, mut reader) = tokio::join!(send, listen);
    if !heard.closed {
        let _ = writer.shutdown().await;
        let mut rest = Heard::default();
        listen_to_end(&mut reader, &mut rest).await;
        heard.bytes.append(&mut rest.bytes);
    }
    understand(&mut heard, to_head);
    heard
}

async fn listen(reader: &mut ReadHalf<'_>, heard: &mut Heard, quiet: Duration) {
    let mut chunk = vec![0; 16 * 1024];
    loop {
        match timeout(quiet, reader.read(&mut chunk)).await {
            Err(_) => return,
            Ok(Ok(length @ 1..)) => heard.bytes.extend_from_slice(&chunk[..length]),
            Ok(_) => {
                heard.closed = true;
                return;
            }
        }
        // Whoever is told that the connection ends need not wait for it.
        if chunk.windows(17).any(|w| w.eq_ignore_ascii_case(b"connection: close")) {
            return;
        }
    }
}

async fn listen_to_end(reader: &mut ReadHalf<'_>, heard: &mut Heard) {
    let mut chunk = vec![0; 16 * 1024];
    let all = async {
        while let Ok(length @ 1..) = reader.read(&mut chunk).await {
            heard.bytes.extend_from_slice(&chunk[..length]);
        }
    };
    let _ = timeout(END, all).await;
}

fn understand(heard: &mut Heard, to_head: bool) {
    let (mut at, mut to_head) = (0, to_head);
    while at < heard.bytes.len() {
        match strict::response(&heard.bytes[at..], to_head, true) {
            Ok(Read::Whole(message, length)) => {
                at += length;
                if message.line[1].starts_with('1') && message.line[1] != "101" {
                    continue;
                }
                heard.responses.push(message);
                to_head = false;
            }
            // What is cut is told by the end of the connection.
            Ok(Read::Head(_) | Read::Begun) => return,
            Err(fault) => {
                heard.fault = Some(fault.to_string());
                return;
            }
        }
    }
}

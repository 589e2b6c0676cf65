//! A back-end that keeps every byte it is sent and reads them by the grammar alone.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::strict::{self, Message, Read};

/// What is sent for a request.
#[derive(Debug, Clone, Default)]
pub(crate) struct Play {
    pub(crate) now: Vec<u8>,
    /// Sent a while afterwards.
    pub(crate) later: Vec<u8>,
}

/// How long `later` is.
const LATER: Duration = Duration::from_millis(15);

/// What came on one connection.
#[derive(Debug, Default)]
pub(crate) struct Received {
    pub(crate) bytes: Vec<u8>,
    /// The requests in it.
    pub(crate) requests: Vec<Message>,
    /// The head of the last one, whose body is not complete.
    pub(crate) unfinished: Option<Message>,
    /// What was to be sent later has been sent.
    pub(crate) late: bool,
    /// Why the rest is no request.
    pub(crate) fault: Option<String>,
}

type Answer = Arc<dyn Fn(&Message) -> Play + Send + Sync>;
type All = Arc<Mutex<Vec<Received>>>;

/// A back-end; its connections end with the test.
pub(crate) struct Origin {
    pub(crate) address: SocketAddr,
    all: All,
}

impl Origin {
    /// Starts one that answers each request with what `answer` says.
    pub(crate) async fn start(answer: impl Fn(&Message) -> Play + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (all, answer): (All, Answer) = (All::default(), Arc::new(answer));
        let connections = Arc::clone(&all);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let number = {
                    let mut all = connections.lock().unwrap();
                    all.push(Received::default());
                    all.len() - 1
                };
                tokio::spawn(serve(stream, number, Arc::clone(&connections), Arc::clone(&answer)));
            }
        });
        Self { address, all }
    }

    /// What has come so far, by connection.
    pub(crate) fn with_received<T>(&self, look: impl FnOnce(&[Received]) -> T) -> T {
        look(&self.all.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

async fn serve(mut stream: TcpStream, number: usize, all: All, answer: Answer) {
    let mut read = 0;
    let mut chunk = vec![0; 64 * 1024];
    while let Ok(length @ 1..) = stream.read(&mut chunk).await {
        let mut plays = Vec::new();
        let faulty = {
            let mut all = all.lock().unwrap();
            let mine = &mut all[number];
            mine.bytes.extend_from_slice(&chunk[..length]);
            mine.unfinished = None;
            while read < mine.bytes.len() {
                match strict::request(&mine.bytes[read..]) {
                    Ok(Read::Whole(message, length)) => {
                        read += length;
                        plays.push(answer(&message));
                        mine.requests.push(message);
                    }
                    Ok(Read::Head(message)) => {
                        mine.unfinished = Some(message);
                        break;
                    }
                    Ok(Read::Begun) => break,
                    Err(fault) => {
                        mine.fault = Some(fault.to_string());
                        break;
                    }
                }
            }
            mine.fault.is_some()
        };
        for play in plays {
            if stream.write_all(&play.now).await.is_err() {
                return;
            }
            if !play.later.is_empty() {
                tokio::time::sleep(LATER).await;
                let _ = stream.write_all(&play.later).await;
                all.lock().unwrap()[number].late = true;
            }
        }
        if faulty {
            return;
        }
    }
    // A head that never became one is as bad as a wrong one, since nothing tells whose it was.
    let mut all = all.lock().unwrap_or_else(PoisonError::into_inner);
    let mine = &mut all[number];
    if read < mine.bytes.len() && mine.unfinished.is_none() && mine.fault.is_none() {
        mine.fault = Some(format!("half a head: \"{}\"", mine.bytes[read..].escape_ascii()));
    }
}

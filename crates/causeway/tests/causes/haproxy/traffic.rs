//! What clients do.

use std::net::SocketAddr;
use std::time::Duration;

use causeway_testkit::{Connection, Request};

/// How long a client waits.
const PATIENCE: Duration = Duration::from_secs(4);

/// What clients do.
pub(super) enum Traffic {
    /// So many requests, one behind the other.
    Requests(usize),
    /// So many at the same time, again and again, while the doctor looks.
    Busy(usize),
    /// These bytes, on a connection.
    Bytes(Vec<u8>),
    /// A request, whose answer nobody waits for.
    Leaves,
}

impl Traffic {
    /// Sends it; what goes on until it is dropped is given back.
    pub(super) async fn run(self, to: SocketAddr) -> Vec<Task> {
        let request = || Request::get("/page").host("www.example.test");
        match self {
            Self::Requests(count) => {
                for _ in 0..count {
                    send(to, &request().to_bytes()).await;
                }
                Vec::new()
            }
            Self::Bytes(bytes) => {
                send(to, &bytes).await;
                Vec::new()
            }
            Self::Leaves => {
                if let Ok(mut connection) = Connection::open(to).await {
                    connection.write(request().to_bytes()).await;
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    connection.reset();
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
                Vec::new()
            }
            Self::Busy(count) => {
                let task = |_| {
                    let bytes = request().to_bytes();
                    Task(tokio::task::spawn_local(async move {
                        loop {
                            send(to, &bytes).await;
                        }
                    }))
                };
                let tasks = (0..count).map(task).collect();
                // The first of them are answered, or are not.
                tokio::time::sleep(Duration::from_millis(1200)).await;
                tasks
            }
        }
    }
}

/// Something that goes on until it is dropped.
pub(super) struct Task(tokio::task::JoinHandle<()>);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// What comes back is HAProxy's affair, which logs it.
async fn send(to: SocketAddr, bytes: &[u8]) {
    if let Ok(mut connection) = Connection::open(to).await.map(|one| one.patience(PATIENCE)) {
        connection.write(bytes).await;
        let _ = connection.response("GET").await;
    }
}

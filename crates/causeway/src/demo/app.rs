//! An app server: says which one it is, and how it is.

use std::net::TcpListener;
use std::thread::JoinHandle;

use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::get;
use jiff::Zoned;
use tokio::runtime::Builder;
use tokio::sync::oneshot;

/// A server on a thread and a runtime of its own. When dropped, its listening socket and all its connections
/// are closed, as if its process had ended.
#[derive(Debug)]
pub(super) struct Running {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Running {
    /// Serves on a socket.
    ///
    /// # Errors
    ///
    /// A sentence.
    pub(super) fn start(name: &str, listener: TcpListener, router: Router) -> Result<Self, String> {
        let fault = |error: std::io::Error| format!("cannot start {name}: {error}");
        listener.set_nonblocking(true).map_err(fault)?;
        let runtime = Builder::new_current_thread().enable_io().enable_time().build().map_err(fault)?;
        let listener = {
            let _entered = runtime.enter();
            tokio::net::TcpListener::from_std(listener).map_err(fault)?
        };
        let (stop, stopped) = oneshot::channel::<()>();
        let work = move || {
            runtime.block_on(async {
                tokio::spawn(axum::serve(listener, router).into_future());
                // Resolves when the other end is dropped. The tasks end with the runtime.
                let _ = stopped.await;
            });
        };
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(work).map_err(fault)?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.take();
        if let Some(thread) = self.thread.take() {
            // A panic was printed where it happened.
            let _ = thread.join();
        }
    }
}

/// What app `number` answers.
pub(super) fn router(number: usize) -> Router {
    let hello = async move || format!("app {number}\n");
    Router::new().route("/api/health", get(health)).fallback(hello)
}

async fn health() -> impl IntoResponse {
    let time = Zoned::now().strftime("%Y-%m-%dT%H:%M:%S%:z").to_string();
    let body = serde_json::json!({"status": "ok", "db": "connected", "libvirt": "connected", "time": time});
    ([(CONTENT_TYPE, "application/json")], format!("{body}\n"))
}

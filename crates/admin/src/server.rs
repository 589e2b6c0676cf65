//! The server: its thread, and the way of a request to its handler.

use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, Request as HttpRequest, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use axum::http::{Method, Response, StatusCode, Version};
use causeway_model::{Address, StringMatcher};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tokio::time::{MissedTickBehavior, interval_at};

use crate::bind::{StartError, bind};
use crate::connection::{Acceptor, Ends};
use crate::endpoints::{Access, help, resolve};
use crate::guard;
use crate::http::{Media, Receipt, Reply, Request};
use crate::page::{STYLE, STYLE_PATH};
use crate::query::{Query, normalize_path};
use crate::state::Admin;
use crate::{Process, RequestRecord};

/// Bytes of a request's body that are read; forms need far fewer.
const MAX_BODY: usize = 64 << 10;
/// Threads for handlers. A handler that is stuck takes one of them, and the others go on.
const MAX_HELPERS: usize = 16;
/// Time between two flushes of the statistics, unless the configuration says otherwise.
pub const FLUSH_INTERVAL: Duration = Duration::from_secs(5);

/// How the admin server is to be.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where it listens.
    pub address: Address,
    /// Paths that are served; all where empty.
    pub allow_paths: Vec<StringMatcher>,
    /// `stats_flush_interval`: how long the intervals of histograms are.
    pub stats_flush_interval: Duration,
}

impl Options {
    /// What a configuration says.
    #[must_use]
    pub fn configured(admin: &causeway_model::Admin, stats_flush_interval: Option<Duration>) -> Self {
        Self {
            address: admin.address.clone(),
            allow_paths: admin.allow_paths.clone(),
            stats_flush_interval: stats_flush_interval.unwrap_or(FLUSH_INTERVAL),
        }
    }
}

/// The admin server, running on its thread. It ends when this is dropped.
#[derive(Debug)]
pub struct AdminServer {
    address: Address,
    stop: watch::Sender<bool>,
    done: mpsc::Receiver<()>,
}

impl AdminServer {
    /// Takes the address and starts serving.
    ///
    /// # Errors
    ///
    /// The address can't be had, or the thread not started.
    pub fn start(options: Options, process: Arc<dyn Process>) -> Result<Self, StartError> {
        let Options { address, allow_paths, stats_flush_interval } = options;
        let (bound, address) = bind(&address)?;
        let runtime = Builder::new_current_thread()
            .enable_io()
            .enable_time()
            .max_blocking_threads(MAX_HELPERS)
            .thread_name("admin-helper")
            .build()
            .map_err(StartError::Thread)?;
        let admin = Arc::new(Admin::new(process));
        let acceptor = {
            let _on = runtime.enter();
            Acceptor::new(bound, Arc::clone(&admin)).map_err(StartError::Thread)?
        };
        let (stop, stopped) = watch::channel(false);
        let (finished, done) = mpsc::channel();
        let service = Arc::new(Service { admin, allow_paths });
        let flush_interval = stats_flush_interval.max(Duration::from_millis(1));
        thread::Builder::new()
            .name("admin".to_owned())
            .spawn(move || {
                run(runtime, acceptor, service, flush_interval, stopped);
                let _ = finished.send(());
            })
            .map_err(StartError::Thread)?;
        tracing::info!(target: "admin", "admin address: {address}");
        Ok(Self { address, stop, done })
    }

    /// Where it listens: the port is the one that the system gave where 0 was asked for.
    #[must_use]
    pub const fn address(&self) -> &Address {
        &self.address
    }

    /// Stops accepting and waits until the answers that are under way are out, but no longer than
    /// that. Says whether they are.
    #[must_use]
    pub fn shut_down(self, timeout: Duration) -> bool {
        let _ = self.stop.send(true);
        !matches!(self.done.recv_timeout(timeout), Err(mpsc::RecvTimeoutError::Timeout))
    }
}

/// The thread's work.
fn run(
    runtime: Runtime,
    acceptor: Acceptor,
    service: Arc<Service>,
    flush_interval: Duration,
    mut stopped: watch::Receiver<bool>,
) {
    runtime.block_on(async {
        tokio::spawn(flush(Arc::clone(&service.admin), flush_interval));
        let app = Router::new().fallback(answer).with_state(service);
        // An error means that the other end was dropped, which is a reason to stop too.
        let stop = async move {
            let _ = stopped.wait_for(|stop| *stop).await;
        };
        let app = app.into_make_service_with_connect_info::<Ends>();
        if let Err(error) = axum::serve(acceptor, app).with_graceful_shutdown(stop).await {
            tracing::error!(target: "admin", "the admin server ended: {error}");
        }
    });
    // A handler that is stuck is left behind.
    runtime.shutdown_background();
}

/// Ends the intervals of the statistics.
async fn flush(admin: Arc<Admin>, period: Duration) {
    let mut ticks = interval_at(tokio::time::Instant::now() + period, period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let admin = Arc::clone(&admin);
        let _ = spawn_blocking(move || admin.flush()).await;
    }
}

/// What all requests share.
struct Service {
    admin: Arc<Admin>,
    allow_paths: Vec<StringMatcher>,
}

async fn answer(
    State(service): State<Arc<Service>>,
    ConnectInfo(ends): ConnectInfo<Ends>,
    request: HttpRequest,
) -> Response<Body> {
    let now = SystemTime::now();
    let (parts, body) = request.into_parts();
    let mut receipt = service.receipt(&parts, ends, now);
    let reply = match to_bytes(body, MAX_BODY).await {
        Ok(body) => {
            receipt.received(body.len());
            service.dispatch(&parts, &body, ends, now).await
        }
        Err(_) => {
            let text = format!("The request's body is longer than {MAX_BODY} bytes, or broke off.\n");
            Reply::fault(StatusCode::PAYLOAD_TOO_LARGE, text)
        }
    };
    reply.into_response(receipt)
}

impl Service {
    /// Finds the endpoint, checks whether it may be asked, and asks it.
    async fn dispatch(&self, parts: &Parts, body: &[u8], ends: Ends, now: SystemTime) -> Reply {
        let path = normalize_path(parts.uri.path());
        let query = parts.uri.query();
        if !self.allows(&path, query) {
            let query = query.map(|query| format!("?{query}")).unwrap_or_default();
            let text = format!("request to path {path}{query} not allowed");
            return Reply::fault(StatusCode::FORBIDDEN, text);
        }
        if path == STYLE_PATH {
            return Reply { status: StatusCode::OK, media: Media::Css, body: STYLE.to_owned() };
        }
        let Some((endpoint, id)) = resolve(&path) else {
            return Reply::fault(StatusCode::NOT_FOUND, format!("invalid path. {}", help()));
        };
        if endpoint.access == Access::Changes && parts.method != Method::POST {
            let text = format!("Method {} not allowed, POST required.", parts.method);
            return Reply::fault(StatusCode::METHOD_NOT_ALLOWED, text);
        }
        if let Err(refusal) = guard::check(&parts.method, &parts.headers, ends.local) {
            tracing::warn!(
                target: "admin",
                path,
                origin = ?parts.headers.get("origin"),
                host = ?parts.headers.get("host"),
                "refused a request that a web page of another site sent"
            );
            return Reply::fault(StatusCode::FORBIDDEN, refusal.sentence());
        }
        let mut query = params(parts, body);
        if let Some(id) = id {
            query.add("id", id);
        }
        let request = Request { method: parts.method.to_string(), query, now };
        let admin = Arc::clone(&self.admin);
        let handler = endpoint.handler;
        match spawn_blocking(move || handler(&admin, &request)).await {
            Ok(reply) => reply,
            Err(error) => {
                let what = error.try_into_panic().map(|panic| panic_text(&*panic)).unwrap_or_default();
                tracing::error!(target: "admin", path, "the handler panicked: {what}");
                let text = "This endpoint failed; the application log has more.\n";
                Reply::fault(StatusCode::INTERNAL_SERVER_ERROR, text)
            }
        }
    }

    /// Whether `allow_paths` lets a path pass. Matchers see the query too, as Envoy's do.
    fn allows(&self, path: &str, query: Option<&str>) -> bool {
        let whole = match query {
            Some(query) => format!("{path}?{query}"),
            None => path.to_owned(),
        };
        self.allow_paths.is_empty()
            || self.allow_paths.iter().any(|allowed| allowed.matches(whole.as_bytes()))
    }

    fn receipt(&self, parts: &Parts, ends: Ends, now: SystemTime) -> Receipt {
        self.admin.own.requested();
        let headers = parts.headers.iter().map(|(name, value)| (name.to_string(), value.as_bytes().to_vec()));
        let record = RequestRecord {
            start: now,
            duration: Duration::ZERO,
            method: parts.method.to_string(),
            path: parts.uri.path_and_query().map_or("/", |path| path.as_str()).to_owned(),
            protocol: if parts.version == Version::HTTP_10 { "HTTP/1.0" } else { "HTTP/1.1" },
            headers: headers.collect(),
            bytes_received: 0,
            status: 0,
            bytes_sent: 0,
            cut_short: false,
            peer: ends.peer,
            local: ends.local,
        };
        Receipt::new(Arc::clone(&self.admin), record, Instant::now())
    }
}

/// The parameters of the URL; where it has none, those of a form.
fn params(parts: &Parts, body: &[u8]) -> Query {
    let query = parts.uri.query().unwrap_or_default();
    if !query.is_empty() || parts.method != Method::POST {
        return Query::parse(query);
    }
    let form = parts.headers.get(CONTENT_TYPE).is_some_and(|media| {
        let media = media.to_str().unwrap_or_default().split(';').next().unwrap_or_default();
        media.trim().eq_ignore_ascii_case("application/x-www-form-urlencoded")
    });
    if form { Query::parse_form(&String::from_utf8_lossy(body)) } else { Query::default() }
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default()
}

//! The steps that most cases are made of.

use std::time::Duration;

use causeway_testkit::{End, NoResponse, Request, Response, exchange};
use serde_json::{Map, Value, json};

use crate::case::Case;
use crate::run::Run;

/// Counters are written by other threads a little after the client has its response.
const SETTLE: Duration = Duration::from_millis(60);
/// How long raw bytes may be left without an answer: some are meant to have none.
const FIRST_RESPONSE: Duration = Duration::from_millis(1500);
const NEXT_RESPONSE: Duration = Duration::from_millis(200);

impl Case {
    /// `GET` on a connection of its own; the response is compared.
    #[must_use]
    pub fn get(self, target: &str) -> Self {
        self.send(Request::get(target))
    }

    /// A request on a connection of its own; the response is compared.
    #[must_use]
    pub fn send(self, request: Request) -> Self {
        self.step(async move |run: &mut Run| {
            let label = run.label(&title(&request));
            let result = exchange(run.listener(), &request).await;
            run.note_response(label, &result);
        })
    }

    /// The same, comparing also the order of the header fields.
    #[must_use]
    pub fn send_in_order(self, request: Request) -> Self {
        self.step(async move |run: &mut Run| {
            let label = run.label(&title(&request));
            let result = exchange(run.listener(), &request).await;
            run.note_order(label, &result);
        })
    }

    /// The same request so many times, each on a connection of its own; only how often each status
    /// and body was seen is compared.
    #[must_use]
    pub fn tally(self, times: usize, request: Request) -> Self {
        self.step(async move |run: &mut Run| {
            let label = run.label(&format!("{times} × {}", title(&request)));
            let mut outcomes: Map<String, Value> = Map::new();
            for _ in 0..times {
                let outcome = brief(&exchange(run.listener(), &request).await);
                let count = outcomes.get(&outcome).and_then(Value::as_u64).unwrap_or(0);
                outcomes.insert(outcome, json!(count + 1));
            }
            run.note(label, outcomes.into());
        })
    }

    /// Requests one after the other on one connection, for as long as it stays.
    #[must_use]
    pub fn on_one_connection(self, requests: impl IntoIterator<Item = Request>) -> Self {
        let requests: Vec<Request> = requests.into_iter().collect();
        self.step(async move |run: &mut Run| {
            let mut connection = run.connect().await;
            for request in &requests {
                let label = run.label(&title(request));
                let result = connection.exchange(request).await;
                let goes_on = result.is_ok();
                run.note_response(label, &result);
                if !goes_on {
                    return;
                }
            }
        })
    }

    /// Bytes on a connection of their own; all responses that come back are compared, and how the
    /// connection ends.
    #[must_use]
    pub fn raw(self, bytes: impl Into<String>) -> Self {
        let bytes = bytes.into();
        self.step(async move |run: &mut Run| {
            let first = bytes.trim_start().lines().next().unwrap_or_default();
            let label = run.label(&format!("raw {first:?}"));
            let method = first.split(' ').next().unwrap_or_default();
            let mut connection = run.connect().await.patience(FIRST_RESPONSE);
            connection.write(run.fill(&bytes)).await;
            for number in 0.. {
                let result = connection.response(method).await;
                let last = result.as_ref().map_or_else(|none| none.end, |response| response.end) != End::Open;
                // After a response silence is no news.
                if number == 0
                    || result.is_ok()
                    || result.as_ref().is_err_and(|none| !none.received.is_empty())
                {
                    run.note_response(format!("{label} {number}"), &result);
                }
                if last || result.is_err() {
                    break;
                }
                connection = connection.patience(NEXT_RESPONSE);
            }
            let end = connection.end(Duration::ZERO).await;
            run.note(format!("{label} ends"), json!(end.as_str()));
        })
    }

    /// Requests all at once, each on a connection of its own. The outcomes are compared without
    /// saying which request had which.
    #[must_use]
    pub fn at_once(self, times: usize, request: Request) -> Self {
        self.step(async move |run: &mut Run| {
            let label = run.label(&format!("{times} at once: {}", title(&request)));
            let mut tasks = tokio::task::JoinSet::new();
            for _ in 0..times {
                let (to, request) = (run.listener(), request.clone());
                tasks.spawn(async move { brief(&exchange(to, &request).await) });
            }
            let mut outcomes = tasks.join_all().await;
            outcomes.sort();
            run.note(label, json!(outcomes));
        })
    }

    /// Counters and gauges, once they do not change any more. A name that is not there is `absent`.
    #[must_use]
    pub fn stats(self, names: &[&str]) -> Self {
        let names: Vec<String> = names.iter().map(|&n| n.into()).collect();
        self.step(async move |run: &mut Run| {
            let label = run.label("stats");
            let names: Vec<String> = names.iter().map(|n| run.fill(n)).collect();
            let values = settled(run, &names).await;
            run.note(label, values);
        })
    }

    /// The lines of `/clusters` about a cluster and its hosts, without those that count traffic.
    #[must_use]
    pub fn clusters(self, cluster: &'static str) -> Self {
        self.step(async move |run: &mut Run| {
            let label = run.label(&format!("/clusters of {cluster}"));
            tokio::time::sleep(SETTLE).await;
            let page = run.page("/clusters").await;
            let own = page.lines().filter(|line| line.split("::").next() == Some(cluster));
            let mut fields = Map::new();
            for line in own {
                let (key, value) = line.rsplit_once("::").unwrap_or((line, ""));
                fields.insert(key.into(), value.into());
            }
            run.note(label, fields.into());
        })
    }

    /// A page of the admin interface: status, type and text. JSON is compared by its fields.
    #[must_use]
    pub fn admin(self, path: &str) -> Self {
        self.ask_admin(Request::get(path))
    }

    /// Another request to the admin interface.
    #[must_use]
    pub fn ask_admin(self, request: Request) -> Self {
        self.step(async move |run: &mut Run| {
            let label = run.label(&format!("admin {}", title(&request)));
            let result = run.admin(&request).await;
            if let Ok(response) = &result
                && let Ok(json @ Value::Object(_)) = serde_json::from_slice(&response.body)
            {
                let kind = response.headers.get("content-type").unwrap_or_default().to_owned();
                run.note(label, json!({"status": response.status, "content-type": kind, "json": json}));
            } else {
                run.note_response(label, &result);
            }
        })
    }

    /// Waits until a page of the admin interface contains a text, and notes whether it does.
    #[must_use]
    pub fn wait_for(self, path: &'static str, text: &'static str) -> Self {
        self.step(async move |run: &mut Run| {
            let label = run.label(&format!("{path} comes to contain {text}"));
            let reached = run.wait_for(path, text).await;
            run.note(label, json!(reached));
        })
    }

    /// How many requests a back-end has had.
    #[must_use]
    pub fn asked(self, backend: &'static str) -> Self {
        self.step(async move |run: &mut Run| {
            let label = run.label(&format!("requests of {backend}"));
            run.note(label, json!(run.backend(backend).requests()));
        })
    }

    /// How many connections a back-end has had.
    #[must_use]
    pub fn connected(self, backend: &'static str) -> Self {
        self.step(async move |run: &mut Run| {
            let label = run.label(&format!("connections of {backend}"));
            run.note(label, json!(run.backend(backend).connections()));
        })
    }

    /// Does nothing for a while.
    #[must_use]
    pub fn pause(self, time: Duration) -> Self {
        self.step(async move |_: &mut Run| tokio::time::sleep(time).await)
    }
}

fn title(request: &Request) -> String {
    format!("{} {}", request.method(), request.target())
}

/// Status and body in a line, or how the connection ended.
fn brief(result: &Result<Response, NoResponse>) -> String {
    match result {
        Ok(response) => format!("{} {}", response.status, response.text()),
        Err(none) => none.end.as_str().into(),
    }
}

/// The values of these counters when two readings in a row agree.
async fn settled(run: &Run, names: &[String]) -> Value {
    let mut last = Value::Null;
    for _ in 0..40 {
        tokio::time::sleep(SETTLE).await;
        let stats = run.stats().await;
        let value = |name: &String| stats.get(name).map_or_else(|| json!("absent"), |v| json!(v));
        let now: Map<String, Value> = names.iter().map(|name| (name.clone(), value(name))).collect();
        let now = Value::Object(now);
        if now == last {
            break;
        }
        last = now;
    }
    last
}

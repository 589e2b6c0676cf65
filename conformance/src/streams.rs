//! Steps with HTTP/2 clients.

use std::time::Duration;

use causeway_testkit::frames::{Frame, Frames};
use causeway_testkit::{Request, Streams};
use serde_json::{Value, json};

use crate::case::Case;
use crate::run::Run;

/// How long a connection may stay quiet before it counts as left open. Envoy waits before it closes; cases set
/// `delayed_close_timeout` to less.
const QUIET: Duration = Duration::from_millis(700);

impl Case {
    /// A request on a connection of HTTP/2 of its own; the response is compared.
    #[must_use]
    pub fn ask(self, request: Request) -> Self {
        self.ask_all([request])
    }

    /// Requests one after the other on one connection of HTTP/2.
    #[must_use]
    pub fn ask_all(self, requests: impl IntoIterator<Item = Request>) -> Self {
        let requests: Vec<Request> = requests.into_iter().collect();
        self.step(async move |run: &mut Run| {
            let mut streams = Streams::open(run.listener()).await.expect("a connection");
            for request in &requests {
                let label = run.label(&format!("h2 {} {}", request.method(), request.target()));
                let result = streams.ask(request).await;
                run.note_response(label, &result);
            }
        })
    }

    /// Frames on a connection of HTTP/2 of their own. What comes back is compared as far as it is about streams and
    /// the end of the connection, and how it ends.
    #[must_use]
    pub fn frames(self, label: &'static str, frames: impl IntoIterator<Item = Frame>) -> Self {
        let frames: Vec<Frame> = frames.into_iter().collect();
        self.step(async move |run: &mut Run| {
            let mut client = Frames::open(run.listener()).await.expect("a connection").patience(QUIET);
            client.send(&frames).await;
            let (seen, closed) = client.rest().await;
            let seen: Vec<Value> = seen.iter().filter_map(shown).collect();
            run.note(label, json!({"frames": seen, "closed": closed}));
        })
    }
}

/// A frame in short; `None` for those that say nothing about streams or the end.
fn shown(frame: &Frame) -> Option<Value> {
    let (stream, ends) = (frame.stream, frame.flags & 1 == 1);
    let text = match frame.kind {
        // Where a body is cut into frames is nobody's business.
        0 if ends => format!("the body of {stream} ends"),
        1 if ends => format!("fields of {stream}, which ends"),
        1 => format!("fields of {stream}"),
        3 => format!("reset of {stream}: {}", frame.code().unwrap_or_default()),
        6 if ends => "the answer to a PING".to_owned(),
        7 => {
            let last = frame.payload.get(..4).and_then(|last| <[u8; 4]>::try_from(last).ok());
            let last = last.map_or(0, u32::from_be_bytes);
            format!("GOAWAY behind {last}: {}", frame.code().unwrap_or_default())
        }
        _ => return None,
    };
    Some(text.into())
}

//! What a test back-end does with a request, as a list of acts.

use std::time::Duration;

use crate::http2::Frame;
use crate::message::{Headers, Received, to_bytes};

/// A well-formed response in the making.
///
/// `Content-Length` is added unless the body is sent in chunks or until the close; the answer to
/// HEAD keeps it and leaves the body out. Nothing else is added, no `Date` and no `Server`.
#[derive(Clone, Debug)]
pub struct Reply {
    status: u16,
    reason: Option<String>,
    headers: Headers,
    content: Content,
    framed: Framed,
    trailers: Headers,
}

/// What a response is made of.
pub(crate) struct Parts {
    pub(crate) status: u16,
    pub(crate) headers: Headers,
    pub(crate) body: Vec<u8>,
    pub(crate) trailers: Headers,
}

#[derive(Clone, Debug)]
enum Content {
    Echo,
    Bytes(Vec<u8>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Framed {
    Length,
    Chunked,
    UntilClose,
}

impl Reply {
    /// 200 with the request as JSON: method, target, version, header fields in order, body.
    #[must_use]
    pub fn echo() -> Self {
        Self { content: Content::Echo, ..Self::status(200) }.header("content-type", "application/json")
    }

    /// A status with an empty body.
    #[must_use]
    pub fn status(status: u16) -> Self {
        Self {
            status,
            reason: None,
            headers: Headers::default(),
            content: Content::Bytes(Vec::new()),
            framed: Framed::Length,
            trailers: Headers::default(),
        }
    }

    /// 200 with a body.
    #[must_use]
    pub fn ok(body: impl Into<Vec<u8>>) -> Self {
        Self::status(200).body(body)
    }

    /// Another text after the status.
    #[must_use]
    pub fn reason(mut self, reason: &str) -> Self {
        self.reason = Some(reason.into());
        self
    }

    /// One more header field.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push(name, value);
        self
    }

    /// A body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.content = Content::Bytes(body.into());
        self
    }

    /// Sends the body in chunks of at most 16 KiB.
    #[must_use]
    pub fn chunked(mut self) -> Self {
        self.framed = Framed::Chunked;
        self
    }

    /// A field after the chunks.
    #[must_use]
    pub fn trailer(mut self, name: &str, value: &str) -> Self {
        self.trailers.push(name, value);
        self.chunked()
    }

    /// Ends the body by closing the connection.
    #[must_use]
    pub fn until_close(mut self) -> Self {
        self.framed = Framed::UntilClose;
        self
    }

    /// Whether the connection cannot be used after it.
    pub(crate) fn closes(&self) -> bool {
        self.framed == Framed::UntilClose || self.headers.has_token("connection", "close")
    }

    fn content(&self, request: Option<&Received>) -> Vec<u8> {
        match (&self.content, request) {
            (Content::Bytes(bytes), _) => bytes.clone(),
            (Content::Echo, Some(request)) => request.to_json().to_string().into_bytes(),
            (Content::Echo, None) => Vec::new(),
        }
    }

    /// What it is made of, for a protocol that frames it in another way.
    pub(crate) fn parts(&self, request: Option<&Received>) -> Parts {
        Parts {
            status: self.status,
            headers: self.headers.clone(),
            body: self.content(request),
            trailers: self.trailers.clone(),
        }
    }

    pub(crate) fn to_bytes(&self, request: Option<&Received>) -> Vec<u8> {
        let body = self.content(request);
        let reason = self.reason.as_deref().unwrap_or_else(|| reason_of(self.status));
        let mut out = to_bytes(&format!("HTTP/1.1 {} {reason}\r\n", self.status));
        self.headers.write_to(&mut out);
        let bodiless = self.status < 200 || matches!(self.status, 204 | 304);
        match self.framed {
            Framed::Length if bodiless || self.headers.get("content-length").is_some() => {}
            Framed::Length => out.extend(format!("content-length: {}\r\n", body.len()).bytes()),
            Framed::Chunked => out.extend(b"transfer-encoding: chunked\r\n"),
            Framed::UntilClose => {}
        }
        out.extend(b"\r\n");
        if bodiless || request.is_some_and(|r| r.method == "HEAD") {
            return out;
        }
        if self.framed != Framed::Chunked {
            out.extend(body);
            return out;
        }
        for chunk in body.chunks(16 << 10) {
            out.extend(format!("{:x}\r\n", chunk.len()).bytes());
            out.extend(chunk);
            out.extend(b"\r\n");
        }
        out.extend(b"0\r\n");
        self.trailers.write_to(&mut out);
        out.extend(b"\r\n");
        out
    }
}

/// One thing that a back-end does.
#[derive(Clone, Debug)]
pub enum Act {
    /// Sends a response.
    Reply(Reply),
    /// Sends these bytes.
    Send(Vec<u8>),
    /// Puts these frames on a connection of HTTP/2.
    Frames(Vec<Frame>),
    /// Sends that many bytes, of which none is worth looking at.
    Fill(usize),
    /// Does nothing for a while.
    Pause(Duration),
    /// Sends the end of the stream and keeps reading.
    Finish,
    /// Closes the connection in an orderly way.
    Close,
    /// Cuts the connection.
    Reset,
    /// Does nothing until the other side goes.
    Hang,
    /// Sends every byte back that comes from now on.
    EchoBytes,
}

/// What a back-end does with one request: acts, in order. After the last one it reads the next
/// request, unless an act has ended the connection or the request asked for that.
#[derive(Clone, Debug, Default)]
pub struct Answer(pub(crate) Vec<Act>);

impl Answer {
    /// Exactly these bytes.
    #[must_use]
    pub fn raw(bytes: impl Into<Vec<u8>>) -> Self {
        Self(vec![Act::Send(bytes.into())])
    }

    /// 200 with a body of that many bytes, which nobody holds in memory.
    #[must_use]
    pub fn fill(length: usize) -> Self {
        Self::raw(format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n")).then(Act::Fill(length))
    }

    /// Exactly these frames of HTTP/2.
    #[must_use]
    pub fn frames(frames: impl Into<Vec<Frame>>) -> Self {
        Self(vec![Act::Frames(frames.into())])
    }

    /// Nothing, ever.
    #[must_use]
    pub fn hang() -> Self {
        Self(vec![Act::Hang])
    }

    /// Closes without a response.
    #[must_use]
    pub fn close() -> Self {
        Self(vec![Act::Close])
    }

    /// Cuts the connection without a response.
    #[must_use]
    pub fn reset() -> Self {
        Self(vec![Act::Reset])
    }

    /// Accepts a WebSocket upgrade and then sends every byte back.
    #[must_use]
    pub fn websocket() -> Self {
        let switch = Reply::status(101).header("Upgrade", "websocket").header("Connection", "Upgrade");
        Self::from(switch).then(Act::EchoBytes)
    }

    /// One more act.
    #[must_use]
    pub fn then(mut self, act: Act) -> Self {
        self.0.push(act);
        self
    }

    /// Bytes after what is there already.
    #[must_use]
    pub fn then_send(self, bytes: impl Into<Vec<u8>>) -> Self {
        self.then(Act::Send(bytes.into()))
    }

    /// Frames of HTTP/2 after what is there already.
    #[must_use]
    pub fn then_frames(self, frames: impl Into<Vec<Frame>>) -> Self {
        self.then(Act::Frames(frames.into()))
    }

    /// A pause after what is there already.
    #[must_use]
    pub fn then_pause(self, time: Duration) -> Self {
        self.then(Act::Pause(time))
    }

    /// The end of the connection after what is there already.
    #[must_use]
    pub fn then_close(self) -> Self {
        self.then(Act::Close)
    }

    /// A reset after what is there already.
    #[must_use]
    pub fn then_reset(self) -> Self {
        self.then(Act::Reset)
    }

    /// The same, but only after a while.
    #[must_use]
    pub fn after(mut self, time: Duration) -> Self {
        self.0.insert(0, Act::Pause(time));
        self
    }
}

impl From<Reply> for Answer {
    fn from(reply: Reply) -> Self {
        let closes = reply.closes();
        let answer = Self(vec![Act::Reply(reply)]);
        if closes { answer.then_close() } else { answer }
    }
}

fn reason_of(status: u16) -> &'static str {
    match status {
        100 => "Continue",
        101 => "Switching Protocols",
        103 => "Early Hints",
        200 => "OK",
        201 => "Created",
        204 => "No Content",
        301 => "Moved Permanently",
        302 => "Found",
        304 => "Not Modified",
        400 => "Bad Request",
        403 => "Forbidden",
        404 => "Not Found",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => "Status",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_what_it_sends() {
        let text = |reply: Reply| String::from_utf8(reply.to_bytes(None)).unwrap();
        assert_eq!(text(Reply::ok("hi")), "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi");
        assert_eq!(text(Reply::status(204)), "HTTP/1.1 204 No Content\r\n\r\n");
        assert_eq!(text(Reply::ok("hi").until_close()), "HTTP/1.1 200 OK\r\n\r\nhi");
        assert_eq!(
            text(Reply::ok("hi").trailer("t", "v")),
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nt: v\r\n\r\n"
        );
    }
}

//! Messages on a connection, read without mercy: whatever is not exactly as it should be is a fault.

use std::fmt;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::plan::Framing;

/// No head that is sent here is longer.
const LONGEST_HEAD: usize = 16 * 1024;
/// How much is read, and written, at once.
const PIECE: usize = 16 * 1024;

/// What has arrived and was not used up.
#[derive(Debug, Default)]
pub(crate) struct Inbox {
    bytes: Vec<u8>,
}

/// A head: its first line and its fields, with names in lower case.
#[derive(Debug)]
pub(crate) struct Head {
    pub(crate) line: String,
    fields: Vec<(String, String)>,
}

/// How a body ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Until {
    Nothing,
    Length(u64),
    LastChunk,
    Close,
}

/// Why there is no message, or no more of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Broken {
    /// The connection ended before the first byte.
    Nothing,
    /// The connection ended in the middle.
    Cut,
    /// The connection was reset.
    Reset,
    /// It is no message, or not the one that it should be.
    Wrong(String),
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => f.write_str("closed without a byte"),
            Self::Cut => f.write_str("closed in the middle"),
            Self::Reset => f.write_str("reset"),
            Self::Wrong(what) => f.write_str(what),
        }
    }
}

impl Head {
    /// The value of a field that must not be there twice.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|field| field.0 == name).map(|field| field.1.as_str())
    }

    /// The second word of the first line.
    pub(crate) fn second(&self) -> &str {
        self.line.split(' ').nth(1).unwrap_or_default()
    }

    /// Whether `connection: close` says that nothing follows.
    pub(crate) fn closes(&self) -> bool {
        self.get("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"))
    }

    /// The framing of a message that has a body: `Close` is only for responses.
    pub(crate) fn until(&self, otherwise: Until) -> Result<Until, Broken> {
        match (self.get("content-length"), self.get("transfer-encoding")) {
            (None, None) => Ok(otherwise),
            (Some(length), None) => {
                length.parse().map(Until::Length).map_err(|_| Broken::Wrong(format!("length {length:?}")))
            }
            (None, Some("chunked")) => Ok(Until::LastChunk),
            (length, coding) => Err(Broken::Wrong(format!("length {length:?}, coding {coding:?}"))),
        }
    }
}

impl Inbox {
    /// Whether nothing has arrived that was not used up.
    pub(crate) const fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Reads a head.
    pub(crate) async fn head(&mut self, from: &mut (impl AsyncRead + Unpin)) -> Result<Head, Broken> {
        loop {
            if let Some(end) = memchr::memmem::find(&self.bytes, b"\r\n\r\n") {
                let text = String::from_utf8_lossy(self.bytes.get(..end).unwrap_or_default()).into_owned();
                self.bytes.drain(..end + 4);
                return head(&text);
            }
            if self.bytes.len() > LONGEST_HEAD {
                return Err(Broken::Wrong("a head without an end".into()));
            }
            self.more(from).await?;
        }
    }

    /// Reads a body and shows each piece.
    pub(crate) async fn body(
        &mut self,
        from: &mut (impl AsyncRead + Unpin),
        until: Until,
        mut show: impl FnMut(&[u8]) -> Result<(), Broken>,
    ) -> Result<(), Broken> {
        match until {
            Until::Nothing => Ok(()),
            Until::Length(length) => self.exactly(from, length, &mut show).await,
            Until::Close => loop {
                show(&self.bytes)?;
                self.bytes.clear();
                match self.more(from).await {
                    Ok(()) => {}
                    Err(Broken::Nothing | Broken::Cut) => return Ok(()),
                    Err(other) => return Err(other),
                }
            },
            Until::LastChunk => loop {
                let line = self.line(from).await?;
                let size = u64::from_str_radix(&line, 16)
                    .map_err(|_| Broken::Wrong(format!("the size of a chunk is {line:?}")))?;
                self.exactly(from, size, &mut show).await?;
                let end = self.line(from).await?;
                if !end.is_empty() {
                    return Err(Broken::Wrong(format!("behind a chunk is {end:?}")));
                }
                if size == 0 {
                    return Ok(());
                }
            },
        }
    }

    async fn exactly(
        &mut self,
        from: &mut (impl AsyncRead + Unpin),
        mut left: u64,
        show: &mut impl FnMut(&[u8]) -> Result<(), Broken>,
    ) -> Result<(), Broken> {
        while left > 0 {
            if self.bytes.is_empty() {
                self.more(from).await.map_err(in_the_middle)?;
            }
            let here = usize::try_from(left).map_or(self.bytes.len(), |left| left.min(self.bytes.len()));
            show(self.bytes.get(..here).unwrap_or_default())?;
            self.bytes.drain(..here);
            left -= here as u64;
        }
        Ok(())
    }

    async fn line(&mut self, from: &mut (impl AsyncRead + Unpin)) -> Result<String, Broken> {
        loop {
            if let Some(end) = memchr::memmem::find(&self.bytes, b"\r\n") {
                let line = String::from_utf8_lossy(self.bytes.get(..end).unwrap_or_default()).into_owned();
                self.bytes.drain(..end + 2);
                return Ok(line);
            }
            if self.bytes.len() > 100 {
                return Err(Broken::Wrong("a line of a chunk without an end".into()));
            }
            self.more(from).await.map_err(in_the_middle)?;
        }
    }

    async fn more(&mut self, from: &mut (impl AsyncRead + Unpin)) -> Result<(), Broken> {
        self.bytes.reserve(PIECE);
        match from.read_buf(&mut self.bytes).await {
            Ok(0) if self.bytes.is_empty() => Err(Broken::Nothing),
            Ok(0) => Err(Broken::Cut),
            Ok(_) => Ok(()),
            Err(_) => Err(Broken::Reset),
        }
    }
}

/// In the middle of a message the end of the connection is never right.
fn in_the_middle(broken: Broken) -> Broken {
    if broken == Broken::Nothing { Broken::Cut } else { broken }
}

fn head(text: &str) -> Result<Head, Broken> {
    let mut lines = text.split("\r\n");
    let line = lines.next().unwrap_or_default().to_owned();
    let mut fields: Vec<(String, String)> = Vec::new();
    for field in lines {
        let (name, value) =
            field.split_once(": ").ok_or_else(|| Broken::Wrong(format!("the line {field:?}")))?;
        if fields.iter().any(|(there, _)| there == name) && name != "x-forwarded-for" {
            return Err(Broken::Wrong(format!("{name} is there twice")));
        }
        fields.push((name.to_owned(), value.to_owned()));
    }
    Ok(Head { line, fields })
}

/// The field that announces a body; none where its end is that of the connection.
pub(crate) fn announce(framing: Framing, length: usize) -> String {
    match framing {
        Framing::Length => format!("content-length: {length}\r\n"),
        Framing::Chunked => "transfer-encoding: chunked\r\n".into(),
        Framing::Close => String::new(),
    }
}

/// Writes a body in pieces, without the end that makes it complete.
pub(crate) async fn write_body(
    to: &mut (impl AsyncWrite + Unpin),
    framing: Framing,
    body: &[u8],
) -> std::io::Result<()> {
    for piece in body.chunks(PIECE - 7) {
        if framing == Framing::Chunked {
            let size = format!("{:x}\r\n", piece.len());
            to.write_all(&[size.as_bytes(), piece, b"\r\n"].concat()).await?;
        } else {
            to.write_all(piece).await?;
        }
    }
    Ok(())
}

/// Writes what completes a body.
pub(crate) async fn end_body(to: &mut (impl AsyncWrite + Unpin), framing: Framing) -> std::io::Result<()> {
    match framing {
        Framing::Chunked => to.write_all(b"0\r\n\r\n").await,
        Framing::Length | Framing::Close => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(mut input: &[u8]) -> Result<(String, Vec<u8>), Broken> {
        let mut inbox = Inbox::default();
        let head = inbox.head(&mut input).await?;
        let mut body = Vec::new();
        let show = |piece: &[u8]| {
            body.extend_from_slice(piece);
            Ok(())
        };
        inbox.body(&mut input, head.until(Until::Close)?, show).await?;
        assert!(inbox.is_empty());
        Ok((head.line, body))
    }

    #[tokio::test]
    async fn bodies_end_as_they_say() {
        for (input, expected) in [
            ("A\r\ncontent-length: 2\r\n\r\nok", Ok("ok")),
            ("A\r\n\r\nok", Ok("ok")),
            ("A\r\ntransfer-encoding: chunked\r\n\r\n1\r\no\r\n1\r\nk\r\n0\r\n\r\n", Ok("ok")),
            ("A\r\ncontent-length: 3\r\n\r\nok", Err(Broken::Cut)),
            ("A\r\ntransfer-encoding: chunked\r\n\r\n1\r\no\r\n", Err(Broken::Cut)),
            ("", Err(Broken::Nothing)),
            ("A\r\n", Err(Broken::Cut)),
        ] {
            let body =
                read(input.as_bytes()).await.map(|(_, body)| String::from_utf8_lossy(&body).into_owned());
            assert_eq!(body, expected.map(str::to_owned), "{input:?}");
        }
        assert!(matches!(read(b"A\r\nb: 1\r\nb: 2\r\n\r\n").await, Err(Broken::Wrong(_))));
    }
}

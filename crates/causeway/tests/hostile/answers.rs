//! Responses whose end a proxy may see elsewhere than their server.

use crate::origin::Play;
use crate::spellings::{CODINGS, length_values, odd_bytes, sizes};
use crate::strict::{self, Read};

/// What stands where no body of the response is. No client may see it.
pub(crate) const POISON: &str = "HTTP/1.1 200 OK\r\nx-token: POISON\r\ncontent-length: 6\r\n\r\nPOISON";

/// A response to be given by a back-end that keeps the connection open.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) name: String,
    pub(crate) play: Play,
    pub(crate) method: &'static str,
    /// It is not as the grammar has it, but there is no doubt about its end.
    tolerated: bool,
}

impl Answer {
    fn new(name: impl Into<String>, now: impl Into<Vec<u8>>) -> Self {
        let play = Play { now: now.into(), later: Vec::new() };
        Self { name: name.into(), play, method: "GET", tolerated: false }
    }

    /// Whether there is one end, behind which there is nothing, so that the connection may be used again.
    pub(crate) fn ends_clearly(&self) -> bool {
        let whole = matches!(self.by_grammar(), Some((Read::Whole(message, _), 0)) if !message.closes());
        (whole && self.play.later.is_empty()) || self.tolerated
    }

    /// Whether the poison is part of the response after all.
    pub(crate) fn has_poison_inside(&self) -> bool {
        match self.by_grammar() {
            Some((Read::Whole(message, _), _)) => message.text("x-token") == "POISON",
            Some((Read::Head(_), _)) => true,
            _ => false,
        }
    }

    /// The final response, and how many bytes are behind it.
    fn by_grammar(&self) -> Option<(Read, usize)> {
        let mut rest = &*self.play.now;
        loop {
            match strict::response(rest, self.method == "HEAD", false).ok()? {
                Read::Whole(message, length) if message.line[1].starts_with('1') => rest = &rest[length..],
                Read::Whole(message, length) => {
                    return Some((Read::Whole(message, length), rest.len() - length));
                }
                other => return Some((other, 0)),
            }
        }
    }
}

/// All of them.
pub(crate) fn all() -> Vec<Answer> {
    let mut all = Vec::new();
    status_lines(&mut all);
    lengths(&mut all);
    codings(&mut all);
    chunks(&mut all);
    without_body(&mut all);
    behind_the_end(&mut all);
    bytes_in_places(&mut all);
    for answer in &mut all {
        answer.tolerated |= TOLERATED.contains(&&*answer.name);
    }
    all
}

/// What is not as the grammar has it, with one end nonetheless.
const TOLERATED: [&str; 4] = [
    "\"HTTP/1.1 200\"",
    "\"\\r\\nHTTP/1.1 200 OK\"",
    "\"\\nHTTP/1.1 200 OK\"",
    "204 \"content-length: 0\\r\\n\" and 0 bytes",
];

fn status_lines(all: &mut Vec<Answer>) {
    for line in [
        "HTTP/1.1 200 OK",
        "HTTP/1.1 200",
        "HTTP/1.1 200 ",
        "HTTP/1.1  200 OK",
        "HTTP/1.1\t200 OK",
        "HTTP/1.1 20 OK",
        "HTTP/1.1 2000 OK",
        "HTTP/1.1 2OO OK",
        "HTTP/1.1 +200 OK",
        "HTTP/1.1 -1 OK",
        "HTTP/1.1 000 OK",
        "HTTP/1.1 099 OK",
        "HTTP/1.1 999 OK",
        "HTTP/1.1 600 OK",
        "HTTP/1.1 200OK",
        "HTTP/1.1 200 O\0K",
        "HTTP/1.1 200 O\rK",
        "HTTP/1.1 200 O\nK",
        "HTTP/1.1 200 OK\r",
        "HTTP/1.1 200 \u{e9}",
        "HTTP/1.0 200 OK",
        "HTTP/0.9 200 OK",
        "HTTP/1.2 200 OK",
        "HTTP/2.0 200 OK",
        "HTTP/2 200 OK",
        "HTTP/1 200 OK",
        "HTTP/11 200 OK",
        "HTTP/1.1.1 200 OK",
        "http/1.1 200 OK",
        " HTTP/1.1 200 OK",
        "\tHTTP/1.1 200 OK",
        "\r\nHTTP/1.1 200 OK",
        "\nHTTP/1.1 200 OK",
        "\0HTTP/1.1 200 OK",
        "xHTTP/1.1 200 OK",
        "ICY 200 OK",
        "RTSP/1.0 200 OK",
        "GET / HTTP/1.1",
        "200 OK",
        "",
        "<html>",
        "SSH-2.0-x",
    ] {
        all.push(Answer::new(format!("{line:?}"), format!("{line}\r\ncontent-length: 2\r\n\r\nok")));
        all.push(Answer::new(
            format!("{line:?} + poison"),
            format!("{line}\r\ncontent-length: 2\r\n\r\nok{POISON}"),
        ));
    }
}

fn lengths(all: &mut Vec<Answer>) {
    for value in length_values(2) {
        let name = format!("length \"{}\"", value.escape_ascii());
        let response = |before: &str, behind: &str| {
            let head = format!("HTTP/1.1 200 OK\r\n{before}content-length: ");
            [head.as_bytes(), &value, b"\r\n", behind.as_bytes(), b"\r\nok", POISON.as_bytes()].concat()
        };
        all.push(Answer::new(name.clone(), response("", "")));
        all.push(Answer::new(format!("{name} behind 2"), response("content-length: 2\r\n", "")));
        all.push(Answer::new(format!("{name} before 0"), response("", "content-length: 0\r\n")));
    }
}

fn codings(all: &mut Vec<Answer>) {
    for line in CODINGS {
        let name = format!("coding \"{}\"", line.escape_debug());
        let (head, body) = (format!("HTTP/1.1 200 OK\r\n{line}\r\n"), "2\r\nok\r\n0\r\n\r\n");
        all.push(Answer::new(
            format!("{name}, CL.TE"),
            format!("{head}content-length: 12\r\n\r\n{body}{POISON}"),
        ));
        all.push(Answer::new(
            format!("{name}, TE.CL"),
            format!("{head}content-length: 3\r\n\r\n{body}{POISON}"),
        ));
        let twice = format!("{head}transfer-encoding: chunked\r\n\r\n{body}{POISON}");
        all.push(Answer::new(format!("{name}, chunked"), twice));
        let old = head.replace("1.1", "1.0");
        all.push(Answer::new(
            format!("{name}, 1.0"),
            format!("{old}connection: keep-alive\r\ncontent-length: 12\r\n\r\n{body}{POISON}"),
        ));
    }
}

fn chunks(all: &mut Vec<Answer>) {
    let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    for size in sizes(2) {
        let name: String = format!("chunk size \"{}\"", size.escape_debug()).chars().take(60).collect();
        all.push(Answer::new(name.clone(), format!("{head}{size}\r\nok\r\n0\r\n\r\n{POISON}")));
        all.push(Answer::new(format!("{name} + LF"), format!("{head}{size}\nok\r\n0\r\n\r\n{POISON}")));
    }
    for end in [
        "\r\n0\n\n",
        "\n0\r\n\r\n",
        "0\r\n\r\n",
        "xx0\r\n\r\n",
        "\r\n0\r\n",
        "\r\n0\r\r",
        "\r\n0\r\ncontent-length: 5\r\n\r\n",
        "\r\n0\r\nx\r\n\r\n",
    ] {
        all.push(Answer::new(format!("chunk end {end:?}"), format!("{head}2\r\nok{end}{POISON}")));
    }
}

fn without_body(all: &mut Vec<Answer>) {
    for status in [100, 101, 102, 103, 150, 199, 204, 205, 304] {
        for (fields, body) in [
            ("", ""),
            ("", POISON),
            ("content-length: 0\r\n", ""),
            ("content-length: 66\r\n", POISON),
            ("content-length: 66\r\n", ""),
            ("transfer-encoding: chunked\r\n", "2\r\nok\r\n0\r\n\r\n"),
            ("transfer-encoding: chunked\r\n", ""),
            ("content-length: 5\r\ntransfer-encoding: chunked\r\n", POISON),
            ("connection: upgrade\r\nupgrade: websocket\r\n", POISON),
        ] {
            // A poisoned interim response may well be followed by a final one: it is poison by its position.
            if status < 200 && body == POISON && fields.is_empty() {
                continue;
            }
            let name = format!("{status} {fields:?} and {} bytes", body.len());
            all.push(Answer::new(name, format!("HTTP/1.1 {status} x\r\n{fields}\r\n{body}")));
        }
    }
    for fields in ["content-length: 66\r\n", "transfer-encoding: chunked\r\n", "content-length: 0\r\n", ""] {
        for body in [POISON, "\r\n", ""] {
            let response = Answer::new(
                format!("HEAD {fields:?} and {} bytes", body.len()),
                format!("HTTP/1.1 200 OK\r\n{fields}\r\n{body}"),
            );
            all.push(Answer { method: "HEAD", ..response });
        }
    }
}

fn behind_the_end(all: &mut Vec<Answer>) {
    let ends = [
        ("a length", "content-length: 2\r\n\r\nok"),
        ("no body", "content-length: 0\r\n\r\n"),
        ("chunks", "transfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"),
        ("trailers", "transfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nx: y\r\n\r\n"),
    ];
    for (name, rest) in ends {
        for behind in
            [POISON, "\r\n", "\n", "\0", "x", "HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 408 Timeout\r\n\r\n"]
        {
            let now = format!("HTTP/1.1 200 OK\r\n{rest}");
            all.push(Answer::new(format!("{behind:?} behind {name}"), format!("{now}{behind}")));
            let mut late = Answer::new(format!("{behind:?} late behind {name}"), now);
            late.play.later = behind.as_bytes().to_vec();
            all.push(late);
        }
    }
}

fn bytes_in_places(all: &mut Vec<Answer>) {
    for odd in odd_bytes() {
        for (place, before, behind) in [
            ("before a name", "HTTP/1.1 200 OK\r\n", "content-length: 2\r\n\r\nok"),
            ("in a name", "HTTP/1.1 200 OK\r\ncontent", "-length: 2\r\n\r\nok"),
            ("behind a name", "HTTP/1.1 200 OK\r\ncontent-length", ": 2\r\n\r\nok"),
            ("in a value", "HTTP/1.1 200 OK\r\nx: y", "z\r\ncontent-length: 2\r\n\r\nok"),
            ("behind a value", "HTTP/1.1 200 OK\r\ncontent-length: 2", "\r\n\r\nok"),
            ("in the empty line", "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n", "\r\nok"),
        ] {
            let name = format!("\"{}\" {place}", odd.escape_ascii());
            let bytes = [before.as_bytes(), &odd, behind.as_bytes(), POISON.as_bytes()].concat();
            all.push(Answer::new(name, bytes));
        }
    }
    for fold in ["\r\n ", "\r\n\t", "\r\n \r\n "] {
        let text = format!("HTTP/1.1 200 OK\r\nx: y{fold}z\r\ncontent-length: 2\r\n\r\nok");
        all.push(Answer { tolerated: true, ..Answer::new(format!("a fold {fold:?}"), text) });
    }
}

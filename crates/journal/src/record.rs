//! One failure.

use std::fmt::{self, Write};

use causeway_reason::Reason;

macro_rules! facts {
    ($($(#[$doc:meta])* $fact:ident = $key:literal, $most:literal;)*) => {
        /// What is known of a failure as text.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum Fact { $($(#[$doc])* $fact,)* }

        impl Fact {
            /// All of them, in the order in which they are shown.
            pub const ALL: &'static [Self] = &[$(Self::$fact,)*];

            /// Its name in JSON.
            #[must_use]
            pub const fn key(self) -> &'static str {
                match self { $(Self::$fact => $key,)* }
            }

            /// Most bytes of it that are kept.
            #[must_use]
            pub const fn limit(self) -> usize {
                match self { $(Self::$fact => $most,)* }
            }
        }

        /// Bytes of text in a record: room for all that each fact may have.
        const TEXT: usize = 0 $(+ $most)*;
    };
}

facts! {
    /// `x-request-id`.
    RequestId = "request_id", 64;
    /// The request's method.
    Method = "method", 24;
    /// Its authority, or the name that the client asked for in its handshake.
    Authority = "authority", 80;
    /// Its path, without the query.
    Path = "path", 128;
    /// Where it comes from: the address that logs show.
    Client = "client", 56;
    /// The listener's name.
    Listener = "listener", 64;
    /// The virtual host's name.
    VirtualHost = "virtual_host", 64;
    /// Where the route stands in the file.
    Route = "route", 64;
    /// The cluster's name.
    Cluster = "cluster", 80;
    /// Address of the host that was asked last.
    Host = "host", 56;
    /// What was known of that host's health when it was over, and what its last checks said.
    HostState = "host_state", 160;
    /// How it came to be chosen: policy, priority, panic.
    Choice = "choice", 96;
    /// How old the answer is that its address comes from, where a name was looked up.
    Name = "name", 128;
    /// What was agreed with the host in the handshake of TLS.
    UpstreamTls = "upstream_tls", 64;
    /// `%RESPONSE_FLAGS%`
    Flags = "flags", 24;
    /// `%RESPONSE_CODE_DETAILS%`
    Details = "details", 128;
    /// How the back-end closed: `Normal`, `RemoteReset`, …
    UpstreamClose = "upstream_close", 24;
    /// What was observed.
    Evidence = "evidence", 320;
}

/// What failed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Subject {
    /// A request.
    #[default]
    Request,
    /// A connection that was passed on, or refused.
    Connection,
}

/// What came of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// There was no answer.
    Failed(Reason),
    /// This status was answered, which the retry policy does not want.
    Answered(u16),
}

/// An attempt to have a back-end answer that failed, and that was not the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attempt {
    /// What came of it.
    pub outcome: Outcome,
    /// The host that was asked.
    pub host: Short,
    /// From the choice of the host to the failure, in milliseconds.
    pub took: u32,
}

/// Attempts that are kept of a request. With more of them, these are the first.
pub const MOST_ATTEMPTS: usize = 4;

/// The attempts before the last.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Attempts([Option<Attempt>; MOST_ATTEMPTS]);

impl Attempts {
    /// Adds one, where there is room.
    pub fn push(&mut self, attempt: Attempt) {
        if let Some(free) = self.0.iter_mut().find(|kept| kept.is_none()) {
            *free = Some(attempt);
        }
    }

    /// Those that are kept, in their order.
    pub fn iter(&self) -> impl Iterator<Item = &Attempt> {
        self.0.iter().flatten()
    }
}

/// A text of few bytes, such as an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Short {
    bytes: [u8; 48],
    length: u8,
}

impl Short {
    /// The beginning of what this prints.
    #[must_use]
    pub fn of(text: impl fmt::Display) -> Self {
        let mut short = Self { bytes: [0; 48], length: 0 };
        let mut out = Cut { room: &mut short.bytes, used: 0, full: false };
        // What is left over is cut off.
        let _ = write!(out, "{text}");
        short.length = u8::try_from(out.used).unwrap_or(0);
        short
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        text(self.bytes.get(..usize::from(self.length)).unwrap_or_default())
    }
}

/// One failure of a request or a connection, of fixed size.
#[derive(Debug, Clone)]
pub struct Record {
    /// Number by which it is found again (`%WHY_ID%`). Random, so that it says nothing about other requests.
    pub id: u64,
    /// When it was over: milliseconds since 1970.
    pub at: u64,
    /// Why.
    pub reason: Reason,
    /// What failed.
    pub subject: Subject,
    /// Status that the client was answered; 0 where it was not.
    pub status: u16,
    /// How long it took, in milliseconds.
    pub took: u32,
    /// From asking for a connection to the back-end to having one, in milliseconds.
    pub connect: Option<u32>,
    /// From the end of the request to the first byte of an answer, in milliseconds.
    pub answer: Option<u32>,
    /// How often it was sent, or was meant to be.
    pub attempts: u32,
    /// Attempts before the last.
    pub failed_attempts: Attempts,
    /// Number of the client's connection, as in `%CONNECTION_ID%`.
    pub connection: u64,
    /// Number of the connection to the back-end, as in `%UPSTREAM_CONNECTION_ID%`.
    pub upstream_connection: Option<u64>,
    /// Bytes to the back-end.
    pub upstream_sent: u64,
    /// Bytes from it.
    pub upstream_received: u64,
    spans: [(u16, u16); Fact::ALL.len()],
    used: u16,
    text: [u8; TEXT],
}

// Spans are of 16 bits.
const _: () = assert!(TEXT <= u16::MAX as usize);

impl Record {
    /// A record of which nothing is known but why.
    #[must_use]
    pub const fn new(id: u64, at: u64, reason: Reason) -> Self {
        Self {
            id,
            at,
            reason,
            subject: Subject::Request,
            status: 0,
            took: 0,
            connect: None,
            answer: None,
            attempts: 0,
            failed_attempts: Attempts([None; MOST_ATTEMPTS]),
            connection: 0,
            upstream_connection: None,
            upstream_sent: 0,
            upstream_received: 0,
            spans: [(0, 0); Fact::ALL.len()],
            used: 0,
            text: [0; TEXT],
        }
    }

    /// Notes a fact, cut to what is kept of it. Each is noted once.
    pub fn note(&mut self, fact: Fact, what: impl fmt::Display) {
        let start = usize::from(self.used);
        let end = (start + fact.limit()).min(TEXT);
        let Some(room) = self.text.get_mut(start..end) else { return };
        let mut out = Cut { room, used: 0, full: false };
        // What is left over is cut off.
        let _ = write!(out, "{what}");
        // Lengths are below that of the text.
        let used = u16::try_from(out.used).unwrap_or(0);
        if let Some(span) = self.spans.get_mut(fact as usize) {
            *span = (self.used, used);
            self.used += used;
        }
    }

    /// A fact; empty where it is not known.
    #[must_use]
    pub fn fact(&self, fact: Fact) -> &str {
        let (start, length) = self.spans.get(fact as usize).copied().unwrap_or_default();
        let start = usize::from(start);
        text(self.text.get(start..start + usize::from(length)).unwrap_or_default())
    }
}

/// What was written as text is text.
fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap_or_default()
}

/// Writes as much as there is room for, never half a character.
struct Cut<'a> {
    room: &'a mut [u8],
    used: usize,
    full: bool,
}

impl Write for Cut<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if self.full {
            return Ok(());
        }
        let free = self.room.len() - self.used;
        let fits = text.floor_char_boundary(free);
        self.full = fits < text.len();
        let (Some(room), Some(bytes)) =
            (self.room.get_mut(self.used..self.used + fits), text.as_bytes().get(..fits))
        else {
            return Ok(());
        };
        room.copy_from_slice(bytes);
        self.used += fits;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_fact_is_the_beginning_of_what_was_noted(texts in prop::collection::vec("\\PC{0,400}", Fact::ALL.len())) {
            let mut record = Record::new(1, 2, Reason::ConnectRefused);
            for (fact, text) in Fact::ALL.iter().zip(&texts) {
                record.note(*fact, format_args!("{text}"));
            }
            for (fact, text) in Fact::ALL.iter().zip(&texts) {
                let kept = record.fact(*fact);
                prop_assert!(text.starts_with(kept), "{fact:?}");
                // Less than a character is missing where not all of it is there.
                prop_assert!(kept.len() == text.len() || kept.len() + 4 > fact.limit(), "{fact:?}: {kept:?}");
            }
        }
    }

    #[test]
    fn a_record_has_the_size_that_the_command_line_promises() {
        assert!((1800..2200).contains(&size_of::<Record>()), "{}", size_of::<Record>());
    }

    #[test]
    fn attempts_beyond_the_room_are_left_out() {
        let mut attempts = Attempts::default();
        for took in 0..6 {
            let outcome = Outcome::Failed(Reason::ConnectRefused);
            attempts.push(Attempt { outcome, host: Short::of("10.0.0.1:80"), took });
        }
        assert_eq!(attempts.iter().map(|attempt| attempt.took).collect::<Vec<_>>(), [0, 1, 2, 3]);
        assert!(attempts.iter().all(|attempt| attempt.host.as_str() == "10.0.0.1:80"));
    }
}

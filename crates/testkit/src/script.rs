//! Which answer a back-end gives to which request.

use std::fmt;
use std::sync::Arc;

use crate::answer::{Answer, Reply};
use crate::http2::Http2;
use crate::message::Received;

type Choice = dyn Fn(&Received) -> Answer + Send + Sync;

/// The part that a back-end plays.
#[derive(Clone)]
pub struct Script {
    choose: Arc<Choice>,
    /// What is done with a connection before anything is read from it.
    pub(crate) greeting: Answer,
    /// Whether to answer when the header section is there, before the body is.
    pub(crate) early: bool,
    /// Whether HTTP/2 is spoken, and how.
    pub(crate) http2: Option<Http2>,
}

impl Script {
    /// The answer is found by a function.
    pub fn by(choose: impl Fn(&Received) -> Answer + Send + Sync + 'static) -> Self {
        Self { choose: Arc::new(choose), greeting: Answer::default(), early: false, http2: None }
    }

    /// Every request gets the same answer.
    #[must_use]
    pub fn always(answer: impl Into<Answer>) -> Self {
        let answer = answer.into();
        Self::by(move |_| answer.clone())
    }

    /// The first request gets the first answer and so on; the last one is repeated.
    #[must_use]
    pub fn in_turn<A: Into<Answer>>(answers: impl IntoIterator<Item = A>) -> Self {
        let answers: Vec<Answer> = answers.into_iter().map(Into::into).collect();
        assert!(!answers.is_empty(), "a script needs an answer");
        Self::by(move |request| answers[request.number.min(answers.len() - 1)].clone())
    }

    /// Every request is answered with itself.
    #[must_use]
    pub fn echo() -> Self {
        Self::always(Reply::echo())
    }

    /// Does this with every new connection first.
    #[must_use]
    pub fn greeting(mut self, answer: impl Into<Answer>) -> Self {
        self.greeting = answer.into();
        self
    }

    /// Answers as soon as the header section is there. The body is not read, so whatever part of it
    /// arrives is taken for the next request: close the connection, or expect no other.
    #[must_use]
    pub fn early(mut self) -> Self {
        self.early = true;
        self
    }

    /// Speaks HTTP/2, without being asked; with TLS, where both sides have chosen it. Connections that are open stay
    /// what they are.
    #[must_use]
    pub fn http2(mut self) -> Self {
        self.http2.get_or_insert_default();
        self
    }

    /// Speaks HTTP/2, and allows that many streams at once.
    #[must_use]
    pub fn streams(mut self, most: u32) -> Self {
        self.http2.get_or_insert_default().streams = Some(most);
        self
    }

    /// Speaks HTTP/2, and takes CONNECT with a `:protocol` (RFC 8441).
    #[must_use]
    pub fn extended_connect(mut self) -> Self {
        self.http2.get_or_insert_default().extended_connect = true;
        self
    }

    pub(crate) fn answer(&self, request: &Received) -> Answer {
        (self.choose)(request)
    }
}

impl From<Answer> for Script {
    fn from(answer: Answer) -> Self {
        Self::always(answer)
    }
}

impl From<Reply> for Script {
    fn from(reply: Reply) -> Self {
        Self::always(reply)
    }
}

impl fmt::Debug for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Script").field("greeting", &self.greeting).field("early", &self.early).finish()
    }
}

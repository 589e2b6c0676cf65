//! The columns of the catalogue.

use crate::Answer;

/// All that is known about a reason before it happens.
#[derive(Debug, Clone, Copy)]
pub struct Spec {
    /// The reason's name: `snake_case`, at most 40 characters, never changed once released. It is the
    /// last part of the metric `http.<stat_prefix>.reason.<key>`, and the value of
    /// `%CAUSEWAY_REASON%`.
    pub key: &'static str,
    /// What the client is told when the request itself met the reason.
    pub answer: Answer,
    /// gRPC status code of the answer to a gRPC request (`content-type: application/grpc…`).
    pub grpc: u8,
    /// Who has to act.
    pub blame: Blame,
    /// Whether the request may be sent again.
    pub retry: Retry,
    /// One sentence that says what happened.
    pub sentence: Text,
    /// The next thing to do.
    pub advice: Text,
}

/// A text in the languages of the people who read it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Text {
    /// English.
    pub en: &'static str,
    /// Korean.
    pub ko: &'static str,
}

impl Text {
    /// The text in a language.
    #[must_use]
    pub const fn get(self, language: Language) -> &'static str {
        match language {
            Language::English => self.en,
            Language::Korean => self.ko,
        }
    }
}

/// A language of the catalogue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// English.
    English,
    /// Korean.
    Korean,
}

/// Who has to act so that the reason goes away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Blame {
    /// The client, or whatever stands in front of the proxy.
    Client,
    /// The file the proxy runs.
    Config,
    /// The name service.
    Dns,
    /// Routes, firewalls and links between the proxy and the back-end.
    Network,
    /// The back-end.
    Upstream,
    /// This host: descriptors, ports, permissions.
    Host,
    /// The people who stop or drain the proxy.
    Operator,
    /// The proxy itself: a defect.
    Proxy,
}

impl Blame {
    /// One word, as logs and documents print it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Config => "config",
            Self::Dns => "dns",
            Self::Network => "network",
            Self::Upstream => "upstream",
            Self::Host => "host",
            Self::Operator => "operator",
            Self::Proxy => "proxy",
        }
    }

    /// The same for people: in English the word, in other languages what it stands for.
    #[must_use]
    pub const fn name(self, language: Language) -> &'static str {
        match (language, self) {
            (Language::English, _) => self.word(),
            (Language::Korean, Self::Client) => "클라이언트",
            (Language::Korean, Self::Config) => "설정",
            (Language::Korean, Self::Dns) => "DNS",
            (Language::Korean, Self::Network) => "네트워크",
            (Language::Korean, Self::Upstream) => "백엔드",
            (Language::Korean, Self::Host) => "프록시가 실행되는 호스트",
            (Language::Korean, Self::Operator) => "운영자",
            (Language::Korean, Self::Proxy) => "프록시",
        }
    }
}

/// Whether a request that met a reason may be sent to an upstream again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Retry {
    /// Nothing of it was processed: any request may be sent again.
    Safe,
    /// It may have been processed: only what is idempotent (RFC 9110 §9.2.2) may be sent again.
    IfIdempotent,
    /// Sending it again would meet the same reason, or an answer has begun.
    Never,
}

impl Retry {
    /// As documents print it.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Safe => "safe",
            Self::IfIdempotent => "if idempotent",
            Self::Never => "no",
        }
    }

    /// The same for people.
    #[must_use]
    pub const fn name(self, language: Language) -> &'static str {
        match (language, self) {
            (Language::English, _) => self.words(),
            (Language::Korean, Self::Safe) => "예",
            (Language::Korean, Self::IfIdempotent) => "멱등한 요청만",
            (Language::Korean, Self::Never) => "아니요",
        }
    }
}

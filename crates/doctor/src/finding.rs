//! What is wrong, and how that is known.

use causeway_envoy::{Place, Spot};
use causeway_model::SourcePosition;
use causeway_reason::Cause;

use crate::said::Said;

/// Something that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Its cause, out of the catalogue.
    pub cause: Cause,
    /// What gives the same evidence, this cause among it, where it is not known which of them it is.
    pub candidates: Vec<Cause>,
    /// How much it matters.
    pub severity: Severity,
    /// How sure it is.
    pub grade: Grade,
    /// What it is about.
    pub subject: Subject,
    /// What is so, in one sentence without a full stop, with names in it.
    pub title: Said,
    /// The field that has to do with it.
    pub spot: Option<Spot>,
    /// Its path in the file; filled in, as the place, by whoever has the file ([`crate::Report::locate`]).
    pub field: String,
    /// Where it is written.
    pub place: Option<Place>,
    /// What is underlined there, in a few words.
    pub label: Said,
    /// What becomes of requests.
    pub effect: Option<Effect>,
    /// What was observed. Never empty.
    pub evidence: Vec<Evidence>,
    /// Causes that would look the same and are excluded.
    pub ruled_out: Vec<Said>,
    /// What else has the same root cause.
    pub also_explains: Vec<Subject>,
    /// What can be done, the best first. The catalogue's advice where empty.
    pub fixes: Vec<Fix>,
}

/// How much a finding matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Requests fail, or will.
    Error,
    /// It works, but not as was meant, or not for long.
    Warning,
    /// Good to know.
    Note,
}

/// How sure a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Grade {
    /// A probe or a local fact excludes everything that would look the same.
    Proven,
    /// It fits, and others are not excluded.
    Likely,
    /// It would explain what is seen.
    Possible,
}

/// What a finding is about: as much of it as there is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Subject {
    /// Name of the listener.
    pub listener: Option<String>,
    /// Name of the virtual host.
    pub virtual_host: Option<String>,
    /// Name of the route, or its place in the list.
    pub route: Option<String>,
    /// Name of the cluster.
    pub cluster: Option<String>,
    /// The endpoint: address and port, or name and port.
    pub endpoint: Option<String>,
    /// A file.
    pub file: Option<String>,
}

/// What becomes of requests: in Envoy's words, as an access log shows it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Effect {
    /// What clients see; 0 for none.
    pub status: Option<u16>,
    /// Response flag, `UF`.
    pub flags: String,
    /// `%RESPONSE_CODE_DETAILS%`.
    pub details: String,
    /// In words, where the three do not say it.
    pub words: Option<Said>,
}

/// What was observed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    /// Where it comes from.
    pub kind: EvidenceKind,
    /// What was done or looked at.
    pub what: Said,
    /// What came of it.
    pub observed: Said,
    /// How long it took, in milliseconds.
    pub milliseconds: Option<u64>,
    /// A command that shows the same.
    pub command: Option<String>,
}

/// Where evidence comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EvidenceKind {
    /// The configuration.
    File,
    /// A connection that was made for this.
    Probe,
    /// A question to a name server.
    Dns,
    /// This host.
    Host,
    /// What a proxy says of itself.
    Admin,
    /// A log.
    Log,
}

/// What can be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fix {
    /// What it is, in a sentence without a full stop.
    pub what: Said,
    /// What to write into the file, where that is known.
    pub edits: Vec<Edit>,
    /// Whether applying the edits can be left to a program: they are all that is needed, and change nothing else.
    pub machine_applicable: bool,
}

/// A change of one field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// The field.
    pub spot: Spot,
    /// Its path; filled in as that of the finding is.
    pub field: String,
    /// Its new value, as YAML in one line or a block without indentation; `None` removes the field.
    pub value: Option<String>,
}

impl Finding {
    /// A finding with one piece of evidence, proven; the rest is added by the other methods.
    #[must_use]
    pub fn new(cause: impl Into<Cause>, severity: Severity, title: Said, evidence: Evidence) -> Self {
        Self {
            cause: cause.into(),
            candidates: Vec::new(),
            severity,
            grade: Grade::Proven,
            subject: Subject::default(),
            title,
            spot: None,
            field: String::new(),
            place: None,
            label: Said::plain(""),
            effect: None,
            evidence: vec![evidence],
            ruled_out: Vec::new(),
            also_explains: Vec::new(),
            fixes: Vec::new(),
        }
    }

    /// The same, less sure.
    #[must_use]
    pub const fn grade(mut self, grade: Grade) -> Self {
        self.grade = grade;
        self
    }

    /// The same, about this.
    #[must_use]
    pub fn about(mut self, subject: Subject) -> Self {
        self.subject = subject;
        self
    }

    /// The same, written there, with what to underline it with.
    #[must_use]
    pub fn at(mut self, spot: Spot, label: Said) -> Self {
        self.spot = Some(spot);
        self.label = label;
        self
    }

    /// The same, with what becomes of requests.
    #[must_use]
    pub fn effect(mut self, effect: Effect) -> Self {
        self.effect = Some(effect);
        self
    }

    /// The same, with more evidence.
    #[must_use]
    pub fn and(mut self, evidence: Evidence) -> Self {
        self.evidence.push(evidence);
        self
    }

    /// The same, with what is excluded.
    #[must_use]
    pub fn ruled_out(mut self, what: impl IntoIterator<Item = Said>) -> Self {
        self.ruled_out.extend(what);
        self
    }

    /// The same, with something to do.
    #[must_use]
    pub fn fix(mut self, fix: Fix) -> Self {
        self.fixes.push(fix);
        self
    }
}

impl Evidence {
    /// What stands in the file.
    #[must_use]
    pub const fn file(observed: Said) -> Self {
        Self::new(EvidenceKind::File, Said { en: String::new(), ko: String::new() }, observed)
    }

    /// What came of something that was done or looked at.
    #[must_use]
    pub const fn new(kind: EvidenceKind, what: Said, observed: Said) -> Self {
        Self { kind, what, observed, milliseconds: None, command: None }
    }

    /// The same, with the time it took.
    #[must_use]
    pub fn took(mut self, time: std::time::Duration) -> Self {
        self.milliseconds = Some(u64::try_from(time.as_millis()).unwrap_or(u64::MAX));
        self
    }

    /// The same, with a command that shows it.
    #[must_use]
    pub fn command(mut self, command: impl Into<String>) -> Self {
        self.command = Some(command.into());
        self
    }
}

impl Fix {
    /// Something that a person has to do.
    #[must_use]
    pub const fn manual(what: Said) -> Self {
        Self { what, edits: Vec::new(), machine_applicable: false }
    }

    /// A field that gets another value; a program may do it.
    #[must_use]
    pub fn set(what: Said, spot: Spot, value: impl Into<String>) -> Self {
        let edit = Edit { spot, field: String::new(), value: Some(value.into()) };
        Self { what, edits: vec![edit], machine_applicable: true }
    }

    /// The same, with a field that goes.
    #[must_use]
    pub fn and_remove(mut self, spot: Spot) -> Self {
        // What goes makes room, since of some fields only one may be set.
        self.edits.insert(0, Edit { spot, field: String::new(), value: None });
        self
    }

    /// Leaves the words: what was to be written can't be.
    pub(crate) fn take_back(&mut self) {
        self.edits.clear();
        self.machine_applicable = false;
    }

    /// The same, but somebody has to think about it before.
    #[must_use]
    pub const fn to_be_considered(mut self) -> Self {
        self.machine_applicable = false;
        self
    }
}

impl Subject {
    /// A cluster.
    #[must_use]
    pub fn cluster(name: &str) -> Self {
        Self { cluster: Some(name.to_owned()), ..Self::default() }
    }

    /// A listener.
    #[must_use]
    pub fn listener(name: &str) -> Self {
        Self { listener: Some(name.to_owned()), ..Self::default() }
    }

    /// The same, and one of its endpoints.
    #[must_use]
    pub fn endpoint(mut self, address: impl std::fmt::Display) -> Self {
        self.endpoint = Some(address.to_string());
        self
    }

    /// Whether it says nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// The field of a message that is written at that position: `under(&cluster.position, "connect_timeout")`.
#[must_use]
pub fn under(position: &SourcePosition, rest: &str) -> Spot {
    Spot::Under(position.clone(), rest.to_owned())
}

impl Severity {
    /// One word, for tools.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }
}

impl Grade {
    /// One word, for tools.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Proven => "proven",
            Self::Likely => "likely",
            Self::Possible => "possible",
        }
    }
}

impl EvidenceKind {
    /// One word, for tools.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Probe => "probe",
            Self::Dns => "dns",
            Self::Host => "host",
            Self::Admin => "admin",
            Self::Log => "log",
        }
    }
}

//! Reloads, and draining.

use std::time::{Duration, SystemTime};

use causeway_model::SourcePosition;

/// What a reload did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReloadReport {
    /// When it began.
    pub at: SystemTime,
    /// How long it took.
    pub took: Duration,
    /// Who asked for it.
    pub trigger: ReloadTrigger,
    /// How it ended.
    pub result: ReloadResult,
    /// What was found in the file.
    pub diagnostics: Vec<Diagnostic>,
    /// What is different now.
    pub changes: Vec<ConfigChange>,
}

/// Who asked for a reload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReloadTrigger {
    /// A signal.
    Signal,
    /// The admin server.
    Admin,
    /// The file changed.
    FileChange,
}

impl ReloadTrigger {
    /// One word, as reports print it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Signal => "signal",
            Self::Admin => "admin",
            Self::FileChange => "file_change",
        }
    }
}

/// How a reload ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReloadResult {
    /// The new configuration is in force.
    Applied,
    /// The file says what is in force already.
    Unchanged,
    /// The file has faults, or could not be put in force; the old configuration stays.
    Refused,
}

impl ReloadResult {
    /// One word, as reports print it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::Unchanged => "unchanged",
            Self::Refused => "refused",
        }
    }
}

/// Something that was found in the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// Where it stands; none for what belongs to no place.
    pub position: Option<SourcePosition>,
    /// What is wrong.
    pub message: String,
    /// What to write instead.
    pub hint: Option<String>,
}

/// How bad a [`Diagnostic`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Good to know.
    Note,
    /// The configuration runs, but not as it reads.
    Warning,
    /// The configuration can't run.
    Error,
}

impl Severity {
    /// One word, as reports print it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// A difference between the configuration before a reload and the one behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigChange {
    /// What happened to it.
    pub kind: ChangeKind,
    /// What it is: `listener`, `cluster`, `route_config`, …
    pub what: &'static str,
    /// Its name.
    pub name: String,
}

/// What happened to a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeKind {
    /// It is new.
    Added,
    /// It is different.
    Changed,
    /// It is gone.
    Removed,
}

impl ChangeKind {
    /// One word, as reports print it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Changed => "changed",
            Self::Removed => "removed",
        }
    }
}

/// What `/drain_listeners` asks for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DrainRequest {
    /// Whether connections are asked to end during the drain time, before listeners close
    /// (`graceful`).
    pub graceful: bool,
    /// Whether connections are asked to end and listeners stay open (`skip_exit`).
    pub skip_exit: bool,
    /// Whether only listeners with `traffic_direction: INBOUND` are meant (`inboundonly`).
    pub inbound_only: bool,
}

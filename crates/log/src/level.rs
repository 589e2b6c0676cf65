//! Levels, under the names that Envoy gives them.

use std::fmt;
use std::str::FromStr;

use tracing::level_filters::LevelFilter;
use tracing::{Level as TracingLevel, Metadata};

/// The name of the field that makes an error critical: `tracing` has no level above error.
pub(crate) const CRITICAL_FIELD: &str = "critical";

/// How serious a line is, or, set on a component, the least serious line that it writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Level {
    /// Every step; release builds leave these lines out when they are compiled.
    Trace,
    /// What helps to find a fault.
    Debug,
    /// What an operator wants to have seen.
    Info,
    /// Something that may become a failure.
    Warning,
    /// Something failed.
    Error,
    /// The process can't go on.
    Critical,
    /// Nothing is written.
    Off,
}

impl Level {
    /// Every level, from the most to the least talkative.
    pub const ALL: [Self; 7] =
        [Self::Trace, Self::Debug, Self::Info, Self::Warning, Self::Error, Self::Critical, Self::Off];

    /// The name that options, `/logging` and `%l` use.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Trace => "trace",
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
            Self::Critical => "critical",
            Self::Off => "off",
        }
    }

    /// The letter that `%L` prints.
    #[must_use]
    pub const fn letter(self) -> &'static str {
        match self {
            Self::Trace => "T",
            Self::Debug => "D",
            Self::Info => "I",
            Self::Warning => "W",
            Self::Error => "E",
            Self::Critical => "C",
            Self::Off => "O",
        }
    }

    /// The level of whatever a call site writes.
    pub(crate) fn of(metadata: &Metadata<'_>) -> Self {
        match *metadata.level() {
            TracingLevel::TRACE => Self::Trace,
            TracingLevel::DEBUG => Self::Debug,
            TracingLevel::INFO => Self::Info,
            TracingLevel::WARN => Self::Warning,
            TracingLevel::ERROR if metadata.fields().field(CRITICAL_FIELD).is_some() => Self::Critical,
            TracingLevel::ERROR => Self::Error,
        }
    }

    /// The filter that lets pass what this level does, and little more.
    pub(crate) const fn filter(self) -> LevelFilter {
        match self {
            Self::Trace => LevelFilter::TRACE,
            Self::Debug => LevelFilter::DEBUG,
            Self::Info => LevelFilter::INFO,
            Self::Warning => LevelFilter::WARN,
            Self::Error | Self::Critical => LevelFilter::ERROR,
            Self::Off => LevelFilter::OFF,
        }
    }

    /// The level kept as its number; a number that is none means [`Self::Off`].
    pub(crate) const fn from_number(number: u8) -> Self {
        match number {
            0 => Self::Trace,
            1 => Self::Debug,
            2 => Self::Info,
            3 => Self::Warning,
            4 => Self::Error,
            5 => Self::Critical,
            _ => Self::Off,
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A text that names no level.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownLevel(pub String);

impl fmt::Display for UnknownLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "invalid log level specified '{}'", self.0)
    }
}

impl std::error::Error for UnknownLevel {}

/// Reads the names that Envoy reads: exactly these, and `warn`.
impl FromStr for Level {
    type Err = UnknownLevel;

    fn from_str(text: &str) -> Result<Self, UnknownLevel> {
        match text {
            "warn" => Ok(Self::Warning),
            _ => Self::ALL
                .into_iter()
                .find(|level| level.name() == text)
                .ok_or_else(|| UnknownLevel(text.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_envoy_reads_them() {
        for level in Level::ALL {
            assert_eq!(level.name().parse(), Ok(level));
            assert_eq!(Level::from_number(level as u8), level);
        }
        assert_eq!("warn".parse(), Ok(Level::Warning));
        for wrong in ["", "WARNING", "err", "fatal", " info"] {
            let error = wrong.parse::<Level>().unwrap_err();
            assert_eq!(error.to_string(), format!("invalid log level specified '{wrong}'"));
        }
    }
}

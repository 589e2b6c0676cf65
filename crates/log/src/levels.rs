//! The level of each component, read by every thread that logs.

use std::fmt;
use std::sync::atomic::{AtomicU8, Ordering::Relaxed};

use tracing::Metadata;
use tracing::level_filters::LevelFilter;

use crate::component::Owner;
use crate::{Component, Level, UnknownLevel};

/// One level for each component.
#[derive(Debug)]
pub(crate) struct Levels([AtomicU8; Component::COUNT]);

impl Levels {
    pub(crate) fn new(level: Level) -> Self {
        Self(std::array::from_fn(|_| AtomicU8::new(level as u8)))
    }

    pub(crate) fn get(&self, component: Component) -> Level {
        self.0.get(component.index()).map_or(Level::Off, |cell| Level::from_number(cell.load(Relaxed)))
    }

    pub(crate) fn set(&self, component: Component, level: Level) {
        if let Some(cell) = self.0.get(component.index()) {
            cell.store(level as u8, Relaxed);
        }
    }

    /// Whether a line of that level is written for that owner.
    pub(crate) fn allow(&self, owner: Owner, level: Level) -> bool {
        let floor = self.get(owner.component);
        let floor = if owner.stranger { floor.max(Level::Warning) } else { floor };
        floor != Level::Off && level >= floor
    }

    /// Whether what a call site writes is written.
    pub(crate) fn allow_site(&self, metadata: &Metadata<'_>) -> bool {
        self.allow(Owner::of(metadata.target()), Level::of(metadata))
    }

    /// The most talkative level of all, for `tracing` to leave out everything beyond it early.
    pub(crate) fn hint(&self) -> LevelFilter {
        Component::all().map(|component| self.get(component)).min().unwrap_or(Level::Off).filter()
    }
}

/// What is wrong with a list of levels by component.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ComponentLevelError {
    /// A piece is not of the form `component:level`.
    Malformed(String),
    /// There is no such component.
    UnknownComponent(String),
    /// There is no such level.
    UnknownLevel(UnknownLevel),
}

/// In the words of Envoy's command line.
impl fmt::Display for ComponentLevelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(text) => write!(f, "component log level not correctly specified '{text}'"),
            Self::UnknownComponent(text) => write!(f, "invalid component specified '{text}'"),
            Self::UnknownLevel(level) => fmt::Display::fmt(level, f),
        }
    }
}

impl std::error::Error for ComponentLevelError {}

/// Reads `--component-log-level`: `upstream:debug,connection:trace`.
///
/// # Errors
///
/// The first piece that is wrong.
pub fn parse_component_levels(text: &str) -> Result<Vec<(Component, Level)>, ComponentLevelError> {
    if text.is_empty() {
        return Ok(Vec::new());
    }
    text.split(',')
        .map(|piece| {
            let (name, level) = piece
                .split_once(':')
                .filter(|(name, level)| !name.is_empty() && !level.is_empty() && !level.contains(':'))
                .ok_or_else(|| ComponentLevelError::Malformed(piece.to_owned()))?;
            let level = level.parse().map_err(ComponentLevelError::UnknownLevel)?;
            let component = Component::from_name(name)
                .ok_or_else(|| ComponentLevelError::UnknownComponent(name.to_owned()))?;
            Ok((component, level))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn component(name: &str) -> Component {
        Component::from_name(name).unwrap()
    }

    #[test]
    fn a_component_has_a_level_of_its_own() {
        let levels = Levels::new(Level::Info);
        levels.set(component("http"), Level::Trace);
        levels.set(component("router"), Level::Off);
        assert_eq!(levels.get(component("http")), Level::Trace);
        assert!(levels.allow(Owner::of("http"), Level::Trace));
        assert!(!levels.allow(Owner::of("upstream"), Level::Debug));
        assert!(levels.allow(Owner::of("upstream"), Level::Info));
        assert!(!levels.allow(Owner::of("router"), Level::Critical));
        assert_eq!(levels.hint(), LevelFilter::TRACE);
    }

    #[test]
    fn strangers_say_nothing_below_warning() {
        let levels = Levels::new(Level::Trace);
        assert!(!levels.allow(Owner::of("some_crate"), Level::Info));
        assert!(levels.allow(Owner::of("some_crate"), Level::Warning));
        assert!(levels.allow(Owner::of("misc"), Level::Trace));
    }

    #[test]
    fn lists_fail_in_envoys_words() {
        assert_eq!(
            parse_component_levels("upstream:debug,connection:trace").unwrap(),
            [(component("upstream"), Level::Debug), (component("connection"), Level::Trace)]
        );
        assert_eq!(parse_component_levels(""), Ok(vec![]));
        for (text, words) in [
            ("http", "component log level not correctly specified 'http'"),
            ("http:debug:x", "component log level not correctly specified 'http:debug:x'"),
            (",", "component log level not correctly specified ''"),
            ("bogus:debug", "invalid component specified 'bogus'"),
            ("http:bogus", "invalid log level specified 'bogus'"),
        ] {
            assert_eq!(parse_component_levels(text).unwrap_err().to_string(), words);
        }
    }
}

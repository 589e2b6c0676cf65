//! Reading the configuration, and saying what was found in it.

use std::fmt::Write as _;
use std::io::{IsTerminal as _, Write as _, stderr};

use causeway_doctor::refused;
use causeway_envoy::{ConfigDump, Diagnostic, Diagnostics, Kind, LoadOptions, Loaded, Severity, Source};
use causeway_log::{Format, LogHandle};
use causeway_model::Bootstrap;

use super::changed;
use crate::cli::{ConfigArguments, ServeArguments};

/// A configuration that can be used.
pub(super) struct Configuration {
    pub(super) bootstrap: Bootstrap,
    pub(super) dump: ConfigDump,
    pub(super) diagnostics: Diagnostics,
}

/// Reads the file, or what stands on the command line instead of one. What can't be read is a diagnostic like any
/// other.
pub(super) fn read(config: &ConfigArguments) -> Result<Loaded, String> {
    let Some(path) = &config.path else {
        let options = LoadOptions { overlay: None, ..config.options.clone() };
        let text = config.options.overlay.as_deref().unwrap_or_default();
        return Ok(causeway_envoy::load(&Source::new("--config-yaml", text), &options));
    };
    let source = Source::read(path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    Ok(causeway_envoy::load(&source, &config.options))
}

/// Its name, as it was given.
pub(super) fn name(config: &ConfigArguments) -> String {
    config.path.as_ref().map_or_else(|| "--config-yaml".to_owned(), |path| path.display().to_string())
}

/// Reads the configuration for the first time. Faults are shown in full on standard error, where whoever
/// started the process looks.
pub(super) fn at_start(arguments: &ServeArguments, log: &LogHandle) -> Option<Configuration> {
    let name = name(&arguments.config);
    let loaded = match read(&arguments.config) {
        Ok(loaded) => loaded,
        Err(fault) => {
            causeway_log::critical!(target: "main", "{fault}");
            return None;
        }
    };
    let Loaded { bootstrap, diagnostics, dump } = loaded;
    let Some(bootstrap) = bootstrap else {
        let color =
            stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        let _ = stderr().write_all(diagnostics.render(color).as_bytes());
        for diagnostic in diagnostics.iter().filter(|found| found.severity == Severity::Error) {
            match refused::cause(diagnostic) {
                Some(cause) => tracing::error!(target: "config", "{diagnostic}; {cause}"),
                None => tracing::error!(target: "config", "{diagnostic}"),
            }
        }
        causeway_log::critical!(target: "main", "error initializing config '{name}': {}", diagnostics.summary());
        return None;
    };
    tell(&diagnostics, arguments.skip_deprecated);
    changed::tell_clock(arguments.config.path.as_deref());
    use_log_format(arguments, &bootstrap, log);
    Some(Configuration { bootstrap, dump, diagnostics })
}

/// Logs what was found in a configuration that can be used.
pub(super) fn tell(diagnostics: &Diagnostics, skip_deprecated: bool) {
    for diagnostic in diagnostics.iter() {
        if skip_deprecated && diagnostic.kind == Kind::Deprecated {
            continue;
        }
        tell_one(diagnostic);
    }
}

fn tell_one(diagnostic: &Diagnostic) {
    let mut line = diagnostic.to_string();
    // A log has no excerpt under which a label could stand.
    for hint in [&diagnostic.label].into_iter().chain(&diagnostic.help).filter(|hint| !hint.is_empty()) {
        line.push_str("; ");
        line.push_str(hint);
    }
    if let Some(cause) = refused::cause(diagnostic) {
        let _ = write!(line, "; {cause}");
    }
    match diagnostic.severity {
        Severity::Error => tracing::error!(target: "config", "{line}"),
        Severity::Warning => tracing::warn!(target: "config", "{line}"),
        Severity::Note => tracing::debug!(target: "config", "{line}"),
    }
}

/// The form of log lines that the configuration asks for, unless the command line says otherwise.
pub(super) fn use_log_format(arguments: &ServeArguments, bootstrap: &Bootstrap, log: &LogHandle) {
    let Some(format) = bootstrap.application_log_format.as_ref().filter(|_| !arguments.log_format_given)
    else {
        return;
    };
    match Format::configured(format) {
        Ok(format) => log.set_format(format),
        Err(error) => tracing::warn!(target: "config", "application_log_config: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_can_stand_for_a_file() {
        let text = "admin: {address: {socket_address: {address: 127.0.0.1, port_value: 1}}}";
        let options = LoadOptions { overlay: Some(text.to_owned()), ..LoadOptions::default() };
        let loaded = read(&ConfigArguments { path: None, options }).expect("nothing has to be read");
        assert!(loaded.bootstrap.is_some_and(|bootstrap| bootstrap.admin.is_some()));
    }
}

//! `/logging`

use std::fmt::Write as _;

use axum::http::StatusCode;
use causeway_log::{Component, Level, LogHandle};

use crate::http::{Reply, Request};
use crate::state::Admin;

pub(crate) fn logging(admin: &Admin, request: &Request) -> Reply {
    let log = admin.process.log();
    // An empty field of a form changes nothing.
    let params: Vec<_> = request.query.all().iter().filter(|(_, value)| !value.is_empty()).collect();
    let changed = match params.as_slice() {
        [] => Ok(()),
        [(name, value)] => change(log, name, value),
        _ => Err("invalid number of parameters"),
    };
    let mut out = String::new();
    let status = match changed {
        Ok(()) => StatusCode::OK,
        Err(error) => {
            let _ = write!(
                out,
                "error: {error}\n\n\
                 usage: /logging?<name>=<level> (change single level)\n\
                 usage: /logging?paths=name1:level1,name2:level2,... (change multiple levels)\n\
                 usage: /logging?level=<level> (change all levels)\n\
                 usage: /logging?group=<group_name>:<level> (change group of loggers)\n\
                 levels: "
            );
            for level in Level::ALL {
                let _ = write!(out, "{level} ");
            }
            out.push('\n');
            StatusCode::BAD_REQUEST
        }
    };
    out.push_str("active loggers:\n");
    for (component, level) in log.levels() {
        let _ = writeln!(out, "  {component}: {level}");
    }
    out.push('\n');
    Reply::text(out).with_status(status)
}

fn change(log: &LogHandle, name: &str, value: &str) -> Result<(), &'static str> {
    match name {
        "level" => {
            let level = level(value)?;
            tracing::info!(target: "admin", "change all log levels: level='{level}'");
            log.set_all_levels(level);
            Ok(())
        }
        "group" => Err("group parameter requires fine-grain logging to be enabled"),
        "paths" => {
            let pairs = value.split(',').map(str::trim).filter(|pair| !pair.is_empty());
            let levels: Vec<_> = pairs
                .map(|pair| {
                    let (name, value) = pair.split_once(':').unwrap_or((pair, ""));
                    let (name, value) = (name.trim(), value.trim());
                    if name.is_empty() || value.is_empty() {
                        return Err("empty logger name or empty logger level");
                    }
                    Ok((name, level(value)?))
                })
                .collect::<Result<_, _>>()?;
            set(log, &levels)
        }
        name => set(log, &[(name, level(value)?)]),
    }
}

/// All of them, or none where one is unknown.
fn set(log: &LogHandle, levels: &[(&str, Level)]) -> Result<(), &'static str> {
    let levels: Vec<_> = levels
        .iter()
        .map(|(name, level)| Component::from_name(name).map(|component| (component, *level)))
        .collect::<Option<_>>()
        .ok_or("unknown logger name")?;
    for (component, level) in &levels {
        tracing::info!(target: "admin", "change log level: name='{component}' level='{level}'");
    }
    log.set_levels(levels);
    Ok(())
}

fn level(text: &str) -> Result<Level, &'static str> {
    text.parse().map_err(|_| "unknown logger level")
}

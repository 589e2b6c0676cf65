//! `causeway why`: asks the admin server of a running Causeway.

use std::fmt::Write as _;
use std::process::ExitCode;

use crate::cli::{WhyArguments, complain, print};
use crate::remote::{UNREACHABLE, admin, silence};

/// Prints what a running Causeway says.
pub(crate) fn run(arguments: &WhyArguments) -> ExitCode {
    let admin = match admin(arguments.admin.as_deref(), arguments.config.as_deref()) {
        Ok(admin) => admin,
        Err(fault) => return complain(&fault),
    };
    match admin.get(&target(arguments)) {
        Ok((200, body)) => print(&body),
        Ok((404, body)) if body.starts_with("invalid path") => {
            complain(&format!("what answers at {admin} is no Causeway: it has no /why"));
            ExitCode::from(UNREACHABLE)
        }
        Ok((_, body)) => complain(&body.trim_end()),
        Err(error) => {
            complain(&silence(&admin, &error));
            ExitCode::from(UNREACHABLE)
        }
    }
}

/// What to ask for.
fn target(arguments: &WhyArguments) -> String {
    let mut target = String::from("/why");
    if let Some(id) = &arguments.id {
        let _ = write!(target, "/{}", escaped(id));
    }
    for (at, (name, value)) in arguments.parameters.iter().enumerate() {
        let sign = if at == 0 { '?' } else { '&' };
        let _ = write!(target, "{sign}{name}={}", escaped(value));
    }
    target
}

/// A text as it can stand anywhere in a URL.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' => out.push(char::from(byte)),
            _ => {
                let _ = write!(out, "%{byte:02X}");
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_can_hold_anything() {
        let arguments = WhyArguments {
            admin: Some("http://10.0.0.1:9901/".into()),
            config: None,
            id: Some("a/b?c".into()),
            parameters: vec![("cluster", "ä b&c".into()), ("last", "5".into())],
        };
        assert_eq!(target(&arguments), "/why/a%2Fb%3Fc?cluster=%C3%A4%20b%26c&last=5");
    }
}

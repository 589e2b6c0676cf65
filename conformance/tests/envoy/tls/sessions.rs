//! Sessions that are taken up again.

use causeway_conformance::{Case, TlsWish};

use super::case;

const STATS: &[&str] = &["listener.main.ssl.session_reused", "listener.main.ssl.handshake"];

fn again() -> TlsWish {
    TlsWish::to("lab.test").resumes()
}

/// Ids are different in each run; how long they are is not.
fn ids(name: &'static str, context: &str) -> Case {
    case(name)
        .tls(context, "")
        .log("log_format: {text_format_source: {inline_string: \"%DOWNSTREAM_TLS_VERSION% %DOWNSTREAM_TLS_SESSION_ID%\\n\"}}")
        .mask_log(|line| {
            let (version, id) = line.split_once(' ').unwrap_or((line, ""));
            if id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                format!("{version} {} digits", id.len())
            } else {
                line.to_owned()
            }
        })
        .shake_again("TLS 1.3", again().only_tls13(), 2)
        .shake_again("TLS 1.2", again().only_tls12(), 3)
}

pub(crate) fn cases() -> Vec<Case> {
    vec![
        ids("ids_of_sessions_with_tickets", ""),
        ids("ids_of_sessions_without_tickets", "disable_stateless_session_resumption: true"),
        ids(
            "ids_where_there_are_no_sessions",
            "disable_stateless_session_resumption: true\ndisable_stateful_session_resumption: true",
        ),
        case("tickets")
            .tls("", "")
            .shake_again("TLS 1.3", again().only_tls13(), 3)
            .shake_again("TLS 1.2", again().only_tls12(), 3)
            .stats(STATS),
        case("no_tickets")
            .tls("disable_stateless_session_resumption: true", "")
            .shake_again("TLS 1.3", again().only_tls13(), 2)
            .shake_again("TLS 1.2", again().only_tls12(), 2)
            .stats(STATS),
        case("no_sessions_at_all")
            .tls(
                "
                disable_stateless_session_resumption: true
                disable_stateful_session_resumption: true",
                "",
            )
            .shake_again("TLS 1.3", again().only_tls13(), 2)
            .shake_again("TLS 1.2", again().only_tls12(), 2)
            .stats(STATS),
        case("tickets_with_keys_of_ones_own")
            .tls(
                "
                session_timeout: 60s
                session_ticket_keys: {keys: [{inline_bytes: 'MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODk='}]}",
                "",
            )
            .shake_again("TLS 1.3", again().only_tls13(), 2)
            .stats(STATS),
    ]
}

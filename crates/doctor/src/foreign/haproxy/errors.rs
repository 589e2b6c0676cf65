//! `show errors`: the last request of each frontend and the last answer of each backend that was no HTTP, with its bytes,
//! which are judged as those of a probe are.

use causeway_http::HeaderBlock;
use causeway_http::h1::{HeadLimits, RequestRules, parse_request};
use causeway_reason::{Cause, Reason};

use super::cfg::Cfg;
use super::settle::{Counted, Symptom};
use super::state::Observed;
use crate::finding::{Effect, Evidence, EvidenceKind, Finding, Grade, Severity, Subject};
use crate::probe::endpoint::fault_of;
use crate::said;
use crate::said::Said;

/// Bytes of it that are shown.
const SHOWN: usize = 120;
/// HAProxy's own buffer, unless `tune.bufsize` says otherwise.
const BUFFER: u32 = 16_384;
/// It is full where no more than this is left: `tune.maxrewrite` and what HAProxy keeps for itself.
const SPARE: usize = 1_200;

/// Something that was not understood.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Event {
    /// The frontend of a request, the backend of an answer.
    proxy: String,
    is_response: bool,
    /// It was asked by a check, for which there is no frontend.
    of_check: bool,
    /// The server, where there is one.
    server: String,
    /// How far HAProxy's parser had come: `MSG_HDR_NAME`.
    state: String,
    bytes: Vec<u8>,
    /// The head line, as it stands there.
    head: String,
}

/// What was not understood, for each frontend and backend.
pub(super) fn errors(observed: &Observed, cfg: Option<&Cfg>) -> Vec<Counted> {
    let global = cfg.map(|cfg| &cfg.global);
    let buffer = global.and_then(|global| global.buffer).unwrap_or(BUFFER);
    let fields = global.and_then(|global| global.fields).unwrap_or(101).saturating_sub(1);
    let buffer = usize::try_from(buffer).unwrap_or(usize::MAX);
    let limits = HeadLimits { bytes: buffer, fields: usize::try_from(fields).unwrap_or(usize::MAX) };
    events(&observed.errors).into_iter().map(|event| event.finding(observed, limits)).collect()
}

impl Event {
    fn finding(self, observed: &Observed, limits: HeadLimits) -> Counted {
        let cause = if self.is_response { self.response(limits) } else { self.request(limits) };
        let (proxy, server) = (&self.proxy, &self.server);
        let shown = self.bytes.get(..SHOWN).unwrap_or(&self.bytes).escape_ascii().to_string();
        let (subject, title, effect) = if self.is_response {
            let row = observed.server_rows().find(|row| row.backend() == proxy && row.name() == server);
            let subject =
                row.map_or_else(|| Subject::cluster(proxy), |row| super::shown::subject(observed, row));
            let title = said!(
                "an answer of {proxy}/{server} was no valid HTTP",
                "{proxy}/{server}의 응답이 올바른 HTTP가 아니었습니다"
            );
            (subject, title, Effect { status: Some(502), details: "PH--".to_owned(), ..Effect::default() })
        } else {
            let title = said!(
                "a request to frontend {proxy} was no valid HTTP",
                "프런트엔드 {proxy}에 온 요청이 올바른 HTTP가 아니었습니다"
            );
            let effect = Effect { status: Some(400), details: "PR--".to_owned(), ..Effect::default() };
            (Subject::listener(proxy), title, effect)
        };
        let evidence =
            |text: String| Evidence::new(EvidenceKind::Admin, Said::plain("show errors"), Said::plain(text));
        let finding = Finding::new(cause, Severity::Warning, title, evidence(self.head.clone()))
            .and(evidence(format!("\"{shown}\"")))
            .about(subject)
            .grade(Grade::Likely)
            .effect(effect);
        let symptom = match self.is_response {
            true if self.of_check => Symptom::CheckAnswered,
            true => Symptom::Broken,
            false => Symptom::Request,
        };
        Counted { finding, symptom }
    }

    fn response(&self, limits: HeadLimits) -> Cause {
        let reason = if self.state.starts_with("MSG_CHUNK") || self.state.starts_with("MSG_DATA") {
            Reason::UpstreamChunkMalformed
        } else {
            match fault_of(&self.bytes, limits) {
                Some(failure) => failure.reason,
                None if self.bytes.len() + SPARE >= limits.bytes => Reason::UpstreamHeadersTooLarge,
                None => Reason::UpstreamHeaderMalformed,
            }
        };
        reason.into()
    }

    fn request(&self, limits: HeadLimits) -> Cause {
        let rules = RequestRules {
            limits,
            allow_absolute_url: true,
            accept_http_10: true,
            allow_chunked_length: false,
            allow_custom_methods: true,
        };
        let reason = match parse_request(&self.bytes, 0, &rules, &mut HeaderBlock::new()) {
            Err(failure) => failure.reason,
            Ok(_) if self.bytes.len() + SPARE >= limits.bytes => Reason::RequestHeadersTooLarge,
            Ok(_) => Reason::RequestHeaderMalformed,
        };
        reason.into()
    }
}

fn events(text: &str) -> Vec<Event> {
    let mut events: Vec<Event> = Vec::new();
    for line in text.lines() {
        let is_response = line.ends_with(": invalid response");
        if line.starts_with('[') && (is_response || line.ends_with(": invalid request")) {
            let name =
                line.split_once("] ").map_or("", |(_, rest)| rest).split(' ').nth(1).unwrap_or_default();
            events.push(Event {
                proxy: name.to_owned(),
                is_response,
                head: line.to_owned(),
                ..Event::default()
            });
            continue;
        }
        let Some(event) = events.last_mut() else { continue };
        let trimmed = line.trim_start();
        if let Some((_, rest)) = trimmed.split_once("H1 msg state ") {
            rest.split('(').next().unwrap_or_default().clone_into(&mut event.state);
        } else if let Some((_, rest)) = trimmed.split_once(", server ") {
            rest.split(' ').next().unwrap_or_default().clone_into(&mut event.server);
            event.of_check = event.is_response && trimmed.starts_with("frontend <NONE>");
        } else if let Some(dump) = line.strip_prefix("  ").filter(|dump| is_dump(dump)) {
            event.bytes.extend(unescaped(dump.get(7..).unwrap_or_default()));
        }
    }
    events
}

/// `00017  x: y\r\n`, and a plus where a line goes on.
fn is_dump(line: &str) -> bool {
    let bytes = line.as_bytes();
    bytes.len() >= 7
        && bytes.iter().take(5).all(u8::is_ascii_digit)
        && matches!(bytes.get(5), Some(b' ' | b'+'))
        && bytes.get(6) == Some(&b' ')
}

/// Bytes as HAProxy writes them: `\r`, `\x16`, `\\`.
fn unescaped(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, behind @ ..] = rest {
        rest = behind;
        if *first != b'\\' {
            bytes.push(*first);
            continue;
        }
        let [letter, behind @ ..] = rest else { break };
        rest = behind;
        bytes.push(match letter {
            b'r' => b'\r',
            b'n' => b'\n',
            b't' => b'\t',
            b'e' => 0x1b,
            b'x' => {
                let (digits, behind) = rest.split_at(rest.len().min(2));
                rest = behind;
                std::str::from_utf8(digits)
                    .ok()
                    .and_then(|hex| u8::from_str_radix(hex, 16).ok())
                    .unwrap_or(b'?')
            }
            other => *other,
        });
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn causes(text: &str) -> Vec<(&'static str, Symptom)> {
        let observed = Observed { errors: text.to_owned(), ..Observed::default() };
        errors(&observed, None).into_iter().map(|one| (one.finding.cause.code(), one.symptom)).collect()
    }

    fn event(head: &str, state: &str, dump: &str) -> String {
        format!(
            "Total events captured on [28/Nov/2026:21:03:30.758] : 1\n \n[28/Nov/2026:21:03:30.758] {head}\n  frontend fe (#2), \
             server s1 (#1), event #0, src 127.0.0.1:35764\n  H1 msg state {state}(10), H1 msg flags 0x00001404\n  \n{dump}\n"
        )
    }

    #[test]
    fn bytes_of_answers_are_judged_as_those_of_probes() {
        for (state, dump, code) in [
            ("MSG_RPVER", "  00000  SSH-2.0-OpenSSH_9.2\\r\\n", "P401"),
            ("MSG_RPVER", "  00000  \\x15\\x03\\x03\\x00\\x02\\x02F", "S302"),
            (
                "MSG_HDR_NAME",
                "  00000  HTTP/1.1 200 OK\\r\\n\n  00017  bad field: 1\\r\\n\n  00031  \\r\\n",
                "P407",
            ),
            ("MSG_CHUNK_SIZE", "  00000  zz\\r\\n", "P434"),
        ] {
            let text = event("backend be (#3): invalid response", state, dump);
            assert_eq!(causes(&text), [(code, Symptom::Broken)], "{dump}");
        }
        let large = format!("  00000  HTTP/1.1 200 OK\\r\\n\n  00017  x: {}", "y".repeat(16_300));
        assert_eq!(
            causes(&event("backend be (#3): invalid response", "MSG_HDR_VAL", &large)),
            [("P406", Symptom::Broken)]
        );
    }

    #[test]
    fn bytes_of_requests_are_judged_as_those_of_clients() {
        for (dump, code) in [
            ("  00000  \\x16\\x03\\x01\\x00<\\x01\\x00\\x0087777", "K902"),
            ("  00000  PROXY TCP4 10.0.0.1 10.0.0.2 1 2\\r\\n", "K908"),
            ("  00000  EHLO example.test\\r\\n", "K921"),
        ] {
            let text = event("frontend fe (#2): invalid request", "MSG_RQBEFORE", dump);
            assert_eq!(causes(&text), [(code, Symptom::Request)], "{dump}");
        }
        assert_eq!(causes(""), []);
    }
}

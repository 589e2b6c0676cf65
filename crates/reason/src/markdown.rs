//! The documentation page of the catalogue, `docs/reasons.md`, made from the table.

use std::fmt::Write as _;

use crate::{Condition, Details, Reason};

/// The whole of `docs/reasons.md`. A test compares the file with this.
#[must_use]
pub fn reasons_page() -> String {
    let mut page = String::from(
        "# Reasons\n\n\
         Every request that fails, or that Causeway answers by itself, has one of these reasons, with a code and a name that \
         never change. The code stands in the access log (`%WHY_CODE%`), in the application log and in `/why`; the name in \
         the access log (`%CAUSEWAY_REASON%`), in the application log, in the metric \
         `http.<stat_prefix>.reason.<name>` and, for hosts, in `/clusters`. `causeway explain CODE` prints what stands here. With `--reason-header` the name is also \
         sent to the client as `x-causeway-reason`; code, evidence and the number for `causeway why` are in `x-causeway-why`, for \
         clients that connect from `--reason-trusted` or send the token of `--reason-token-path` in `x-causeway-token`.\n\n\
         Status, flag and details are those of Envoy 1.40. A reason that takes the last usable host away \
         through a health check or a name lookup is answered `503`, `UH`, `no_healthy_upstream`, whatever its row says.\n\n\
         This page is made from `crates/reason`; `cargo xtask docs` writes it.\n",
    );
    for (family, members) in Reason::FAMILIES {
        let _ = write!(page, "\n## {}\n", title(family));
        for reason in *members {
            entry(&mut page, *reason);
        }
    }
    page.push_str(
        "\n# Conditions\n\n\
         What no request meets as such, and `causeway doctor` finds by looking: at the file, at the host, at what a back-end \
         answers to other questions. A request that suffers from one has one of the reasons above.\n",
    );
    for (family, members) in Condition::FAMILIES {
        let _ = write!(page, "\n## {}\n", condition_title(family));
        for condition in *members {
            condition_entry(&mut page, *condition);
        }
    }
    page
}

fn condition_entry(page: &mut String, condition: Condition) {
    let spec = condition.spec();
    let _ = write!(
        page,
        "\n### {} {}\n\n{} {}\n\n{} {}\n\nTo act: {}.\n",
        condition.code(),
        spec.key,
        spec.sentence.en,
        spec.advice.en,
        spec.sentence.ko,
        spec.advice.ko,
        spec.blame.word(),
    );
}

fn entry(page: &mut String, reason: Reason) {
    let spec = reason.spec();
    let status = match spec.answer.status {
        0 => "none".to_owned(),
        status => status.to_string(),
    };
    let details = match spec.answer.details {
        Details::Text(text) => text.to_owned(),
        Details::ResetBefore(reset) => format!("upstream_reset_before_response_started{{{}}}", reset.token()),
        Details::ResetAfter(reset) => format!("upstream_reset_after_response_started{{{}}}", reset.token()),
    };
    let _ = write!(
        page,
        "\n### {} {}\n\n{} {}\n\n{} {}\n\n\
         | answer | flag | details | gRPC | to act | safe to retry |\n|---|---|---|---|---|---|\n\
         | {status} | {} | `{details}` | {} | {} | {} |\n",
        reason.code(),
        spec.key,
        spec.sentence.en,
        spec.advice.en,
        spec.sentence.ko,
        spec.advice.ko,
        spec.answer.flag.map_or("-", |flag| flag.short()),
        spec.grpc,
        spec.blame.word(),
        spec.retry.words(),
    );
}

fn title(family: &str) -> &str {
    match family {
        "client" => "The client",
        "listener" => "Connections",
        "tls" => "TLS with clients",
        "streams" => "HTTP/2 from clients",
        "routing" => "Routing",
        "dns" => "Names",
        "connect" => "Connecting",
        "upstream_tls" => "TLS to the back-end",
        "health" => "Hosts and health checks",
        "backend" => "The back-end",
        "http2" => "HTTP/2 to the back-end",
        "limits" => "Timeouts and limits",
        "connection" => "Connections that are passed on",
        "local" => "The proxy itself",
        other => other,
    }
}

/// Titles of the families of conditions: other ones than those of reasons, so that links to both are unambiguous.
fn condition_title(family: &str) -> &str {
    match family {
        "names" => "Where names lead",
        "connect" => "The way to the back-end",
        "upstream_tls" => "What TLS to the back-end hides",
        "back_end" => "What the back-end wants",
        "health" => "What health checks tell",
        "routing" => "What routes do",
        "limits" => "What turns requests away",
        "timeouts" => "Times that do not fit",
        "listening" => "The proxy's own ports",
        "config" => "The configuration",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_family_has_a_title_of_its_own() {
        let reasons = Reason::FAMILIES.iter().map(|(family, _)| (*family, title(family)));
        let conditions = Condition::FAMILIES.iter().map(|(family, _)| (*family, condition_title(family)));
        let mut seen = HashSet::new();
        for (family, title) in reasons.chain(conditions) {
            assert!(family != title && seen.insert(title), "{family}: {title}");
        }
    }
}

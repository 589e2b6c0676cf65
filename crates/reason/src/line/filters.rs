//! Details that filters write, which no reason of Causeway's own stands for, or not with these words.

use crate::{Cause, Condition, Flag, Reason};

/// Details as they begin, the longest first where one begins like another.
const DETAILS: &[(&str, Cause)] = &[
    ("rbac_access_denied", Cause::Condition(Condition::RbacDenied)),
    ("ext_authz_error", Cause::Condition(Condition::ExtAuthzDown)),
    ("ext_authz_denied", Cause::Condition(Condition::ExtAuthzDenied)),
    ("jwt_authn_access_denied", Cause::Condition(Condition::JwtRefused)),
    ("local_rate_limited", Cause::Condition(Condition::RateLimited)),
    ("request_rate_limited", Cause::Condition(Condition::RateLimited)),
    ("rate_limiter_error", Cause::Condition(Condition::RateLimitServiceDown)),
    ("request_payload_too_large", Cause::Condition(Condition::RequestBodyTooLarge)),
    ("dns_resolution_failure", Cause::Condition(Condition::DynamicNameFailed)),
    ("websocket_handshake_unsuccessful", Cause::Condition(Condition::WebSocketRefused)),
    ("maintenance_mode", Cause::Reason(Reason::DirectResponse)),
    ("fault_filter_abort", Cause::Reason(Reason::DirectResponse)),
];

/// The details of a filter in a line, up to a brace or bracket, and what they mean.
pub(super) fn read(line: &str) -> Option<(&'static str, Vec<Cause>)> {
    let (details, cause) = DETAILS.iter().find(|(details, _)| begins_a_word(line, details))?;
    Some((details, vec![*cause]))
}

/// What a flag means that stands alone.
pub(super) fn of_flag(flag: Flag) -> Vec<Cause> {
    match flag {
        Flag::RateLimited => vec![Condition::RateLimited.into()],
        Flag::RateLimitServiceError => vec![Condition::RateLimitServiceDown.into()],
        Flag::UnauthorizedExternalService => {
            vec![Condition::ExtAuthzDown.into(), Condition::ExtAuthzDenied.into()]
        }
        Flag::DnsResolutionFailed => vec![Condition::DynamicNameFailed.into()],
        Flag::FaultInjected => vec![Reason::DirectResponse.into()],
        _ => Vec::new(),
    }
}

fn begins_a_word(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let before = at.checked_sub(1).and_then(|before| line.as_bytes().get(before));
        before.is_none_or(|byte| !byte.is_ascii_alphanumeric() && !b"_-/.".contains(byte))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Line, Maker};

    #[test]
    fn what_filters_answer_is_named() {
        for (line, cause) in [
            ("403 - rbac_access_denied_matched_policy[none]", Condition::RbacDenied.into()),
            ("401 - jwt_authn_access_denied{Jwks_remote_fetch_is_failed}", Condition::JwtRefused.into()),
            ("403 UAEX ext_authz_error", Condition::ExtAuthzDown.into()),
            ("429 RL local_rate_limited", Condition::RateLimited.into()),
            ("413 - request_payload_too_large", Condition::RequestBodyTooLarge.into()),
            (
                "503 DF dns_resolution_failure{cares_norecords:Domain_name_not_found}",
                Condition::DynamicNameFailed.into(),
            ),
            ("503 UO maintenance_mode", Reason::DirectResponse.into()),
        ] {
            let read = Line::read(line);
            assert_eq!((read.causes, read.made_by), (vec![cause], Some(Maker::Proxy)), "{line}");
        }
        assert_eq!(Line::read("429 RL -").causes.first(), Some(&Condition::RateLimited.into()));
        assert_eq!(Line::read("GET /maintenance_mode 200 -").causes, []);
    }
}

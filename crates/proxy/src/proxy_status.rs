//! `proxy-status`: what went wrong, said to the client in the words of RFC 9209 (`proxy_status_config`).
//!
//! The error is told by the flag of the access log alone, so an answer without a flag has none.

use causeway_model::ProxyStatus;
use causeway_reason::{Flag, Flags};

use crate::exchange::Exchange;

const NAME: &str = "proxy-status";

/// An error of RFC 9209 §2.3, and the status that is recommended there.
type Error = (&'static str, u16);

const CONNECTION_LIMIT_REACHED: Error = ("connection_limit_reached", 503);
const CONNECTION_REFUSED: Error = ("connection_refused", 502);
const CONNECTION_TERMINATED: Error = ("connection_terminated", 502);
const CONNECTION_TIMEOUT: Error = ("connection_timeout", 504);
const DESTINATION_NOT_FOUND: Error = ("destination_not_found", 500);
const DESTINATION_UNAVAILABLE: Error = ("destination_unavailable", 503);
const DNS_ERROR: Error = ("dns_error", 502);
const HTTP_PROTOCOL_ERROR: Error = ("http_protocol_error", 502);
const HTTP_REQUEST_ERROR: Error = ("http_request_error", 400);
const HTTP_RESPONSE_TIMEOUT: Error = ("http_response_timeout", 504);
const PROXY_CONFIGURATION_ERROR: Error = ("proxy_configuration_error", 500);

/// Which flag means which error. Where several are set, the first of this list counts, as with Envoy. What the
/// codec refuses (`DPE`) has no error: Envoy sets that flag when the answer is on its way.
const ERRORS: [(Flag, Error); 19] = [
    (Flag::FailedLocalHealthCheck, DESTINATION_UNAVAILABLE),
    (Flag::NoHealthyUpstream, DESTINATION_UNAVAILABLE),
    (Flag::UpstreamRequestTimeout, HTTP_RESPONSE_TIMEOUT),
    (Flag::LocalReset, CONNECTION_TIMEOUT),
    (Flag::UpstreamRemoteReset, CONNECTION_TERMINATED),
    (Flag::UpstreamConnectionFailure, CONNECTION_REFUSED),
    (Flag::UpstreamConnectionTermination, CONNECTION_TERMINATED),
    (Flag::UpstreamOverflow, CONNECTION_LIMIT_REACHED),
    (Flag::NoRouteFound, DESTINATION_NOT_FOUND),
    (Flag::RateLimited, CONNECTION_LIMIT_REACHED),
    (Flag::RateLimitServiceError, CONNECTION_LIMIT_REACHED),
    (Flag::UpstreamRetryLimitExceeded, DESTINATION_UNAVAILABLE),
    (Flag::StreamIdleTimeout, HTTP_RESPONSE_TIMEOUT),
    (Flag::InvalidEnvoyRequestHeaders, HTTP_REQUEST_ERROR),
    (Flag::UpstreamMaxStreamDurationReached, HTTP_RESPONSE_TIMEOUT),
    (Flag::NoFilterConfigFound, PROXY_CONFIGURATION_ERROR),
    (Flag::UpstreamProtocolError, HTTP_PROTOCOL_ERROR),
    (Flag::NoClusterFound, DESTINATION_UNAVAILABLE),
    (Flag::DnsResolutionFailed, DNS_ERROR),
];

/// Adds the field to a response that some failure is known of.
pub(crate) fn apply(exchange: &mut Exchange, config: &ProxyStatus, name: &str) {
    let Some((error, recommended)) = error(exchange.facts.flags) else { return };
    let mut value = format!("{name}; error={error}");
    if !config.remove_details
        && let Some(details) = exchange.facts.details.as_str()
    {
        value.push_str("; details=\"");
        value.push_str(details);
        if !config.remove_response_flags {
            value.push_str("; ");
            value.push_str(&exchange.facts.flags.short().to_string());
        }
        value.push('"');
    }
    exchange.response.extend_value(NAME, b", ", value.as_bytes());
    if config.set_recommended_response_code {
        exchange.facts.own_status.get_or_insert(exchange.facts.status);
        exchange.facts.status = recommended;
    }
}

fn error(flags: Flags) -> Option<Error> {
    ERRORS.iter().find(|(flag, _)| flags.contains(*flag)).map(|(_, error)| *error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_the_list_counts() {
        let mut flags = Flags::default();
        assert_eq!(error(flags), None);
        flags.set(Flag::UpstreamRetryLimitExceeded);
        assert_eq!(error(flags), Some(DESTINATION_UNAVAILABLE));
        flags.set(Flag::UpstreamConnectionFailure);
        assert_eq!(error(flags), Some(CONNECTION_REFUSED));
        let mut flags = Flags::default();
        flags.set(Flag::DownstreamConnectionTermination);
        assert_eq!(error(flags), None, "nobody is there to be told");
    }
}

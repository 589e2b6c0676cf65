//! Who may ask what.
//!
//! The admin server has no passwords: whoever reaches its port is an operator. What must not be is that
//! a web page which an operator happens to look at sends requests in the operator's name. Browsers say
//! where a request comes from; what comes from elsewhere is refused. Programs say nothing, and pass.

use std::net::{IpAddr, SocketAddr};

use axum::http::header::{HOST, ORIGIN};
use axum::http::{HeaderMap, HeaderName, Method};

/// `Sec-Fetch-Site`: a browser's own word on where a request comes from.
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Why a request is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// A page of another site sent it.
    CrossSite,
    /// A page sent it under a name that leads to this machine, but is not the machine's (DNS rebinding).
    Rebound,
}

impl Refusal {
    pub(crate) const fn sentence(self) -> &'static str {
        match self {
            Self::CrossSite => {
                "This request was sent by a web page of another site, so it is refused. Send it without an \
                 Origin header, or from the admin server's own page.\n"
            }
            Self::Rebound => {
                "This request was sent by a web page under a name that is not this machine's, so it is \
                 refused. Open the admin server as localhost or by its address.\n"
            }
        }
    }
}

/// Checks a request. Reading is harmless: browsers keep the answer from pages of other sites.
pub(crate) fn check(method: &Method, headers: &HeaderMap, local: Option<SocketAddr>) -> Result<(), Refusal> {
    if matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS | Method::TRACE) {
        return Ok(());
    }
    let text = |name: HeaderName| headers.get(name).map(|value| value.to_str().unwrap_or_default());
    if let Some(site) = text(SEC_FETCH_SITE)
        && !matches!(site, "same-origin" | "none")
    {
        return Err(Refusal::CrossSite);
    }
    let Some(origin) = text(ORIGIN) else { return Ok(()) };
    let host = text(HOST).unwrap_or_default();
    // `null` and anything else without a scheme is nobody's own page.
    let authority = origin.split_once("://").map_or("", |(_, authority)| authority);
    if authority.is_empty() || !authority.eq_ignore_ascii_case(host) {
        return Err(Refusal::CrossSite);
    }
    let loopback = local.is_some_and(|local| local.ip().to_canonical().is_loopback());
    if loopback && !names_this_machine(host) {
        return Err(Refusal::Rebound);
    }
    Ok(())
}

/// Whether a `Host` can only mean the machine itself: an address, or `localhost`.
fn names_this_machine(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    };
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    name == "localhost" || name.ends_with(".localhost") || name.parse::<IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(method: &Method, local: &str, fields: &[(&'static str, &'static str)]) -> Result<(), Refusal> {
        let headers = fields
            .iter()
            .map(|(name, value)| (name.parse::<HeaderName>().unwrap(), value.parse().unwrap()))
            .collect();
        check(method, &headers, Some(local.parse().unwrap()))
    }

    fn post(fields: &[(&'static str, &'static str)]) -> Result<(), Refusal> {
        of(&Method::POST, "127.0.0.1:9901", fields)
    }

    #[test]
    fn programs_and_our_own_page_pass() {
        assert_eq!(post(&[]), Ok(()));
        assert_eq!(post(&[("host", "evil.example")]), Ok(()));
        assert_eq!(post(&[("host", "localhost:9901"), ("origin", "http://localhost:9901")]), Ok(()));
        assert_eq!(post(&[("host", "[::1]:9901"), ("origin", "http://[::1]:9901")]), Ok(()));
        assert_eq!(
            post(&[
                ("host", "127.0.0.1:9901"),
                ("origin", "http://127.0.0.1:9901"),
                ("sec-fetch-site", "same-origin")
            ]),
            Ok(())
        );
        // Behind a name on the network, that name is as good as any.
        let named = [("host", "gateway:9901"), ("origin", "http://gateway:9901")];
        assert_eq!(of(&Method::POST, "10.0.0.1:9901", &named), Ok(()));
    }

    #[test]
    fn other_sites_do_not() {
        let host = ("host", "localhost:9901");
        for origin in [
            "http://evil.example",
            "null",
            "",
            "http://localhost:9902",
            "https://localhost",
            "localhost:9901",
        ] {
            assert_eq!(post(&[host, ("origin", origin)]), Err(Refusal::CrossSite), "{origin}");
        }
        assert_eq!(post(&[host, ("sec-fetch-site", "cross-site")]), Err(Refusal::CrossSite));
        assert_eq!(post(&[host, ("sec-fetch-site", "same-site")]), Err(Refusal::CrossSite));
        assert_eq!(post(&[("origin", "http://x")]), Err(Refusal::CrossSite));
        assert_eq!(of(&Method::PUT, "127.0.0.1:1", &[host, ("origin", "null")]), Err(Refusal::CrossSite));
        assert_eq!(of(&Method::GET, "127.0.0.1:1", &[host, ("origin", "null")]), Ok(()));
    }

    #[test]
    fn a_name_that_was_turned_to_this_machine_does_not() {
        let fields = [("host", "evil.example:9901"), ("origin", "http://evil.example:9901")];
        assert_eq!(post(&fields), Err(Refusal::Rebound));
        let fields = [("host", "127.0.0.1.evil.example"), ("origin", "http://127.0.0.1.evil.example")];
        assert_eq!(post(&fields), Err(Refusal::Rebound));
    }
}

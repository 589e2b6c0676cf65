//! The list of HTTP filters ends in the router.

use causeway_model::{Bootstrap, HttpConnectionManager, Listener};
use causeway_reason::Condition;

use super::walk;
use crate::finding::{Effect, Evidence, Finding, Fix, Severity, Subject, under};
use crate::said;

/// The filter, as it is written.
const ROUTER: &str = "name: envoy.filters.http.router
typed_config:
  \"@type\": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router";

pub(super) fn missing(bootstrap: &Bootstrap) -> Vec<Finding> {
    walk::managers(bootstrap)
        .filter(|of| !of.manager.has_router)
        .map(|of| finding(of.listener, of.manager))
        .collect()
}

fn finding(listener: &Listener, manager: &HttpConnectionManager) -> Finding {
    let name = &listener.name;
    let title = said!(
        "requests to listener `{name}` are never answered: its HTTP filters do not end in the router",
        "리스너 `{name}`의 요청은 응답을 받지 못합니다. HTTP 필터 목록이 라우터로 끝나지 않습니다"
    );
    let seen = match manager.http_filters.last() {
        Some(last) => {
            let last = &last.name;
            said!("the last HTTP filter is `{last}`", "마지막 HTTP 필터는 `{last}`입니다")
        }
        None => said!("there are no HTTP filters", "HTTP 필터가 없습니다"),
    };
    Finding::new(Condition::RouterMissing, Severity::Error, title, Evidence::file(seen))
        .about(Subject::listener(name))
        .at(under(&manager.position, "http_filters"), said!("no router at the end", "끝에 라우터가 없습니다"))
        .effect(Effect {
            words: Some(said!(
                "with Envoy, clients wait until they give up (`0 DC`); Causeway answers 404",
                "Envoy에서는 클라이언트가 포기할 때까지 기다립니다(`0 DC`). Causeway는 404로 응답합니다"
            )),
            ..Effect::default()
        })
        .fix(Fix::set(
            said!("end the list in the router", "목록 끝에 라우터를 추가합니다"),
            under(&manager.position, "http_filters[]"),
            ROUTER,
        ))
}

#[cfg(test)]
mod tests {
    use crate::lint::testing::{codes, host, http, quiet};

    #[test]
    fn filters_end_in_the_router() {
        let file = http(&host("- match: {prefix: /}\n  direct_response: {status: 200}\n"), "");
        assert!(quiet("router", &file));
        let router = "          http_filters:
          - name: envoy.filters.http.router
            typed_config: {\"@type\": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}
";
        assert_eq!(codes("router", &file.replace(router, "")).len(), 1);
    }
}

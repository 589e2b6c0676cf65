//! The list of HTTP filters ends in the router.

use causeway_model::{Bootstrap, HttpConnectionManager, Listener, NetworkFilter};
use causeway_reason::Condition;

use crate::finding::{Effect, Evidence, Finding, Severity, Subject, under};
use crate::said;

pub(super) fn missing(bootstrap: &Bootstrap) -> Vec<Finding> {
    managers(bootstrap)
        .filter(|(_, manager)| !manager.has_router)
        .map(|(listener, manager)| of(listener, manager))
        .collect()
}

fn of(listener: &Listener, manager: &HttpConnectionManager) -> Finding {
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
}

/// Every HTTP connection manager, and whose it is.
pub(super) fn managers(bootstrap: &Bootstrap) -> impl Iterator<Item = (&Listener, &HttpConnectionManager)> {
    bootstrap.listeners.iter().flat_map(|listener| {
        listener.chains().filter_map(|chain| match &chain.filter {
            NetworkFilter::HttpConnectionManager(manager) => Some((&**listener, &**manager)),
            NetworkFilter::None
            | NetworkFilter::TcpProxy(_)
            | NetworkFilter::Echo
            | NetworkFilter::DirectResponse(_) => None,
        })
    })
}

//! Answers that are failures on purpose.

use causeway_model::{Bootstrap, RouteAction};
use causeway_reason::Reason;

use super::walk;
use crate::finding::{Effect, Evidence, Finding, Severity, Subject, under};
use crate::said;

pub(super) fn look(bootstrap: &Bootstrap) -> Vec<Finding> {
    let direct = walk::routes(bootstrap).filter_map(|at| {
        let RouteAction::DirectResponse(response) = &at.route.action else { return None };
        if response.status != 503 {
            return None;
        }
        let name = walk::written(&at.route.matcher);
        let title = said!(
            "requests for `{name}` are answered 503 on purpose",
            "`{name}` 요청에는 설정에 따라 503으로 응답합니다"
        );
        let seen = said!("a direct_response with status 503", "상태 503인 direct_response");
        Some(
            Finding::new(Reason::DirectResponse, Severity::Note, title, Evidence::file(seen))
                .about(at.subject())
                .at(under(&at.route.position, "direct_response.status"), said!("", ""))
                .effect(Effect {
                    status: Some(503),
                    flags: "-".to_owned(),
                    details: "direct_response".to_owned(),
                    words: None,
                }),
        )
    });
    let maintenance = bootstrap.clusters.iter().filter_map(|cluster| {
        let name = &cluster.name;
        let key = format!("upstream.maintenance_mode.{name}");
        let percent = bootstrap.runtime.integer(&key).filter(|percent| *percent > 0)?;
        let title = said!(
            "Envoy answers {percent} % of the requests to cluster `{name}` with 503 on purpose",
            "Envoy는 클러스터 `{name}` 요청의 {percent}%에 설정에 따라 503으로 응답합니다"
        );
        let seen =
            said!("`{key}` is {percent} in layered_runtime", "layered_runtime에서 `{key}`가 {percent}입니다");
        Some(
            Finding::new(Reason::DirectResponse, Severity::Warning, title, Evidence::file(seen))
                .about(Subject::cluster(name))
                .at(under(&cluster.position, "name"), said!("in maintenance", "점검 모드"))
                .effect(Effect {
                    status: Some(503),
                    flags: "UO".to_owned(),
                    details: "maintenance_mode".to_owned(),
                    words: Some(said!(
                        "Causeway does not look at this key",
                        "Causeway는 이 키를 보지 않습니다"
                    )),
                }),
        )
    });
    direct.chain(maintenance).collect()
}

#[cfg(test)]
mod tests {
    use crate::lint::testing::{cluster, codes, host, http, quiet};

    #[test]
    fn a_503_on_purpose_is_told() {
        let file = http(&host("- match: {prefix: /}\n  direct_response: {status: 503}\n"), "");
        assert_eq!(codes("answers", &file), ["R609 503"]);
        assert!(quiet("answers", &file.replace("503", "404")));
    }

    #[test]
    fn maintenance_mode_is_told() {
        let routes = host("- match: {prefix: /}\n  route: {cluster: app}\n");
        let file = http(&routes, &cluster("connect_timeout: 1s\n"));
        let on = format!(
            "layered_runtime: {{layers: [{{name: l, static_layer: {{upstream.maintenance_mode.app: 100}}}}]}}\n{file}"
        );
        assert_eq!(codes("answers", &on).len(), 1);
        assert!(quiet("answers", &on.replace(": 100", ": 0")));
    }
}

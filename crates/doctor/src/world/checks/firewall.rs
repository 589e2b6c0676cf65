//! Rules of this host's firewall that are in the way of what the file wants.

use causeway_model::Address;
use causeway_reason::Reason;

use super::{Context, Verdict};
use crate::finding::{Effect, Evidence, EvidenceKind, Finding, Severity, Subject, under};
use crate::said;
use crate::world::firewall::{Blocked, Direction, Firewall, Obstacle};

/// Shows the rules, for who may.
const COMMAND: &str = "sudo nft list ruleset || sudo iptables-save";

pub(super) fn check(context: &Context<'_>) -> Verdict {
    let firewall = &context.world.firewall;
    if let Some(why) = unknown(firewall) {
        return Verdict::Inconclusive(why);
    }
    let mut findings = Vec::new();
    for listener in &context.bootstrap.listeners {
        for address in listener.addresses.iter().filter_map(Address::ip).filter(|a| !a.ip().is_loopback()) {
            let Some(found) = firewall.obstacle(Direction::In, address.ip(), address.port()) else {
                continue;
            };
            let port = address.port();
            let title = said!(
                "this host's firewall keeps clients from port {port} of listener `{name}`",
                "이 호스트의 방화벽이 리스너 `{name}`의 포트 {port}를 막고 있습니다",
                name = listener.name
            );
            findings.push(
                of(&found, title)
                    .about(Subject::listener(&listener.name).endpoint(address))
                    .at(
                        under(&listener.position, "address"),
                        said!("clients do not get here", "클라이언트가 도달할 수 없음"),
                    )
                    .effect(Effect {
                        status: Some(0),
                        words: Some(said!(
                            "clients can't connect; no log shows it",
                            "클라이언트가 연결할 수 없고 로그에도 남지 않습니다"
                        )),
                        ..Effect::default()
                    }),
            );
        }
    }
    for (cluster, endpoint, address) in
        context.endpoints().filter(|(_, _, address)| !address.ip().is_loopback())
    {
        let Some(found) = firewall.obstacle(Direction::Out, address.ip(), address.port()) else { continue };
        let title = said!(
            "this host's firewall keeps connections from {address}, an endpoint of `{cluster}`",
            "이 호스트의 방화벽이 `{cluster}`의 엔드포인트 {address}로 나가는 연결을 막고 있습니다",
            cluster = cluster.name
        );
        let details = match found.blocked {
            Blocked::Dropped => "connection_timeout",
            Blocked::Rejected => "delayed_connect_error:_Connection_refused",
        };
        findings.push(
            of(&found, title)
                .about(Subject::cluster(&cluster.name).endpoint(address))
                .at(under(&endpoint.position, ""), said!("nothing gets there", "도달할 수 없음"))
                .effect(Effect {
                    status: Some(503),
                    flags: "UF".to_owned(),
                    details: details.to_owned(),
                    words: None,
                }),
        );
    }
    if findings.is_empty() {
        let asked = firewall.asked.join(", ");
        return Verdict::Passed(said!(
            "no rule blocks a port of the file for everybody ({asked})",
            "설정의 포트를 전부 막는 규칙은 없습니다({asked})"
        ));
    }
    Verdict::Failed(findings)
}

/// Why the rules are not known; `None` where they are.
pub(crate) fn unknown(firewall: &Firewall) -> Option<crate::Said> {
    if !firewall.asked.is_empty() {
        return None;
    }
    let refused = firewall.refused.join(", ");
    Some(if refused.is_empty() {
        said!(
            "neither nft nor iptables is here to ask; where one is: {COMMAND}",
            "nft도 iptables도 없어 확인할 수 없습니다. 있는 곳에서 실행: {COMMAND}"
        )
    } else {
        said!(
            "{refused} answers root only; run this as root, or: {COMMAND}",
            "{refused}는 root만 볼 수 있습니다. root로 다시 실행하거나: {COMMAND}"
        )
    })
}

/// A rule that is in the way.
fn of(found: &Obstacle, title: crate::Said) -> Finding {
    let reason = match found.blocked {
        Blocked::Dropped => Reason::ConnectTimeout,
        Blocked::Rejected => Reason::ConnectRejected,
    };
    let rule = &found.rule;
    let seen = Evidence::new(
        EvidenceKind::Host,
        said!("rules of the firewall", "방화벽 규칙"),
        said!("{rule}", "{rule}"),
    )
    .command(format!("sudo {}", found.command));
    Finding::new(reason, Severity::Error, title, seen)
}

#[cfg(test)]
mod tests {
    use super::super::super::World;
    use super::super::super::firewall::{Action, Chain, Rule, Table};
    use super::*;
    use crate::testing;

    fn verdict(firewall: Firewall) -> Verdict {
        let bootstrap = testing::bootstrap(&testing::one_cluster("10.0.0.2", 8080));
        let world = World { firewall, ..World::default() };
        check(&Context { world: &world, bootstrap: &bootstrap, file: "envoy.yaml" })
    }

    #[test]
    fn what_may_not_be_looked_at_is_no_pass() {
        assert!(matches!(verdict(Firewall::default()), Verdict::Inconclusive(_)));
        let refused = Firewall { refused: vec!["nft"], ..Firewall::default() };
        assert!(matches!(verdict(refused), Verdict::Inconclusive(_)));
        let asked = Firewall { asked: vec!["nft"], ..Firewall::default() };
        assert!(matches!(verdict(asked), Verdict::Passed(_)));
    }

    #[test]
    fn a_rule_in_the_way_of_an_endpoint_is_found() {
        let rule =
            Rule { ports: vec![(8080, 8080)], action: Action::Block(Blocked::Dropped), ..Rule::default() };
        let chain =
            Chain { name: "OUTPUT".into(), hook: Some(Direction::Out), policy: None, rules: vec![rule] };
        let table = Table { command: "iptables-save", families: (true, false), chains: vec![chain] };
        let firewall = Firewall { asked: vec!["iptables-save"], tables: vec![table], ..Firewall::default() };
        let Verdict::Failed(findings) = verdict(firewall) else { panic!("it is dropped") };
        assert_eq!(findings[0].cause.code(), "T204");
    }
}

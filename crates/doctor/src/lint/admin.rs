//! The admin interface, open to everybody.

use causeway_model::Bootstrap;
use causeway_reason::Condition;

use crate::finding::{Effect, Evidence, Finding, Fix, Severity, under};
use crate::said;

pub(super) fn look(bootstrap: &Bootstrap) -> Vec<Finding> {
    let Some(admin) = &bootstrap.admin else { return Vec::new() };
    let Some(address) = admin.address.ip().filter(|address| address.ip().is_unspecified()) else {
        return Vec::new();
    };
    let loopback = if address.is_ipv6() { "\"::1\"" } else { "127.0.0.1" };
    let title = said!(
        "the admin interface listens on all addresses ({address})",
        "admin 인터페이스가 모든 주소({address})에서 리슨합니다"
    );
    let seen = said!(
        "whoever reaches the port may stop the proxy, change its log level and read its configuration; there is no password",
        "이 포트에 접속할 수 있는 누구나 프록시를 멈추고 로그 레벨을 바꾸고 설정을 읽을 수 있습니다. 비밀번호는 없습니다"
    );
    vec![
        Finding::new(Condition::AdminOpenToAll, Severity::Warning, title, Evidence::file(seen))
            .at(
                under(&admin.position, "address.socket_address.address"),
                said!("reachable from everywhere", "어디서나 접속할 수 있습니다"),
            )
            .effect(Effect {
                words: Some(said!(
                    "none on requests, until somebody sends `POST /quitquitquit`",
                    "누군가 `POST /quitquitquit`을 보내기 전까지 요청에는 영향이 없습니다"
                )),
                ..Effect::default()
            })
            .fix(
                Fix::set(
                    said!(
                        "listen on loopback; in a container that publishes the port, publish it to 127.0.0.1 instead",
                        "루프백에서 리슨합니다. 포트를 공개하는 컨테이너라면 대신 127.0.0.1에만 공개하십시오"
                    ),
                    under(&admin.position, "address.socket_address.address"),
                    loopback,
                )
                .to_be_considered(),
            ),
    ]
}

#[cfg(test)]
mod tests {
    use crate::lint::testing::{codes, quiet};

    fn file(address: &str) -> String {
        format!("admin:\n  address:\n    socket_address: {{address: \"{address}\", port_value: 9901}}\n")
    }

    #[test]
    fn only_loopback_is_private() {
        assert_eq!(codes("admin", &file("0.0.0.0")), ["K918 \"0.0.0.0\""]);
        assert_eq!(codes("admin", &file("::")), ["K918 \"::\""]);
        assert!(quiet("admin", &file("127.0.0.1")));
    }
}

//! Who listens on the port, where, and whether it keeps up.

use std::process::Command;

use causeway_reason::{Condition, Reason};

use super::BackEnd;
use crate::finding::{Effect, Evidence, EvidenceKind, Finding, Fix, Grade, Severity, Subject};
use crate::report::Report;
use crate::said;
use crate::selection::Selection;
use crate::world::firewall::{Blocked, Direction};
use crate::world::{Verdict, World, unknown_firewall};
use causeway_sys::sockets::Socket;

/// Names of the checks.
pub(super) const NAMES: &[&str] =
    &["backend.listens", "backend.process", "backend.queue", "backend.descriptors", "backend.firewall"];

/// Two looks at the host: before anybody asked the back-end, and behind it.
struct Context<'a> {
    port: u16,
    before: &'a World,
    after: &'a World,
    sockets: Vec<&'a Socket>,
}

pub(super) fn check(
    back_end: &BackEnd,
    before: &World,
    after: &World,
    selection: &Selection,
    report: &mut Report,
) {
    let port = back_end.port;
    let sockets: Vec<_> = before.sockets.on_port(port).collect();
    let is_there = !sockets.is_empty();
    let context = Context { port, before, after, sockets };
    let checks: [fn(&Context<'_>) -> Verdict; 5] =
        [listens, process, |context| queue(context, longest(context.port)), descriptors, firewall];
    for (name, make) in NAMES.iter().zip(checks) {
        // Of a process that is not there is nothing else to say.
        if selection.takes(name) && (is_there || matches!(*name, "backend.listens" | "backend.firewall")) {
            make(&context).report(*name, report);
        }
    }
}

fn subject(context: &Context<'_>) -> Subject {
    Subject::default().endpoint(format_args!("port {}", context.port))
}

fn ss(port: u16) -> String {
    format!("sudo ss -ltnp 'sport = :{port}'")
}

/// Somebody listens, where others can reach it.
fn listens(context: &Context<'_>) -> Verdict {
    let port = context.port;
    let mut places: Vec<_> = context.sockets.iter().map(|socket| socket.local.to_string()).collect();
    places.sort();
    places.dedup();
    let places = places.join(", ");
    if context.sockets.is_empty() {
        return Verdict::Failed(vec![nobody(context)]);
    }
    if context.sockets.iter().all(|socket| socket.local.ip().is_loopback()) {
        let title = said!(
            "port {port} is open to this host only",
            "포트 {port}는 이 호스트에서만 접속할 수 있습니다"
        );
        let seen = Evidence::new(
            EvidenceKind::Host,
            said!("sockets that listen on port {port}", "포트 {port}에서 듣는 소켓"),
            said!("{places}", "{places}"),
        )
        .command(ss(port));
        let finding = Finding::new(Condition::ListensOnLoopback, Severity::Error, title, seen)
            .about(subject(context))
            .effect(Effect {
                status: Some(503),
                flags: "UF".to_owned(),
                details: "delayed_connect_error:_Connection_refused".to_owned(),
                words: Some(said!("from every other host", "다른 모든 호스트에서")),
            })
            .ruled_out([said!("the application is down (it listens)", "애플리케이션 중단(듣고 있음)")]);
        return Verdict::Failed(vec![finding]);
    }
    Verdict::Passed(said!("on {places}", "{places}에서 듣는 중"))
}

fn nobody(context: &Context<'_>) -> Finding {
    let port = context.port;
    let mut others: Vec<u16> = context.before.sockets.listening().map(|socket| socket.local.port()).collect();
    others.sort_by_key(|other| (other.abs_diff(port), *other));
    others.dedup();
    let nearest: Vec<_> = others.iter().take(8).map(ToString::to_string).collect();
    let nearest = nearest.join(", ");
    let title = said!("nobody listens on port {port}", "포트 {port}에서 듣는 프로세스가 없습니다");
    let seen = Evidence::new(
        EvidenceKind::Host,
        said!("sockets of this host that listen", "이 호스트에서 듣는 소켓"),
        if nearest.is_empty() {
            said!("none", "없음")
        } else {
            said!(
                "none on {port}; the nearest ports are {nearest}",
                "{port} 없음. 가장 가까운 포트는 {nearest}"
            )
        },
    )
    .command("ss -ltn");
    let mut finding = Finding::new(Reason::ConnectRefused, Severity::Error, title, seen)
        .about(subject(context))
        .effect(Effect {
            status: Some(503),
            flags: "UF".to_owned(),
            details: "delayed_connect_error:_Connection_refused".to_owned(),
            words: None,
        })
        .fix(Fix::manual(said!(
            "start the application, or correct the port",
            "애플리케이션을 시작하거나 포트를 바로잡으세요"
        )));
    if context.before.ran_from.container {
        finding = finding.grade(Grade::Likely).fix(Fix::manual(said!(
            "this is a container, with sockets of its own: where the port is published by another one, ask there",
            "여기는 자체 소켓을 가진 컨테이너입니다. 다른 컨테이너의 포트라면 그 안에서 확인하세요"
        )));
    }
    finding
}

/// Whose socket it is.
fn process(context: &Context<'_>) -> Verdict {
    let found = context.sockets.iter().find_map(|socket| context.before.holders.of(socket.inode));
    let Some(process) = found else {
        if !context.before.holders.blind {
            return Verdict::Inconclusive(elsewhere());
        }
        let command = ss(context.port);
        let uid = context.sockets.first().map_or(0, |socket| socket.uid);
        return Verdict::Inconclusive(said!(
            "a process of user {uid}; root sees which: {command}",
            "사용자 {uid}의 프로세스입니다. 어느 프로세스인지는 root만 볼 수 있습니다: {command}"
        ));
    };
    let (shown, user) = (process.shown(), &process.user);
    Verdict::Passed(if process.in_container {
        said!("{shown}, user {user}, in a container", "{shown}, 사용자 {user}, 컨테이너 안")
    } else {
        said!("{shown}, user {user}", "{shown}, 사용자 {user}")
    })
}

/// Every process could be looked at, and none has the socket.
fn elsewhere() -> crate::Said {
    said!(
        "no process that can be seen from here has the socket: it is one of another container, or outside of this one",
        "여기서 보이는 프로세스 중에는 이 소켓을 가진 것이 없습니다. 다른 컨테이너나 이 컨테이너 밖의 프로세스입니다"
    )
}

/// How long the accept queue may be (`Send-Q` of `ss -ltn`); `None` where `ss` is not here.
fn longest(port: u16) -> Option<u32> {
    let output = Command::new("ss").args(["-Hltn", &format!("sport = :{port}")]).output().ok()?;
    send_queue(&String::from_utf8_lossy(&output.stdout))
}

/// Out of `LISTEN 0      128    0.0.0.0:8080 0.0.0.0:*`, the smallest of several.
fn send_queue(text: &str) -> Option<u32> {
    let of = |line: &str| line.split_ascii_whitespace().nth(2)?.parse().ok();
    text.lines().filter(|line| line.starts_with("LISTEN")).filter_map(of).min()
}

/// Whether it takes connections as fast as they come.
fn queue(context: &Context<'_>, longest: Option<u32>) -> Verdict {
    let waiting = |world: &World| world.sockets.on_port(context.port).map(|socket| socket.waiting).max();
    let waits = waiting(context.before).max(waiting(context.after)).unwrap_or_default();
    let most = longest.or(context.before.longest_accept_queue);
    let overflows = |world: &World| world.accept_queues.map(|queues| queues.overflows);
    let grown = overflows(context.after)
        .zip(overflows(context.before))
        .map(|(after, before)| after.saturating_sub(before));
    let full = most.is_some_and(|most| waits > most);
    if !full && grown.unwrap_or_default() == 0 {
        let Some(most) = most else {
            return Verdict::Inconclusive(said!(
                "{waits} connections wait; how many may: `ss -ltn` (Send-Q)",
                "대기 중인 연결 {waits}개. 한도는 `ss -ltn`의 Send-Q로 확인하세요"
            ));
        };
        return Verdict::Passed(said!("{waits} of {most} connections wait", "{most}개 중 {waits}개 대기"));
    }
    let (port, limit) = (context.port, most.map_or_else(|| "?".to_owned(), |most| most.to_string()));
    let counted = grown.map_or_else(|| "?".to_owned(), |grown| grown.to_string());
    let title = if full {
        said!("the accept queue of port {port} is full", "포트 {port}의 accept 큐가 가득 찼습니다")
    } else {
        said!("an accept queue of this host overflows", "이 호스트의 accept 큐가 넘치고 있습니다")
    };
    let seen = Evidence::new(
        EvidenceKind::Host,
        said!(
            "connections that wait to be accepted on port {port}",
            "포트 {port}에서 accept를 기다리는 연결"
        ),
        said!(
            "{waits} of {limit} (Recv-Q, Send-Q); ListenOverflows has grown by {counted} meanwhile",
            "{limit}개 중 {waits}개(Recv-Q, Send-Q). 그동안 ListenOverflows {counted} 증가"
        ),
    )
    .command(format!("ss -ltn 'sport = :{port}'; nstat -az TcpExtListenOverflows"));
    let finding = Finding::new(
        Condition::AcceptQueueFull,
        if full { Severity::Error } else { Severity::Warning },
        title,
        seen,
    )
    // The counter is that of the host, and some other port may be meant.
    .grade(if full { Grade::Proven } else { Grade::Possible })
    .about(subject(context))
    .effect(Effect {
        status: Some(503),
        flags: "UF".to_owned(),
        details: "connection_timeout".to_owned(),
        words: None,
    });
    Verdict::Failed(vec![finding])
}

/// Whether the process may open more files.
fn descriptors(context: &Context<'_>) -> Verdict {
    const NEARLY: u64 = 80;
    const FULL: u64 = 98;
    let found = context.sockets.iter().find_map(|socket| context.before.holders.of(socket.inode));
    let Some((process, limit)) = found.and_then(|process| Some((process, process.limit?))) else {
        if !context.before.holders.blind {
            return Verdict::Inconclusive(elsewhere());
        }
        return Verdict::Inconclusive(said!(
            "the process is another user's: run this as root",
            "다른 사용자의 프로세스입니다. root로 다시 실행하세요"
        ));
    };
    let (open, most) = (process.descriptors, limit.soft);
    let share = open.saturating_mul(100) / most.max(1);
    if share < NEARLY {
        return Verdict::Passed(said!("{open} of {most} open files", "열린 파일 {most}개 중 {open}개"));
    }
    let (shown, pid) = (process.shown(), process.pid);
    let title = said!(
        "{shown} has {share} % of its open files in use",
        "{shown} 이(가) 열린 파일 한도의 {share}%를 쓰고 있습니다"
    );
    let seen = Evidence::new(
        EvidenceKind::Host,
        said!("open files of {shown}", "{shown}의 열린 파일"),
        said!("{open} of {most}", "{open} / {most}"),
    )
    .command(format!("ls /proc/{pid}/fd | wc -l; grep 'open files' /proc/{pid}/limits"));
    let severity = if share >= FULL { Severity::Error } else { Severity::Warning };
    let finding = Finding::new(Reason::DescriptorsExhausted, severity, title, seen)
        .about(subject(context))
        .effect(Effect {
            words: Some(said!(
                "it can't take connections then, and they time out",
                "연결을 받지 못해 타임아웃이 납니다"
            )),
            ..Effect::default()
        })
        .fix(Fix::manual(said!(
            "raise its limit (LimitNOFILE), and see whether it leaks connections",
            "한도(LimitNOFILE)를 올리고 연결이 새는지 확인하세요"
        )));
    Verdict::Failed(vec![finding])
}

/// Whether rules keep others from the port.
fn firewall(context: &Context<'_>) -> Verdict {
    let firewall = &context.before.firewall;
    if let Some(why) = unknown_firewall(firewall) {
        return Verdict::Inconclusive(why);
    }
    let port = context.port;
    let own = context.before.addresses.iter().flatten().filter(|ip| !ip.is_loopback());
    let obstacle = own.filter_map(|ip| firewall.obstacle(Direction::In, *ip, port)).next();
    let Some(found) = obstacle else {
        let asked = firewall.asked.join(", ");
        return Verdict::Passed(said!(
            "no rule blocks port {port} for everybody ({asked})",
            "포트 {port}를 전부 막는 규칙은 없습니다({asked})"
        ));
    };
    let (reason, details) = match found.blocked {
        Blocked::Dropped => (Reason::ConnectTimeout, "connection_timeout"),
        Blocked::Rejected => (Reason::ConnectRejected, "delayed_connect_error:_Connection_refused"),
    };
    let rule = &found.rule;
    let title = said!(
        "this host's firewall keeps others from port {port}",
        "이 호스트의 방화벽이 포트 {port}를 막고 있습니다"
    );
    let seen = Evidence::new(
        EvidenceKind::Host,
        said!("rules of the firewall", "방화벽 규칙"),
        said!("{rule}", "{rule}"),
    )
    .command(format!("sudo {}", found.command));
    let finding = Finding::new(reason, Severity::Error, title, seen).about(subject(context)).effect(Effect {
        status: Some(503),
        flags: "UF".to_owned(),
        details: details.to_owned(),
        words: None,
    });
    Verdict::Failed(vec![finding])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::kernel::AcceptQueues;
    use causeway_sys::sockets::Sockets;

    fn world(sockets: &str, overflows: u64) -> World {
        World {
            sockets: Sockets::parse(sockets, ""),
            accept_queues: Some(AcceptQueues { overflows, drops: 0 }),
            ..World::default()
        }
    }

    fn code(verdict: Verdict) -> Option<(&'static str, Grade)> {
        match verdict {
            Verdict::Failed(findings) => Some((findings[0].cause.code(), findings[0].grade)),
            Verdict::Passed(_) | Verdict::Inconclusive(_) => None,
        }
    }

    #[test]
    fn where_it_listens_decides_who_reaches_it() {
        if !cfg!(target_endian = "little") {
            return;
        }
        let of = |sockets: &str| {
            let world = world(sockets, 0);
            let sockets = world.sockets.on_port(8080).collect();
            code(listens(&Context { port: 8080, before: &world, after: &world, sockets }))
        };
        let line = |local: &str| format!("0: {local} 00000000:0000 0A 0:0 0:0 0 0 0 5\n");
        assert_eq!(of(&line("00000000:1F91")), Some(("T201", Grade::Proven)));
        assert_eq!(of(&line("0100007F:1F90")), Some(("T202", Grade::Proven)));
        assert_eq!(of(&line("00000000:1F90")), None);
        assert_eq!(of(&(line("0100007F:1F90") + &line("0700000A:1F90"))), None);
    }

    #[test]
    fn a_queue_is_full_behind_its_limit() {
        if !cfg!(target_endian = "little") {
            return;
        }
        let of = |waiting: u32, overflows: u64| {
            let before =
                world(&format!("0: 00000000:1F90 00000000:0000 0A 0:{waiting:08X} 0:0 0 0 0 5\n"), 3);
            let after = world("", overflows);
            let sockets = before.sockets.on_port(8080).collect();
            code(queue(&Context { port: 8080, before: &before, after: &after, sockets }, Some(128)))
        };
        assert_eq!(of(128, 3), None);
        assert_eq!(of(129, 3), Some(("T207", Grade::Proven)));
        assert_eq!(of(0, 4), Some(("T207", Grade::Possible)));
        assert_eq!(
            send_queue("LISTEN 0 511 *:80 *:*\nLISTEN 0      128    0.0.0.0:80 0.0.0.0:*\n"),
            Some(128)
        );
        assert_eq!(send_queue(""), None);
    }
}

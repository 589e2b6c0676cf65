//! The names of a cluster: what is wrong with them, by what each name server says.
//!
//! [`next`] decides without I/O which question comes next; `ask` asks it.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use causeway_model::DnsLookupFamily;
use causeway_reason::{Cause, Condition, Failure, Reason};
use causeway_upstream::{AddressKind, NameServers, Question, Told};

use crate::finding::{Grade, Severity};
use crate::probe::endpoint::Remedy;
use crate::said;
use crate::said::Said;

/// How long an answer is waited for.
pub const PATIENCE: Duration = Duration::from_millis(1500);

/// What is asked about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    /// The name, as the file has it.
    pub name: String,
    /// Which addresses are wanted.
    pub family: DnsLookupFamily,
    /// Whom the cluster asks, in its order.
    pub servers: Vec<SocketAddr>,
    /// Whether those stand in the file, rather than in `/etc/resolv.conf`.
    pub servers_of_file: bool,
    /// Whom this host asks.
    pub system: Vec<SocketAddr>,
    /// Names that it is completed to.
    pub completed: Vec<String>,
    /// What `/etc/hosts` has for it.
    pub hosts_file: Vec<IpAddr>,
    /// Whether one address is used at a time (`LOGICAL_DNS`).
    pub logical: bool,
}

/// A question to a server, and its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answered {
    /// Whom.
    pub server: SocketAddr,
    /// For what.
    pub kind: AddressKind,
    /// What it said.
    pub told: Told,
    /// How long it took.
    pub took: Duration,
}

/// What is to be done next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// This server is to be asked for such addresses.
    Ask(SocketAddr, AddressKind),
    /// Nothing.
    Conclude(Conclusion),
}

/// What is known of a name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Conclusion {
    /// The addresses that the cluster uses.
    pub addresses: Vec<IpAddr>,
    /// Addresses of the other family.
    pub others: Vec<IpAddr>,
    /// What is wrong.
    pub wrong: Vec<Wrong>,
}

/// Something that is wrong with a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrong {
    /// Its cause.
    pub cause: Cause,
    /// How much it matters.
    pub severity: Severity,
    /// How sure it is.
    pub grade: Grade,
    /// What requests meet.
    pub met: Option<Failure>,
    /// What was seen beside the answers.
    pub facts: Vec<Said>,
    /// What helps.
    pub remedies: Vec<Remedy>,
    /// The server that does not do what it should, where one alone is to blame.
    pub server: Option<SocketAddr>,
}

impl Wrong {
    fn of(cause: impl Into<Cause>) -> Self {
        Self {
            cause: cause.into(),
            severity: Severity::Error,
            grade: Grade::Proven,
            met: None,
            facts: Vec::new(),
            remedies: Vec::new(),
            server: None,
        }
    }

    fn met(reason: Reason) -> Self {
        Self { met: Some(Failure::no_host_left(reason)), ..Self::of(reason) }
    }

    fn fact(mut self, fact: Said) -> Self {
        self.facts.push(fact);
        self
    }
}

/// What is to be done next.
#[must_use]
pub fn next(name: &Name, answers: &[Answered]) -> Step {
    match conclude(name, answers) {
        Ok(conclusion) => Step::Conclude(conclusion),
        Err((server, kind)) => Step::Ask(server, kind),
    }
}

type Asked<T> = Result<T, (SocketAddr, AddressKind)>;

fn conclude(name: &Name, answers: &[Answered]) -> Asked<Conclusion> {
    let told = |server: SocketAddr, kind: AddressKind| -> Asked<&Told> {
        let found = answers.iter().find(|answer| answer.server == server && answer.kind == kind);
        found.map(|answer| &answer.told).ok_or((server, kind))
    };
    if let Ok(literal) = name.name.parse::<IpAddr>() {
        return Ok(Conclusion { addresses: vec![literal], ..Conclusion::default() });
    }
    let (addresses, others) = split(&name.hosts_file, name.family);
    if !addresses.is_empty() {
        return Ok(Conclusion { addresses, others, ..Conclusion::default() });
    }
    // Whoever does not answer is passed over, as resolvers do it. One server at a time, so that each is known for itself.
    let mut dead: Vec<SocketAddr> = Vec::new();
    let mut failing: Vec<(SocketAddr, String)> = Vec::new();
    for server in &name.servers {
        let first = told(*server, AddressKind::V4)?;
        match first {
            Told::Silence(_) => {
                dead.push(*server);
                continue;
            }
            Told::Failure(code) => {
                failing.push((*server, code.clone()));
                continue;
            }
            Told::Addresses(_) | Told::NoData | Told::NoName => {}
        }
        let second = told(*server, AddressKind::V6)?;
        let mut conclusion = answered(name, first, second);
        if conclusion.addresses.is_empty() {
            conclusion.wrong = missing(name, first, second, &told)?;
        }
        conclusion.wrong.extend(beside(&dead, &failing));
        let waits = matches!(name.family, DnsLookupFamily::Auto | DnsLookupFamily::All);
        if waits && matches!(second, Told::Silence(_)) && !conclusion.addresses.is_empty() {
            conclusion.wrong.push(deaf(*server));
        }
        return Ok(conclusion);
    }
    Ok(Conclusion { wrong: unanswered(name, &dead, &failing), ..Conclusion::default() })
}

/// What a cluster makes of both answers.
fn answered(name: &Name, v4: &Told, v6: &Told) -> Conclusion {
    let addresses = |told: &Told| match told {
        Told::Addresses(addresses) => addresses.clone(),
        Told::NoData | Told::NoName | Told::Failure(_) | Told::Silence(_) => Vec::new(),
    };
    let both = [addresses(v4), addresses(v6)].concat();
    let (addresses, others) = split(&both, name.family);
    let mut wrong = Vec::new();
    if name.logical && addresses.len() > 1 {
        let count = addresses.len();
        let fact = said!(
            "the name has {count} addresses, of which one is used at a time",
            "이름에 주소가 {count}개 있지만 한 번에 하나만 사용합니다"
        );
        wrong.push(Wrong { severity: Severity::Note, ..Wrong::of(Condition::LogicalDnsUsesOne).fact(fact) });
    }
    Conclusion { addresses, others, wrong }
}

/// The name has no address that the cluster takes.
fn missing<'a>(
    name: &Name,
    v4: &Told,
    v6: &Told,
    told: &dyn Fn(SocketAddr, AddressKind) -> Asked<&'a Told>,
) -> Asked<Vec<Wrong>> {
    let has = |told: &Told| matches!(told, Told::Addresses(_));
    if has(v4) || has(v6) {
        let (fits, other) = if has(v4) { ("V4_PREFERRED", "A") } else { ("AUTO", "AAAA") };
        let wrong = Wrong::met(Reason::DnsNoAddress).fact(said!(
            "the name has {other} records, and the cluster does not take those",
            "이름에 {other} 레코드가 있지만 클러스터가 받지 않습니다"
        ));
        return Ok(vec![Wrong { remedies: vec![Remedy::LookupFamily(fits)], ..wrong }]);
    }
    let mut wrong = match (v4, v6) {
        (Told::NoName, _) | (_, Told::NoName) => Wrong::met(Reason::DnsNameNotFound),
        _ => Wrong::met(Reason::DnsNoAddress),
    };
    // The servers of this host may know it: then the file names the wrong ones.
    if name.servers_of_file {
        for server in name.system.iter().filter(|server| !name.servers.contains(server)).take(1) {
            let both = [told(*server, AddressKind::V4)?, told(*server, AddressKind::V6)?];
            if both.into_iter().any(has) {
                let met = wrong.met.take();
                let fact = said!(
                    "{server}, which /etc/resolv.conf names, has addresses for it",
                    "/etc/resolv.conf에 있는 {server}에는 이 이름의 주소가 있습니다"
                );
                wrong = Wrong { met, ..Wrong::of(Condition::ResolverMissed).fact(fact) };
            }
        }
    }
    if name.completed.len() > 1 {
        let asked = name.completed.join(", ");
        wrong = wrong.fact(said!("asked for {asked}", "{asked} 이름으로 물었습니다"));
    }
    Ok(vec![wrong])
}

/// Servers that were passed over.
fn beside(dead: &[SocketAddr], failing: &[(SocketAddr, String)]) -> Vec<Wrong> {
    let warning = |reason: Reason, server: SocketAddr| Wrong {
        severity: Severity::Warning,
        server: Some(server),
        ..Wrong::of(reason)
    };
    let silent = dead.iter().map(|server| {
        warning(Reason::DnsTimeout, *server).fact(said!(
            "another server answers; each question waits for {server} first",
            "다른 서버는 응답하지만 질문마다 {server}의 응답을 먼저 기다립니다"
        ))
    });
    let failing = failing.iter().map(|(server, code)| {
        warning(Reason::DnsServerFailure, *server).fact(said!(
            "{server} answered {code}, another one has an answer",
            "{server}은(는) {code}로 응답했고 다른 서버에는 답이 있습니다"
        ))
    });
    silent.chain(failing).collect()
}

/// A server, or something before it, that swallows questions about IPv6.
fn deaf(server: SocketAddr) -> Wrong {
    let wrong = Wrong::of(Reason::DnsTimeout).fact(said!(
        "it answers A questions and no AAAA question, for which each look-up waits",
        "A 질의에는 응답하지만 AAAA 질의에는 응답하지 않아 조회마다 기다리게 됩니다"
    ));
    Wrong {
        severity: Severity::Warning,
        server: Some(server),
        remedies: vec![Remedy::LookupFamily("V4_ONLY")],
        ..wrong
    }
}

fn unanswered(name: &Name, dead: &[SocketAddr], failing: &[(SocketAddr, String)]) -> Vec<Wrong> {
    if let Some((server, code)) = failing.first() {
        let fact = said!("{server} answered {code}", "{server}의 응답: {code}");
        return vec![Wrong { server: Some(*server), ..Wrong::met(Reason::DnsServerFailure).fact(fact) }];
    }
    let which = if name.servers_of_file {
        said!("they stand in the file", "설정 파일에 적힌 서버입니다")
    } else {
        said!("they stand in /etc/resolv.conf", "/etc/resolv.conf에 적힌 서버입니다")
    };
    vec![Wrong { server: dead.first().copied(), ..Wrong::met(Reason::DnsTimeout).fact(which) }]
}

/// The addresses that a family takes, and the others.
fn split(addresses: &[IpAddr], family: DnsLookupFamily) -> (Vec<IpAddr>, Vec<IpAddr>) {
    let (v4, v6): (Vec<IpAddr>, Vec<IpAddr>) = addresses.iter().partition(|address| address.is_ipv4());
    match family {
        DnsLookupFamily::V4Only => (v4, v6),
        DnsLookupFamily::V6Only => (v6, v4),
        DnsLookupFamily::Auto if v6.is_empty() => (v4, v6),
        DnsLookupFamily::Auto => (v6, v4),
        DnsLookupFamily::V4Preferred if v4.is_empty() => (v6, v4),
        DnsLookupFamily::V4Preferred => (v4, v6),
        DnsLookupFamily::All => ([v4, v6].concat(), Vec::new()),
    }
}

/// Asks until all is known. Gives the answers too.
pub(crate) async fn ask(
    name: &Name,
    of_cluster: &NameServers,
    of_host: &NameServers,
) -> (Conclusion, Vec<Answered>) {
    let mut answers = Vec::new();
    loop {
        match next(name, &answers) {
            Step::Conclude(conclusion) => return (conclusion, answers),
            Step::Ask(server, kind) => {
                let servers = if name.servers.contains(&server) { of_cluster } else { of_host };
                let question = Question { name: &name.name, kind };
                let (told, took) = servers.ask(server, question).await;
                answers.push(Answered { server, kind, told, took });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "10.0.0.53:53";
    const TWO: &str = "10.0.0.54:53";

    fn name(family: DnsLookupFamily) -> Name {
        Name {
            name: "app.internal".to_owned(),
            family,
            servers: vec![ONE.parse().unwrap(), TWO.parse().unwrap()],
            servers_of_file: true,
            system: vec!["10.0.0.99:53".parse().unwrap()],
            completed: vec!["app.internal.".to_owned()],
            hosts_file: Vec::new(),
            logical: false,
        }
    }

    fn v4() -> Told {
        Told::Addresses(vec!["10.0.0.1".parse().unwrap()])
    }

    fn v6() -> Told {
        Told::Addresses(vec!["fd00::1".parse().unwrap()])
    }

    fn run(
        name: &Name,
        says: impl Fn(SocketAddr, AddressKind) -> Told,
    ) -> (Vec<&'static str>, Conclusion, usize) {
        let mut answers = Vec::new();
        loop {
            match next(name, &answers) {
                Step::Conclude(found) => {
                    let codes = found.wrong.iter().map(|wrong| wrong.cause.code()).collect();
                    return (codes, found, answers.len());
                }
                Step::Ask(server, kind) => {
                    answers.push(Answered { server, kind, told: says(server, kind), took: Duration::ZERO });
                    assert!(answers.len() < 10);
                }
            }
        }
    }

    #[test]
    fn every_conclusion_has_its_answers() {
        use AddressKind::V4;
        use DnsLookupFamily as Family;
        type Says = fn(SocketAddr, AddressKind) -> Told;
        let cases: &[(&str, Family, Says, &[&str], usize)] = &[
            ("healthy", Family::V4Only, |_, kind| if kind == V4 { v4() } else { Told::NoData }, &[], 1),
            ("both families", Family::Auto, |_, kind| if kind == V4 { v4() } else { v6() }, &[], 1),
            ("all of both", Family::All, |_, kind| if kind == V4 { v4() } else { v6() }, &[], 2),
            ("no such name", Family::V4Only, |_, _| Told::NoName, &["D101"], 0),
            (
                "the other family",
                Family::V4Only,
                |_, kind| if kind == V4 { Told::NoData } else { v6() },
                &["D102"],
                0,
            ),
            ("no address at all", Family::Auto, |_, _| Told::NoData, &["D102"], 0),
            ("all fail", Family::Auto, |_, _| Told::Failure("SERVFAIL".into()), &["D104"], 0),
            ("nobody answers", Family::Auto, |_, _| Told::Silence("no answer".into()), &["D105"], 0),
            (
                "no answer to AAAA",
                Family::Auto,
                |_, kind| if kind == V4 { v4() } else { Told::Silence("no answer".into()) },
                &["D105"],
                1,
            ),
            (
                "one is dead",
                Family::V4Only,
                |server, kind| match (server.to_string() == ONE, kind) {
                    (true, _) => Told::Silence("no answer".into()),
                    (false, V4) => v4(),
                    (false, _) => Told::NoData,
                },
                &["D105"],
                1,
            ),
            (
                "the host's own knows it",
                Family::V4Only,
                |server, kind| match (server.to_string() == "10.0.0.99:53", kind) {
                    (true, V4) => v4(),
                    (true, _) => Told::NoData,
                    (false, _) => Told::NoName,
                },
                &["D106"],
                0,
            ),
        ];
        for (what, family, says, codes, addresses) in cases {
            let (found, conclusion, _) = run(&name(*family), says);
            assert_eq!((&found[..], conclusion.addresses.len()), (*codes, *addresses), "{what}");
        }
    }

    #[test]
    fn literals_and_the_hosts_file_need_no_question() {
        let literal = Name { name: "10.0.0.1".to_owned(), ..name(DnsLookupFamily::Auto) };
        assert_eq!(run(&literal, |_, _| Told::NoName).2, 0);
        let known = Name { hosts_file: vec!["10.0.0.7".parse().unwrap()], ..name(DnsLookupFamily::Auto) };
        let (codes, found, asked) = run(&known, |_, _| Told::NoName);
        assert_eq!((codes.len(), found.addresses.len(), asked), (0, 1, 0));
    }

    #[test]
    fn logical_dns_uses_one_address_and_says_so() {
        let logical = Name { logical: true, ..name(DnsLookupFamily::V4Only) };
        let two = |_, kind| match kind {
            AddressKind::V4 => {
                Told::Addresses(vec!["10.0.0.1".parse().unwrap(), "10.0.0.2".parse().unwrap()])
            }
            AddressKind::V6 => Told::NoData,
        };
        let (codes, found, _) = run(&logical, two);
        assert_eq!(codes, ["D109"]);
        assert_eq!(found.wrong.first().unwrap().severity, Severity::Note);
    }
}

//! Rules for packets, as far as they say for certain what becomes of a new TCP connection.
//!
//! Rules are read as `nft` and `iptables-save` print them. A rule that asks for more than a protocol, a port and a
//! destination may be there for somebody else: one that accepts ends the search without a result, one that drops is passed
//! by. So what is found to be dropped is dropped; what is not may be.

mod iptables;
mod nft;

use std::net::IpAddr;
use std::process::Command;

use causeway_model::CidrRange;

/// The rules, or why they are not known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Firewall {
    /// Sets of rules: a packet has to pass each of them.
    pub tables: Vec<Table>,
    /// Programs that were asked and answered.
    pub asked: Vec<&'static str>,
    /// Programs that are here and were not allowed to look.
    pub refused: Vec<&'static str>,
}

/// Rules of one program for one family.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Table {
    /// The command that shows them.
    pub command: &'static str,
    /// Whether they are about IPv4, about IPv6.
    pub families: (bool, bool),
    /// Their chains.
    pub chains: Vec<Chain>,
}

/// Rules that are asked one behind the other.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Chain {
    /// Its name, unique in its table.
    pub name: String,
    /// Where packets come in here; `None` where only other chains lead here.
    pub hook: Option<Direction>,
    /// What becomes of packets behind the last rule; `None` for accepting them.
    pub policy: Option<Blocked>,
    /// The rules.
    pub rules: Vec<Rule>,
}

/// Which way a connection goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// To this host.
    In,
    /// From this host.
    Out,
}

/// A rule about TCP.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rule {
    /// As its program writes it.
    pub text: String,
    /// Ports of the destination; all where empty.
    pub ports: Vec<(u16, u16)>,
    /// Destinations; all where empty.
    pub destinations: Vec<CidrRange>,
    /// Whether it asks for something else too.
    pub asks_more: bool,
    /// What it does.
    pub action: Action,
}

/// What a rule does.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Action {
    /// Nothing that decides.
    #[default]
    Nothing,
    /// It lets the packet pass this table.
    Accept,
    /// It does not.
    Block(Blocked),
    /// The rules of another chain are asked.
    Jump(String),
    /// The rest of this chain is not asked.
    Return,
}

/// What becomes of a packet that does not pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blocked {
    /// Nobody is told.
    Dropped,
    /// The sender is told.
    Rejected,
}

/// A rule that is in the way of a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Obstacle {
    /// What becomes of its packets.
    pub blocked: Blocked,
    /// The rule, or what holds behind the last one.
    pub rule: String,
    /// The command that shows it.
    pub command: &'static str,
}

impl Firewall {
    /// Asks `nft`, `iptables-save` and `ip6tables-save`, those that are here.
    #[must_use]
    pub fn read() -> Self {
        let mut firewall = Self::default();
        if let Some(text) = firewall.ask("nft", &["-j", "list", "ruleset"]) {
            firewall.tables.extend(nft::parse(&text));
        }
        if let Some(text) = firewall.ask("iptables-save", &[]) {
            firewall.tables.push(iptables::parse(&text, "iptables-save", (true, false)));
        }
        if let Some(text) = firewall.ask("ip6tables-save", &[]) {
            firewall.tables.push(iptables::parse(&text, "ip6tables-save", (false, true)));
        }
        firewall
    }

    fn ask(&mut self, program: &'static str, arguments: &[&str]) -> Option<String> {
        // Not on everybody's PATH.
        let places = ["/usr/sbin/", "/sbin/", "/usr/bin/", "/usr/local/sbin/"];
        let output = places
            .iter()
            .find_map(|place| Command::new(format!("{place}{program}")).args(arguments).output().ok())?;
        if output.status.success() {
            self.asked.push(program);
            Some(String::from_utf8_lossy(&output.stdout).into_owned())
        } else {
            self.refused.push(program);
            None
        }
    }

    /// What is for certain in the way of a new TCP connection to that address and port. Connections to an unspecified
    /// address are those to any address of this host.
    #[must_use]
    pub fn obstacle(&self, direction: Direction, to: IpAddr, port: u16) -> Option<Obstacle> {
        let of_family = |table: &&Table| match to {
            _ if to.is_unspecified() => table.families.0,
            IpAddr::V4(_) => table.families.0,
            IpAddr::V6(_) => table.families.1,
        };
        self.tables.iter().filter(of_family).find_map(|table| {
            let hooked = table.chains.iter().filter(|chain| chain.hook == Some(direction));
            hooked.filter_map(|chain| table.walk(chain, to, port)).next()
        })
    }
}

/// What a chain says.
enum Said {
    /// Nothing that decides: the one that led here goes on.
    Nothing,
    Accepted,
    Blocked(Blocked, String),
}

impl Table {
    fn walk(&self, chain: &Chain, to: IpAddr, port: u16) -> Option<Obstacle> {
        let obstacle = |blocked, rule| Some(Obstacle { blocked, rule, command: self.command });
        match self.ask(chain, to, port, 0) {
            Said::Blocked(blocked, rule) => obstacle(blocked, rule),
            Said::Accepted => None,
            Said::Nothing => {
                let name = &chain.name;
                chain.policy.and_then(|blocked| obstacle(blocked, format!("{name}: policy drop")))
            }
        }
    }

    fn ask(&self, chain: &Chain, to: IpAddr, port: u16, depth: usize) -> Said {
        /// Chains may lead to each other so often; the kernel has a limit of 16 too.
        const DEEPEST: usize = 16;
        for rule in &chain.rules {
            if !rule.is_about(to, port) {
                continue;
            }
            match &rule.action {
                Action::Nothing => {}
                // Somebody is let in by it.
                Action::Accept => return Said::Accepted,
                Action::Block(_) | Action::Return if rule.asks_more => {}
                Action::Block(blocked) => return Said::Blocked(*blocked, rule.text.clone()),
                Action::Return => return Said::Nothing,
                Action::Jump(name) if depth < DEEPEST => {
                    let Some(next) = self.chains.iter().find(|chain| chain.name == *name) else { continue };
                    match self.ask(next, to, port, depth + 1) {
                        Said::Nothing => {}
                        Said::Blocked(..) if rule.asks_more => {}
                        said => return said,
                    }
                }
                Action::Jump(_) => {}
            }
        }
        Said::Nothing
    }
}

impl Rule {
    fn is_about(&self, to: IpAddr, port: u16) -> bool {
        let ports =
            self.ports.is_empty() || self.ports.iter().any(|(from, until)| (*from..=*until).contains(&port));
        let there = self.destinations.is_empty() || self.destinations.iter().any(|range| range.contains(to));
        ports && there
    }
}

/// Reads `10.0.0.0/8` or `10.0.0.1`.
fn range(text: &str) -> Option<CidrRange> {
    let (ip, len) = match text.split_once('/') {
        Some((ip, len)) => (ip.parse().ok()?, len.parse().ok()?),
        None => (text.parse().ok()?, u8::MAX),
    };
    Some(CidrRange::new(ip, len))
}

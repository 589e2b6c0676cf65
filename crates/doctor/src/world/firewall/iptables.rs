//! What `iptables-save` and `ip6tables-save` print (iptables-save(8)).

use super::{Action, Blocked, Chain, Direction, Rule, Table, range};

/// Reads the table `filter`: the one in which packets are dropped.
pub(super) fn parse(text: &str, command: &'static str, families: (bool, bool)) -> Table {
    let mut chains: Vec<Chain> = Vec::new();
    let mut in_filter = false;
    for line in text.lines() {
        if let Some(table) = line.strip_prefix('*') {
            in_filter = table.trim() == "filter";
        } else if !in_filter {
        } else if let Some(chain) = line.strip_prefix(':') {
            chains.extend(chain_of(chain));
        } else if let Some(rule) = line.strip_prefix("-A ")
            && let Some((name, rest)) = rule.split_once(' ')
            && let Some(chain) = chains.iter_mut().find(|chain| chain.name == name)
        {
            chain.rules.extend(rule_of(line, rest));
        }
    }
    Table { command, families, chains }
}

/// Reads `INPUT DROP [0:0]`.
fn chain_of(text: &str) -> Option<Chain> {
    let mut fields = text.split_ascii_whitespace();
    let name = fields.next()?.to_owned();
    let hook = match name.as_str() {
        "INPUT" => Some(Direction::In),
        "OUTPUT" => Some(Direction::Out),
        _ => None,
    };
    let policy = (fields.next()? == "DROP").then_some(Blocked::Dropped);
    Some(Chain { name, hook, policy, rules: Vec::new() })
}

/// Reads `-p tcp -m tcp --dport 8080 -j DROP`; `None` where it can't be about a new TCP connection from elsewhere.
fn rule_of(line: &str, text: &str) -> Option<Rule> {
    let mut rule = Rule { text: line.to_owned(), ..Rule::default() };
    let mut words = words(text).into_iter();
    let mut negated = false;
    while let Some(word) = words.next() {
        match word.as_str() {
            "!" => negated = true,
            "-p" => {
                let protocol = words.next()?;
                if protocol != "tcp" && protocol != "all" && !negated {
                    return None;
                }
                rule.asks_more |= negated;
            }
            "-m" => {
                let matcher = words.next()?;
                rule.asks_more |=
                    !["tcp", "multiport", "comment", "conntrack", "state"].contains(&matcher.as_str());
            }
            "--dport" | "--dports" if !negated => {
                let ports: Option<Vec<_>> = words.next()?.split(',').map(ports).collect();
                match ports {
                    Some(ports) => rule.ports = ports,
                    None => rule.asks_more = true,
                }
            }
            "-d" if !negated => match range(&words.next()?) {
                Some(range) => rule.destinations.push(range),
                None => rule.asks_more = true,
            },
            "--comment" => {
                words.next();
            }
            "--ctstate" | "--state" => {
                let states = words.next()?;
                let new = states.split(',').any(|state| state == "NEW");
                if new == negated {
                    return None;
                }
                // A new one is what this is about.
            }
            // What stays on this host comes from no client.
            "-i" | "-o" if !negated => {
                if words.next()? == "lo" {
                    return None;
                }
                rule.asks_more = true;
            }
            "-j" | "-g" => {
                rule.action = match words.next()?.as_str() {
                    "ACCEPT" => Action::Accept,
                    "DROP" => Action::Block(Blocked::Dropped),
                    "REJECT" => Action::Block(Blocked::Rejected),
                    "RETURN" => Action::Return,
                    name => Action::Jump(name.to_owned()),
                };
            }
            "--reject-with" => {
                words.next();
            }
            option if option.starts_with('-') => rule.asks_more = true,
            // The value of an option that is not known.
            _ => {}
        }
        if word != "!" {
            negated = false;
        }
    }
    Some(rule)
}

/// Reads `8080`, `8000:8999` or `8000:`.
fn ports(text: &str) -> Option<(u16, u16)> {
    let Some((from, until)) = text.split_once(':') else {
        let port = text.parse().ok()?;
        return Some((port, port));
    };
    let from = if from.is_empty() { 0 } else { from.parse().ok()? };
    let until = if until.is_empty() { u16::MAX } else { until.parse().ok()? };
    Some((from, until))
}

/// Words; what stands in quotes is one.
fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let (mut quoted, mut escaped) = (false, false);
    for character in text.chars() {
        match character {
            _ if escaped => {
                word.push(character);
                escaped = false;
            }
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            ' ' if !quoted => words.push(std::mem::take(&mut word)),
            _ => word.push(character),
        }
    }
    words.push(word);
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use super::super::Firewall;
    use super::*;

    fn obstacle(rules: &str, direction: Direction, to: &str, port: u16) -> Option<(Blocked, String)> {
        let text = format!("*nat\n:INPUT DROP [0:0]\nCOMMIT\n*filter\n{rules}COMMIT\n");
        let table = parse(&text, "iptables-save", (true, false));
        let firewall = Firewall { tables: vec![table], ..Firewall::default() };
        firewall.obstacle(direction, to.parse().unwrap(), port).map(|found| (found.blocked, found.rule))
    }

    #[test]
    fn rules_that_drop_everybody_are_found() {
        let rules = ":INPUT ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n\
                     -A INPUT -i lo -j ACCEPT\n\
                     -A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n\
                     -A INPUT -p udp -m udp --dport 80 -j DROP\n\
                     -A INPUT -s 10.9.0.0/16 -p tcp -m tcp --dport 81 -j DROP\n\
                     -A INPUT -p tcp -m tcp --dport 82 -m comment --comment \"not -j ACCEPT\" -j DROP\n\
                     -A INPUT -p tcp -m multiport --dports 90,100:110 -j REJECT --reject-with tcp-reset\n\
                     -A OUTPUT -d 10.0.0.0/24 -p tcp -m tcp --dport 8080 -j DROP\n";
        let into = |port| obstacle(rules, Direction::In, "0.0.0.0", port).map(|(blocked, _)| blocked);
        assert_eq!(into(80), None);
        assert_eq!(into(81), None, "only from some");
        assert_eq!(into(82), Some(Blocked::Dropped));
        assert_eq!(
            (into(90), into(105), into(111)),
            (Some(Blocked::Rejected), Some(Blocked::Rejected), None)
        );
        let (_, rule) = obstacle(rules, Direction::Out, "10.0.0.7", 8080).unwrap();
        assert_eq!(rule, "-A OUTPUT -d 10.0.0.0/24 -p tcp -m tcp --dport 8080 -j DROP");
        assert_eq!(obstacle(rules, Direction::Out, "10.0.1.7", 8080), None);
    }

    #[test]
    fn what_is_let_in_from_somewhere_is_not_said_to_be_dropped() {
        let rules = ":INPUT DROP [0:0]\n:services - [0:0]\n\
                     -A INPUT -s 10.0.0.0/8 -p tcp -m tcp --dport 80 -j ACCEPT\n\
                     -A INPUT -p tcp -m tcp --dport 81 -m conntrack --ctstate NEW -j ACCEPT\n\
                     -A INPUT -j services\n\
                     -A services -p tcp -m tcp --dport 82 -j ACCEPT\n\
                     -A services -p tcp -m tcp --dport 83 -j RETURN\n\
                     -A services -p tcp -m tcp --dport 84 -j REJECT\n";
        let into = |port| obstacle(rules, Direction::In, "10.1.1.1", port);
        assert_eq!((into(80), into(81), into(82)), (None, None, None));
        assert_eq!(into(83), Some((Blocked::Dropped, "INPUT: policy drop".to_owned())));
        assert_eq!(into(84).unwrap().0, Blocked::Rejected);
    }
}

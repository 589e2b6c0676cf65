//! What `nft -j list ruleset` prints (libnftables-json(5)).

use causeway_model::CidrRange;
use serde_json::Value;

use super::{Action, Blocked, Chain, Direction, Rule, Table, range};

/// Reads all tables.
pub(super) fn parse(text: &str) -> Vec<Table> {
    let Ok(root) = serde_json::from_str::<Value>(text) else { return Vec::new() };
    let objects = root.get("nftables").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let mut tables: Vec<(String, Table)> = Vec::new();
    for object in objects {
        if let Some(chain) = object.get("chain") {
            let (Some(name), Some(families)) = (table_of(chain), families(chain)) else { continue };
            let at = tables.iter().position(|(known, _)| *known == name).unwrap_or_else(|| {
                tables.push((name, Table { command: "nft list ruleset", families, chains: Vec::new() }));
                tables.len() - 1
            });
            if let Some((_, table)) = tables.get_mut(at) {
                table.chains.push(chain_of(chain));
            }
        } else if let Some(rule) = object.get("rule")
            && let Some(name) = table_of(rule)
            && let Some((_, table)) = tables.iter_mut().find(|(known, _)| *known == name)
            && let Some(chain) = table.chains.iter_mut().find(|chain| chain.name == word(rule, "chain"))
        {
            chain.rules.extend(rule_of(rule));
        }
    }
    tables.into_iter().map(|(_, table)| table).collect()
}

fn word<'a>(object: &'a Value, name: &str) -> &'a str {
    object.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn table_of(object: &Value) -> Option<String> {
    let (family, table) = (object.get("family")?.as_str()?, object.get("table")?.as_str()?);
    Some(format!("{family} {table}"))
}

/// Whether a table sees IPv4, IPv6; `None` for what is below both.
fn families(object: &Value) -> Option<(bool, bool)> {
    match word(object, "family") {
        "ip" => Some((true, false)),
        "ip6" => Some((false, true)),
        "inet" => Some((true, true)),
        _ => None,
    }
}

fn chain_of(chain: &Value) -> Chain {
    let hook = match word(chain, "hook") {
        "input" => Some(Direction::In),
        "output" => Some(Direction::Out),
        _ => None,
    };
    let policy = (word(chain, "policy") == "drop").then_some(Blocked::Dropped);
    Chain { name: word(chain, "name").to_owned(), hook, policy, rules: Vec::new() }
}

/// A rule; `None` where it can't be about a new TCP connection from elsewhere.
fn rule_of(object: &Value) -> Option<Rule> {
    let mut rule = Rule::default();
    let mut texts = vec![word(object, "chain").to_owned()];
    for part in object.get("expr")?.as_array()? {
        let (name, value) = part.as_object()?.iter().next()?;
        match name.as_str() {
            "match" => {
                texts.push(text_of(value));
                if !condition(value, &mut rule)? {
                    rule.asks_more = true;
                }
            }
            "accept" => rule.action = Action::Accept,
            "drop" => rule.action = Action::Block(Blocked::Dropped),
            "reject" => rule.action = Action::Block(Blocked::Rejected),
            "return" => rule.action = Action::Return,
            "jump" | "goto" => rule.action = Action::Jump(word(value, "target").to_owned()),
            "counter" | "log" => continue,
            _ => rule.asks_more = true,
        }
        if name != "match" {
            texts.push(name.clone());
        }
    }
    rule.text = texts.join(" ");
    Some(rule)
}

/// Takes a condition into a rule. `Some(false)` where it asks for something that is not known here, `None` where a new TCP
/// connection from elsewhere never meets it.
fn condition(condition: &Value, rule: &mut Rule) -> Option<bool> {
    let (left, right) = (condition.get("left")?, condition.get("right")?);
    let equal = matches!(word(condition, "op"), "==" | "in");
    if let Some(payload) = left.get("payload") {
        let known = match (word(payload, "protocol"), word(payload, "field")) {
            ("tcp" | "th", "dport") if equal => values(right, ports).map(|found| rule.ports = found),
            ("ip" | "ip6", "daddr") if equal => values(right, network).map(|found| rule.destinations = found),
            ("ip", "protocol") | ("ip6", "nexthdr") if equal => return tcp(right),
            ("udp" | "icmp" | "icmpv6" | "sctp" | "dccp", _) => return None,
            _ => None,
        };
        return Some(known.is_some());
    }
    let key = |kind: &str| left.get(kind).map(|found| word(found, "key"));
    match (key("meta"), key("ct")) {
        (Some("l4proto"), _) if equal => tcp(right),
        (Some("iif" | "iifname" | "oif" | "oifname"), _) if equal && right == "lo" => None,
        (_, Some("state")) if equal => {
            if items(right).any(|state| state == "new") {
                Some(true)
            } else {
                None
            }
        }
        _ => Some(false),
    }
}

/// Whether TCP is among what is named.
fn tcp(right: &Value) -> Option<bool> {
    items(right).any(|protocol| protocol == "tcp" || protocol == 6).then_some(true)
}

/// What a set or a list holds, or the one value.
fn items(value: &Value) -> impl Iterator<Item = &Value> {
    let list = value.get("set").unwrap_or(value);
    let (many, one) = match list.as_array() {
        Some(many) => (many.as_slice(), None),
        None => (&[][..], Some(list)),
    };
    many.iter().chain(one)
}

/// All of them read; `None` where one can't be, such as a set that is only named.
fn values<T>(right: &Value, read: impl Fn(&Value) -> Option<T>) -> Option<Vec<T>> {
    items(right).map(read).collect()
}

fn ports(value: &Value) -> Option<(u16, u16)> {
    let port = |value: &Value| u16::try_from(value.as_u64()?).ok();
    match value.get("range").and_then(Value::as_array).map(Vec::as_slice) {
        Some([from, until]) => Some((port(from)?, port(until)?)),
        _ => port(value).map(|port| (port, port)),
    }
}

fn network(value: &Value) -> Option<CidrRange> {
    if let Some(prefix) = value.get("prefix") {
        let len = u8::try_from(prefix.get("len")?.as_u64()?).ok()?;
        return Some(CidrRange::new(word(prefix, "addr").parse().ok()?, len));
    }
    range(value.as_str()?)
}

/// A condition as people write it.
fn text_of(condition: &Value) -> String {
    let left = condition.get("left").and_then(Value::as_object).and_then(|left| left.iter().next());
    let left = left.map_or_else(String::new, |(kind, value)| match kind.as_str() {
        "payload" => format!("{} {}", word(value, "protocol"), word(value, "field")),
        _ => format!("{kind} {}", word(value, "key")),
    });
    let right = condition.get("right").map_or_else(String::new, |right| match right {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    });
    format!("{left} {right}")
}

#[cfg(test)]
mod tests {
    use super::super::Firewall;
    use super::*;

    const RULES: &str = r#"{"nftables": [
        {"metainfo": {"version": "1.0.6"}},
        {"table": {"family": "inet", "name": "filter", "handle": 1}},
        {"chain": {"family": "inet", "table": "filter", "name": "input", "type": "filter", "hook": "input", "prio": 0, "policy": "drop"}},
        {"chain": {"family": "inet", "table": "filter", "name": "output", "type": "filter", "hook": "output", "prio": 0, "policy": "accept"}},
        {"chain": {"family": "inet", "table": "filter", "name": "web"}},
        {"rule": {"family": "inet", "table": "filter", "chain": "input", "expr": [
            {"match": {"op": "==", "left": {"meta": {"key": "iifname"}}, "right": "lo"}}, {"accept": null}]}},
        {"rule": {"family": "inet", "table": "filter", "chain": "input", "expr": [
            {"match": {"op": "in", "left": {"ct": {"key": "state"}}, "right": ["established", "related"]}}, {"accept": null}]}},
        {"rule": {"family": "inet", "table": "filter", "chain": "input", "expr": [
            {"match": {"op": "==", "left": {"meta": {"key": "l4proto"}}, "right": "tcp"}}, {"jump": {"target": "web"}}]}},
        {"rule": {"family": "inet", "table": "filter", "chain": "web", "expr": [
            {"match": {"op": "==", "left": {"payload": {"protocol": "tcp", "field": "dport"}}, "right": {"set": [80, {"range": [440, 450]}]}}},
            {"counter": {"packets": 1, "bytes": 60}}, {"accept": null}]}},
        {"rule": {"family": "inet", "table": "filter", "chain": "web", "expr": [
            {"match": {"op": "==", "left": {"payload": {"protocol": "ip", "field": "saddr"}}, "right": "10.0.0.1"}},
            {"match": {"op": "==", "left": {"payload": {"protocol": "tcp", "field": "dport"}}, "right": 90}}, {"accept": null}]}},
        {"rule": {"family": "inet", "table": "filter", "chain": "output", "expr": [
            {"match": {"op": "==", "left": {"payload": {"protocol": "ip", "field": "daddr"}}, "right": {"prefix": {"addr": "10.0.0.0", "len": 24}}}},
            {"match": {"op": "==", "left": {"payload": {"protocol": "tcp", "field": "dport"}}, "right": 8080}}, {"reject": {"type": "tcp reset"}}]}}
    ]}"#;

    #[test]
    fn rules_are_walked_as_the_kernel_does() {
        let firewall = Firewall { tables: parse(RULES), ..Firewall::default() };
        let into = |port| firewall.obstacle(Direction::In, "10.1.1.1".parse().unwrap(), port);
        assert_eq!((into(80), into(445), into(90)), (None, None, None));
        let dropped = into(8080).unwrap();
        assert_eq!((dropped.blocked, dropped.rule.as_str()), (Blocked::Dropped, "input: policy drop"));
        let out = |to: &str| firewall.obstacle(Direction::Out, to.parse().unwrap(), 8080);
        assert_eq!(
            out("10.0.0.9").unwrap().rule,
            "output ip daddr {\"prefix\":{\"addr\":\"10.0.0.0\",\"len\":24}} tcp dport 8080 reject"
        );
        assert_eq!(out("10.0.1.9"), None);
    }

    #[test]
    fn what_is_no_answer_of_nft_has_no_rules() {
        for text in ["", "{}", "[]", r#"{"nftables": [{"chain": {}}, {"rule": {"expr": 5}}]}"#] {
            assert!(parse(text).iter().all(|table| table.chains.is_empty()), "{text}");
        }
    }
}

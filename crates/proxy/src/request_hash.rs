//! The hash of a request, by which its host is chosen where the cluster hashes, as Envoy makes it.
//!
//! Nothing of this happens for clusters that do not hash, nor where the route has no `hash_policy`.

use causeway_http::Method;
use causeway_model::{HashRule, HashSource, cookie};
use causeway_upstream::xxh64;

use crate::connection::ConnectionInfo;
use crate::downstream::SeenByRouting;
use crate::exchange::Exchange;

/// The value of a cookie that the rule at hand makes.
type MakeCookie<'m> = &'m mut dyn FnMut(&HashSource) -> Option<String>;

/// The hash that these rules make of a request; `None` where they find nothing.
fn hash(rules: &[HashRule], seen: &SeenByRouting<'_>, make_cookie: MakeCookie<'_>) -> Option<u64> {
    let mut hash: Option<u64> = None;
    for rule in rules {
        if let Some(found) = one(&rule.source, seen, make_cookie) {
            // Turning it keeps two rules that are alike from undoing each other.
            hash = Some(hash.map_or(0, |hash| hash.rotate_left(1)) ^ found);
        }
        if rule.terminal && hash.is_some() {
            break;
        }
    }
    hash
}

/// The hash of a request to a cluster that hashes. A cookie that the client is given because of it is added to those
/// that go with the response.
pub(crate) fn of_request(
    rules: &[HashRule],
    exchange: &Exchange,
    client: &ConnectionInfo,
    cookies: &mut Vec<String>,
) -> Option<u64> {
    let seen = SeenByRouting { exchange, connection: client, random: 0 };
    hash(rules, &seen, &mut |source| {
        // The same for all requests of a connection, so that those that are on their way together agree.
        let text = format!("{}{}", client.remote, client.local);
        let value = format!("{:016x}", xxh64(text.as_bytes(), 0));
        cookies.push(set_cookie(source, &value)?);
        Some(value)
    })
}

/// The same where the client is given nothing.
pub(crate) fn without_cookies(rules: &[HashRule], seen: &SeenByRouting<'_>) -> Option<u64> {
    hash(rules, seen, &mut |_| None)
}

fn one(source: &HashSource, seen: &SeenByRouting<'_>, make_cookie: MakeCookie<'_>) -> Option<u64> {
    let exchange = seen.exchange;
    match source {
        HashSource::Header { name, rewrite } => {
            let mut values = Vec::new();
            causeway_routing::visit_field(seen, name.as_str(), &mut |value| values.push(value.to_vec()));
            match (values.as_mut_slice(), rewrite) {
                ([], _) => None,
                ([value], Some((regex, substitution))) => {
                    Some(xxh64(&regex.replace_all(value, substitution), 0))
                }
                ([value], None) => Some(xxh64(value, 0)),
                (values, rewrite) => {
                    if let Some((regex, substitution)) = rewrite {
                        for value in values.iter_mut() {
                            *value = regex.replace_all(value, substitution).to_vec();
                        }
                    }
                    values.sort_unstable();
                    Some(values.iter().fold(0, |seed, value| xxh64(value, seed)))
                }
            }
        }
        HashSource::Cookie { name, ttl, .. } => {
            let mut fields = exchange.request.values("cookie");
            let value = fields.find_map(|field| cookie(field, name.as_bytes()));
            match value.filter(|value| !value.is_empty()) {
                Some(value) => Some(xxh64(value, 0)),
                None => ttl.and_then(|_| make_cookie(source)).map(|value| xxh64(value.as_bytes(), 0)),
            }
        }
        HashSource::SourceIp => {
            let remote = exchange.facts.remote?;
            Some(xxh64(remote.ip.to_string().as_bytes(), 0))
        }
        HashSource::QueryParameter(name) => {
            let path: &[u8] = if exchange.method() == Method::Connect { b"" } else { &exchange.path };
            parameter(path, name.as_bytes()).map(|value| xxh64(value, 0))
        }
    }
}

/// The first value of a parameter, as it is written.
fn parameter<'p>(path: &'p [u8], name: &[u8]) -> Option<&'p [u8]> {
    let at = memchr::memchr(b'?', path)?;
    path.get(at + 1..)?.split(|byte| *byte == b'&').find_map(|parameter| {
        let equals = memchr::memchr(b'=', parameter).unwrap_or(parameter.len());
        let (key, value) = parameter.split_at_checked(equals)?;
        (key == name).then(|| value.get(1..).unwrap_or_default())
    })
}

/// The field by which the client is given a cookie.
fn set_cookie(source: &HashSource, value: &str) -> Option<String> {
    let HashSource::Cookie { name, ttl, path, attributes } = source else { return None };
    let mut field = format!("{name}=\"{value}\"");
    let age = ttl.map_or(0, |ttl| ttl.as_secs());
    if age > 0 {
        field += &format!("; Max-Age={age}");
    }
    if !path.is_empty() {
        field += &format!("; Path={path}");
    }
    for (name, value) in attributes {
        field += &if value.is_empty() { format!("; {name}") } else { format!("; {name}={value}") };
    }
    field += "; HttpOnly";
    Some(field)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_taken_as_they_are_written() {
        let value = |path: &'static str| parameter(path.as_bytes(), b"q");
        assert_eq!(value("/?q=a%20b&q=c"), Some(&b"a%20b"[..]));
        assert_eq!(value("/?x=1&q"), Some(&b""[..]));
        assert_eq!(value("/q=1"), None);
        assert_eq!(value("/?qq=1"), None);
    }

    #[test]
    fn a_cookie_has_what_the_rule_says() {
        let cookie = |ttl, path: &str, attributes| HashSource::Cookie {
            name: "n".into(),
            ttl,
            path: path.into(),
            attributes,
        };
        let made = |source| set_cookie(&source, "v");
        let session = cookie(Some(std::time::Duration::ZERO), "", Vec::new());
        assert_eq!(made(session).as_deref(), Some("n=\"v\"; HttpOnly"));
        let more = vec![("SameSite".into(), "Lax".into()), ("Secure".into(), "".into())];
        let long = cookie(Some(std::time::Duration::from_secs(60)), "/p", more);
        let expected = "n=\"v\"; Max-Age=60; Path=/p; SameSite=Lax; Secure; HttpOnly";
        assert_eq!(made(long).as_deref(), Some(expected));
    }
}

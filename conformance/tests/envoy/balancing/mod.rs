//! Which host of a cluster gets a request.

mod aggregate;
mod hash_policies;
mod hashing;
mod shares;
mod subsets;
mod zones;

use causeway_conformance::{Case, Request, Run};

pub(crate) fn cases() -> Vec<Case> {
    [aggregate::cases(), hash_policies::cases(), hashing::cases(), shares::cases(), subsets::cases()]
        .into_iter()
        .chain([zones::cases()])
        .flatten()
        .collect()
}

/// Sends requests on one connection, many at a time; gives the bodies of the responses, which have one letter each.
async fn ask(run: &mut Run, requests: impl IntoIterator<Item = Request>) -> String {
    let mut connection = run.connect().await;
    let (mut sent, mut bodies, mut seen) = (0, String::new(), Vec::new());
    let mut requests = requests.into_iter().peekable();
    while requests.peek().is_some() {
        for request in requests.by_ref().take(100) {
            connection.send(&request).await;
            sent += 1;
        }
        while bodies.len() < sent {
            let more = connection.read(1).await;
            assert!(!more.is_empty(), "no answer behind {} of them", bodies.len());
            seen.extend(more);
            while let Some(end) = seen.windows(4).position(|bytes| bytes == b"\r\n\r\n")
                && seen.len() > end + 4
            {
                bodies.push(char::from(seen[end + 4]));
                seen.drain(..end + 5);
            }
        }
    }
    bodies
}

/// An endpoint: the name of its back-end, and more fields beside the endpoint itself as YAML.
fn endpoint(name: &str, fields: &str) -> String {
    let more: String = fields.lines().map(|line| format!("\n  {line}")).collect();
    let address = format!("{{socket_address: {{address: 127.0.0.1, port_value: '{{{{{name}}}}}'}}}}");
    format!("- endpoint: {{address: {address}}}{more}")
}

/// A policy as an extension: its package and message, and its fields as YAML.
fn typed(kind: &str, fields: &str) -> String {
    let (package, message) = kind.split_once('.').expect("a package and a message");
    let fields: String = fields.lines().map(|line| format!("        {line}\n")).collect();
    let package = format!("envoy.extensions.load_balancing_policies.{package}.v3.{message}");
    format!(
        "load_balancing_policy:
  policies:
  - typed_extension_config:
      name: first
      typed_config:
        \"@type\": type.googleapis.com/{package}\n{fields}"
    )
}

/// Metadata for load balancing.
fn metadata(fields: &str) -> String {
    format!("metadata: {{filter_metadata: {{envoy.lb: {{{fields}}}}}}}")
}

/// Back-ends by their letters, each with a `hash_key`, so that ports don't matter.
fn hashed(names: &str) -> Vec<String> {
    let one = |name: char| endpoint(&name.to_string(), &metadata(&format!("hash_key: k{name}")));
    names.chars().map(one).collect()
}

/// A cluster of these endpoints, with more fields.
fn cluster(name: &str, endpoints: &[String], fields: &str) -> String {
    cluster_of(name, &[("", endpoints)], fields)
}

/// A cluster of these localities: more fields of each, and its endpoints.
fn cluster_of(name: &str, localities: &[(&str, &[String])], fields: &str) -> String {
    let indent =
        |text: &str, by: &str| -> String { text.lines().map(|line| format!("{by}{line}\n")).collect() };
    let mut text = format!("- name: {name}\n  connect_timeout: 2s\n{}", indent(fields, "  "));
    text += &format!("  load_assignment:\n    cluster_name: {name}\n    endpoints:\n");
    for (fields, endpoints) in localities {
        text += "    - lb_endpoints:\n";
        endpoints.iter().for_each(|endpoint| text += &indent(endpoint, "      "));
        text += &indent(fields, "      ");
    }
    text
}

/// A cluster `pool` of these back-ends, with more fields.
fn pool(names: &str, fields: &str) -> String {
    cluster("pool", &hashed(names), fields)
}

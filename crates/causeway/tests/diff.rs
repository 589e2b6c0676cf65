//! `causeway diff`: what is a change and what is none, and in which words it is told.
#![expect(clippy::unwrap_used, reason = "a panic is a failed test")]

use std::process::{Command, Output};

use causeway_testkit::Scratch;
use serde_json::{Value, json};

const CAUSEWAY: &str = env!("CARGO_BIN_EXE_causeway");

/// A site with these routes and clusters.
fn site(hosts: &str, clusters: &str) -> String {
    format!(
        r#"static_resources:
  listeners:
  - name: web
    address: {{socket_address: {{address: 0.0.0.0, port_value: 80}}}}
    filter_chains:
    - name: main
      filters:
      - name: http
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: web
          http_filters:
          - {{name: router, typed_config: {{"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}}}
          route_config:
            virtual_hosts:
{hosts}  clusters:
{clusters}"#
    )
}

const HOSTS: &str = "            - name: site
              domains: [www.test, '*.site.test']
              routes:
              - {name: api, match: {prefix: /api}, route: {cluster: a, timeout: 5s}}
              - {name: post, match: {path: /form, headers: [{name: ':method', string_match: {exact: POST}}]}, route: {cluster: b}}
              - {name: rest, match: {prefix: /}, route: {cluster: b}}
            - name: old
              domains: [old.test]
              routes:
              - {name: moved, match: {prefix: /}, redirect: {host_redirect: www.test}}
";

const CLUSTERS: &str = "  - {name: a, connect_timeout: 1s, load_assignment: {cluster_name: a, endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: 1}}}}]}]}}
  - {name: b, connect_timeout: 1s, load_assignment: {cluster_name: b, endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: 2}}}}]}]}}
";

fn diff(old: &str, new: &str, more: &[&str]) -> Output {
    let scratch = Scratch::new();
    scratch.write("old.yaml", old);
    scratch.write("new.yaml", new);
    let mut command = Command::new(CAUSEWAY);
    command.env_remove("LC_ALL").env_remove("LC_MESSAGES").env("LANG", "C");
    command.current_dir(scratch.path()).args(["diff", "old.yaml", "new.yaml"]).args(more).output().unwrap()
}

fn text(old: &str, new: &str) -> (Option<i32>, String) {
    let output = diff(old, new, &[]);
    let said = String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
    (output.status.code(), said)
}

const NOTHING: &str =
    "Nothing has changed: no request would be answered differently (17 example requests tried).\n";

#[test]
fn it_is_said_in_korean_too() {
    let old = site(HOSTS, CLUSTERS);
    let new = site(
        &HOSTS.replace("timeout: 5s", "timeout: 6s").replace(
            "cluster: b}}\n              - {name: rest",
            "cluster: a}}\n              - {name: rest",
        ),
        CLUSTERS,
    );
    let said = String::from_utf8(diff(&old, &new, &["--lang", "ko"]).stdout).unwrap();
    for text in ["변경 route", "클러스터 `b` → 클러스터 `a`", "목적지는 그대로이고", "응답이 달라집니다"]
    {
        assert!(said.contains(text), "{text}\n{said}");
    }
    for english in [" to ", "as before", "changed", "cluster `"] {
        assert!(!said.contains(english), "{english}\n{said}");
    }
}

#[test]
fn form_order_and_defaults_that_are_written_out_are_no_changes() {
    let old = site(HOSTS, CLUSTERS);
    assert_eq!(text(&old, &old), (Some(0), NOTHING.to_owned()));
    let clusters: String = CLUSTERS.lines().rev().map(|line| format!("{line}  # moved\n")).collect();
    let (site_host, old_host) = HOSTS.split_once("            - name: old").unwrap();
    let hosts = format!("            - name: old{old_host}{site_host}");
    let written_out = hosts.replace("{cluster: b}", "{cluster: b, timeout: 15s}");
    assert_eq!(text(&old, &site(&written_out, &clusters)), (Some(0), NOTHING.to_owned()));
    // Routes that take none of each other's requests.
    let mut lines: Vec<&str> = HOSTS.lines().collect();
    lines.swap(3, 4);
    assert_eq!(text(&old, &site(&(lines.join("\n") + "\n"), CLUSTERS)), (Some(0), NOTHING.to_owned()));
}

#[test]
fn these_are_its_words() {
    let hosts = HOSTS
        .replace("timeout: 5s", "timeout: 7s")
        .replace("host_redirect: www.test", "host_redirect: new.test");
    let more =
        "              - {name: late, match: {prefix: /late}, route: {cluster: c}}\n            - name: old";
    let hosts = hosts.replace("            - name: old", more);
    let clusters = CLUSTERS.replace("port_value: 2", "port_value: 3")
        + "  - {name: c, connect_timeout: 1s, load_assignment: {cluster_name: c}}\n";
    assert_eq!(
        text(&site(HOSTS, CLUSTERS), &site(&hosts, &clusters)).1,
        "changed route web / main / site / api  (old.yaml:19:17 → new.yaml:19:17)
          route.timeout: 5s → 7s
changed route web / main / old / moved  (old.yaml:25:17 → new.yaml:26:17)
          redirect.host_redirect: www.test → new.test
changed cluster b  (old.yaml:28:5 → new.yaml:29:5)
          load_assignment.endpoints[0].lb_endpoints[0].endpoint.address.socket_address.port_value: 2 → 3
added   route web / main / site / late  (new.yaml:22:17)
added   cluster c  (new.yaml:30:5)

GET http://www.test/  to 0.0.0.0:80
GET http://www.test/form  to 0.0.0.0:80
GET http://www.test/any  to 0.0.0.0:80
… 9 more that differ in the same way
    cluster `b`, as before, but
    route 2 rest: prefix `/` (old.yaml:21:17) → route 2 rest: prefix `/` (new.yaml:21:17)
      endpoints: 127.0.0.1:2 → 127.0.0.1:3

GET http://www.test/api  to 0.0.0.0:80
GET http://www.test/apiany  to 0.0.0.0:80
GET http://www.test/api/any  to 0.0.0.0:80
… 3 more that differ in the same way
    cluster `a`, as before, but
    route 0 api: prefix `/api` (old.yaml:19:17) → route 0 api: prefix `/api` (new.yaml:19:17)
      timeout: 5 s → 7 s

POST http://www.test/form  to 0.0.0.0:80
POST http://any.site.test/form  to 0.0.0.0:80
    cluster `b`, as before, but
    route 1 post: path `/form` (old.yaml:20:17) → route 1 post: path `/form` (new.yaml:20:17)
      endpoints: 127.0.0.1:2 → 127.0.0.1:3

GET http://old.test/  to 0.0.0.0:80
    301 to http://www.test/ → 301 to http://new.test/
    route 0 moved: prefix `/` (old.yaml:25:17) → route 0 moved: prefix `/` (new.yaml:26:17)

GET http://old.test/any  to 0.0.0.0:80
    301 to http://www.test/any → 301 to http://new.test/any
    route 0 moved: prefix `/` (old.yaml:25:17) → route 0 moved: prefix `/` (new.yaml:26:17)

5 things have changed; 22 of 23 example requests would be answered differently.
"
    );
}

#[test]
fn a_route_behind_one_that_takes_everything_changes_no_answer() {
    let more =
        "              - {name: late, match: {prefix: /late}, route: {cluster: a}}\n            - name: old";
    let hosts = HOSTS.replace("            - name: old", more);
    let (code, said) = text(&site(HOSTS, CLUSTERS), &site(&hosts, CLUSTERS));
    assert_eq!(
        (code, &*said),
        (
            Some(1),
            "added   route web / main / site / late  (new.yaml:22:17)
1 thing has changed, but none of 23 example requests would be answered differently.
"
        )
    );
    // The same route in front of it is another matter.
    let first = "              - {name: late, match: {prefix: /late}, route: {cluster: a}}\n              - {name: rest";
    let hosts = HOSTS.replace("              - {name: rest", first);
    let output = diff(&site(HOSTS, CLUSTERS), &site(&hosts, CLUSTERS), &["-o", "json"]);
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    let example = &told["examples"][0];
    assert_eq!(example["authority"], "www.test");
    assert_eq!(example["target"], "/late");
    assert_eq!(example["old"]["destination"], "cluster `b`");
    assert_eq!(example["new"]["destination"], "cluster `a`");
    assert_eq!(example["new"]["route"]["place"]["line"], 21);
    assert_eq!(told["things"][0]["change"], "added");
}

#[test]
fn what_has_another_port_is_not_found_any_more() {
    let new = site(HOSTS, CLUSTERS).replace("port_value: 80}", "port_value: 81}");
    let output = diff(&site(HOSTS, CLUSTERS), &new, &["-o", "json"]);
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    let examples = told["examples"].as_array().unwrap();
    assert_eq!(
        (&examples[0]["to"], &examples[0]["new"]["destination"]),
        (&json!("0.0.0.0:80"), &json!("nobody listens"))
    );
    assert!(examples.iter().any(|example| example["old"]["destination"] == "nobody listens"));
}

#[test]
fn what_can_not_be_read_is_said() {
    let (code, said) = text(&site(HOSTS, CLUSTERS), "static_resources: {listeners: 7}");
    assert!(code == Some(2) && said.starts_with("causeway: new.yaml can't be used:\n"), "{said}");
}

//! What Envoy 1.40 accepts and refuses, and what we say of it.
//!
//! `acceptance/envoy-1.40.jsonl` holds small changes to one configuration, each with Envoy's verdict. A
//! file that Envoy accepts must not be rejected here (it may need what is not implemented); one that
//! Envoy refuses must not load. `CAUSEWAY_ENVOY=/path/to/envoy` asks a real Envoy for its verdicts too.

#![expect(clippy::unwrap_used, reason = "a panic is a failed test")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::process::Command;

use causeway_envoy::{Kind, LoadOptions, Source, load};
use serde_json::Value;

const CASES: &str = include_str!("acceptance/envoy-1.40.jsonl");

/// Cases where we differ on purpose, and why.
const DIFFERENCES: &[(&str, &str)] = &[
    // Accepted here, refused by Envoy.
    ("any no type", NAMED),
    ("any null", NAMED),
    ("no typed config", NAMED),
    ("hcm access_log: [{name: envoy.access_loggers.stdout}]", NAMED),
    ("l listener_filters: [{name: envoy.filters.listener.tls_inspector}]", NAMED),
    ("hc 2", "names of health checks are of no use"),
    ("str \"\\ud83d\\ude00\"", YAML),
    ("tab blank line", YAML),
    ("tab comment", YAML),
    ("deep120", "nesting may go a little deeper"),
    ("bom", "a byte order mark does no harm in JSON either"),
    ("%CAUSEWAY_REASON%", "an operator of our own"),
    ("a{1000}", PROGRAM),
    ("a{1000,}", PROGRAM),
    ("(a{100}){10}", PROGRAM),
    (".{1000}.{1000}", PROGRAM),
    // Refused here, accepted by Envoy.
    ("flow double comma", YAML),
    ("raw nul", YAML),
    ("ctl", YAML),
    ("ctl quoted", YAML),
    ("del", YAML),
    ("bind manager overridden", "what holds for no cluster is checked all the same"),
    ("recursive alias", "an alias inside what it names has no value; Envoy never looks at this one"),
];

const NAMED: &str = "an extension is known by its name, with a warning";
const YAML: &str = "the YAML parser follows the specification here, and yaml-cpp does not";
const PROGRAM: &str = "Envoy limits the size of compiled expressions to 100 instructions";

/// One case.
struct Case {
    name: String,
    accepted: bool,
    file: &'static str,
    bytes: Vec<u8>,
}

/// The configuration that the cases change. Words in angle brackets are replaced.
const BASE: &str = r#"<top>
static_resources:
  listeners:
  - name: l
    address: {socket_address: {address: 127.0.0.1, port_value: <lp>}}
    <l>
    filter_chains:
    - filters:
      - name: hcm
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: s
          <hcm>
          route_config:
            <rc>
            virtual_hosts:
            - name: v
              domains: <domains>
              <vh>
              routes:
              - match: <match>
                route: <route>
                <rt>
          http_filters:
          <filt>
          - name: envoy.filters.http.router
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router
  clusters:
  - name: <name>
    type: <ttype>
    <c>
    load_assignment:
      cluster_name: a
      endpoints:
      - lb_endpoints:
        - endpoint: {address: {socket_address: {address: <addr>, port_value: <port>}}}
          <ep>
"#;

/// What stands for a word unless a case says otherwise.
const WORDS: &[(&str, &str)] = &[
    ("top", ""),
    ("lp", "9000"),
    ("l", ""),
    ("hcm", ""),
    ("rc", ""),
    ("domains", "[\"*\"]"),
    ("vh", ""),
    ("match", "{prefix: /}"),
    ("route", "{cluster: a}"),
    ("rt", ""),
    ("filt", ""),
    ("name", "a"),
    ("ttype", "STATIC"),
    ("c", ""),
    ("addr", "127.0.0.1"),
    ("port", "9001"),
    ("ep", ""),
];

fn cases() -> Vec<Case> {
    CASES.lines().map(|line| case(&serde_json::from_str(line).unwrap())).collect()
}

fn case(json: &Value) -> Case {
    let text = |key: &str| json.get(key).and_then(Value::as_str);
    let mut words: BTreeMap<&str, String> = WORDS
        .iter()
        .map(|(word, default)| (*word, text(word).filter(|_| *word != "name").unwrap_or(default).to_owned()))
        .collect();
    if let Some(format) = text("format") {
        // A format for access logs.
        let log = format!(
            "access_log:\n          - name: a\n            typed_config:\n              \"@type\": \
             type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog\n              path: /dev/null\n              \
             log_format: {{text_format_source: {{inline_string: {}}}}}",
            Value::from(format)
        );
        words.insert("hcm", log);
    }
    let mut yaml = BASE.to_owned();
    for (word, value) in &words {
        yaml = yaml.replace(&format!("<{word}>"), value);
    }
    if let (Some(cut), Some(put)) = (text("cut"), text("put")) {
        assert_eq!(yaml.matches(cut).count(), 1, "{json}");
        yaml = yaml.replace(cut, put);
    }
    let (file, whole) = match (text("yaml"), text("json")) {
        (_, Some(json)) => ("case.json", json.to_owned()),
        (Some(yaml), None) => ("case.yaml", yaml.to_owned()),
        (None, None) => ("case.yaml", yaml),
    };
    let bytes = match json.get("latin1") {
        // Bytes that are no text, one for each character.
        Some(_) => whole.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect(),
        None => whole.into_bytes(),
    };
    Case { name: text("name").unwrap().to_owned(), accepted: text("envoy") == Some("accept"), file, bytes }
}

#[test]
fn we_accept_and_refuse_what_envoy_does() {
    let mut wrong = String::new();
    for case in cases() {
        let source = Source::new(case.file, case.bytes.clone());
        let loaded = load(&source, &LoadOptions { check_files: true, ..LoadOptions::default() });
        let refused = loaded.diagnostics.iter().any(|d| matches!(d.kind, Kind::Rejected | Kind::File));
        let ours = if case.accepted { !refused } else { loaded.diagnostics.has_errors() };
        let on_purpose = DIFFERENCES.iter().any(|(name, _)| *name == case.name);
        if ours == on_purpose {
            let _ = writeln!(
                wrong,
                "--- {} (Envoy {}){}\n{}",
                case.name,
                if case.accepted { "accepts" } else { "refuses" },
                if on_purpose { ", listed as a difference" } else { "" },
                loaded.diagnostics.render(false).lines().take(12).collect::<Vec<_>>().join("\n"),
            );
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn envoy_says_what_the_table_says() {
    let Ok(envoy) = std::env::var("CAUSEWAY_ENVOY") else {
        println!("skipped: CAUSEWAY_ENVOY does not name an Envoy");
        return;
    };
    let directory = std::env::temp_dir().join(format!("causeway-acceptance-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let mut wrong = String::new();
    for case in cases() {
        let path = directory.join(case.file);
        std::fs::write(&path, &case.bytes).unwrap();
        let output = Command::new(&envoy)
            .args(["--mode", "validate", "--disable-hot-restart", "-l", "error", "-c"])
            .arg(&path)
            .output()
            .unwrap();
        if output.status.success() != case.accepted {
            let _ = writeln!(wrong, "--- {}\n{}", case.name, String::from_utf8_lossy(&output.stderr));
        }
    }
    std::fs::remove_dir_all(&directory).unwrap();
    assert!(wrong.is_empty(), "{wrong}");
}

//! `causeway doctor --fix` shows what findings propose to write, and writes it where that mends the file.
#![expect(clippy::unwrap_used, reason = "a panic is a failed test")]

use std::fs;
use std::path::Path;
use std::time::Duration;

use causeway_testkit::{ProcessBuilder, Scratch};

const CAUSEWAY: &str = env!("CARGO_BIN_EXE_causeway");

const FILE: &str = "# The checks of this site are quick.
static_resources:
  clusters:
  - name: app
    common_lb_config: {healthy_panic_threshold: {value: 0}}
    health_checks:
    - {interval: 2s, timeout: 1s, unhealthy_threshold: 2, healthy_threshold: 2, http_health_check: {path: /health}} # quick
    load_assignment:
      cluster_name: app
      endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: 8000}}}}]}]
admin:
  address: {socket_address: {address: 0.0.0.0, port_value: 9901}}
";

/// What a run of the doctor over the rules printed, and how it ended.
async fn doctor(file: &Path, words: &[&str]) -> (i32, String, String) {
    let scratch = Scratch::new();
    let fixed = ["doctor", "--only", "lint", "-c", file.to_str().unwrap()];
    let words = fixed.iter().chain(words).map(|word| (*word).to_owned()).collect::<Vec<_>>();
    let mut process = ProcessBuilder::new(Path::new(CAUSEWAY)).args(words).start(scratch.path()).unwrap();
    let status = process.wait(Duration::from_secs(60)).await.unwrap();
    (status.code().unwrap_or(-1), process.stdout(), process.stderr())
}

fn written(name: &str, text: &str) -> (Scratch, std::path::PathBuf) {
    let scratch = Scratch::new();
    let path = scratch.path().join(name);
    fs::write(&path, text).unwrap();
    (scratch, path)
}

#[tokio::test]
async fn a_difference_is_shown_and_nothing_is_written() {
    let (_scratch, path) = written("envoy.yaml", FILE);
    let (code, out, told) = doctor(&path, &["--fix"]).await;
    assert_eq!(code, 0, "{told}");
    let (gone, new): (Vec<_>, Vec<_>) = out
        .lines()
        .skip(2)
        .filter(|line| line.starts_with(['-', '+']))
        .partition(|line| line.starts_with('-'));
    assert_eq!((gone.len(), new.len()), (1, 1), "{out}");
    assert!(
        new[0].contains("- {no_traffic_interval: 2s, interval: 2s,") && new[0].ends_with("# quick"),
        "{out}"
    );
    assert!(told.contains("--apply"), "{told}");
    assert_eq!(fs::read_to_string(&path).unwrap(), FILE);
}

#[tokio::test]
async fn what_is_applied_is_gone() {
    let (_scratch, path) = written("envoy.yaml", FILE);
    let (code, _, told) = doctor(&path, &["--fix", "--apply"]).await;
    assert_eq!(code, 0, "{told}");
    let after = fs::read_to_string(&path).unwrap();
    assert_eq!(after, FILE.replace("- {interval", "- {no_traffic_interval: 2s, interval"));
    // What has to be thought about is applied where it is named.
    let (_, out, _) = doctor(&path, &["--fix", "--apply", "--lang", "ko"]).await;
    assert_eq!(out, "");
    let (code, _, _) = doctor(&path, &["--fix", "K918", "--apply"]).await;
    assert_eq!(code, 0);
    assert_eq!(fs::read_to_string(&path).unwrap(), after.replace("0.0.0.0", "127.0.0.1"));
    let (code, _, _) = doctor(&path, &["--strict"]).await;
    assert_eq!(code, 0, "nothing is left to say");
    let (code, _, told) = doctor(&path, &["--fix", "K918"]).await;
    assert_eq!((code, told.trim()), (0, "causeway: K918: nothing of that code was found"));
}

#[tokio::test]
async fn what_can_not_be_written_is_refused() {
    // An anchor shares the health check with another cluster.
    let shared = FILE
        .replace("- {interval", "- &check {interval")
        .replace("admin:", "  - {name: other, health_checks: [*check]}\nadmin:");
    let (_scratch, path) = written("envoy.yaml", &shared);
    let (code, out, told) = doctor(&path, &["--fix", "H516", "--apply"]).await;
    assert_eq!((code, &*out), (1, ""), "{told}");
    assert!(told.contains("anchor"), "{told}");
    assert_eq!(fs::read_to_string(&path).unwrap(), shared);

    let json = r#"{"admin": {"address": {"socket_address": {"address": "0.0.0.0", "port_value": 9901}}}}"#;
    let (_scratch, path) = written("envoy.json", json);
    let (code, _, told) = doctor(&path, &["--fix", "K918", "--apply"]).await;
    assert_eq!(code, 2);
    assert!(told.contains("JSON"), "{told}");
    assert_eq!(fs::read_to_string(&path).unwrap(), json);

    let (code, _, _) = doctor(&path, &["--fix", "-o", "json"]).await;
    assert_eq!(code, 2, "a diff is no JSON");
}

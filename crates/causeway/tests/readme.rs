//! The README is true: every command in it is run in its order, in both languages, and prints what stands there.
//!
//! A `console` block holds commands and what they print, a `text` block lines of the demo's log. What is
//! different each time (times, ids, which app begins) is masked on both sides; ports are moved.
#![expect(clippy::unwrap_used, reason = "a panic is a failed test")]

#[path = "support/demo.rs"]
mod support;

use std::path::Path;
use std::time::Duration;

use causeway_testkit::eventually;
use regex::Regex;
use support::{CAUSEWAY, Demo, USUAL, curl};

/// Longer than two health checks take on a busy machine.
const SOON: Duration = Duration::from_secs(15);

/// One thing that stands in a README.
#[derive(Debug, PartialEq)]
enum Claim {
    /// A command prints this.
    Prints { command: String, expected: String },
    /// This line is in the log.
    Logged(String),
}

fn claims(text: &str) -> Vec<Claim> {
    let mut claims = Vec::new();
    let mut language = None;
    for line in text.lines() {
        match (language, line.strip_prefix("```")) {
            (None, Some(of)) => language = Some(of),
            (Some(_), Some(_)) => language = None,
            (Some("console"), None) => match (line.strip_prefix("$ "), claims.last_mut()) {
                (Some(command), _) => {
                    claims.push(Claim::Prints { command: command.to_owned(), expected: String::new() });
                }
                (None, Some(Claim::Prints { expected, .. })) => {
                    expected.push_str(line);
                    expected.push('\n');
                }
                (None, last) => panic!("{line} is behind {last:?}"),
            },
            (Some("text"), None) => claims.push(Claim::Logged(line.to_owned())),
            (Some(_) | None, None) => {}
        }
    }
    assert_eq!(language, None, "a block that does not end");
    claims
}

/// The text without what is different each time.
fn masked(text: &str) -> String {
    let mut text = text.replace('\r', "");
    for (what, name) in [
        (r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)?", "TIME"),
        (r"(?m)^date: .*$", "date: DATE"),
        (r"\[TIME\]\[\d+\]", "[TIME][THREAD]"),
        (r"(less than )?\b\d+(\.\d+)? ?(ms|s)\b", "DURATION"),
        (r"\.rs:\d+\]", ".rs:LINE]"),
        (r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "ID"),
        (r"\S*/causeway-demo-\d+(-\d+)?/", "FOLDER/"),
        (r"in_a_row=\d+", "in_a_row=N"),
        (r"why=[0-9a-f]{16}", "why=NUMBER"),
        (r"connection   \d+", "connection   N"),
        (r"연결         \d+", "연결         N"),
    ] {
        text = Regex::new(what).unwrap().replace_all(&text, name).into_owned();
    }
    from_the_first_app(text.trim_end())
}

/// Whose turn it is first is chance; that they take turns is not.
fn from_the_first_app(text: &str) -> String {
    let mut lines: Vec<_> = text.lines().collect();
    if lines.iter().all(|line| line.starts_with("app ") && line.len() == 5)
        && let Some(first) = lines.iter().position(|line| *line == "app 1")
    {
        lines.rotate_left(first);
    }
    lines.join("\n")
}

fn shifted(demo: &Demo, text: &str) -> String {
    USUAL.iter().fold(text.to_owned(), |text, port| {
        text.replace(&format!(":{port}"), &format!(":{}", port + demo.offset))
            .replace(&format!(" {port}::"), &format!(" {}::", port + demo.offset))
    })
}

/// Waits until health checks have seen what a command did to the apps.
async fn settle(demo: &Demo) {
    let apps = shifted(demo, "curl -s http://127.0.0.1:9443/apps");
    let clusters = shifted(demo, "curl -s http://127.0.0.1:9901/clusters");
    let seen = async || {
        let stopped = demo.shell(&apps).await.matches(r#""running":false"#).count();
        demo.shell(&clusters).await.matches("::/failed_active_hc").count() == stopped
    };
    assert!(eventually(SOON, seen).await, "{}", demo.shell(&clusters).await);
}

async fn check(name: &str) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap();
    let claims = claims(&std::fs::read_to_string(root.join(name)).unwrap());
    assert!(claims.len() > 20, "{name}: {claims:?}");
    let demo = Demo::start().await;
    // Commands are typed in the repository, where a release was built.
    let link = |to: &Path, at: &str| std::os::unix::fs::symlink(to, demo.scratch().file(at)).unwrap();
    link(&root.join("examples"), "examples");
    std::fs::create_dir_all(demo.scratch().file("target/release")).unwrap();
    link(Path::new(CAUSEWAY), "target/release/causeway");
    for claim in claims {
        match claim {
            Claim::Prints { command, expected } => {
                let expected = masked(&expected);
                let command = shifted(&demo, &command);
                let mut printed = masked(&demo.usual(&demo.shell(&command).await));
                if command.contains("POST") {
                    settle(&demo).await;
                } else {
                    // A reload takes a moment.
                    let as_said = async || {
                        if printed != expected {
                            printed = masked(&demo.usual(&demo.shell(&command).await));
                        }
                        printed == expected
                    };
                    eventually(Duration::from_secs(3), as_said).await;
                }
                assert_eq!(printed, expected, "{name}: {command}");
            }
            Claim::Logged(line) => {
                let line = masked(&line);
                let logged = async || masked(&demo.usual(&demo.process.stderr())).contains(&line);
                assert!(eventually(SOON, logged).await, "{name}: {line}\n{}", demo.process.stderr());
            }
        }
    }
}

#[tokio::test]
async fn what_the_readme_says_is_so() {
    match curl().await {
        Ok(()) => check("README.md").await,
        Err(why) => {
            causeway_testkit::skip!("what_the_readme_says_is_so", why, "apt-get install curl")
        }
    }
}

#[tokio::test]
async fn what_the_korean_readme_says_is_so() {
    match curl().await {
        Ok(()) => check("README.ko.md").await,
        Err(why) => {
            causeway_testkit::skip!("what_the_korean_readme_says_is_so", why, "apt-get install curl")
        }
    }
}

#[test]
fn claims_are_found_and_what_changes_is_masked() {
    let text = "x\n```console\n$ a\n1\n2\n$ b\n```\n```sh\n$ c\n```\n```text\nline\n```\n";
    let prints = |command: &str, expected: &str| Claim::Prints {
        command: command.to_owned(),
        expected: expected.to_owned(),
    };
    assert_eq!(claims(text), [prints("a", "1\n2\n"), prints("b", ""), Claim::Logged("line".to_owned())]);
    assert_eq!(masked("app 2\napp 3\napp 1\n"), "app 1\napp 2\napp 3");
    assert_eq!(
        masked("[2026-11-21 07:10:00.753][6835][x] [a.rs:7] /tmp/causeway-demo-68/e after 0.1 ms"),
        "[TIME][THREAD][x] [a.rs:LINE] FOLDER/e after DURATION"
    );
}

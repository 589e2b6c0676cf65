//! One case: Envoy with its file, clients, the doctor, and what is to be thought of what it says.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use causeway_testkit::{Connection, Netns, Peer, Proxy, TlsClient, eventually};
use serde_json::Value;
use tokio::net::TcpStream;

use super::cases::Behind;
use super::groups::Line;
use crate::case::{self, codes};
use crate::site::Ports;

/// How long Envoy may take to start, beside others.
const START: Duration = Duration::from_secs(30);
/// How long a client waits: longer than a route does that says nothing about it.
const PATIENCE: Duration = Duration::from_secs(20);
/// Answers that are waited for before the doctor is asked.
const SENT: usize = 4;
/// How long they are waited for.
const SOON: Duration = Duration::from_millis(1500);
/// Istio's format: the fields that operators of Envoy have in their logs.
const FORMAT: &str = concat!(
    r#"[%START_TIME%] \"%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%\" %RESPONSE_CODE% "#,
    r#"%RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS% %CONNECTION_TERMINATION_DETAILS% "#,
    r#"\"%UPSTREAM_TRANSPORT_FAILURE_REASON%\" %BYTES_RECEIVED% %BYTES_SENT% %DURATION% "#,
    r#"%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% \"%REQ(X-FORWARDED-FOR)%\" \"%REQ(USER-AGENT)%\" "#,
    r#"\"%REQ(X-REQUEST-ID)%\" \"%REQ(:AUTHORITY)%\" \"%UPSTREAM_HOST%\" %UPSTREAM_CLUSTER% "#,
    r#"%UPSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_REMOTE_ADDRESS% "#,
    r#"%REQUESTED_SERVER_NAME% %ROUTE_NAME%"#
);

/// What came of a case.
pub(super) struct Outcome {
    pub(super) family: &'static str,
    pub(super) name: &'static str,
    /// The codes that it is about.
    pub(super) expected: BTreeSet<String>,
    pub(super) verdict: Verdict,
    /// Warnings with other codes.
    pub(super) beside: Vec<String>,
    /// What Envoy logged of a request that failed.
    pub(super) line: Option<Line>,
}

pub(super) enum Verdict {
    Right,
    /// What was found instead.
    Wrong(String),
    /// Envoy does not take the file.
    Refused(String),
}

impl Behind {
    /// Runs it.
    pub(super) async fn run(mut self, envoy: &Path) -> Outcome {
        let mut outcome = Outcome {
            family: self.family,
            name: self.name(),
            expected: self.expected(),
            verdict: Verdict::Right,
            beside: Vec::new(),
            line: None,
        };
        let mut world = self.case.make().await;
        world.listener.log = FORMAT;
        if self.passed_through {
            let port = world.port();
            world.cluster = format!(
                "- name: PassthroughCluster\n  type: ORIGINAL_DST\n  lb_policy: CLUSTER_PROVIDED\n  \
                 original_dst_lb_config: {{use_http_header: true, upstream_port_override: {port}}}\n"
            );
        }
        let ports = Ports::reserve();
        // Nobody else is in a namespace, so its ports need no reserving.
        let (listener, admin) = match &world.netns {
            Some(netns) => {
                (SocketAddr::new(netns.address(), 80), SocketAddr::from((Ipv4Addr::LOCALHOST, 9901)))
            }
            None => (ports.listener(), ports.admin()),
        };
        let text = world.file(admin, listener);
        let mut builder =
            Proxy::build(Peer::Envoy, envoy, &text).arg("--file-flush-interval-msec").arg("10").limit(START);
        if !self.waits {
            builder = builder.listener(listener.port());
        }
        if let Some(netns) = &world.netns {
            builder = builder.in_netns(netns);
        }
        let proxy = match builder.start().await {
            Ok(proxy) => proxy,
            Err(fault) => {
                outcome.verdict = Verdict::Refused(refusal(&fault.log));
                return outcome;
            }
        };
        if let Some(address) = self.gone {
            world.moves(address);
        }
        let domain = match world.listener.domains {
            "*" => "test",
            domain => domain,
        };
        let mut sent = self.sent(domain);
        if self.passed_through {
            // What a redirect by the kernel would say.
            let with = |bytes: &Vec<u8>| {
                let text = String::from_utf8_lossy(bytes);
                text.replacen("\r\n", "\r\nx-envoy-original-dst-host: 127.0.0.1:1\r\n", 1).into_bytes()
            };
            sent = sent.iter().map(with).collect();
        }
        let answered = Rc::new(Cell::new(0));
        let (handshake, count) = (self.handshake.take(), Rc::clone(&answered));
        // Where Envoy closes behind its answer, it takes a second for that: one client alone would ask too seldom.
        let clients = tokio::task::spawn_local(async move {
            let one = || clients(listener, &sent, handshake.as_ref(), &count);
            tokio::join!(one(), one());
        });
        eventually(SOON, async || answered.get() >= SENT).await;
        if self.waits {
            eventually(START, async || TcpStream::connect(admin).await.is_ok()).await;
        }
        let log = proxy.directory().file("access.log");
        let report = ask(admin, world.netns.as_ref(), self.log.then_some(&log)).await;
        // The line of one that takes its time comes late.
        if super::is_whole() {
            eventually(PATIENCE, async || answered.get() > 0).await;
        }
        clients.abort();
        outcome.line = Line::of_log(&std::fs::read_to_string(&log).unwrap_or_default());
        match report {
            Ok(report) => self.judge(&report, &mut outcome),
            Err(why) => outcome.verdict = Verdict::Wrong(why),
        }
        if std::env::var_os("CAUSES_SHOW").is_some() {
            causeway_testkit::say_skipped(&format!("{}\n{text}\n{}", self.name(), proxy.log()));
        }
        outcome
    }

    /// Everything that it is about has to be said, and no error about anything else.
    fn judge(&self, report: &Value, outcome: &mut Outcome) {
        let found = sure(report);
        let of = |severity: &str| {
            let findings = report["findings"].as_array().into_iter().flatten();
            let other = findings.filter(|finding| {
                let code = finding["code"].as_str().unwrap_or_default();
                finding["severity"] == severity
                    && !outcome.expected.contains(code)
                    && !self.consequences.contains(&code)
            });
            other
                .map(|finding| {
                    let text = |name: &str| finding[name].as_str().unwrap_or_default().to_owned();
                    format!("{} {} ({})", text("code"), text("confidence"), text("title"))
                })
                .collect::<Vec<_>>()
        };
        let (errors, warnings) = (of("error"), of("warning"));
        let missing: Vec<_> = outcome.expected.difference(&found).collect();
        let is_healthy = outcome.expected.is_empty();
        if !missing.is_empty() || !errors.is_empty() || (is_healthy && !warnings.is_empty()) {
            outcome.verdict = Verdict::Wrong(format!(
                "expected {:?}, found {found:?}; errors beside: {}; warnings beside: {}",
                outcome.expected,
                errors.join(", "),
                warnings.join(", ")
            ));
            if std::env::var_os("CAUSE").is_some() {
                causeway_testkit::say_skipped(&format!("{report:#}"));
            }
        } else {
            outcome.beside = warnings;
        }
    }
}

/// The codes of errors and warnings. What was counted, and is no more than possible, is a guess, though it may be a good one.
fn sure(report: &Value) -> BTreeSet<String> {
    let mut report = report.clone();
    if let Some(findings) = report["findings"].as_array_mut() {
        let is_counted =
            |finding: &Value| matches!(finding["evidence"][0]["kind"].as_str(), Some("admin" | "log"));
        findings.retain(|finding| finding["confidence"] != "possible" || !is_counted(finding));
    }
    codes(&report)
}

/// The last that Envoy said before it ended.
fn refusal(log: &str) -> String {
    let line = log.lines().rev().find(|line| line.contains("[critical]") || line.contains("[error]"));
    line.or_else(|| log.lines().last()).unwrap_or_default().chars().take(300).collect()
}

/// Clients that ask, each on a connection of its own, until nobody waits for them any more.
async fn clients(to: SocketAddr, sent: &[Vec<u8>], handshake: Option<&TlsClient>, answered: &Cell<usize>) {
    loop {
        for bytes in sent {
            let opened = match handshake {
                Some(client) => client.open(to).await,
                None => Connection::open(to).await.map_err(|error| error.to_string()),
            };
            if let Ok(connection) = opened {
                let mut connection = connection.patience(PATIENCE);
                connection.write(bytes).await;
                // What comes of it, the log of the proxy says.
                let _ = connection.response("GET").await;
            }
            answered.set(answered.get() + 1);
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Asks the doctor about what runs.
async fn ask(admin: SocketAddr, netns: Option<&Netns>, log: Option<&PathBuf>) -> Result<Value, String> {
    let admin = format!("http://{admin}");
    let log = log.map(|log| log.display().to_string());
    let mut arguments = vec!["--interval", "1", "--envoy", &*admin];
    arguments.extend(log.iter().flat_map(|log| ["--log", &**log]));
    case::ask(&arguments, netns).await
}

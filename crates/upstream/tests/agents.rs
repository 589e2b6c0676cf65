//! Agents that say how much of the traffic a host gets, on real sockets.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic is a failed test")]

mod support;

use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use causeway_model::{AgentCheck, Cluster};
use causeway_reason::Reason;
use causeway_upstream::{ClusterManager, Host, LoadBalancer};
use support::log::Lines;
use support::{agent_check, bootstrap, cluster, manager, run, until};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::spawn_local;

/// An agent at a port of the first of two hosts, which says what it is told to. Nobody listens at the port of the second.
#[derive(Clone)]
struct Agent {
    port: u16,
    answer: Rc<RefCell<Answer>>,
    /// What it was asked last, and how often.
    asked: Rc<RefCell<(Vec<u8>, usize)>>,
}

#[derive(Clone)]
enum Answer {
    /// Says this and closes.
    Say(Vec<u8>),
    /// Says this, and leaves the connection open.
    Hold(Vec<u8>),
}

impl Agent {
    async fn start(answer: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let answer = Rc::new(RefCell::new(Answer::Say(answer.into())));
        let this = Self { port, answer, asked: Rc::default() };
        let server = this.clone();
        spawn_local(async move {
            let mut held = Vec::new();
            while let Ok((mut connection, _)) = listener.accept().await {
                let mut question = vec![0; 4];
                let _ = connection.read_exact(&mut question).await;
                let answer = server.answer.borrow().clone();
                let (Answer::Say(words) | Answer::Hold(words)) = &answer;
                let _ = connection.write_all(words).await;
                if matches!(answer, Answer::Hold(_)) {
                    held.push(connection);
                }
                let times = server.asked.borrow().1;
                *server.asked.borrow_mut() = (question, times + 1);
            }
        });
        this
    }

    fn say(&self, words: &str) {
        *self.answer.borrow_mut() = Answer::Say(words.into());
    }

    fn hold(&self, words: &str) {
        *self.answer.borrow_mut() = Answer::Hold(words.into());
    }

    /// Waits until what it says now was heard.
    async fn heard(&self) {
        let before = self.asked.borrow().1;
        // The last of them may still be under way.
        until("the agent was asked", || self.asked.borrow().1 > before + 2).await;
    }

    /// A cluster of two hosts.
    fn cluster(&self, panic: f64) -> Cluster {
        let hosts = [SocketAddr::from(([127, 0, 0, 1], 1)), SocketAddr::from(([127, 0, 0, 2], 2))];
        let check =
            AgentCheck { port: self.port, send: b"who\n".as_slice().into(), ..(*agent_check()).clone() };
        Cluster { agent_check: Some(Arc::new(check)), healthy_panic_threshold: panic, ..cluster("a", &hosts) }
    }
}

/// The host with the agent.
fn first(manager: &ClusterManager) -> Arc<Host> {
    manager.clusters().get("a").unwrap().host_set().hosts().next().unwrap().clone()
}

/// How many of 125 requests the host with the agent gets.
fn share(manager: &ClusterManager) -> usize {
    let mut balancer = LoadBalancer::new(manager.clusters().get("a").unwrap(), 0, 7);
    let turns = (0..125).map(|_| balancer.choose(Instant::now).unwrap().host.address().ip().unwrap().port());
    turns.filter(|port| *port == 1).count()
}

async fn until_share(manager: &ClusterManager, shares: std::ops::RangeInclusive<usize>) {
    until("the share follows the agent", || shares.contains(&share(manager))).await;
}

async fn until_flags(manager: &ClusterManager, flags: &str) {
    until("the flags follow the agent", || first(manager).flags().to_string() == flags).await;
}

#[test]
fn shares_follow_what_the_agent_says() {
    run(async {
        let (lines, _guard) = Lines::catch();
        let agent = Agent::start("up\n").await;
        let (manager, _) = manager();
        manager.apply(&bootstrap(vec![agent.cluster(100.0)]));
        agent.heard().await;
        assert!((62..=63).contains(&share(&manager)));
        assert_eq!(agent.asked.borrow().0, b"who\n");
        agent.say("25%\n");
        until_share(&manager, 25..=25).await;
        agent.say("drain\n");
        until_share(&manager, 0..=0).await;
        assert_eq!(first(&manager).flags().to_string(), "/agent_drain");
        agent.say("up\n");
        agent.heard().await;
        assert_eq!(share(&manager), 0, "only `ready` ends a drain");
        // What it said outlives a change of the cluster.
        let changed = Cluster { connect_timeout: Duration::from_secs(9), ..agent.cluster(100.0) };
        manager.apply(&bootstrap(vec![changed]));
        assert_eq!(first(&manager).flags().to_string(), "/agent_drain");
        agent.say("ready up 100%\r\n");
        until_share(&manager, 62..=63).await;
        let lines: Vec<_> = lines.of("hc").into_iter().filter(|line| line.contains("127.0.0.1:1 ")).collect();
        assert_eq!(
            lines,
            [
                "INFO a 127.0.0.1:1 is in use with 25 % of its weight (its agent says \"25%\"); 2 of 2 hosts healthy",
                "INFO a 127.0.0.1:1 is drained (its agent says \"drain\"); 1 of 2 hosts healthy",
                "INFO a 127.0.0.1:1 is in use with 100 % of its weight (its agent says \"ready up 100%\"); 2 of 2 hosts healthy",
            ]
        );
    });
}

#[test]
fn a_host_that_is_down_has_a_reason_and_silence_changes_nothing() {
    run(async {
        // Tests beside this one look for lines, and a thread that catches none would have them switched off.
        let (_lines, _guard) = Lines::catch();
        let agent = Agent::start("down # disk is full\n").await;
        let (manager, _) = manager();
        let mut config = agent.cluster(0.0);
        config.localities[0].endpoints.truncate(1);
        manager.apply(&bootstrap(vec![config]));
        until_flags(&manager, "/agent_down").await;
        let why = || {
            let mut balancer = LoadBalancer::new(manager.clusters().get("a").unwrap(), 0, 7);
            balancer.choose(Instant::now).unwrap_err()
        };
        until("nobody is left", || {
            LoadBalancer::new(manager.clusters().get("a").unwrap(), 0, 7).choose(Instant::now).is_err()
        })
        .await;
        assert_eq!(why().reason, Reason::AgentDown);
        for silence in ["", "bogus\n", "up", "\n"] {
            agent.say(silence);
            agent.heard().await;
            assert_eq!(first(&manager).flags().to_string(), "/agent_down", "{silence:?}");
        }
        assert!(why().evidence.unwrap().contains("said \"down # disk is full\""));
        agent.say("maint up\n");
        until_flags(&manager, "/agent_maint").await;
        assert_eq!(why().reason, Reason::AgentDrained);
    });
}

#[test]
fn an_answer_has_limits_of_time_and_length() {
    run(async {
        let (lines, _guard) = Lines::catch();
        let agent = Agent::start("25%\n").await;
        let (manager, _) = manager();
        let mut config = agent.cluster(0.0);
        config.localities[0].endpoints.truncate(1);
        let check = AgentCheck {
            timeout: Duration::from_millis(200),
            ..(**config.agent_check.as_ref().unwrap()).clone()
        };
        config.agent_check = Some(Arc::new(check));
        manager.apply(&bootstrap(vec![config]));
        let percent = || first(&manager).agent_report().map(|report| report.percent);
        until("the agent was heard", || percent() == Some(25)).await;
        let failure = || first(&manager).agent_report()?.check.failure.clone();
        let fails = async |reason, words: &str| {
            until(words, || failure().is_some_and(|failure| failure.reason == reason)).await;
            let failure = failure().unwrap().evidence.unwrap_or_default();
            assert!(failure.contains(words), "{failure}");
            assert_eq!(percent(), Some(25));
        };
        agent.hold("75");
        fails(Reason::HealthCheckTimeout, "no line within 200 ms").await;
        agent.hold(&format!("75% {}", "#".repeat(1020)));
        fails(Reason::HealthCheckProtocol, "no end of the line within 1024 bytes").await;
        agent.say("");
        fails(Reason::HealthCheckClosed, "closed without a line").await;
        agent.say("75");
        fails(Reason::HealthCheckProtocol, "closed before the line had an end").await;
        // As long as it may be, and nobody waits for the connection to be closed.
        agent.hold(&format!("75% {}\n", "#".repeat(1019)));
        until("the agent was heard", || percent() == Some(75)).await;
        assert!(failure().is_none());
        let lines = lines.of("hc");
        let faults = lines.iter().filter(|line| line.contains("can't be understood")).count();
        let again = lines.iter().filter(|line| line.contains("can be understood")).count();
        assert_eq!((faults, again), (4, 1), "one line each: {lines:?}");
    });
}

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
use support::{bootstrap, cluster, manager, run, until};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::spawn_local;

/// Agents at one port of two addresses; the second says `up`, and the first what it is told to.
struct Agents {
    port: u16,
    word: Rc<RefCell<&'static str>>,
    asked: Rc<RefCell<Vec<u8>>>,
}

impl Agents {
    async fn start() -> Self {
        let first = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = first.local_addr().unwrap().port();
        let this = Self { port, word: Rc::new(RefCell::new("up\n")), asked: Rc::default() };
        let (word, asked) = (Rc::clone(&this.word), Rc::clone(&this.asked));
        spawn_local(async move {
            while let Ok((mut connection, _)) = first.accept().await {
                let mut question = vec![0; 4];
                let _ = connection.read_exact(&mut question).await;
                *asked.borrow_mut() = question;
                let word = *word.borrow();
                let _ = connection.write_all(word.as_bytes()).await;
            }
        });
        this
    }

    fn say(&self, word: &'static str) {
        *self.word.borrow_mut() = word;
    }

    /// A cluster of a host with this agent, and one whose agent nobody has started.
    fn cluster(&self, panic: f64) -> Cluster {
        let hosts = [SocketAddr::from(([127, 0, 0, 1], 1)), SocketAddr::from(([127, 0, 0, 2], 2))];
        let check = AgentCheck {
            port: self.port,
            interval: Duration::from_millis(20),
            timeout: Duration::from_secs(3),
            send: b"who\n".as_slice().into(),
        };
        Cluster { agent_check: Some(Arc::new(check)), healthy_panic_threshold: panic, ..cluster("a", &hosts) }
    }
}

fn first(manager: &ClusterManager) -> Arc<Host> {
    manager.clusters().get("a").unwrap().host_set().hosts().next().unwrap().clone()
}

/// How many of 125 requests the host with the agent gets.
fn share(manager: &ClusterManager) -> usize {
    let mut balancer = LoadBalancer::new(manager.clusters().get("a").unwrap(), 0, 7);
    let turns = (0..125).map(|_| balancer.choose(Instant::now).unwrap().host.address().ip().unwrap().port());
    turns.filter(|port| *port == 1).count()
}

async fn until_flags(manager: &ClusterManager, percent: u32, flags: &str) {
    until("the agent was heard", || {
        let host = first(manager);
        let said = host.agent_report().map(|report| report.percent);
        said == Some(percent) && host.flags().to_string() == flags
    })
    .await;
    // The snapshot follows in the next turn.
    tokio::time::sleep(Duration::from_millis(20)).await;
}

#[test]
fn shares_follow_what_the_agent_says() {
    run(async {
        let (lines, _guard) = Lines::catch();
        let agents = Agents::start().await;
        let (manager, _) = manager();
        manager.apply(&bootstrap(vec![agents.cluster(100.0)]));
        until_flags(&manager, 100, "healthy").await;
        assert!((62..=63).contains(&share(&manager)));
        assert_eq!(*agents.asked.borrow(), b"who\n");
        agents.say("25%\n");
        until_flags(&manager, 25, "healthy").await;
        assert_eq!(share(&manager), 25);
        agents.say("drain\n");
        until_flags(&manager, 25, "/agent_drain").await;
        assert_eq!(share(&manager), 0);
        agents.say("up\n");
        tokio::time::sleep(Duration::from_millis(60)).await;
        assert_eq!(share(&manager), 0, "only `ready` ends a drain");
        // What it said outlives a change of the cluster.
        let changed = Cluster { connect_timeout: Duration::from_secs(9), ..agents.cluster(100.0) };
        manager.apply(&bootstrap(vec![changed]));
        assert_eq!(first(&manager).flags().to_string(), "/agent_drain");
        agents.say("ready up 100%\r\n");
        until_flags(&manager, 100, "healthy").await;
        assert!((62..=63).contains(&share(&manager)));
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
        let agents = Agents::start().await;
        let (manager, _) = manager();
        let mut config = agents.cluster(0.0);
        config.localities[0].endpoints.truncate(1);
        manager.apply(&bootstrap(vec![config]));
        agents.say("down # disk is full\n");
        until_flags(&manager, 100, "/agent_down").await;
        let why = || {
            let mut balancer = LoadBalancer::new(manager.clusters().get("a").unwrap(), 0, 7);
            balancer.choose(Instant::now).unwrap_err()
        };
        assert_eq!(why().reason, Reason::AgentDown);
        for silence in ["", "bogus\n", "up", "\n"] {
            agents.say(silence);
            tokio::time::sleep(Duration::from_millis(60)).await;
            assert_eq!(first(&manager).flags().to_string(), "/agent_down", "{silence:?}");
        }
        assert!(why().evidence.unwrap().contains("said \"down # disk is full\""));
        agents.say("maint up\n");
        until_flags(&manager, 100, "/agent_maint").await;
        assert_eq!(why().reason, Reason::AgentDrained);
    });
}

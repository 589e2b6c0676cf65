//! Networks of one's own, where packets can be dropped and addresses are real.

use std::fs::File;
use std::net::{IpAddr, Ipv4Addr};
use std::ops::Deref;
use std::os::fd::AsFd;
use std::process::Command;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc;
use std::thread::JoinHandle;

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;

use crate::spawner;

/// A network namespace, joined to this one by a pair of virtual devices, with an address on each
/// side; removed with its devices, addresses and rules when dropped.
#[derive(Debug)]
pub struct Netns {
    name: String,
    outside: String,
    inside: String,
    network: u32,
}

impl Netns {
    /// Whether namespaces can be made here.
    ///
    /// # Errors
    /// The sentence says why not.
    pub fn available() -> Result<(), String> {
        static ANSWER: OnceLock<Result<(), String>> = OnceLock::new();
        let try_it = || {
            if !rustix::process::geteuid().is_root() {
                return Err("network namespaces need root".into());
            }
            Self::make().map(drop).map_err(|e| format!("network namespaces do not work here ({e})"))
        };
        ANSWER.get_or_init(try_it).clone()
    }

    /// Makes one. Ask [`Netns::available`] first: a test that cannot have one is to be skipped.
    #[must_use]
    pub fn new() -> Self {
        Self::make().unwrap_or_else(|e| panic!("cannot make a network namespace: {e}"))
    }

    fn make() -> Result<Self, String> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        // Device names have at most 15 characters, process numbers at most 7.
        let base = format!("cw{}n{}", std::process::id(), number % 100);
        // 198.18.0.0/15 is set aside for the testing of network devices (RFC 2544): no real network
        // is hidden by it. Each namespace gets four addresses of it.
        let slot = std::process::id().wrapping_mul(16).wrapping_add(number) % (1 << 15);
        let netns = Self {
            outside: format!("{base}o"),
            inside: format!("{base}i"),
            name: base,
            network: u32::from(Ipv4Addr::new(198, 18, 0, 0)) + slot * 4,
        };
        let (name, outside, inside) = (&netns.name, &netns.outside, &netns.inside);
        let host = format!("{}/30", netns.host_address());
        let own = format!("{}/30", netns.address());
        ip(&["netns", "add", name])?;
        ip(&["link", "add", outside, "type", "veth", "peer", "name", inside, "netns", name])?;
        ip(&["addr", "add", &host, "dev", outside])?;
        ip(&["link", "set", outside, "up"])?;
        ip(&["-n", name, "addr", "add", &own, "dev", inside])?;
        ip(&["-n", name, "link", "set", inside, "up"])?;
        ip(&["-n", name, "link", "set", "lo", "up"])?;
        ip(&["-n", name, "route", "add", "default", "via", &netns.host_address().to_string()])?;
        Ok(netns)
    }

    /// Its name, for `ip netns exec`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The device inside that leads to the outside.
    #[must_use]
    pub fn device(&self) -> &str {
        &self.inside
    }

    /// Its address, reachable from outside.
    #[must_use]
    pub fn address(&self) -> IpAddr {
        Ipv4Addr::from(self.network + 2).into()
    }

    /// The address of the outside, reachable from inside.
    #[must_use]
    pub fn host_address(&self) -> IpAddr {
        Ipv4Addr::from(self.network + 1).into()
    }

    /// One more address inside, with a route to it from outside.
    pub fn add_address(&self, address: IpAddr) {
        let bits = if address.is_ipv4() { 32 } else { 128 };
        self.must(&["ip", "addr", "add", &format!("{address}/{bits}"), "dev", &self.inside]);
        let route = ["route", "add", &address.to_string(), "via", &self.address().to_string()];
        ip(&route).unwrap_or_else(|e| panic!("{e}"));
    }

    /// A firewall rule inside: the arguments of `iptables`, separated by spaces.
    ///
    /// ```no_run
    /// # let netns = causeway_testkit::Netns::new();
    /// netns.iptables("-A INPUT -p tcp --dport 80 -j REJECT --reject-with tcp-reset");
    /// ```
    pub fn iptables(&self, rule: &str) {
        let words: Vec<&str> = ["iptables", "-w"].into_iter().chain(rule.split_whitespace()).collect();
        self.must(&words);
    }

    /// Runs a command inside and returns what it prints.
    ///
    /// # Errors
    /// When it cannot be run or says that it failed.
    pub fn command(&self, words: &[&str]) -> Result<String, String> {
        let mut line = vec!["ip", "netns", "exec", &self.name];
        line.extend(words);
        output(&line)
    }

    /// Does something inside and waits for it. The calling thread is blocked, so this is for tests
    /// without a runtime of their own. Programs that are started there still run outside, unless
    /// they are started [`crate::ProcessBuilder::in_netns`].
    pub fn run<T: Send>(&self, work: impl AsyncFnOnce() -> T + Send) -> T {
        std::thread::scope(|scope| {
            let thread = scope.spawn(|| self.runtime().block_on(work()));
            thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }

    /// Makes something inside that goes on there until it is dropped, such as a back-end.
    pub fn settle<T: Send + 'static>(&self, make: impl AsyncFnOnce() -> T + Send + 'static) -> Settled<T> {
        let (made, value) = mpsc::channel();
        let (stop, stopped) = oneshot::channel::<()>();
        let name = self.name.clone();
        let thread = std::thread::spawn(move || {
            runtime_in(&name).block_on(async {
                // The receiver waits, and the sender is only ever dropped.
                let _ = made.send(make().await);
                let _ = stopped.await;
            });
        });
        let value =
            value.recv().unwrap_or_else(|_| panic!("what was to settle in {} has panicked", self.name));
        Settled { value: Some(value), stop: Some(stop), thread: Some(thread) }
    }

    fn runtime(&self) -> Runtime {
        runtime_in(&self.name)
    }

    fn must(&self, words: &[&str]) {
        self.command(words).unwrap_or_else(|e| panic!("{e}"));
    }
}

impl Default for Netns {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Netns {
    fn drop(&mut self) {
        // A device pair goes when either end does; the namespace stays while somebody is in it.
        let _ = ip(&["link", "del", &self.outside]);
        let _ = ip(&["netns", "del", &self.name]);
    }
}

/// Something that lives in a namespace.
#[derive(Debug)]
pub struct Settled<T> {
    value: Option<T>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl<T> Deref for Settled<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.value.as_ref().expect("there until dropped")
    }
}

impl<T> Drop for Settled<T> {
    fn drop(&mut self) {
        self.value = None;
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            // A panic inside was printed where it happened.
            let _ = thread.join();
        }
    }
}

/// Moves the calling thread, and no other, into a namespace, and gives it a runtime.
fn runtime_in(name: &str) -> Runtime {
    spawner::thread();
    let enter = || {
        let file = File::open(format!("/run/netns/{name}"))?;
        move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network))?;
        Builder::new_current_thread().enable_all().build()
    };
    enter().unwrap_or_else(|e| panic!("cannot enter the network namespace {name}: {e}"))
}

fn ip(words: &[&str]) -> Result<String, String> {
    let mut line = vec!["ip"];
    line.extend(words);
    output(&line)
}

fn output(line: &[&str]) -> Result<String, String> {
    let result = Command::new(line[0]).args(&line[1..]).output().map_err(|e| format!("{}: {e}", line[0]))?;
    if result.status.success() {
        Ok(String::from_utf8_lossy(&result.stdout).into_owned())
    } else {
        Err(format!("{}: {}", line.join(" "), String::from_utf8_lossy(&result.stderr).trim()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Backend, ProcessBuilder, Reply, Request, Scratch, exchange};
    use std::time::Duration;

    #[tokio::test]
    async fn a_back_end_inside_is_reached_and_can_be_cut_off() {
        if let Err(why) = Netns::available() {
            crate::skip!("a_back_end_inside", why, "sudo -E cargo test -p causeway-testkit");
        }
        let netns = Netns::new();
        let address = netns.address();
        let backend =
            netns.settle(async move || Backend::start_on((address, 0).into(), Reply::ok("in")).await);
        assert_eq!(exchange(backend.address(), &Request::get("/")).await.unwrap().text(), "in");

        netns.iptables("-A INPUT -p tcp -j REJECT --reject-with tcp-reset");
        assert!(exchange(backend.address(), &Request::get("/")).await.is_err());
        assert_eq!(backend.connections(), 1);
    }

    #[test]
    fn work_and_programs_run_inside() {
        if let Err(why) = Netns::available() {
            crate::skip!("work_and_programs_run_inside", why, "sudo -E cargo test -p causeway-testkit");
        }
        let netns = Netns::new();
        netns.add_address("198.51.100.7".parse().unwrap());
        let addresses = netns.run(async || {
            let scratch = Scratch::new();
            let mut process = ProcessBuilder::new("ip")
                .args(["-o", "addr"])
                .in_netns(&netns)
                .start(scratch.path())
                .unwrap();
            assert!(process.wait(Duration::from_secs(10)).await.unwrap().success());
            process.stdout()
        });
        assert!(addresses.contains(&netns.address().to_string()) && addresses.contains("198.51.100.7"));
        let name = netns.name().to_owned();
        drop(netns);
        assert!(!output(&["ip", "netns", "list"]).unwrap().contains(&name));
    }
}

//! Programs that a test starts and that end with it.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{
    Pid, PidfdFlags, Resource, Rlimit, Signal, kill_process, kill_process_group, pidfd_open, prlimit,
};
use rustix::time::Timespec;

use crate::netns::Netns;
use crate::peers::find_in_path;
use crate::scratch::read_lossy;
use crate::spawner;
use crate::wait::eventually;

/// How long a program that is asked to end may take before it is killed.
const GRACE: Duration = Duration::from_millis(500);

/// What to start and how.
#[derive(Clone, Debug)]
pub struct ProcessBuilder {
    program: PathBuf,
    args: Vec<OsString>,
    envs: Vec<(OsString, OsString)>,
    prefix: Vec<OsString>,
    death: &'static str,
}

impl ProcessBuilder {
    /// A program without arguments.
    #[must_use]
    pub fn new(program: impl Into<PathBuf>) -> Self {
        Self {
            program: program.into(),
            args: Vec::new(),
            envs: Vec::new(),
            prefix: Vec::new(),
            death: "KILL",
        }
    }

    /// One more argument.
    #[must_use]
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.args.push(arg.as_ref().into());
        self
    }

    /// More arguments.
    #[must_use]
    pub fn args<A: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.args.extend(args.into_iter().map(|a| a.as_ref().into()));
        self
    }

    /// A variable of its environment.
    #[must_use]
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.envs.push((name.as_ref().into(), value.as_ref().into()));
        self
    }

    /// Starts it in a network namespace.
    #[must_use]
    pub fn in_netns(mut self, netns: &Netns) -> Self {
        self.prefix.extend(["ip", "netns", "exec", netns.name()].map(OsString::from));
        self
    }

    /// Starts it on one processor.
    #[must_use]
    pub fn on_cpu(mut self, cpu: usize) -> Self {
        self.prefix.extend(["taskset".into(), "-c".into(), cpu.to_string().into()]);
        self
    }

    /// Ends it with SIGTERM instead of SIGKILL, when dropped or if this process dies: for programs that
    /// have children to end and to collect.
    #[must_use]
    pub fn ask_to_end(mut self) -> Self {
        self.death = "TERM";
        self
    }

    /// The command line, as a shell would take it.
    #[must_use]
    pub fn command_line(&self) -> String {
        let words = self.prefix.iter().map(OsString::as_os_str);
        let words = words.chain([self.program.as_os_str()]).chain(self.args.iter().map(OsString::as_os_str));
        words.map(|w| w.to_string_lossy()).collect::<Vec<_>>().join(" ")
    }

    /// Starts it; what it prints goes to `stdout` and `stderr` in this directory.
    ///
    /// # Errors
    /// When a file cannot be made or the program not be started.
    pub fn start(&self, directory: &Path) -> io::Result<Process> {
        let mut words = self.prefix.clone();
        // A test that is killed cannot clean up; the kernel can. `setpriv` then becomes the program,
        // so the process number is the program's.
        if has_setpriv() {
            words.extend(["setpriv".into(), "--pdeathsig".into(), self.death.into(), "--".into()]);
        }
        words.push(self.program.clone().into());
        words.extend(self.args.iter().cloned());
        let (stdout, stderr) = (directory.join("stdout"), directory.join("stderr"));
        let mut command = Command::new(&words[0]);
        command
            .args(&words[1..])
            .envs(self.envs.iter().map(|(n, v)| (n, v)))
            .current_dir(directory)
            .stdin(Stdio::null())
            .stdout(File::create(&stdout)?)
            .stderr(File::create(&stderr)?)
            // Its children are in its group, and go with it.
            .process_group(0);
        let child = spawner::spawn(command)
            .map_err(|e| io::Error::new(e.kind(), format!("{}: {e}", self.command_line())))?;
        Ok(Process { child, stdout, stderr, status: None, ask_to_end: self.death == "TERM" })
    }
}

/// A running program; killed, with its children, when dropped.
#[derive(Debug)]
pub struct Process {
    child: Child,
    stdout: PathBuf,
    stderr: PathBuf,
    status: Option<ExitStatus>,
    ask_to_end: bool,
}

impl Process {
    /// Its process number.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Whether it has not ended.
    pub fn is_running(&mut self) -> bool {
        self.status().is_none()
    }

    /// How it has ended, if it has.
    pub fn status(&mut self) -> Option<ExitStatus> {
        if self.status.is_none() {
            self.status = self.child.try_wait().ok().flatten();
        }
        self.status
    }

    /// Sends it a signal; nothing if it has ended.
    pub fn signal(&mut self, signal: Signal) {
        if self.is_running() {
            // It may end at this very moment, which is no fault.
            let _ = kill_process(pid_of(&self.child), signal);
        }
    }

    /// Waits for its end; nothing if it goes on for longer.
    pub async fn wait(&mut self, limit: Duration) -> Option<ExitStatus> {
        eventually(limit, async || self.status().is_some()).await;
        self.status
    }

    /// Asks it to end and waits; nothing if it goes on for longer.
    pub async fn terminate(&mut self, limit: Duration) -> Option<ExitStatus> {
        self.signal(Signal::TERM);
        self.wait(limit).await
    }

    /// What it has printed to its standard output.
    #[must_use]
    pub fn stdout(&self) -> String {
        read_lossy(&self.stdout)
    }

    /// What it has printed to its standard error output.
    #[must_use]
    pub fn stderr(&self) -> String {
        read_lossy(&self.stderr)
    }

    /// Blocks until its end, or for that long.
    fn wait_here(&self, limit: Duration) {
        let until = Timespec::try_from(limit).ok();
        if let Ok(handle) = pidfd_open(pid_of(&self.child), PidfdFlags::empty()) {
            // It becomes readable at the end of the process. If it does not, the process is killed next.
            let _ = poll(&mut [PollFd::new(&handle, PollFlags::IN)], until.as_ref());
        }
    }

    /// How many KiB of memory it holds, without its children; 0 when it has ended.
    #[must_use]
    pub fn memory(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap_or_default();
        let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:"));
        line.and_then(|l| l.trim().strip_suffix("kB")?.trim().parse().ok()).unwrap_or(0)
    }

    /// How much processor time it has used since it began, without its children.
    #[must_use]
    pub fn processor_time(&self) -> Duration {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.pid())).unwrap_or_default();
        // The name of the program, in parentheses, may hold anything.
        let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
        let ticks: u64 =
            fields.split_ascii_whitespace().skip(11).take(2).filter_map(|n| n.parse::<u64>().ok()).sum();
        Duration::from_secs(ticks) / u32::try_from(rustix::param::clock_ticks_per_second()).unwrap_or(100)
    }

    /// Lets it have so many files and sockets open and no more, from now on.
    ///
    /// # Errors
    /// When the kernel does not allow it.
    pub fn limit_descriptors(&self, most: u64) -> io::Result<()> {
        let limit = Rlimit { current: Some(most), maximum: Some(most) };
        prlimit(Some(pid_of(&self.child)), Resource::Nofile, limit)?;
        Ok(())
    }

    /// How many files, sockets among them, it has open.
    #[must_use]
    pub fn open_files(&self) -> usize {
        fs::read_dir(format!("/proc/{}/fd", self.pid())).map_or(0, Iterator::count)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.ask_to_end && self.is_running() {
            self.signal(Signal::TERM);
            self.wait_here(GRACE);
        }
        // The group also when the program itself has ended: children may have stayed. Its number
        // cannot belong to anybody else while there are some.
        let _ = kill_process_group(pid_of(&self.child), Signal::KILL);
        if self.status.is_none() {
            let _ = self.child.wait();
        }
    }
}

fn pid_of(child: &Child) -> Pid {
    Pid::from_child(child)
}

fn has_setpriv() -> bool {
    static FOUND: OnceLock<bool> = OnceLock::new();
    *FOUND.get_or_init(|| find_in_path("setpriv").is_some())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Scratch;

    #[tokio::test]
    async fn collects_what_is_printed_and_how_it_ended() {
        let scratch = Scratch::new();
        let script = "echo out; echo err >&2; exit 3";
        let mut process = ProcessBuilder::new("sh").args(["-c", script]).start(scratch.path()).unwrap();
        let status = process.wait(Duration::from_secs(10)).await.unwrap();
        assert_eq!(status.code(), Some(3));
        assert_eq!((process.stdout().as_str(), process.stderr().as_str()), ("out\n", "err\n"));
    }

    #[tokio::test]
    async fn kills_the_children_too_when_dropped() {
        let scratch = Scratch::new();
        let script = "sleep 1000 & echo $!; wait";
        let process = ProcessBuilder::new("sh").args(["-c", script]).start(scratch.path()).unwrap();
        assert!(eventually(Duration::from_secs(10), async || process.stdout().ends_with('\n')).await);
        let child = process.stdout().trim().to_owned();
        let alive = || {
            let stat = fs::read_to_string(format!("/proc/{child}/stat")).unwrap_or_default();
            // A zombie has ended; who inherits it collects it later.
            stat.contains("(sleep)") && !stat.contains(") Z ")
        };
        assert!(eventually(Duration::from_secs(10), async || alive()).await);
        drop(process);
        assert!(eventually(Duration::from_secs(10), async || !alive()).await);
    }

    #[tokio::test]
    async fn signals_reach_it() {
        let scratch = Scratch::new();
        let script = "trap 'exit 7' TERM; echo ready; while :; do sleep 0.01; done";
        let mut process = ProcessBuilder::new("sh").args(["-c", script]).start(scratch.path()).unwrap();
        assert!(eventually(Duration::from_secs(10), async || process.stdout().contains("ready")).await);
        assert!(process.memory() > 0 && process.open_files() >= 3);
        process.limit_descriptors(64).unwrap();
        assert!(process.processor_time() < Duration::from_secs(10));
        assert_eq!(process.terminate(Duration::from_secs(10)).await.unwrap().code(), Some(7));
        assert!(!process.is_running());
    }
}

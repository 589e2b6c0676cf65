//! Starting the demo as a user does, and running commands against it.

use std::path::Path;
use std::time::Duration;

use causeway_testkit::{Process, ProcessBuilder, Scratch, eventually};

/// The program under test.
pub(crate) const CAUSEWAY: &str = env!("CARGO_BIN_EXE_causeway");

/// Ports of the demo without an offset.
pub(crate) const USUAL: [u16; 6] = [8080, 9901, 9443, 18441, 18442, 18443];

/// A running demo.
pub(crate) struct Demo {
    pub(crate) process: Process,
    pub(crate) offset: u16,
    // Goes after the process that writes to it.
    scratch: Scratch,
}

impl Demo {
    /// Starts it on ports that nobody else has.
    pub(crate) async fn start() -> Self {
        // Whoever runs the same test at the same time begins elsewhere. Ports from which connections are
        // made begin at 32768; none of the demo's comes that far.
        let first = std::process::id() % 1000;
        let mut last = String::new();
        for attempt in 0..20 {
            let offset = u16::try_from(1000 + (first + attempt * 617) % 13_000).unwrap();
            // Where one port takes the number of another, texts can't be told apart.
            if USUAL.iter().any(|port| USUAL.contains(&(port + offset))) {
                continue;
            }
            let scratch = Scratch::new();
            let mut process = start(offset, &scratch);
            let started =
                async || !process.is_running() || process.stdout().contains("Ctrl-C ends everything");
            assert!(eventually(Duration::from_secs(20), started).await, "{}", process.stderr());
            if process.is_running() {
                return Self { process, offset, scratch };
            }
            last = process.stderr();
            assert!(last.contains("is in use"), "{last}");
        }
        panic!("no ports are free: {last}");
    }

    /// The text with the usual ports in place of its own.
    pub(crate) fn usual(&self, text: &str) -> String {
        USUAL.iter().fold(text.to_owned(), |text, port| {
            text.replace(&format!(":{}", port + self.offset), &format!(":{port}"))
        })
    }

    /// Where its files are.
    pub(crate) fn scratch(&self) -> &Scratch {
        &self.scratch
    }

    /// Runs a command that a user would type, and returns what it prints.
    pub(crate) async fn shell(&self, command: &str) -> String {
        shell(command, self.scratch.path()).await
    }
}

/// Starts a demo, whatever becomes of it.
pub(crate) fn start(offset: u16, scratch: &Scratch) -> Process {
    ProcessBuilder::new(CAUSEWAY)
        .args(["demo", "--port-offset", &offset.to_string()])
        .env("TMPDIR", scratch.path())
        .env("TZ", "Asia/Seoul")
        .ask_to_end()
        .start(scratch.path())
        .unwrap()
}

/// Runs a command with the program in `PATH`, and returns what it prints.
pub(crate) async fn shell(command: &str, directory: &Path) -> String {
    let output = Scratch::new();
    let programs = Path::new(CAUSEWAY).parent().unwrap().display().to_string();
    let path = format!("{programs}:{}", std::env::var("PATH").unwrap());
    let script = format!("cd '{}' && {command}", directory.display());
    let builder = ProcessBuilder::new("sh")
        .args(["-c", &script])
        .env("PATH", path)
        // A proxy of the surroundings can't reach this machine's loopback.
        .env("no_proxy", "127.0.0.1");
    let mut process = builder.start(output.path()).unwrap();
    assert!(process.wait(Duration::from_secs(20)).await.is_some(), "does not end: {command}");
    process.stdout()
}

/// Whether there is `curl`; the reason for a skip where there is not.
pub(crate) async fn curl() -> Result<(), &'static str> {
    let scratch = Scratch::new();
    if shell("curl --version", scratch.path()).await.contains("curl") {
        Ok(())
    } else {
        Err("there is no curl")
    }
}

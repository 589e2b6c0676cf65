//! One thread that starts all other programs.

use std::io;
use std::process::{Child, Command};
use std::sync::OnceLock;
use std::sync::mpsc::{Sender, channel};

pub(crate) type Job = (Command, Sender<io::Result<Child>>);

/// Starts a program from a thread that lives as long as this process.
///
/// What Linux calls the death of the parent, in `PR_SET_PDEATHSIG`, is the end of the *thread* that
/// called `fork`. Each test runs on a thread of its own, some on short-lived ones for blocking work:
/// a program started from there would be killed while the test still needs it.
pub(crate) fn spawn(command: Command) -> io::Result<Child> {
    let gone = || io::Error::other("the thread that starts programs has ended");
    let (reply, answer) = channel();
    thread().send((command, reply)).map_err(|_| gone())?;
    answer.recv().map_err(|_| gone())?
}

/// The way to the thread, which is started by the first who asks.
///
/// It inherits the network namespace of whoever that is, so a thread must ask before it enters one.
pub(crate) fn thread() -> &'static Sender<Job> {
    static SPAWNER: OnceLock<Sender<Job>> = OnceLock::new();
    SPAWNER.get_or_init(|| {
        let (jobs, queue) = channel::<Job>();
        // If there is no thread the queue is dropped, and sending to it says so.
        let _ = std::thread::Builder::new().name("spawner".into()).spawn(move || {
            for (mut command, reply) in queue {
                // Whoever asked may have given up.
                let _ = reply.send(command.spawn());
            }
        });
        jobs
    })
}

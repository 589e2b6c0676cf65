//! The thread that writes, and the memory between it and those who log.
//!
//! Whoever logs appends its line to one buffer under a lock that is held for the copy alone; the
//! thread takes the whole buffer and writes it. So a log that is slow, stuck or gone never holds up a
//! worker: where the buffer is full, lines are counted instead of kept, and the count is written as
//! soon as there is room.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// Bytes that wait to be written; beyond them lines are lost.
const CAPACITY: usize = 1 << 20;
/// How often writing to a descriptor that would block is tried again before its lines are lost.
const BLOCKED_TRIES: u32 = 200;
/// The pause between two of these tries.
const BLOCKED_PAUSE: Duration = Duration::from_millis(10);

/// Where lines go.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Output {
    /// Standard error.
    #[default]
    Stderr,
    /// A file, appended to (`--log-path`).
    File(PathBuf),
}

impl Output {
    fn open(&self) -> io::Result<Sink> {
        match self {
            Self::Stderr => Ok(Sink::Stderr),
            Self::File(path) => open(path).map(Sink::File),
        }
    }
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).open(path)
}

#[derive(Debug)]
enum Sink {
    Stderr,
    File(File),
    #[cfg(test)]
    Test(Box<dyn TestSink>),
}

#[cfg(test)]
pub(crate) trait TestSink: io::Write + Send + std::fmt::Debug {}

impl io::Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Stderr => io::stderr().write(bytes),
            Self::File(file) => file.write(bytes),
            #[cfg(test)]
            Self::Test(sink) => sink.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        // Neither of them keeps anything back.
        Ok(())
    }
}

/// Makes the line that tells how many lines were lost.
pub(crate) type LossNote = Box<dyn Fn(u64) -> String + Send>;

/// The side of those who log.
#[derive(Debug)]
pub(crate) struct Writer {
    output: Output,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    /// There is something to write, or to do.
    work: Condvar,
    /// Something was written.
    progress: Condvar,
}

#[derive(Debug, Default)]
struct State {
    waiting: Vec<u8>,
    /// Lines that found no room and have not been told of.
    untold: u64,
    /// Lines lost since the start, for want of room or because writing failed.
    lost: u64,
    /// Lines taken, and lines written or lost in writing.
    taken: u64,
    done: u64,
    /// Replaces the sink before the next write.
    sink: Option<Sink>,
    closed: bool,
}

impl Writer {
    /// Opens the output and starts the thread.
    pub(crate) fn start(output: Output, loss_note: LossNote) -> io::Result<Self> {
        let sink = output.open()?;
        Self::start_with(output, sink, loss_note)
    }

    fn start_with(output: Output, sink: Sink, loss_note: LossNote) -> io::Result<Self> {
        let shared = Arc::<Shared>::default();
        let theirs = Arc::clone(&shared);
        thread::Builder::new().name("log".to_owned()).spawn(move || theirs.write_all(sink, &loss_note))?;
        Ok(Self { output, shared })
    }

    /// Takes a line, with its end. Never waits for the output.
    pub(crate) fn push(&self, line: &str) {
        let mut state = self.shared.lock();
        if state.waiting.len() + line.len() > CAPACITY {
            state.untold += 1;
            state.lost += 1;
        } else {
            state.waiting.extend_from_slice(line.as_bytes());
            state.taken += 1;
        }
        drop(state);
        self.shared.work.notify_one();
    }

    /// Waits until what was logged before is written, or the time is over. Says whether it is.
    pub(crate) fn flush(&self, timeout: Duration) -> bool {
        let deadline = Instant::now() + timeout;
        let mut state = self.shared.lock();
        let goal = state.taken;
        while state.done < goal || state.untold > 0 {
            let Some(left) = deadline.checked_duration_since(Instant::now()).filter(|left| !left.is_zero())
            else {
                return false;
            };
            state = self
                .shared
                .progress
                .wait_timeout(state, left)
                .map_or_else(|poisoned| poisoned.into_inner().0, |(state, _)| state);
        }
        true
    }

    /// Opens the file anew; where that fails, the old one stays in use.
    pub(crate) fn reopen(&self) -> io::Result<()> {
        let sink = self.output.open()?;
        self.shared.lock().sink = Some(sink);
        self.shared.work.notify_one();
        Ok(())
    }

    /// Lines lost since the start.
    pub(crate) fn lost(&self) -> u64 {
        self.shared.lock().lost
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.shared.lock().closed = true;
        self.shared.work.notify_one();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // A thread that panicked while it held the lock has at worst left half a line.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The thread's work, until the writer is dropped and everything is written.
    fn write_all(&self, mut sink: Sink, loss_note: &LossNote) {
        let mut batch = Vec::new();
        let mut state = self.lock();
        loop {
            if let Some(new) = state.sink.take() {
                sink = new;
            }
            let lost = std::mem::take(&mut state.untold);
            if state.waiting.is_empty() && lost == 0 {
                if state.closed {
                    return;
                }
                state = self.work.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            std::mem::swap(&mut batch, &mut state.waiting);
            let taken = state.taken;
            drop(state);
            if lost > 0 {
                batch.extend_from_slice(loss_note(lost).as_bytes());
            }
            let failed = write_fully(&mut sink, &batch).is_err();
            batch.clear();
            state = self.lock();
            if failed {
                state.lost += taken - state.done;
            }
            state.done = taken;
            self.progress.notify_all();
        }
    }
}

/// Writes everything, with patience for a descriptor that somebody made non-blocking.
fn write_fully(sink: &mut Sink, mut bytes: &[u8]) -> io::Result<()> {
    let mut blocked = 0;
    while !bytes.is_empty() {
        match sink.write(bytes) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => bytes = bytes.get(written..).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock && blocked < BLOCKED_TRIES => {
                blocked += 1;
                thread::park_timeout(BLOCKED_PAUSE);
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::sync::mpsc;

    use super::*;

    /// Writes only what it is allowed to, and fails where told.
    #[derive(Debug)]
    struct Gate {
        allowed: mpsc::Receiver<io::Result<()>>,
        seen: Arc<Mutex<Vec<u8>>>,
    }

    impl io::Write for Gate {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.allowed.recv().unwrap_or(Ok(()))?;
            self.seen.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl TestSink for Gate {}

    type Seen = Arc<Mutex<Vec<u8>>>;

    fn gated() -> (Writer, mpsc::Sender<io::Result<()>>, Seen) {
        let (open, allowed) = mpsc::channel();
        let seen = Seen::default();
        let sink = Sink::Test(Box::new(Gate { allowed, seen: Arc::clone(&seen) }));
        let note: LossNote = Box::new(|lost| format!("{lost} lost\n"));
        (Writer::start_with(Output::Stderr, sink, note).unwrap(), open, seen)
    }

    fn text(seen: &Seen) -> String {
        String::from_utf8(seen.lock().unwrap().clone()).unwrap()
    }

    #[test]
    fn a_stuck_output_holds_nobody_up_and_losses_are_told() {
        let (writer, open, seen) = gated();
        let line = format!("{}\n", "x".repeat(9_999));
        // The thread is stuck in its first write; a megabyte fits, the rest is lost.
        let start = Instant::now();
        for _ in 0..400 {
            writer.push(&line);
        }
        assert!(start.elapsed() < Duration::from_secs(1));
        assert!(!writer.flush(Duration::from_millis(20)));
        let lost = writer.lost();
        assert!((190..=300).contains(&lost), "{lost}");
        drop(open);
        assert!(writer.flush(Duration::from_secs(5)));
        let text = text(&seen);
        assert!(text.ends_with(&format!("{lost} lost\n")));
        assert_eq!(text.matches("xxx\n").count() as u64 + lost, 400);
    }

    #[test]
    fn a_pipe_that_is_gone_loses_lines_and_nothing_else() {
        let (writer, open, seen) = gated();
        open.send(Err(io::ErrorKind::BrokenPipe.into())).unwrap();
        writer.push("gone\n");
        assert!(writer.flush(Duration::from_secs(5)));
        assert_eq!(writer.lost(), 1);
        drop(open);
        writer.push("back\n");
        assert!(writer.flush(Duration::from_secs(5)));
        assert_eq!(text(&seen), "back\n");
    }

    #[test]
    fn a_moved_file_is_opened_anew() {
        let dir = std::env::temp_dir().join(format!("causeway-log-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        let (path, moved) = (dir.join("app"), dir.join("app.1"));
        let writer = Writer::start(Output::File(path.clone()), Box::new(|_| String::new())).unwrap();
        writer.push("one\n");
        assert!(writer.flush(Duration::from_secs(5)));
        fs::rename(&path, &moved).unwrap();
        writer.reopen().unwrap();
        writer.push("two\n");
        assert!(writer.flush(Duration::from_secs(5)));
        assert_eq!(fs::read_to_string(&moved).unwrap(), "one\n");
        assert_eq!(fs::read_to_string(&path).unwrap(), "two\n");
        fs::remove_dir_all(&dir).unwrap();
        assert!(writer.reopen().is_err());
        assert!(Writer::start(Output::File(path), Box::new(|_| String::new())).is_err());
    }

    #[test]
    fn what_was_logged_is_written_though_the_writer_is_dropped() {
        let (writer, open, seen) = gated();
        writer.push("last\n");
        drop(writer);
        drop(open);
        let deadline = Instant::now() + Duration::from_secs(5);
        while text(&seen) != "last\n" && Instant::now() < deadline {
            thread::yield_now();
        }
        assert_eq!(text(&seen), "last\n");
    }
}

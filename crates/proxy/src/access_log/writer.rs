//! Files that logs are written to, by a thread of their own.
//!
//! A disk that is slow must not make requests slow. Workers hand bytes over under a lock that is held
//! for the time of a copy; what a stuck disk can't take is dropped, counted, and said.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;

use causeway_model::AccessLogSink;
use causeway_stats::{Registry, ScopeName, Shard};

use crate::stats::FilesystemStat;

/// Most bytes that wait for one file.
const MOST_WAITING: usize = 16 << 20;

/// Memory for bytes that wait, which a file keeps when none do.
const MOST_SPARE: usize = 256 << 10;

/// The files of all access logs. A file that several logs name is opened once.
#[derive(Debug, Clone)]
pub struct LogFiles {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    /// Signalled when the thread has written everything.
    idle: Condvar,
    stats: Counts,
}

#[derive(Debug, Default)]
struct State {
    open: HashMap<AccessLogSink, Weak<LogSink>>,
    sinks: Vec<Arc<LogSink>>,
    /// There is something to write, or to reopen.
    work: bool,
    writing: bool,
    stop: bool,
}

/// What the writer thread counts; put into the statistics when they are read.
#[derive(Debug, Default)]
struct Counts {
    buffered: AtomicU64,
    completed: AtomicU64,
    failed: AtomicU64,
    reopen_failed: AtomicU64,
}

/// One file, or an output of the process.
#[derive(Debug)]
pub(crate) struct LogSink {
    target: AccessLogSink,
    waiting: Mutex<Waiting>,
    /// What is being written, and the memory for what waits next.
    spare: Mutex<Vec<u8>>,
    file: Mutex<Option<File>>,
    dropped: AtomicU64,
    shared: Weak<Shared>,
}

/// Bytes that wait to be written.
#[derive(Debug, Default)]
struct Waiting {
    bytes: Vec<u8>,
    /// The file is opened anew behind that many of them.
    reopen_behind: Option<usize>,
}

impl LogFiles {
    /// Starts the thread that writes.
    ///
    /// # Errors
    ///
    /// Where the thread can't be started.
    pub fn start() -> io::Result<Self> {
        let shared = Arc::new(Shared {
            state: Mutex::default(),
            changed: Condvar::new(),
            idle: Condvar::new(),
            stats: Counts::default(),
        });
        let writer = Arc::downgrade(&shared);
        thread::Builder::new().name("access-log".into()).spawn(move || write_forever(&writer))?;
        Ok(Self { shared })
    }

    /// The sink for a target; opens it where nobody has it open.
    pub(crate) fn open(&self, target: &AccessLogSink) -> Result<Arc<LogSink>, String> {
        let mut state = lock(&self.shared.state);
        if let Some(sink) = state.open.get(target).and_then(Weak::upgrade) {
            return Ok(sink);
        }
        let file = match target {
            AccessLogSink::File(path) => Some(
                open_file(Path::new(&**path))
                    .map_err(|error| format!("cannot open the access log {path}: {error}"))?,
            ),
            AccessLogSink::Stdout | AccessLogSink::Stderr => None,
        };
        let sink = Arc::new(LogSink {
            target: target.clone(),
            waiting: Mutex::default(),
            spare: Mutex::default(),
            file: Mutex::new(file),
            dropped: AtomicU64::new(0),
            shared: Arc::downgrade(&self.shared),
        });
        state.open.insert(target.clone(), Arc::downgrade(&sink));
        state.sinks.push(Arc::clone(&sink));
        Ok(sink)
    }

    /// Opens every file anew, for log rotation. Lines that were handed over before go to the old file.
    pub fn reopen(&self) {
        let mut state = lock(&self.shared.state);
        for sink in &state.sinks {
            let mut waiting = lock(&sink.waiting);
            let behind = waiting.bytes.len();
            waiting.reopen_behind.get_or_insert(behind);
        }
        state.work = true;
        self.shared.changed.notify_one();
    }

    /// Waits until everything that was handed over is written.
    pub fn flush(&self) {
        let mut state = lock(&self.shared.state);
        while state.work || state.writing {
            state = self.shared.idle.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Puts what was counted into the statistics. Called by the thread that owns the shard.
    pub fn count_into(&self, shard: &FilesystemShard) {
        let stats = &self.shared.stats;
        for (metric, cell) in [
            (FilesystemStat::WriteBuffered, &stats.buffered),
            (FilesystemStat::WriteCompleted, &stats.completed),
            (FilesystemStat::WriteFailed, &stats.failed),
            (FilesystemStat::ReopenFailed, &stats.reopen_failed),
        ] {
            shard.0.add(metric, cell.swap(0, Relaxed));
        }
        let waiting: usize =
            lock(&self.shared.state).sinks.iter().map(|sink| lock(&sink.waiting).bytes.len()).sum();
        shard.0.set(FilesystemStat::WriteTotalBuffered, i64::try_from(waiting).unwrap_or(i64::MAX));
    }
}

/// The cells of `filesystem.*`.
#[derive(Debug)]
pub struct FilesystemShard(Shard<FilesystemStat>);

impl FilesystemShard {
    /// The cells of the main thread.
    #[must_use]
    pub fn new(registry: &Registry) -> Self {
        Self(registry.scope(ScopeName::root().then("filesystem")).shard(registry.main_shard()))
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        let mut state = lock(&self.state);
        state.stop = true;
        drop(state);
        self.changed.notify_all();
    }
}

impl LogSink {
    /// Takes lines to be written and leaves the buffer empty.
    pub(crate) fn hand_over(&self, lines: &mut Vec<u8>) {
        let Some(shared) = self.shared.upgrade() else { return lines.clear() };
        let count = memchr::memchr_iter(b'\n', lines).count() as u64;
        let mut waiting = lock(&self.waiting);
        if waiting.bytes.len() + lines.len() > MOST_WAITING {
            self.dropped.fetch_add(count, Relaxed);
            shared.stats.failed.fetch_add(count, Relaxed);
        } else {
            waiting.bytes.extend_from_slice(lines);
            shared.stats.buffered.fetch_add(count, Relaxed);
        }
        drop(waiting);
        lines.clear();
        let mut state = lock(&shared.state);
        if !state.work {
            state.work = true;
            shared.changed.notify_one();
        }
    }

    fn write_out(&self, shared: &Shared) {
        let mut file = lock(&self.file);
        let mut lines = lock(&self.spare);
        let mut waiting = lock(&self.waiting);
        std::mem::swap(&mut *lines, &mut waiting.bytes);
        let reopen_behind = waiting.reopen_behind.take();
        drop(waiting);
        let (old, new) = lines.split_at(reopen_behind.unwrap_or_default().min(lines.len()));
        self.write(old, &mut file, shared);
        if reopen_behind.is_some() {
            self.open_anew(&mut file, shared);
        }
        self.write(new, &mut file, shared);
        lines.clear();
        lines.shrink_to(MOST_SPARE);
        drop(lines);
        let dropped = self.dropped.swap(0, Relaxed);
        if dropped > 0 {
            tracing::warn!(target: "file", "{dropped} lines of the access log {} were dropped: writing is too slow", self.name());
        }
    }

    fn open_anew(&self, file: &mut Option<File>, shared: &Shared) {
        let AccessLogSink::File(path) = &self.target else { return };
        match open_file(Path::new(&**path)) {
            Ok(opened) => *file = Some(opened),
            Err(error) => {
                shared.stats.reopen_failed.fetch_add(1, Relaxed);
                tracing::warn!(target: "file", "cannot reopen the access log {path}, writing to the old file: {error}");
            }
        }
    }

    fn write(&self, lines: &[u8], file: &mut Option<File>, shared: &Shared) {
        if lines.is_empty() {
            return;
        }
        let result = match (&self.target, file.as_mut()) {
            (AccessLogSink::Stdout, _) => {
                io::stdout().lock().write_all(lines).and_then(|()| io::stdout().flush())
            }
            (AccessLogSink::Stderr, _) => io::stderr().lock().write_all(lines),
            (AccessLogSink::File(_), Some(file)) => file.write_all(lines),
            (AccessLogSink::File(_), None) => Ok(()),
        };
        match result {
            Ok(()) => {
                shared.stats.completed.fetch_add(1, Relaxed);
            }
            Err(error) => {
                shared.stats.failed.fetch_add(1, Relaxed);
                tracing::warn!(target: "file", "cannot write the access log {}: {error}", self.name());
            }
        }
    }

    fn name(&self) -> &str {
        match &self.target {
            AccessLogSink::File(path) => path,
            AccessLogSink::Stdout => "stdout",
            AccessLogSink::Stderr => "stderr",
        }
    }
}

fn write_forever(shared: &Weak<Shared>) {
    loop {
        let Some(shared) = shared.upgrade() else { return };
        let mut state = lock(&shared.state);
        while !state.work && !state.stop {
            // The last owner is waited for with a bound, because it can't be owned while waiting for it.
            let (guard, timeout) = shared
                .changed
                .wait_timeout(state, std::time::Duration::from_secs(1))
                .unwrap_or_else(PoisonError::into_inner);
            state = guard;
            if timeout.timed_out() {
                break;
            }
        }
        if state.stop {
            return;
        }
        if !state.work {
            continue;
        }
        state.work = false;
        state.writing = true;
        let sinks = state.sinks.clone();
        drop(state);
        for sink in &sinks {
            sink.write_out(&shared);
        }
        drop(sinks);
        let mut state = lock(&shared.state);
        // A file that no log names any more is closed once it is written.
        state.sinks.retain(|sink| Arc::strong_count(sink) > 1 || !lock(&sink.waiting).bytes.is_empty());
        state.writing = false;
        if !state.work {
            shared.idle.notify_all();
        }
    }
}

fn open_file(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).open(path)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn temporary(name: &str) -> std::path::PathBuf {
        std::env::temp_dir().join(format!("causeway-{}-{name}", std::process::id()))
    }

    #[test]
    fn lines_arrive_in_order_and_rotation_moves_them() {
        let (path, old) = (temporary("rotated.log"), temporary("rotated.log.1"));
        let _ = std::fs::remove_file(&path);
        let files = LogFiles::start().unwrap();
        let target = AccessLogSink::File(path.to_str().unwrap().into());
        let sink = files.open(&target).unwrap();
        assert!(Arc::ptr_eq(&sink, &files.open(&target).unwrap()), "one file is opened once");
        sink.hand_over(&mut b"one\n".to_vec());
        sink.hand_over(&mut b"two\n".to_vec());
        files.flush();
        assert_eq!(std::fs::read(&path).unwrap(), b"one\ntwo\n");
        std::fs::rename(&path, &old).unwrap();
        sink.hand_over(&mut b"before\n".to_vec());
        files.reopen();
        sink.hand_over(&mut b"three\n".to_vec());
        files.flush();
        assert_eq!(std::fs::read(&old).unwrap(), b"one\ntwo\nbefore\n");
        assert_eq!(std::fs::read(&path).unwrap(), b"three\n");
        std::fs::remove_file(path).unwrap();
        std::fs::remove_file(old).unwrap();
    }

    #[test]
    fn a_folder_that_is_missing_is_said() {
        let files = LogFiles::start().unwrap();
        let error = files.open(&AccessLogSink::File("/no/such/folder/a.log".into())).unwrap_err();
        assert!(error.contains("/no/such/folder/a.log"), "{error}");
    }
}

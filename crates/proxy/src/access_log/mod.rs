//! Access logs: which requests, in which form, to where.

mod admin;
mod connection;
mod filter;
mod writer;

use std::cell::RefCell;
use std::sync::Arc;

use causeway_model::{AccessLog, AccessLogFormat, Runtime};

use crate::format::{Absent, View, render, render_json};

pub use admin::{AdminLog, AdminRequest};
pub(crate) use connection::{log_connection, log_exchange};
pub(crate) use filter::{CompiledFilter, Decide};
pub(crate) use writer::LogSink;
pub use writer::{FilesystemShard, LogFiles};

/// An access log that is open.
#[derive(Debug)]
pub(crate) struct OpenLog {
    filter: Option<CompiledFilter>,
    format: AccessLogFormat,
    sink: Arc<LogSink>,
}

impl OpenLog {
    /// Opens a log. Fails where its file can't be opened.
    pub(crate) fn open(log: &AccessLog, runtime: &Runtime, files: &LogFiles) -> Result<Self, String> {
        Ok(Self {
            filter: log.filter.as_ref().map(|filter| CompiledFilter::new(filter, runtime)),
            format: log.format.clone(),
            sink: files.open(&log.sink)?,
        })
    }

    /// Opens several logs, or says of each why it can't be opened.
    pub(crate) fn open_all(
        logs: &[AccessLog],
        runtime: &Runtime,
        files: &LogFiles,
    ) -> Result<Vec<Self>, Vec<String>> {
        let (open, faults): (Vec<_>, Vec<_>) =
            logs.iter().map(|log| Self::open(log, runtime, files)).partition(Result::is_ok);
        if faults.is_empty() {
            Ok(open.into_iter().flatten().collect())
        } else {
            Err(faults.into_iter().filter_map(Result::err).collect())
        }
    }

    /// Whether the log holds this.
    fn takes(&self, view: &View<'_>, random: u64) -> bool {
        self.filter.as_ref().is_none_or(|filter| filter.takes(view, random))
    }

    /// Writes the line.
    fn line(&self, view: &View<'_>, out: &mut Vec<u8>) {
        match &self.format {
            AccessLogFormat::Text { template, omit_empty } => {
                render(template, view, Absent::in_text(*omit_empty), out);
            }
            AccessLogFormat::Json { object, omit_empty } => {
                render_json(object, *omit_empty, view, out);
                out.push(b'\n');
            }
        }
    }
}

/// Where one worker collects the lines of its logs before they are handed over.
#[derive(Debug, Default)]
pub(crate) struct LogBuffers(RefCell<Vec<(Arc<LogSink>, Vec<u8>)>>);

/// Lines are handed over when there is that much of them; else when time has come.
const HAND_OVER: usize = 32 * 1024;

impl LogBuffers {
    /// Writes the line of a request, where the log holds it.
    pub(crate) fn write(&self, log: &OpenLog, view: &View<'_>, random: u64) {
        if !log.takes(view, random) {
            return;
        }
        let mut buffers = self.0.borrow_mut();
        let at = buffers.iter().position(|(sink, _)| Arc::ptr_eq(sink, &log.sink)).unwrap_or_else(|| {
            buffers.push((Arc::clone(&log.sink), Vec::with_capacity(HAND_OVER + 1024)));
            buffers.len() - 1
        });
        let Some((sink, buffer)) = buffers.get_mut(at) else { return };
        log.line(view, buffer);
        if buffer.len() >= HAND_OVER {
            sink.hand_over(buffer);
        }
    }

    /// Hands over whatever there is.
    pub(crate) fn flush(&self) {
        let mut buffers = self.0.borrow_mut();
        for (sink, buffer) in buffers.iter_mut().filter(|(_, buffer)| !buffer.is_empty()) {
            sink.hand_over(buffer);
        }
        // A log that a reload took away is held by nobody else.
        buffers.retain(|(sink, _)| Arc::strong_count(sink) > 1);
    }

    /// Whether nothing waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.borrow().iter().all(|(_, buffer)| buffer.is_empty())
    }
}

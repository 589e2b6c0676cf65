//! The subscriber, and the handle that governs it.

use std::cell::{Cell, OnceCell};
use std::fmt::{self, Write as _};
use std::io;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use tracing::field::{Field, Visit};
use tracing::level_filters::{LevelFilter, STATIC_MAX_LEVEL};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::Interest;
use tracing::{Event, Metadata, Subscriber, callsite, subscriber};

use crate::component::Owner;
use crate::format::Context;
use crate::level::CRITICAL_FIELD;
use crate::levels::Levels;
use crate::writer::Writer;
use crate::{Component, Format, Level, Output};

/// How the log is to be.
#[derive(Debug, Clone)]
pub struct Options {
    /// The level of all components (`--log-level`).
    pub level: Level,
    /// Levels of single components (`--component-log-level`).
    pub components: Vec<(Component, Level)>,
    /// The form of a line.
    pub format: Format,
    /// Where lines go.
    pub output: Output,
}

impl Default for Options {
    fn default() -> Self {
        Self { level: Level::Info, components: Vec::new(), format: Format::default(), output: Output::Stderr }
    }
}

/// The log: a `tracing` subscriber. Spans are of no interest to it.
#[derive(Debug)]
pub struct Logger(Arc<Shared>);

/// Governs a log while it runs. Clones govern the same one.
#[derive(Debug, Clone)]
pub struct LogHandle(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    levels: Levels,
    face: Arc<Face>,
    writer: Writer,
}

/// What decides how a line looks.
#[derive(Debug)]
struct Face {
    format: RwLock<Arc<Format>>,
    zone: TimeZone,
}

/// Why the log could not be installed.
#[derive(Debug)]
pub enum InstallError {
    /// The file can't be opened, or the thread not started.
    Output(Output, io::Error),
    /// There is a log already.
    Installed,
}

impl fmt::Display for InstallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Output(Output::File(path), error) => {
                write!(f, "cannot log to '{}': {error}", path.display())
            }
            Self::Output(Output::Stderr, error) => write!(f, "cannot start the log: {error}"),
            Self::Installed => f.write_str("the process has a log already"),
        }
    }
}

impl std::error::Error for InstallError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Output(_, error) => Some(error),
            Self::Installed => None,
        }
    }
}

impl Logger {
    /// A log that is not the process's yet; for tests, with `tracing::subscriber::with_default`.
    ///
    /// # Errors
    ///
    /// The output can't be opened.
    pub fn new(options: Options) -> Result<(Self, LogHandle), InstallError> {
        let Options { level, components, format, output } = options;
        let levels = Levels::new(level);
        for (component, level) in components {
            levels.set(component, level);
        }
        let face = Arc::new(Face { format: RwLock::new(Arc::new(format)), zone: TimeZone::system() });
        let theirs = Arc::clone(&face);
        let note = Box::new(move |lost| theirs.loss_note(lost));
        let writer =
            Writer::start(output.clone(), note).map_err(|error| InstallError::Output(output, error))?;
        let shared = Arc::new(Shared { levels, face, writer });
        Ok((Self(Arc::clone(&shared)), LogHandle(shared)))
    }

    /// Makes it the log of the process, for `tracing` and for the `log` crate.
    ///
    /// # Errors
    ///
    /// The output can't be opened, or the process has a log already.
    pub fn install(options: Options) -> Result<LogHandle, InstallError> {
        let (logger, handle) = Self::new(options)?;
        let bridge = Self(Arc::clone(&handle.0));
        subscriber::set_global_default(logger).map_err(|_| InstallError::Installed)?;
        // Where another `log` logger was set, its lines stay with that one.
        if log::set_boxed_logger(Box::new(bridge)).is_ok() {
            log::set_max_level(facade_filter(handle.0.levels.hint()));
        }
        handle.0.tell_what_is_left_out();
        Ok(handle)
    }
}

impl LogHandle {
    /// The level of a component.
    #[must_use]
    pub fn level(&self, component: Component) -> Level {
        self.0.levels.get(component)
    }

    /// All components with their levels, in the order of Envoy's `/logging`.
    pub fn levels(&self) -> impl Iterator<Item = (Component, Level)> + '_ {
        Component::all().map(|component| (component, self.level(component)))
    }

    /// Sets the levels of components, from now on and for every thread.
    pub fn set_levels(&self, levels: impl IntoIterator<Item = (Component, Level)>) {
        for (component, level) in levels {
            self.0.levels.set(component, level);
        }
        // Call sites remember whether anybody listens to them.
        callsite::rebuild_interest_cache();
        log::set_max_level(facade_filter(self.0.levels.hint()));
        self.0.tell_what_is_left_out();
    }

    /// Sets the level of all components.
    pub fn set_all_levels(&self, level: Level) {
        self.set_levels(Component::all().map(|component| (component, level)));
    }

    /// Changes the form of the lines that follow; the configuration that asks for it is read when the
    /// log has long begun.
    pub fn set_format(&self, format: Format) {
        *self.0.face.format.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(format);
    }

    /// Opens the log's file anew, after somebody moved it away. Standard error stays what it is.
    ///
    /// # Errors
    ///
    /// The file can't be opened; the old one stays in use.
    pub fn reopen(&self) -> io::Result<()> {
        self.0.writer.reopen()
    }

    /// Waits until everything that was logged before is written, but no longer than that. Says whether
    /// it is. To be called before the process ends.
    #[must_use]
    pub fn flush(&self, timeout: Duration) -> bool {
        self.0.writer.flush(timeout)
    }

    /// Lines lost since the start, because the output was too slow or failed.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.0.writer.lost()
    }
}

impl Subscriber for Logger {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        // Levels that change rebuild this.
        if self.enabled(metadata) { Interest::always() } else { Interest::never() }
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(self.0.levels.hint())
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        !metadata.is_span() && self.0.levels.allow_site(metadata)
    }

    fn event(&self, event: &Event<'_>) {
        let metadata = event.metadata();
        with_scratch(|message| {
            event.record(&mut Message(message));
            self.0.write(&Line {
                level: Level::of(metadata),
                target: metadata.target(),
                file: metadata.file(),
                line: metadata.line(),
                module: metadata.module_path(),
                // Fields without a message in front of them.
                message: message.strip_prefix(' ').unwrap_or(message),
            });
        });
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        // Spans are never enabled; the number has to be one all the same.
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

/// What libraries write through the `log` crate.
impl log::Log for Logger {
    fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
        self.0.levels.allow(Owner::of(metadata.target()), facade_level(metadata.level()))
    }

    fn log(&self, record: &log::Record<'_>) {
        if !log::Log::enabled(self, record.metadata()) {
            return;
        }
        with_scratch(|message| {
            let _ = write!(message, "{}", record.args());
            self.0.write(&Line {
                level: facade_level(record.level()),
                target: record.target(),
                file: record.file(),
                line: record.line(),
                module: record.module_path(),
                message,
            });
        });
    }

    fn flush(&self) {}
}

struct Line<'a> {
    level: Level,
    target: &'a str,
    file: Option<&'a str>,
    line: Option<u32>,
    module: Option<&'a str>,
    message: &'a str,
}

impl Shared {
    fn write(&self, line: &Line<'_>) {
        with_scratch(|out| {
            self.face.render(line, out);
            self.writer.push(out);
        });
    }

    /// Whoever asks for a level that the build has no lines of would wait for them in vain.
    fn tell_what_is_left_out(&self) {
        if self.levels.hint() > STATIC_MAX_LEVEL {
            tracing::warn!(
                target: "main",
                "this build has no lines of level trace: components set to it write what debug would"
            );
        }
    }
}

impl Face {
    fn render(&self, line: &Line<'_>, out: &mut String) {
        let format = Arc::clone(&self.format.read().unwrap_or_else(PoisonError::into_inner));
        let time = Zoned::new(Timestamp::now(), self.zone.clone());
        let context = Context {
            time: &time,
            level: line.level,
            component: Owner::of(line.target).component,
            thread: thread_id(),
            file: source_path(line.file.unwrap_or_default()),
            line: line.line.unwrap_or_default(),
            module: line.module.unwrap_or_default(),
            message: line.message,
        };
        format.render(&context, out);
    }

    fn loss_note(&self, lost: u64) -> String {
        let message = format!("{lost} log lines were lost: the log's output did not take them in time");
        let mut out = String::new();
        self.render(
            &Line {
                level: Level::Warning,
                target: module_path!(),
                file: Some(file!()),
                line: Some(line!()),
                module: Some(module_path!()),
                message: &message,
            },
            &mut out,
        );
        out
    }
}

/// Puts the message together: its text, then the other fields as `name=value`.
struct Message<'a>(&'a mut String);

impl Visit for Message<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        match field.name() {
            "message" => {
                let rest = std::mem::take(self.0);
                let _ = write!(self.0, "{value:?}{rest}");
            }
            CRITICAL_FIELD => {}
            // What the `log` feature of `tracing` adds about the source.
            name if name.starts_with("log.") => {}
            name => {
                let _ = write!(self.0, " {name}={value:?}");
            }
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        // A value stands in quotes where it would fall apart, or break the line, without them.
        let fragile = |c: char| c.is_whitespace() || c.is_control() || c == '"' || c == '=';
        if field.name() == "message" || !value.is_empty() && !value.contains(fragile) {
            self.record_debug(field, &format_args!("{value}"));
        } else {
            self.record_debug(field, &value);
        }
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        self.record_str(field, &value.to_string());
    }
}

thread_local! {
    static SCRATCH: Cell<String> = const { Cell::new(String::new()) };
    static THREAD_ID: OnceCell<u64> = const { OnceCell::new() };
}

/// Lends a string that keeps its room from line to line. A line that is logged while another is put
/// together gets a fresh one.
fn with_scratch(f: impl FnOnce(&mut String)) {
    /// Beyond this, room is given back.
    const KEPT: usize = 16 << 10;
    let mut text = SCRATCH.try_with(Cell::take).unwrap_or_default();
    text.clear();
    f(&mut text);
    if text.capacity() <= KEPT {
        // The thread may be ending, and its strings gone.
        let _ = SCRATCH.try_with(|scratch| scratch.set(text));
    }
}

/// The kernel's number of this thread, which `top -H` and Envoy's logs show.
fn thread_id() -> u64 {
    let read = || {
        let link = std::fs::read_link("/proc/thread-self").ok()?;
        link.file_name()?.to_str()?.parse().ok()
    };
    let find = || read().unwrap_or_else(|| u64::from(std::process::id()));
    THREAD_ID.try_with(|id| *id.get_or_init(find)).unwrap_or_else(|_| find())
}

/// A source path without the place where the build kept its dependencies.
fn source_path(file: &str) -> &str {
    match file.split_once("/registry/src/").and_then(|(_, behind)| behind.split_once('/')) {
        Some((_, path)) => path,
        None => file,
    }
}

fn facade_level(level: log::Level) -> Level {
    match level {
        log::Level::Error => Level::Error,
        log::Level::Warn => Level::Warning,
        log::Level::Info => Level::Info,
        log::Level::Debug => Level::Debug,
        log::Level::Trace => Level::Trace,
    }
}

fn facade_filter(filter: LevelFilter) -> log::LevelFilter {
    match filter {
        LevelFilter::TRACE => log::LevelFilter::Trace,
        LevelFilter::DEBUG => log::LevelFilter::Debug,
        LevelFilter::INFO => log::LevelFilter::Info,
        LevelFilter::WARN => log::LevelFilter::Warn,
        LevelFilter::ERROR => log::LevelFilter::Error,
        _ => log::LevelFilter::Off,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::PathBuf;
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    struct Bench {
        path: PathBuf,
        logger: Option<Logger>,
        handle: LogHandle,
    }

    impl Bench {
        fn new(format: &str) -> Self {
            static NUMBER: AtomicU32 = AtomicU32::new(0);
            let number = NUMBER.fetch_add(1, Ordering::Relaxed);
            let path = std::env::temp_dir().join(format!("causeway-logger-{}-{number}", std::process::id()));
            let options = Options {
                format: Format::text(format, false),
                output: Output::File(path.clone()),
                ..Options::default()
            };
            let (logger, handle) = Logger::new(options).unwrap();
            Self { path, logger: Some(logger), handle }
        }

        fn run(&mut self, f: impl FnOnce(&LogHandle)) -> String {
            subscriber::with_default(self.logger.take().unwrap(), || f(&self.handle));
            assert!(self.handle.flush(Duration::from_secs(5)));
            fs::read_to_string(&self.path).unwrap()
        }
    }

    impl Drop for Bench {
        fn drop(&mut self) {
            let _ = fs::remove_file(&self.path);
        }
    }

    fn component(name: &str) -> Component {
        Component::from_name(name).unwrap()
    }

    #[test]
    fn fields_follow_the_message() {
        let text = Bench::new("%l %n %v").run(|_| {
            let path = "/a b";
            tracing::info!(target: "upstream", cluster = "a", status = 503, path, "no host is {}", "left");
            tracing::error!(target: "http", evidence = "x\ny");
            crate::critical!(target: "main", error = %"text", "the end");
            crate::critical!("again");
        });
        assert_eq!(
            text,
            "info upstream no host is left cluster=a status=503 path=\"/a b\"\n\
             error http evidence=\"x\\ny\"\n\
             critical main the end error=text\n\
             critical main again\n"
        );
    }

    #[test]
    fn a_level_that_changes_reaches_call_sites_that_ran_before() {
        let text = Bench::new("%v").run(|handle| {
            let log = |n: u32| tracing::debug!(target: "pool", "{n}");
            log(1);
            handle.set_levels([(component("pool"), Level::Debug)]);
            log(2);
            assert!(tracing::enabled!(target: "pool", tracing::Level::DEBUG));
            handle.set_all_levels(Level::Error);
            log(3);
            tracing::warn!(target: "pool", "4");
            tracing::error!(target: "pool", "5");
            handle.set_all_levels(Level::Critical);
            tracing::error!(target: "pool", "6");
            crate::critical!(target: "pool", "7");
            handle.set_all_levels(Level::Off);
            crate::critical!(target: "pool", "8");
        });
        assert_eq!(text, "2\n5\n7\n");
    }

    #[test]
    fn a_line_has_its_source_and_its_thread() {
        let text = Bench::new("%t %g %s:%# %!").run(|_| tracing::info!("x"));
        let fields: Vec<_> = text.split_whitespace().collect();
        assert!(fields[0].parse::<u64>().unwrap() > 1, "{text}");
        assert_eq!(fields[1], "crates/log/src/logger.rs");
        assert!(fields[2].starts_with("logger.rs:"));
        assert_eq!(fields[3], "causeway_log::logger::tests");
        assert_eq!(source_path("/x/registry/src/index-1/h2-0.4/src/lib.rs"), "h2-0.4/src/lib.rs");
    }

    #[test]
    fn a_line_may_be_logged_while_another_is_put_together() {
        struct Chatty;
        impl fmt::Display for Chatty {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                tracing::info!("inner");
                f.write_str("outer")
            }
        }
        // `tracing` itself keeps an event from being logged inside another; what matters is that the
        // outer line survives.
        let text = Bench::new("%v").run(|_| tracing::info!("{}", Chatty));
        assert!(text.ends_with("outer\n"), "{text}");
    }

    #[test]
    fn the_format_can_be_replaced() {
        let text = Bench::new("%v").run(|handle| {
            tracing::info!("a");
            handle.set_format(Format::json([("m", "%j")]).unwrap());
            tracing::info!("b");
        });
        assert_eq!(text, "a\n{\"m\":\"b\"}\n");
    }

    #[test]
    fn levels_are_listed_in_envoys_order() {
        let bench = Bench::new("%v");
        bench.handle.set_levels([(component("admin"), Level::Debug)]);
        let names: Vec<_> = bench.handle.levels().take(3).map(|(c, l)| format!("{c}: {l}")).collect();
        assert_eq!(names, ["a2a: info", "admin: debug", "ai_protocol_manager: info"]);
        assert_eq!(bench.handle.levels().count(), 73);
    }
}

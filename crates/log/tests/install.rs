//! The log of a whole process: it can be installed once, and takes what libraries say through `log`.

use std::fs;
use std::time::{Duration, Instant};

use causeway_log::{Component, Format, InstallError, Level, Logger, Options, Output};

#[test]
fn one_log_for_tracing_and_for_log() {
    let path = std::env::temp_dir().join(format!("causeway-install-{}", std::process::id()));
    let options = || Options {
        components: vec![(Component::from_name("connection").unwrap(), Level::Debug)],
        format: Format::text("%l %n %v", false),
        output: Output::File(path.clone()),
        ..Options::default()
    };
    let handle = Logger::install(options()).unwrap();
    assert!(matches!(Logger::install(options()), Err(InstallError::Installed)));

    tracing::info!(target: "config", "started");
    // A line gets there by itself; in a millisecond, but the machine may be busy.
    let deadline = Instant::now() + Duration::from_secs(10);
    while fs::read_to_string(&path).unwrap().is_empty() && Instant::now() < deadline {
        std::thread::yield_now();
    }
    assert_eq!(fs::read_to_string(&path).unwrap(), "info config started\n");

    log::debug!(target: "rustls::client", "hello");
    log::info!(target: "some_library", "about myself");
    log::warn!(target: "some_library", "in trouble");
    handle.set_all_levels(Level::Warning);
    log::debug!(target: "rustls::client", "again");
    std::thread::scope(|scope| {
        for n in 0..4 {
            scope.spawn(move || tracing::error!(target: "pool", n, "from a thread"));
        }
    });
    assert!(handle.flush(Duration::from_secs(5)));
    let text = fs::read_to_string(&path).unwrap();
    let (head, threads): (Vec<_>, Vec<_>) = text.lines().partition(|line| !line.contains("from a thread"));
    assert_eq!(head, ["info config started", "debug connection hello", "warning misc in trouble"]);
    assert_eq!(threads.len(), 4);
    assert_eq!(handle.lost(), 0);
    fs::remove_file(&path).unwrap();
}

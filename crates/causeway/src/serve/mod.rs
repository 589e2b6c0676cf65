//! `causeway -c envoy.yaml`: loads a configuration and serves it until the process is told to end.

mod certificates;
mod changed;
mod drain;
mod lint;
mod load;
mod names;
mod overload;
mod reload;
mod server;
mod statistics;

use std::process::ExitCode;
use std::time::Instant;

use causeway_admin::view::ServerMode;
use causeway_log::{LogHandle, Logger};
use tokio::runtime::{Builder, LocalOptions};

use crate::cli::{ServeArguments, complain};
use crate::version;
use load::Configuration;
pub(crate) use server::own_address;
use server::{NotStarted, Server};

/// Runs the process. `ready` is called when it takes connections.
pub(crate) fn run(arguments: &ServeArguments, ready: impl FnOnce()) -> ExitCode {
    let begun = Instant::now();
    let log = match Logger::install(arguments.log.clone()) {
        Ok(log) => log,
        Err(error) => return complain(&error),
    };
    announce(arguments);
    let code = match load::at_start(arguments, &log) {
        None => ExitCode::FAILURE,
        Some(loaded) if arguments.mode == ServerMode::Serve => serve(arguments, &log, loaded, begun, ready),
        Some(_) => {
            let name = load::name(&arguments.config);
            crate::cli::print(&format!("configuration '{name}' OK\n"))
        }
    };
    // Lines about the end are worth waiting for, but not for ever.
    let _ = log.flush(std::time::Duration::from_secs(1));
    code
}

fn serve(
    arguments: &ServeArguments,
    log: &LogHandle,
    loaded: Configuration,
    begun: Instant,
    ready: impl FnOnce(),
) -> ExitCode {
    let runtime =
        Builder::new_current_thread().enable_io().enable_time().build_local(LocalOptions::default());
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => return complain(&format_args!("cannot start the main loop: {error}")),
    };
    runtime.block_on(async {
        match Server::start(arguments, log, loaded, begun).await {
            Ok(server) => {
                // What is said now is not to stand between lines about the start.
                let _ = log.flush(std::time::Duration::from_secs(1));
                ready();
                server.run().await
            }
            Err(NotStarted::ToldToEnd) => {
                tracing::info!(target: "main", "told to end while starting; exiting");
                ExitCode::SUCCESS
            }
            Err(NotStarted::Faults(lines)) => {
                for line in lines {
                    causeway_log::critical!(target: "main", "{line}");
                }
                causeway_log::critical!(target: "main", "the process can't start and ends");
                ExitCode::FAILURE
            }
        }
    })
}

fn announce(arguments: &ServeArguments) {
    tracing::info!(target: "main", "initializing causeway (version {}, {} workers)", version::text(), arguments.workers);
    for (option, why) in &arguments.without_meaning {
        tracing::info!(target: "main", "--{option} changes nothing: {why}");
    }
    match causeway_sys::raise_descriptor_limit() {
        Ok(limit) => tracing::debug!(target: "main", "{limit} descriptors may be open"),
        Err(error) => tracing::warn!(target: "main", "the limit of open descriptors stays as it is: {error}"),
    }
}

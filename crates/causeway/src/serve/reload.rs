//! Reloads: a configuration takes the place of another, or nothing changes.

use std::rc::{Rc, Weak};
use std::sync::mpsc::Sender;
use std::time::{Instant, SystemTime};

use causeway_admin::view::{Diagnostic, ReloadReport, ReloadResult, ReloadTrigger, Severity};
use causeway_envoy::Loaded;
use causeway_model::Bootstrap;
use causeway_reason::Condition;
use tokio::sync::mpsc::{self, UnboundedSender};

use super::load::{self, Configuration};
use super::server::Server;
use crate::views;

/// A reload that somebody asked for.
pub(super) struct Wanted {
    pub(super) trigger: ReloadTrigger,
    pub(super) answer: Option<Sender<ReloadReport>>,
}

/// Starts the task that reloads: one at a time, each to its end, while the main loop goes on.
pub(super) fn start(server: &Rc<Server>) -> UnboundedSender<Wanted> {
    let (wanted, mut received) = mpsc::unbounded_channel::<Wanted>();
    let server: Weak<Server> = Rc::downgrade(server);
    tokio::task::spawn_local(async move {
        while let Some(first) = received.recv().await {
            let Some(server) = server.upgrade() else { return };
            // A task of its own each: a defect that one file brings to light is not to cost the next reload.
            let reloading = Rc::clone(&server);
            let task = tokio::task::spawn_local(async move { reloading.reload(first.trigger).await });
            let report = match task.await {
                Ok(report) => report,
                Err(panic) => {
                    tracing::error!(target: "main", "the reload ended in a defect of Causeway, please report it: {panic}");
                    continue;
                }
            };
            server.shared.note_reload(report.clone());
            if let Some(answer) = first.answer {
                // Whoever asked may have gone.
                let _ = answer.send(report);
            }
        }
    });
    wanted
}

/// How far a reload got.
enum Outcome {
    Applied,
    Unchanged,
    Refused(Vec<String>),
}

impl Server {
    /// Loads the configuration again, and makes it hold where nothing speaks against it.
    async fn reload(&self, trigger: ReloadTrigger) -> ReloadReport {
        let (at, begun) = (SystemTime::now(), Instant::now());
        let name = load::name(&self.arguments.config);
        tracing::info!(target: "main", "reloading {name} ({})", trigger.word());
        let old = self.shared.current.load_full();
        let old = old.as_ref().map(|old| &old.bootstrap);
        self.certificates.file_was_read();
        let (outcome, mut diagnostics, changes) = match load::read(&self.arguments.config) {
            Err(fault) => (Outcome::Refused(vec![fault]), Vec::new(), Vec::new()),
            Ok(Loaded { bootstrap: None, diagnostics, .. }) => {
                load::tell(&diagnostics, self.arguments.skip_deprecated);
                let found = diagnostics.iter().map(views::diagnostic).collect();
                (Outcome::Refused(Vec::new()), found, Vec::new())
            }
            Ok(Loaded { bootstrap: Some(bootstrap), diagnostics, dump }) => {
                load::tell(&diagnostics, self.arguments.skip_deprecated);
                let mut found: Vec<_> = diagnostics.iter().map(views::diagnostic).collect();
                found.extend(old.into_iter().flat_map(|old| needs_restart(old, &bootstrap)));
                let changes = old.map_or_else(Vec::new, |old| views::changes(old, &bootstrap));
                let outcome = if old == Some(&bootstrap) {
                    Outcome::Unchanged
                } else {
                    self.apply(Configuration { bootstrap, dump, diagnostics }).await
                };
                (outcome, found, changes)
            }
        };
        let took = begun.elapsed();
        let result = match outcome {
            Outcome::Applied => {
                let number = changes.len();
                tracing::info!(target: "main", "{name} is in force after {}: {number} changes", views::took(took));
                for change in &changes {
                    tracing::info!(target: "main", "{} {} {}", change.what, change.name, change.kind.word());
                }
                ReloadResult::Applied
            }
            Outcome::Unchanged => {
                tracing::info!(target: "main", "{name} says what is in force already");
                ReloadResult::Unchanged
            }
            Outcome::Refused(faults) => {
                for fault in &faults {
                    tracing::error!(target: "main", "{fault}");
                }
                diagnostics.extend(faults.into_iter().map(|message| Diagnostic {
                    severity: Severity::Error,
                    position: None,
                    message,
                    hint: None,
                }));
                let code = Condition::UpdateRejected;
                tracing::error!(target: "main", "{code}: {name} is refused; the configuration stays as it was");
                ReloadResult::Refused
            }
        };
        let changes = if result == ReloadResult::Applied { changes } else { Vec::new() };
        ReloadReport { at, took, trigger, result, diagnostics, changes }
    }

    async fn apply(&self, loaded: Configuration) -> Outcome {
        let prepared = match self.prepare(&loaded.bootstrap) {
            Ok(prepared) => prepared,
            Err(faults) => return Outcome::Refused(faults),
        };
        self.manager.apply(&loaded.bootstrap);
        self.manager.warm().await;
        if self.shared.is_draining() {
            return Outcome::Refused(vec!["the process is ending".to_owned()]);
        }
        match self.publish(&loaded, prepared) {
            Ok(()) => {
                load::use_log_format(&self.arguments, &loaded.bootstrap, &self.log);
                Outcome::Applied
            }
            Err(faults) => {
                // The clusters go back to what the workers still use.
                if let Some(current) = self.shared.current.load_full() {
                    self.manager.apply(&current.bootstrap);
                }
                Outcome::Refused(faults)
            }
        }
    }
}

/// What a reload can't change.
fn needs_restart(old: &Bootstrap, new: &Bootstrap) -> Vec<Diagnostic> {
    let address =
        |of: &Bootstrap| of.admin.as_ref().map(|admin| (admin.address.clone(), admin.allow_paths.clone()));
    let parts = [
        ("admin", address(old) != address(new)),
        ("node", old.node != new.node),
        ("stats_sinks", old.stats_sinks != new.stats_sinks),
        ("stats_flush_interval", old.stats_flush_interval != new.stats_flush_interval),
    ];
    let changed = parts.into_iter().filter(|(_, changed)| *changed).map(|(what, _)| {
        let message = format!("{what} has changed; it stays as it was until the process is started anew");
        tracing::warn!(target: "config", "{message}");
        Diagnostic { severity: Severity::Warning, position: None, message, hint: None }
    });
    changed.collect()
}

//! Files on disk: certificates that are renewed are used, those that are about to expire are said, and so is a configuration
//! file that was changed and not loaded.
//!
//! A thread of its own looks at the files, since a file system that hangs must not stop anything else.

use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::time::{Duration, Instant, SystemTime};

use causeway_envoy::{LoadOptions, Severity, Source, load_secrets};
use causeway_model::{NamedSecret, SecretFile};
use causeway_reason::Condition;
use causeway_tls::follow::{Followed, Follower, INTERVAL, Renewal};

use super::changed::ConfigFile;
use crate::cli::ConfigArguments;
use crate::views::seconds;

/// Certificates are warned of that expire within this time: three weeks are enough for anybody to look.
const SOON: i64 = 21 * DAY;

const DAY: i64 = 86_400;

/// How often the same is said again.
const AGAIN: Duration = Duration::from_hours(24);

/// How often it is looked for what expires.
const LOOK_FOR_EXPIRY: Duration = Duration::from_mins(10);

/// The thread that follows files; it ends when this is dropped.
#[derive(Debug)]
pub(super) struct Certificates {
    orders: Sender<Order>,
}

/// What the thread is told.
enum Order {
    /// The files of these are followed from now on, and no others.
    Follow(Vec<Arc<dyn Followed>>),
    /// The configuration file has been read.
    Read,
}

impl Certificates {
    /// Starts the thread. Files of secrets are read with the options of the configuration.
    ///
    /// # Errors
    ///
    /// Where the system gives no thread.
    pub(super) fn start(config: &ConfigArguments) -> io::Result<Self> {
        let (sender, orders) = mpsc::channel::<Order>();
        let options = config.options.clone();
        let mut file = ConfigFile::new(config.path.clone());
        std::thread::Builder::new().name("certificates".to_owned()).spawn(move || {
            let secrets = |file: &SecretFile| read_secrets(file, &options);
            let mut follower = Follower::default();
            let mut expiry = Expiry::default();
            loop {
                match orders.recv_timeout(INTERVAL) {
                    Ok(Order::Read) => file.was_read(),
                    Ok(Order::Follow(contexts)) => {
                        follower.follow(contexts);
                        expiry.look(&follower);
                    }
                    Err(RecvTimeoutError::Timeout) => {
                        file.look(Instant::now());
                        let renewals = follower.look(&secrets);
                        if !renewals.is_empty() || expiry.is_due() {
                            renewals.iter().for_each(tell);
                            expiry.look(&follower);
                        }
                    }
                    Err(RecvTimeoutError::Disconnected) => break,
                }
            }
        })?;
        Ok(Self { orders: sender })
    }

    /// Follows the files of these from now on, and no others.
    pub(super) fn follow(&self, contexts: Vec<Arc<dyn Followed>>) {
        // The thread lives as long as this does.
        let _ = self.orders.send(Order::Follow(contexts));
    }

    /// The configuration file has been read just now.
    pub(super) fn file_was_read(&self) {
        let _ = self.orders.send(Order::Read);
    }
}

fn tell(renewal: &Renewal) {
    match renewal {
        Renewal::Renewed { what } => {
            tracing::info!(target: "config", "{what}: certificates have changed on disk and are used from now on");
        }
        Renewal::Failed { what, error } => tracing::error!(
            target: "config",
            "{}: {what}: what has changed on disk can't be used, and what was there before still is: {error}",
            Condition::CertificateNotReloaded
        ),
    }
}

/// The secrets in a file; what is wrong with it is one line.
fn read_secrets(file: &SecretFile, options: &LoadOptions) -> Result<Vec<NamedSecret>, String> {
    let source = Source::read(Path::new(&*file.path))
        .map_err(|error| format!("can't read `{}`: {error}", file.path))?;
    let loaded = load_secrets(&source, options);
    match loaded.diagnostics.iter().find(|found| found.severity == Severity::Error) {
        Some(fault) => Err(fault.to_string()),
        None => Ok(loaded.secrets),
    }
}

/// What has been said of certificates that expire.
#[derive(Default)]
struct Expiry {
    looked: Option<Instant>,
    /// By file and end.
    said: HashMap<(String, i64), Instant>,
}

impl Expiry {
    fn is_due(&self) -> bool {
        self.looked.is_none_or(|looked| looked.elapsed() >= LOOK_FOR_EXPIRY)
    }

    fn look(&mut self, follower: &Follower) {
        self.looked = Some(Instant::now());
        self.said.retain(|_, at| at.elapsed() < AGAIN);
        let now = seconds(SystemTime::now());
        for context in follower.contexts() {
            let shown = context.certificates();
            // In a bundle of authorities there is always one that ends soon.
            for certificate in shown.own.iter().chain(shown.authorities.iter().take(1)) {
                let left = certificate.facts.not_after - now;
                let key = (certificate.path.clone(), certificate.facts.not_after);
                if left >= SOON || self.said.contains_key(&key) {
                    continue;
                }
                self.said.insert(key, Instant::now());
                let (path, subject) = (&certificate.path, &certificate.facts.subject);
                let what = context.what();
                if left < 0 {
                    tracing::error!(target: "config", "{what}: the certificate {path} ({subject}) has expired {} days ago", -left / DAY);
                } else {
                    tracing::warn!(target: "config", "{what}: the certificate {path} ({subject}) expires in {} days", left / DAY);
                }
            }
        }
    }
}

//! Following files: what is renewed on disk is used without a restart.
//!
//! Files are looked at by their place, length and times, through symbolic links, so that a link that is
//! swapped counts as a change as well as a file that is written. What has changed is read and checked as a whole; as
//! long as it can't be used, what was there before is. A certificate and its key are often written one after
//! the other: what can't be used at first is looked at once more before anything is said about it.

use std::os::unix::fs::MetadataExt as _;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use causeway_model::{
    CommonTls, DataSource, DownstreamTls, NamedSecret, Secret, SecretFile, SecretValue, TlsCertificate,
    Validation,
};

use crate::certificate::Facts;
use crate::identity::{Authorities, Identity, OcspStaple};

/// How often files are looked at. What is renewed is used within twice that time.
pub const INTERVAL: Duration = Duration::from_millis(400);

/// A context that is made of files.
pub trait Followed: Send + Sync {
    /// What it is, for messages: `listener web`, `cluster app`.
    fn what(&self) -> String;

    /// The files that it is made of now.
    fn files(&self) -> Vec<Arc<str>>;

    /// Reads everything again. Connections that come later get it.
    ///
    /// # Errors
    ///
    /// What can't be used; then nothing has changed.
    fn renew(&self, secrets: &ReadSecrets<'_>) -> Result<(), String>;

    /// What was read can't be used, and what was there before still is.
    fn renewal_failed(&self);

    /// The certificates that it consists of now.
    fn certificates(&self) -> ShownCertificates;
}

/// The certificates of a context, for people.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ShownCertificates {
    /// Those that are shown to peers.
    pub own: Vec<ShownCertificate>,
    /// Those that certificates of peers have to lead to.
    pub authorities: Vec<ShownCertificate>,
}

/// A certificate, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShownCertificate {
    /// Where it comes from.
    pub path: String,
    /// What it says.
    pub facts: Facts,
    /// The OCSP response that is sent along with it.
    pub ocsp: Option<OcspStaple>,
}

impl ShownCertificates {
    /// Those that identities show, and all authorities.
    #[must_use]
    pub fn of(identities: &[Arc<Identity>], authorities: &Authorities) -> Self {
        let own = identities.iter().filter_map(|identity| {
            let facts = identity.facts.first()?.clone();
            Some(ShownCertificate { path: identity.path.clone(), facts, ocsp: identity.ocsp.clone() })
        });
        let shown = |facts: &Facts| ShownCertificate {
            path: authorities.path.clone(),
            facts: facts.clone(),
            ocsp: None,
        };
        Self { own: own.collect(), authorities: authorities.facts.iter().map(shown).collect() }
    }
}

/// Reads a file of secrets, or says why it can't be used.
pub type ReadSecrets<'a> = dyn Fn(&SecretFile) -> Result<Vec<NamedSecret>, String> + 'a;

/// What came of looking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Renewal {
    /// What is there now is used.
    Renewed {
        /// What it is.
        what: String,
    },
    /// It can't be used.
    Failed {
        /// What it is.
        what: String,
        /// Why.
        error: String,
    },
}

/// Looks at the files of contexts.
#[derive(Default)]
pub struct Follower {
    items: Vec<Item>,
}

struct Item {
    followed: Arc<dyn Followed>,
    /// What the files were when they were read.
    known: Stamps,
    /// What they were when they could not be used, which has not been said yet.
    unusable: Option<Stamps>,
    /// They have changed so lately that it is open whether what was read is what is there.
    open: bool,
}

type Stamps = Vec<(Arc<str>, Option<Stamp>)>;

/// What changes when a file does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    place: (u64, u64),
    length: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Stamp {
    /// `None` where there is no file.
    fn of(path: &str) -> Option<Self> {
        let metadata = std::fs::metadata(path).ok()?;
        Some(Self {
            place: (metadata.dev(), metadata.ino()),
            length: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        })
    }
}

impl Stamp {
    /// Whether the file has changed within the last seconds.
    fn is_recent(self) -> bool {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let now = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
        now.saturating_sub(self.changed.0) < 5
    }
}

fn stamps(files: Vec<Arc<str>>) -> Stamps {
    let mut stamps: Stamps = Vec::with_capacity(files.len());
    for file in files {
        if !stamps.iter().any(|(known, _)| *known == file) {
            let stamp = Stamp::of(&file);
            stamps.push((file, stamp));
        }
    }
    stamps
}

impl Follower {
    /// Follows these from now on, and none of those that were followed before.
    pub fn follow(&mut self, contexts: impl IntoIterator<Item = Arc<dyn Followed>>) {
        let item = |followed: Arc<dyn Followed>| {
            let known = stamps(followed.files());
            let open = known.iter().any(|(_, stamp)| stamp.is_none_or(Stamp::is_recent));
            Item { known, unusable: None, open, followed }
        };
        self.items = contexts.into_iter().map(item).collect();
    }

    /// What is followed.
    pub fn contexts(&self) -> impl Iterator<Item = &Arc<dyn Followed>> {
        self.items.iter().map(|item| &item.followed)
    }

    /// Looks once.
    pub fn look(&mut self, secrets: &ReadSecrets<'_>) -> Vec<Renewal> {
        self.items.iter_mut().filter_map(|item| item.look(secrets)).collect()
    }
}

impl Item {
    fn look(&mut self, secrets: &ReadSecrets<'_>) -> Option<Renewal> {
        // Before anything is read: what changes in between is seen the next time.
        let now = stamps(self.followed.files());
        if now == self.known {
            self.unusable = None;
            if std::mem::take(&mut self.open) {
                // What can't be used is said where it was read first.
                let _ = self.followed.renew(secrets);
            }
            return None;
        }
        match self.followed.renew(secrets) {
            Ok(()) => {
                self.known = now;
                self.unusable = None;
                Some(Renewal::Renewed { what: self.followed.what() })
            }
            Err(error) => {
                let said_twice = self.unusable.as_ref() == Some(&now);
                if !said_twice {
                    self.unusable = Some(now);
                    return None;
                }
                self.known = now;
                self.unusable = None;
                self.followed.renewal_failed();
                Some(Renewal::Failed { what: self.followed.what(), error })
            }
        }
    }
}

/// The files that what both sides have is made of.
#[must_use]
pub fn files_of(common: &CommonTls) -> Vec<Arc<str>> {
    let mut files = Vec::new();
    let mut add = |source: Option<&DataSource>| {
        if let Some(DataSource::File(path)) = source {
            files.push(Arc::clone(path));
        }
    };
    let certificate = |certificate: &TlsCertificate, add: &mut dyn FnMut(Option<&DataSource>)| {
        for source in
            [&certificate.chain, &certificate.private_key, &certificate.password, &certificate.ocsp_staple]
        {
            add(source.as_ref());
        }
    };
    for secret in &common.certificates {
        if let Some(value) = &secret.value {
            certificate(value, &mut add);
        }
    }
    if let Some(Validation { fixed, secret }) = &common.validation {
        let by_secret = secret.as_ref().and_then(|secret| secret.value.as_ref());
        for validation in fixed.iter().chain(by_secret) {
            add(validation.trusted_ca.as_ref());
            add(validation.crl.as_ref());
        }
        files.extend(file_of(secret.as_ref()));
    }
    files.extend(common.certificates.iter().filter_map(|secret| file_of(Some(secret))));
    files
}

fn file_of<T>(secret: Option<&Secret<T>>) -> Option<Arc<str>> {
    Some(Arc::clone(&secret?.file.as_ref()?.path))
}

/// The files that TLS towards clients is made of.
#[must_use]
pub fn files_of_server(config: &DownstreamTls) -> Vec<Arc<str>> {
    let mut files = files_of(&config.common);
    if let Some(keys) = &config.session_ticket_keys {
        files.extend(file_of(Some(keys)));
        files.extend(keys.value.iter().flatten().filter_map(|source| match source {
            DataSource::File(path) => Some(Arc::clone(path)),
            DataSource::Inline(_) => None,
        }));
    }
    files
}

/// The same context with secrets as their files have them now.
///
/// # Errors
///
/// Where a file of secrets can't be used.
pub fn with_secrets(common: &CommonTls, secrets: &ReadSecrets<'_>) -> Result<CommonTls, String> {
    let mut common = common.clone();
    for secret in &mut common.certificates {
        renew(secret, secrets, |value| match value {
            SecretValue::Certificate(certificate) => Some(Arc::clone(certificate)),
            SecretValue::Validation(_) | SecretValue::TicketKeys(_) => None,
        })?;
    }
    if let Some(Validation { secret: Some(secret), .. }) = &mut common.validation {
        renew(secret, secrets, |value| match value {
            SecretValue::Validation(validation) => Some(Arc::clone(validation)),
            SecretValue::Certificate(_) | SecretValue::TicketKeys(_) => None,
        })?;
    }
    Ok(common)
}

/// The same for TLS towards clients.
///
/// # Errors
///
/// As of [`with_secrets`].
pub fn server_with_secrets(
    config: &DownstreamTls,
    secrets: &ReadSecrets<'_>,
) -> Result<DownstreamTls, String> {
    let mut config = DownstreamTls { common: with_secrets(&config.common, secrets)?, ..config.clone() };
    if let Some(keys) = &mut config.session_ticket_keys {
        renew(keys, secrets, |value| match value {
            SecretValue::TicketKeys(keys) => Some(keys.clone()),
            SecretValue::Certificate(_) | SecretValue::Validation(_) => None,
        })?;
    }
    Ok(config)
}

/// A secret that has gone from its file stays what it was, as with Envoy.
fn renew<T>(
    secret: &mut Secret<T>,
    secrets: &ReadSecrets<'_>,
    pick: impl Fn(&SecretValue) -> Option<T>,
) -> Result<(), String> {
    let Some(file) = &secret.file else { return Ok(()) };
    let found = secrets(file)?;
    let value = found.iter().filter(|found| found.name == secret.name).find_map(|found| pick(&found.value));
    if value.is_some() {
        secret.value = value;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    /// Is made of one file, and takes numbers only.
    struct Number(Arc<str>, Mutex<u32>);

    impl Followed for Number {
        fn what(&self) -> String {
            "number".to_owned()
        }

        fn files(&self) -> Vec<Arc<str>> {
            vec![Arc::clone(&self.0)]
        }

        fn renew(&self, _secrets: &ReadSecrets<'_>) -> Result<(), String> {
            let text = std::fs::read_to_string(&*self.0).map_err(|error| error.to_string())?;
            *self.1.lock().unwrap() = text.parse().map_err(|_| format!("{text} is no number"))?;
            Ok(())
        }

        fn renewal_failed(&self) {}

        fn certificates(&self) -> ShownCertificates {
            ShownCertificates::default()
        }
    }

    #[test]
    fn what_changes_is_read_and_what_is_broken_is_said_once() {
        let folder = std::env::temp_dir().join(format!("causeway-follow-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let write = |name: &str, text: &str| std::fs::write(folder.join(name), text).unwrap();
        let link = |to: &str| {
            let _ = std::fs::remove_file(folder.join("new"));
            std::os::unix::fs::symlink(folder.join(to), folder.join("new")).unwrap();
            std::fs::rename(folder.join("new"), folder.join("link")).unwrap();
        };
        write("one", "1");
        write("two", "2");
        link("one");
        let path = folder.join("link").to_str().unwrap().into();
        let number = Arc::new(Number(path, Mutex::new(1)));
        let value = || *number.1.lock().unwrap();
        let mut follower = Follower::default();
        follower.follow([Arc::<Number>::clone(&number) as Arc<dyn Followed>]);
        let mut look = || follower.look(&|_| Err("there are no secrets".to_owned()));
        assert_eq!(look(), []);
        link("two");
        assert_eq!(look(), [Renewal::Renewed { what: "number".to_owned() }]);
        assert_eq!((value(), look()), (2, vec![]));
        write("two", "three");
        assert_eq!(look(), [], "it may not be complete yet");
        let failed = Renewal::Failed { what: "number".to_owned(), error: "three is no number".to_owned() };
        assert_eq!((look(), look(), value()), (vec![failed], vec![], 2));
        std::fs::remove_file(folder.join("two")).unwrap();
        assert_eq!((look(), value()), (vec![], 2), "what is gone is still used");
        write("two", "4");
        assert_eq!((look().len(), value()), (1, 4));
        std::fs::remove_dir_all(folder).unwrap();
    }
}

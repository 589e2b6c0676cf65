//! Names of back-ends, and the addresses they stand for.

mod files;
mod inquiry;
mod lookup;
mod resolver;
mod schedule;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use causeway_reason::Failure;

pub use inquiry::{AddressKind, NameServers, Question, Told, hosts_file};
pub(crate) use lookup::{Lookup, Outcome};
pub(crate) use resolver::Resolvers;
pub(crate) use schedule::Schedule;

/// What is known of a name: the last answer, and how old it is.
#[derive(Debug, Clone)]
pub struct NameReport {
    /// The name, as the file has it.
    pub name: Arc<str>,
    /// Why the last look-up gave no address; `None` where it gave one. The evidence names the servers
    /// that were asked, what they answered and how long it took.
    pub failure: Option<Failure>,
    /// The addresses that are used: those of the last answer, or of an older one where the last look-up
    /// failed.
    pub in_use: Vec<IpAddr>,
    /// How long the answer may be kept, where a server said so.
    pub ttl: Option<Duration>,
    /// Who gave the last answer: servers as `10.0.0.53:53, 10.0.0.54:53`, or a file.
    pub source: Arc<str>,
    /// When the last look-up ended.
    pub at: Instant,
    /// How long it took.
    pub took: Duration,
    /// When the next one begins.
    pub next: Instant,
    /// When the addresses that are used were answered; `None` where no look-up ever succeeded.
    pub answered: Option<Instant>,
    /// How many look-ups in a row failed.
    pub failures: u32,
}

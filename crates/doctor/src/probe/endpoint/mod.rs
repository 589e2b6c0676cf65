//! One endpoint: what is wrong with it, found by asking as the configuration would, and then otherwise.
//!
//! [`decide`] knows no socket: it takes what was seen, and gives the next trial or a conclusion. [`driver`] makes trials.

mod answer;
mod case;
mod checks;
pub mod decide;
pub mod diagnosis;
pub mod driver;
mod handshake;
mod http2;
pub(crate) mod idle;
pub mod observations;
mod spoken;
#[cfg(test)]
mod table;
mod tcp_check;
pub mod trial;
mod unreachable;

pub(crate) use answer::fault_of;
pub use decide::next;
pub use diagnosis::{Diagnosis, Remedy};
pub use idle::Held;
pub use observations::{Observations, Step};
pub use trial::{Again, Answer, Ask, BodyEnd, Came, CameEnd, CheckAsk, Got, Security, Seen, TlsSeen, Trial};

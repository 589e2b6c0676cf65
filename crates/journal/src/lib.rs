//! What failed lately, and how often.
//!
//! Each worker has a [`Ring`]: the last failures of requests and connections, each a [`Record`] of fixed size, and
//! [`Tally`]s that outlive them. Only the worker writes to it, and only when something failed; a [`Journal`] is all rings
//! together, as the admin server reads them. Writing allocates nothing but the name of a tally that is new, so that ten
//! thousand failures per second take no more memory than ten.
//!
//! Nothing here asks for the time: whoever writes says when, in milliseconds since 1970.

mod also;
mod journal;
mod record;
mod ring;
mod tally;

pub use journal::{Filter, Journal};
pub use record::{Attempt, Attempts, Fact, MOST_ATTEMPTS, Outcome, Record, Short, Subject};
pub use ring::{CAPACITY, Ring};
pub use tally::{MOST_TALLIES, Tally};

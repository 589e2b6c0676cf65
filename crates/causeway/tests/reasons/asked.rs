//! Which reasons a doctor can ask a Causeway for.

use causeway_reason::Reason;

/// Those that it cannot ask for, and why not. They are counted as such in `tests/causes`.
pub(crate) const NOT_ASKED: &[(Reason, &str)] = &[
    (Reason::Dropped, "a request without an outcome is a defect of Causeway, so there is no way to one"),
    (Reason::DirectResponse, "what the configuration answers on purpose is no failure, and in no journal"),
    (Reason::DrainDeadline, "the process has ended by then, and nobody is there to be asked"),
];

/// Whether it can.
pub(crate) fn is_asked(reason: Reason) -> bool {
    NOT_ASKED.iter().all(|(not, _)| *not != reason)
}

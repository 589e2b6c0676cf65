//! All checks there are, of every area.

use crate::{backend, foreign, lint, listeners, probe, world};

/// Names of all checks that there are; those of clusters and listeners with `*` in place of a name.
pub fn names() -> impl Iterator<Item = String> {
    let file = std::iter::once("config".to_owned()).chain(lint::names());
    file.chain(world::names())
        .chain(listeners::names())
        .chain(probe::names())
        .chain(foreign::names())
        .chain(backend::names())
}

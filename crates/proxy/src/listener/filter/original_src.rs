//! `envoy.filters.listener.original_src`: connections to back-ends come from the client's own address, as it is known
//! when this filter has its turn: a PROXY header before it counts.

use causeway_model::OriginalSrc;
use causeway_upstream::OriginalSource;

use super::{Look, Looked};

/// Takes note of the client's address; a Unix socket has none.
pub(super) fn look(config: &OriginalSrc, connection: &mut Looked<'_>) -> Look {
    if let Some(mut address) = connection.info.remote.ip() {
        if !config.bind_port {
            address.set_port(0);
        }
        connection.found().source = Some(OriginalSource { address, mark: config.mark });
    }
    Look::Done
}

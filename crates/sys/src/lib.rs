//! What the kernel offers and the safe libraries do not.
//!
//! The only crate of the workspace with unsafe code. Everything it offers is safe to call; each unsafe
//! block says why it is sound.

mod heap;
mod icmp;
mod limit;
mod option;
mod readiness;
pub mod sockets;
mod tcp_info;

pub use heap::give_back_memory;
pub use icmp::{IcmpError, IcmpKind, disable_recverr, enable_recverr, take_icmp_error};
pub use limit::raise_descriptor_limit;
pub use option::{TCP_FASTOPEN, bind_address_no_port, set_socket_option};
pub use readiness::watch_readable;
pub use tcp_info::round_trip_time;

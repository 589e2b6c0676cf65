//! What the sockets of this host say of a failure, where the back-end is on it too, as it is beside a sidecar: it listens on
//! its loopback address only, or does not accept what comes.
//!
//! They are looked at when somebody asks, so they say how it is now.

use std::cell::OnceCell;
use std::net::{SocketAddr, UdpSocket};

use causeway_journal::{Fact, Record};
use causeway_reason::{Condition, Reason};
use causeway_sys::sockets::Sockets;

/// The sockets, read at most once for a page.
#[derive(Default)]
pub(super) struct Near(OnceCell<Option<Sockets>>);

impl Near {
    /// Everything that a record shows beside its reason.
    pub(super) fn also(&self, record: &Record) -> Vec<Condition> {
        record.also().chain(self.here(record)).collect()
    }

    fn here(&self, record: &Record) -> Option<Condition> {
        if !matches!(record.reason, Reason::ConnectRefused | Reason::ConnectTimeout) {
            return None;
        }
        let address: SocketAddr = record.fact(Fact::Host).parse().ok()?;
        // A socket can be bound to addresses of this host only.
        let is_here = address.ip().is_loopback() || UdpSocket::bind((address.ip(), 0)).is_ok();
        let sockets = self.0.get_or_init(Sockets::read).as_ref().filter(|_| is_here)?;
        of_address(sockets, address, record.reason)
    }
}

fn of_address(sockets: &Sockets, address: SocketAddr, reason: Reason) -> Option<Condition> {
    if reason == Reason::ConnectTimeout {
        let full = sockets.in_the_way(address).any(|socket| socket.waiting > 0);
        return full.then_some(Condition::AcceptQueueFull);
    }
    let mut on_port = sockets.on_port(address.port()).peekable();
    let listens = on_port.peek().is_some() && !address.ip().is_loopback();
    (listens && on_port.all(|socket| socket.local.ip().is_loopback())).then_some(Condition::ListensOnLoopback)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "\
   0: 0100007F:480C 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1 0 100 0 0 10 0
   1: 00000000:1F90 00000000:0000 0A 00000000:00000003 00:00000000 00000000     0        0 2 1 0 100 0 0 10 0
";

    #[test]
    #[cfg(target_endian = "little")]
    fn sockets_say_why_it_is_refused_or_not_answered() {
        let sockets = Sockets::parse(TABLE, "");
        let of = |address: &str, reason| of_address(&sockets, address.parse().unwrap(), reason);
        assert_eq!(of("10.0.0.1:18444", Reason::ConnectRefused), Some(Condition::ListensOnLoopback));
        assert_eq!(of("127.0.0.1:18444", Reason::ConnectRefused), None);
        assert_eq!(of("10.0.0.1:8080", Reason::ConnectTimeout), Some(Condition::AcceptQueueFull));
        assert_eq!(of("127.0.0.1:18444", Reason::ConnectTimeout), None);
        assert_eq!(of("10.0.0.1:81", Reason::ConnectRefused), None);
    }
}

//! Waiting for descriptors of which the runtime has no type of its own.

use std::io;
use std::os::fd::OwnedFd;

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// Has the runtime of this thread tell when the descriptor can be read from, or a connection taken. It must not block.
///
/// # Errors
///
/// What the kernel says: it has no memory to watch it, or it is of a kind that can't be watched.
///
/// # Panics
///
/// Outside of a runtime with I/O.
pub fn watch_readable(descriptor: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    // SAFETY: an `OwnedFd` is open, and the same, until it is dropped. It is given away here, and what holds it takes it
    // from the runtime before it lets it go; it can't be replaced in there but through `get_mut`, whose own contract
    // that is.
    let watched = unsafe { AsyncFd::register_with_interest(descriptor, Interest::READABLE) };
    Ok(watched?)
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn a_listener_wakes_whoever_waits_for_connections() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
        runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            listener.set_nonblocking(true).unwrap();
            let address = listener.local_addr().unwrap();
            let watched = watch_readable(listener.into()).unwrap();
            let client = std::thread::spawn(move || TcpStream::connect(address));
            let mut ready = poll_fn(|cx| watched.poll_read_ready(cx)).await.unwrap();
            ready.clear_ready();
            drop(client.join());
        });
    }
}

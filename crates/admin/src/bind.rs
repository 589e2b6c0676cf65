//! Taking the address.

use std::fmt;
use std::io;
use std::net::TcpListener;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::{fs, path::Path};

use causeway_model::Address;

use crate::who_listens::{PortHolder, who_listens};

/// Why the admin server can't start.
#[derive(Debug)]
pub enum StartError {
    /// Somebody else has the address.
    AddressInUse {
        /// The address.
        address: Address,
        /// Who that is, where the kernel tells.
        holder: Option<PortHolder>,
    },
    /// The address can't be had for another reason.
    Bind {
        /// The address.
        address: Address,
        /// The reason.
        error: io::Error,
    },
    /// The thread or its runtime can't be started.
    Thread(io::Error),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AddressInUse { address, holder } => {
                write!(f, "cannot bind the admin address '{address}': Address already in use")?;
                match holder {
                    Some(holder) => write!(f, " by {holder}"),
                    None => Ok(()),
                }
            }
            Self::Bind { address, error } => write!(f, "cannot bind the admin address '{address}': {error}"),
            Self::Thread(error) => write!(f, "cannot start the admin server: {error}"),
        }
    }
}

impl std::error::Error for StartError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::AddressInUse { .. } => None,
            Self::Bind { error, .. } | Self::Thread(error) => Some(error),
        }
    }
}

/// A socket that listens, not blocking.
#[derive(Debug)]
pub(crate) enum Bound {
    Tcp(TcpListener),
    Unix(UnixListener),
}

/// Listens on an address; gives the one that it got, whose port may be another where 0 was asked for.
pub(crate) fn bind(address: &Address) -> Result<(Bound, Address), StartError> {
    let bound = match address {
        Address::Ip(ip) => TcpListener::bind(ip).and_then(|listener| {
            listener.set_nonblocking(true)?;
            let address = Address::Ip(listener.local_addr()?);
            Ok((Bound::Tcp(listener), address))
        }),
        Address::Pipe { path, mode } => bind_pipe(path, *mode).and_then(|listener| {
            listener.set_nonblocking(true)?;
            Ok((Bound::Unix(listener), address.clone()))
        }),
    };
    bound.map_err(|error| match error.kind() {
        io::ErrorKind::AddrInUse => {
            StartError::AddressInUse { address: address.clone(), holder: address.ip().and_then(who_listens) }
        }
        _ => StartError::Bind { address: address.clone(), error },
    })
}

fn bind_pipe(path: &str, mode: u32) -> io::Result<UnixListener> {
    if let Some(name) = path.strip_prefix('@') {
        return bind_abstract(name);
    }
    let path = Path::new(path);
    remove_stale(path)?;
    let listener = UnixListener::bind(path)?;
    if mode != 0 {
        fs::set_permissions(path, fs::Permissions::from_mode(mode))?;
    }
    Ok(listener)
}

#[cfg(target_os = "linux")]
fn bind_abstract(name: &str) -> io::Result<UnixListener> {
    use std::os::linux::net::SocketAddrExt as _;
    let address = std::os::unix::net::SocketAddr::from_abstract_name(name)?;
    UnixListener::bind_addr(&address)
}

#[cfg(not(target_os = "linux"))]
fn bind_abstract(_: &str) -> io::Result<UnixListener> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "only Linux has abstract sockets"))
}

/// Removes the socket that a process left behind which is gone. One that still answers is left alone,
/// and so is what is no socket.
fn remove_stale(path: &Path) -> io::Result<()> {
    let is_socket = fs::symlink_metadata(path).is_ok_and(|found| found.file_type().is_socket());
    if !is_socket {
        return Ok(());
    }
    match UnixStream::connect(path) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path),
        _ => Err(io::ErrorKind::AddrInUse.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_in_use_tells_who_has_it() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = Address::Ip(taken.local_addr().unwrap());
        let error = bind(&address).unwrap_err();
        let text = error.to_string();
        assert!(text.contains(&address.to_string()) && text.contains("Address already in use"), "{text}");
        if cfg!(target_os = "linux") {
            let StartError::AddressInUse { holder: Some(holder), .. } = error else { panic!("{error:?}") };
            assert_eq!(holder.pid, std::process::id());
            assert!(text.contains(&format!("by process {} (", holder.pid)), "{text}");
        }
    }

    #[test]
    fn a_socket_left_behind_is_replaced_and_one_in_use_is_not() {
        let path = std::env::temp_dir().join(format!("causeway-bind-{}", std::process::id()));
        let address = Address::Pipe { path: path.to_str().unwrap().into(), mode: 0o600 };
        let first = bind(&address).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(matches!(bind(&address), Err(StartError::AddressInUse { holder: None, .. })));
        drop(first);
        drop(bind(&address).unwrap());
        fs::remove_file(&path).unwrap();
        fs::write(&path, "no socket").unwrap();
        assert!(bind(&address).is_err());
        assert_eq!(fs::read_to_string(&path).unwrap(), "no socket");
        fs::remove_file(&path).unwrap();
    }

    #[test]
    fn an_address_that_is_not_ours_is_told_as_such() {
        let error = bind(&Address::Ip("192.0.2.1:1".parse().unwrap())).unwrap_err();
        assert!(matches!(error, StartError::Bind { .. }));
        assert!(error.to_string().starts_with("cannot bind the admin address '192.0.2.1:1': "));
    }
}

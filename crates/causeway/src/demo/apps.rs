//! The apps behind the proxy, each of which can be stopped and started.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::app::{self, Running};
use super::ports::{APPS, listen};

/// The apps.
#[derive(Debug)]
pub(super) struct Apps {
    ports: [u16; APPS],
    running: Mutex<[Option<Running>; APPS]>,
}

/// What became of an app that was told to stop or to start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    Done,
    /// It was so before.
    Already,
}

impl Apps {
    /// Apps on these ports, none of which runs yet.
    pub(super) fn new(ports: [u16; APPS]) -> Self {
        Self { ports, running: Mutex::default() }
    }

    /// Port of each app, and whether it runs.
    pub(super) fn list(&self) -> Vec<(u16, bool)> {
        let running = self.running();
        self.ports.iter().zip(running.iter()).map(|(port, running)| (*port, running.is_some())).collect()
    }

    /// The port of an app. There are as many as [`APPS`], counted from 1.
    pub(super) fn port(&self, number: usize) -> Option<u16> {
        self.ports.get(number.checked_sub(1)?).copied()
    }

    /// Makes an app listen.
    ///
    /// # Errors
    ///
    /// A sentence.
    pub(super) fn start(&self, number: usize) -> Result<Change, String> {
        let port = self.port(number).ok_or_else(|| format!("there is no app {number}"))?;
        let name = format!("app {number}");
        let mut running = self.running();
        match running.get_mut(number - 1) {
            Some(place @ None) => {
                let listener = listen(port, &name)?;
                *place = Some(Running::start(&name, listener, app::router(number))?);
                Ok(Change::Done)
            }
            _ => Ok(Change::Already),
        }
    }

    /// Closes an app's socket and connections.
    pub(super) fn stop(&self, number: usize) -> Change {
        let running = number.checked_sub(1).and_then(|at| self.running().get_mut(at)?.take());
        if running.is_some() { Change::Done } else { Change::Already }
    }

    fn running(&self) -> MutexGuard<'_, [Option<Running>; APPS]> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpStream;

    use super::*;

    #[test]
    fn an_app_that_is_stopped_refuses_connections_until_it_is_started() {
        let free = listen(0, "test").unwrap().local_addr().unwrap().port();
        let apps = Apps::new([free, 0, 0]);
        let connects = || TcpStream::connect(("127.0.0.1", free)).map_err(|error| error.kind());
        for _ in 0..2 {
            assert_eq!(apps.start(1), Ok(Change::Done));
            assert_eq!(apps.start(1), Ok(Change::Already));
            assert!(connects().is_ok());
            assert_eq!(apps.stop(1), Change::Done);
            assert_eq!(apps.stop(1), Change::Already);
            assert_eq!(connects().unwrap_err(), std::io::ErrorKind::ConnectionRefused);
        }
        assert!(apps.start(0).is_err() && apps.start(4).is_err());
        assert_eq!((apps.stop(0), apps.port(0), apps.port(4)), (Change::Already, None, None));
    }
}

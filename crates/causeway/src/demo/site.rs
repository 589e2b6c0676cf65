//! What stands behind the proxy: the apps, which can be stopped and started, and the front-end.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::app::{self, Running};
use super::front_end;
use super::ports::{APPS, Ports, listen};

/// All servers. They end when it is dropped.
#[derive(Debug)]
pub(super) struct Site {
    _front_end: Running,
    _apps: Arc<Apps>,
}

impl Site {
    /// Starts the apps and the front-end.
    ///
    /// # Errors
    ///
    /// A sentence for each that can't be had.
    pub(super) fn start(ports: &Ports, file: &Path) -> Result<Self, Vec<String>> {
        let apps = Arc::new(Apps { ports: ports.apps, running: Mutex::default() });
        for number in 1..=APPS {
            apps.start(number).map_err(|fault| vec![fault])?;
        }
        let router = front_end::router(&apps, file);
        let front_end = listen(ports.front_end, "the front-end")
            .and_then(|listener| Running::start("front-end", listener, router))
            .map_err(|fault| vec![fault])?;
        Ok(Self { _front_end: front_end, _apps: apps })
    }
}

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
        let apps = Apps { ports: [free, 0, 0], running: Mutex::default() };
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

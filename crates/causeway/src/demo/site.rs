//! What stands behind the proxy: the apps, which can be stopped and started, and the front-end.

use std::path::Path;
use std::sync::Arc;

use super::app::Running;
use super::apps::Apps;
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
        let apps = Arc::new(Apps::new(ports.apps));
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

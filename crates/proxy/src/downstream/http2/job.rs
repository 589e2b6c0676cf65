//! A request of HTTP/2 has a task of its own, since the others of its connection do not wait for it.

use std::rc::Rc;

use crate::connection::ConnectionInfo;
use crate::crew::{Crew, Job};
use crate::downstream::{Client, Downstream};
use crate::listener::ListenerSlot;
use crate::record::ActiveRequest;
use crate::snapshot::HttpRuntime;
use crate::worker::Worker;

/// A request that is to be served.
#[derive(Debug)]
pub(crate) struct StreamJob {
    pub(super) slot: Rc<ListenerSlot>,
    pub(super) listener: Rc<HttpRuntime>,
    pub(super) info: Rc<ConnectionInfo>,
    pub(super) client: Client,
    pub(super) request: ActiveRequest,
}

impl Job for StreamJob {
    /// Each holds some kilobytes.
    const MOST: usize = 64;

    fn crew(worker: &Worker) -> &Crew<Self> {
        &worker.stream_tasks
    }

    async fn serve(self, worker: &Rc<Worker>) {
        let Self { slot, listener, info, client, request } = self;
        Downstream::of_stream(worker, slot, listener, info, client).serve_stream(request).await;
    }
}

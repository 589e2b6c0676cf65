//! What connections of HTTP/2 lend each other: tasks that serve streams, and memory for what waits to be written.
//!
//! A request of HTTP/2 has a task of its own, since the others of its connection do not wait for it. To make one costs
//! as much as to read a head, so a task that has served its stream waits for the next, of whatever connection.

use std::cell::RefCell;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use super::output::ROOM;
use crate::connection::ConnectionInfo;
use crate::downstream::{Client, Downstream};
use crate::listener::ListenerSlot;
use crate::record::ActiveRequest;
use crate::snapshot::HttpRuntime;
use crate::worker::Worker;

/// Tasks that wait at most; each holds some kilobytes.
const TASKS: usize = 64;
/// Pieces of memory that wait at most.
const OUTPUTS: usize = 16;
/// Bytes that such a piece has at first: the heads and small bodies of some responses.
const OUTPUT: usize = 2048;

/// What a worker has to lend.
#[derive(Debug, Default)]
pub(crate) struct Spares {
    tasks: RefCell<Vec<Rc<Seat>>>,
    outputs: RefCell<Vec<Vec<u8>>>,
}

/// A request that is to be served.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) slot: Rc<ListenerSlot>,
    pub(super) listener: Rc<HttpRuntime>,
    pub(super) info: Rc<ConnectionInfo>,
    pub(super) client: Client,
    pub(super) request: ActiveRequest,
}

/// Where a task that waits finds the next request.
#[derive(Debug, Default)]
struct Seat {
    job: RefCell<Option<Job>>,
    task: RefCell<Option<Waker>>,
}

impl Spares {
    /// Has a request served.
    pub(super) fn serve(&self, worker: &Rc<Worker>, job: Job) {
        let waiting = self.tasks.borrow_mut().pop();
        let Some(seat) = waiting else {
            worker.spawn(run(Rc::clone(worker), job));
            return;
        };
        seat.job.replace(Some(job));
        if let Some(task) = seat.task.borrow().as_ref() {
            task.wake_by_ref();
        }
    }

    /// A task waits, unless enough of them do.
    fn waits(&self, seat: &Rc<Seat>) -> bool {
        let mut tasks = self.tasks.borrow_mut();
        let may = tasks.len() < TASKS;
        if may {
            tasks.push(Rc::clone(seat));
        }
        may
    }

    /// Memory for what waits to be written.
    pub(super) fn output(&self) -> Vec<u8> {
        self.outputs.borrow_mut().pop().unwrap_or_else(|| Vec::with_capacity(OUTPUT))
    }

    /// Takes back such memory.
    pub(super) fn give_output(&self, mut output: Vec<u8>) {
        let mut outputs = self.outputs.borrow_mut();
        if output.capacity() > 0 && output.capacity() <= ROOM && outputs.len() < OUTPUTS {
            output.clear();
            outputs.push(output);
        }
    }
}

impl Seat {
    fn poll(&self, cx: &Context<'_>) -> Poll<Job> {
        if let Some(job) = self.job.take() {
            return Poll::Ready(job);
        }
        // A task has the same waker all its life.
        self.task.borrow_mut().get_or_insert_with(|| cx.waker().clone());
        Poll::Pending
    }
}

/// Serves requests, one after the other. One that panics takes this task with it, and nobody else.
async fn run(worker: Rc<Worker>, mut job: Job) {
    let seat = Rc::new(Seat::default());
    loop {
        let Job { slot, listener, info, client, request } = job;
        let mut downstream = Downstream::of_stream(&worker, slot, listener, info, client);
        downstream.serve_stream(request).await;
        drop(downstream);
        if !worker.http2_spares.waits(&seat) {
            return;
        }
        job = poll_fn(|cx| seat.poll(cx)).await;
    }
}

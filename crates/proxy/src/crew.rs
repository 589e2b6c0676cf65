//! Tasks that serve one after the other.
//!
//! To make a task costs as much as to read a head. So one that has served a connection, or a stream, waits for the next,
//! whomever that belongs to.

use std::cell::RefCell;
use std::fmt;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use crate::worker::Worker;

/// What a task serves.
pub(crate) trait Job: Sized + 'static {
    /// Tasks that wait for the next one at most, in each worker.
    const MOST: usize;

    /// Those of this worker.
    fn crew(worker: &Worker) -> &Crew<Self>;

    /// Serves it to its end.
    fn serve(self, worker: &Rc<Worker>) -> impl Future<Output = ()>;
}

/// Tasks of one worker that wait for something to serve.
pub(crate) struct Crew<J>(RefCell<Vec<Rc<Seat<J>>>>);

/// Where a task that waits finds what it is to serve next.
struct Seat<J> {
    job: RefCell<Option<J>>,
    task: RefCell<Option<Waker>>,
}

impl<J: Job> Crew<J> {
    /// Has it served.
    pub(crate) fn serve(worker: &Rc<Worker>, job: J) {
        let waiting = J::crew(worker).0.borrow_mut().pop();
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
    fn waits(&self, seat: &Rc<Seat<J>>) -> bool {
        let mut tasks = self.0.borrow_mut();
        let may = tasks.len() < J::MOST;
        if may {
            tasks.push(Rc::clone(seat));
        }
        may
    }
}

impl<J> Seat<J> {
    fn poll(&self, cx: &Context<'_>) -> Poll<J> {
        if let Some(job) = self.job.take() {
            return Poll::Ready(job);
        }
        // A task has the same waker all its life.
        self.task.borrow_mut().get_or_insert_with(|| cx.waker().clone());
        Poll::Pending
    }
}

/// Serves one after the other. What panics takes this task with it, and nobody else.
async fn run<J: Job>(worker: Rc<Worker>, mut job: J) {
    let mut seat = None;
    loop {
        job.serve(&worker).await;
        let seat = seat.get_or_insert_with(|| Rc::new(Seat::default()));
        if !J::crew(&worker).waits(seat) {
            return;
        }
        job = poll_fn(|cx| seat.poll(cx)).await;
    }
}

impl<J> Default for Crew<J> {
    fn default() -> Self {
        Self(RefCell::default())
    }
}

impl<J> Default for Seat<J> {
    fn default() -> Self {
        Self { job: RefCell::default(), task: RefCell::default() }
    }
}

impl<J> fmt::Debug for Crew<J> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Crew").field(&self.0.borrow().len()).finish()
    }
}

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
///
/// An `async fn` would hold its arguments beside what becomes of them; a task is there for each idle connection.
#[expect(clippy::manual_async_fn, reason = "see above")]
fn run<J: Job>(worker: Rc<Worker>, mut job: J) -> impl Future<Output = ()> {
    async move {
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

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use causeway_stats::Registry;
    use tokio::runtime::{Builder, LocalOptions};
    use tokio::task::{self, yield_now};

    use super::*;
    use crate::rehearse::worker;

    /// Notes who has served it; `Err` panics.
    struct Probe(Result<Rc<Cell<Option<task::Id>>>, ()>);

    thread_local! {
        static CREW: &'static Crew<Probe> = Box::leak(Box::default());
    }

    impl Job for Probe {
        const MOST: usize = 2;

        fn crew(_: &Worker) -> &Crew<Self> {
            CREW.with(|crew| *crew)
        }

        async fn serve(self, _: &Rc<Worker>) {
            yield_now().await;
            self.0.expect("a panic, on purpose").set(task::try_id());
        }
    }

    async fn settle() {
        for _ in 0..8 {
            yield_now().await;
        }
    }

    /// Serves so many at once, and says which tasks did.
    async fn serve(worker: &Rc<Worker>, count: usize) -> Vec<Option<task::Id>> {
        let notes: Vec<_> = (0..count).map(|_| Rc::new(Cell::new(None))).collect();
        for note in &notes {
            Crew::serve(worker, Probe(Ok(Rc::clone(note))));
        }
        settle().await;
        notes.iter().map(|note| note.get()).collect()
    }

    #[test]
    fn a_task_serves_one_after_the_other_and_a_panic_ends_it_alone() {
        let runtime = Builder::new_current_thread().build_local(LocalOptions::default()).unwrap();
        runtime.block_on(async {
            let worker = worker(&Registry::new(1));
            let first = serve(&worker, 1).await;
            assert!(first[0].is_some());
            assert_eq!(serve(&worker, 1).await, first);
            let three = serve(&worker, 3).await;
            assert!(three.contains(&first[0]) && three.iter().all(Option::is_some), "{three:?}");
            // No more than two wait.
            assert_eq!(CREW.with(|crew| crew.0.borrow().len()), 2);
            Crew::serve(&worker, Probe(Err(())));
            settle().await;
            assert_eq!(CREW.with(|crew| crew.0.borrow().len()), 1);
            let after = serve(&worker, 1).await;
            assert!(three.contains(&after[0]), "{after:?} is none of {three:?}");
        });
    }
}

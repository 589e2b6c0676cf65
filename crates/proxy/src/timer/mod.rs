//! Timers that cost nothing while they do not fire.
//!
//! Every connection has one entry in its worker's wheel, for the earliest of its deadlines. Moving a
//! deadline into the future, as every request does, writes a number; the wheel is touched when the
//! entry fires too early, and is given the new time then.

mod wheel;

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::sync::Notify;

use crate::moment::Moment;
use crate::waker_cell::WakerCell;
use wheel::{Key, Wheel};

/// Milliseconds since the worker started.
pub(crate) type Millis = u64;

/// No deadline.
const NEVER: Millis = Millis::MAX;

/// The timers of one worker.
#[derive(Debug)]
pub(crate) struct Timers {
    epoch: Moment,
    wheel: RefCell<Wheel<Slot>>,
    /// When the driver will look next; `NEVER` while it sleeps without end.
    next_look: Cell<Millis>,
    /// Wakes the driver for an entry that is due earlier than that.
    earlier: Notify,
}

#[derive(Debug)]
struct Slot {
    shared: Rc<Shared>,
}

/// What a [`Deadline`] and its entry in the wheel share.
#[derive(Debug)]
struct Shared {
    /// The deadline that holds.
    at: Cell<Millis>,
    /// When the entry in the wheel fires; `NEVER` where it is not in the wheel.
    scheduled: Cell<Millis>,
    /// The entry, once there is one.
    key: Cell<Option<Key>>,
    waker: WakerCell,
}

impl Timers {
    pub(crate) fn new(epoch: Moment) -> Rc<Self> {
        Rc::new(Self {
            epoch,
            wheel: RefCell::new(Wheel::new()),
            next_look: Cell::new(NEVER),
            earlier: Notify::new(),
        })
    }

    /// Now.
    pub(crate) fn now(&self) -> Millis {
        self.at(Moment::now())
    }

    /// A point in time; one between two milliseconds is the later, so that nothing fires early.
    pub(crate) const fn at(&self, moment: Moment) -> Millis {
        moment.nanos_since(self.epoch).div_ceil(1_000_000)
    }

    /// Fires what is due. Runs as a task of its own for as long as the worker lives.
    pub(crate) async fn drive(self: Rc<Self>) {
        loop {
            self.fire();
            let next = self.wheel.borrow().next_expiry();
            self.next_look.set(next.unwrap_or(NEVER));
            match next {
                None => self.earlier.notified().await,
                Some(next) => {
                    let left = (self.epoch + Duration::from_millis(next)).since(Moment::now());
                    // Either way it is time to look again.
                    let _ = tokio::time::timeout(left, self.earlier.notified()).await;
                }
            }
        }
    }

    fn fire(&self) {
        let now = self.now();
        let mut wake: Vec<Waker> = Vec::new();
        let mut moved: Vec<(Key, Millis)> = Vec::new();
        let mut wheel = self.wheel.borrow_mut();
        wheel.expire(now, |slot| {
            let shared = &slot.shared;
            shared.scheduled.set(NEVER);
            let at = shared.at.get();
            if at <= now {
                wake.extend(shared.waker.take());
            } else if at != NEVER
                && let Some(key) = shared.key.get()
            {
                shared.scheduled.set(at);
                moved.push((key, at));
            }
        });
        for (key, at) in moved {
            wheel.reschedule(key, at);
        }
        drop(wheel);
        for waker in wake {
            waker.wake();
        }
    }

    fn look_at(&self, at: Millis) {
        if at < self.next_look.get() {
            self.next_look.set(at);
            self.earlier.notify_one();
        }
    }
}

/// One deadline that moves. Dropping it takes it out of the wheel.
#[derive(Debug)]
pub(crate) struct Deadline {
    timers: Rc<Timers>,
    shared: Rc<Shared>,
}

impl Deadline {
    pub(crate) fn new(timers: &Rc<Timers>) -> Self {
        let shared = Rc::new(Shared {
            at: Cell::new(NEVER),
            scheduled: Cell::new(NEVER),
            key: Cell::new(None),
            waker: WakerCell::default(),
        });
        Self { timers: Rc::clone(timers), shared }
    }

    /// Moves the deadline; `None` takes it away.
    pub(crate) fn set(&self, at: Option<Millis>) {
        let at = at.unwrap_or(NEVER);
        self.shared.at.set(at);
        // A later time is left to be found when the entry fires.
        if at < self.shared.scheduled.get() {
            self.schedule(at);
        }
    }

    /// Ready once the deadline has passed. The task is woken then, also where the deadline was set by
    /// somebody else while the task slept.
    pub(crate) fn poll(&self, cx: &mut Context<'_>) -> Poll<()> {
        let at = self.shared.at.get();
        if at != NEVER && self.shared.scheduled.get() == NEVER {
            // It fired, or was never scheduled.
            if at <= self.timers.now() {
                return Poll::Ready(());
            }
            self.schedule(at);
        }
        self.shared.waker.register(cx);
        Poll::Pending
    }

    fn schedule(&self, at: Millis) {
        self.shared.scheduled.set(at);
        let mut wheel = self.timers.wheel.borrow_mut();
        match self.shared.key.get() {
            Some(key) => wheel.reschedule(key, at),
            None => self.shared.key.set(Some(wheel.insert(at, Slot { shared: Rc::clone(&self.shared) }))),
        }
        drop(wheel);
        self.timers.look_at(at);
    }
}

impl Drop for Deadline {
    fn drop(&mut self) {
        if let Some(key) = self.shared.key.get() {
            self.timers.wheel.borrow_mut().remove(key);
        }
    }
}

/// A duration in whole milliseconds, rounded down, as what has passed is counted and shown.
pub(crate) fn whole_millis(duration: Duration) -> u64 {
    duration.as_secs().saturating_mul(1000).saturating_add(duration.subsec_millis().into())
}

/// A duration in whole milliseconds, rounded up so that nothing fires early.
pub(crate) fn millis(duration: Duration) -> Millis {
    let part = u64::from(duration.subsec_nanos().div_ceil(1_000_000));
    duration.as_secs().saturating_mul(1000).saturating_add(part).min(NEVER - 1)
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    fn run(test: impl AsyncFnOnce(Rc<Timers>)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let local = tokio::task::LocalSet::new();
        local.block_on(&runtime, async {
            let timers = Timers::new(Moment::now());
            tokio::task::spawn_local(Rc::clone(&timers).drive());
            test(timers).await;
        });
    }

    #[test]
    fn a_deadline_wakes_at_its_time_however_often_it_moved() {
        run(async |timers| {
            let deadline = Deadline::new(&timers);
            let start = timers.now();
            deadline.set(Some(start + 20));
            for _ in 0..5 {
                deadline.set(Some(start + 60));
            }
            poll_fn(|cx| deadline.poll(cx)).await;
            let took = timers.now() - start;
            assert!((60..500).contains(&took), "{took}");
            deadline.set(Some(timers.now() + 200));
            deadline.set(Some(timers.now() + 5));
            poll_fn(|cx| deadline.poll(cx)).await;
            assert!(timers.now() - start < 200 + took);
        });
    }

    #[test]
    fn a_task_that_sleeps_without_a_deadline_is_woken_by_one_that_is_set_later() {
        run(async |timers| {
            let deadline = Rc::new(Deadline::new(&timers));
            let sleeper = Rc::clone(&deadline);
            let slept = tokio::task::spawn_local(async move { poll_fn(|cx| sleeper.poll(cx)).await });
            tokio::task::yield_now().await;
            deadline.set(Some(timers.now() + 10));
            slept.await.expect("it ends");
        });
    }

    #[test]
    fn a_deadline_that_is_taken_away_never_fires() {
        run(async |timers| {
            let (kept, gone) = (Deadline::new(&timers), Deadline::new(&timers));
            gone.set(Some(timers.now() + 1));
            gone.set(None);
            kept.set(Some(timers.now() + 30));
            let first = poll_fn(|cx| match gone.poll(cx) {
                Poll::Ready(()) => Poll::Ready("gone"),
                Poll::Pending => kept.poll(cx).map(|()| "kept"),
            });
            assert_eq!(first.await, "kept");
            drop((kept, gone));
            assert_eq!(timers.wheel.borrow().len(), 0);
        });
    }
}

//! What serves the requests of connections while there are some, lent by the worker and used again.
//!
//! To serve a request takes a kilobyte and more of state, most of it in futures. An idle connection has none of it,
//! and one on which a request comes allocates none: it gets a coroutine that has served others before.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;

use super::{After, Downstream};

/// Coroutines that wait at most. Where hundreds of connections are busy, many are served between two looks at what has
/// come.
pub(super) const MOST: usize = 256;

/// Coroutines of one worker that serve nobody.
#[derive(Default)]
pub(crate) struct Coroutines(RefCell<Vec<Coroutine>>);

struct Coroutine {
    seat: Rc<Seat>,
    /// [`serve_each`], which never ends.
    future: Pin<Box<dyn Future<Output = ()>>>,
}

/// Where a coroutine finds who is to be served, and leaves who was.
#[derive(Default)]
struct Seat {
    waiting: Cell<Option<Box<Downstream>>>,
    served: Cell<Option<(Box<Downstream>, After)>>,
}

impl Coroutines {
    fn take(&self) -> Coroutine {
        self.0.borrow_mut().pop().unwrap_or_else(|| {
            let seat = Rc::new(Seat::default());
            Coroutine { future: Box::pin(serve_each(Rc::clone(&seat))), seat }
        })
    }

    /// Lets go of those that serve nobody.
    pub(crate) fn shrink(&self) {
        self.0.take();
    }

    fn give(&self, coroutine: Coroutine) {
        let mut spare = self.0.borrow_mut();
        if spare.len() < MOST {
            spare.push(coroutine);
        }
    }
}

impl Downstream {
    /// Serves requests until nothing of one is there, and gives the connection back. Where the future is dropped, or
    /// what serves panics, the connection and the coroutine go with it.
    pub(super) async fn serve_requests(self: Box<Self>) -> (Box<Self>, After) {
        let mut coroutine = self.worker.coroutines.take();
        coroutine.seat.waiting.set(Some(self));
        let (connection, after) = poll_fn(|cx| {
            // Whether it waits for a peer or for the next connection is told by what it has left.
            let _ = coroutine.future.as_mut().poll(cx);
            coroutine.seat.served.take().map_or(Poll::Pending, Poll::Ready)
        })
        .await;
        connection.worker.coroutines.give(coroutine);
        (connection, after)
    }
}

async fn serve_each(seat: Rc<Seat>) {
    loop {
        // Who fills the seat polls as well: nobody has to be woken.
        let mut connection = poll_fn(|_| seat.waiting.take().map_or(Poll::Pending, Poll::Ready)).await;
        let after = connection.requests().await;
        seat.served.set(Some((connection, after)));
    }
}

impl fmt::Debug for Coroutines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Coroutines").field(&self.0.borrow().len()).finish()
    }
}

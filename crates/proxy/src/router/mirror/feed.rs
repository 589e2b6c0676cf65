//! The body of a request on its way to a mirror: copied as it passes, and held until the mirror takes it. While as much
//! is held as may be, the request waits, but not for long: whoever takes it out says when that is too long.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::Bytes;
use causeway_http::HeaderBlock;

use crate::waker_cell::WakerCell;

/// What lies between the request and one of its copies.
#[derive(Debug)]
pub(crate) struct Feed {
    pieces: RefCell<VecDeque<Bytes>>,
    /// Bytes in them.
    held: Cell<usize>,
    /// Most bytes that are held.
    most: usize,
    state: Cell<State>,
    trailers: RefCell<Option<HeaderBlock>>,
    /// Who takes pieces out.
    waker: WakerCell,
    /// Who waits for room.
    waiting: WakerCell,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// More may come.
    Open,
    /// All of the body has come.
    Ended,
    /// The request ended before its body did.
    Cut,
    /// The mirror does not keep up.
    Overflowed,
    /// Nobody takes any more.
    Deaf,
}

/// What a mirror gets next.
#[derive(Debug)]
pub(super) enum Fed {
    /// A piece of the body; whether nothing at all follows.
    Piece(Bytes, bool),
    /// The body is complete.
    End(Option<HeaderBlock>),
    /// It never will be, because the request ended, …
    Cut,
    /// … or because too much of it waits.
    Overflowed,
}

/// Where a body is copied to.
#[derive(Debug)]
pub(crate) struct Copies(Vec<Rc<Feed>>);

impl Copies {
    pub(super) const fn new(feeds: Vec<Rc<Feed>>) -> Self {
        Self(feeds)
    }

    /// A piece of the body passes.
    pub(crate) fn add(&self, data: &[u8]) {
        let open = || self.0.iter().filter(|feed| feed.state.get() == State::Open);
        if open().next().is_none() {
            return;
        }
        let piece = Bytes::copy_from_slice(data);
        open().for_each(|feed| feed.add(piece.clone()));
    }

    /// Waits until every mirror that keeps up has room.
    pub(crate) fn poll_room(&self, cx: &Context<'_>) -> Poll<()> {
        let full = self.0.iter().filter(|feed| feed.is_full());
        full.fold(Poll::Ready(()), |_, feed| {
            feed.waiting.register(cx);
            // Whoever takes it out may have to be told that somebody waits.
            feed.wake();
            Poll::Pending
        })
    }

    /// All of the body has passed.
    pub(crate) fn end(&self, trailers: Option<&HeaderBlock>) {
        for feed in self.0.iter().filter(|feed| feed.state.get() == State::Open) {
            *feed.trailers.borrow_mut() = trailers.cloned();
            feed.enter(State::Ended);
        }
    }
}

impl Drop for Copies {
    fn drop(&mut self) {
        for feed in self.0.iter().filter(|feed| feed.state.get() == State::Open) {
            feed.enter(State::Cut);
        }
    }
}

impl Feed {
    /// A feed that holds that many bytes at most.
    pub(super) fn new(most: usize) -> Rc<Self> {
        Rc::new(Self {
            pieces: RefCell::default(),
            held: Cell::new(0),
            most,
            state: Cell::new(State::Open),
            trailers: RefCell::default(),
            waker: WakerCell::default(),
            waiting: WakerCell::default(),
        })
    }

    fn add(&self, piece: Bytes) {
        self.held.set(self.held.get() + piece.len());
        self.pieces.borrow_mut().push_back(piece);
        self.wake();
    }

    /// Whether the request waits for room.
    pub(super) fn is_full(&self) -> bool {
        self.state.get() == State::Open && self.held.get() >= self.most
    }

    /// Hears of whatever happens to it.
    pub(super) fn listen(&self, cx: &Context<'_>) {
        self.waker.register(cx);
    }

    /// The request has waited for too long: it goes on without this copy.
    pub(super) fn overflow(&self) {
        self.pieces.borrow_mut().clear();
        self.enter(State::Overflowed);
        self.make_way();
    }

    fn make_way(&self) {
        self.waiting.wake();
    }

    /// Nobody takes any more.
    pub(super) fn stop(&self) {
        self.pieces.borrow_mut().clear();
        self.state.set(State::Deaf);
        self.make_way();
    }

    /// What comes next.
    pub(super) fn poll(&self, cx: &Context<'_>) -> Poll<Fed> {
        match self.state.get() {
            State::Cut | State::Deaf => return Poll::Ready(Fed::Cut),
            State::Overflowed => return Poll::Ready(Fed::Overflowed),
            State::Open | State::Ended => {}
        }
        let ended = self.state.get() == State::Ended;
        let mut pieces = self.pieces.borrow_mut();
        if let Some(piece) = pieces.pop_front() {
            self.held.set(self.held.get().saturating_sub(piece.len()));
            if !self.is_full() {
                self.make_way();
            }
            let last = ended && pieces.is_empty() && self.trailers.borrow().is_none();
            return Poll::Ready(Fed::Piece(piece, last));
        }
        if ended {
            return Poll::Ready(Fed::End(self.trailers.borrow_mut().take()));
        }
        self.waker.register(cx);
        Poll::Pending
    }

    fn enter(&self, state: State) {
        self.state.set(state);
        self.wake();
    }

    fn wake(&self) {
        self.waker.wake();
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;

    /// `Piece(b"ab", false)`, or `wait`.
    fn poll(feed: &Feed) -> String {
        match feed.poll(&Context::from_waker(Waker::noop())) {
            Poll::Ready(fed) => format!("{fed:?}"),
            Poll::Pending => "wait".into(),
        }
    }

    #[test]
    fn what_passes_comes_out_in_its_order() {
        let feed = Feed::new(10);
        let copies = Copies::new(vec![Rc::clone(&feed)]);
        assert_eq!(poll(&feed), "wait");
        copies.add(b"ab");
        copies.add(b"c");
        assert_eq!(poll(&feed), "Piece(b\"ab\", false)");
        copies.end(None);
        assert_eq!(poll(&feed), "Piece(b\"c\", true)");
        drop(copies);
        assert_eq!(poll(&feed), "End(None)");
    }

    #[test]
    fn a_mirror_that_does_not_keep_up_is_waited_for_until_somebody_says_so() {
        let (slow, quick) = (Feed::new(4), Feed::new(4));
        let copies = Copies::new(vec![Rc::clone(&slow), Rc::clone(&quick)]);
        let room = || copies.poll_room(&Context::from_waker(Waker::noop())).is_ready();
        copies.add(b"abcd");
        assert!(!room() && slow.is_full());
        assert_eq!(poll(&quick), "Piece(b\"abcd\", false)");
        assert!(!room() && !quick.is_full());
        slow.overflow();
        assert!(room());
        copies.add(b"e");
        copies.end(None);
        assert_eq!(poll(&slow), "Overflowed");
        assert_eq!(poll(&quick), "Piece(b\"e\", true)");
    }

    #[test]
    fn a_request_that_ends_early_cuts_its_copies() {
        let feed = Feed::new(4);
        drop(Copies::new(vec![Rc::clone(&feed)]));
        assert_eq!(poll(&feed), "Cut");
    }
}

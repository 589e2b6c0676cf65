//! Requests that begin on a connection: each is served by a task of its own, or refused.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use super::super::StreamJob;
use super::super::heads::{self, Block, Refused};
use super::super::receive::{Fatal, outbound};
use super::super::session::{Reset, Session, Stream, Window};
use super::super::stream::ClientStream;
use super::ending::failure_of;
use super::{Connection, Drain};
use crate::crew::Crew;
use crate::downstream::Client;
use crate::record::ActiveRequest;
use crate::stats::{Http2Stat, HttpStat};
use crate::waker_cell::WakerCell;

/// Requests that were reset and whose tasks have not heard of it yet, beside those that may be open.
const UNHEARD: usize = 100;

impl Connection {
    pub(super) fn trailers(&mut self, block: &Block) -> Result<(), Fatal> {
        self.worker.http2().inc(Http2Stat::Trailers);
        let read = heads::read_trailers(&mut self.decoder, block, &self.listener)?;
        let mut session = self.session.borrow_mut();
        let Some(stream) = session.streams.get(&block.stream).cloned() else { return Ok(()) };
        let mut stream = stream.borrow_mut();
        stream.wire_received += block.wire;
        let read = match (read, stream.promised) {
            (Ok(_), Some(1..)) => Err(Refused::of_length()),
            (read, _) => read,
        };
        match read {
            Ok(trailers) => {
                if !trailers.is_empty() {
                    stream.trailers = Some(trailers);
                }
                session.client_ended(&mut stream);
                Ok(())
            }
            Err(refused) => {
                let goes_on = self.refused(&session, &refused);
                let Refused { failure, code, .. } = refused;
                if goes_on {
                    session.refuse_stream(&mut stream, failure, code);
                    return Ok(session.limits.closed(true)?);
                }
                stream.reset = Some(Reset::Refused(Rc::new(failure)));
                session.over();
                stream.wake();
                Err(Fatal::Silent("the trailers of a stream break the rules"))
            }
        }
    }

    /// A request has begun.
    pub(super) fn request(&mut self, block: &Block) -> Result<(), Fatal> {
        if self.listener.manager.shared().measures.round_trip {
            self.info.round_trip.set(self.session.borrow().output.round_trip());
        }
        let (mut request, read) =
            heads::read_head(&mut self.decoder, block, &self.worker, &self.listener, &self.info);
        let taken = match read {
            Ok(taken) => taken,
            Err(malformed) => {
                let fatal = Fatal::from(malformed);
                request.fail(failure_of(&fatal));
                self.listener.shards.http.inc(HttpStat::DownstreamRqRxReset);
                return Err(fatal);
            }
        };
        self.requests += 1;
        let taken = taken.and_then(|()| self.may_open());
        if let Err(refused) = taken {
            return self.refuse(request, block.stream, refused);
        }
        self.open(block, request);
        let most = self.listener.manager.config.max_requests_per_connection;
        if most.is_some_and(|most| self.requests >= u64::from(most)) {
            self.listener.shards.http.inc(HttpStat::DownstreamCxMaxRequestsReached);
            if self.drain == Drain::No {
                self.announce_end();
            }
        }
        Ok(())
    }

    /// Whether one more stream may be open.
    fn may_open(&self) -> Result<(), Refused> {
        let session = self.session.borrow();
        let most = session.options.max_concurrent_streams;
        let held = usize::try_from(most).unwrap_or(usize::MAX).saturating_add(UNHEARD);
        if session.open_streams < most && session.streams.len() < held {
            return Ok(());
        }
        Err(Refused::too_many_streams(most))
    }

    fn refuse(&mut self, mut request: ActiveRequest, stream: u32, refused: Refused) -> Result<(), Fatal> {
        self.listener.shards.http.inc(HttpStat::DownstreamRqRxReset);
        let mut session = self.session.borrow_mut();
        let goes_on = self.refused(&session, &refused);
        let Refused { failure, code, .. } = refused;
        request.fail(failure);
        if !goes_on {
            drop(request);
            drop(session);
            self.opened.with_request = true;
            return Err(Fatal::Silent("the fields of a request break the rules"));
        }
        session.refuse(stream, code);
        request.facts.wire_sent = 13;
        drop(request);
        outbound(&session)?;
        Ok(session.limits.closed(true)?)
    }

    /// Counts a stream that is refused; says whether the connection goes on.
    fn refused(&self, session: &Session, refused: &Refused) -> bool {
        if let Some(stat) = refused.stat {
            self.worker.http2().inc(stat);
        }
        !refused.breaks_rules || session.options.stream_error_on_invalid_message
    }

    /// Begins to serve a request.
    fn open(&mut self, block: &Block, request: ActiveRequest) {
        let mut session = self.session.borrow_mut();
        let stream = Rc::new(RefCell::new(Stream {
            id: block.stream,
            send_window: session.first_send_window,
            receive_window: Window::new(session.options.initial_stream_window_size),
            body: VecDeque::new(),
            trailers: None,
            promised: heads::promised(&request),
            client_ended: block.ends,
            ended: false,
            reset: None,
            waker: WakerCell::default(),
            waiting: false,
            answered: false,
            begun: self.worker.moment(),
            wire_received: block.wire,
            wire_sent: 0,
            head_sent: 0,
        }));
        session.streams.insert(block.stream, Rc::clone(&stream));
        session.open_streams += 1;
        self.worker.http2().adjust(Http2Stat::StreamsActive, 1);
        drop(session);
        let client = Client::Http2(ClientStream::new(Rc::clone(&self.session), stream));
        let (slot, listener, info) =
            (Rc::clone(&self.slot), Rc::clone(&self.listener), Rc::clone(&self.info));
        Crew::serve(&self.worker, StreamJob { slot, listener, info, client, request });
    }
}

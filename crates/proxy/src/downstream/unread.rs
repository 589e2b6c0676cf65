//! What a request has left behind when it is answered before all of it was read.

use super::{Client, Downstream};
use crate::record::ActiveRequest;
use crate::stats::HttpStat;

impl Downstream {
    /// Counts an answer that is complete before its request is.
    pub(crate) fn count_early_answer(&self) {
        self.listener.shards.http.inc(HttpStat::DownstreamRqResponseBeforeRqComplete);
        self.listener.shards.http.inc(HttpStat::DownstreamRqRxReset);
    }

    /// Notes that the client has broken the rules.
    pub(crate) fn note_broken_protocol(&self) {
        self.listener.shards.http.inc(HttpStat::DownstreamCxProtocolError);
        self.info.course.broke_protocol.set(true);
    }

    /// Counts what has come of a request's body, with what stands around its data and read or not, to what logs show of
    /// the request.
    pub(super) fn note_wire_bytes(&self, request: &mut ActiveRequest, unread: bool) {
        if let Client::Http1 { .. } = &self.client {
            let facts = &mut request.facts;
            facts.wire_received += facts.body_read;
            if unread {
                facts.wire_received += self.client.unread().len() as u64;
            }
        }
    }

    /// Leaves a request's body where it is, and says whether that is in the way of the next request.
    pub(crate) fn leave_unread(&self, request: &ActiveRequest) -> bool {
        if !request.is_open_ended() {
            return false;
        }
        match &self.client {
            Client::Http1 { .. } => true,
            Client::Http2(stream) => {
                // Of one that goes on it is found out in the end.
                if stream.client_has_ended() {
                    self.count_early_answer();
                }
                false
            }
        }
    }
}

//! Reading the head of an answer of an attempt that is not the one the client waits for: a copy of a request, or one
//! that is late while another has been made beside it.

use std::task::{Context, Poll, ready};

use causeway_http::h1::{BodyFraming, HeadLimits, Parsed, ResponseHead, ResponseRules, parse_response};
use causeway_http::{HeaderBlock, Method};
use causeway_reason::{Failure, Reason};
use causeway_upstream::ClusterStat;

use super::stream;
use crate::buffer::FOR_BODY;
use crate::cluster::LocalCluster;
use crate::exchange::Facts;
use crate::http2;
use crate::pool::{Head, Upstream, UpstreamConnection, UpstreamStream};
use crate::worker::Worker;

/// What it takes to read the head of an answer.
pub(super) struct HeadReader<'a> {
    pub(super) worker: &'a Worker,
    /// The cluster of the host.
    pub(super) hosts: &'a LocalCluster,
    pub(super) method: Method,
    /// An upgrade was asked for.
    pub(super) upgrade: bool,
    /// Where its fields go.
    pub(super) response: &'a mut HeaderBlock,
    /// What is known of the attempt.
    pub(super) facts: &'a mut Facts,
    /// How far the head has been looked through.
    pub(super) scanned: &'a mut u32,
}

impl HeadReader<'_> {
    /// The head, once it is there.
    ///
    /// # Errors
    ///
    /// Why there is none.
    pub(super) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        upstream: &mut Upstream,
    ) -> Poll<Result<ResponseHead, Failure>> {
        match upstream {
            Upstream::Http1(connection) => self.poll_connection(cx, connection),
            Upstream::Http2(opened) => self.poll_stream(cx, opened),
        }
    }

    fn poll_stream(
        &mut self,
        cx: &mut Context<'_>,
        opened: &mut UpstreamStream,
    ) -> Poll<Result<ResponseHead, Failure>> {
        let (response, interim) = match ready!(opened.poll_head(cx))? {
            Head::Interim(response) => (response, true),
            Head::Final(response) => (response, false),
        };
        self.facts.response_begin.get_or_insert_with(|| self.worker.moment());
        stream::check_head(&response, opened, &self.hosts.config().http)?;
        let plain = http2::read_response(response.headers(), self.response) + ":status200".len();
        self.facts.plain_answer += u32::try_from(plain).unwrap_or(u32::MAX);
        let ends = !interim && opened.is_headers_only();
        let status = response.status().as_u16();
        // What answers an extended CONNECT with 200 has made the upgrade (RFC 8441 §5).
        let status = if self.upgrade && status == 200 { 101 } else { status };
        Poll::Ready(Ok(stream::head_of(status, BodyFraming::of_stream(ends, self.response))))
    }

    fn poll_connection(
        &mut self,
        cx: &mut Context<'_>,
        connection: &mut UpstreamConnection,
    ) -> Poll<Result<ResponseHead, Failure>> {
        let http = &self.hosts.config().http;
        let kib = usize::try_from(http.max_response_headers_kb).unwrap_or(usize::MAX);
        let limits = HeadLimits {
            bytes: kib.saturating_mul(1024),
            fields: usize::try_from(http.max_headers_count).unwrap_or(usize::MAX),
        };
        let rules = ResponseRules { limits, method: self.method, upgrade: self.upgrade };
        loop {
            let held = connection.buffer.filled().len();
            let scanned = *self.scanned as usize;
            if held > scanned {
                match parse_response(connection.buffer.filled(), scanned, &rules, self.response) {
                    Ok(Parsed::Complete { head, length }) => {
                        connection.buffer.consume(length);
                        *self.scanned = 0;
                        self.facts.upstream_fields_received += head.field_bytes;
                        return Poll::Ready(Ok(head));
                    }
                    Ok(Parsed::Partial) => *self.scanned = u32::try_from(held).unwrap_or(u32::MAX),
                    Err(failure) => {
                        self.hosts.stats().inc(ClusterStat::UpstreamCxProtocolError);
                        return Poll::Ready(Err(failure));
                    }
                }
            }
            let wanted = if held >= FOR_BODY { (held * 2).min(limits.bytes + FOR_BODY) } else { FOR_BODY };
            self.worker.buffers.make_room(&mut connection.buffer, wanted);
            let count = match connection.stream.poll_read(cx, &mut connection.buffer) {
                Poll::Pending => {
                    self.worker.buffers.reclaim(&mut connection.buffer);
                    return Poll::Pending;
                }
                Poll::Ready(Ok(0)) => {
                    connection.closed_by_peer();
                    self.facts.upstream_close = Some("Normal");
                    return Poll::Ready(Err(Reason::UpstreamClosed.into()));
                }
                Poll::Ready(Err(error)) => {
                    connection.closed_by_peer();
                    self.facts.upstream_close = Some("RemoteReset");
                    let failure = Failure::new(Reason::UpstreamReset).with_evidence(error.to_string());
                    return Poll::Ready(Err(failure));
                }
                Poll::Ready(Ok(count)) => count as u64,
            };
            self.facts.response_begin.get_or_insert_with(|| self.worker.moment());
            self.facts.upstream_wire_received += count;
            self.hosts.stats().add(ClusterStat::UpstreamCxRxBytesTotal, count);
        }
    }
}

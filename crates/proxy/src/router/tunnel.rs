//! An upgraded connection, or a tunnel made by CONNECT: bytes both ways, until one side ends it.

use std::future::poll_fn;
use std::task::{Context, Poll};

use causeway_http::h1::{BodyDecoder, BodyFraming, ConnectionOptions, ResponseHead, TrailerLimits};
use causeway_http::{Known, Method, Version};
use causeway_reason::{Failure, Met, Reason};

use super::outlier;
use super::relay::Relay;
use super::response::BodyEvent;
use super::stall::Direction;
use crate::deadlines::Timer;
use crate::downstream::{After, Client};
use crate::pool::Upstream;
use crate::pump::{Ends, Going, Pump, PumpError};
use crate::stats::HttpStat;

/// How a tunnel ends.
enum End {
    /// The client closed its side, and the back-end then its own.
    Both,
    Client {
        /// It needs the stream no more, which is how browsers leave one whose WebSocket is closed.
        closed: bool,
    },
    Upstream {
        reset: bool,
    },
    /// A stream of HTTP/2 failed.
    Stream(Failure),
    Timeout(Failure),
}

/// Passes on that the tunnel is open, and then everything, both ways.
pub(super) async fn tunnel(mut relay: Box<Relay<'_>>, head: ResponseHead) -> After {
    let protocol = relay.request.response.get(Known::Upgrade).map(Box::from);
    relay.note_response(&head);
    relay.request.facts.tunnel = true;
    relay.change_fields(&head);
    if head.status == 101
        && let Some(protocol) = protocol.or_else(|| relay.downstream.upgrade.clone())
    {
        relay.request.response.set(Known::Upgrade, &protocol);
    }
    relay.downstream.write_head(&mut relay.request, true, false);
    // Neither the request nor the response ends now, so neither can be late, and no log says when they did.
    relay.request.facts.request_end = None;
    relay.request.facts.upstream_request_end = None;
    for timer in [Timer::Route, Timer::Request, Timer::RequestHeaders] {
        relay.downstream.deadlines.set(timer, None);
    }
    if relay.downstream.listener.manager.config.access_log_options.on_tunnel {
        relay.request.log_unfinished("DownstreamTunnelSuccessfullyEstablished");
    }
    let in_frames = Going::Stream { trailers: false };
    let going = |stream: bool| if stream { in_frames } else { Going::Plain };
    let of_client = matches!(relay.downstream.client, Client::Http2(_));
    let of_host = relay.upstream.is_http2();
    let as_it_is = |comes_in_frames: bool, going| {
        if comes_in_frames { Pump::of_stream(false, going) } else { bytes(going) }
    };
    let (mut up, mut down) = (as_it_is(of_client, going(of_host)), as_it_is(of_host, going(of_client)));
    let mut up_ended = false;
    let end = poll_fn(|cx| poll_tunnel(&mut relay, &mut up, &mut up_ended, &mut down, cx)).await;
    count(&mut relay, &up, &down);
    finish(relay, end).await
}

/// Counts what has passed, when it has.
fn count(relay: &mut Relay<'_>, up: &Pump, down: &Pump) {
    if !relay.upstream.is_http2() {
        relay.received(usize::try_from(down.read).unwrap_or(usize::MAX));
    }
    relay.downstream.count_received(up.read);
    let facts = &mut relay.request.facts;
    facts.bytes_received = up.bytes;
    facts.bytes_sent = down.bytes;
    facts.body_passed = up.written;
    facts.wire_received += up.consumed;
    let sent = facts.response_head_bytes + down.written;
    facts.wire_sent += sent;
    relay.downstream.count_sent(sent);
    relay.downstream.client.count_into(&mut relay.request.facts);
    // A request that became a tunnel was never complete; of a stream it is known in the end.
    if let Client::Http1 { .. } = &relay.downstream.client {
        let http = &relay.downstream.listener.shards.http;
        http.inc(HttpStat::DownstreamRqResponseBeforeRqComplete);
        http.inc(HttpStat::DownstreamRqRxReset);
    }
}

/// Serves a tunnel that ends here. There is a connection to the back-end, and that is all that has to be said.
pub(super) async fn raw(mut relay: Box<Relay<'_>>) -> After {
    let head = ResponseHead {
        status: 200,
        version: Version::Http11,
        framing: BodyFraming::UntilClose,
        connection: ConnectionOptions::default(),
        field_bytes: 0,
    };
    relay.request.response.clear(usize::MAX);
    outlier::note_answer(&relay.request, &relay.forwarding.hosts, &head);
    if relay.request.method() == Method::Connect {
        return tunnel(relay, head).await;
    }
    let mut passing = relay.respond(&head);
    match poll_fn(|cx| relay.poll_body(cx, &mut passing)).await {
        BodyEvent::Complete => relay.complete(&passing),
        BodyEvent::ClientGone => relay.client_gone(),
        BodyEvent::NotTaken => relay.not_taken(&passing),
        BodyEvent::Failed(failure) => relay.cut(failure, passing).await,
    }
}

/// Bytes as they are.
fn bytes(going: Going) -> Pump {
    let limits = TrailerLimits { bytes: 0, fields: None };
    Pump::new(BodyDecoder::new(BodyFraming::UntilClose, Reason::UpstreamChunkMalformed, limits), going)
}

fn poll_tunnel(
    relay: &mut Relay<'_>,
    up: &mut Pump,
    up_ended: &mut bool,
    down: &mut Pump,
    cx: &mut Context<'_>,
) -> Poll<End> {
    let before = (up.read, down.read);
    let Relay { downstream, request, upstream, forwarding, .. } = relay;
    if !*up_ended && let Some(sink) = upstream.sink(&mut request.to_upstream) {
        let mut ends = Ends {
            source: downstream.client.source(),
            sink,
            pool: &downstream.worker.buffers,
            most: downstream.listener.config.per_connection_buffer_limit_bytes,
        };
        match up.poll(cx, &mut ends) {
            Poll::Pending => {}
            // The client says no more; the back-end may still.
            Poll::Ready(Ok(())) => {
                *up_ended = true;
                match upstream {
                    Upstream::Http1(connection) => connection.stream.shutdown_write(cx),
                    Upstream::Http2(stream) => stream.request_complete(),
                }
            }
            // Why a stream takes no more is found out by reading.
            Poll::Ready(Err(PumpError::Sink)) if upstream.is_http2() => *up_ended = true,
            Poll::Ready(Err(PumpError::Sink)) => return Poll::Ready(End::Upstream { reset: true }),
            Poll::Ready(Err(_)) => return Poll::Ready(gone(&downstream.client)),
        }
    }
    let Some(source) = upstream.source() else { return Poll::Ready(End::Upstream { reset: true }) };
    let mut ends = Ends {
        source,
        sink: downstream.client.sink(&mut request.to_client),
        pool: &downstream.worker.buffers,
        most: forwarding.hosts.config().per_connection_buffer_limit_bytes,
    };
    match down.poll(cx, &mut ends) {
        Poll::Pending => {}
        Poll::Ready(Ok(())) if *up_ended => return Poll::Ready(End::Both),
        Poll::Ready(Ok(())) => return Poll::Ready(End::Upstream { reset: false }),
        Poll::Ready(Err(PumpError::Sink)) => return Poll::Ready(gone(&downstream.client)),
        Poll::Ready(Err(PumpError::SourceStream(error))) => {
            return Poll::Ready(match relay.stream_failed(&error, down) {
                Some(failure) => End::Stream(failure),
                None => End::Upstream { reset: false },
            });
        }
        Poll::Ready(Err(_)) => return Poll::Ready(End::Upstream { reset: true }),
    }
    relay.note_stall(Direction::Up, up.stalled());
    relay.note_stall(Direction::Down, down.stalled());
    let Relay { downstream, request, .. } = relay;
    if (up.read, down.read) != before {
        downstream.touch();
    }
    request.facts.bytes_received = up.bytes;
    request.facts.bytes_sent = down.bytes;
    downstream.poll_timeout(cx, true, request).map(End::Timeout)
}

/// The client is gone.
fn gone(client: &Client) -> End {
    let closed = match client {
        Client::Http1 { .. } => false,
        Client::Http2(stream) => stream.is_cancelled(),
    };
    End::Client { closed }
}

async fn finish(mut relay: Box<Relay<'_>>, end: End) -> After {
    let facts = &relay.request.facts;
    let evidence = format!(
        "the upgraded connection ended after {} bytes from the client and {} bytes to it",
        facts.bytes_received, facts.bytes_sent
    );
    let after_head = |reason: Reason| {
        let failure = Failure::new(reason).with_evidence(evidence);
        Failure { met: Met::AfterHead, ..failure }
    };
    match end {
        // A stream that both have ended has come to its end.
        End::Both if matches!(relay.downstream.client, Client::Http2(_)) => {
            relay.request.facts.reply_end = Some(relay.downstream.worker.moment());
            relay.request.facts.finished = true;
            After::Gone
        }
        End::Client { closed } if relay.downstream.has_reset() => {
            relay.request.facts.tunnel_closed = closed;
            relay.downstream.note_gone(&mut relay.request);
            After::Gone
        }
        end @ (End::Both | End::Client { .. }) => {
            let closed = !matches!(end, End::Client { closed: false });
            relay.request.facts.tunnel_closed = closed;
            relay.request.fail(after_head(Reason::ClientDisconnected));
            After::Gone
        }
        // The end of a stream is as good as any.
        End::Upstream { reset: false } if relay.forwarding.raw || relay.upstream.is_http2() => {
            relay.request.facts.reply_end = Some(relay.downstream.worker.moment());
            relay.request.facts.finished = true;
            After::Linger
        }
        End::Upstream { reset } => {
            // The end of a tunnel by CONNECT is the end of one direction, as Envoy counts it.
            if reset || relay.request.method() != Method::Connect {
                relay.upstream.closed_by_peer();
            }
            relay.request.facts.upstream_close = Some(if reset { "RemoteReset" } else { "Normal" });
            let reason = if reset { Reason::UpstreamReset } else { Reason::UpstreamClosed };
            relay.request.facts.tunnel_closed = !reset;
            relay.request.fail(after_head(reason));
            After::Linger
        }
        End::Stream(failure) => {
            relay.request.fail(Failure { met: Met::AfterHead, ..failure });
            After::Linger
        }
        End::Timeout(failure) => {
            relay.request.fail(Failure { met: Met::AfterHead, ..failure });
            let _ = relay.downstream.flush(&mut relay.request).await;
            After::Close
        }
    }
}

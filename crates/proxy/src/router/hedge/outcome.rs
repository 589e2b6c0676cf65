//! What becomes of a request whose youngest attempt is over, or has yet to be made, while others are on their way.

use std::future::poll_fn;
use std::task::Poll;

use causeway_reason::{Failure, Reason};
use causeway_upstream::HostStat;

use super::{Event, abandon, outlive, poll};
use crate::downstream::{After, Downstream};
use crate::record::ActiveRequest;
use crate::router::retry::Tried;
use crate::router::{Forwarding, Served, give_up};

/// How waiting for attempts that were late ended.
enum Waited {
    Event(Event),
    ClientGone,
    Failed(Failure),
}

/// The youngest attempt failed for good before it had a connection: the others are waited for.
pub(in crate::router) async fn outlast_unconnected(
    downstream: &mut Downstream,
    mut request: ActiveRequest,
    forwarding: &mut Forwarding,
    failure: Failure,
) -> Tried {
    if let (Reason::CircuitBreakerRequests, Some(host)) = (failure.reason, &request.facts.host) {
        forwarding.hosts.cells(host).inc(HostStat::RqError);
    }
    request.charge(failure.answer().status);
    request.end_attempt(Err(failure));
    forwarding.permit = None;
    forwarding.tried = true;
    outlast(downstream, request, forwarding).await
}

/// The youngest attempt is over, and no other is made: the others are waited for.
pub(in crate::router) async fn outlast(
    downstream: &mut Downstream,
    mut request: ActiveRequest,
    forwarding: &mut Forwarding,
) -> Tried {
    let complete = !request.facts.upgrade;
    let waited = poll_fn(|cx| {
        if let Poll::Ready(event) = poll(cx, &mut request, forwarding, false) {
            return Poll::Ready(Waited::Event(event));
        }
        if downstream.poll_client_gone(cx) {
            return Poll::Ready(Waited::ClientGone);
        }
        downstream.poll_timeout(cx, complete, &request).map(Waited::Failed)
    })
    .await;
    Tried::Served(Served::Ended(match waited {
        Waited::Event(event) => return settle(downstream, request, forwarding, event).await,
        Waited::ClientGone => {
            outlive(&mut request, forwarding);
            downstream.note_gone(&mut request);
            After::Gone
        }
        Waited::Failed(failure) => {
            abandon(&mut request, forwarding, &failure);
            forwarding.give_back();
            give_up(downstream, request, failure, Some(!complete)).await
        }
    }))
}

/// One of the attempts that were late decides what becomes of the request. The youngest, where it waits for a
/// connection, is given up.
pub(in crate::router) async fn settle(
    downstream: &mut Downstream,
    mut request: ActiveRequest,
    forwarding: &mut Forwarding,
    event: Event,
) -> Tried {
    match event {
        Event::Won(late, head) => {
            let (mut relay, own) = late.into_relay(downstream, request, forwarding);
            relay.win();
            if !own.facts.resting {
                relay.request.end_beside(own, None);
            }
            if let Some(hedge) = &mut relay.forwarding.hedge {
                hedge.won = Some(head);
            }
            relay.downstream.log_attempt_later();
            Box::pin(relay.serve()).await
        }
        Event::Lost(late, failure) => {
            // The request goes on to show the attempt that began last, as with Envoy.
            late.fail(&mut request, failure.clone());
            abandon(&mut request, forwarding, &failure);
            forwarding.give_back();
            let unread = Some(request.facts.upgrade);
            Tried::Served(Served::Ended(give_up(downstream, request, failure, unread).await))
        }
    }
}

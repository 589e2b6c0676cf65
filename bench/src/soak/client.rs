//! A client: sends what the plan says, at its pace, and holds what it sees against what it may see.

use std::cell::Cell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until, timeout};

use super::ledger::{Compare, Ledger};
use super::origin::reset;
use super::plan::{Abort, Chance, Expected, Framing, Method, Plan};
use super::wire::{Broken, Head, Inbox, Until, announce, end_body, write_body};

/// No exchange takes that long, by far.
const PATIENCE: Duration = Duration::from_secs(20);

/// What all clients have in common.
#[derive(Debug)]
pub(crate) struct Traffic {
    pub(crate) to: SocketAddr,
    pub(crate) seed: u64,
    pub(crate) ledger: Rc<Ledger>,
    /// The number of the next request.
    pub(crate) next: Cell<u64>,
    /// The time from one request of a client to its next; zero is as fast as it goes.
    pub(crate) pace: Cell<Duration>,
    pub(crate) ends: Cell<bool>,
}

/// A connection to the proxy.
struct Connection {
    socket: TcpStream,
    inbox: Inbox,
    used: u64,
}

/// What a client saw of a response.
#[derive(Debug)]
struct Seen {
    status: u16,
    /// It is the origin's.
    planned: bool,
    /// Nothing more can be sent on the connection.
    closes: bool,
    /// Why it is not complete.
    broken: Option<Broken>,
}

/// Sends one request after the other until it is time to end.
pub(crate) async fn run(traffic: Rc<Traffic>, number: u64) {
    let mut chance = Chance::new(traffic.seed ^ number << 32);
    let mut connection: Option<Connection> = None;
    let mut next = Instant::now();
    while !traffic.ends.get() {
        let pace = traffic.pace.get();
        if pace > Duration::ZERO {
            // Between half and one and a half, so that clients do not march in step. What was missed is
            // not made up for.
            let share = 0.5 + chance.below(1000) as f64 / 1000.0;
            next = (next + pace.mul_f64(share)).max(Instant::now());
            sleep_until(next).await;
        }
        let plan = Plan::of(traffic.seed, traffic.next.replace(traffic.next.get() + 1));
        if chance.below(10) == 0 {
            connection = None;
        }
        connection = match timeout(PATIENCE, one(&traffic, connection, &plan)).await {
            Ok(connection) => connection,
            Err(_) => {
                traffic.ledger.fail(format!("request {}: no end after {PATIENCE:?} ({plan:?})", plan.id));
                None
            }
        };
        traffic.ledger.requests.set(traffic.ledger.requests.get() + 1);
    }
}

/// One request; the connection, where it can be used again.
async fn one(traffic: &Traffic, connection: Option<Connection>, plan: &Plan) -> Option<Connection> {
    let ledger = &traffic.ledger;
    let mut connection = match connection {
        Some(connection) => connection,
        None => match TcpStream::connect(traffic.to).await {
            Ok(socket) => {
                ledger.connections.set(ledger.connections.get() + 1);
                // Failing costs only time.
                let _ = socket.set_nodelay(true);
                Connection { socket, inbox: Inbox::default(), used: 0 }
            }
            Err(e) => {
                ledger.fail(format!("request {}: cannot connect: {e}", plan.id));
                return None;
            }
        },
    };
    connection.used += 1;
    ledger.did(plan.abort.map_or_else(|| plan.answer.name(), |abort| format!("Abort{abort:?}")));
    if let Some(abort) = plan.abort {
        give_up(&mut connection, plan, abort).await;
        if plan.id.is_multiple_of(2) {
            reset(&connection.socket);
        }
        return None;
    }
    let seen = exchange(&mut connection, plan, ledger).await;
    let fault = match seen {
        Ok(seen) => {
            if let Some(what) = judge(plan, &seen, ledger) {
                Some(format!("{what}; saw {seen:?}"))
            } else if seen.closes || seen.broken.is_some() || plan.closes {
                return None;
            } else if connection.inbox.is_empty() {
                return Some(connection);
            } else {
                Some("more than the response".into())
            }
        }
        Err(broken) => Some(format!("no response: {broken}")),
    };
    if let Some(what) = fault {
        ledger.fail(format!(
            "request {} (number {} of its connection): {what} ({plan:?})",
            plan.id, connection.used
        ));
    }
    None
}

/// What is wrong with what a client saw.
fn judge(plan: &Plan, seen: &Seen, ledger: &Ledger) -> Option<String> {
    let cut = matches!(seen.broken, Some(Broken::Cut | Broken::Reset));
    let right = match plan.expected() {
        Expected::Complete(status) => seen.planned && seen.broken.is_none() && seen.status == status,
        Expected::Local(statuses) => {
            !seen.planned && seen.broken.is_none() && statuses.contains(&seen.status)
        }
        Expected::Cut => seen.planned && cut && seen.status == 200,
        Expected::LocalOrCut => {
            (seen.planned && cut && seen.status == 200)
                || (!seen.planned && seen.broken.is_none() && seen.status == 503)
        }
    };
    if !right {
        return Some(format!("{:?} was due", plan.expected()));
    }
    (!ledger.has_reached(plan.id)).then(|| "the origin has not seen it".into())
}

/// The head of the request.
fn head(plan: &Plan) -> String {
    let method = match plan.method {
        Method::Get => "GET",
        Method::Head => "HEAD",
        Method::Post => "POST",
        Method::Put => "PUT",
    };
    let mut head = format!("{method} /r/{} HTTP/1.1\r\nHost: soak.test\r\nX-Padding: ", plan.id);
    // Heads of many lengths, so that their ends fall everywhere.
    head.extend(std::iter::repeat_n('p', usize::try_from(plan.id % 701).unwrap_or(0)));
    head.push_str("\r\n");
    if plan.uploads() {
        head.push_str(&announce(plan.upload_framing, plan.upload));
    }
    if plan.uploads() && plan.expects_continue {
        head.push_str("Expect: 100-continue\r\n");
    }
    if plan.closes {
        head.push_str("Connection: close\r\n");
    }
    head.push_str("\r\n");
    head
}

/// Sends the request and reads the response, both at once.
async fn exchange(connection: &mut Connection, plan: &Plan, ledger: &Ledger) -> Result<Seen, Broken> {
    let Connection { socket, inbox, .. } = connection;
    let (mut from, mut to) = socket.split();
    let goes_on = Notify::new();
    let sending = async {
        // What cannot be sent is told by the response, or by there being none.
        Ok::<_, std::io::Error>(send(&mut to, plan, &goes_on).await.is_ok())
    };
    tokio::pin!(sending);
    let receiving = receive(inbox, &mut from, plan, ledger, &goes_on);
    tokio::pin!(receiving);
    let mut sent = None;
    let mut seen = loop {
        tokio::select! {
            seen = &mut receiving => break seen?,
            done = &mut sending, if sent.is_none() => sent = Some(done.unwrap_or(false)),
        }
    };
    // The rest of a request that was answered early is not sent.
    seen.closes |= sent != Some(true);
    Ok(seen)
}

async fn send(to: &mut (impl AsyncWrite + Unpin), plan: &Plan, goes_on: &Notify) -> std::io::Result<()> {
    to.write_all(head(plan).as_bytes()).await?;
    if !plan.uploads() {
        return Ok(());
    }
    if plan.expects_continue {
        goes_on.notified().await;
    }
    write_body(to, plan.upload_framing, plan.upload_bytes()).await?;
    end_body(to, plan.upload_framing).await
}

async fn receive(
    inbox: &mut Inbox,
    from: &mut (impl AsyncRead + Unpin),
    plan: &Plan,
    ledger: &Ledger,
    goes_on: &Notify,
) -> Result<Seen, Broken> {
    let head = loop {
        let head = inbox.head(from).await?;
        match status(&head)? {
            100..200 => goes_on.notify_one(),
            _ => break head,
        }
    };
    let status = status(&head)?;
    let planned = match head.get("x-soak") {
        None => false,
        Some(id) if id.parse() == Ok(plan.id) => true,
        Some(id) => return Err(Broken::Wrong(format!("the response to request {id}"))),
    };
    if let Some(marker) = head.get("x-soak-config") {
        marker.clone_into(&mut ledger.marker.borrow_mut());
    }
    let until = match head.until(Until::Close)? {
        _ if plan.method == Method::Head => Until::Nothing,
        until => until,
    };
    let closes = head.closes() || until == Until::Close;
    let broken = if planned {
        let body = if plan.method == Method::Head { b"" } else { plan.download_bytes() };
        let mut compare = Compare::with(body, ledger);
        let read = inbox.body(from, until, |piece| compare.piece(piece)).await;
        read.and_then(|()| compare.end())
    } else {
        inbox.body(from, until, |_| Ok(())).await
    };
    match broken {
        Err(Broken::Wrong(what)) => Err(Broken::Wrong(what)),
        broken => Ok(Seen { status, planned, closes, broken: broken.err() }),
    }
}

fn status(head: &Head) -> Result<u16, Broken> {
    let wrong = || Broken::Wrong(format!("the status line {:?}", head.line));
    head.line.strip_prefix("HTTP/1.1 ").ok_or_else(wrong)?;
    head.second().parse().map_err(|_| wrong())
}

/// Sends a part of the request, or reads a part of the response. Whatever fails on the way is over as well.
async fn give_up(connection: &mut Connection, plan: &Plan, abort: Abort) {
    let Connection { socket, inbox, .. } = connection;
    let head = head(plan);
    if abort == Abort::InHead {
        let _ = socket.write_all(head.as_bytes().get(..head.len() / 2).unwrap_or_default()).await;
        // Long enough to arrive.
        tokio::time::sleep(Duration::from_millis(5)).await;
        return;
    }
    if socket.write_all(head.as_bytes()).await.is_err() {
        return;
    }
    let body = plan.upload_bytes();
    let part = if abort == Abort::InBody { body.get(..body.len() / 2).unwrap_or_default() } else { body };
    let framing = if plan.uploads() { plan.upload_framing } else { Framing::Length };
    if write_body(socket, framing, part).await.is_err() {
        return;
    }
    match abort {
        Abort::InHead => {}
        Abort::InBody => tokio::time::sleep(Duration::from_millis(5)).await,
        Abort::Waiting => {
            if end_body(socket, framing).await.is_ok() {
                tokio::time::sleep(plan.delay / 2).await;
            }
        }
        Abort::InResponse => {
            if end_body(socket, framing).await.is_err() || inbox.head(socket).await.is_err() {
                return;
            }
            // A part of it, and then nothing is read for a while, so that it backs up.
            let _ = inbox.body(socket, Until::Length(1000), |_| Ok(())).await;
            tokio::time::sleep(Duration::from_millis(plan.id % 50)).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first plan of which something is true.
    fn plan(wanted: impl Fn(&Plan) -> bool) -> Plan {
        (0..100_000).map(|id| Plan::of(1, id)).find(|plan| plan.abort.is_none() && wanted(plan)).unwrap()
    }

    #[test]
    fn what_the_plan_does_not_allow_is_a_fault() {
        use crate::soak::plan::Answer;
        let ledger = Ledger::default();
        let seen = |status, planned, broken| Seen { status, planned, closes: false, broken };
        let good = plan(|plan| plan.answer == Answer::Good);
        assert!(judge(&good, &seen(200, true, None), &ledger).unwrap().contains("not seen"));
        assert_eq!([ledger.reached(good.id), ledger.reached(good.id), ledger.reached(good.id)], [1, 2, 3]);
        assert_eq!(judge(&good, &seen(200, true, None), &ledger), None);
        for wrong in [seen(503, false, None), seen(200, false, None), seen(404, true, None)] {
            assert!(judge(&good, &wrong, &ledger).is_some(), "{wrong:?}");
        }
        assert!(judge(&good, &seen(200, true, Some(Broken::Cut)), &ledger).is_some());

        let cut = plan(|plan| plan.answer == Answer::CloseInBody);
        ledger.reached(cut.id);
        assert_eq!(judge(&cut, &seen(200, true, Some(Broken::Cut)), &ledger), None);
        assert!(judge(&cut, &seen(200, true, None), &ledger).is_some(), "half a body passed for a whole one");
    }
}

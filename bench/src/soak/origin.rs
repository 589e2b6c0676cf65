//! The origin: reads each request to its end, compares its body, and does what the plan says.

use std::rc::Rc;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};

use super::ledger::{Compare, Ledger};
use super::plan::{Answer, Framing, Method, Plan};
use super::wire::{Broken, Inbox, Until, announce, end_body, write_body};

/// Between the pieces of what is slow.
const SLOW: Duration = Duration::from_millis(100);

/// Serves connections for ever.
pub(crate) async fn serve(listener: TcpListener, seed: u64, ledger: Rc<Ledger>) {
    loop {
        match listener.accept().await {
            Ok((socket, _)) => {
                let ledger = Rc::clone(&ledger);
                tokio::task::spawn_local(async move { connection(socket, seed, &ledger).await });
            }
            Err(e) => {
                ledger.fail(format!("the origin cannot accept: {e}"));
                return;
            }
        }
    }
}

/// One connection, up to a fault or until the proxy closes it.
async fn connection(mut socket: TcpStream, seed: u64, ledger: &Ledger) {
    let mut inbox = Inbox::default();
    // Without it a small piece waits for the acknowledgement of the one before; failing costs only time.
    let _ = socket.set_nodelay(true);
    loop {
        let head = match inbox.head(&mut socket).await {
            Ok(head) => head,
            Err(Broken::Nothing | Broken::Reset) => return,
            Err(broken) => return ledger.fail(format!("origin: the head of a request: {broken}")),
        };
        let Some(id) = head.second().strip_prefix("/r/").and_then(|id| id.parse().ok()) else {
            return ledger.fail(format!("origin: a request that nobody has sent: {}", head.line));
        };
        let plan = Plan::of(seed, id);
        let arrivals = ledger.reached(id);
        if arrivals > plan.arrivals() {
            ledger.fail(format!("origin: request {id} has come {arrivals} times ({plan:?})"));
        }
        if plan.answer == Answer::CloseBeforeBody {
            return;
        }
        let mut compare = Compare::with(plan.upload_bytes(), ledger);
        let read = match head.until(Until::Nothing) {
            Ok(until) => inbox.body(&mut socket, until, |piece| compare.piece(piece)).await,
            Err(broken) => Err(broken),
        };
        match read.and_then(|()| compare.end()) {
            Ok(()) => {}
            Err(Broken::Nothing | Broken::Cut | Broken::Reset) if plan.abort.is_some() => return,
            Err(broken) => {
                return ledger.fail(format!("origin: the body of request {id}: {broken} ({plan:?})"));
            }
        }
        if !inbox.is_empty() {
            return ledger.fail(format!("origin: more has come than request {id} ({plan:?})"));
        }
        tokio::time::sleep(plan.delay).await;
        // An error of writing is the proxy's going away, and what that means is for the client to see.
        match answer(&mut socket, &plan).await {
            Ok(true) => {}
            Ok(false) | Err(_) => return,
        }
    }
}

/// Answers; whether the connection stays.
async fn answer(socket: &mut TcpStream, plan: &Plan) -> std::io::Result<bool> {
    let framing = plan.download_framing;
    let body: &[u8] = if plan.method == Method::Head { b"" } else { plan.download_bytes() };
    let closes = plan.answer == Answer::GoodThenClose || framing == Framing::Close;
    let status = if let Answer::Status(status) = plan.answer { status } else { 200 };
    let head = format!(
        "HTTP/1.1 {status} Planned\r\nx-soak: {}\r\n{}{}\r\n",
        plan.id,
        announce(framing, plan.download),
        if closes { "connection: close\r\n" } else { "" }
    );
    let half = body.len() / 2;
    match plan.answer {
        Answer::Good | Answer::GoodThenClose | Answer::Status(_) => {
            complete(socket, plan, &head, body).await?;
            Ok(!closes)
        }
        Answer::GoodAfterHints => {
            socket.write_all(b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n").await?;
            socket.write_all(b"HTTP/1.1 103 Early Hints\r\nlink: </b>\r\n\r\n").await?;
            complete(socket, plan, &head, body).await?;
            Ok(!closes)
        }
        Answer::CloseBeforeHead | Answer::CloseBeforeBody => Ok(false),
        Answer::ResetBeforeHead => {
            reset(socket);
            Ok(false)
        }
        Answer::CloseInHead => {
            socket.write_all(head.get(..head.len() / 2).unwrap_or_default().as_bytes()).await?;
            Ok(false)
        }
        Answer::Garbage => {
            socket.write_all(b"\x01\x02 this is no response\r\n\r\n").await?;
            Ok(false)
        }
        Answer::SlowThenClose => {
            for piece in head.as_bytes().chunks(20).take(2) {
                socket.write_all(piece).await?;
                tokio::time::sleep(SLOW).await;
            }
            Ok(false)
        }
        Answer::CloseInBody | Answer::ResetInBody | Answer::SlowThenShort => {
            socket.write_all(head.as_bytes()).await?;
            let (first, second) = body.get(..half).unwrap_or_default().split_at(half / 2);
            write_body(socket, framing, first).await?;
            if plan.answer == Answer::SlowThenShort {
                tokio::time::sleep(SLOW).await;
            }
            write_body(socket, framing, second).await?;
            if plan.answer == Answer::ResetInBody {
                reset(socket);
            }
            Ok(false)
        }
        Answer::BadChunk => {
            socket.write_all(head.as_bytes()).await?;
            write_body(socket, framing, body.get(..half).unwrap_or_default()).await?;
            socket.write_all(b"no number\r\n").await?;
            // It is the proxy that has to end it.
            tokio::time::sleep(SLOW).await;
            Ok(false)
        }
        Answer::ExtraBytes => {
            let extra = b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nwrong!";
            socket.write_all(&[head.as_bytes(), body, extra].concat()).await?;
            // Whoever uses this connection again reads a response that nobody has made.
            Ok(true)
        }
        Answer::TwoLengths => {
            let head = head.replace("\r\n\r\n", "\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\n");
            socket.write_all(head.as_bytes()).await?;
            socket.write_all(b"hello!").await?;
            Ok(false)
        }
    }
}

async fn complete(socket: &mut TcpStream, plan: &Plan, head: &str, body: &[u8]) -> std::io::Result<()> {
    socket.write_all(head.as_bytes()).await?;
    if plan.method != Method::Head {
        write_body(socket, plan.download_framing, body).await?;
        end_body(socket, plan.download_framing).await?;
    }
    Ok(())
}

/// The next close is a reset.
pub(crate) fn reset(socket: &TcpStream) {
    // Where it cannot be set, the close is an orderly one, and the client sees the same.
    let _ = rustix::net::sockopt::set_socket_linger(socket, Some(Duration::ZERO));
}

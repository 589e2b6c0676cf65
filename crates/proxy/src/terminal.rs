//! Network filters that serve a connection all by themselves.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;

use crate::buffer::{Buffer, FOR_BODY};
use crate::io::Transport;
use crate::listener::OpenConnection;

/// `envoy.filters.network.echo`: sends back what comes, until the client ends.
pub(crate) async fn echo(open: OpenConnection, mut stream: Transport, mut buffer: Buffer) {
    let pool = &open.worker().buffers;
    let course = &open.info().course;
    course.received.set(buffer.filled().len() as u64);
    let mut ended = false;
    poll_fn(|cx| {
        loop {
            if !ended && pool.make_room(&mut buffer, FOR_BODY) {
                match stream.poll_read(cx, &mut buffer) {
                    Poll::Ready(Err(_)) => return Poll::Ready(()),
                    Poll::Ready(Ok(0)) => ended = true,
                    Poll::Ready(Ok(count)) => {
                        course.received.set(course.received.get() + count as u64);
                        continue;
                    }
                    Poll::Pending => {}
                }
            }
            if ended && buffer.is_empty() {
                return Poll::Ready(());
            }
            if buffer.is_empty() {
                // Who is silent holds no memory.
                pool.reclaim(&mut buffer);
                return Poll::Pending;
            }
            match stream.poll_write(cx, buffer.filled()) {
                Poll::Ready(Ok(0) | Err(_)) => return Poll::Ready(()),
                Poll::Ready(Ok(count)) => {
                    buffer.consume(count);
                    course.sent.set(course.sent.get() + count as u64);
                }
                Poll::Pending => return Poll::Pending,
            }
        }
    })
    .await;
    pool.discard(&mut buffer);
}

/// `envoy.filters.network.direct_response`: says one thing and closes.
pub(crate) async fn direct_response(open: OpenConnection, mut stream: Transport, response: Arc<[u8]>) {
    let mut sent = 0;
    poll_fn(|cx| {
        while let Some(rest) = response.get(sent..).filter(|rest| !rest.is_empty()) {
            match stream.poll_write(cx, rest) {
                Poll::Ready(Ok(0) | Err(_)) => return Poll::Ready(()),
                Poll::Ready(Ok(count)) => sent += count,
                Poll::Pending => return Poll::Pending,
            }
        }
        stream.shutdown_write(cx);
        Poll::Ready(())
    })
    .await;
    open.info().course.sent.set(sent as u64);
}

//! A connection as the codec sees it: bytes pass a [`Watch`] on their way.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::preface::PREFACE;
use super::watch::Watch;
use crate::io::Transport;

/// The connection, and what watches it.
#[derive(Debug)]
pub(super) struct Wire {
    stream: Transport,
    watch: Rc<Watch>,
    begun: Begun,
    /// What is sent in place of the codec's first bytes.
    preface: Vec<u8>,
    preface_sent: usize,
}

/// How much of the codec's first bytes has come: its preface and its SETTINGS frame.
#[derive(Debug)]
enum Begun {
    Preface(usize),
    /// The head of the frame.
    Head(usize, u32),
    /// Its content, of which that much is left.
    Settings(u32),
    Done,
}

impl Wire {
    pub(super) const fn new(stream: Transport, watch: Rc<Watch>, preface: Vec<u8>) -> Self {
        Self { stream, watch, begun: Begun::Preface(PREFACE.len()), preface, preface_sent: 0 }
    }

    /// Takes off what the codec begins with, and says how many of the bytes that was.
    fn swallow(&mut self, bytes: &[u8]) -> usize {
        let mut taken = 0;
        for byte in bytes {
            self.begun = match self.begun {
                Begun::Preface(1) => Begun::Head(0, 0),
                Begun::Preface(left) => Begun::Preface(left - 1),
                // The length stands in the first three of nine bytes.
                Begun::Head(at, length) if at < 3 => Begun::Head(at + 1, length << 8 | u32::from(*byte)),
                Begun::Head(8, 0) | Begun::Settings(1) => Begun::Done,
                Begun::Head(8, length) => Begun::Settings(length),
                Begun::Head(at, length) => Begun::Head(at + 1, length),
                Begun::Settings(left) => Begun::Settings(left - 1),
                Begun::Done => break,
            };
            taken += 1;
        }
        taken
    }

    fn poll_preface(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while matches!(self.begun, Begun::Done) && self.preface_sent < self.preface.len() {
            let rest = self.preface.get(self.preface_sent..).unwrap_or_default();
            let count = ready!(self.stream.poll_write(cx, rest))?;
            if count == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.watch.note_sent(count);
            self.preface_sent += count;
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        room: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        // What came in front of the last frame that there may be is still heard. The codec need not hear why nothing
        // follows: whoever asks looks at the watch.
        if let Some(flood) = self.watch.flood() {
            return Poll::Ready(Err(io::Error::other(flood.words())));
        }
        let before = room.filled().len();
        ready!(self.stream.poll_read_buf(cx, room))?;
        self.watch.receive(room.filled().get(before..).unwrap_or_default());
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let taken = self.swallow(bytes);
        if taken > 0 {
            return Poll::Ready(Ok(taken));
        }
        ready!(self.poll_preface(cx))?;
        let count = ready!(self.stream.poll_write(cx, bytes))?;
        self.watch.sent(bytes.get(..count).unwrap_or_default());
        Poll::Ready(Ok(count))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if !matches!(self.begun, Begun::Done) {
            let first = slices.iter().find(|slice| !slice.is_empty()).map_or(&[][..], |slice| slice);
            return self.poll_write(cx, first);
        }
        ready!(self.poll_preface(cx))?;
        let count = ready!(self.stream.poll_write_vectored(cx, slices))?;
        let mut left = count;
        for slice in slices {
            let passed = left.min(slice.len());
            self.watch.sent(slice.get(..passed).unwrap_or_default());
            left -= passed;
        }
        Poll::Ready(Ok(count))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_preface(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream.shutdown_write(cx);
        Poll::Ready(Ok(()))
    }
}

//! From what is to be sent to the socket: heads are made on the stack, and a payload goes from where
//! it is, shared by all who are sent it, straight to the kernel.

use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::task::Poll;

use actix_web::rt::net::TcpStream;
use actix_web::web::Bytes;
use bytestring::ByteString;
use smallvec::SmallVec;

use super::frame::{Head, Kind};
use crate::ws::close::Close;
use crate::ws::outbox::{Outbox, TEXTS_MAX};

/// Sends frames. What fails has failed for good.
pub(super) struct Writer<'a> {
    pub stream: &'a TcpStream,
    /// Tells when a write that waits for its peer is not waited for any more.
    pub outbox: &'a Outbox,
}

impl Writer<'_> {
    pub async fn texts(&self, texts: &[ByteString]) -> io::Result<()> {
        self.send(Kind::Text, texts).await
    }

    pub async fn ping(&self) -> io::Result<()> {
        self.send(Kind::Ping, &[""]).await
    }

    pub async fn pong(&self, bytes: Bytes) -> io::Result<()> {
        self.send(Kind::Pong, &[bytes]).await
    }

    pub async fn close(&self, close: Close) -> io::Result<()> {
        let code = close.code().to_be_bytes();
        let payload = [&code[..], close.reason().as_bytes()].concat();
        self.send(Kind::Close, &[payload]).await
    }

    /// Frames of one kind, at most [`TEXTS_MAX`].
    async fn send<P: AsRef<[u8]>>(&self, kind: Kind, payloads: &[P]) -> io::Result<()> {
        let mut sent = 0;
        loop {
            match write(self.stream, kind, payloads, sent) {
                Ok(None) => return Ok(()),
                Ok(Some(0)) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(Some(count)) => sent += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.room().await?,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Waits until the socket takes more, or the session is over.
    async fn room(&self) -> io::Result<()> {
        poll_fn(|context| {
            if self.outbox.poll_over(context).is_ready() {
                return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
            }
            self.stream.poll_write_ready(context)
        })
        .await
    }
}

/// Writes what the socket takes of the frames' bytes after the first `sent`; `None` when there are
/// no more.
fn write<P: AsRef<[u8]>>(
    stream: &TcpStream,
    kind: Kind,
    payloads: &[P],
    sent: usize,
) -> io::Result<Option<usize>> {
    let heads: SmallVec<[Head; TEXTS_MAX]> = payloads
        .iter()
        .map(|payload| Head::of(kind, payload.as_ref().len()))
        .collect();
    let slices = rest(&heads, payloads, sent);
    if slices.is_empty() {
        return Ok(None);
    }
    stream.try_write_vectored(&slices).map(Some)
}

/// The frames' bytes without the first `sent`.
fn rest<'a, P: AsRef<[u8]>>(
    heads: &'a [Head],
    payloads: &'a [P],
    sent: usize,
) -> SmallVec<[IoSlice<'a>; 2 * TEXTS_MAX]> {
    let mut skip = sent;
    let parts = heads.iter().zip(payloads);
    parts
        .flat_map(|(head, payload)| [head.as_bytes(), payload.as_ref()])
        .filter_map(|part| {
            let rest = part.get(skip..).unwrap_or_default();
            skip = skip.saturating_sub(part.len());
            (!rest.is_empty()).then(|| IoSlice::new(rest))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sent_already_is_not_sent_again() {
        let payloads = ["", "a", "bcd"];
        let heads = payloads.map(|payload| Head::of(Kind::Text, payload.len()));
        let all = b"\x81\x00\x81\x01a\x81\x03bcd";
        for sent in 0..=all.len() {
            let rest = rest(&heads, &payloads, sent);
            assert!(rest.iter().all(|part| !part.is_empty()));
            let rest: Vec<u8> = rest.iter().flat_map(|part| part.to_vec()).collect();
            assert_eq!(rest, all[sent..]);
        }
    }
}

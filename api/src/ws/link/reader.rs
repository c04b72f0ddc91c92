//! From bytes to messages: frames are taken from what has been read, their fragments put together.

use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use actix_web::rt::net::TcpStream;
use actix_web::web::{Bytes, BytesMut};
use bytestring::ByteString;
use futures_util::Stream;

use super::frame::{self, Frame, Kind};
use super::{Broken, Heard};
use crate::connections::read;
use crate::ws::FRAME_BYTES_MAX;

/// What a peer says, until its direction of the connection ends. After its close, and after what
/// is broken, it is still read and not listened to.
pub(in crate::ws) struct Reader {
    stream: Rc<TcpStream>,
    messages: Messages,
    deaf: bool,
}

/// Messages in bytes as they come.
#[derive(Default)]
struct Messages {
    unread: BytesMut,
    /// A message of which not all frames have come; rare.
    begun: Option<Box<Begun>>,
}

struct Begun {
    is_text: bool,
    payload: BytesMut,
}

impl Reader {
    /// `unread` is what has come already.
    pub fn new(stream: Rc<TcpStream>, unread: BytesMut) -> Self {
        Self {
            stream,
            messages: Messages {
                unread,
                begun: None,
            },
            deaf: false,
        }
    }

    fn next(&mut self) -> Option<Result<Heard, Broken>> {
        if self.deaf {
            return None;
        }
        let next = self.messages.next().transpose()?;
        if matches!(next, Ok(Heard::Close) | Err(_)) {
            self.deaf = true;
            self.messages = Messages::default();
        }
        Some(next)
    }
}

impl Stream for Reader {
    type Item = Result<Heard, Broken>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let reader = self.get_mut();
        loop {
            if let Some(next) = reader.next() {
                return Poll::Ready(Some(next));
            }
            if ready!(reader.stream.poll_read_ready(context)).is_err() {
                return Poll::Ready(None);
            }
            let (messages, deaf) = (&mut reader.messages, reader.deaf);
            let got = read(&reader.stream, |bytes| {
                if !deaf {
                    messages.unread.extend_from_slice(bytes);
                }
            });
            match got {
                Ok(0) => return Poll::Ready(None),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) => return Poll::Ready(None),
            }
        }
    }
}

impl Messages {
    fn next(&mut self) -> Result<Option<Heard>, Broken> {
        while let Some(frame) = frame::take(&mut self.unread)? {
            if let Some(heard) = self.add(frame)? {
                return Ok(Some(heard));
            }
        }
        if self.unread.is_empty() {
            // An idle connection keeps no room for what was once said.
            self.unread = BytesMut::new();
        }
        Ok(None)
    }

    /// Control frames may come between the fragments of a message.
    fn add(&mut self, frame: Frame) -> Result<Option<Heard>, Broken> {
        let is_text = match frame.kind {
            Kind::Ping => return Ok(Some(Heard::Ping(frame.payload))),
            Kind::Pong => return Ok(Some(Heard::Pong)),
            Kind::Close => return Ok(Some(Heard::Close)),
            Kind::Continuation => return self.continued(&frame),
            Kind::Text => true,
            Kind::Binary => false,
        };
        if self.begun.is_some() {
            return Err(Broken::Malformed);
        }
        if frame.last {
            return whole(is_text, frame.payload).map(Some);
        }
        self.begun = Some(Box::new(Begun {
            is_text,
            payload: BytesMut::from(&frame.payload[..]),
        }));
        Ok(None)
    }

    fn continued(&mut self, frame: &Frame) -> Result<Option<Heard>, Broken> {
        let mut begun = self.begun.take().ok_or(Broken::Malformed)?;
        if begun.payload.len() + frame.payload.len() > FRAME_BYTES_MAX {
            return Err(Broken::TooLong);
        }
        begun.payload.extend_from_slice(&frame.payload);
        if frame.last {
            return whole(begun.is_text, begun.payload.freeze()).map(Some);
        }
        self.begun = Some(begun);
        Ok(None)
    }
}

fn whole(is_text: bool, payload: Bytes) -> Result<Heard, Broken> {
    if !is_text {
        return Ok(Heard::Binary);
    }
    ByteString::try_from(payload)
        .map(Heard::Text)
        .map_err(|_| Broken::Malformed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: Kind, last: bool, payload: &'static [u8]) -> Frame {
        Frame {
            kind,
            last,
            payload: Bytes::from_static(payload),
        }
    }

    #[test]
    fn fragments_become_one_message_and_others_may_come_between() {
        let mut messages = Messages::default();
        let mut add = |kind, last, payload| messages.add(frame(kind, last, payload));
        assert_eq!(add(Kind::Text, false, b"caf\xc3"), Ok(None));
        let ping = Heard::Ping(Bytes::from_static(b"?"));
        assert_eq!(add(Kind::Ping, true, b"?"), Ok(Some(ping)));
        assert_eq!(add(Kind::Continuation, false, b""), Ok(None));
        let text = Ok(Some(Heard::Text("café".into())));
        assert_eq!(add(Kind::Continuation, true, b"\xa9"), text);
        assert_eq!(add(Kind::Continuation, true, b"x"), Err(Broken::Malformed));
        assert_eq!(add(Kind::Text, true, b"\xff"), Err(Broken::Malformed));
        assert_eq!(add(Kind::Binary, false, b"\xff"), Ok(None));
        assert_eq!(add(Kind::Text, true, b"x"), Err(Broken::Malformed));
        assert_eq!(add(Kind::Continuation, true, b"x"), Ok(Some(Heard::Binary)));
    }

    #[test]
    fn all_fragments_together_have_a_bound() {
        let mut messages = Messages::default();
        let half = vec![b'x'; FRAME_BYTES_MAX / 2].leak();
        assert_eq!(messages.add(frame(Kind::Text, false, half)), Ok(None));
        let second = messages.add(frame(Kind::Continuation, false, half));
        assert_eq!(second, Ok(None));
        let third = messages.add(frame(Kind::Continuation, true, b"x"));
        assert_eq!(third, Err(Broken::TooLong));
    }
}

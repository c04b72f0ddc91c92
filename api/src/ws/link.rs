//! One WebSocket's connection (RFC 6455): what its peer says, one message after the other, and what
//! it is sent, from the session's outbox. While nothing is said, neither has a buffer.

pub mod frame;
mod reader;
mod writer;

use std::rc::Rc;
use std::sync::Arc;

use actix::Addr;
use actix_web::rt::net::TcpStream;
use actix_web::web::Bytes;
use bytestring::ByteString;

pub(in crate::ws) use self::reader::Reader;
use self::writer::Writer;
use super::outbox::{Next, Outbox};
use super::session::{CatchUp, Ended, Session};
use crate::connections::part;

/// What a peer says.
#[derive(Debug, PartialEq, Eq)]
pub enum Heard {
    Text(ByteString),
    Binary,
    /// To be answered with the same bytes.
    Ping(Bytes),
    Pong,
    /// It says nothing more.
    Close,
}

/// Why a peer is not listened to any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Broken {
    /// A frame, or all frames of a message, are longer than they may be.
    TooLong,
    /// It does not speak the protocol.
    Malformed,
}

/// Sends what is queued, in order, until the session or the connection ends; then ends both.
pub(in crate::ws) async fn run(stream: Rc<TcpStream>, outbox: Arc<Outbox>, session: Addr<Session>) {
    let writer = Writer {
        stream: &stream,
        outbox: &outbox,
    };
    let orderly = loop {
        let sent = match outbox.next().await {
            Next::Texts(texts) => writer.texts(&texts).await,
            Next::Ping => writer.ping().await,
            Next::Pong(bytes) => writer.pong(bytes).await,
            Next::Drained(streams) => {
                session.do_send(CatchUp(streams));
                Ok(())
            }
            Next::Close(close) => break writer.close(close).await.is_ok(),
            Next::Over => break false,
        };
        if sent.is_err() {
            break false;
        }
    };
    session.do_send(Ended);
    if orderly {
        // In a box: of its size nothing is kept for connections that go on.
        Box::pin(part(&stream)).await;
    }
}

//! A WebSocket's client down to its bytes: what a well-behaved library would never send.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const PATIENCE: Duration = Duration::from_secs(30);
pub const CONTINUATION: u8 = 0x0;
pub const TEXT: u8 = 0x1;
pub const CLOSE: u8 = 0x8;
pub const PING: u8 = 0x9;
pub const PONG: u8 = 0xa;
/// Set in a message's last frame.
pub const LAST: u8 = 0x80;

/// The head of a request for a WebSocket, without those lines that `without` begins.
pub fn request(target: &str, without: &str, with: &str) -> String {
    let lines = [
        "Host: localhost",
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Protocol: denticloud.v1",
    ];
    let kept = lines
        .iter()
        .filter(|line| without.is_empty() || !line.starts_with(without));
    let mut text = format!("{target} HTTP/1.1\r\n");
    for line in kept {
        text += line;
        text += "\r\n";
    }
    format!("{text}{with}\r\n")
}

/// A client's frame, masked.
pub fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mask = [0x37, 0xb7, 0x01, 0xff];
    let mut bytes = head(first, payload.len() as u64);
    bytes.truncate(bytes.len() - mask.len());
    bytes.extend(mask);
    bytes.extend(payload.iter().zip(mask.iter().cycle()).map(|(a, b)| a ^ b));
    bytes
}

/// What stands before a client's payload of `length`, with a mask that changes nothing.
pub fn head(first: u8, length: u64) -> Vec<u8> {
    let mut bytes = vec![first];
    match length {
        0..126 => bytes.push(0x80 | u8::try_from(length).unwrap()),
        126..65_536 => {
            bytes.push(0x80 | 126);
            bytes.extend(u16::try_from(length).unwrap().to_be_bytes());
        }
        _ => {
            bytes.push(0x80 | 127);
            bytes.extend(length.to_be_bytes());
        }
    }
    bytes.extend([0; 4]);
    bytes
}

/// A connection.
pub struct Raw {
    stream: TcpStream,
    read: Vec<u8>,
}

impl Raw {
    pub async fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self {
            stream,
            read: Vec::new(),
        }
    }

    /// One on which a WebSocket has been opened.
    pub async fn open(address: SocketAddr) -> Self {
        let mut raw = Self::connect(address).await;
        raw.send(request("GET /ws", "", "").as_bytes()).await;
        let answer = raw.head().await;
        assert!(answer.starts_with("HTTP/1.1 101 "), "{answer}");
        raw
    }

    pub async fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
    }

    /// Says nothing more, and listens on.
    pub async fn end(&mut self) {
        self.stream.shutdown().await.unwrap();
    }

    async fn more(&mut self) -> bool {
        let mut some = [0; 4096];
        let reading = tokio::time::timeout(PATIENCE, self.stream.read(&mut some));
        let count = reading.await.expect("bytes within the test's patience");
        let count = count.unwrap();
        self.read.extend_from_slice(&some[..count]);
        count > 0
    }

    /// The head of an answer.
    pub async fn head(&mut self) -> String {
        let end = loop {
            let blank = self.read.windows(4).position(|four| four == b"\r\n\r\n");
            if let Some(at) = blank {
                break at + 4;
            }
            assert!(self.more().await, "the answer has a head");
        };
        String::from_utf8(self.read.drain(..end).collect()).unwrap()
    }

    /// Leaves out what comes next.
    pub async fn skip(&mut self, count: usize) {
        while self.read.len() < count {
            assert!(self.more().await, "there is more");
        }
        self.read.drain(..count);
    }

    /// All that comes until the connection ends.
    pub async fn rest(&mut self) -> Vec<u8> {
        while self.more().await {}
        std::mem::take(&mut self.read)
    }

    /// The server's next frame: its first byte and its payload.
    pub async fn frame(&mut self) -> (u8, Vec<u8>) {
        loop {
            if let Some(frame) = self.taken() {
                return frame;
            }
            assert!(self.more().await, "there is a frame");
        }
    }

    fn taken(&mut self) -> Option<(u8, Vec<u8>)> {
        let &[first, second, ..] = &self.read[..] else {
            return None;
        };
        let (head, length) = match second {
            126 => (
                4,
                u64::from(u16::from_be_bytes(*self.read[2..].first_chunk()?)),
            ),
            127 => (10, u64::from_be_bytes(*self.read[2..].first_chunk()?)),
            length => (2, u64::from(length)),
        };
        let end = head + usize::try_from(length).unwrap();
        if self.read.len() < end {
            return None;
        }
        let payload = self.read[head..end].to_vec();
        self.read.drain(..end);
        Some((first, payload))
    }

    /// The next text frame.
    pub async fn text(&mut self) -> Value {
        let (first, payload) = self.frame().await;
        assert_eq!(first, LAST | TEXT);
        serde_json::from_slice(&payload).unwrap()
    }

    /// The close frame that is next, and then the end of the connection.
    pub async fn closed(&mut self) -> (u16, String) {
        let (first, payload) = self.frame().await;
        assert_eq!(first, LAST | CLOSE, "{payload:?}");
        let rest = self.rest().await;
        assert!(rest.is_empty(), "{rest:?}");
        let (code, reason) = payload.split_first_chunk().unwrap();
        let reason = String::from_utf8(reason.to_vec()).unwrap();
        (u16::from_be_bytes(*code), reason)
    }
}

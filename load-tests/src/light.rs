//! A WebSocket client that costs next to nothing: for ten thousand of them in one process. Reads
//! text frames, answers pings, and knows nothing of what the frames say.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use tokio::io::AsyncWriteExt;
use tokio::net::{TcpSocket, TcpStream};

use crate::Outcome;

const TEXT: u8 = 0x1;
const CLOSE: u8 = 0x8;
const PING: u8 = 0x9;
const PONG: u8 = 0xA;
/// The key of RFC 6455's own example: nobody checks the answer to it.
const HANDSHAKE: &str = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: denticloud.v1\r\n\r\n";
/// Sockets of one source address, far below the ports that one has.
const PER_ADDRESS: usize = 5_000;

/// A connection.
#[derive(Debug)]
pub struct LightSocket {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl LightSocket {
    /// Connects number `number` of many.
    ///
    /// # Errors
    /// When nobody listens, or the answer is no WebSocket.
    pub async fn open(server: SocketAddr, number: usize) -> Outcome<Self> {
        let socket = TcpSocket::new_v4()?;
        let place = u8::try_from(number / PER_ADDRESS % 200)?;
        let from = Ipv4Addr::new(127, 0, 0, 2 + place);
        socket.bind(SocketAddr::new(IpAddr::V4(from), 0))?;
        let mut stream = socket.connect(server).await?;
        stream.set_nodelay(true)?;
        let request = format!("GET /ws HTTP/1.1\r\nHost: {server}\r\n{HANDSHAKE}");
        stream.write_all(request.as_bytes()).await?;
        let mut socket = Self {
            stream,
            buffer: Vec::new(),
        };
        let end = loop {
            if let Some(at) = socket
                .buffer
                .windows(4)
                .position(|four| four == b"\r\n\r\n")
            {
                break at + 4;
            }
            socket.fill().await?;
        };
        if !socket.buffer.starts_with(b"HTTP/1.1 101") {
            return Err("the server opens no WebSocket".into());
        }
        socket.buffer.drain(..end);
        Ok(socket)
    }

    async fn fill(&mut self) -> Outcome<()> {
        // An idle socket keeps no buffer: it waits on the stack of whoever polls it.
        self.stream.readable().await?;
        let mut some = [0; 4096];
        match self.stream.try_read(&mut some) {
            Ok(0) => Err("the server closed the connection".into()),
            Ok(count) => {
                self.buffer.extend_from_slice(&some[..count]);
                Ok(())
            }
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Sends a text frame.
    ///
    /// # Errors
    /// When the connection is gone.
    pub async fn say(&mut self, text: &str) -> Outcome<()> {
        self.send(TEXT, text.as_bytes()).await
    }

    async fn send(&mut self, opcode: u8, payload: &[u8]) -> Outcome<()> {
        let mut frame = vec![0x80 | opcode];
        match u16::try_from(payload.len())? {
            length @ 0..126 => frame.push(0x80 | u8::try_from(length)?),
            length => {
                frame.push(0x80 | 126);
                frame.extend(length.to_be_bytes());
            }
        }
        frame.extend([0; 4]); // a mask of zeros leaves the payload as it is
        frame.extend(payload);
        Ok(self.stream.write_all(&frame).await?)
    }

    /// The next text frame.
    ///
    /// # Errors
    /// When the connection ends.
    pub async fn next(&mut self) -> Outcome<Vec<u8>> {
        loop {
            let Some((opcode, header, length)) = header(&self.buffer) else {
                self.fill().await?;
                continue;
            };
            if self.buffer.len() < header + length {
                self.fill().await?;
                continue;
            }
            let rest = self.buffer.split_off(header + length);
            let payload = std::mem::replace(&mut self.buffer, rest).split_off(header);
            match opcode {
                TEXT => return Ok(payload),
                PING => self.send(PONG, &payload).await?,
                CLOSE => {
                    let code = payload
                        .get(..2)
                        .map(|two| u16::from_be_bytes([two[0], two[1]]));
                    return Err(format!("closed with {code:?}").into());
                }
                _ => {}
            }
        }
    }

    /// The next text frame that contains `what`.
    ///
    /// # Errors
    /// When the connection ends.
    pub async fn next_with(&mut self, what: &str) -> Outcome<Vec<u8>> {
        loop {
            let frame = self.next().await?;
            if contains(&frame, what) {
                return Ok(frame);
            }
            if contains(&frame, "\"type\":\"error\"") {
                return Err(String::from_utf8_lossy(&frame).into_owned().into());
            }
        }
    }
}

/// Whether a frame's text has `what` in it.
#[must_use]
pub fn contains(frame: &[u8], what: &str) -> bool {
    frame
        .windows(what.len())
        .any(|some| some == what.as_bytes())
}

/// Opcode, length of the header and of the payload (RFC 6455, 5.2), once they are there. Servers do
/// not mask.
fn header(bytes: &[u8]) -> Option<(u8, usize, usize)> {
    let (first, second) = (*bytes.first()?, *bytes.get(1)?);
    let opcode = first & 0x0F;
    match second & 0x7F {
        126 => {
            let length = bytes.get(2..4)?;
            Some((
                opcode,
                4,
                u16::from_be_bytes(length.try_into().ok()?).into(),
            ))
        }
        127 => {
            let length = u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?);
            Some((opcode, 10, usize::try_from(length).ok()?))
        }
        length => Some((opcode, 2, length.into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_of_every_length() {
        assert_eq!(header(&[0x81, 5]), Some((TEXT, 2, 5)));
        assert_eq!(header(&[0x81, 126, 1, 0]), Some((TEXT, 4, 256)));
        let long = [0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0];
        assert_eq!(header(&long), Some((2, 10, 65_536)));
        for short in [&[][..], &[0x81], &[0x81, 126, 1], &long[..9]] {
            assert_eq!(header(short), None);
        }
    }
}

//! An HTTP client that costs next to nothing: one connection, one request at a time, always the same.
//! What it measures is the server.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::Outcome;

const HEAD_END: &[u8] = b"\r\n\r\n";
const LENGTH: &str = "content-length:";

/// A connection that repeats a request.
#[derive(Debug)]
pub struct Repeater {
    stream: TcpStream,
    request: Vec<u8>,
    buffer: Vec<u8>,
}

impl Repeater {
    /// Connects; `token` is sent with each request, if there is one.
    ///
    /// # Errors
    /// When nobody listens.
    pub async fn open(server: SocketAddr, path: &str, token: Option<&str>) -> Outcome<Self> {
        let stream = TcpStream::connect(server).await?;
        stream.set_nodelay(true)?;
        let mut request = format!("GET {path} HTTP/1.1\r\nHost: {server}\r\n");
        if let Some(token) = token {
            request.push_str(&format!("Authorization: Bearer {token}\r\n"));
        }
        request.push_str("\r\n");
        Ok(Self {
            stream,
            request: request.into_bytes(),
            buffer: Vec::new(),
        })
    }

    /// Asks once more; answers the body's length in bytes.
    ///
    /// # Errors
    /// When the answer is not 200 with a length, or the connection ends.
    pub async fn ask(&mut self) -> Outcome<usize> {
        self.stream.write_all(&self.request).await?;
        self.buffer.clear();
        let end = loop {
            if let Some(at) = find(&self.buffer, HEAD_END) {
                break at + HEAD_END.len();
            }
            self.fill().await?;
        };
        let head = std::str::from_utf8(&self.buffer[..end])?.to_ascii_lowercase();
        if !head.starts_with("http/1.1 200") {
            return Err(
                format!("not answered: {}", head.lines().next().unwrap_or_default()).into(),
            );
        }
        let length = head.lines().find_map(|line| line.strip_prefix(LENGTH));
        let length: usize = length.ok_or("an answer without a length")?.trim().parse()?;
        while self.buffer.len() < end + length {
            self.fill().await?;
        }
        Ok(length)
    }

    /// The body of the last answer.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        let start = find(&self.buffer, HEAD_END).map_or(0, |at| at + HEAD_END.len());
        &self.buffer[start..]
    }

    async fn fill(&mut self) -> Outcome<()> {
        match self.stream.read_buf(&mut self.buffer).await? {
            0 => Err("the server closed the connection".into()),
            _ => Ok(()),
        }
    }
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|some| some == what)
}

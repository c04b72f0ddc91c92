//! A client of the WebSocket that knows nothing of the server's code.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::{TcpSocket, TcpStream};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::{WebSocketStream, client_async};

/// Far longer than anything takes: a test that hangs must end.
const PATIENCE: Duration = Duration::from_secs(30);

pub struct Socket {
    stream: WebSocketStream<TcpStream>,
    next: u64,
    /// Frames that came while another one was waited for.
    unasked: VecDeque<Value>,
}

impl Socket {
    pub async fn open(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        Self::over(address, stream).await
    }

    /// One whose kernel takes little that the program has not read.
    pub async fn narrow(address: SocketAddr) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        Self::over(address, socket.connect(address).await.unwrap()).await
    }

    async fn over(address: SocketAddr, stream: TcpStream) -> Self {
        stream.set_nodelay(true).unwrap();
        let mut request = format!("ws://{address}/ws").into_client_request().unwrap();
        let protocol = "denticloud.v1".parse().unwrap();
        request
            .headers_mut()
            .insert("sec-websocket-protocol", protocol);
        let (stream, response) = client_async(request, stream).await.unwrap();
        assert_eq!(
            response.headers()["sec-websocket-protocol"],
            "denticloud.v1"
        );
        Self {
            stream,
            next: 1,
            unasked: VecDeque::new(),
        }
    }

    pub async fn send_text(&mut self, text: &str) {
        self.stream.send(Message::text(text)).await.unwrap();
    }

    /// Sends a frame with the next number.
    pub async fn say(&mut self, mut frame: Value) -> u64 {
        let id = self.next;
        self.next += 1;
        frame["id"] = json!(id);
        self.send_text(&frame.to_string()).await;
        id
    }

    /// As [`Self::say`]; `None` when the socket is closed.
    pub async fn try_say(&mut self, mut frame: Value) -> Option<u64> {
        let id = self.next;
        self.next += 1;
        frame["id"] = json!(id);
        let sent = self.stream.send(Message::text(frame.to_string())).await;
        sent.ok().map(|()| id)
    }

    /// Sends a frame and waits for its answer.
    pub async fn ask(&mut self, frame: Value) -> Value {
        let id = self.say(frame).await;
        self.answer(id).await
    }

    pub async fn answer(&mut self, id: u64) -> Value {
        self.wait_for(|frame| frame["id"] == id).await
    }

    /// The first frame that fits; others are kept in order.
    pub async fn wait_for(&mut self, fits: impl Fn(&Value) -> bool) -> Value {
        if let Some(place) = self.unasked.iter().position(&fits) {
            return self.unasked.remove(place).unwrap();
        }
        loop {
            let frame = self.receive().await.expect("the socket is open");
            if fits(&frame) {
                return frame;
            }
            self.unasked.push_back(frame);
        }
    }

    /// How many frames have come that nobody has waited for.
    pub fn kept(&self) -> usize {
        self.unasked.len()
    }

    /// The next frame of that type.
    pub async fn next_of(&mut self, kind: &str) -> Value {
        self.wait_for(|frame| frame["type"] == kind).await
    }

    async fn receive(&mut self) -> Result<Value, u16> {
        loop {
            let message = tokio::time::timeout(PATIENCE, self.stream.next()).await;
            match message.expect("a frame within the test's patience") {
                Some(Ok(Message::Text(text))) => return Ok(serde_json::from_str(&text).unwrap()),
                Some(Ok(Message::Close(frame))) => {
                    return Err(frame.map_or(1005, |frame| frame.code.into()));
                }
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Err(1006),
            }
        }
    }

    /// Waits until the server closes; answers its code.
    pub async fn closed(&mut self) -> u16 {
        loop {
            if let Err(code) = self.receive().await {
                return code;
            }
        }
    }
}

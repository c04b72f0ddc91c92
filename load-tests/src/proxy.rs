//! A network between a node and Postgres that fails at chosen moments. Understands of the
//! protocol (PostgreSQL documentation, "Message Formats") where messages begin and end.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

use crate::Outcome;

/// What happens to a writer's COMMIT.
#[derive(Clone, Copy, Debug)]
pub enum Cut {
    /// Nothing.
    Not,
    /// It never arrives.
    Before,
    /// It arrives, and nobody waits for what becomes of it.
    Unheard,
    /// It is done, and its answer is lost.
    After,
}

/// A running proxy; goes on for as long as its runtime.
#[derive(Debug)]
pub struct Proxy {
    /// The database's address by way of the proxy.
    pub url: String,
    rules: Arc<Rules>,
}

#[derive(Debug, Default)]
struct Rules {
    cuts: Mutex<VecDeque<Cut>>,
    cut: AtomicUsize,
    hold: Mutex<Option<Hold>>,
}

/// An answer that is kept back.
#[derive(Debug)]
struct Hold {
    statement: &'static str,
    reached: oneshot::Sender<()>,
    release: oneshot::Receiver<()>,
}

impl Proxy {
    /// Before the server at `url`, `postgres://USER:PASSWORD@HOST:PORT/DATABASE`.
    ///
    /// # Errors
    /// When the address is not like that, or there is no port.
    pub async fn new(url: &str) -> Outcome<Self> {
        let parts = url.rsplit_once('@').and_then(|(before, rest)| {
            let (address, path) = rest.split_once('/')?;
            Some((before, address, path))
        });
        let (before, address, path) = parts.ok_or("an address that the proxy cannot read")?;
        let server = match address.contains(':') {
            true => address.to_owned(),
            false => format!("{address}:5432"),
        };
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let own = listener.local_addr()?;
        let rules = Arc::<Rules>::default();
        let shared = Arc::clone(&rules);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (server, rules) = (server.clone(), Arc::clone(&shared));
                tokio::spawn(async move {
                    if let Ok(server) = TcpStream::connect(server).await {
                        // Or else each small message waits for the one before to be acknowledged.
                        let _ = (client.set_nodelay(true), server.set_nodelay(true));
                        let _ = Session::new(client, server, rules).run().await;
                    }
                });
            }
        });
        Ok(Self {
            url: format!("{before}@{own}/{path}"),
            rules,
        })
    }

    /// What happens to the next COMMITs of writers, in order; to later ones nothing.
    pub fn cut(&self, cuts: impl IntoIterator<Item = Cut>) {
        locked(&self.rules.cuts).extend(cuts);
    }

    /// How many connections have been cut.
    #[must_use]
    pub fn cuts(&self) -> usize {
        self.rules.cut.load(Ordering::SeqCst)
    }

    /// Keeps back the answer to the next statement with that text. The first channel tells that
    /// the server has answered, the second one lets the answer go on.
    #[must_use]
    pub fn hold(&self, statement: &'static str) -> (oneshot::Receiver<()>, oneshot::Sender<()>) {
        let (reached, told) = oneshot::channel();
        let (let_go, release) = oneshot::channel();
        *locked(&self.rules.hold) = Some(Hold {
            statement,
            reached,
            release,
        });
        (told, let_go)
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Session {
    client: TcpStream,
    server: TcpStream,
    rules: Arc<Rules>,
    /// Whether the message without a type, the first one, is over.
    started: bool,
    is_writer: bool,
    /// Of a statement that has been prepared and will be run next.
    hold: Option<Hold>,
    /// Whether a statement has been bound since the last Sync.
    is_run: bool,
}

impl Session {
    fn new(client: TcpStream, server: TcpStream, rules: Arc<Rules>) -> Self {
        Self {
            client,
            server,
            rules,
            started: false,
            is_writer: false,
            hold: None,
            is_run: false,
        }
    }

    /// Until one side ends or the rules cut it; both sides end with this.
    async fn run(mut self) -> std::io::Result<()> {
        let mut asked = Vec::new();
        let mut answered = Vec::new();
        loop {
            tokio::select! {
                read = self.client.read_buf(&mut asked) => {
                    if read? == 0 {
                        return Ok(());
                    }
                    while let Some(message) = self.next_message(&mut asked) {
                        if !self.forward(&message).await? {
                            self.rules.cut.fetch_add(1, Ordering::SeqCst);
                            return Ok(());
                        }
                    }
                }
                read = self.server.read_buf(&mut answered) => {
                    if read? == 0 {
                        return Ok(());
                    }
                    self.client.write_all(&answered).await?;
                    answered.clear();
                }
            }
        }
    }

    fn next_message(&mut self, bytes: &mut Vec<u8>) -> Option<Vec<u8>> {
        let message = message(bytes, usize::from(self.started))?;
        self.started = true;
        Some(message)
    }

    /// Hands a message on, unless the rules say otherwise; false cuts the connection.
    async fn forward(&mut self, message: &[u8]) -> std::io::Result<bool> {
        match message[0] {
            b'P' => {
                self.is_writer |= contains(message, "pg_current_xact_id()");
                let mut hold = locked(&self.rules.hold);
                if hold
                    .as_ref()
                    .is_some_and(|hold| contains(message, hold.statement))
                {
                    self.hold = hold.take();
                }
            }
            b'Q' if self.is_writer && message.ends_with(b"COMMIT\0") => {
                let cut = locked(&self.rules.cuts).pop_front();
                match cut.unwrap_or(Cut::Not) {
                    Cut::Not => {}
                    Cut::Before => return Ok(false),
                    Cut::Unheard => {
                        self.server.write_all(message).await?;
                        return Ok(false);
                    }
                    Cut::After => {
                        self.server.write_all(message).await?;
                        self.answer().await?;
                        return Ok(false);
                    }
                }
            }
            // Bind, Execute, Sync: what has been prepared is run.
            b'B' => self.is_run = true,
            b'S' if self.is_run => {
                if let Some(hold) = self.hold.take() {
                    self.server.write_all(message).await?;
                    let answer = self.answer().await?;
                    let _ = hold.reached.send(());
                    let _ = hold.release.await;
                    self.client.write_all(&answer).await?;
                    return Ok(true);
                }
                self.is_run = false;
            }
            _ => {}
        }
        self.server.write_all(message).await?;
        Ok(true)
    }

    /// The server's messages until it is ready for the next statement.
    async fn answer(&mut self) -> std::io::Result<Vec<u8>> {
        let (mut all, mut unread) = (Vec::new(), Vec::new());
        loop {
            if self.server.read_buf(&mut unread).await? == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
            while let Some(one) = message(&mut unread, 1) {
                all.extend_from_slice(&one);
                if one[0] == b'Z' {
                    return Ok(all);
                }
            }
        }
    }
}

/// Takes the first whole message off `bytes`; `typed` is 1 where a byte precedes the length.
fn message(bytes: &mut Vec<u8>, typed: usize) -> Option<Vec<u8>> {
    let length = bytes.get(typed..typed + 4)?.try_into().ok()?;
    let end = typed + usize::try_from(u32::from_be_bytes(length)).ok()?;
    (bytes.len() >= end).then(|| bytes.drain(..end).collect())
}

fn contains(message: &[u8], text: &str) -> bool {
    message
        .windows(text.len())
        .any(|part| part == text.as_bytes())
}

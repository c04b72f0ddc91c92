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
    /// What has been read of the server's next message.
    unread: Vec<u8>,
    /// Statements whose answers have not come: they are sent together.
    unanswered: usize,
    /// The name that COMMIT has as a prepared statement: only writers prepare it.
    commit: Option<Vec<u8>>,
    /// What happens at the end of the statement that is being sent.
    cut: Cut,
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
            unread: Vec::new(),
            unanswered: 0,
            commit: None,
            cut: Cut::Not,
            hold: None,
            is_run: false,
        }
    }

    /// Until one side ends or the rules cut it; both sides end with this.
    async fn run(mut self) -> std::io::Result<()> {
        let mut asked = Vec::new();
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
                read = self.server.read_buf(&mut self.unread) => {
                    if read? == 0 {
                        return Ok(());
                    }
                    while let Some(one) = self.next_answer() {
                        self.client.write_all(&one).await?;
                    }
                }
            }
        }
    }

    fn next_message(&mut self, bytes: &mut Vec<u8>) -> Option<Vec<u8>> {
        let message = message(bytes, usize::from(self.started))?;
        self.started = true;
        Some(message)
    }

    fn next_answer(&mut self) -> Option<Vec<u8>> {
        let one = message(&mut self.unread, 1)?;
        if one[0] == b'Z' {
            self.unanswered = self.unanswered.saturating_sub(1);
        }
        Some(one)
    }

    /// Hands a message on, unless the rules say otherwise; false cuts the connection.
    async fn forward(&mut self, message: &[u8]) -> std::io::Result<bool> {
        // A name and a query, or a portal's name and a statement's.
        let mut texts = message
            .get(5..)
            .unwrap_or_default()
            .split(|byte| *byte == 0);
        let (first, second) = (texts.next(), texts.next());
        match message[0] {
            b'P' => {
                if second == Some(b"COMMIT") {
                    self.commit = first.map(<[u8]>::to_vec);
                }
                let mut hold = locked(&self.rules.hold);
                if hold
                    .as_ref()
                    .is_some_and(|hold| contains(message, hold.statement))
                {
                    self.hold = hold.take();
                }
            }
            // Bind, Execute, Sync: what has been prepared is run.
            b'B' => {
                self.is_run = true;
                if self.commit.is_some() && self.commit.as_deref() == second {
                    let cut = locked(&self.rules.cuts).pop_front();
                    self.cut = cut.unwrap_or(Cut::Not);
                    if matches!(self.cut, Cut::Before) {
                        return Ok(false);
                    }
                }
            }
            b'Q' | b'S' => self.unanswered += 1,
            _ => {}
        }
        self.server.write_all(message).await?;
        if message[0] != b'S' {
            return Ok(true);
        }
        match self.cut {
            Cut::Unheard => return Ok(false),
            Cut::After => {
                let (before, _) = self.answers().await?;
                self.client.write_all(&before).await?;
                return Ok(false);
            }
            Cut::Not | Cut::Before => {}
        }
        if std::mem::take(&mut self.is_run)
            && let Some(hold) = self.hold.take()
        {
            let (before, last) = self.answers().await?;
            let _ = hold.reached.send(());
            let _ = hold.release.await;
            self.client.write_all(&before).await?;
            self.client.write_all(&last).await?;
        }
        Ok(true)
    }

    /// The server's answers to all that it was sent: those before the last one, and that.
    async fn answers(&mut self) -> std::io::Result<(Vec<u8>, Vec<u8>)> {
        let (mut before, mut last) = (Vec::new(), Vec::new());
        loop {
            while let Some(one) = self.next_answer() {
                last.extend_from_slice(&one);
                if one[0] != b'Z' {
                    continue;
                }
                if self.unanswered == 0 {
                    return Ok((before, last));
                }
                before.append(&mut last);
            }
            if self.server.read_buf(&mut self.unread).await? == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
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

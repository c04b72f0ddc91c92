//! The real server as a child process: started, killed, started again on its port, stopped.

use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rand::RngExt;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::oneshot;

use crate::Outcome;

/// What the server prints, with its address, once it accepts connections.
const LISTENING: &str = "listening on http://";
/// Ports below those that systems hand out to outgoing connections: none of the swarm's can take
/// the server's port while it is down.
const PORTS: std::ops::Range<u16> = 20_000..32_000;
/// Ports tried before giving up: another program may take one between finding and using it.
const PORT_TRIES: usize = 5;
/// How long a start or a stop may take at most.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two questions whether the server is ready, once it listens.
const PAUSE: Duration = Duration::from_millis(5);
/// Lines of output that are kept to be told when something goes wrong.
const LINES_KEPT: usize = 40;

/// How to run `denticloud`.
#[derive(Clone, Debug)]
pub struct Program {
    pub binary: PathBuf,
    pub database_url: String,
    pub jwt_secret: String,
    /// More variables, such as `DENTICLOUD_WORKERS`.
    pub environment: Vec<(String, String)>,
}

/// A running server; killed with this value.
#[derive(Debug)]
pub struct Server {
    pub address: SocketAddr,
    /// From the start of the process to the first 200 of `/readyz`.
    pub ready_after: Duration,
    child: Child,
    output: Output,
}

/// The last lines of a child's output.
#[derive(Clone, Debug, Default)]
struct Output(Arc<Mutex<VecDeque<String>>>);

impl Output {
    fn add(&self, line: String) {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() == LINES_KEPT {
            lines.pop_front();
        }
        lines.push_back(line);
    }

    fn text(&self) -> String {
        let lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        lines.join("\n")
    }

    /// Keeps what comes from `stream`, and tells the rest of the first line that begins with
    /// [`LISTENING`].
    fn drain(
        &self,
        stream: impl AsyncRead + Send + Unpin + 'static,
        tell: oneshot::Sender<String>,
    ) {
        let (output, mut tell) = (self.clone(), Some(tell));
        tokio::spawn(async move {
            let mut lines = BufReader::new(stream).lines();
            while let Ok(Some(line)) = lines.next_line().await {
                if let Some(address) = line.strip_prefix(LISTENING)
                    && let Some(tell) = tell.take()
                {
                    let _ = tell.send(address.to_owned());
                }
                output.add(line);
            }
        });
    }
}

impl Program {
    fn command(&self, argument: &str) -> Command {
        let mut command = Command::new(&self.binary);
        command
            .arg(argument)
            .env("DATABASE_URL", &self.database_url)
            .env("DENTICLOUD_JWT_SECRET", &self.jwt_secret)
            .env("BIND", "127.0.0.1")
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        if std::env::var_os("RUST_LOG").is_none() {
            command.env("RUST_LOG", "warn");
        }
        command
    }

    fn failed(&self, what: &str, detail: &dyn std::fmt::Display) -> crate::Error {
        format!("{} {what}: {detail}", self.binary.display()).into()
    }

    /// Brings the database's schema up to date.
    ///
    /// # Errors
    /// When the program is missing or fails.
    pub async fn migrate(&self) -> Outcome<()> {
        let output = self.command("migrate").output().await;
        let output = output.map_err(|error| self.failed("migrate", &error))?;
        if !output.status.success() {
            let text = String::from_utf8_lossy(&output.stderr);
            return Err(self.failed("migrate", &text.trim()));
        }
        Ok(())
    }

    /// Starts another program of ours that prints where it listens and answers `/readyz`.
    ///
    /// # Errors
    /// As [`Self::serve`].
    pub async fn run(&self, argument: &str) -> Outcome<Server> {
        self.start(argument, free_port()?).await
    }

    /// Starts a server on a free port.
    ///
    /// # Errors
    /// When the program is missing, ends, or is not ready in time.
    pub async fn serve(&self) -> Outcome<Server> {
        let mut tries = 0;
        loop {
            tries += 1;
            match self.serve_on(free_port()?).await {
                Err(error) if tries >= PORT_TRIES || !error.to_string().contains("in use") => {
                    return Err(error);
                }
                Err(_) => {}
                Ok(server) => return Ok(server),
            }
        }
    }

    /// Starts a server on `port`.
    ///
    /// # Errors
    /// As [`Self::serve`], and when the port is taken.
    pub async fn serve_on(&self, port: u16) -> Outcome<Server> {
        self.start("serve", port).await
    }

    async fn start(&self, argument: &str, port: u16) -> Outcome<Server> {
        let began = Instant::now();
        let mut command = self.command(argument);
        command.env("PORT", port.to_string());
        let mut child = command
            .spawn()
            .map_err(|error| self.failed("serve", &error))?;
        let output = Output::default();
        let (tell, address) = oneshot::channel();
        if let Some(stdout) = child.stdout.take() {
            output.drain(stdout, tell);
        }
        if let Some(stderr) = child.stderr.take() {
            output.drain(stderr, oneshot::channel().0);
        }
        let listening = tokio::time::timeout(PATIENCE, address).await;
        let Ok(Ok(address)) = listening else {
            child.kill().await?;
            return Err(self.failed("serve does not listen", &output.text()));
        };
        let address: SocketAddr = address.parse()?;
        until_ready(address, began)
            .await
            .map_err(|error| self.failed(&error.to_string(), &output.text()))?;
        Ok(Server {
            address,
            ready_after: began.elapsed(),
            child,
            output,
        })
    }
}

async fn until_ready(address: SocketAddr, began: Instant) -> Outcome<()> {
    let client = crate::http::client().build()?;
    let url = format!("http://{address}/readyz");
    loop {
        let answer = client.get(&url).timeout(PATIENCE).send().await;
        match answer {
            Ok(answer) if answer.status() == 200 => return Ok(()),
            _ if began.elapsed() > PATIENCE => return Err("is not ready in time".into()),
            _ => tokio::time::sleep(PAUSE).await,
        }
    }
}

impl Server {
    /// Memory that the process has in use, in KiB (Linux).
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn resident_kib(&self) -> Outcome<f64> {
        let id = self.child.id().ok_or("the server has ended")?;
        let status = std::fs::read_to_string(format!("/proc/{id}/status"))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|rest| rest.split_whitespace().next());
        Ok(kib.ok_or("no VmRSS")?.parse()?)
    }

    /// `kill -9`, and waits until the process is gone.
    ///
    /// # Errors
    /// When there is nothing to kill any more: the server has ended by itself.
    pub async fn kill(mut self) -> Outcome<()> {
        if let Some(status) = self.child.try_wait()? {
            let text = self.output.text();
            return Err(format!("the server ended by itself, {status}: {text}").into());
        }
        Ok(self.child.kill().await?)
    }

    /// Sends the process a signal, unless it has ended.
    ///
    /// # Errors
    /// When there is no shell.
    pub async fn signal(&self, name: &str) -> Outcome<()> {
        if let Some(id) = self.child.id() {
            // The shell's own: a `kill` program is not everywhere, and `unsafe` nowhere.
            let told = Command::new("sh")
                .args(["-c", "kill -$0 \"$1\"", name, &id.to_string()])
                .status();
            told.await?;
        }
        Ok(())
    }

    /// `kill -TERM`: the server drains and ends.
    ///
    /// # Errors
    /// When it has ended before, does not end in time, or ends with a failure.
    pub async fn stop(mut self) -> Outcome<()> {
        self.signal("TERM").await?;
        let ended = tokio::time::timeout(PATIENCE, self.child.wait()).await;
        match ended.map_err(|_| "the server does not stop")?? {
            status if status.success() => Ok(()),
            status => Err(format!("the server ended, {status}: {}", self.output.text()).into()),
        }
    }
}

pub(crate) fn free_port() -> Outcome<u16> {
    let mut random = rand::rng();
    for _ in 0..200 {
        let port = random.random_range(PORTS);
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return Ok(port);
        }
    }
    Err("found no free port".into())
}

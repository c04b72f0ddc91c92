//! A Redis of the run's own, which it may kill, start again and flush. Stores nothing on disk.

use std::net::SocketAddr;
use std::process::Stdio;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

use crate::Outcome;
use crate::server::free_port;

/// How long it may take to start.
const PATIENCE: Duration = Duration::from_secs(20);
/// Between two questions whether it is there.
const PAUSE: Duration = Duration::from_millis(10);

/// A running server, killed with this value.
#[derive(Debug)]
pub struct Redis {
    address: SocketAddr,
    child: Option<Child>,
}

impl Redis {
    /// Starts one on a free port.
    ///
    /// # Errors
    /// When `redis-server` is missing or does not start.
    pub async fn start() -> Outcome<Self> {
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()?));
        let mut redis = Self {
            address,
            child: None,
        };
        redis.restart().await?;
        Ok(redis)
    }

    /// For `REDIS_URL`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://{}", self.address)
    }

    /// Starts it on its port, after [`Self::kill`].
    ///
    /// # Errors
    /// As [`Self::start`].
    pub async fn restart(&mut self) -> Outcome<()> {
        let port = self.address.port().to_string();
        let child = Command::new("redis-server")
            .args(["--port", &port, "--bind", "127.0.0.1"])
            .args(["--save", "", "--appendonly", "no", "--daemonize", "no"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| format!("redis-server (scripts/install redis): {error}"))?;
        self.child = Some(child);
        let began = Instant::now();
        while self.say("PING").await.is_err() {
            if began.elapsed() > PATIENCE {
                return Err("redis-server does not start".into());
            }
            tokio::time::sleep(PAUSE).await;
        }
        Ok(())
    }

    /// `kill -9`.
    ///
    /// # Errors
    /// When it has ended by itself.
    pub async fn kill(&mut self) -> Outcome<()> {
        let child = self.child.as_mut().ok_or("there is no Redis to kill")?;
        child.kill().await?;
        self.child = None;
        Ok(())
    }

    /// Deletes everything that is in it.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn flush(&self) -> Outcome<()> {
        self.say("FLUSHALL").await
    }

    /// Ends every connection but this one.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn disconnect_all(&self) -> Outcome<()> {
        self.say("CLIENT KILL TYPE pubsub").await?;
        self.say("CLIENT KILL TYPE normal").await
    }

    /// Gives a command and reads the beginning of its answer.
    async fn say(&self, command: &str) -> Outcome<()> {
        let mut stream = TcpStream::connect(self.address).await?;
        stream
            .write_all(format!("{command}\r\n").as_bytes())
            .await?;
        let mut first = [0; 1];
        stream.read_exact(&mut first).await?;
        match first[0] {
            b'-' => Err(format!("Redis refuses {command}").into()),
            _ => Ok(()),
        }
    }
}

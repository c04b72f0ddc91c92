//! Each TCP connection as such: counted while it is open, read into a buffer that it shares with
//! others, given up when its peer takes nothing, and ended so that the peer hears the last word.

use std::cell::RefCell;
use std::io;
use std::net::Shutdown;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use actix_web::rt::net::TcpStream;
use actix_web::rt::time::timeout;
use socket2::SockRef;

/// How much is read at once.
const READ_BYTES: usize = 16 * 1024;
/// How long a connection that is ended is listened to.
const LINGER: Duration = Duration::from_secs(1);

thread_local! {
    static SCRATCH: RefCell<Vec<u8>> = RefCell::new(vec![0; READ_BYTES]);
}

/// The open connections of one server.
#[derive(Clone, Debug)]
pub struct Connections {
    open: Arc<AtomicUsize>,
    stuck: Duration,
}

/// Lives as long as its connection.
#[derive(Debug)]
pub(crate) struct Counted(Arc<AtomicUsize>);

impl Connections {
    /// A peer that reads nothing leaves its window closed for as long as it likes, and a write that
    /// is stuck in the kernel is beyond our reach: the kernel itself ends the connection after
    /// `stuck`.
    #[must_use]
    pub fn new(stuck: Duration) -> Self {
        Self {
            open: Arc::default(),
            stuck,
        }
    }

    /// How many are open.
    #[must_use]
    pub fn open(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    /// To be called with each new connection.
    pub(crate) fn opened(&self, stream: &TcpStream) -> Counted {
        give_up_after(stream, self.stuck);
        publish(self.open.fetch_add(1, Ordering::Relaxed) + 1);
        Counted(Arc::clone(&self.open))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        publish(self.0.fetch_sub(1, Ordering::Relaxed) - 1);
    }
}

fn publish(open: usize) {
    metrics::gauge!("denticloud_connections").set(open as f64);
}

/// Reads what there is, once, into a buffer that all connections of the thread share: one that says
/// nothing needs none.
///
/// # Errors
/// `WouldBlock` when there is nothing; what has become of the connection.
pub(crate) fn read(stream: &TcpStream, take: impl FnOnce(&[u8])) -> io::Result<usize> {
    SCRATCH.with_borrow_mut(|scratch| {
        let count = stream.try_read(scratch)?;
        take(&scratch[..count]);
        Ok(count)
    })
}

/// Ends a connection that everything was said on. A connection that is closed while something of
/// its peer is unread is reset, and the peer may lose what it has not read yet: so first only our
/// direction ends, and the peer is listened to until it has ended the other one, or for a while.
pub(crate) async fn part(stream: &TcpStream) {
    if SockRef::from(stream).shutdown(Shutdown::Write).is_err() {
        return; // it is gone already
    }
    let gone = async {
        while stream.readable().await.is_ok() {
            match read(stream, |_| ()) {
                Ok(0) => return,
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) => return,
            }
        }
    };
    // Whoever says nothing for so long has heard it, or never will.
    let _ = timeout(LINGER, gone).await;
}

#[cfg(target_os = "linux")]
fn give_up_after(stream: &TcpStream, stuck: Duration) {
    if let Err(error) = SockRef::from(stream).set_tcp_user_timeout(Some(stuck)) {
        tracing::warn!(%error, "a stuck connection may stay");
    }
}

/// Elsewhere the system's own patience decides.
#[cfg(not(target_os = "linux"))]
fn give_up_after(_: &TcpStream, _: Duration) {}

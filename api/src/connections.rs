//! Each TCP connection as such: counted while it is open, and given up when its peer takes nothing.

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use actix_web::dev::Extensions;
use actix_web::rt::net::TcpStream;

/// The open connections of one server.
#[derive(Clone, Debug, Default)]
pub struct Connections(Arc<AtomicUsize>);

/// Lives as long as its connection.
struct Counted(Connections);

impl Connections {
    /// How many are open.
    #[must_use]
    pub fn open(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    fn count(&self) -> Counted {
        self.0.fetch_add(1, Ordering::Relaxed);
        self.publish();
        Counted(self.clone())
    }

    fn publish(&self) {
        metrics::gauge!("denticloud_connections").set(self.open() as f64);
    }

    /// What the server does with each new connection. A peer that reads nothing leaves its window
    /// closed for as long as it likes, and a write that is stuck in the kernel is beyond our reach:
    /// the kernel itself ends the connection after `stuck_ms`.
    pub fn opened(
        &self,
        stuck_ms: u32,
    ) -> impl Fn(&dyn Any, &mut Extensions) + Send + Sync + use<> {
        let connections = self.clone();
        move |stream, data| {
            data.insert(connections.count());
            if let Some(stream) = stream.downcast_ref::<TcpStream>() {
                give_up_after(stream, Duration::from_millis(stuck_ms.into()));
            }
        }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
        self.0.publish();
    }
}

#[cfg(target_os = "linux")]
fn give_up_after(stream: &TcpStream, stuck: Duration) {
    let socket = socket2::SockRef::from(stream);
    if let Err(error) = socket.set_tcp_user_timeout(Some(stuck)) {
        tracing::warn!(%error, "a stuck connection may stay");
    }
}

/// Elsewhere the system's own patience decides.
#[cfg(not(target_os = "linux"))]
fn give_up_after(_: &TcpStream, _: Duration) {}

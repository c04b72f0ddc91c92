//! `denticloud serve`.

use std::error::Error;

use tokio::signal::unix::{SignalKind, signal};

use crate::config::Config;
use crate::server;

pub(super) async fn run(config: Config) -> Result<(), Box<dyn Error + Send + Sync>> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut running = server::start(config).await?;
    // Scripts and tests read this line: with port 0 it is how they learn the address.
    println!("listening on http://{}", running.address);
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
        ended = running.ended() => return Ok(ended?),
    }
    tracing::info!("stopping");
    running.stop().await;
    Ok(())
}

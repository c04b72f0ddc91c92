//! Redis carries the bus: one channel for all nodes of a database, and nothing is stored. Connects
//! again for as long as the node lives; in between the bus is down and the poller hears alone.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use redis::{AsyncConnectionConfig, Client, RedisError};
use secrecy::{ExposeSecret, SecretString};
use uuid::Uuid;

use super::{Bus, Message, Wire};

/// How long connecting, and sending, may take.
const PATIENCE: Duration = Duration::from_secs(1);
/// How often a node says something that it must hear itself.
const BEAT_EVERY: Duration = Duration::from_millis(500);
/// Without hearing it for this long the bus is down, whatever the connections look like.
const DEAF_AFTER: Duration = Duration::from_millis(1500);
/// Between two tries to connect, the first and the last of them.
const PAUSES: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(2));
/// Messages sent at a time.
const SENT_MAX: usize = 64;

/// An address that names no Redis.
#[derive(Debug, thiserror::Error)]
#[error("REDIS_URL cannot be read: {0}")]
pub struct BadAddress(#[from] RedisError);

/// The bus of `node` over the Redis at `url`, among those who share `channel`, and what carries its
/// messages, to be spawned: it ends with its thread.
///
/// # Errors
/// When the address cannot be read. Redis may be away.
pub fn bus(
    node: Uuid,
    url: &SecretString,
    channel: String,
) -> Result<(Arc<Bus>, impl Future<Output = ()> + use<>), BadAddress> {
    let client = Client::open(url.expose_secret())?;
    let (bus, wire) = Bus::wired(node);
    let carrier = Carrier { client, channel };
    Ok((bus, carrier.run(wire)))
}

struct Carrier {
    client: Client,
    channel: String,
}

impl Carrier {
    async fn run(self, mut wire: Wire) {
        let mut pause = PAUSES.0;
        loop {
            let Err(trouble) = self.carry(&mut wire).await;
            if wire.bus.is_up() {
                wire.set_up(false);
                pause = PAUSES.0;
            }
            // Once for each outage, not for each try.
            if pause == PAUSES.0 {
                tracing::warn!(error = %trouble, "the bus is down: changes of others are polled for");
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(PAUSES.1);
        }
    }

    /// Carries messages until a connection fails.
    async fn carry(&self, wire: &mut Wire) -> Result<Infallible, Trouble> {
        // Without limits of the library's own: what hangs is found out by the beat.
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(PATIENCE))
            .set_response_timeout(Some(PATIENCE));
        let mut speaking = self
            .client
            .get_multiplexed_async_connection_with_config(&config)
            .await?;
        let mut listening =
            tokio::time::timeout(PATIENCE, self.client.get_async_pubsub()).await??;
        tokio::time::timeout(PATIENCE, listening.subscribe(&self.channel)).await??;
        let mut messages = listening.into_on_message();
        let mut beats = tokio::time::interval(BEAT_EVERY);
        beats.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut heard = Instant::now();
        let mut beaten: Option<Instant> = None;
        // What was said before anybody could hear it is in the database by now.
        while wire.said_also().is_some() {}
        loop {
            tokio::select! {
                message = messages.next() => {
                    let message = message.ok_or(Trouble::Deaf)?;
                    if wire.deliver(message.get_payload_bytes()) {
                        heard = Instant::now();
                        if let Some(beaten) = beaten.take() {
                            metrics::histogram!("denticloud_bus_echo_seconds")
                                .record(beaten.elapsed().as_secs_f64());
                        }
                        if !wire.bus.is_up() {
                            tracing::info!("the bus is up");
                            wire.set_up(true);
                        }
                    }
                }
                Some(said) = wire.said() => {
                    let mut sending = vec![said];
                    while sending.len() < SENT_MAX && let Some(also) = wire.said_also() {
                        sending.push(also);
                    }
                    self.publish(&mut speaking, &sending).await?;
                }
                _ = beats.tick() => {
                    if heard.elapsed() > DEAF_AFTER {
                        return Err(Trouble::Deaf);
                    }
                    beaten.get_or_insert_with(Instant::now);
                    self.publish(&mut speaking, &[wire.beat()]).await?;
                }
            }
        }
    }

    async fn publish(
        &self,
        speaking: &mut redis::aio::MultiplexedConnection,
        messages: &[Message],
    ) -> Result<(), Trouble> {
        let mut pipeline = redis::pipe();
        for message in messages {
            pipeline
                .cmd("PUBLISH")
                .arg(&self.channel)
                .arg(&message[..])
                .ignore();
        }
        Ok(pipeline.query_async(speaking).await?)
    }
}

/// Why carrying ended.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error(transparent)]
    Redis(#[from] RedisError),
    #[error("Redis does not answer in time")]
    Late(#[from] tokio::time::error::Elapsed),
    #[error("what is said is not heard")]
    Deaf,
}

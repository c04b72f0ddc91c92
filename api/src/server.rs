//! The HTTP server: from a configuration to an address, and back down again.

use std::io;
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};
use std::time::Duration;

use actix_http::Request;
use actix_service::IntoServiceFactory;
use actix_web::body::BoxBody;
use actix_web::dev::{AppConfig, Server, ServerHandle, ServiceFactory, ServiceResponse};
use actix_web::middleware::from_fn;
use actix_web::rt::task::JoinHandle;
use actix_web::{App as WebApp, rt, web};
use engine::Engine;
use engine::clock::Clock;
use engine::settings::Settings;
use engine::tokens::HolderTokens;
use socket2::{Domain, Protocol, Socket, Type};
use tracing_actix_web::TracingLogger;

use crate::app::{App, StartError};
use crate::config::Config;
use crate::mail::offers;
use crate::request::Spans;
use crate::ws::rights;
use crate::{metrics, nodes, request, routes, takeover};

/// How often the metrics' queues are emptied.
const METRICS_TIDY: Duration = Duration::from_secs(5);
/// Connections that wait to be accepted.
const BACKLOG: i32 = 4096;

/// A server that listens.
#[derive(Debug)]
pub struct RunningServer {
    /// Where; tells the port that was chosen for port 0.
    pub address: SocketAddr,
    /// What its handlers share.
    pub app: web::Data<App>,
    handle: ServerHandle,
    task: JoinHandle<io::Result<()>>,
    tidying: JoinHandle<()>,
    rights: JoinHandle<()>,
    listening: Vec<JoinHandle<()>>,
    mailing: JoinHandle<()>,
    offering: JoinHandle<()>,
}

/// Starts to listen. Runs inside an actix system (`#[actix_web::main]`, `#[actix_web::test]`).
///
/// # Errors
/// When a setting is missing or the address is taken.
pub async fn start(config: Config) -> Result<RunningServer, StartError> {
    start_at(config, Clock::system()).await
}

/// As [`start`], with a clock that tells another time.
///
/// # Errors
/// As [`start`].
pub async fn start_at(config: Config, clock: Clock) -> Result<RunningServer, StartError> {
    // The likeliest mistake of a deployment: say it before anything is started.
    config.jwt_secret()?;
    metrics::start();
    let settings = Settings {
        writers: config.commit_writers,
        batch_count_max: config.commit_batch_max,
        readers: config.engine_pool_size,
        keep: config.keep(),
        housekeeping_every: Duration::from_mins(config.housekeeping_minutes.max(1).into()),
        redis_url: config.redis_url.clone(),
        poll_every: Duration::from_millis(config.poll_ms.max(1)),
        poll_every_with_bus: Duration::from_millis(config.poll_with_redis_ms.max(1)),
        tokens: HolderTokens::from_secret(config.jwt_secret()?),
        ..Settings::default()
    };
    let engine = Engine::start(config.database_url()?, settings, clock).await?;
    let app = web::Data::new(App::new(config, engine)?);
    // Before the first session looks at its rights, so that no change falls in between.
    let rights_from = rights::now(&app)
        .await
        .map_err(|error| StartError::Pool(error.to_string()))?;
    let config = &app.config;
    let mut server = Server::build()
        .disable_signals() // the program decides in which order things end
        .max_concurrent_connections(config.connections_per_worker)
        .shutdown_timeout(config.shutdown_seconds);
    if config.workers > 0 {
        server = server.workers(config.workers);
    }
    let refused = |source| StartError::Listen {
        address: format!("{}:{}", config.bind, config.port),
        source,
    };
    let listeners = listen(&config.bind, config.port).map_err(refused)?;
    let address = listeners
        .first()
        .ok_or_else(|| io::ErrorKind::AddrNotAvailable.into())
        .and_then(TcpListener::local_addr)
        .map_err(refused)?;
    let stopping = server.graceful_shutdown_signal();
    for listener in listeners {
        let (app, stopping) = (app.clone(), stopping.clone());
        server = server
            .listen("http", listener, move || {
                let stopping = stopping.clone();
                takeover::serve(
                    application(app.clone()),
                    app.connections.clone(),
                    async move || stopping.notified().await,
                )
            })
            .map_err(refused)?;
    }
    let server = server.run();
    let handle = server.handle();
    let posting = app.clone();
    let telling = app.clone();
    Ok(RunningServer {
        listening: nodes::listen(&app),
        rights: rt::spawn(rights::watch(app.clone(), rights_from)),
        address,
        app,
        handle,
        task: rt::spawn(server),
        tidying: rt::spawn(async {
            let mut tick = rt::time::interval(METRICS_TIDY);
            loop {
                tick.tick().await;
                metrics::tidy();
            }
        }),
        mailing: rt::spawn(async move { posting.mail.run().await }),
        offering: rt::spawn(offers::run(telling)),
    })
}

/// What answers requests: each worker has one.
fn application(
    app: web::Data<App>,
) -> impl ServiceFactory<
    Request,
    Config = AppConfig,
    Response = ServiceResponse<BoxBody>,
    Error = actix_web::Error,
    InitError = (),
> {
    WebApp::new()
        .app_data(app)
        .configure(routes::configure)
        .wrap(TracingLogger::<Spans>::new())
        .wrap(from_fn(request::around)) // the last is the outermost
        .into_factory()
}

/// Listens at all addresses that `host` has, but for those that cannot be had.
fn listen(host: &str, port: u16) -> io::Result<Vec<TcpListener>> {
    let mut listeners = Vec::new();
    let mut refused = io::ErrorKind::AddrNotAvailable.into();
    for address in (host, port).to_socket_addrs()? {
        match listen_at(address) {
            Ok(listener) => listeners.push(listener),
            Err(error) => refused = error,
        }
    }
    if listeners.is_empty() {
        return Err(refused);
    }
    Ok(listeners)
}

fn listen_at(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    // A server that is started again need not wait until the old one's connections are forgotten.
    #[cfg(not(windows))]
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

impl RunningServer {
    /// Waits until the server ends by itself, which it does only when it fails.
    ///
    /// # Errors
    /// What ended it.
    pub async fn ended(&mut self) -> io::Result<()> {
        (&mut self.task).await.map_err(io::Error::other)?
    }

    /// Accepts nothing more, closes the sockets with 4201, lets open requests and commits finish,
    /// and returns when all is over.
    pub async fn stop(self) {
        self.app.sessions.drain();
        self.handle.stop(true).await;
        self.app.engine.stop().await;
        self.app.mail.stop();
        // Ends by itself after the message that is being sent; a panic has been logged.
        let _ = self.mailing.await;
        self.tidying.abort();
        // A letter that is half written is written by the next one who looks.
        self.offering.abort();
        self.rights.abort();
        for listening in self.listening {
            listening.abort();
        }
    }
}

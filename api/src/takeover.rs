//! A TCP connection speaks HTTP until an answer hands it to somebody else, a WebSocket. From then on
//! nothing of HTTP is kept for it: neither its buffers, of 8 KiB each, nor its large future.

use std::cell::Cell;
use std::future::{Future, poll_fn, ready};
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, ready as ready_or_return};
use std::time::Duration;

use actix_codec::{AsyncRead, AsyncWrite, Encoder, Framed, FramedParts, ReadBuf};
use actix_http::body::{BodySize, BoxBody, MessageBody};
use actix_http::error::DispatchError;
use actix_http::h1::{Codec, Message};
use actix_http::{ConnectionType, HttpService, KeepAlive, Protocol, Request, Response};
use actix_web::dev::{AppConfig, Service, ServiceFactory, ServiceResponse, fn_factory};
use actix_web::http::StatusCode;
use actix_web::rt::net::TcpStream;
use actix_web::web::BytesMut;
use actix_web::{Error, HttpMessage, HttpRequest, HttpResponse};
use tokio::io::AsyncWriteExt;

use crate::connections::{Connections, Counted, part};

/// How long a connection has to say its first request, and stays without another one.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);
const KEEP_ALIVE: KeepAlive = KeepAlive::Timeout(Duration::from_secs(5));
/// How long its peer has to hear the last of it.
const DISCONNECT_TIMEOUT: Duration = Duration::from_secs(1);

type Running<T> = Pin<Box<dyn Future<Output = T>>>;
/// What goes on with a connection. It gets what has been read of it already, too.
type Taker = Box<dyn FnOnce(TcpStream, BytesMut) -> Running<()>>;

/// In the extensions of a request whose connection can be taken over.
struct Offered;

/// In the extensions of an answer that hands the connection over.
struct Takeover(Taker);

/// Whether the connection of a request can be taken over: a request with a body, for one, cannot
/// be the last one.
#[must_use]
pub fn is_offered(request: &HttpRequest) -> bool {
    request.extensions().contains::<Offered>()
}

/// Hands the connection to `taker` once the answer is sent, which has to be a 101.
#[must_use]
pub fn handing_over<T>(
    mut answer: HttpResponse,
    taker: impl FnOnce(TcpStream, BytesMut) -> T + 'static,
) -> HttpResponse
where
    T: Future<Output = ()> + 'static,
{
    let taker: Taker = Box::new(|stream, read| Box::pin(taker(stream, read)));
    answer.extensions_mut().insert(Takeover(taker));
    answer
}

/// Serves connections with an application. As `actix_web::HttpServer` does, but for connections
/// that are taken over.
pub fn serve<A>(
    application: A,
    connections: Connections,
    stopping: impl AsyncFn() + Clone + 'static,
) -> impl ServiceFactory<TcpStream, Config = (), Response = (), Error = DispatchError, InitError = ()>
where
    A: ServiceFactory<
            Request,
            Config = AppConfig,
            Response = ServiceResponse<BoxBody>,
            Error = Error,
            InitError = (),
        > + 'static,
    <A::Service as Service<Request>>::Future: 'static,
{
    fn_factory(move || {
        // It would tell a client that names no host what the server is called: nobody asks.
        let building = application.new_service(AppConfig::default());
        let (connections, stopping) = (connections.clone(), stopping.clone());
        async move {
            let application = Rc::new(building.await?);
            let upgrading = Rc::clone(&application);
            let http = HttpService::build()
                .graceful_shutdown_signal(move || {
                    let stopping = stopping.clone();
                    async move { stopping().await }
                })
                .keep_alive(KEEP_ALIVE)
                .client_request_timeout(REQUEST_TIMEOUT)
                .client_disconnect_timeout(DISCONNECT_TIMEOUT)
                .h1_allow_half_closed(true)
                .upgrade(fn_factory(move || {
                    ready(Ok::<_, ()>(Upgrading(Rc::clone(&upgrading))))
                }))
                .finish(fn_factory(move || {
                    ready(Ok::<_, ()>(Rc::clone(&application)))
                }));
            let http = http.new_service(()).await?;
            Ok::<_, ()>(Conversations { http, connections })
        }
    })
}

/// Each connection from its beginning to its end.
struct Conversations<H> {
    http: H,
    connections: Connections,
}

impl<H> Service<TcpStream> for Conversations<H>
where
    H: Service<(Wire, Protocol, Option<SocketAddr>), Response = (), Error = DispatchError>,
    H::Future: 'static,
{
    type Response = ();
    type Error = DispatchError;
    type Future = Conversation;

    fn poll_ready(&self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.http.poll_ready(context)
    }

    fn call(&self, stream: TcpStream) -> Self::Future {
        let counted = self.connections.opened(&stream);
        // Without it small answers may wait for the peer's acknowledgement of earlier ones.
        let _ = stream.set_nodelay(true);
        let peer = stream.peer_addr().ok();
        let next = Next::default();
        let wire = Wire {
            stream,
            next: Rc::clone(&next),
        };
        Conversation {
            http: Some(Box::pin(self.http.call((wire, Protocol::Http1, peer)))),
            taken: None,
            next,
            _counted: counted,
        }
    }
}

/// Who has taken a connection over.
type Next = Rc<Cell<Option<Running<()>>>>;

/// One connection: HTTP, then what has taken it over. Small, because it is kept for as long as the
/// connection is open.
struct Conversation {
    http: Option<Running<Result<(), DispatchError>>>,
    taken: Option<Running<()>>,
    next: Next,
    _counted: Counted,
}

impl Future for Conversation {
    type Output = Result<(), DispatchError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if let Some(http) = &mut self.http {
            let ended = ready_or_return!(http.as_mut().poll(context));
            self.http = None;
            self.taken = self.next.take();
            if self.taken.is_none() {
                return Poll::Ready(ended);
            }
        }
        match &mut self.taken {
            Some(taken) => taken.as_mut().poll(context).map(Ok),
            None => Poll::Ready(Ok(())),
        }
    }
}

/// A connection while it speaks HTTP.
struct Wire {
    stream: TcpStream,
    next: Next,
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

/// Answers requests that want to be the last ones of their connections: those that ask for a
/// WebSocket (RFC 6455, 4.1), and CONNECT. By the same application as any other; what it does not
/// hand over is closed after the answer, for what follows the request is not HTTP.
struct Upgrading<S>(Rc<S>);

impl<S> Service<(Request, Framed<Wire, Codec>)> for Upgrading<S>
where
    S: Service<Request, Response = ServiceResponse<BoxBody>, Error = Error>,
    S::Future: 'static,
{
    type Response = ();
    type Error = Error;
    type Future = Running<Result<(), Error>>;

    fn poll_ready(&self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.0.poll_ready(context)
    }

    fn call(&self, (request, framed): (Request, Framed<Wire, Codec>)) -> Self::Future {
        request.extensions_mut().insert(Offered);
        let answering = self.0.call(request);
        Box::pin(async move {
            let answer = answering
                .await
                .map_or_else(Response::from, Response::<BoxBody>::from);
            // Who has gone meanwhile hears no answer; that is nobody's mistake.
            let _ = finish(answer, framed).await;
            Ok(())
        })
    }
}

/// Sends the last answer of a connection and hands it over, or ends it.
async fn finish(mut answer: Response<BoxBody>, framed: Framed<Wire, Codec>) -> io::Result<()> {
    let FramedParts {
        io: Wire { mut stream, next },
        mut codec,
        read_buf: read,
        write_buf: mut unsent,
        ..
    } = framed.into_parts();
    let taker = answer.extensions_mut().remove::<Takeover>();
    let taker = taker.filter(|_| answer.status() == StatusCode::SWITCHING_PROTOCOLS);
    if taker.is_none() {
        answer.head_mut().set_connection_type(ConnectionType::Close);
    }
    let (head, body) = answer.into_parts();
    let size = body.size();
    codec.encode(Message::Item((head, size)), &mut unsent)?;
    stream.write_all_buf(&mut unsent).await?;
    if let Some(Takeover(taker)) = taker {
        // A copy, where there is something: what HTTP has read into is of 8 KiB.
        next.set(Some(taker(stream, BytesMut::from(&read[..]))));
        return Ok(());
    }
    if !matches!(size, BodySize::None | BodySize::Sized(0)) {
        let mut body = pin!(body);
        while let Some(chunk) = poll_fn(|context| body.as_mut().poll_next(context)).await {
            let chunk = chunk.map_err(|error| io::Error::other(error.to_string()))?;
            codec.encode(Message::Chunk(Some(chunk)), &mut unsent)?;
            stream.write_all_buf(&mut unsent).await?;
        }
        codec.encode(Message::Chunk(None), &mut unsent)?;
        stream.write_all_buf(&mut unsent).await?;
    }
    part(&stream).await;
    Ok(())
}

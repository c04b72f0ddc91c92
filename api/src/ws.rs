//! The WebSocket, protocol `denticloud.v1`: one session per connection, following calendars and
//! giving commands.

pub mod allowance;
pub mod close;
pub mod frames;
mod hold_frames;
pub mod hub;
pub mod kinds;
mod link;
pub mod outbox;
pub mod presence;
mod replies;
pub mod rights;
pub mod session;
pub mod sessions;
pub mod slots;
pub mod speaker;
mod subscribe;
pub mod subscription;

use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;

use actix_http::ws::handshake;
use actix_web::http::header;
use actix_web::rt::net::TcpStream;
use actix_web::web::BytesMut;
use actix_web::{HttpRequest, HttpResponse, web};

use self::link::Reader;
use self::outbox::Outbox;
use crate::app::App;
use crate::problem::Problem;
use crate::{address, takeover};

/// The subprotocol's name.
pub const PROTOCOL: &str = "denticloud.v1";
/// A client's frame is at most this long.
pub const FRAME_BYTES_MAX: usize = 64 * 1024;

/// Opens a session.
#[utoipa::path(get, path = "/ws", tag = "live",
    responses((status = 101, description = "A WebSocket of protocol denticloud.v1")))]
pub async fn open(
    app: web::Data<App>,
    request: HttpRequest,
) -> Result<HttpResponse, actix_web::Error> {
    let mut answer = handshake(request.head())?;
    if !takeover::is_offered(&request) {
        let problem = Problem::bad_request("A WebSocket's request has no body.");
        return Err(problem.into());
    }
    if asks_for(&request, PROTOCOL) {
        answer.insert_header((header::SEC_WEBSOCKET_PROTOCOL, PROTOCOL));
    }
    let address = address::of(&request);
    let answer = answer.finish().map_into_boxed_body().into();
    Ok(takeover::handing_over(answer, move |stream, read| {
        run(app, stream, read, address)
    }))
}

/// Whether a client offers a subprotocol.
fn asks_for(request: &HttpRequest, protocol: &str) -> bool {
    request
        .headers()
        .get_all(header::SEC_WEBSOCKET_PROTOCOL)
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|offered| offered.trim() == protocol)
}

/// A session from its beginning to its end, on a connection of which `read` has been read.
async fn run(app: web::Data<App>, stream: TcpStream, read: BytesMut, address: Option<IpAddr>) {
    let stream = Rc::new(stream);
    let outbox = Arc::new(Outbox::new(app.config.ws_outbox_bytes));
    let reader = Reader::new(Rc::clone(&stream), read);
    let session = session::start(app, reader, Arc::clone(&outbox), address);
    link::run(stream, outbox, session).await;
}

//! The WebSocket, protocol `denticloud.v1`: one session per connection, following calendars and
//! giving commands.

pub mod close;
pub mod frames;
pub mod hub;
pub mod kinds;
pub mod outbox;
mod replies;
pub mod session;
pub mod sessions;
pub mod speaker;
mod subscribe;
pub mod subscription;

use actix_web::{HttpRequest, HttpResponse, web};

use crate::app::App;

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
    body: web::Payload,
) -> Result<HttpResponse, actix_web::Error> {
    let (response, session, stream) = actix_ws::handle_with_protocols(&request, body, &[PROTOCOL])?;
    let stream = stream
        .max_frame_size(FRAME_BYTES_MAX)
        .aggregate_continuations()
        .max_continuation_size(FRAME_BYTES_MAX);
    let address = request.peer_addr().map(|peer| peer.ip());
    session::start(app, session, stream, address);
    Ok(response)
}

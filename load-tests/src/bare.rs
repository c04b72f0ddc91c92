//! A WebSocket server of the same library that does nothing but send: what the real one is measured
//! beside.

use std::net::{Ipv4Addr, SocketAddr};

use actix_web::{App, HttpRequest, HttpResponse, HttpServer, rt, web};
use bytestring::ByteString;
use tokio::sync::broadcast;

use crate::Outcome;
use crate::measure::now_us;

/// Texts on their way to slow sockets.
const QUEUE: usize = 64;

type Texts = web::Data<broadcast::Sender<ByteString>>;

/// Serves `/ws`, and `POST /send`, which sends its body to every socket and answers when it began,
/// in microseconds since 1970. `GET /readyz` as the real one.
///
/// # Errors
/// When it cannot listen.
pub fn serve(port: u16) -> Outcome<()> {
    rt::System::new().block_on(async {
        let texts: Texts = web::Data::new(broadcast::Sender::new(QUEUE));
        let server = HttpServer::new(move || {
            App::new()
                .app_data(texts.clone())
                .route("/ws", web::get().to(open))
                .route("/send", web::post().to(send))
                .route("/readyz", web::get().to(HttpResponse::Ok))
        })
        .tcp_nodelay(true)
        .backlog(4096)
        .bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))?;
        println!("listening on http://{}", server.addrs()[0]);
        Ok(server.run().await?)
    })
}

async fn open(
    texts: Texts,
    request: HttpRequest,
    body: web::Payload,
) -> Result<HttpResponse, actix_web::Error> {
    let (response, mut session, mut stream) =
        actix_ws::handle_with_protocols(&request, body, &["denticloud.v1"])?;
    let mut heard = texts.subscribe();
    rt::spawn(async move {
        loop {
            let sent = tokio::select! {
                text = heard.recv() => match text {
                    Ok(text) => session.text(text).await,
                    Err(_) => return,
                },
                message = stream.recv() => match message {
                    Some(Ok(actix_ws::Message::Text(text))) => session.text(text).await,
                    Some(Ok(actix_ws::Message::Ping(bytes))) => session.pong(&bytes).await,
                    Some(Ok(_)) => Ok(()),
                    Some(Err(_)) | None => return,
                },
            };
            if sent.is_err() {
                return;
            }
        }
    });
    Ok(response)
}

async fn send(texts: Texts, body: String) -> HttpResponse {
    let began = now_us();
    // Nobody may be there.
    let _ = texts.send(body.into());
    HttpResponse::Ok().body(began.to_string())
}

//! A change that comes twice with one `Idempotency-Key` takes effect once, and is answered as the
//! first time. This is for the routes that change rows themselves; a command's key is the engine's
//! (`routes.rs` says which route is which).
//!
//! The key is used in the transaction of the change: the audit log's line, which every change
//! writes, brings it along ([`claim`]). Its answer follows once it is known. Where the program ends
//! in between, the row as the audit log has it is the answer.

mod question;
mod sealed;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use actix_web::body::{self, BoxBody};
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::middleware::Next;
use actix_web::{Error, FromRequest, HttpMessage, web};
use dashmap::DashMap;
use diesel_async::AsyncPgConnection;
use futures_util::stream::{self, StreamExt};
use schema::ids::TenantId;
use schema::request_answers::{self, Claim, RequestKey};
use schema::tenancy::{self, Access};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::actions;
use crate::app::App;
use crate::auth::access::AccessRule;
use crate::auth::principal::{Member, Principal};
use crate::problem::Problem;
use crate::rest::appointments::key;

use question::{asked, canonical};
use sealed::FirstAnswer;
pub use sealed::Seal;

/// Who looks after a route's `Idempotency-Key`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keeper {
    /// Nobody: the route changes nothing, or is about signing in.
    Nobody,
    /// The engine: the route gives it a command.
    Engine,
    /// This module.
    Answers,
    /// The engine, and this module for what the handler makes of the command's answer.
    Both,
    /// This module; the body is too long to be kept, and the same again changes nothing.
    Stream,
}

impl Keeper {
    /// Of a route that names none.
    #[must_use]
    pub const fn of(method: &str, path: &str) -> Self {
        // Of secrets there is no second copy, and who signs in twice has two sessions.
        const SIGN_IN: &[u8] = b"/auth/";
        let path = path.as_bytes();
        let mut place = 0;
        while place < SIGN_IN.len() && place < path.len() && path[place] == SIGN_IN[place] {
            place += 1;
        }
        match method.as_bytes() {
            b"get" => Self::Nobody,
            _ if place == SIGN_IN.len() => Self::Nobody,
            _ => Self::Answers,
        }
    }
}

/// The change that this code runs for.
#[derive(Debug)]
struct Change {
    key: RequestKey,
    /// `None` while the body is still coming in.
    fingerprint: Option<Vec<u8>>,
    request: Uuid,
    seal: Seal,
    /// Whether the key may have been used for a command, which is the request's own.
    with_command: bool,
    /// Whether something was changed.
    changed: AtomicBool,
    /// Whether the key is used already, in a transaction that may have committed.
    claimed: AtomicBool,
    /// Whether somebody else was quicker.
    taken: AtomicBool,
}

tokio::task_local! {
    static CHANGE: Arc<Change>;
}

/// Uses the request's key, if it has one, in the transaction of its change. `after`: the row as it
/// is now; `subject`: its id. Called by the audit log.
///
/// # Errors
/// When another request has used the key: then nothing is to be changed.
pub async fn claim(
    connection: &mut AsyncPgConnection,
    subject: Option<Uuid>,
    after: Option<&Value>,
) -> Result<(), Problem> {
    let Ok(change) = CHANGE.try_with(Arc::clone) else {
        return Ok(());
    };
    change.changed.store(true, Ordering::Relaxed);
    let Some(fingerprint) = &change.fingerprint else {
        return Ok(());
    };
    let row = after.cloned().unwrap_or_else(|| json!({ "id": subject }));
    let provisional = change.seal.close(&FirstAnswer::lost(&row), fingerprint)?;
    let claim = request_answers::claim(
        connection,
        &change.key,
        fingerprint,
        change.request,
        &provisional,
        change.with_command,
    );
    match claim.await? {
        Claim::Ours => {
            change.claimed.store(true, Ordering::Relaxed);
            Ok(())
        }
        Claim::Command => Err(mismatch()),
        Claim::Taken => {
            change.taken.store(true, Ordering::Relaxed);
            Err(Problem::busy())
        }
    }
}

/// The request has changed something that no line of its own in the audit log tells of.
pub fn changed() {
    // Without a key there is nobody to tell.
    let _ = CHANGE.try_with(|change| change.changed.store(true, Ordering::Relaxed));
}

fn mismatch() -> Problem {
    engine::scheduling::rejection::Rejection::IdempotencyMismatch.into()
}

/// Of two requests with one key the second waits for the first, in this process; across processes
/// the database decides.
#[derive(Debug, Default)]
struct Turns(DashMap<RequestKey, Arc<tokio::sync::Mutex<()>>>);

/// Ends with its request.
struct Turn<'a> {
    turns: &'a Turns,
    key: RequestKey,
    guard: Option<tokio::sync::OwnedMutexGuard<()>>,
}

impl Turns {
    async fn take(&self, key: &RequestKey) -> Turn<'_> {
        let lock = Arc::clone(&self.0.entry(key.clone()).or_default());
        Turn {
            turns: self,
            key: key.clone(),
            guard: Some(lock.lock_owned().await),
        }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.guard.take();
        let turns = &self.turns.0;
        turns.remove_if(&self.key, |_, lock| Arc::strong_count(lock) == 1);
    }
}

/// The first answers of one server.
#[derive(Debug)]
pub struct FirstAnswers {
    seal: Seal,
    turns: Turns,
}

impl FirstAnswers {
    /// Sealed under a secret that is used for other things too; processes share it.
    #[must_use]
    pub fn new(secret: &[u8]) -> Self {
        Self {
            seal: Seal::from_secret(secret),
            turns: Turns::default(),
        }
    }

    async fn find(
        &self,
        app: &App,
        key: &RequestKey,
        fingerprint: &[u8],
        with_command: bool,
    ) -> Result<Option<FirstAnswer>, Problem> {
        let kept = tenancy::transaction(&app.app_pool, &Access::nobody(), async |connection| {
            request_answers::find(connection, key, with_command).await
        })
        .await?;
        match kept {
            None => Ok(None),
            Some(kept) if kept.fingerprint != fingerprint => Err(mismatch()),
            Some(kept) if !kept.settled => Err(Problem::outcome_unknown()),
            Some(kept) => self.seal.open(&kept.answer, fingerprint).map(Some),
        }
    }
}

/// As a middleware of one route, behind its access rule.
///
/// # Errors
/// The handler's own: refusals are answers.
pub async fn around(
    keeper: Keeper,
    rule: AccessRule,
    request: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse, Error> {
    if matches!(keeper, Keeper::Nobody | Keeper::Engine) {
        return next.call(request).await;
    }
    let given = key(request.request()).and_then(|key| {
        actions::check_key(key.as_deref())?;
        Ok(key)
    });
    let given = match given {
        Ok(None) => return next.call(request).await,
        Ok(Some(key)) => {
            let found = principal(&request, rule).await;
            found.map(|(tenant, principal)| RequestKey {
                tenant,
                principal,
                key,
            })
        }
        Err(problem) => Err(problem),
    };
    let app = request.app_data::<web::Data<App>>().cloned();
    match (given, app) {
        (Ok(key), Some(app)) if keeper == Keeper::Stream => {
            streamed(&app, key, request, next).await
        }
        (Ok(key), Some(app)) => read(&app, keeper == Keeper::Both, key, request, next).await,
        (Ok(_), None) => Ok(request.error_response(Problem::internal("the server has no App"))),
        (Err(problem), _) => Ok(request.error_response(problem)),
    }
}

/// Whom the key belongs to, and where.
async fn principal(
    request: &ServiceRequest,
    rule: AccessRule,
) -> Result<(Option<TenantId>, String), Problem> {
    if let Some(member) = request.extensions().get::<Member>() {
        return Ok((Some(member.tenant()), member.actor()));
    }
    if let Some(principal) = request.extensions().get::<Principal>() {
        return Ok((None, principal.actor()));
    }
    let AccessRule::Secret(parameter) = rule else {
        return Err(Problem::internal("a route whose keys are nobody's"));
    };
    let secret = request.match_info().get(parameter).unwrap_or_default();
    let digest = hex::encode(Sha256::digest(secret.as_bytes()));
    // Whoever is signed in may name by its id what is theirs: an id is no secret. A token that does
    // not count is the handler's to refuse.
    let signed_in = Principal::from_request(request.request(), &mut Payload::None).await;
    let who = signed_in.map_or_else(|_| String::new(), |principal| principal.actor());
    Ok((None, format!("secret:{digest} {who}")))
}

/// A body that is read before anything is decided.
async fn read(
    app: &App,
    with_command: bool,
    key: RequestKey,
    mut request: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse, Error> {
    let body = match request.extract::<web::Bytes>().await {
        Ok(body) => body,
        Err(error) => return Ok(request.error_response(error)),
    };
    let mut digest = asked(&request);
    digest.update(canonical(&body));
    let fingerprint = digest.finalize().to_vec();
    let again = stream::once(std::future::ready(Ok(body)));
    request.set_payload(Payload::Stream {
        payload: Box::pin(again),
    });
    let answers = &app.first_answers;
    let _turn = answers.turns.take(&key).await;
    match answers.find(app, &key, &fingerprint, with_command).await {
        Ok(None) => {}
        Ok(Some(first)) => return Ok(request.into_response(first.again())),
        Err(problem) => return Ok(request.error_response(problem)),
    }
    let change = Arc::new(Change {
        key,
        fingerprint: Some(fingerprint.clone()),
        request: Uuid::now_v7(),
        seal: answers.seal.clone(),
        with_command,
        changed: AtomicBool::new(false),
        claimed: AtomicBool::new(false),
        taken: AtomicBool::new(false),
    });
    let response = CHANGE
        .scope(Arc::clone(&change), next.call(request))
        .await?;
    if !change.taken.load(Ordering::Relaxed) {
        return Ok(kept(app, &change, &fingerprint, response).await);
    }
    // Another process has made the change meanwhile.
    let found = answers.find(app, &change.key, &fingerprint, with_command);
    let answer = match found.await {
        Ok(Some(first)) => first.again(),
        // It has been refused there after all.
        Ok(None) => actix_web::ResponseError::error_response(&Problem::busy()),
        Err(problem) => actix_web::ResponseError::error_response(&problem),
    };
    Ok(response.into_response(answer))
}

/// A body that is read while it is worked on. What it asks is known at its end only, so the key is
/// used after the change: the handler must be one that the same body again changes nothing by.
async fn streamed(
    app: &App,
    key: RequestKey,
    mut request: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse, Error> {
    let answers = &app.first_answers;
    let _turn = answers.turns.take(&key).await;
    let nobody = Access::nobody();
    let known = tenancy::transaction(&app.app_pool, &nobody, async |connection| {
        request_answers::find(connection, &key, false)
            .await
            .map_err(Problem::from)
    })
    .await;
    let known = match known {
        Ok(known) => known.is_some(),
        Err(problem) => return Ok(request.error_response(problem)),
    };
    let digest = Arc::new(std::sync::Mutex::new((asked(&request), false)));
    let mut incoming = request.take_payload();
    if known {
        let mut digest = asked(&request);
        while let Some(piece) = incoming.next().await {
            match piece {
                Ok(piece) => digest.update(&piece),
                Err(error) => return Ok(request.error_response(Error::from(error))),
            }
        }
        let found = answers.find(app, &key, &digest.finalize(), false).await;
        return Ok(match found {
            Ok(Some(first)) => request.into_response(first.again()),
            Ok(None) => request.error_response(Problem::busy()),
            Err(problem) => request.error_response(problem),
        });
    }
    let heard = Arc::clone(&digest);
    let told = Arc::clone(&digest);
    let heard = incoming.inspect(move |piece| {
        if let (Ok(piece), Ok(mut digest)) = (piece, heard.lock()) {
            digest.0.update(piece);
        }
    });
    let ended = stream::once(async move {
        if let Ok(mut digest) = told.lock() {
            digest.1 = true;
        }
    })
    .filter_map(|()| std::future::ready(None));
    request.set_payload(Payload::Stream {
        payload: Box::pin(heard.chain(ended)),
    });
    let change = Arc::new(Change {
        key,
        fingerprint: None,
        request: Uuid::now_v7(),
        seal: answers.seal.clone(),
        with_command: false,
        changed: AtomicBool::new(false),
        claimed: AtomicBool::new(false),
        taken: AtomicBool::new(false),
    });
    let response = CHANGE
        .scope(Arc::clone(&change), next.call(request))
        .await?;
    let fingerprint = match digest.lock() {
        Ok(digest) if digest.1 => digest.0.clone().finalize().to_vec(),
        // Not all of it was wanted: there is nothing to compare the next one with.
        _ => return Ok(response),
    };
    Ok(kept(app, &change, &fingerprint, response).await)
}

/// The response, once it is kept as the key's answer.
async fn kept(
    app: &App,
    change: &Change,
    fingerprint: &[u8],
    response: ServiceResponse,
) -> ServiceResponse {
    if !change.changed.load(Ordering::Relaxed) {
        return response;
    }
    let (request, response) = response.into_parts();
    let status = response.status();
    let (head, body) = response.into_parts();
    let bytes = body::to_bytes(body).await.unwrap_or_default();
    let answer = FirstAnswer::of(&head, &bytes);
    let response = ServiceResponse::new(request, head.set_body(BoxBody::new(bytes)));
    let work = keep(app, change, fingerprint, status, &answer);
    if let Err(problem) = work.await {
        // The change is made: its maker hears so. Who asks again hears it from the claim.
        tracing::warn!(%problem, cause = problem.cause(), "the answer of a change was not kept");
    }
    response
}

async fn keep(
    app: &App,
    change: &Change,
    fingerprint: &[u8],
    status: StatusCode,
    answer: &FirstAnswer,
) -> Result<(), Problem> {
    let claimed = change.claimed.load(Ordering::Relaxed);
    tenancy::transaction(&app.app_pool, &Access::nobody(), async |connection| {
        let id = change.request;
        if status.is_success() {
            let sealed = change.seal.close(answer, fingerprint)?;
            if !claimed {
                let key = &change.key;
                request_answers::claim(connection, key, fingerprint, id, &sealed, true).await?;
            }
            request_answers::settle(connection, id, Some(&sealed)).await?;
        } else if status.is_client_error() {
            request_answers::release(connection, id).await?;
        } else {
            request_answers::settle(connection, id, None).await?;
        }
        Ok(())
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signing_in_and_reading_have_no_keys() {
        for (method, path, keeper) in [
            ("get", "/patients", Keeper::Nobody),
            ("post", "/auth/login", Keeper::Nobody),
            ("delete", "/auth/sessions/{id}", Keeper::Nobody),
            ("post", "/authors", Keeper::Answers),
            ("post", "/a", Keeper::Answers),
            ("put", "/patients/{id}/medical", Keeper::Answers),
        ] {
            assert_eq!(Keeper::of(method, path), keeper, "{method} {path}");
        }
    }
}

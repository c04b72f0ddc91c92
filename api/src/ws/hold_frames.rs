//! Holding over a socket, for members and for visitors: the frames' bodies, and what they answer.

use std::sync::{Mutex, PoisonError};

use bytestring::ByteString;
use chrono::{DateTime, Utc};
use engine::command::hold::Abandon;
use engine::command::{Command, Done, Reply as Answer, Request};
use engine::scheduling::placement::Asker;
use schema::audit_log::Origin;
use schema::ids::{HoldId, PatientId, ProviderId, TenantId, TreatmentId};
use schema::span::Span;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, HashMap};
use uuid::Uuid;

use super::frames::{from, valid};
use super::replies::Reply;
use super::speaker::Asking;
use crate::app::App;
use crate::auth::permissions::Permission;
use crate::holds::{self, Holder};
use crate::problem::Problem;
use crate::public::Guest;
use crate::public::applicant::Applicant;
use crate::public::booking::{self, PublicConfirmation};
use crate::public::limits::Kind;
use crate::rest::availability::Kept;
use crate::rest::language::Language;
use crate::wire::appointment::AppointmentView;
use crate::wire::hold::{Confirmation, NewHold};

/// What is asked.
#[derive(Debug)]
pub enum HoldAction {
    Hold(NewHold),
    Renew(Named),
    Release(Named),
    Confirm(Named, Box<ConfirmBody>),
}

/// A hold, and the proof that it is the speaker's; those made on this socket need none.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Named {
    hold_id: HoldId,
    hold_token: Option<String>,
}

/// For whom: a member names a patient, a visitor says who they are.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ConfirmBody {
    patient_id: Option<PatientId>,
    patient: Option<Applicant>,
    notes: Option<String>,
}

impl HoldAction {
    /// `{"type":"hold","hold":{…}}`, or the same fields beside the type.
    pub(super) fn hold(mut body: Map<String, Value>) -> Result<Self, Problem> {
        let wanted = match body.remove("hold") {
            Some(Value::Object(wanted)) => wanted,
            _ => body,
        };
        Ok(Self::Hold(valid(from(wanted)?)?))
    }

    pub(super) fn renew(body: Map<String, Value>) -> Result<Self, Problem> {
        Ok(Self::Renew(from(body)?))
    }

    pub(super) fn release(body: Map<String, Value>) -> Result<Self, Problem> {
        Ok(Self::Release(from(body)?))
    }

    pub(super) fn confirm(body: Map<String, Value>) -> Result<Self, Problem> {
        Ok(Self::Confirm(from(body.clone())?, Box::new(from(body)?)))
    }
}

/// The holds that were made or renewed on a socket, with the expiry that it knows of.
#[derive(Debug, Default)]
pub struct Held(Mutex<HashMap<HoldId, HeldSlot>>);

/// One of them: the slot that its holder goes on seeing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeldSlot {
    pub tenant: TenantId,
    pub treatment: TreatmentId,
    pub provider: ProviderId,
    pub span: Span,
    expires_at: DateTime<Utc>,
}

impl Held {
    fn note(&self, reply: &Answer) {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Done::Hold(hold) = &reply.done {
            match hold.ended {
                None => held.insert(
                    hold.id,
                    HeldSlot {
                        tenant: hold.tenant,
                        treatment: hold.treatment,
                        provider: hold.provider,
                        span: hold.span,
                        expires_at: hold.expires_at,
                    },
                ),
                Some(_) => held.remove(&hold.id),
            };
        }
    }

    fn forget(&self, id: HoldId) {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.remove(&id);
    }

    /// Those that have not expired.
    #[must_use]
    pub fn slots(&self, now: DateTime<Utc>) -> Vec<HeldSlot> {
        let held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.values()
            .filter(|slot| slot.expires_at > now)
            .copied()
            .collect()
    }

    /// As searches need it.
    #[must_use]
    pub fn kept(&self, now: DateTime<Utc>) -> Vec<Kept> {
        let held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.iter()
            .filter(|(_, slot)| slot.expires_at > now)
            .map(|(hold, slot)| Kept {
                tenant: slot.tenant,
                hold: *hold,
                span: slot.span,
                provider: slot.provider,
            })
            .collect()
    }

    /// The socket is gone: what nobody renews elsewhere ends after the grace.
    pub async fn abandon(&self, app: &App) {
        let held = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        let grace_ms = i64::try_from(app.config.hold_grace_ms).unwrap_or(i64::MAX);
        for (
            hold,
            HeldSlot {
                tenant, expires_at, ..
            },
        ) in held
        {
            let command = Command::Abandon(Abandon {
                hold,
                seen: expires_at,
                grace_ms,
            });
            let outcome = app
                .engine
                .execute(Request {
                    tenant,
                    asker: Asker::Staff,
                    principal: "socket".to_owned(),
                    user: None,
                    origin: Origin::default(),
                    key: None,
                    command,
                })
                .await;
            if let Err(refusal) = outcome {
                // It has ended already, or ends by itself a little later.
                tracing::debug!(%refusal, "a lost socket's hold stays");
            }
        }
    }
}

fn ok(
    id: u64,
    result: impl Serialize,
    positions: Option<&BTreeMap<Uuid, i64>>,
    reply: &Answer,
) -> ByteString {
    Reply::Ok {
        id,
        result,
        positions,
        replay: reply.replay.then_some(true),
    }
    .text()
}

/// Does what a frame asks and answers it.
///
/// # Errors
/// As the routes.
pub(super) async fn run(
    app: &App,
    asking: Asking,
    held: &Held,
    id: u64,
    key: Option<String>,
    action: HoldAction,
) -> Result<ByteString, Problem> {
    let holder = match asking {
        Asking::Member(member) => Holder::member(member)?,
        Asking::Visitor(visitor) => {
            app.public_limits.take(visitor.address, Kind::Changing)?;
            Holder::Guest(visitor.into())
        }
    };
    match action {
        HoldAction::Hold(body) => {
            let (view, reply) = holds::place(app, &holder, key, body).await?;
            held.note(&reply);
            Ok(ok(id, &view, Some(&view.positions), &reply))
        }
        HoldAction::Renew(Named {
            hold_id,
            hold_token,
        }) => {
            let token = hold_token.as_deref();
            let (view, reply) = holds::renew(app, &holder, hold_id, token, key).await?;
            held.note(&reply);
            Ok(ok(id, &view, Some(&view.positions), &reply))
        }
        HoldAction::Release(Named {
            hold_id,
            hold_token,
        }) => {
            let reply = holds::release(app, &holder, hold_id, hold_token.as_deref(), key).await?;
            held.forget(hold_id);
            Ok(ok(id, serde_json::json!({}), None, &reply))
        }
        HoldAction::Confirm(named, body) => {
            let answer = match &holder {
                Holder::Member(member) => confirm(app, member, id, key, &named, *body).await?,
                Holder::Guest(guest) => confirm_public(app, guest, id, key, &named, *body).await?,
            };
            held.forget(named.hold_id);
            Ok(answer)
        }
    }
}

async fn confirm(
    app: &App,
    member: &crate::auth::principal::Member,
    id: u64,
    key: Option<String>,
    named: &Named,
    body: ConfirmBody,
) -> Result<ByteString, Problem> {
    let body = valid(Confirmation {
        patient_id: body.patient_id,
        notes: body.notes,
        hold_token: None,
    })?;
    let token = named.hold_token.as_deref();
    let reply = holds::confirm(app, member, named.hold_id, token, key, body).await?;
    let view = AppointmentView::of(&reply, member.may(Permission::CanViewPatients))?;
    let positions = view.positions.clone();
    Ok(ok(id, view, Some(&positions), &reply))
}

async fn confirm_public(
    app: &App,
    guest: &Guest,
    id: u64,
    key: Option<String>,
    named: &Named,
    body: ConfirmBody,
) -> Result<ByteString, Problem> {
    let patient = body
        .patient
        .ok_or_else(|| Problem::invalid("patient", "missing: who is it for?"))?;
    let body = valid(PublicConfirmation {
        patient,
        notes: body.notes,
        hold_token: None,
    })?;
    let (hold, token) = (named.hold_id, named.hold_token.as_deref());
    let language = Language::named(&guest.practice.locale);
    let (view, reply) = booking::confirm(app, guest, hold, token, key, language, body).await?;
    Ok(ok(id, view, None, &reply))
}

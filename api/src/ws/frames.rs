//! Frames from clients, read with care: whatever cannot be read is answered and harms nothing.

mod body;

use schema::ids::{
    AppointmentId, BlockId, CalendarId, ProviderId, SeriesId, TenantId, TreatmentId,
};
use serde::Deserialize;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::hold_frames::HoldAction;
use super::kinds::Kind;
use super::presence::{Doing, Place};
use crate::actions::{Action, Occurrences, target};
use crate::auth::access::AccessRule;
use crate::problem::Problem;
use crate::rest::availability::query::{AvailabilityQuery, ExplainQuery};
use crate::rest::input;
use crate::wire::appointment::{
    Cancellation, NewAppointment, NewLength, NewNotes, NewStatus, NewTime,
};
use crate::wire::repeat::ScopeQuery;

/// A frame with its number, for the answer.
#[derive(Debug)]
pub struct Incoming {
    /// `None` where it could not be read.
    pub id: Option<u64>,
    /// Who may say this.
    pub rule: AccessRule,
    pub frame: Result<Frame, Problem>,
}

/// What a client says.
#[derive(Debug)]
pub enum Frame {
    Connect(Connect),
    Refresh {
        token: String,
    },
    Subscribe(Subscribe),
    Unsubscribe {
        calendar: CalendarId,
    },
    SubscribeSlots(SubscribeSlots),
    UnsubscribeSlots {
        feed: Uuid,
    },
    Presence(Present),
    Availability {
        tenant: Option<TenantId>,
        query: AvailabilityQuery,
    },
    Explain {
        tenant: Option<TenantId>,
        query: ExplainQuery,
    },
    Hold {
        tenant: Option<TenantId>,
        key: Option<String>,
        action: HoldAction,
    },
    Command {
        tenant: Option<TenantId>,
        key: Option<String>,
        action: Action,
    },
    /// What the command would do.
    Preview {
        tenant: Option<TenantId>,
        action: Action,
    },
}

#[derive(Debug, Deserialize)]
pub struct Connect {
    pub token: Option<String>,
    pub tenant: Option<TenantId>,
    /// The subdomain of a practice, instead of a token: its public side.
    pub practice: Option<String>,
}

#[derive(Debug, Deserialize)]
pub struct Subscribe {
    pub calendar: CalendarId,
    pub tenant: Option<TenantId>,
    pub range: Range,
    pub since: Option<Position>,
}

#[derive(Debug, Deserialize)]
pub struct SubscribeSlots {
    /// The subdomain; a public session is in one already.
    pub practice: Option<String>,
    pub treatment: TreatmentId,
    pub dentist: Option<ProviderId>,
    /// `2027-03`, in the practice's zone.
    pub month: String,
}

#[derive(Debug, Deserialize)]
pub struct Present {
    pub calendar: CalendarId,
    pub state: Doing,
    pub span: Option<Place>,
}

#[derive(Clone, Debug, Deserialize)]
pub struct Range {
    pub from: String,
    pub to: String,
}

/// A state that the client has.
#[derive(Clone, Debug, Deserialize)]
pub struct Position {
    pub epoch: String,
    pub version: i64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OnAppointment {
    appointment_id: AppointmentId,
    version: Option<i64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OnSeries {
    series_id: SeriesId,
    version: Option<i64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OnBlock {
    block_id: BlockId,
    version: Option<i64>,
}

#[derive(Deserialize)]
struct Token {
    token: String,
}

#[derive(Deserialize)]
struct OneFeed {
    feed: Uuid,
}

#[derive(Deserialize)]
struct OneCalendar {
    calendar: CalendarId,
}

/// Reads a text frame.
#[must_use]
pub fn read(text: &str) -> Incoming {
    let body: Map<String, Value> = match serde_json::from_str(text) {
        Ok(body) => body,
        Err(error) => {
            let problem = Problem::bad_request(format!("The frame is no JSON object: {error}"));
            return unread(None, problem);
        }
    };
    let Some(id) = body.get("id").and_then(Value::as_u64) else {
        let problem = Problem::bad_request("A frame has an id: a whole number.");
        return unread(None, problem);
    };
    let kind = body.get("type").and_then(Value::as_str);
    let Some(kind) = kind.and_then(Kind::parse) else {
        let problem = Problem::bad_request("There is no such type of frame.");
        return unread(Some(id), problem);
    };
    Incoming {
        id: Some(id),
        rule: kind.rule(),
        frame: input::without_nul(text.as_bytes()).and_then(|()| frame(kind, body::flat(body))),
    }
}

fn unread(id: Option<u64>, problem: Problem) -> Incoming {
    Incoming {
        id,
        rule: AccessRule::Public,
        frame: Err(problem),
    }
}

fn frame(kind: Kind, mut body: Map<String, Value>) -> Result<Frame, Problem> {
    let tenant = optional(&body, "tenant")?;
    let key: Option<String> = optional(&body, "idempotencyKey")?;
    // A reschedule and its kin name the appointment beside their body.
    let on = |body: &Map<String, Value>| -> Result<_, Problem> {
        let named: OnAppointment = from(body.clone())?;
        Ok(target(named.appointment_id, named.version))
    };
    let action = match kind {
        Kind::Connect => return Ok(Frame::Connect(from(body)?)),
        Kind::Refresh => {
            let Token { token } = from(body)?;
            return Ok(Frame::Refresh { token });
        }
        Kind::Subscribe => return Ok(Frame::Subscribe(from(body)?)),
        Kind::Unsubscribe => {
            let OneCalendar { calendar } = from(body)?;
            return Ok(Frame::Unsubscribe { calendar });
        }
        Kind::SubscribeSlots => return Ok(Frame::SubscribeSlots(from(body)?)),
        Kind::UnsubscribeSlots => {
            let OneFeed { feed } = from(body)?;
            return Ok(Frame::UnsubscribeSlots { feed });
        }
        Kind::Presence => return Ok(Frame::Presence(from(body)?)),
        Kind::Availability => {
            body.remove("tenant");
            return Ok(Frame::Availability {
                tenant,
                query: from(body)?,
            });
        }
        Kind::Explain => {
            return Ok(Frame::Explain {
                tenant,
                query: from(body)?,
            });
        }
        Kind::Book => Action::Book(valid(from::<NewAppointment>(body)?)?),
        Kind::Reschedule => Action::Reschedule(on(&body)?, valid(from::<NewTime>(body)?)?),
        Kind::Resize => Action::Resize(on(&body)?, valid(from::<NewLength>(body)?)?),
        Kind::Cancel => Action::Cancel(on(&body)?, valid(from::<Cancellation>(body)?)?),
        Kind::SetStatus => Action::SetStatus(on(&body)?, valid(from::<NewStatus>(body)?)?),
        Kind::EditNotes => Action::EditNotes(on(&body)?, valid(from::<NewNotes>(body)?)?),
        Kind::Swap => Action::Swap(valid(from(body)?)?),
        Kind::Block => Action::Block(Box::new(valid(from(body)?)?)),
        Kind::EditBlock => Action::EditBlock(on_block(&body)?, valid(from(body)?)?),
        Kind::Unblock => Action::Unblock(on_block(&body)?),
        Kind::SeriesPreview | Kind::SeriesBook => Action::BookSeries(Box::new(valid(from(body)?)?)),
        Kind::SeriesEdit => Action::EditSeries(on_series(&body)?, valid(from(body)?)?),
        Kind::SeriesCancel => Action::CancelSeries(on_series(&body)?, valid(from(body)?)?),
        Kind::ReplanPreview | Kind::Replan => Action::Replan(Box::new(valid(from(body)?)?)),
        Kind::Hold => return holding(tenant, key, HoldAction::hold(body)?),
        Kind::Renew => return holding(tenant, key, HoldAction::renew(body)?),
        Kind::Release => return holding(tenant, key, HoldAction::release(body)?),
        Kind::Confirm => return holding(tenant, key, HoldAction::confirm(body)?),
    };
    if matches!(kind, Kind::SeriesPreview | Kind::ReplanPreview) {
        return Ok(Frame::Preview { tenant, action });
    }
    Ok(Frame::Command {
        tenant,
        key,
        action,
    })
}

fn on_series(body: &Map<String, Value>) -> Result<Occurrences<SeriesId>, Problem> {
    let named: OnSeries = from(body.clone())?;
    let (scope, which) = from::<ScopeQuery>(body.clone())?.read()?;
    Ok(Occurrences {
        id: named.series_id,
        version: named.version,
        scope,
        which,
    })
}

fn on_block(body: &Map<String, Value>) -> Result<Occurrences<BlockId>, Problem> {
    let named: OnBlock = from(body.clone())?;
    let (scope, which) = from::<ScopeQuery>(body.clone())?.read()?;
    Ok(Occurrences {
        id: named.block_id,
        version: named.version,
        scope,
        which,
    })
}

fn holding(
    tenant: Option<TenantId>,
    key: Option<String>,
    action: HoldAction,
) -> Result<Frame, Problem> {
    Ok(Frame::Hold {
        tenant,
        key,
        action,
    })
}

fn optional<T: serde::de::DeserializeOwned>(
    body: &Map<String, Value>,
    field: &str,
) -> Result<Option<T>, Problem> {
    match body.get(field) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => serde_json::from_value(value.clone())
            .map(Some)
            .map_err(|error| Problem::invalid(field, error.to_string())),
    }
}

pub(super) fn from<T: serde::de::DeserializeOwned>(body: Map<String, Value>) -> Result<T, Problem> {
    serde_path_to_error::deserialize(Value::Object(body))
        .map_err(|error| Problem::bad_request(format!("The frame cannot be read: {error}")))
}

pub(super) fn valid<T: garde::Validate<Context = ()>>(body: T) -> Result<T, Problem> {
    body.validate().map_err(|report| input::invalid(&report))?;
    Ok(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_cannot_be_read_keeps_its_number() {
        for (text, id) in [
            ("", None),
            ("[]", None),
            ("{}", None),
            (r#"{"id":-1,"type":"connect"}"#, None),
            (r#"{"id":4}"#, Some(4)),
            (r#"{"id":4,"type":"fly"}"#, Some(4)),
            (r#"{"id":4,"type":"connect","token":"\u0000"}"#, Some(4)),
            (r#"{"id":4,"type":"book"}"#, Some(4)),
            (r#"{"id":4,"type":"subscribe","calendar":"x"}"#, Some(4)),
            (r#"{"id":4,"type":"book","appointment":[]}"#, Some(4)),
            (r#"{"id":4,"type":"cancel","appointmentId":7}"#, Some(4)),
            (
                r#"{"id":4,"type":"unsubscribe","calendar":null,"tenant":1}"#,
                Some(4),
            ),
        ] {
            let incoming = read(text);
            assert_eq!(incoming.id, id, "{text}");
            assert!(incoming.frame.is_err(), "{text}");
        }
        let unknown = r#"{"id":4,"type":"connect","token":"t","colour":"red"}"#;
        assert!(read(unknown).frame.is_ok(), "unknown fields are ignored");
    }
}

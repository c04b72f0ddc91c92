//! Holding, renewing, letting go and confirming: the one path for REST and WebSocket, for members
//! and for guests. Whoever has the token is the holder; a member also is by being who they are, a
//! guest by the socket that the hold was made on.

use engine::command::hold::{Confirm, Hold, HoldLimits};
use engine::command::{Command, PatientRef, Reply, Request};
use engine::scheduling::placement::Asker;
use engine::scheduling::rejection::{Missing, Rejection};
use engine::tokens;
use schema::holds::Stored;
use schema::ids::{AppointmentId, HoldId, TenantId, UserId};

use crate::actions;
use crate::app::App;
use crate::audit::Who;
use crate::auth::permissions::Permission;
use crate::auth::principal::Member;
use crate::problem::Problem;
use crate::public::Guest;
use crate::request;
use crate::wire::hold::{Confirmation, HoldView, NewHold};
use crate::wire::time;

/// Who holds.
#[derive(Clone, Debug)]
pub enum Holder {
    Member(Box<Member>),
    Guest(Guest),
}

impl Holder {
    /// A member who may book.
    ///
    /// # Errors
    /// 403 without the permission, and in a suspended practice.
    pub fn member(member: Member) -> Result<Self, Problem> {
        member.require_change(Permission::CanManageAppointments)?;
        Ok(Self::Member(Box::new(member)))
    }

    /// The practice.
    #[must_use]
    pub fn tenant(&self) -> TenantId {
        match self {
            Self::Member(member) => member.tenant(),
            Self::Guest(guest) => guest.practice.tenant,
        }
    }

    fn asker(&self) -> Asker {
        match self {
            Self::Member(_) => Asker::Staff,
            Self::Guest(_) => Asker::Public,
        }
    }

    /// Whose holds are counted together, and who needs no token for them.
    fn owner(&self) -> String {
        match self {
            Self::Member(member) => member.actor(),
            Self::Guest(guest) => match &guest.session {
                Some(session) => session.clone(),
                None => format!("network:{}", guest.network()),
            },
        }
    }

    /// The scope of idempotency keys. Guests without a session are told apart by their address.
    fn scope(&self) -> String {
        match self {
            Self::Member(member) => member.actor(),
            Self::Guest(guest) => match (&guest.session, guest.address) {
                (Some(session), _) => session.clone(),
                (None, Some(address)) => format!("address:{address}"),
                (None, None) => "address:unknown".to_owned(),
            },
        }
    }

    fn user(&self) -> Option<UserId> {
        match self {
            Self::Member(member) => member.user(),
            Self::Guest(_) => None,
        }
    }

    fn limits(&self, app: &App) -> HoldLimits {
        let config = &app.config;
        match self {
            Self::Member(_) => HoldLimits {
                per_owner: Some(config.staff_holds.into()),
                ..HoldLimits::default()
            },
            Self::Guest(guest) => HoldLimits {
                per_owner: guest
                    .session
                    .is_some()
                    .then(|| config.public_holds_per_session.into()),
                per_address: Some(config.public_holds_per_address.into()),
                percent_of_day: Some(config.public_holds_percent_of_day.into()),
            },
        }
    }

    /// A command of this holder's.
    pub(crate) fn request(&self, scope: String, key: Option<String>, command: Command) -> Request {
        Request {
            tenant: self.tenant(),
            asker: self.asker(),
            principal: scope,
            user: self.user(),
            origin: match self {
                Self::Member(member) => Who::from(&**member).origin(),
                Self::Guest(_) => request::origin(),
            },
            key,
            command,
        }
    }
}

/// Keeps time; the answer has the token.
///
/// # Errors
/// What the rules refuse, what is taken, `hold_limit`.
pub async fn place(
    app: &App,
    holder: &Holder,
    key: Option<String>,
    body: NewHold,
) -> Result<(HoldView, Reply), Problem> {
    actions::check_key(key.as_deref())?;
    let id = HoldId::new();
    let (patient, duration, overrides) = match holder {
        Holder::Member(member) => (
            match body.patient_id {
                Some(patient) => Some(patient_of(app, member, patient).await?),
                None => None,
            },
            body.duration,
            actions::allowed(member, &body.overrides)?,
        ),
        Holder::Guest(_) => (None, None, Default::default()),
    };
    let command = Command::Hold(Hold {
        id,
        token_hash: tokens::hash(&app.engine.tokens().hold(id)),
        provider: body.dentist_id,
        treatment: body.treatment_id,
        start: time::minute("start", body.start)?,
        operatory: body.operatory_id,
        duration,
        patient,
        overrides,
        owner: holder.owner(),
        address: match holder {
            Holder::Member(_) => None,
            Holder::Guest(guest) => Some(guest.network()),
        },
        limits: holder.limits(app),
        offer: None,
    });
    let request = holder.request(holder.scope(), key, command);
    let reply = actions::attempt(app, request).await;
    let reply = reply.map_err(|problem| match holder {
        Holder::Member(_) => problem,
        Holder::Guest(_) => problem.without_conflict(),
    })?;
    let mut view = HoldView::of(&reply, matches!(holder, Holder::Member(_)))?;
    view.hold_token = Some(app.engine.tokens().hold(view.id));
    Ok((view, reply))
}

/// Keeps it longer.
///
/// # Errors
/// 404 without the token, `hold_expired`, `hold_limit` once it has been kept as long as it may.
pub async fn renew(
    app: &App,
    holder: &Holder,
    id: HoldId,
    token: Option<&str>,
    key: Option<String>,
) -> Result<(HoldView, Reply), Problem> {
    prove(app, holder, id, token).await?;
    let reply = run(app, holder, id, key, Command::Renew { hold: id }).await?;
    Ok((
        HoldView::of(&reply, matches!(holder, Holder::Member(_)))?,
        reply,
    ))
}

/// Lets go.
///
/// # Errors
/// 404 without the token, `hold_expired`.
pub async fn release(
    app: &App,
    holder: &Holder,
    id: HoldId,
    token: Option<&str>,
    key: Option<String>,
) -> Result<Reply, Problem> {
    prove(app, holder, id, token).await?;
    run(app, holder, id, key, Command::Release { hold: id }).await
}

/// A member's hold becomes an appointment.
///
/// # Errors
/// 404 without the token, `hold_expired`, `not_your_patient`, `patient_busy`: then the hold stays.
pub async fn confirm(
    app: &App,
    member: &Member,
    id: HoldId,
    token: Option<&str>,
    key: Option<String>,
    body: Confirmation,
) -> Result<Reply, Problem> {
    let holder = Holder::member(member.clone())?;
    let token = token.or(body.hold_token.as_deref());
    let stored = prove(app, &holder, id, token).await?;
    let patient = match body.patient_id {
        Some(patient) => Some(patient_of(app, member, patient).await?),
        None if stored.hold.patient.is_none() => {
            return Err(Problem::invalid("patientId", "the hold names no patient"));
        }
        None => None,
    };
    let command = Command::Confirm(Confirm {
        hold: id,
        appointment: AppointmentId::new(),
        patient,
        applicant: body
            .patient_id
            .map_or_else(String::new, |id| id.to_string()),
        notes: body.notes.filter(|notes| !notes.trim().is_empty()),
    });
    run(app, &holder, id, key, command).await
}

/// A command on a hold, whose keys are the hold's.
pub(crate) async fn run(
    app: &App,
    holder: &Holder,
    id: HoldId,
    key: Option<String>,
    command: Command,
) -> Result<Reply, Problem> {
    actions::check_key(key.as_deref())?;
    let scope = match holder {
        Holder::Member(member) => member.actor(),
        Holder::Guest(_) => format!("hold:{id}"),
    };
    Ok(app
        .engine
        .execute(holder.request(scope, key, command))
        .await?)
}

/// The hold, if it is the asker's: who cannot show that hears the same as for one that never was.
///
/// # Errors
/// 404; 503 without a database.
pub(crate) async fn prove(
    app: &App,
    holder: &Holder,
    id: HoldId,
    token: Option<&str>,
) -> Result<Stored, Problem> {
    let unknown = || Problem::from(Rejection::NotFound(Missing::Hold));
    let found = app.engine.find_hold(holder.tenant(), id).await?;
    let stored = found.ok_or_else(unknown)?;
    let theirs = match (token, holder) {
        (Some(token), _) => tokens::matches(token, &stored.hold.token_hash),
        // Somebody of the practice answers an offer for a patient who calls.
        (None, Holder::Member(_)) if stored.hold.offer().is_some() => true,
        (None, _) => stored.hold.owner == holder.owner() && holder.is_sure(),
    };
    if theirs { Ok(stored) } else { Err(unknown()) }
}

impl Holder {
    /// Whether the owner's name alone proves anything: a guest's session on a route is what the
    /// client says it is; a socket's is the socket.
    fn is_sure(&self) -> bool {
        match self {
            Self::Member(_) => true,
            Self::Guest(guest) => guest.on_socket,
        }
    }
}

async fn patient_of(
    app: &App,
    member: &Member,
    patient: schema::ids::PatientId,
) -> Result<PatientRef, Problem> {
    let card = app
        .patients
        .find(&app.app_pool, member.tenant(), patient)
        .await?;
    let card = card.ok_or(Rejection::NotYourPatient)?;
    Ok(PatientRef {
        id: patient,
        calendar: card.calendar,
    })
}

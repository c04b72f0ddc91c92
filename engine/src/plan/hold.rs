//! What keeping time, renewing, letting go and confirming change on each calendar; and how a hold
//! whose time is over makes room for somebody else, in the somebody's own commit.

mod limits;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use schema::commit::holds::{EndedHold, HoldChanges, NewOffer};
use schema::holds::Stored;
use schema::ids::{CalendarId, ClaimId, HoldId, TenantId, TxId};
use schema::models::appointment::{Appointment, Status};
use schema::models::claim::{Claim, ClaimKind, Op};
use schema::models::hold::{Ended, Hold as Row};
use schema::models::pattern::Role;
use schema::span::Span;
use smallvec::SmallVec;

use super::{Plan, Planner};
use crate::command::Done;
use crate::command::hold::{Abandon, Confirm, Hold, HoldState};
use crate::failure::Refusal;
use crate::scheduling::draft::visit_of;
use crate::scheduling::pattern;
use crate::scheduling::placement::{self, Asker, Wish};
use crate::scheduling::rejection::{Missing, Override, Rejection};
use crate::scheduling::reservation::Ask;

/// The public renews a hold up to this many minutes after it was made, staff up to the second.
const PUBLIC_MINUTES_MAX: i64 = 15;
const STAFF_MINUTES_MAX: i64 = 120;

/// The claims of a hold, by calendar, as they are published.
type HeldClaims = BTreeMap<CalendarId, Vec<Arc<Claim>>>;

/// Events tell it as text, the database keeps microseconds: whole milliseconds are the same in both.
fn milliseconds(at: DateTime<Utc>) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(at.timestamp_millis()).unwrap_or(at)
}

fn is_of(claim: &Claim, hold: HoldId) -> bool {
    matches!(&claim.kind, ClaimKind::Hold { hold: held } if held.id == hold)
}

fn ask(change: TxId) -> Ask {
    Ask {
        change,
        books: SmallVec::new(),
        states: SmallVec::new(),
        keeps: SmallVec::new(),
        frees: SmallVec::new(),
        caps: SmallVec::new(),
    }
}

impl Planner<'_> {
    pub(super) async fn hold(&self, wanted: &Hold) -> Result<Plan, Refusal> {
        let rules = self.rules().await?;
        let (provider, treatment) = placement::named(&rules, wanted.provider, wanted.treatment)?;
        let public = self.request.asker == Asker::Public;
        if public && !treatment.online_bookable {
            return Err(Rejection::NotOffered.into());
        }
        let duration = wanted.duration.unwrap_or(treatment.duration);
        let segments = placement::segments(treatment, duration)?;
        let span = Span::lasting(wanted.start, duration).ok_or(Rejection::BadDuration)?;
        let wish = Wish {
            provider,
            treatment,
            segments: &segments,
            span,
            operatory: wanted.operatory,
            preferred: None,
            asker: self.request.asker,
            overrides: &wanted.overrides,
            avoid: self.avoid,
        };
        let placed = self.place(&rules, &wish).await?;
        let mut taken = placed.pattern.clone();
        taken.extend(
            wanted
                .patient
                .map(|patient| pattern::patient(patient.calendar, duration)),
        );
        let now = self.parts.clock.now();
        let (lasts, longest) = match (&wanted.offer, public) {
            (Some(_), _) => (rules.policy.offer_min, rules.policy.offer_min),
            (None, true) => (rules.policy.hold_min, PUBLIC_MINUTES_MAX),
            (None, false) => (rules.policy.hold_min, STAFF_MINUTES_MAX),
        };
        let lasts = now + TimeDelta::minutes(lasts.clamp(1, 60 * 24 * 7));
        let hold = Row {
            id: wanted.id,
            tenant: self.request.tenant,
            token_hash: wanted.token_hash.clone(),
            span,
            provider: provider.id,
            operatory: placed.operatory,
            treatment: treatment.id,
            patient: wanted.patient.map(|patient| patient.id),
            pattern: taken,
            owner: wanted.owner.clone(),
            address: wanted.address.clone(),
            expires_at: milliseconds(lasts),
            renewable_until: milliseconds(lasts.max(now + TimeDelta::minutes(longest))),
        };
        let limits = self.limits(&rules, wanted, &hold)?;
        let offered = wanted.offer.as_ref().map(|offer| NewOffer {
            id: offer.id,
            entry: offer.entry,
            hold: hold.id,
            token_hash: offer.token_hash.clone(),
            expires_at: hold.expires_at,
            provider: hold.provider,
            operatory: hold.operatory,
            span,
        });

        let tx = TxId::new();
        let mut plan = self.holding(tx, "hold.placed", &hold, None)?;
        for (calendar, spans) in pattern::claims(&hold.pattern, span.start()) {
            let mut asked = ask(tx);
            let mut ops = Vec::with_capacity(spans.len());
            for span in spans {
                let claim = held(&hold, ClaimId::new(), span);
                asked.books.push(span);
                plan.change.claims_put.push((calendar, claim.clone()));
                ops.push(Op::Put(claim));
            }
            plan.asks.insert(calendar, asked);
            plan.change.ops.insert(calendar, ops);
        }
        if !placed.overridden.contains(&Override::DailyCap) {
            let cap = placement::daily_cap(&rules, provider, treatment, span.start());
            let asked = plan.asks.get_mut(&provider.calendar);
            if let Some((asked, cap)) = asked.zip(cap) {
                asked.caps.push(cap);
            }
        }
        plan.cells = self.cells(plan.asks.keys().copied()).await?;
        plan.chosen = placed.chosen;
        plan.patients = wanted
            .patient
            .iter()
            .map(|patient| patient.calendar)
            .collect();
        plan.change.overrides = placed
            .overridden
            .iter()
            .map(|rule: &Override| rule.code().to_owned())
            .collect();
        plan.change.rules = rules.seen.clone();
        plan.change.holds = HoldChanges {
            put: vec![hold],
            limits,
            offered: offered.into_iter().collect(),
            ..HoldChanges::default()
        };
        Ok(plan)
    }

    pub(super) async fn renew(&self, id: HoldId) -> Result<Plan, Refusal> {
        let hold = self.live(id).await?;
        let rules = self.rules().await?;
        let now = self.parts.clock.now();
        let longer = now + TimeDelta::minutes(rules.policy.hold_min.max(1));
        let until = milliseconds(longer.min(hold.renewable_until));
        if until <= now || until <= hold.expires_at {
            return Err(Rejection::HoldLimit.into());
        }
        self.expiring(hold, "hold.renewed", until).await
    }

    pub(super) async fn abandon(&self, wanted: &Abandon) -> Result<Plan, Refusal> {
        let hold = self.live(wanted.hold).await?;
        let until = self.parts.clock.now() + TimeDelta::milliseconds(wanted.grace_ms.max(0));
        let until = milliseconds(until);
        if hold.expires_at != wanted.seen || until >= hold.expires_at {
            return self.nothing(&hold, None);
        }
        self.expiring(hold, "hold.abandoned", until).await
    }

    /// The same hold with another end.
    async fn expiring(
        &self,
        hold: Row,
        action: &'static str,
        until: DateTime<Utc>,
    ) -> Result<Plan, Refusal> {
        let claims = self.claims_of(&hold).await?;
        let hold = Row {
            expires_at: until,
            ..hold
        };
        let tx = TxId::new();
        let mut plan = self.holding(tx, action, &hold, None)?;
        for (calendar, claims) in claims {
            let mut asked = ask(tx);
            let mut ops = Vec::with_capacity(claims.len());
            for claim in claims {
                // The time is theirs: it need not be free of anything else.
                asked.states.push(claim.span);
                asked.frees.push((claim.id, claim.span));
                ops.push(Op::Put(held(&hold, claim.id, claim.span)));
            }
            plan.asks.insert(calendar, asked);
            plan.change.ops.insert(calendar, ops);
        }
        plan.cells = self.cells(plan.asks.keys().copied()).await?;
        plan.change.holds.put.push(hold);
        Ok(plan)
    }

    pub(super) async fn release(&self, id: HoldId) -> Result<Plan, Refusal> {
        let stored = self.stored(id).await?;
        match stored.ended {
            None => {
                self.end(stored.hold, "hold.released", Ended::Released)
                    .await
            }
            Some(Ended::Released) => self.nothing(&stored.hold, stored.ended),
            Some(Ended::Confirmed | Ended::Expired) => Err(Rejection::HoldExpired.into()),
        }
    }

    pub(super) async fn expire(&self, id: HoldId) -> Result<Plan, Refusal> {
        let stored = self.stored(id).await?;
        if stored.ended.is_some() || !self.may_expire {
            return self.nothing(&stored.hold, stored.ended);
        }
        self.end(stored.hold, "hold.expired", Ended::Expired).await
    }

    async fn end(&self, hold: Row, action: &'static str, how: Ended) -> Result<Plan, Refusal> {
        let tx = TxId::new();
        let mut plan = self.holding(tx, action, &hold, Some(how))?;
        self.take_away(&mut plan, tx, &hold, how).await?;
        Ok(plan)
    }

    /// Adds a hold's end to a plan: its claims go before anything that the plan puts.
    async fn take_away(
        &self,
        plan: &mut Plan,
        tx: TxId,
        hold: &Row,
        how: Ended,
    ) -> Result<(), Refusal> {
        let claims = self.claims_of(hold).await?;
        for (calendar, claims) in &claims {
            let asked = plan.asks.entry(*calendar).or_insert_with(|| ask(tx));
            let ops = plan.change.ops.entry(*calendar).or_default();
            for claim in claims {
                asked.frees.push((claim.id, claim.span));
                plan.change.claims_del.push(claim.id);
                let gone = Op::Del {
                    id: claim.id,
                    span: claim.span,
                };
                ops.insert(0, gone);
            }
        }
        plan.cells.extend(self.cells(claims.into_keys()).await?);
        plan.change.holds.ended.push(EndedHold {
            tenant: hold.tenant,
            id: hold.id,
            how,
            expires_at: hold.expires_at,
        });
        let closed = hold.offer().map(|offer| (hold.tenant, offer, how));
        plan.change.holds.closed.extend(closed);
        Ok(())
    }

    pub(super) async fn confirm(&self, wanted: &Confirm) -> Result<Plan, Refusal> {
        let hold = self.live(wanted.hold).await?;
        let own = hold
            .pattern
            .iter()
            .find(|placed| placed.segment.role == Role::Patient)
            .map(|placed| placed.calendar_id);
        let (patient, calendar) = match (&wanted.patient, hold.patient, own) {
            (Some(patient), ..) => (patient.id, patient.calendar),
            (None, Some(id), Some(calendar)) => (id, calendar),
            (None, ..) => return Err(Rejection::NotFound(Missing::Patient).into()),
        };
        let mut taken = hold.pattern.clone();
        taken.retain(|placed| placed.segment.role != Role::Patient);
        taken.push(pattern::patient(calendar, hold.span.minutes()));
        let appointment = Appointment {
            id: wanted.appointment,
            tenant: hold.tenant,
            version: 1,
            status: Status::Scheduled,
            span: hold.span,
            patient,
            provider: hold.provider,
            operatory: hold.operatory,
            treatment: hold.treatment,
            pattern: taken,
            series: None,
            occurrence: None,
            detached: false,
            notes: wanted.notes.clone(),
            cancel_reason: None,
            cancel_code: None,
            confirmed_via: None,
            created_by: self.request.user,
        };
        let visit = visit_of(&appointment);
        let tx = TxId::new();
        let mut plan = self.holding(tx, "appointment.booked", &hold, Some(Ended::Confirmed))?;
        for (id, spans) in pattern::claims(&appointment.pattern, appointment.span.start()) {
            let mut asked = ask(tx);
            let mut ops = Vec::with_capacity(2 * spans.len());
            for span in spans {
                let claim = Claim {
                    id: ClaimId::new(),
                    tenant: hold.tenant,
                    span,
                    kind: ClaimKind::Appointment {
                        visit: visit.clone(),
                    },
                };
                // What the hold has is theirs, whatever else has been stated there since.
                if id == calendar && own != Some(calendar) {
                    asked.books.push(span);
                } else {
                    asked.states.push(span);
                }
                plan.change.claims_put.push((id, claim.clone()));
                ops.push(Op::Put(claim));
            }
            plan.asks.insert(id, asked);
            plan.change.ops.insert(id, ops);
        }
        self.take_away(&mut plan, tx, &hold, Ended::Confirmed)
            .await?;
        plan.cells
            .extend(self.cells(plan.asks.keys().copied()).await?);
        plan.patients = BTreeSet::from([calendar]);
        let done = Done::Appointment(Box::new(appointment.clone()));
        plan.change.result = self.change(&done)?.result;
        plan.change.subject = appointment.id.0;
        plan.change.appointments.push(appointment);
        plan.done = done;
        Ok(plan)
    }

    /// Lets every hold whose time is over, and that is in the way of what the plan books, go in the
    /// same commit.
    pub(super) async fn make_room(&self, plan: &mut Plan) -> Result<(), Refusal> {
        if !self.may_expire {
            return Ok(());
        }
        let now = self.parts.clock.now();
        let mut over: BTreeSet<(TenantId, HoldId)> = BTreeSet::new();
        for (id, asked) in &plan.asks {
            let Some(cell) = plan.cells.get(id) else {
                continue;
            };
            let timeline = cell.timeline();
            for claim in asked
                .books
                .iter()
                .flat_map(|span| timeline.overlapping(*span))
            {
                if let ClaimKind::Hold { hold } = &claim.kind
                    && hold.expires_at <= now
                    && !asked.frees.iter().any(|(id, _)| *id == claim.id)
                {
                    over.insert((claim.tenant, hold.id));
                }
            }
        }
        for (tenant, id) in over {
            let found = self.parts.store.hold(tenant, id).await?;
            let live = found.filter(|stored| stored.ended.is_none());
            if let Some(stored) = live {
                let tx = plan.change.tx;
                match self.take_away(plan, tx, &stored.hold, Ended::Expired).await {
                    // It has ended meanwhile, and is not in the way any more.
                    Ok(()) | Err(Refusal::Rejected(Rejection::HoldExpired)) => {}
                    Err(refusal) => return Err(refusal),
                }
            }
        }
        Ok(())
    }

    async fn stored(&self, id: HoldId) -> Result<Stored, Refusal> {
        let found = self.parts.store.hold(self.request.tenant, id).await?;
        Ok(found.ok_or(Rejection::NotFound(Missing::Hold))?)
    }

    async fn live(&self, id: HoldId) -> Result<Row, Refusal> {
        let stored = self.stored(id).await?;
        match stored.ended {
            None => Ok(stored.hold),
            Some(_) => Err(Rejection::HoldExpired.into()),
        }
    }

    /// The claims that a hold has; where one is not published yet, its calendars catch up first.
    async fn claims_of(&self, hold: &Row) -> Result<HeldClaims, Refusal> {
        let wanted = pattern::claims(&hold.pattern, hold.span.start());
        let cells = self.cells(wanted.keys().copied()).await?;
        let mut found = HeldClaims::new();
        for (id, spans) in wanted {
            let Some(cell) = cells.get(&id) else { continue };
            let look = || -> Vec<Arc<Claim>> {
                let timeline = cell.timeline();
                let held = spans.iter().flat_map(|span| timeline.overlapping(*span));
                held.filter(|claim| is_of(claim, hold.id))
                    .cloned()
                    .collect()
            };
            let mut claims = look();
            if claims.len() != spans.len() {
                self.directory().catch_up(id).await?;
                claims = look();
            }
            if claims.len() != spans.len() {
                // It ended between the row's reading and now.
                return Err(Rejection::HoldExpired.into());
            }
            found.insert(id, claims);
        }
        Ok(found)
    }

    /// A plan about a hold that does nothing yet.
    fn holding(
        &self,
        tx: TxId,
        action: &'static str,
        hold: &Row,
        ended: Option<Ended>,
    ) -> Result<Plan, Refusal> {
        let done = Done::Hold(Box::new(HoldState::of(hold, ended)));
        let mut change = self.change(&done)?;
        change.tx = tx;
        change.action = action;
        change.subject = hold.id.0;
        Ok(Plan::new(change, BTreeMap::new(), BTreeMap::new(), done))
    }

    fn nothing(&self, hold: &Row, ended: Option<Ended>) -> Result<Plan, Refusal> {
        self.holding(TxId::new(), "hold.kept", hold, ended)
    }
}

fn held(hold: &Row, id: ClaimId, span: Span) -> Claim {
    Claim {
        id,
        tenant: hold.tenant,
        span,
        kind: ClaimKind::Hold {
            hold: hold.reference(),
        },
    }
}

//! Offers time that came free to those who wait. The commit that frees time leaves a row; whichever
//! process takes it looks for candidates and offers them the time, one after the other. The row is
//! locked meanwhile and goes with the transaction, so a process that dies leaves it to the others;
//! the offer itself is one commit with its hold, which only one of two that race can make.

use std::time::Duration;

use diesel_async::AsyncPgConnection;
use schema::audit_log::Origin;
use schema::connection::ConnectionPool;
use schema::ids::{EntryId, HoldId, OfferId, ProviderId, TenantId};
use schema::models::waitlist::{Entry, Freed};
use schema::span::Span;
use schema::tenancy::unavailable;
use schema::waitlist;
use tokio::sync::watch;

use crate::command::hold::{Hold, HoldLimits, HoldState, Offer};
use crate::command::{Command, Done, PatientRef, Request};
use crate::engine::Engine;
use crate::failure::{Failure, Refusal};
use crate::scheduling::availability::{Search, Slot};
use crate::scheduling::placement::{self, Asker};
use crate::scheduling::rejection::{Missing, Rejection};
use crate::scheduling::rulebook::RuleBook;
use crate::scheduling::waitlist::{Candidate, concerned, ranked};
use crate::tokens;

/// Offers that one freed time leads to at most: it may be long enough for several visits.
const OFFERS_MAX: usize = 20;
/// Starts that are looked at for each who waits.
const STARTS_MAX: usize = 200;

/// An offer that has been made.
#[derive(Clone, Debug)]
pub struct Made {
    pub id: OfferId,
    pub hold: HoldState,
}

/// Looks every `every` for time that came free.
pub(crate) async fn run(
    engine: Engine,
    pool: ConnectionPool,
    every: Duration,
    mut stopping: watch::Receiver<bool>,
) {
    loop {
        match work(&engine, &pool).await {
            Ok(true) if !*stopping.borrow() => continue,
            Ok(_) => {}
            Err(error) => tracing::warn!(%error, "cannot look after the waitlist"),
        }
        tokio::select! {
            () = tokio::time::sleep(every) => {}
            changed = stopping.changed() => {
                if changed.is_err() || *stopping.borrow() {
                    return;
                }
            }
        }
    }
}

/// Looks after one freed time; answers whether there was one.
async fn work(engine: &Engine, pool: &ConnectionPool) -> Result<bool, Failure> {
    let connection = pool.get().await;
    let mut connection = connection.map_err(|error| unavailable(error.to_string()))?;
    let connection: &mut AsyncPgConnection = &mut connection;
    connection
        .build_transaction()
        .run(async |connection| {
            let Some(freed) = waitlist::next_freed(connection).await? else {
                return Ok(false);
            };
            match engine.offer_freed(&freed).await {
                Ok(()) | Err(Refusal::Rejected(_)) => {}
                // Later again: the row stays.
                Err(Refusal::Failed(failure)) => return Err(failure),
            }
            waitlist::done_with(connection, freed.id).await?;
            Ok::<_, Failure>(true)
        })
        .await
}

impl Engine {
    async fn offer_freed(&self, freed: &Freed) -> Result<(), Refusal> {
        let rules = self.rules(freed.tenant).await?;
        if !rules.policy.offers_freed_time {
            return Ok(());
        }
        // Another node may have freed it, and this one not have heard of that yet: nothing would be
        // found, and nobody asks again.
        let calendars = rules.numbered_calendars();
        self.parts().directory.refresh(calendars).await?;
        let providers = concerned(&rules, &freed.calendars);
        let mut refused: Vec<EntryId> = Vec::new();
        for _ in 0..OFFERS_MAX {
            let found = self.candidates(&rules, freed.span, &providers).await?;
            let next = found
                .into_iter()
                .find(|candidate| !refused.contains(&candidate.entry));
            let Some(candidate) = next else {
                return Ok(());
            };
            match self
                .offer(
                    freed.tenant,
                    candidate.entry,
                    &candidate.slot,
                    "waitlist",
                    Origin::default(),
                )
                .await
            {
                Ok(_) => {}
                // Taken meanwhile, or they have another visit then: somebody else may have it.
                Err(Refusal::Rejected(_)) => refused.push(candidate.entry),
                Err(failed) => return Err(failed),
            }
        }
        Ok(())
    }

    async fn candidates(
        &self,
        rules: &RuleBook,
        span: Span,
        providers: &[ProviderId],
    ) -> Result<Vec<Candidate>, Refusal> {
        let store = &self.parts().store;
        let entries = store.waiting(rules.tenant).await?;
        let offered = store.offered(rules.tenant, span).await?;
        let mut slots: Vec<(EntryId, Vec<Slot>)> = Vec::with_capacity(entries.len());
        for entry in &entries {
            slots.push((
                entry.id,
                self.slots_for(rules, entry, span, providers).await?,
            ));
        }
        let free = |entry: &Entry| {
            let found = slots.iter().find(|(id, _)| *id == entry.id);
            found.map(|(_, slots)| slots.clone()).unwrap_or_default()
        };
        Ok(ranked(rules.zone, span, entries, &offered, free))
    }

    /// Free slots for somebody who waits around a span.
    async fn slots_for(
        &self,
        rules: &RuleBook,
        entry: &Entry,
        span: Span,
        providers: &[ProviderId],
    ) -> Result<Vec<Slot>, Refusal> {
        let treatment = rules.treatments.get(&entry.treatment);
        let Some(treatment) = treatment.filter(|treatment| treatment.active) else {
            return Ok(Vec::new());
        };
        // A visit that begins before the freed time may reach into it.
        let reaching = span.start().plus(1 - treatment.duration);
        // With the notice that people outside need.
        let now = self.clock().minute();
        let earliest = now.plus(placement::notice_min(rules, treatment));
        let Some(range) = Span::new(reaching.max(earliest), span.end()) else {
            return Ok(Vec::new());
        };
        let wanted = |id: &ProviderId| entry.providers.is_empty() || entry.providers.contains(id);
        let search = Search {
            limit: STARTS_MAX,
            ..Search::of(
                treatment,
                (providers.iter().filter(|id| wanted(id)))
                    .filter_map(|id| rules.providers.get(id))
                    .collect(),
                range,
                Asker::Staff,
            )
        };
        self.availability(rules, &search).await
    }

    /// Who would be offered a time of these providers, best first; nobody is.
    ///
    /// # Errors
    /// `not_found` for an unknown tenant; when the database is away.
    pub async fn waitlist_candidates(
        &self,
        tenant: TenantId,
        span: Span,
        providers: &[ProviderId],
    ) -> Result<Vec<Candidate>, Refusal> {
        let rules = self.rules(tenant).await?;
        self.candidates(&rules, span, providers).await
    }

    /// Who waits in a practice and has no open offer.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn waiting(&self, tenant: TenantId) -> Result<Vec<Entry>, Failure> {
        Ok(self.parts().store.waiting(tenant).await?)
    }

    /// The newest offer to somebody who waits.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn latest_offer(
        &self,
        tenant: TenantId,
        entry: EntryId,
    ) -> Result<Option<waitlist::OpenOffer>, Failure> {
        Ok(self.parts().store.latest_offer(tenant, entry).await?)
    }

    /// Offers a slot to somebody who waits: a hold that is theirs until it is answered or over.
    /// `origin`: from where somebody does so, for the audit log.
    ///
    /// # Errors
    /// What refuses a hold; `not_found` for somebody who does not wait, or is no patient any more.
    pub async fn offer(
        &self,
        tenant: TenantId,
        entry: EntryId,
        slot: &Slot,
        principal: &str,
        origin: Origin,
    ) -> Result<Made, Refusal> {
        let store = &self.parts().store;
        let waiting = store.waiting(tenant).await?;
        let entry = waiting.into_iter().find(|waiting| waiting.id == entry);
        let entry = entry.ok_or(Rejection::NotFound(Missing::Entry))?;
        let calendar = store.patient_calendar(tenant, entry.patient).await?;
        let calendar = calendar.ok_or(Rejection::NotYourPatient)?;
        let (hold, offer) = (HoldId::new(), OfferId::new());
        let holder = self.parts().settings.tokens.clone();
        let command = Command::Hold(Hold {
            id: hold,
            token_hash: tokens::hash(&holder.hold(hold)),
            provider: slot.provider,
            treatment: entry.treatment,
            start: slot.span.start(),
            operatory: Some(slot.operatory),
            duration: None,
            patient: Some(PatientRef {
                id: entry.patient,
                calendar,
            }),
            overrides: Default::default(),
            owner: schema::models::hold::Hold::owned_by_offer(offer),
            address: None,
            limits: HoldLimits::default(),
            offer: Some(Offer {
                id: offer,
                entry: entry.id,
                token_hash: tokens::hash(&holder.offer(offer)),
            }),
        });
        let reply = self
            .execute(Request {
                tenant,
                asker: Asker::Staff,
                principal: principal.to_owned(),
                user: None,
                origin,
                key: None,
                command,
            })
            .await?;
        match reply.done {
            Done::Hold(hold) => Ok(Made {
                id: offer,
                hold: *hold,
            }),
            _ => Err(Failure::Internal.into()),
        }
    }
}

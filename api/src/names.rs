//! Looking up the names that entries show. Read under row-level security as the practice that owns
//! the claims, remembered for a moment: a feed shows the same patients again and again.

use std::sync::Arc;
use std::time::{Duration, Instant};

use dashmap::DashMap;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use schema::connection::ConnectionPool;
use schema::ids::{BlockId, CalendarId, ClaimId, PatientId, TenantId};
use schema::models::claim::{Claim, ClaimKind};
use schema::patients as people;
use schema::schema::{blocks, claims};
use schema::tenancy::{self, Access};

use crate::app::App;
use crate::problem::Problem;
use crate::wire::entry::Names;

/// Beyond this many remembered patients the old ones are forgotten.
const REMEMBERED_MAX: usize = 100_000;
/// A changed name shows after this long in every process; at once in the one that changed it.
const KEEP: Duration = Duration::from_secs(10);

/// What a practice's calendar says of a patient.
#[derive(Clone, Debug)]
pub struct Card {
    pub name: Arc<str>,
    pub calendar: CalendarId,
    /// Whether the practice treats them now: neither have they left, nor are they archived.
    bookable: bool,
}

/// Patients as read a moment ago, by practice.
#[derive(Debug, Default)]
pub struct PatientCards(DashMap<(TenantId, PatientId), (Instant, Card)>);

impl PatientCards {
    /// To be called after a change of the patient's record or relation.
    pub fn forget(&self, tenant: TenantId, patient: PatientId) {
        self.0.remove(&(tenant, patient));
    }

    fn get(&self, tenant: TenantId, patient: PatientId) -> Option<Card> {
        let known = self.0.get(&(tenant, patient))?;
        (known.0.elapsed() < KEEP).then(|| known.1.clone())
    }

    fn put(&self, read: Instant, tenant: TenantId, patient: PatientId, card: Card) {
        if self.0.len() > REMEMBERED_MAX {
            self.0.retain(|_, (read, _)| read.elapsed() < KEEP);
        }
        self.0.insert((tenant, patient), (read, card));
    }

    /// The card of a patient of `tenant` for whom something can be booked; `None` for everybody
    /// else's, and for those who have left or are archived.
    ///
    /// # Errors
    /// 503 without a database.
    pub async fn find(
        &self,
        pool: &ConnectionPool,
        tenant: TenantId,
        patient: PatientId,
    ) -> Result<Option<Card>, Problem> {
        if self.get(tenant, patient).is_none() {
            self.load(pool, tenant, vec![patient]).await?;
        }
        Ok(self.get(tenant, patient).filter(|card| card.bookable))
    }

    async fn load(
        &self,
        pool: &ConnectionPool,
        tenant: TenantId,
        wanted: Vec<PatientId>,
    ) -> Result<(), Problem> {
        let read = Instant::now();
        let access = Access {
            tenants: vec![tenant],
            ..Access::default()
        };
        let rows = tenancy::transaction(pool, &access, async |connection| {
            let cards = people::cards(connection, tenant, &wanted).await;
            cards.map_err(Problem::from)
        })
        .await?;
        for row in rows {
            let name = format!("{} {}", row.first_name, row.last_name);
            let card = Card {
                name: name.trim().into(),
                calendar: row.calendar_id,
                bookable: row.active && !row.archived,
            };
            self.put(read, tenant, row.patient_id, card);
        }
        Ok(())
    }
}

/// A claim's title, and of a block which it is and of what kind.
type Label = (ClaimId, Option<String>, Option<BlockId>, Option<String>);

/// The names that the claims of `tenant` among `shown` need.
///
/// # Errors
/// 503 without a database.
pub async fn of<'a>(
    app: &App,
    tenant: TenantId,
    with_patients: bool,
    shown: impl Iterator<Item = &'a Claim>,
) -> Result<Names, Problem> {
    let mut wanted: Vec<PatientId> = Vec::new();
    let mut titled: Vec<ClaimId> = Vec::new();
    for claim in shown.filter(|claim| claim.tenant == tenant) {
        match &claim.kind {
            ClaimKind::Appointment { visit } => wanted.push(visit.patient),
            ClaimKind::Block | ClaimKind::External => titled.push(claim.id),
            ClaimKind::Hold { .. } => {}
        }
    }
    let mut names = Names::default();
    let rules = app.engine.rules(tenant).await?;
    names.add_treatments(&rules);
    if with_patients {
        wanted.sort();
        wanted.dedup();
        let cards = &app.patients;
        let unknown: Vec<PatientId> = wanted
            .iter()
            .filter(|id| cards.get(tenant, **id).is_none())
            .copied()
            .collect();
        if !unknown.is_empty() {
            cards.load(&app.app_pool, tenant, unknown).await?;
        }
        let known = wanted
            .into_iter()
            .filter_map(|id| Some((id, cards.get(tenant, id)?)));
        names.patients = known
            .map(|(id, card)| (id, card.name.to_string()))
            .collect();
    }
    if !titled.is_empty() {
        let access = Access {
            tenants: vec![tenant],
            ..Access::default()
        };
        let rows: Vec<Label> = tenancy::transaction(&app.app_pool, &access, async |connection| {
            claims::table
                .left_join(blocks::table.on(claims::block_id.eq(blocks::id.nullable())))
                .filter(claims::id.eq_any(titled))
                .select((
                    claims::id,
                    claims::title,
                    claims::block_id,
                    blocks::kind.nullable(),
                ))
                .load(connection)
                .await
                .map_err(Problem::from)
        })
        .await?;
        for (id, title, block, kind) in rows {
            names.titles.extend(title.map(|title| (id, title)));
            names
                .blocks
                .extend(block.zip(kind).map(|block| (id, block)));
        }
    }
    Ok(names)
}

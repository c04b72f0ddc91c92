//! Looking up the names that entries show. Read under row-level security as the practice that owns
//! the claims, and remembered until a change is heard of: a feed shows the same patients again and
//! again.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use engine::together::Together;
use futures_util::FutureExt;
use schema::connection::ConnectionPool;
use schema::ids::{BlockId, CalendarId, ClaimId, PatientId, TenantId};
use schema::models::claim::{Claim, ClaimKind};
use schema::patients as people;
use schema::schema::{blocks, claims};
use schema::tenancy::{self, Access, unavailable};

use crate::app::App;
use crate::auth::remembered::Remembered;
use crate::problem::Problem;
use crate::wire::entry::Names;

/// Beyond this many remembered patients the old ones are forgotten.
const REMEMBERED_MAX: usize = 200_000;
/// Changes are heard of; this is for what is not.
const KEEP: Duration = Duration::from_mins(10);
/// Cards read with one question.
const READ_MAX: usize = 200;

/// What a practice's calendar says of a patient.
#[derive(Clone, Debug)]
pub struct Card {
    pub name: Arc<str>,
    pub calendar: CalendarId,
    /// Whether the practice treats them now: neither have they left, nor are they archived.
    bookable: bool,
}

type Key = (TenantId, PatientId);

/// Patients as read a while ago, by practice.
#[derive(Debug)]
pub struct PatientCards {
    known: Remembered<Key, Card>,
    together: Together<Key>,
}

impl Default for PatientCards {
    fn default() -> Self {
        Self {
            known: Remembered::new(KEEP, REMEMBERED_MAX),
            together: Together::default(),
        }
    }
}

impl PatientCards {
    /// To be called after a change of the patient's record or relation.
    pub fn forget(&self, tenant: TenantId, patient: PatientId) {
        self.known.forget((tenant, patient));
    }

    /// Nobody knows whose records have changed.
    pub fn forget_all(&self) {
        self.known.forget_all();
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
    ) -> Result<Option<Arc<Card>>, Problem> {
        let mut found = self.of(pool, tenant, [patient]).await?;
        Ok(found.remove(&patient).filter(|card| card.bookable))
    }

    /// The cards of those who are or were patients of `tenant`.
    async fn of(
        &self,
        pool: &ConnectionPool,
        tenant: TenantId,
        wanted: impl IntoIterator<Item = PatientId>,
    ) -> Result<HashMap<PatientId, Arc<Card>>, Problem> {
        let mut found = HashMap::new();
        let mut missing: Vec<Key> = Vec::new();
        let mut look = |id: PatientId| {
            let known = self.known.get((tenant, id));
            known.is_some_and(|card| found.insert(id, card).is_none())
        };
        missing.extend(
            wanted
                .into_iter()
                .filter(|id| !look(*id))
                .map(|id| (tenant, id)),
        );
        while !missing.is_empty() {
            let answers: Mutex<HashMap<Key, Option<Arc<Card>>>> = Mutex::default();
            let read = |keys: Vec<Key>| {
                async {
                    let cards = self.read(pool, &keys).await?;
                    let mut answers = answers.lock().unwrap_or_else(PoisonError::into_inner);
                    answers.extend(keys.into_iter().map(|key| (key, cards.get(&key).cloned())));
                    Ok::<_, Problem>(())
                }
                .boxed()
            };
            let is_known = |key| self.known.get(key).is_some();
            self.together
                .read(&missing, READ_MAX, is_known, read)
                .await?;
            let mut answers = answers.into_inner().unwrap_or_else(PoisonError::into_inner);
            // Read by us, or by somebody else; and again if that was forgotten since.
            missing.retain(|key| {
                let answer = answers.remove(key);
                match answer.or_else(|| self.known.get(*key).map(Some)) {
                    Some(card) => {
                        found.extend(card.map(|card| (key.1, card)));
                        false
                    }
                    None => true,
                }
            });
        }
        Ok(found)
    }

    async fn read(
        &self,
        pool: &ConnectionPool,
        keys: &[Key],
    ) -> Result<HashMap<Key, Arc<Card>>, Problem> {
        let reading = self.known.reading();
        let (tenants, patients): (Vec<TenantId>, Vec<PatientId>) = keys.iter().copied().unzip();
        let mut connection = pool
            .get()
            .await
            .map_err(|error| unavailable(error.to_string()))?;
        let rows = people::cards_alone(&mut connection, &tenants, &patients).await?;
        drop(connection);
        let mut cards = HashMap::new();
        for row in rows {
            let name = format!("{} {}", row.first_name, row.last_name);
            let card = Arc::new(Card {
                name: name.trim().into(),
                calendar: row.calendar_id,
                bookable: row.active && row.archived_at.is_none(),
            });
            let key = (row.tenant_id, row.patient_id);
            self.known.put(reading, key, &card);
            cards.insert(key, card);
        }
        Ok(cards)
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
        let cards = app.patients.of(&app.app_pool, tenant, wanted).await?;
        names.patients = cards
            .into_iter()
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

//! What a change does to holds and to the waitlist's offers, and the limits on how many holds one
//! asker may have: counted under locks in the same transaction, so that they hold for any number of
//! processes.

use std::collections::{BTreeSet, HashMap};

use chrono::{DateTime, Utc};
use diesel::QueryResult;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Nullable, Text, Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use super::{Change, Verdict};
use crate::ids::{EntryId, HoldId, OfferId, OperatoryId, ProviderId, TenantId};
use crate::models::hold::{Ended, Hold};
use crate::span::Span;

type SqlUuid = diesel::sql_types::Uuid;

/// A change's part that is about holds.
#[derive(Clone, Debug, Default)]
pub struct HoldChanges {
    /// New ones, and those that now last longer or shorter.
    pub put: Vec<Hold>,
    pub ended: Vec<EndedHold>,
    /// What must not be exceeded by the new ones.
    pub limits: Vec<Limit>,
    /// Offers that are made with the new holds.
    pub offered: Vec<NewOffer>,
    /// Offers that end with the ended holds.
    pub closed: Vec<(TenantId, OfferId, Ended)>,
}

/// A hold that is no more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndedHold {
    /// Whose it is: what books may be another practice's.
    pub tenant: TenantId,
    pub id: HoldId,
    pub how: Ended,
    /// As the decision has seen it: an expiry is refused before this time by the database's clock.
    pub expires_at: DateTime<Utc>,
}

/// An offer to somebody on the waitlist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewOffer {
    pub id: OfferId,
    pub entry: EntryId,
    pub hold: HoldId,
    /// SHA-256 of the token that accepts or declines it.
    pub token_hash: Vec<u8>,
    pub expires_at: DateTime<Utc>,
    pub provider: ProviderId,
    pub operatory: OperatoryId,
    pub span: Span,
}

/// At most `max` live holds of a practice that are counted together.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Limit {
    pub counted: Counted,
    pub max: i64,
}

/// Which holds are counted together.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Counted {
    Owner(String),
    Address(String),
    /// The public's holds of a provider that start within a span. The provider's calendar is
    /// locked by the change itself.
    PublicOf(ProviderId, Span),
}

/// How many live holds there are, by practice.
pub type Counts = HashMap<(TenantId, Counted), i64>;

/// What others must not count at the same time.
fn lock_names(changes: &[Change]) -> Vec<String> {
    let names: BTreeSet<String> = changes
        .iter()
        .flat_map(|change| {
            let tenant = change.tenant;
            change
                .holds
                .limits
                .iter()
                .filter_map(move |limit| match &limit.counted {
                    Counted::Owner(owner) => Some(format!("{tenant} owner {owner}")),
                    Counted::Address(address) => Some(format!("{tenant} address {address}")),
                    Counted::PublicOf(..) => None,
                })
        })
        .collect();
    names.into_iter().collect()
}

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    place: i64,
    #[diesel(sql_type = BigInt)]
    live: i64,
}

/// Takes the locks, in one order for everybody and behind those of the calendars, and counts.
pub(super) async fn count(
    connection: &AsyncPgConnection,
    changes: &[Change],
) -> QueryResult<Counts> {
    let mut asked: Vec<(TenantId, Counted)> = Vec::new();
    for change in changes {
        for limit in &change.holds.limits {
            let one = (change.tenant, limit.counted.clone());
            if !asked.contains(&one) {
                asked.push(one);
            }
        }
    }
    if asked.is_empty() {
        return Ok(Counts::new());
    }
    let names = lock_names(changes);
    let (mut tenants, mut owners, mut addresses) = (Vec::new(), Vec::new(), Vec::new());
    let (mut providers, mut from, mut to) = (Vec::new(), Vec::new(), Vec::new());
    for (tenant, counted) in &asked {
        tenants.push(*tenant);
        let (owner, address, provider) = match counted {
            Counted::Owner(owner) => (Some(owner.as_str()), None, None),
            Counted::Address(address) => (None, Some(address.as_str()), None),
            Counted::PublicOf(provider, span) => (None, None, Some((*provider, *span))),
        };
        owners.push(owner);
        addresses.push(address);
        providers.push(provider.map(|(provider, _)| provider));
        from.push(provider.map(|(_, span)| span.start().to_utc()));
        to.push(provider.map(|(_, span)| span.end().to_utc()));
    }
    diesel::sql_query(
        "SELECT pg_advisory_xact_lock(k) FROM (SELECT DISTINCT hashtextextended(name, 0) AS k \
         FROM unnest($1) AS name ORDER BY 1 OFFSET 0) AS names",
    )
    .bind::<Array<Text>, _>(names)
    .execute(&mut &*connection)
    .await?;
    let counts: Vec<Count> = diesel::sql_query(
        "SELECT w.place, count(h.id) AS live \
         FROM unnest($1, $2, $3, $4, $5, $6) WITH ORDINALITY \
             AS w(tenant_id, owner, address, provider_id, from_at, to_at, place) \
         LEFT JOIN holds h ON h.tenant_id = w.tenant_id AND h.ended IS NULL AND h.expires_at > now() \
             AND (w.owner IS NULL OR h.owner = w.owner) \
             AND (w.address IS NULL OR h.address = w.address) \
             AND (w.provider_id IS NULL OR (h.provider_id = w.provider_id AND h.address IS NOT NULL \
                 AND h.start_at >= w.from_at AND h.start_at < w.to_at)) \
         GROUP BY w.place",
    )
    .bind::<Array<SqlUuid>, _>(tenants)
    .bind::<Array<Nullable<Text>>, _>(owners)
    .bind::<Array<Nullable<Text>>, _>(addresses)
    .bind::<Array<Nullable<SqlUuid>>, _>(providers)
    .bind::<Array<Nullable<Timestamptz>>, _>(from)
    .bind::<Array<Nullable<Timestamptz>>, _>(to)
    .load(&mut &*connection)
    .await?;
    Ok(counts
        .into_iter()
        .filter_map(|count| {
            let place = usize::try_from(count.place - 1).ok()?;
            Some((asked.get(place)?.clone(), count.live))
        })
        .collect())
}

/// Whether a change may do what it does to holds, by the database's clock and what it has counted;
/// counts the change's own.
pub(super) fn judge(change: &Change, now: DateTime<Utc>, counts: &mut Counts) -> Option<Verdict> {
    let early = |end: &EndedHold| end.how == Ended::Expired && now < end.expires_at;
    if change.holds.ended.iter().any(early) {
        return Some(Verdict::NotExpired);
    }
    let count = |counted: &Counted| (change.tenant, counted.clone());
    let over =
        |limit: &Limit| counts.get(&count(&limit.counted)).copied().unwrap_or(0) >= limit.max;
    if change.holds.limits.iter().any(over) {
        return Some(Verdict::OverLimit);
    }
    for limit in &change.holds.limits {
        *counts.entry(count(&limit.counted)).or_default() += 1;
    }
    None
}

/// Makes offers; somebody who does not wait any more makes the change impossible.
pub(super) async fn offer(
    mut connection: &AsyncPgConnection,
    offered: &[(TenantId, &NewOffer)],
) -> QueryResult<bool> {
    for (tenant, offer) in offered {
        let waiting = diesel::sql_query(
            "UPDATE waitlist_entries SET status = 'offered' \
             WHERE tenant_id = $1 AND id = $2 AND status = 'waiting'",
        )
        .bind::<SqlUuid, _>(*tenant)
        .bind::<SqlUuid, _>(offer.entry)
        .execute(&mut connection)
        .await?;
        if waiting != 1 {
            return Ok(false);
        }
        diesel::sql_query(
            "INSERT INTO waitlist_offers (id, tenant_id, entry_id, hold_id, token_hash, expires_at, \
             provider_id, operatory_id, start_at, end_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        )
        .bind::<SqlUuid, _>(offer.id)
        .bind::<SqlUuid, _>(*tenant)
        .bind::<SqlUuid, _>(offer.entry)
        .bind::<SqlUuid, _>(offer.hold)
        .bind::<diesel::sql_types::Bytea, _>(&offer.token_hash)
        .bind::<Timestamptz, _>(offer.expires_at)
        .bind::<SqlUuid, _>(offer.provider)
        .bind::<SqlUuid, _>(offer.operatory)
        .bind::<Timestamptz, _>(offer.span.start().to_utc())
        .bind::<Timestamptz, _>(offer.span.end().to_utc())
        .execute(&mut connection)
        .await?;
    }
    Ok(true)
}

/// Closes offers with their holds: accepted ones leave the waitlist, the others wait on.
pub(super) async fn close(
    mut connection: &AsyncPgConnection,
    closed: &[(TenantId, OfferId, Ended)],
) -> QueryResult<bool> {
    for (tenant, offer, how) in closed {
        let (status, entry) = match how {
            Ended::Confirmed => ("accepted", "booked"),
            Ended::Released => ("declined", "waiting"),
            Ended::Expired => ("expired", "waiting"),
        };
        let touched = diesel::sql_query(
            "WITH closed AS (UPDATE waitlist_offers SET status = $3, closed_at = now() \
                 WHERE tenant_id = $1 AND id = $2 AND status = 'open' RETURNING entry_id), \
             left_over AS (UPDATE waitlist_entries e SET status = $4 FROM closed \
                 WHERE e.tenant_id = $1 AND e.id = closed.entry_id AND e.status = 'offered') \
             SELECT entry_id FROM closed",
        )
        .bind::<SqlUuid, _>(*tenant)
        .bind::<SqlUuid, _>(*offer)
        .bind::<Text, _>(status)
        .bind::<Text, _>(entry)
        .execute(&mut connection)
        .await?;
        if touched != 1 {
            return Ok(false);
        }
    }
    Ok(true)
}

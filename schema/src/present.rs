//! What is so at this moment, of many things at once: what a decision is held against before it is
//! told as a refusal.

use std::collections::HashMap;

use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::{Array, Bytea, Jsonb, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde_json::Value;

use crate::commit::{Answer, Key, RulesSeen};
use crate::ids::{CalendarId, ClinicId, TenantId};
use crate::schema::{calendars, clinics, tenants};

type SqlUuid = diesel::sql_types::Uuid;

/// What is asked about.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    pub calendars: Vec<CalendarId>,
    pub tenants: Vec<TenantId>,
    pub clinics: Vec<ClinicId>,
    pub keys: Vec<Key>,
}

/// The present state of what was asked about. What is unknown is absent.
#[derive(Clone, Debug, Default)]
pub struct Present {
    pub versions: HashMap<CalendarId, i64>,
    pub rules: RulesSeen,
    /// First answers of the keys that have been used, each with its command's fingerprint.
    answers: HashMap<(TenantId, String, String), (Answer, Vec<u8>)>,
}

impl Present {
    /// Puts a first answer in.
    pub fn answered(&mut self, key: &Key, answer: Answer, fingerprint: Vec<u8>) {
        let name = (key.tenant, key.principal.clone(), key.key.clone());
        self.answers.insert(name, (answer, fingerprint));
    }

    /// The first answer of a key, with the fingerprint of its command.
    #[must_use]
    pub fn answer(&self, key: &Key) -> Option<&(Answer, Vec<u8>)> {
        let name = (key.tenant, key.principal.clone(), key.key.clone());
        self.answers.get(&name)
    }
}

/// Reads all of it, sent together. The keys come last: whatever moves a version and is not seen
/// here has not used a key either.
///
/// # Errors
/// When the database cannot be read.
pub async fn read(connection: &mut AsyncPgConnection, asked: &Asked) -> QueryResult<Present> {
    // Sent together, run one after the other: see `AsyncPgConnection` on pipelining.
    let connection = &*connection;
    let (versions, tenant_rules, clinic_rules, keys) = futures_util::try_join!(
        async {
            calendars::table
                .filter(calendars::id.eq_any(&asked.calendars))
                .select((calendars::id, calendars::version))
                .load::<(CalendarId, i64)>(&mut &*connection)
                .await
        },
        async {
            tenants::table
                .filter(tenants::id.eq_any(&asked.tenants))
                .select((tenants::id, tenants::rules_version))
                .load::<(TenantId, i64)>(&mut &*connection)
                .await
        },
        async {
            clinics::table
                .filter(clinics::id.eq_any(&asked.clinics))
                .select((clinics::id, clinics::rules_version))
                .load::<(ClinicId, i64)>(&mut &*connection)
                .await
        },
        async {
            if asked.keys.is_empty() {
                return Ok(Vec::new());
            }
            UsedKeys::of(&asked.keys)
                .load::<(TenantId, String, String, Vec<u8>, Value)>(&mut &*connection)
                .await
        },
    )?;
    let answers = keys
        .into_iter()
        .map(|(tenant, principal, key, fingerprint, result)| {
            let answer: Answer = serde_json::from_value(result)
                .map_err(|error| diesel::result::Error::DeserializationError(Box::new(error)))?;
            Ok(((tenant, principal, key), (answer, fingerprint)))
        })
        .collect::<QueryResult<_>>()?;
    Ok(Present {
        versions: versions.into_iter().collect(),
        rules: RulesSeen {
            tenants: tenant_rules.into_iter().collect(),
            clinics: clinic_rules.into_iter().collect(),
        },
        answers,
    })
}

/// Rows of the keys that have been used. Its text never changes, however many are wanted, so that a
/// connection prepares it once.
#[derive(Debug, Default)]
struct UsedKeys {
    tenants: Vec<TenantId>,
    principals: Vec<String>,
    keys: Vec<String>,
}

impl UsedKeys {
    fn of<'k>(keys: impl IntoIterator<Item = &'k Key>) -> Self {
        let mut wanted = Self::default();
        for key in keys {
            wanted.tenants.push(key.tenant);
            wanted.principals.push(key.principal.clone());
            wanted.keys.push(key.key.clone());
        }
        wanted
    }
}

impl QueryFragment<Pg> for UsedKeys {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql(
            "SELECT r.tenant_id, r.principal, r.key, r.fingerprint, r.result \
             FROM idempotency_results r JOIN (SELECT DISTINCT * FROM unnest(",
        );
        out.push_bind_param::<Array<SqlUuid>, _>(&self.tenants)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<Text>, _>(&self.principals)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<Text>, _>(&self.keys)?;
        out.push_sql(
            ") AS k(tenant_id, principal, key)) AS wanted USING (tenant_id, principal, key)",
        );
        Ok(())
    }
}

impl QueryId for UsedKeys {
    type QueryId = Self;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl Query for UsedKeys {
    type SqlType = (SqlUuid, Text, Text, Bytea, Jsonb);
}

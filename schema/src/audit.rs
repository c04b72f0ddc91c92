//! Holds a live database against the promises, by reading nothing but the database.

mod fold;

use std::fmt;

use diesel::QueryResult;
use diesel::prelude::*;
use diesel::sql_types::BigInt;
use diesel_async::{AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};

use crate::connection::{Role, connect};

/// The first of the promises.
pub const NO_OVERBOOKING: &str = "no two bookings of a calendar overlap";

/// One promise and how the database stands to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    pub promise: &'static str,
    /// How many things were looked at.
    pub checked: i64,
    /// How many of them break the promise.
    pub breaches: i64,
    /// A few of them, for whoever looks further; ids only.
    pub examples: Vec<String>,
}

/// All findings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report(pub Vec<Finding>);

impl Report {
    /// Whether no promise is broken.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.0.iter().all(|finding| finding.breaches == 0)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for finding in &self.0 {
            let mark = if finding.breaches == 0 {
                "ok  "
            } else {
                "FAIL"
            };
            writeln!(
                f,
                "{mark}  {:<62} {:>9} checked  {:>5} breaches",
                finding.promise, finding.checked, finding.breaches
            )?;
            for example in &finding.examples {
                writeln!(f, "        {example}")?;
            }
        }
        Ok(())
    }
}

/// Why the audit could not be made.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    #[error("the database cannot be reached: {0}")]
    Connection(#[from] diesel::ConnectionError),
    #[error("the database cannot be read: {0}")]
    Query(#[from] diesel::result::Error),
}

#[derive(QueryableByName)]
struct Counts {
    #[diesel(sql_type = BigInt)]
    checked: i64,
    #[diesel(sql_type = BigInt)]
    breaches: i64,
}

/// A promise that one statement can check; it answers `checked` and `breaches`.
struct Check {
    promise: &'static str,
    sql: &'static str,
}

const CHECKS: &[Check] = &[
    // The constraint's own index cannot vouch for itself: neighbours by start are compared.
    Check {
        promise: NO_OVERBOOKING,
        sql: "SELECT count(*) AS checked, count(*) FILTER (WHERE lower(during) < latest) AS breaches \
              FROM (SELECT during, max(upper(during)) OVER (PARTITION BY calendar_id \
              ORDER BY lower(during), id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS latest \
              FROM claims WHERE kind IN ('appointment', 'hold')) AS ordered",
    },
    Check {
        promise: "the exclusion constraint is there and valid",
        sql: "SELECT 1::bigint AS checked, (1 - count(*))::bigint AS breaches FROM pg_constraint \
              WHERE conname = 'claims_no_overbooking' AND conrelid = 'claims'::regclass \
              AND contype = 'x' AND convalidated AND pg_get_constraintdef(oid) LIKE \
              'EXCLUDE USING gist (calendar_id WITH =, during WITH &&) WHERE %appointment%hold%'",
    },
    Check {
        promise: "each calendar's events are numbered without a gap",
        sql: "SELECT count(*) AS checked, count(*) FILTER (WHERE \
              c.version - c.base_version <> coalesce(e.events, 0) \
              OR coalesce(e.first, c.base_version + 1) <> c.base_version + 1 \
              OR coalesce(e.last, c.version) <> c.version) AS breaches \
              FROM calendars c LEFT JOIN (SELECT calendar_id, count(*) AS events, \
              min(version) AS first, max(version) AS last FROM calendar_events \
              GROUP BY calendar_id) e ON e.calendar_id = c.id",
    },
    Check {
        promise: "every appointment has exactly the claims of its pattern",
        sql: "WITH parts AS (SELECT a.id, (p->>'calendarId')::uuid AS calendar_id, tstzrange( \
                  a.start_at + make_interval(mins => (p->>'from')::int - (p->>'bufferBefore')::int), \
                  a.start_at + make_interval(mins => (p->>'to')::int + (p->>'bufferAfter')::int)) AS during \
                  FROM appointments a, jsonb_array_elements(a.pattern) p \
                  WHERE a.status NOT IN ('cancelled', 'no_show')), \
              wanted AS (SELECT id, calendar_id, range_agg(during) AS taken FROM parts GROUP BY 1, 2), \
              found AS (SELECT appointment_id AS id, calendar_id, range_agg(during) AS taken \
                  FROM (SELECT * FROM claims UNION ALL SELECT * FROM claims_past) k \
                  WHERE appointment_id IS NOT NULL GROUP BY 1, 2) \
              SELECT count(*) AS checked, count(*) FILTER (WHERE w.taken IS DISTINCT FROM f.taken) AS breaches \
              FROM wanted w FULL JOIN found f USING (id, calendar_id)",
    },
    Check {
        promise: "a claim belongs to its appointment's tenant",
        sql: "SELECT count(*) AS checked, count(*) FILTER (WHERE k.tenant_id <> a.tenant_id) AS breaches \
              FROM claims k JOIN appointments a ON a.id = k.appointment_id",
    },
    Check {
        promise: "a series' visits are its patient's, and it has some",
        sql: "SELECT count(*) AS checked, count(*) FILTER (WHERE a.id IS NULL \
              OR a.tenant_id <> s.tenant_id OR a.patient_id <> s.patient_id \
              OR a.treatment_id <> s.treatment_id) AS breaches \
              FROM series s LEFT JOIN appointments a ON a.series_id = s.id",
    },
    Check {
        promise: "a block's claims are on its calendar, and it has some",
        sql: "SELECT count(*) AS checked, count(*) FILTER (WHERE k.id IS NULL \
              OR k.calendar_id <> b.calendar_id OR k.tenant_id <> b.tenant_id) AS breaches \
              FROM blocks b LEFT JOIN (SELECT id, calendar_id, tenant_id, block_id FROM claims \
              UNION ALL SELECT id, calendar_id, tenant_id, block_id FROM claims_past) k \
              ON k.block_id = b.id",
    },
    Check {
        promise: "every live hold has exactly the claims of its pattern",
        sql: "WITH parts AS (SELECT h.id, (p->>'calendarId')::uuid AS calendar_id, tstzrange( \
                  h.start_at + make_interval(mins => (p->>'from')::int - (p->>'bufferBefore')::int), \
                  h.start_at + make_interval(mins => (p->>'to')::int + (p->>'bufferAfter')::int)) AS during \
                  FROM holds h, jsonb_array_elements(h.pattern) p WHERE h.ended IS NULL), \
              wanted AS (SELECT id, calendar_id, range_agg(during) AS taken FROM parts GROUP BY 1, 2), \
              found AS (SELECT hold_id AS id, calendar_id, range_agg(during) AS taken \
                  FROM claims WHERE hold_id IS NOT NULL GROUP BY 1, 2) \
              SELECT count(*) AS checked, count(*) FILTER (WHERE w.taken IS DISTINCT FROM f.taken) AS breaches \
              FROM wanted w FULL JOIN found f USING (id, calendar_id)",
    },
    Check {
        promise: "an open offer has a live hold, and nobody has two",
        sql: "SELECT count(*) AS checked, count(*) FILTER (WHERE o.status = 'open' AND \
              (h.id IS NULL OR h.ended IS NOT NULL OR e.status <> 'offered')) \
              + (SELECT count(*) FROM waitlist_entries w WHERE w.status = 'offered' AND 1 <> (SELECT count(*) \
                  FROM waitlist_offers x WHERE x.entry_id = w.id AND x.status = 'open')) AS breaches \
              FROM waitlist_offers o JOIN waitlist_entries e ON e.id = o.entry_id \
              LEFT JOIN holds h ON h.id = o.hold_id",
    },
    Check {
        promise: "the answer kept for a key points at what was committed",
        sql: "SELECT count(*) AS checked, count(*) FILTER (WHERE missing) AS breaches FROM ( \
              SELECT EXISTS (SELECT FROM jsonb_each_text(r.result->'positions') p \
                  LEFT JOIN calendar_events e ON e.calendar_id = p.key::uuid \
                      AND e.version = p.value::bigint AND e.tx = r.tx \
                  LEFT JOIN calendars c ON c.id = p.key::uuid \
                  WHERE e.tx IS NULL AND p.value::bigint > coalesce(c.base_version, 0)) \
              OR (r.result->'result'->>'done' = 'appointment' AND NOT EXISTS ( \
                  SELECT FROM appointments a WHERE a.id = (r.result->'result'->>'id')::uuid \
                  AND a.tenant_id = r.tenant_id)) AS missing FROM idempotency_results r) AS results",
    },
    Check {
        promise: "every command has told the outbox",
        sql: "SELECT count(*) AS checked, count(*) FILTER (WHERE o.tx IS NULL) AS breaches \
              FROM (SELECT DISTINCT tx FROM calendar_events) e \
              LEFT JOIN (SELECT DISTINCT tx FROM outbox) o USING (tx)",
    },
];

/// Runs every check as of one moment.
///
/// # Errors
/// When the database cannot be read. A broken promise is a finding, not an error.
pub async fn run(url: &str) -> Result<Report, AuditError> {
    let mut connection = connect(url, Role::Engine).await?;
    let findings = connection
        .build_transaction()
        .read_only()
        .repeatable_read()
        .run(async |connection| {
            // It keeps nobody waiting, and folds for a while without asking anything.
            let patient = "SET LOCAL idle_in_transaction_session_timeout = 0";
            connection.batch_execute(patient).await?;
            let mut findings = Vec::new();
            for check in CHECKS {
                findings.push(ask(connection, check).await?);
            }
            findings.push(fold::check(connection).await?);
            QueryResult::Ok(findings)
        })
        .await?;
    Ok(Report(findings))
}

async fn ask(connection: &mut AsyncPgConnection, check: &Check) -> QueryResult<Finding> {
    let counts: Counts = diesel::sql_query(check.sql).get_result(connection).await?;
    Ok(Finding {
        promise: check.promise,
        checked: counts.checked,
        breaches: counts.breaches,
        examples: Vec::new(),
    })
}

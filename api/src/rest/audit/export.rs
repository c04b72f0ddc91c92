//! The audit log as CSV (RFC 4180), streamed: read a thousand lines at a time, however many there
//! are.

use actix_web::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use actix_web::web::{self, Bytes};
use actix_web::{HttpResponse, error::Error};
use futures_util::stream;
use schema::tenancy::{self, Access};

use super::{AuditEntry, AuditQuery, Scope, find};
use crate::app::App;
use crate::audit::{self, Entry, Who};
use crate::auth::principal::Member;
use crate::problem::Problem;
use crate::rest::input::Params;

/// Lines read at a time.
const BATCH: i64 = 1000;

const HEAD: &str = "id,at,tenantId,actor,actorName,role,address,requestId,action,subject,subjectId,\
                    overrides,before,after,tx\r\n";

/// Who did what in the practice, as CSV.
#[utoipa::path(get, path = "/audit/export", tag = "audit", params(AuditQuery),
    responses((status = 200, content_type = "text/csv", description = "Newest first")))]
pub async fn csv(
    app: web::Data<App>,
    member: Member,
    wanted: Params<AuditQuery>,
) -> Result<HttpResponse, Problem> {
    let scope = Scope::Practice(member.tenant());
    let (who, access) = (Who::from(&member), member.access());
    download(app, who, access, scope, wanted.into_inner()).await
}

/// The whole answer. That somebody takes the log away is in the log.
pub(in crate::rest) async fn download(
    app: web::Data<App>,
    who: Who,
    access: Access,
    scope: Scope,
    wanted: AuditQuery,
) -> Result<HttpResponse, Problem> {
    // Read at once, so that a database that is away is said before an answer has begun.
    let first = tenancy::transaction(&app.app_pool, &access, async |connection| {
        let first = find(connection, scope, &wanted, None, BATCH).await?;
        audit::record(connection, who, Entry::new("audit.exported")).await?;
        Ok::<_, Problem>(first)
    })
    .await?;
    let reading = Reading {
        app,
        access,
        scope,
        wanted,
        next: Some(first),
        head: true,
    };
    let body = stream::unfold(reading, |mut reading| async {
        let batch = reading.batch().await?;
        Some((batch, reading))
    });
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "text/csv; charset=utf-8"))
        .insert_header((CONTENT_DISPOSITION, "attachment; filename=\"audit.csv\""))
        .streaming(Box::pin(body)))
}

struct Reading {
    app: web::Data<App>,
    access: Access,
    scope: Scope,
    wanted: AuditQuery,
    /// Read already; `None` after the last.
    next: Option<Vec<AuditEntry>>,
    head: bool,
}

impl Reading {
    async fn batch(&mut self) -> Option<Result<Bytes, Error>> {
        let entries = self.next.take()?;
        let mut text = String::new();
        if std::mem::take(&mut self.head) {
            text.push_str(HEAD);
        }
        for entry in &entries {
            write(&mut text, entry);
        }
        let whole = i64::try_from(entries.len()).is_ok_and(|count| count == BATCH);
        if let Some(last) = entries.last().filter(|_| whole) {
            let (scope, wanted, last) = (self.scope, &self.wanted, last.id);
            let next = tenancy::transaction(&self.app.app_pool, &self.access, async |connection| {
                find(connection, scope, wanted, Some(last), BATCH).await
            })
            .await;
            match next {
                Ok(next) => self.next = Some(next),
                // The client sees the connection end early: the file is not whole.
                Err(problem) => return Some(Err(problem.into())),
            }
        }
        Some(Ok(text.into()))
    }
}

fn write(text: &mut String, entry: &AuditEntry) {
    let json = |value: &Option<serde_json::Value>| value.as_ref().map(ToString::to_string);
    let fields = [
        Some(entry.id.to_string()),
        Some(entry.at.to_rfc3339()),
        entry.tenant_id.map(|id| id.to_string()),
        Some(entry.actor.clone()),
        entry.actor_name.clone(),
        entry.role.clone(),
        entry.address.clone(),
        entry.request_id.clone(),
        Some(entry.action.clone()),
        Some(entry.subject.clone()),
        entry.subject_id.map(|id| id.to_string()),
        Some(entry.overrides.join(" ")),
        json(&entry.before),
        json(&entry.after),
        entry.tx.map(|tx| tx.to_string()),
    ];
    for (place, field) in fields.iter().enumerate() {
        if place > 0 {
            text.push(',');
        }
        push_field(text, field.as_deref().unwrap_or_default());
    }
    text.push_str("\r\n");
}

/// Quoted where it must be; what a spreadsheet would take for a formula gets an apostrophe before
/// it.
fn push_field(text: &mut String, field: &str) {
    let formula = field.starts_with(['=', '+', '-', '@', '\t', '\r']);
    if !formula && !field.contains(['"', ',', '\r', '\n']) {
        return text.push_str(field);
    }
    text.push('"');
    if formula {
        text.push('\'');
    }
    text.push_str(&field.replace('"', "\"\""));
    text.push('"');
}

#[cfg(test)]
mod tests {
    use super::push_field;

    #[test]
    fn fields_stay_fields() {
        for (given, written) in [
            ("plain", "plain"),
            ("", ""),
            ("a,b", "\"a,b\""),
            ("say \"hi\"\n", "\"say \"\"hi\"\"\n\""),
            ("=cmd|' /C calc'!A0", "\"'=cmd|' /C calc'!A0\""),
            ("@SUM(1)", "\"'@SUM(1)\""),
        ] {
            let mut text = String::new();
            push_field(&mut text, given);
            assert_eq!(text, written);
        }
    }
}

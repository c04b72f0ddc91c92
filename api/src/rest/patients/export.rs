//! A practice's patients as CSV (RFC 4180), sent while they are read.

use std::sync::Arc;

use actix_web::http::header;
use actix_web::web::{self, Bytes};
use actix_web::{HttpRequest, HttpResponse};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use futures_util::stream;
use schema::ids::PatientId;
use schema::schema::{patient_dentists, patients};
use schema::tenancy;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::{Patient, ours};
use crate::app::App;
use crate::audit::{self, Entry};
use crate::auth::principal::Member;
use crate::problem::Problem;
use crate::rest::input::Params;
use crate::rest::language::Language;

/// Patients read at a time.
const CHUNK: i64 = 1000;
/// Cells that begin so are formulas to spreadsheets.
const FORMULA_BEGINS: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];
const SPANISH: [&str; 8] = [
    "id",
    "nombres",
    "apellidos",
    "correo",
    "teléfono",
    "fecha de nacimiento",
    "notas",
    "archivado",
];
const ENGLISH: [&str; 8] = [
    "id",
    "firstName",
    "lastName",
    "email",
    "phone",
    "dateOfBirth",
    "notes",
    "archived",
];

/// How the file is written.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Options {
    /// `,` without.
    #[param(inline)]
    delimiter: Option<Delimiter>,
    /// Begin with a byte order mark, by which spreadsheets know UTF-8.
    #[serde(default)]
    bom: bool,
}

#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
enum Delimiter {
    #[serde(rename = ",", alias = "comma")]
    Comma,
    #[serde(rename = ";", alias = "semicolon")]
    Semicolon,
}

/// One page of the export and what comes before it.
struct Progress {
    app: web::Data<App>,
    member: Arc<Member>,
    delimiter: char,
    /// Name and id of the last patient that was written.
    after: Option<(String, PatientId)>,
    /// Sent before the first patient.
    head: Option<String>,
}

/// All patients of the practice, the archived too, by name. Cells that a spreadsheet would take for
/// a formula begin with an apostrophe; an import takes it away again.
#[utoipa::path(get, path = "/patients/export", tag = "patients", params(Options),
    responses((status = 200, body = String, content_type = "text/csv")))]
pub async fn export(
    app: web::Data<App>,
    member: Member,
    request: HttpRequest,
    options: Params<Options>,
) -> Result<HttpResponse, Problem> {
    tenancy::transaction(&app.app_pool, &member.access(), async |connection| {
        audit::record(connection, &member, Entry::new("patient.exported")).await
    })
    .await?;
    let delimiter = match options.delimiter {
        Some(Delimiter::Semicolon) => ';',
        _ => ',',
    };
    let titles = match Language::of(&request, &member.workspace.locale) {
        Language::Spanish => SPANISH,
        Language::English => ENGLISH,
    };
    let mut head = String::new();
    if options.bom {
        head.push('\u{feff}');
    }
    write_row(&mut head, delimiter, &titles.map(str::to_owned));
    let progress = Progress {
        app,
        member: Arc::new(member),
        delimiter,
        after: None,
        head: Some(head),
    };
    let body = stream::try_unfold(progress, async |mut progress| {
        // An error ends the answer before its end, which clients notice.
        let text = progress.next().await?;
        Ok::<_, Problem>(text.map(|text| (Bytes::from(text), progress)))
    });
    Ok(HttpResponse::Ok()
        .content_type("text/csv; charset=utf-8")
        .insert_header((
            header::CONTENT_DISPOSITION,
            "attachment; filename=\"patients.csv\"",
        ))
        .streaming(Box::pin(body)))
}

impl Progress {
    /// The next part of the file; none after its end.
    async fn next(&mut self) -> Result<Option<String>, Problem> {
        let (tenant, after) = (self.member.tenant(), self.after.clone());
        let first = self.head.take();
        let rows: Vec<(Patient, Option<String>, String)> = tenancy::transaction(
            &self.app.app_pool,
            &self.member.access(),
            async |connection| {
                let mut query = ours(tenant)
                    .order((patient_dentists::sort_name, patient_dentists::patient_id))
                    .limit(CHUNK)
                    .select((
                        Patient::as_select(),
                        patient_dentists::notes,
                        patient_dentists::sort_name,
                    ))
                    .into_boxed();
                if let Some((name, id)) = after {
                    // The first one lets the index begin there.
                    query = query.filter(patient_dentists::sort_name.ge(name.clone()));
                    query = query.filter(
                        patient_dentists::sort_name.gt(name.clone()).or(
                            patient_dentists::sort_name
                                .eq(name)
                                .and(patients::id.gt(id)),
                        ),
                    );
                }
                Ok::<_, Problem>(query.load(connection).await?)
            },
        )
        .await?;
        let Some((last, _, name)) = rows.last() else {
            return Ok(first);
        };
        self.after = Some((name.clone(), last.id));
        let mut text = first.unwrap_or_default();
        for (patient, notes, _) in rows {
            let cells = [
                patient.id.to_string(),
                patient.first_name,
                patient.last_name,
                patient.email.unwrap_or_default(),
                patient.phone.unwrap_or_default(),
                patient
                    .date_of_birth
                    .map(|date| date.to_string())
                    .unwrap_or_default(),
                notes.unwrap_or_default(),
                patient
                    .archived_at
                    .map(|at| at.date_naive().to_string())
                    .unwrap_or_default(),
            ];
            write_row(&mut text, self.delimiter, &cells);
        }
        Ok(Some(text))
    }
}

fn write_row(text: &mut String, delimiter: char, cells: &[String]) {
    for (place, cell) in cells.iter().enumerate() {
        if place > 0 {
            text.push(delimiter);
        }
        let guard = if cell.starts_with(FORMULA_BEGINS) {
            "'"
        } else {
            ""
        };
        let quoted = cell.contains([delimiter, ',', ';', '"', '\n', '\r']);
        if quoted {
            text.push('"');
            text.push_str(guard);
            text.push_str(&cell.replace('"', "\"\""));
            text.push('"');
        } else {
            text.push_str(guard);
            text.push_str(cell);
        }
    }
    text.push_str("\r\n");
}

/// What a cell says, without the apostrophe that keeps spreadsheets from computing it.
pub(super) fn unguarded(cell: &str) -> &str {
    match cell.strip_prefix('\'') {
        Some(rest) if rest.starts_with(FORMULA_BEGINS) => rest,
        _ => cell,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_quoted_and_no_formulas() {
        let mut text = String::new();
        let cells = [
            "Ana",
            "=1+1",
            "+593991234567",
            "a,b",
            "say \"x\"",
            "two\nlines",
            "-2;3",
            "",
        ];
        write_row(&mut text, ',', &cells.map(str::to_owned));
        assert_eq!(
            text,
            "Ana,'=1+1,'+593991234567,\"a,b\",\"say \"\"x\"\"\",\"two\nlines\",\"'-2;3\",\r\n"
        );
    }

    #[test]
    fn an_import_reads_what_was_written() {
        for (cell, said) in [
            ("'=1+1", "=1+1"),
            ("'+593", "+593"),
            ("'Ana", "'Ana"),
            ("D'Ambrosio", "D'Ambrosio"),
            ("'", "'"),
            ("", ""),
        ] {
            assert_eq!(unguarded(cell), said);
        }
    }
}

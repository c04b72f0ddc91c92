//! Adding a practice's patients from a CSV file, while it comes in: a bounded number of rows at a
//! time, each bundle in a transaction of its own. What was taken stays when the sender goes away;
//! the same file again adds only what is missing.

mod bundle;
mod columns;
mod judge;
mod table;

use actix_web::http::{StatusCode, header};
use actix_web::{HttpRequest, web};
use futures_util::StreamExt;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::app::App;
use crate::auth::principal::Member;
use crate::problem::{FieldError, Problem};
use crate::rest::input::Params;
use crate::rest::patients::phone;
use crate::rest::patients::phone::Country;

use bundle::{Bundle, Row};
use columns::Columns;
use judge::People;
use table::{Cells, Table};

/// Rows below the titles.
const ROWS_MAX: u64 = 50_000;
const FILE_BYTES_MAX: u64 = 20 * 1024 * 1024;
/// Rows of one transaction.
const BUNDLE: usize = 1000;
/// More are counted, not told.
const TOLD_MAX: usize = 1000;

/// How a file is taken.
#[derive(Clone, Copy, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Options {
    /// Say what would be done, and do nothing.
    #[serde(default)]
    preview: bool,
    /// What becomes of rows that share an address or number with somebody of another name; `report`
    /// without.
    #[serde(default)]
    #[param(inline)]
    duplicates: Duplicates,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Duplicates {
    /// Leave them out and tell.
    #[default]
    Report,
    /// Add them: families share addresses.
    Create,
}

/// What became of a file's rows.
#[derive(Debug, Default, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// Whether nothing was done.
    preview: bool,
    /// Rows below the titles, without blank ones.
    rows: u64,
    /// Patients who were added.
    created: u64,
    /// People who had a record already, by their address or number and their birth date.
    linked: u64,
    /// Rows of people whom the practice has. Their records stay as they are.
    unchanged: u64,
    /// Rows that may be somebody whom the practice has; left out.
    duplicates: u64,
    /// Rows that could not be taken.
    failed: u64,
    /// The first thousand duplicates and failures.
    errors: Vec<RowError>,
}

/// Why a row was left out.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RowError {
    /// As a spreadsheet counts: the titles are row 1.
    row: u64,
    /// `invalid`, `duplicate`, `plan_limit`, `too_many_rows`, `too_large` or `unreadable`; the last
    /// three are of everything from this row on.
    code: &'static str,
    /// The column that is wrong, by its name in the API; empty for the whole row.
    field: String,
    message: String,
    /// Of a `duplicate`: the patient whom it may be.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<uuid::Uuid>)]
    patient_id: Option<schema::ids::PatientId>,
}

impl Report {
    fn fail(&mut self, row: u64, code: &'static str, field: &str, message: &str) {
        self.failed += 1;
        self.tell(RowError {
            row,
            code,
            field: field.to_owned(),
            message: message.to_owned(),
            patient_id: None,
        });
    }

    fn tell(&mut self, error: RowError) {
        if self.errors.len() < TOLD_MAX {
            self.errors.push(error);
        }
    }
}

/// Add the patients of a CSV file: UTF-8, separated by commas, semicolons or tabs, the first row
/// names the columns in Spanish or English (`nombres`, `apellidos`, `correo`, `teléfono`, `fecha de
/// nacimiento`, `notas`); of other columns nothing is taken. Dates are `1990-02-28` or `28/02/1990`;
/// phone numbers international, or as they are dialled in the practice's country. At most 50,000
/// rows and 20 MiB. Rows of people whom the practice has change nothing.
#[utoipa::path(post, path = "/patients/import", tag = "patients", params(Options),
    request_body(content = String, content_type = "text/csv"),
    responses((status = 200, body = Report), (status = 413), (status = 415), (status = 422)))]
pub async fn import(
    app: web::Data<App>,
    member: Member,
    request: HttpRequest,
    options: Params<Options>,
    mut body: web::Payload,
) -> Result<web::Json<Report>, Problem> {
    require_csv(&request)?;
    let mut import = Import::new(&app, &member, *options);
    let mut table = Table::new();
    let mut bytes: u64 = 0;
    let mut readable = true;
    while let Some(piece) = body.next().await {
        let piece = piece.map_err(|_| Problem::bad_request("The file ended too soon."))?;
        bytes += piece.len() as u64;
        if bytes > FILE_BYTES_MAX {
            import.stop("too_large", "the file has more than 20 MiB");
            readable = false;
            break;
        }
        let mut rows = Vec::new();
        if table.read(&piece, &mut |cells| rows.push(cells)).is_err() {
            readable = false;
        }
        import.take(rows).await?;
        if !readable {
            import.stop("unreadable", "is far too long for a row of a table");
        }
        if import.stopped {
            readable = false;
            break;
        }
    }
    if readable {
        let mut rows = Vec::new();
        let ended = table.end(&mut |cells| rows.push(cells));
        import.take(rows).await?;
        if ended.is_err() {
            import.stop("unreadable", "is far too long for a row of a table");
        }
    }
    import.finish().await.map(web::Json)
}

fn require_csv(request: &HttpRequest) -> Result<(), Problem> {
    let kind = request.headers().get(header::CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    const TAKEN: [&str; 5] = [
        "",
        "text/csv",
        "text/plain",
        "application/csv",
        "application/vnd.ms-excel",
    ];
    if !TAKEN.contains(&kind.to_ascii_lowercase().as_str()) {
        return Err(Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported_media_type",
            "Send Content-Type: text/csv.",
        ));
    }
    let length = request.headers().get(header::CONTENT_LENGTH);
    let length = length.and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if length.is_some_and(|length| length > FILE_BYTES_MAX) {
        return Err(Problem::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "payload_too_large",
            "A file has at most 20 MiB.",
        ));
    }
    Ok(())
}

/// An import on its way.
struct Import<'a> {
    app: &'a App,
    member: &'a Member,
    options: Options,
    country: Option<Country>,
    columns: Option<Columns>,
    /// The number of the last row.
    row: u64,
    waiting: Vec<Row>,
    /// Those of earlier bundles whom a preview did not add.
    unsaved: Option<People>,
    report: Report,
    stopped: bool,
}

impl<'a> Import<'a> {
    fn new(app: &'a App, member: &'a Member, options: Options) -> Self {
        Self {
            app,
            member,
            options,
            country: phone::country(&member.workspace.zone),
            columns: None,
            row: 0,
            waiting: Vec::new(),
            unsaved: options.preview.then(People::default),
            report: Report {
                preview: options.preview,
                ..Report::default()
            },
            stopped: false,
        }
    }

    async fn take(&mut self, rows: Vec<Cells>) -> Result<(), Problem> {
        for cells in rows {
            if self.stopped {
                break;
            }
            self.row += 1;
            let Some(columns) = &self.columns else {
                self.columns = Some(Columns::of(&cells).map_err(Problem::validation)?);
                continue;
            };
            if cells.is_blank() {
                continue;
            }
            if self.report.rows == ROWS_MAX {
                self.stop("too_many_rows", "a file has at most 50,000 rows");
                break;
            }
            self.report.rows += 1;
            match columns.read(&cells, self.country) {
                Ok((record, notes)) => self.waiting.push(Row {
                    number: self.row,
                    record,
                    notes,
                }),
                Err(errors) => self.refuse(errors),
            }
            if self.waiting.len() == BUNDLE {
                self.save().await?;
            }
        }
        Ok(())
    }

    /// A row with more than one mistake is one that failed.
    fn refuse(&mut self, errors: Vec<FieldError>) {
        self.report.failed += 1;
        for error in errors {
            self.report.tell(RowError {
                row: self.row,
                code: "invalid",
                field: error.field,
                message: error.message,
                patient_id: None,
            });
        }
    }

    /// Nothing more is read.
    fn stop(&mut self, code: &'static str, message: &str) {
        self.stopped = true;
        let row = self.row.max(1);
        self.report.fail(row, code, "", message);
    }

    async fn save(&mut self) -> Result<(), Problem> {
        let rows = std::mem::take(&mut self.waiting);
        let bundle = Bundle {
            app: self.app,
            member: self.member,
            take_doubtful: self.options.duplicates == Duplicates::Create,
        };
        bundle.save(rows, &mut self.unsaved, &mut self.report).await
    }

    async fn finish(mut self) -> Result<Report, Problem> {
        if !self.waiting.is_empty() {
            self.save().await?;
        }
        if self.columns.is_none() {
            return Err(Problem::bad_request("The file is empty."));
        }
        // Mistakes were told at once, the others with their bundle.
        self.report.errors.sort_by_key(|error| error.row);
        Ok(self.report)
    }
}

//! Some rows of an import, taken in one transaction with a few statements, however many they are.

use std::collections::HashMap;

use diesel::result::Error as DieselError;
use diesel_async::AsyncPgConnection;
use schema::ids::PatientId;
use schema::patients as people;
use schema::patients::links::{self, Known};
use schema::tenancy;
use serde_json::json;

use super::judge::{Judgement, People, Person};
use super::{Report, RowError};
use crate::app::App;
use crate::audit::{self, Entry};
use crate::auth::principal::Member;
use crate::problem::Problem;
use crate::rest::patients::record::NewRow;
use crate::rest::patients::{Addition, insert};

/// A row that can be taken.
pub(super) struct Row {
    pub number: u64,
    pub record: NewRow,
    pub notes: Option<String>,
}

/// How rows are taken, and where.
pub(super) struct Bundle<'a> {
    pub app: &'a App,
    pub member: &'a Member,
    pub take_doubtful: bool,
}

/// What a bundle came to.
#[derive(Default)]
struct Outcome {
    created: Vec<PatientId>,
    linked: Vec<PatientId>,
    unchanged: u64,
    /// Row and whom it may be.
    doubtful: Vec<(u64, Option<PatientId>)>,
    /// Rows beyond the practice's plan.
    over: Vec<u64>,
    /// Those whom the file brought.
    met: Vec<Person>,
}

/// A preview is what would be done, taken back.
enum End {
    Preview(Outcome),
    Failed(Problem),
}

impl From<DieselError> for End {
    fn from(error: DieselError) -> Self {
        Self::Failed(error.into())
    }
}

impl From<Problem> for End {
    fn from(problem: Problem) -> Self {
        Self::Failed(problem)
    }
}

impl Bundle<'_> {
    /// Takes the rows, or with `unsaved` sees what would become of them after those in it.
    pub(super) async fn save(
        &self,
        rows: Vec<Row>,
        unsaved: &mut Option<People>,
        report: &mut Report,
    ) -> Result<(), Problem> {
        let created = report.created;
        let ended = tenancy::transaction(
            &self.app.app_pool,
            &self.member.access(),
            async |connection| {
                let outcome = self
                    .write(connection, rows, unsaved.as_ref(), created)
                    .await?;
                match unsaved {
                    Some(_) => Err(End::Preview(outcome)),
                    None => Ok(outcome),
                }
            },
        )
        .await;
        let outcome = match ended {
            Ok(outcome) | Err(End::Preview(outcome)) => outcome,
            Err(End::Failed(problem)) => return Err(problem),
        };
        if let Some(unsaved) = unsaved {
            for person in outcome.met {
                unsaved.add(person);
            }
        }
        report.created += outcome.created.len() as u64;
        report.linked += outcome.linked.len() as u64;
        report.unchanged += outcome.unchanged;
        report.duplicates += outcome.doubtful.len() as u64;
        for (row, patient_id) in outcome.doubtful {
            report.tell(RowError {
                row,
                code: "duplicate",
                field: String::new(),
                message: "shares an address or number with somebody of another name".to_owned(),
                patient_id,
            });
        }
        for row in outcome.over {
            let message = "the practice has as many patients as its plan allows";
            report.fail(row, "plan_limit", "", message);
        }
        Ok(())
    }

    async fn write(
        &self,
        connection: &mut AsyncPgConnection,
        rows: Vec<Row>,
        unsaved: Option<&People>,
        created_before: u64,
    ) -> Result<Outcome, End> {
        let tenant = self.member.tenant();
        // First: others who add patients wait, so nobody comes between the look and the insert.
        let room = people::room(connection, tenant).await?;
        let taken_back = unsaved.map_or(0, |_| created_before);
        let mut room = room.map(|room| i64::from(room) - taken_back as i64);
        let persons = self.persons(connection, &rows).await?;
        let mut known = self.known(connection, &rows, &persons).await?;

        let mut outcome = Outcome::default();
        let mut new = Vec::new();
        for (row, person) in rows
            .into_iter()
            .zip(persons.into_iter().map(|(_, person)| person))
        {
            let judgement = match unsaved.map(|unsaved| unsaved.judge(&person)) {
                None | Some(Judgement::New) => known.judge(&person),
                Some(already) => already,
            };
            match judgement {
                Judgement::Known => {
                    outcome.unchanged += 1;
                    continue;
                }
                Judgement::Doubtful(whom) if !self.take_doubtful => {
                    outcome.doubtful.push((row.number, whom));
                    continue;
                }
                Judgement::New | Judgement::Doubtful(_) => {}
            }
            if room.is_some_and(|room| room <= 0) {
                outcome.over.push(row.number);
                continue;
            }
            room = room.map(|room| room - 1);
            known.add(person);
            outcome.met.push(person);
            new.push(row);
        }
        let linked = self.link(connection, &new).await?;
        let mut additions = Vec::with_capacity(new.len());
        for (place, row) in new.iter().enumerate() {
            match linked.get(&place) {
                Some(id) => outcome.linked.push(*id),
                None => {
                    outcome.created.push(row.record.id);
                    additions.push(Addition {
                        record: &row.record,
                        notes: row.notes.as_deref(),
                    });
                }
            }
        }
        if !additions.is_empty() {
            insert(connection, tenant, &additions).await?;
        }
        if !new.is_empty() {
            let entry = Entry::new("patient.imported");
            let entry =
                entry.after(json!({ "created": outcome.created, "linked": outcome.linked }));
            audit::record(connection, self.member, entry).await?;
        }
        Ok(outcome)
    }

    /// The rows as they are told apart, with their folded names.
    async fn persons(
        &self,
        connection: &mut AsyncPgConnection,
        rows: &[Row],
    ) -> Result<Vec<(String, Person)>, End> {
        let first: Vec<&str> = rows
            .iter()
            .map(|row| row.record.first_name.as_str())
            .collect();
        let last: Vec<&str> = rows
            .iter()
            .map(|row| row.record.last_name.as_str())
            .collect();
        let names = people::sort_names(connection, &first, &last).await?;
        let persons = rows.iter().zip(names).map(|(row, name)| {
            let NewRow {
                email,
                phone,
                date_of_birth,
                ..
            } = &row.record;
            let person = Person::new(
                &name,
                email.as_deref(),
                phone.as_deref(),
                *date_of_birth,
                None,
            );
            (name, person)
        });
        Ok(persons.collect())
    }

    /// The practice's patients whom the rows may be.
    async fn known(
        &self,
        connection: &mut AsyncPgConnection,
        rows: &[Row],
        persons: &[(String, Person)],
    ) -> Result<People, End> {
        let emails: Vec<&str> = rows
            .iter()
            .filter_map(|row| row.record.email.as_deref())
            .collect();
        let phones: Vec<&str> = rows
            .iter()
            .filter_map(|row| row.record.phone.as_deref())
            .collect();
        let names: Vec<String> = persons.iter().map(|(name, _)| name.clone()).collect();
        let found =
            people::candidates(connection, self.member.tenant(), &emails, &phones, &names).await?;
        let mut known = People::default();
        for candidate in found {
            known.add(Person::new(
                &candidate.sort_name,
                candidate.email.as_deref(),
                candidate.phone.as_deref(),
                candidate.date_of_birth,
                Some(candidate.patient_id),
            ));
        }
        Ok(known)
    }

    /// Links those of the rows who have a record already, by their place among them. Nobody's birth
    /// date can be guessed by a file: each person has as few tries here as anywhere.
    async fn link(
        &self,
        connection: &mut AsyncPgConnection,
        rows: &[Row],
    ) -> Result<HashMap<usize, PatientId>, End> {
        let mut places = Vec::new();
        let mut given = Vec::new();
        for (place, row) in rows.iter().enumerate() {
            let NewRow { email, phone, .. } = &row.record;
            let contact = email.as_deref().or(phone.as_deref());
            if let (Some(contact), Some(born)) = (contact, row.record.date_of_birth)
                && self.app.links.person(contact).is_ok()
            {
                places.push(place);
                given.push(Known {
                    email: email.as_deref(),
                    phone: phone.as_deref(),
                    born,
                });
            }
        }
        if given.is_empty() {
            return Ok(HashMap::new());
        }
        let linked = links::link_many(connection, self.member.tenant(), &given).await?;
        let at = |(place, id): (usize, PatientId)| Some((*places.get(place)?, id));
        Ok(linked.into_iter().filter_map(at).collect())
    }
}

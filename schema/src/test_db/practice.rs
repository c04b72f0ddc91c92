//! A small practice to test with: open every day from 08:00 to 20:00.

use diesel_async::{AsyncConnection, AsyncPgConnection, SimpleAsyncConnection};
use serde_json::json;
use uuid::Uuid;

use super::TestDb;
use crate::ids::{
    CalendarId, ClinicId, OperatoryId, PatientId, ProviderId, TenantId, TreatmentId, UserId,
};

/// Rows of one tenant. Every dentist is assigned to every operatory.
#[derive(Clone, Debug)]
pub struct Practice {
    pub tenant: TenantId,
    pub subdomain: String,
    /// The owner's account, without a usable password.
    pub owner: UserId,
    pub clinic: ClinicId,
    pub operatories: Vec<(OperatoryId, CalendarId)>,
    pub dentists: Vec<(ProviderId, CalendarId)>,
    pub patients: Vec<(PatientId, CalendarId)>,
    /// Dentist and operatory for 30 minutes.
    pub short: TreatmentId,
    /// Operatory for 60 minutes, the dentist for minutes 10 to 40.
    pub long: TreatmentId,
}

/// How many of each a practice has.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    pub dentists: usize,
    pub operatories: usize,
    pub patients: usize,
}

impl Practice {
    /// Adds a practice with a clinic of its own.
    ///
    /// # Panics
    /// When the database refuses.
    pub async fn seed(db: &TestDb, size: Size) -> Self {
        let clinic = ClinicId::new();
        let operatories: Vec<_> = (0..size.operatories)
            .map(|_| (OperatoryId::new(), CalendarId::new()))
            .collect();
        let mut sql = format!(
            "INSERT INTO clinics (id, name, zone) VALUES ('{clinic}', 'Clinic', 'America/Guayaquil');"
        );
        for (number, (id, calendar)) in operatories.iter().enumerate() {
            sql += &format!(
                "INSERT INTO calendars (id, kind) VALUES ('{calendar}', 'operatory');
                 INSERT INTO operatories (id, clinic_id, name, calendar_id)
                     VALUES ('{id}', '{clinic}', 'Chair {number}', '{calendar}');"
            );
        }
        execute(db, &sql).await;
        Self::seed_in(db, size, clinic, operatories).await
    }

    /// Adds a practice that works in the same operatories, with the same patients.
    ///
    /// # Panics
    /// When the database refuses.
    pub async fn seed_sharing(db: &TestDb, other: &Self, dentists: usize) -> Self {
        let size = Size {
            dentists,
            operatories: other.operatories.len(),
            patients: 0,
        };
        let mut practice = Self::seed_in(db, size, other.clinic, other.operatories.clone()).await;
        let mut sql = String::new();
        for (patient, _) in &other.patients {
            sql += &format!(
                "INSERT INTO patient_dentists (tenant_id, patient_id) VALUES ('{}', '{patient}');",
                practice.tenant
            );
        }
        execute(db, &sql).await;
        practice.patients = other.patients.clone();
        practice
    }

    async fn seed_in(
        db: &TestDb,
        size: Size,
        clinic: ClinicId,
        operatories: Vec<(OperatoryId, CalendarId)>,
    ) -> Self {
        let tenant = TenantId::new();
        let practice = Self {
            tenant,
            subdomain: format!("p{}", tenant.0.simple()),
            owner: UserId::new(),
            clinic,
            operatories,
            dentists: (0..size.dentists)
                .map(|_| (ProviderId::new(), CalendarId::new()))
                .collect(),
            patients: (0..size.patients)
                .map(|_| (PatientId::new(), CalendarId::new()))
                .collect(),
            short: TreatmentId::new(),
            long: TreatmentId::new(),
        };
        execute(db, &practice.rows()).await;
        practice
    }

    fn rows(&self) -> String {
        let Self {
            tenant,
            subdomain,
            owner,
            short,
            long,
            ..
        } = self;
        let role = |role: &str, from: i64, to: i64| json!({ "role": role, "from": from, "to": to });
        let short_pattern = json!([role("operatory", 0, 30), role("dentist", 0, 30)]);
        let long_pattern = json!([role("operatory", 0, 60), role("dentist", 10, 40)]);
        let mut sql = format!(
            "INSERT INTO users (id, email, name) VALUES ('{owner}', '{owner}@example.com', 'Owner');
             INSERT INTO tenants (id, name, subdomain, zone)
                 VALUES ('{tenant}', 'Practice', '{subdomain}', 'America/Guayaquil');
             INSERT INTO memberships (tenant_id, user_id, role)
                 VALUES ('{tenant}', '{owner}', 'dentist');
             INSERT INTO treatments (id, tenant_id, code, name_es, name_en, duration_min, pattern, online_bookable)
                 VALUES ('{short}', '{tenant}', 'D0140', 'Corta', 'Short', 30, '{short_pattern}', true),
                        ('{long}', '{tenant}', 'D2391', 'Larga', 'Long', 60, '{long_pattern}', true);"
        );
        for (number, (id, calendar)) in self.dentists.iter().enumerate() {
            sql += &format!(
                "INSERT INTO calendars (id, kind, tenant_id) VALUES ('{calendar}', 'dentist', '{tenant}');
                 INSERT INTO providers (id, tenant_id, role, name, calendar_id)
                     VALUES ('{id}', '{tenant}', 'dentist', 'Dentist {number}', '{calendar}');"
            );
            for (operatory, _) in &self.operatories {
                let assignment = Uuid::new_v4();
                sql += &format!(
                    "INSERT INTO assignments (id, tenant_id, provider_id, operatory_id, valid_from, shared)
                         VALUES ('{assignment}', '{tenant}', '{id}', '{operatory}', '2020-01-01', true);
                     INSERT INTO assignment_hours (tenant_id, assignment_id, weekday, from_minute, to_minute)
                         SELECT '{tenant}', '{assignment}', day, 480, 1200 FROM generate_series(1, 7) day;"
                );
            }
        }
        for (number, (id, calendar)) in self.patients.iter().enumerate() {
            sql += &format!(
                "INSERT INTO calendars (id, kind) VALUES ('{calendar}', 'patient');
                 INSERT INTO patients (id, first_name, last_name, calendar_id)
                     VALUES ('{id}', 'Patient', 'Number {number}', '{calendar}');
                 INSERT INTO patient_dentists (tenant_id, patient_id) VALUES ('{tenant}', '{id}');"
            );
        }
        sql
    }
}

#[allow(clippy::unwrap_used)]
async fn execute(db: &TestDb, sql: &str) {
    let mut owner = AsyncPgConnection::establish(&db.url).await.unwrap();
    owner.batch_execute(sql).await.unwrap();
}

//! Practices to book in, made by a handful of statements however many there are. Ids are computed,
//! in SQL and here alike, so that ten thousand practices need no memory.

use diesel_async::{AsyncPgConnection, SimpleAsyncConnection};
use serde_json::json;
use uuid::Uuid;

use crate::Outcome;

/// How many practices, and how many of each in every practice. Dentists and operatories are equal
/// in number, and everybody may work everywhere in their practice.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    pub tenants: u64,
    pub dentists: u64,
    pub patients: u64,
}

/// What an id is of; part of the id.
#[derive(Clone, Copy)]
enum Kind {
    User = 1,
    Tenant,
    Clinic,
    OperatoryCalendar,
    Operatory,
    DentistCalendar,
    Dentist,
    Assignment,
    Short,
    Long,
    PatientCalendar,
    Patient,
}

/// The number is spread over the id's first bits, where ids of real rows differ too: the index that
/// keeps bookings apart is a tree by what a `double` holds of an id, and ids that are the same in it
/// make that tree a list.
fn id(kind: Kind, number: u64) -> Uuid {
    let version_and_variant = 0x4000_8000_u128 << 48;
    let spread = number.wrapping_mul(SPREAD) & 0xffff_ffff;
    Uuid::from_u128((u128::from(spread) << 96) | version_and_variant | kind as u128)
}

/// Odd, so that no two numbers below 2^32 become one (Knuth, The Art of Computer Programming, 6.4).
const SPREAD: u64 = 2_654_435_761;

/// The calendar of a seeded dentist, operatory or patient: its kind is the one before.
#[must_use]
pub fn calendar_of(resource: Uuid) -> Uuid {
    Uuid::from_u128(resource.as_u128() - 1)
}

/// [`id`] in SQL.
const SEED_ID: &str = "CREATE FUNCTION pg_temp.seed_id(kind int, number bigint) RETURNS uuid \
    LANGUAGE sql IMMUTABLE AS $$ SELECT (lpad(to_hex(number * 2654435761 & 4294967295), 8, '0') \
    || '-0000-4000-8000-' || lpad(to_hex(kind), 12, '0'))::uuid $$;";

/// Only what has rows: a table that was analysed while it was empty is scanned from end to end by
/// plans that are cached then (foreign keys' among them), until it is analysed again.
const ANALYZE: &str = "ANALYZE users, tenants, memberships, calendars, patients, patient_dentists, \
    clinics, operatories, providers, assignments, assignment_hours, treatments";

/// A resource that can be in one place at a time.
#[derive(Clone, Copy, Debug)]
pub struct Resource {
    pub id: Uuid,
    pub calendar: Uuid,
}

/// One of the practices. Open every day from 08:00 to 20:00 in a zone that has no summer time.
#[derive(Clone, Copy, Debug)]
pub struct Practice {
    size: Size,
    number: u64,
}

impl Practice {
    #[must_use]
    pub fn tenant(self) -> Uuid {
        id(Kind::Tenant, self.number)
    }

    /// The owner's account.
    #[must_use]
    pub fn owner(self) -> Uuid {
        id(Kind::User, self.number)
    }

    #[must_use]
    pub fn dentist(self, number: u64) -> Resource {
        let number = self.number * self.size.dentists + number;
        Resource {
            id: id(Kind::Dentist, number),
            calendar: id(Kind::DentistCalendar, number),
        }
    }

    #[must_use]
    pub fn operatory(self, number: u64) -> Resource {
        let number = self.number * self.size.dentists + number;
        Resource {
            id: id(Kind::Operatory, number),
            calendar: id(Kind::OperatoryCalendar, number),
        }
    }

    #[must_use]
    pub fn patient(self, number: u64) -> Uuid {
        id(Kind::Patient, self.number * self.size.patients + number)
    }

    /// Dentist and operatory for 30 minutes.
    #[must_use]
    pub fn short(self) -> Uuid {
        id(Kind::Short, self.number)
    }

    /// Operatory for 60 minutes, the dentist for minutes 10 to 40.
    #[must_use]
    pub fn long(self) -> Uuid {
        id(Kind::Long, self.number)
    }
}

impl Size {
    /// The practice of that number, from 0.
    #[must_use]
    pub fn practice(self, number: u64) -> Practice {
        Practice { size: self, number }
    }

    /// Writes the practices into an empty, migrated database as its superuser.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn write(self, database: &mut AsyncPgConnection) -> Outcome<()> {
        database.batch_execute(SEED_ID).await?;
        database.batch_execute(&self.people()).await?;
        database.batch_execute(&self.rooms()).await?;
        database.batch_execute(&self.treatments()).await?;
        database.batch_execute(ANALYZE).await?;
        Ok(())
    }

    fn people(self) -> String {
        let Self {
            tenants,
            dentists,
            patients,
        } = self;
        let [user, tenant, calendar, dentist] = [
            Kind::User,
            Kind::Tenant,
            Kind::DentistCalendar,
            Kind::Dentist,
        ]
        .map(|kind| kind as u32);
        let [patient_calendar, patient] =
            [Kind::PatientCalendar, Kind::Patient].map(|kind| kind as u32);
        format!(
            "INSERT INTO users (id, email, name)
                 SELECT pg_temp.seed_id({user}, t), 'owner' || t || '@example.com', 'Owner ' || t
                 FROM generate_series(0, {tenants} - 1) t;
             INSERT INTO tenants (id, name, subdomain, zone)
                 SELECT pg_temp.seed_id({tenant}, t), 'Practice ' || t, 'p' || t, 'America/Guayaquil'
                 FROM generate_series(0, {tenants} - 1) t;
             INSERT INTO memberships (tenant_id, user_id, role)
                 SELECT pg_temp.seed_id({tenant}, t), pg_temp.seed_id({user}, t), 'dentist'
                 FROM generate_series(0, {tenants} - 1) t;
             INSERT INTO calendars (id, kind, tenant_id)
                 SELECT pg_temp.seed_id({calendar}, d), 'dentist', pg_temp.seed_id({tenant}, d / {dentists})
                 FROM generate_series(0::bigint, {tenants} * {dentists} - 1) d;
             INSERT INTO providers (id, tenant_id, role, name, calendar_id)
                 SELECT pg_temp.seed_id({dentist}, d), pg_temp.seed_id({tenant}, d / {dentists}),
                     'dentist', 'Dentist ' || d, pg_temp.seed_id({calendar}, d)
                 FROM generate_series(0::bigint, {tenants} * {dentists} - 1) d;
             INSERT INTO calendars (id, kind)
                 SELECT pg_temp.seed_id({patient_calendar}, p), 'patient'
                 FROM generate_series(0::bigint, {tenants} * {patients} - 1) p;
             INSERT INTO patients (id, first_name, last_name, calendar_id)
                 SELECT pg_temp.seed_id({patient}, p), 'Patient', 'Number ' || p,
                     pg_temp.seed_id({patient_calendar}, p)
                 FROM generate_series(0::bigint, {tenants} * {patients} - 1) p;
             INSERT INTO patient_dentists (tenant_id, patient_id)
                 SELECT pg_temp.seed_id({tenant}, p / {patients}), pg_temp.seed_id({patient}, p)
                 FROM generate_series(0::bigint, {tenants} * {patients} - 1) p;"
        )
    }

    /// One clinic for each practice; every dentist is assigned to each of its operatories.
    fn rooms(self) -> String {
        let Self {
            tenants, dentists, ..
        } = self;
        let [tenant, clinic, calendar, operatory, dentist, assignment] = [
            Kind::Tenant,
            Kind::Clinic,
            Kind::OperatoryCalendar,
            Kind::Operatory,
            Kind::Dentist,
            Kind::Assignment,
        ]
        .map(|kind| kind as u32);
        format!(
            "INSERT INTO clinics (id, name, zone)
                 SELECT pg_temp.seed_id({clinic}, t), 'Clinic ' || t, 'America/Guayaquil'
                 FROM generate_series(0, {tenants} - 1) t;
             INSERT INTO calendars (id, kind)
                 SELECT pg_temp.seed_id({calendar}, o), 'operatory'
                 FROM generate_series(0::bigint, {tenants} * {dentists} - 1) o;
             INSERT INTO operatories (id, clinic_id, name, calendar_id)
                 SELECT pg_temp.seed_id({operatory}, o), pg_temp.seed_id({clinic}, o / {dentists}),
                     'Chair ' || o, pg_temp.seed_id({calendar}, o)
                 FROM generate_series(0::bigint, {tenants} * {dentists} - 1) o;
             INSERT INTO assignments (id, tenant_id, provider_id, operatory_id, valid_from, shared)
                 SELECT pg_temp.seed_id({assignment}, d * {dentists} + c),
                     pg_temp.seed_id({tenant}, d / {dentists}), pg_temp.seed_id({dentist}, d),
                     pg_temp.seed_id({operatory}, d / {dentists} * {dentists} + c), '2020-01-01', true
                 FROM generate_series(0::bigint, {tenants} * {dentists} - 1) d,
                     generate_series(0, {dentists} - 1) c;
             INSERT INTO assignment_hours (tenant_id, assignment_id, weekday, from_minute, to_minute)
                 SELECT tenant_id, id, weekday, 480, 1200
                 FROM assignments, generate_series(1, 7) weekday;"
        )
    }

    fn treatments(self) -> String {
        let Self { tenants, .. } = self;
        let [tenant, short, long] = [Kind::Tenant, Kind::Short, Kind::Long].map(|kind| kind as u32);
        let part = |role: &str, from: u32, to: u32| json!({ "role": role, "from": from, "to": to });
        let short_pattern = json!([part("operatory", 0, 30), part("dentist", 0, 30)]);
        let long_pattern = json!([part("operatory", 0, 60), part("dentist", 10, 40)]);
        let columns =
            "id, tenant_id, code, name_es, name_en, duration_min, pattern, online_bookable";
        format!(
            "INSERT INTO treatments ({columns})
                 SELECT pg_temp.seed_id({short}, t), pg_temp.seed_id({tenant}, t), 'D0140',
                     'Corta', 'Short', 30, '{short_pattern}', true FROM generate_series(0, {tenants} - 1) t;
             INSERT INTO treatments ({columns})
                 SELECT pg_temp.seed_id({long}, t), pg_temp.seed_id({tenant}, t), 'D2391',
                     'Larga', 'Long', 60, '{long_pattern}', true FROM generate_series(0, {tenants} - 1) t;"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resource_tells_its_calendar() {
        let size = Size {
            tenants: 3,
            dentists: 2,
            patients: 5,
        };
        let practice = size.practice(2);
        let (dentist, operatory) = (practice.dentist(1), practice.operatory(1));
        assert_eq!(calendar_of(dentist.id), dentist.calendar);
        assert_eq!(calendar_of(operatory.id), operatory.calendar);
        assert_eq!(
            calendar_of(practice.patient(4)),
            id(Kind::PatientCalendar, 14)
        );
    }

    #[test]
    fn an_id_is_spelled_as_in_sql() {
        assert_eq!(
            id(Kind::Patient, 255).to_string(),
            "0000000c-0000-4000-8000-0000000000ff"
        );
    }
}

//! The table of claims refuses what must not be, whoever writes to it.

use diesel_async::AsyncPgConnection;
use schema::ids::{AppointmentId, CalendarId, HoldId};
use schema::test_db::TestDb;
use schema::test_db::practice::Practice;
use uuid::Uuid;

use super::support::{constraint, engine, practice, run, tried};

const OVERBOOKED: Option<&str> = Some("claims_no_overbooking");

/// A calendar with an appointment from 09:00 to 09:30, and the role that writes claims.
struct Table {
    db: TestDb,
    practice: Practice,
    calendar: CalendarId,
    appointment: AppointmentId,
    hold: HoldId,
    engine: AsyncPgConnection,
}

/// What `kind` names as its cause.
#[derive(Clone, Copy)]
enum Cause {
    Right,
    Appointment,
    Both,
    Nothing,
}

impl Table {
    async fn new() -> Self {
        let (db, practice) = practice().await;
        let mut engine = engine(&db).await;
        let (appointment, hold) = (AppointmentId::new(), HoldId::new());
        let (tenant, treatment) = (practice.tenant, practice.short);
        let provider = practice.dentists[0].0;
        let operatory = practice.operatories[0].0;
        let patient = practice.patients[0].0;
        run(
            &mut engine,
            &format!(
                "INSERT INTO appointments (id, tenant_id, status, start_at, end_at, patient_id,
                     provider_id, operatory_id, treatment_id, pattern)
                 VALUES ('{appointment}', '{tenant}', 'scheduled', '2027-03-01 09:00Z',
                     '2027-03-01 09:30Z', '{patient}', '{provider}', '{operatory}', '{treatment}', '[]');
                 INSERT INTO holds (id, tenant_id, token_hash, start_at, end_at, provider_id,
                     operatory_id, treatment_id, pattern, owner, expires_at, renewable_until)
                 VALUES ('{hold}', '{tenant}', '', '2027-03-01 09:00Z', '2027-03-01 09:30Z',
                     '{provider}', '{operatory}', '{treatment}', '[]', 'test', now(), now());"
            ),
        )
        .await;
        let calendar = practice.dentists[0].1;
        let mut table = Self {
            db,
            practice,
            calendar,
            appointment,
            hold,
            engine,
        };
        let first = table.claim(
            calendar,
            "appointment",
            "[2027-03-01 09:00Z,2027-03-01 09:30Z)",
        );
        run(&mut table.engine, &first).await;
        table
    }

    fn claim(&self, calendar: CalendarId, kind: &str, during: &str) -> String {
        self.claim_for(calendar, kind, during, Cause::Right)
    }

    fn claim_for(&self, calendar: CalendarId, kind: &str, during: &str, cause: Cause) -> String {
        let appointment = format!("'{}'", self.appointment);
        let hold = format!("'{}'", self.hold);
        let none = || "NULL".to_owned();
        let (appointment, hold) = match (cause, kind) {
            (Cause::Right, "appointment") | (Cause::Appointment, _) => (appointment, none()),
            (Cause::Right, "hold") => (none(), hold),
            (Cause::Both, _) => (appointment, hold),
            (Cause::Right | Cause::Nothing, _) => (none(), none()),
        };
        let id = Uuid::new_v4();
        let tenant = self.practice.tenant;
        format!(
            "INSERT INTO claims (id, calendar_id, tenant_id, kind, during, appointment_id, hold_id)
             VALUES ('{id}', '{calendar}', '{tenant}', '{kind}', '{during}', {appointment}, {hold});"
        )
    }

    /// Which constraint refuses `sql`; nothing of it stays.
    async fn refused_by(&mut self, sql: &str) -> Option<String> {
        let error = tried(&mut self.engine, sql).await.err()?;
        let name = constraint(&error).map(ToOwned::to_owned);
        Some(name.unwrap_or_else(|| error.to_string()))
    }
}

#[tokio::test]
async fn bookings_never_overlap_and_facts_may() {
    let mut table = Table::new().await;
    let own = table.calendar;
    let other = table.practice.dentists[1].1;
    let cases = [
        // kind, from, to, calendar, who refuses
        ("appointment", "09:00", "09:30", own, OVERBOOKED),
        ("appointment", "09:15", "09:45", own, OVERBOOKED),
        ("appointment", "08:45", "09:01", own, OVERBOOKED),
        ("appointment", "09:29", "09:30", own, OVERBOOKED),
        ("appointment", "08:00", "12:00", own, OVERBOOKED),
        ("hold", "09:00", "09:30", own, OVERBOOKED),
        ("hold", "09:29", "10:00", own, OVERBOOKED),
        ("appointment", "09:30", "10:00", own, None),
        ("appointment", "08:30", "09:00", own, None),
        ("hold", "09:30", "09:31", own, None),
        ("appointment", "09:00", "09:30", other, None),
        ("block", "09:00", "09:30", own, None),
        ("external", "08:00", "12:00", own, None),
    ];
    for (kind, from, to, calendar, refuses) in cases {
        let during = format!("[2027-03-01 {from}Z,2027-03-01 {to}Z)");
        let sql = table.claim(calendar, kind, &during);
        let refused = table.refused_by(&sql).await;
        assert_eq!(refused.as_deref(), refuses, "{kind} {from}-{to}");
    }
    // A fact first, a booking over it: of no concern to the database either.
    let fact = table.claim(own, "external", "[2027-03-01 11:00Z,2027-03-01 12:00Z)");
    let booking = table.claim(own, "appointment", "[2027-03-01 11:00Z,2027-03-01 12:00Z)");
    assert_eq!(table.refused_by(&(fact.clone() + &booking)).await, None);
    let twice = booking.clone()
        + &fact
        + &table.claim(own, "hold", "[2027-03-01 11:59Z,2027-03-01 12:30Z)");
    assert_eq!(table.refused_by(&twice).await.as_deref(), OVERBOOKED);
}

#[tokio::test]
async fn changing_a_claim_is_no_way_around() {
    let mut table = Table::new().await;
    let own = table.calendar;
    let later = table.claim(own, "appointment", "[2027-03-01 10:00Z,2027-03-01 10:30Z)");
    let moved = later.clone()
        + "UPDATE claims SET during = '[2027-03-01 09:10Z,2027-03-01 09:40Z)'
           WHERE lower(during) = '2027-03-01 10:00Z';";
    assert_eq!(table.refused_by(&moved).await.as_deref(), OVERBOOKED);
    let other = table.practice.dentists[1].1;
    let elsewhere = table.claim(
        other,
        "appointment",
        "[2027-03-01 09:00Z,2027-03-01 09:30Z)",
    );
    let moved = elsewhere
        + &format!("UPDATE claims SET calendar_id = '{own}' WHERE calendar_id = '{other}';");
    assert_eq!(table.refused_by(&moved).await.as_deref(), OVERBOOKED);
    let block = table.claim(own, "block", "[2027-03-01 09:00Z,2027-03-01 09:30Z)");
    let appointment = table.appointment;
    let became = block
        + &format!(
            "UPDATE claims SET kind = 'appointment', appointment_id = '{appointment}'
             WHERE kind = 'block';"
        );
    assert_eq!(table.refused_by(&became).await.as_deref(), OVERBOOKED);
}

#[tokio::test]
async fn a_claim_is_whole_minutes_of_something() {
    const WHOLE: Option<&str> = Some("claims_whole_minutes");
    const DAY: Option<&str> = Some("claims_at_most_a_day");
    const CAUSE: Option<&str> = Some("claims_name_their_cause");
    let mut table = Table::new().await;
    let calendar = table.practice.dentists[1].1;
    let hour = "[2027-03-01 09:00Z,2027-03-01 10:00Z)";
    let cases = [
        (
            "block",
            "[2027-03-01 09:00:30Z,2027-03-01 10:00Z)",
            Cause::Right,
            WHOLE,
        ),
        (
            "block",
            "[2027-03-01 09:00Z,2027-03-01 10:00:00.001Z)",
            Cause::Right,
            WHOLE,
        ),
        (
            "block",
            "(2027-03-01 09:00Z,2027-03-01 10:00Z)",
            Cause::Right,
            WHOLE,
        ),
        (
            "block",
            "[2027-03-01 09:00Z,2027-03-01 10:00Z]",
            Cause::Right,
            WHOLE,
        ),
        ("block", "[2027-03-01 09:00Z,)", Cause::Right, WHOLE),
        ("block", "[2027-03-01 09:00Z,infinity)", Cause::Right, WHOLE),
        ("block", "empty", Cause::Right, Some("claims_not_empty")),
        (
            "block",
            "[2027-03-01 09:00Z,2027-03-01 09:00Z)",
            Cause::Right,
            Some("claims_not_empty"),
        ),
        (
            "appointment",
            "[2027-03-01 09:00Z,2027-03-02 09:00Z)",
            Cause::Right,
            None,
        ),
        (
            "appointment",
            "[2027-03-01 09:00Z,2027-03-02 09:01Z)",
            Cause::Right,
            DAY,
        ),
        (
            "hold",
            "[2027-03-01 09:00Z,2027-03-02 09:01Z)",
            Cause::Right,
            DAY,
        ),
        (
            "block",
            "[2027-03-01 09:00Z,2027-03-08 09:00Z)",
            Cause::Right,
            None,
        ),
        ("appointment", hour, Cause::Nothing, CAUSE),
        ("hold", hour, Cause::Nothing, CAUSE),
        ("hold", hour, Cause::Appointment, CAUSE),
        ("appointment", hour, Cause::Both, CAUSE),
        ("block", hour, Cause::Appointment, CAUSE),
        ("external", hour, Cause::Both, CAUSE),
        ("nap", hour, Cause::Right, Some("claims_kind_check")),
    ];
    for (kind, during, cause, refuses) in cases {
        let sql = table.claim_for(calendar, kind, during, cause);
        let refused = table.refused_by(&sql).await;
        assert_eq!(refused.as_deref(), refuses, "{kind} {during}");
    }
}

#[tokio::test]
async fn a_visit_is_whole_minutes_of_at_most_a_day() {
    let mut table = Table::new().await;
    let cases = [
        (
            "end_at = '2027-03-01 09:30:30Z'",
            Some("appointments_whole_minutes"),
        ),
        (
            "start_at = '2027-03-01 09:00:01Z'",
            Some("appointments_whole_minutes"),
        ),
        ("start_at = '-infinity'", Some("appointments_check")),
        ("end_at = '2027-03-02 09:00Z'", None),
        ("end_at = '2027-03-02 09:01Z'", Some("appointments_check")),
        ("end_at = start_at", Some("appointments_check")),
        ("status = 'lost'", Some("appointments_status_check")),
    ];
    for (set, refuses) in cases {
        let refused = table
            .refused_by(&format!("UPDATE appointments SET {set}"))
            .await;
        assert_eq!(refused.as_deref(), refuses, "{set}");
    }
}

#[tokio::test]
async fn a_claim_is_of_the_tenant_of_its_cause() {
    let mut table = Table::new().await;
    let stranger = Practice::seed_sharing(&table.db, &table.practice, 1).await;
    let (own, strangers) = (
        table.practice.tenant.to_string(),
        stranger.tenant.to_string(),
    );
    // Keys see past policies: only one with the tenant in it keeps a stranger's cause out.
    let during = "[2027-03-01 12:00Z,2027-03-01 13:00Z)";
    for (kind, refuses) in [
        ("appointment", Some("claims_tenant_id_appointment_id_fkey")),
        ("hold", Some("claims_tenant_id_hold_id_fkey")),
        ("block", None),
    ] {
        let sql = table.claim(table.calendar, kind, during);
        let sql = sql.replace(&own, &strangers) + "SET CONSTRAINTS ALL IMMEDIATE;";
        let refused = table.refused_by(&sql).await;
        assert_eq!(refused.as_deref(), refuses, "{kind}");
    }
}

//! A database with a practice, and an engine on it.

use std::time::Duration;

use chrono::{Days, NaiveTime};
use diesel_async::{AsyncConnection, AsyncPgConnection};
use engine::Engine;
use engine::clock::Clock;
use engine::command::{Book, Command, Done, PatientRef, Reply, Request};
use engine::failure::Refusal;
use engine::scheduling::placement::Asker;
use engine::scheduling::zone::Zone;
use engine::settings::Settings;
use schema::audit_log::Origin;
use schema::models::appointment::Appointment;
use schema::span::Minute;
use schema::test_db::TestDb;
use schema::test_db::practice::{Practice, Size};

pub struct World {
    pub engine: Engine,
    pub practice: Practice,
    pub db: TestDb,
}

impl World {
    pub async fn new(size: Size) -> Self {
        Self::with(size, settings()).await
    }

    pub async fn with(size: Size, settings: Settings) -> Self {
        let db = TestDb::new().await;
        let practice = Practice::seed(&db, size).await;
        let engine = start(&db.url, settings).await;
        Self {
            engine,
            practice,
            db,
        }
    }

    /// Another process, as far as this one can tell.
    pub async fn another_engine(&self) -> Engine {
        start(&self.db.url, settings()).await
    }

    /// The test's own session, which no policy binds.
    pub async fn owner(&self) -> AsyncPgConnection {
        AsyncPgConnection::establish(&self.db.url).await.unwrap()
    }

    /// Loads what bookings take, so that those to come need nothing more of the database before
    /// their commit: what they do then is in the order in which they were asked.
    pub async fn load_everything(&self) {
        self.engine.rules(self.practice.tenant).await.unwrap();
        let practice = &self.practice;
        let dentists = practice.dentists.iter().map(|(_, calendar)| *calendar);
        let chairs = practice.operatories.iter().map(|(_, calendar)| *calendar);
        let patients = practice.patients.iter().map(|(_, calendar)| *calendar);
        for id in dentists.chain(chairs).chain(patients) {
            self.engine.calendar(id).await.unwrap();
        }
    }

    /// A local time some days from today.
    pub fn at(&self, days: u64, hour: u32, minute: u32) -> Minute {
        let zone: Zone = "America/Guayaquil".parse().unwrap();
        let today = zone.to_local(self.engine.clock().minute()).date();
        let date = today.checked_add_days(Days::new(days)).unwrap();
        zone.to_utc(date.and_time(NaiveTime::from_hms_opt(hour, minute, 0).unwrap()))
    }

    pub fn book(&self, patient: usize, dentist: usize, start: Minute) -> Book {
        let (id, calendar) = self.practice.patients[patient];
        Book {
            patient: PatientRef { id, calendar },
            provider: self.practice.dentists[dentist].0,
            treatment: self.practice.short,
            start,
            operatory: None,
            duration: None,
            notes: None,
            overrides: Default::default(),
        }
    }

    pub fn request(&self, command: Command) -> Request {
        Request {
            tenant: self.practice.tenant,
            asker: Asker::Staff,
            principal: "user:test".into(),
            user: None,
            origin: Origin::default(),
            key: None,
            command,
        }
    }

    pub fn appointment(&self, reply: Result<Reply, Refusal>) -> Appointment {
        match reply.unwrap().done {
            Done::Appointment(appointment) => *appointment,
            other => panic!("not an appointment: {other:?}"),
        }
    }

    pub async fn book_now(&self, patient: usize, dentist: usize, start: Minute) -> Appointment {
        let command = Command::Book(self.book(patient, dentist, start));
        let reply = self.engine.execute(self.request(command)).await;
        self.appointment(reply)
    }

    /// Ends the engine and holds the database against every promise.
    pub async fn assert_clean(self) {
        self.engine.stop().await;
        let report = schema::audit::run(&self.db.url).await.unwrap();
        assert!(report.is_clean(), "{report}");
    }
}

pub fn settings() -> Settings {
    Settings {
        arbiters: 2,
        readers: 4,
        poll_every: Duration::from_millis(20),
        // What a test holds up, it holds up for as long as it likes.
        reserve_deadline: Duration::from_secs(120),
        commit_deadline: Duration::from_secs(120),
        ..Settings::default()
    }
}

pub async fn start(url: &str, settings: Settings) -> Engine {
    Engine::start(url, settings, Clock::system()).await.unwrap()
}

pub fn code(refusal: Refusal) -> &'static str {
    match refusal {
        Refusal::Rejected(rejection) => rejection.code(),
        Refusal::Failed(failure) => failure.code(),
    }
}

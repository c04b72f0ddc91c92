//! Who tries the routes, with which people and rows.

use std::collections::BTreeSet;

use api::once::Keeper;
use api::routes;
use reqwest::Method;
use schema::ids::UserId;
use schema::test_db::practice::{Practice, Size};
use serde_json::Value;
use uuid::Uuid;

use crate::world::World;

/// What came back.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub location: Option<String>,
    pub replayed: bool,
    pub text: String,
}

impl Answer {
    fn body(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_default()
    }

    pub fn code(&self) -> String {
        self.body()["code"].as_str().unwrap_or_default().to_owned()
    }
}

/// Tries routes, and remembers which.
pub struct Clerk<'a> {
    pub world: &'a World,
    http: reqwest::Client,
    pub tried: BTreeSet<(&'static str, &'static str)>,
}

impl<'a> Clerk<'a> {
    pub fn of(world: &'a World) -> Self {
        Self {
            world,
            http: load_tests::http::client().build().unwrap(),
            tried: BTreeSet::new(),
        }
    }

    pub async fn send(
        &self,
        token: Option<&str>,
        (method, path): (&str, &str),
        body: Option<&Value>,
        key: Option<&str>,
    ) -> Answer {
        let method: Method = method.to_uppercase().parse().unwrap();
        let url = format!("{}{path}", self.world.url());
        let mut request = self.http.request(method, url);
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        if let Some(key) = key {
            request = request.header("Idempotency-Key", key);
        }
        request = match body {
            Some(Value::String(csv)) => request
                .header("Content-Type", "text/csv")
                .body(csv.to_owned()),
            Some(body) => request.json(body),
            None => request,
        };
        let answer = request.send().await.unwrap();
        let header = |name: &str| {
            let value = answer.headers().get(name)?;
            Some(value.to_str().unwrap().to_owned())
        };
        let (location, replayed) = (header("location"), header("idempotent-replay").is_some());
        Answer {
            status: answer.status().as_u16(),
            location,
            replayed,
            text: answer.text().await.unwrap(),
        }
    }

    /// A change, the same again, and another one with the same key, of a route whose one parameter
    /// is `id`.
    pub async fn twice(
        &mut self,
        token: Option<&str>,
        route: (&'static str, &'static str),
        id: &str,
        body: Option<Value>,
    ) -> Value {
        let path = match (route.1.find('{'), route.1.find('}')) {
            (Some(from), Some(to)) => format!("{}{id}{}", &route.1[..from], &route.1[to + 1..]),
            _ => route.1.to_owned(),
        };
        self.twice_at(token, route, &path, body).await
    }

    /// The same, with the route's path filled in.
    pub async fn twice_at(
        &mut self,
        token: Option<&str>,
        (method, route): (&'static str, &'static str),
        path: &str,
        body: Option<Value>,
    ) -> Value {
        let known = routes::ALL
            .iter()
            .find(|known| (known.method, known.path) == (method, route));
        let known = known.unwrap_or_else(|| panic!("{method} {route} is no route"));
        self.tried.insert((method, route));
        let key = Uuid::new_v4().to_string();
        let ask = (method, path);
        let rows = self.audit_lines().await;
        let first = self.send(token, ask, body.as_ref(), Some(&key)).await;
        assert!(
            (200..300).contains(&first.status) && !first.replayed,
            "{method} {path}: {first:?}"
        );
        let after = self.audit_lines().await;
        // Who refuses a practice is not told of.
        let told = after > rows || route.ends_with("/decline");
        assert!(told, "{method} {route} tells nobody");
        let again = self.send(token, ask, body.as_ref(), Some(&key)).await;
        assert!(again.replayed, "{method} {route} again: {again:?}");
        assert_eq!(
            (again.status, &again.text, &again.location),
            (first.status, &first.text, &first.location),
            "{method} {route}"
        );
        assert_eq!(after, self.audit_lines().await, "{method} {route} again");
        // What another command is, is the engine's to say.
        if known.keeper == Keeper::Engine {
            return first.body();
        }
        // The query is part of what is asked, so this is something else.
        let other = format!("{path}?another=1");
        let other = self
            .send(token, (method, &other), body.as_ref(), Some(&key))
            .await;
        assert_eq!(
            (other.status, other.code().as_str()),
            (422, "idempotency_mismatch"),
            "{method} {route} otherwise"
        );
        first.body()
    }

    async fn audit_lines(&self) -> i64 {
        self.lines("action NOT LIKE 'session.%'").await
    }

    /// How many lines of the audit log are so.
    pub async fn lines(&self, so: &str) -> i64 {
        #[derive(diesel::QueryableByName)]
        struct Number {
            #[diesel(sql_type = diesel::sql_types::BigInt)]
            number: i64,
        }
        use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};
        let mut owner = AsyncPgConnection::establish(&self.world.db.url)
            .await
            .unwrap();
        let sql = format!("SELECT count(*) AS number FROM audit_log WHERE {so}");
        let row: Number = diesel::sql_query(sql).get_result(&mut owner).await.unwrap();
        row.number
    }
}

pub fn id(row: &Value) -> String {
    row["id"].as_str().expect("an id").to_owned()
}

/// People and rows that the practice does not start with.
pub struct Others {
    pub admin: String,
    pub patient: String,
    pub newcomer: String,
    pub colleague: String,
    /// Of practices that ask for records: two for whoever has the mail, two of the patient's own.
    pub questions: Vec<String>,
    pub other: Practice,
}

pub async fn others(world: &World) -> Others {
    let (admin, patient, newcomer, colleague) =
        (UserId::new(), UserId::new(), UserId::new(), UserId::new());
    let size = Size {
        dentists: 1,
        operatories: 1,
        patients: 5,
    };
    let other = Practice::seed(&world.db, size).await;
    let (tenant, owner) = (world.practice.tenant, world.practice.owner);
    let of_other = |number: usize| other.patients[number].0;
    let mut sql = format!(
        "INSERT INTO users (id, email, name, is_super_admin, email_verified_at) VALUES
             ('{admin}', '{admin}@x.ec', 'Admin', true, now()),
             ('{patient}', '{patient}@x.ec', 'Patient', false, now()),
             ('{newcomer}', '{newcomer}@x.ec', 'Newcomer', false, now()),
             ('{colleague}', '{colleague}@x.ec', 'Colleague', false, now());
         INSERT INTO memberships (tenant_id, user_id, role)
             VALUES ('{tenant}', '{colleague}', 'staff_billing');
         UPDATE patients SET user_id = '{patient}' WHERE id IN ('{}', '{}', '{}');
         UPDATE patients SET email = 'known@x.ec', date_of_birth = '1990-02-28' WHERE id = '{}';
         UPDATE patients SET email = 'invited@x.ec' WHERE id = '{}';",
        world.patient(50),
        of_other(2),
        of_other(3),
        of_other(4),
        world.patient(51)
    );
    let mut questions = Vec::new();
    for number in 0..4 {
        let question = Uuid::new_v4();
        questions.push(question.to_string());
        sql += &format!(
            "INSERT INTO patient_link_requests (id, tenant_id, patient_id, token_hash, expires_at)
             VALUES ('{question}', '{tenant}', '{}', sha256('asked-{number}'::bytea),
                 now() + interval '1 day');",
            of_other(number)
        );
    }
    sql += &format!(
        "INSERT INTO patient_invitations (id, tenant_id, patient_id, token_hash, expires_at) VALUES
             (gen_random_uuid(), '{tenant}', '{}', sha256('my-link'::bytea), now() + interval '1 day');",
        world.patient(52)
    );
    for token in ["yes", "no"] {
        sql += &format!(
            "INSERT INTO invitations
                 (id, tenant_id, email, role, permissions, token_hash, invited_by, expires_at)
             VALUES (gen_random_uuid(), '{tenant}', '{token}@x.ec', 'admin', '{{}}',
                 sha256('{token}'::bytea), '{owner}', now() + interval '1 day');"
        );
    }
    world.sql(&sql).await;
    Others {
        admin: world.token_of(admin),
        patient: world.token_of(patient),
        newcomer: world.token_of(newcomer),
        colleague: colleague.to_string(),
        questions,
        other,
    }
}

//! Who walks: a practice of their own with a member in each role, a patient, a program, a super admin,
//! a suspended practice; and tokens that do not count.

use api::auth::api_keys::{self, Scope};
use api::auth::permissions::{Permission, Role};
use api::config::Config;
use api::server::{self, RunningServer};
use chrono::{TimeDelta, Utc};
use diesel::prelude::*;
use diesel::sql_types::Text;
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};
use schema::ids::{TenantId, UserId};
use schema::test_db::TestDb;
use schema::test_db::practice::{Practice, Size};
use serde_json::{Value, json};

use super::request::Request;
use super::stranger::{self, Stranger, run};
use crate::socket::Socket;

const SECRET: &str = "a secret for tests, long enough for HS256";

/// Somebody with a token that counts.
#[derive(Debug)]
pub struct Caller {
    pub name: &'static str,
    pub token: String,
    /// What the membership allows; without one, none.
    pub permissions: Option<Vec<Permission>>,
    pub is_owner: bool,
    pub is_person: bool,
    pub is_patient: bool,
    pub is_super_admin: bool,
    pub suspended: bool,
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub text: String,
    code: String,
}

impl Answer {
    pub fn code(&self) -> &str {
        &self.code
    }
}

pub struct People {
    pub stranger: Stranger,
    /// The walkers' own practice.
    pub own: Practice,
    db: TestDb,
    running: RunningServer,
    http: reqwest::Client,
    callers: Vec<Caller>,
    bad_tokens: Vec<(&'static str, Option<String>)>,
}

#[derive(QueryableByName)]
struct Line {
    #[diesel(sql_type = Text)]
    line: String,
}

impl People {
    pub async fn new() -> Self {
        let db = TestDb::new().await;
        let strangers = stranger::seed(&db).await;
        let size = Size {
            dentists: 1,
            operatories: 1,
            patients: 1,
        };
        let own = Practice::seed(&db, size).await;
        let suspended = Practice::seed(&db, size).await;
        let config = Config {
            database_url: Some(db.url.clone().into()),
            jwt_secret: Some(SECRET.to_owned().into()),
            port: 0,
            workers: 1,
            app_pool_size: 4,
            shutdown_seconds: 1,
            membership_cache_ms: 0,
            argon2_memory_kib: 8,
            argon2_passes: 1,
            mail_folder: std::env::temp_dir()
                .join(format!("denticloud-walk-{}", uuid::Uuid::new_v4()))
                .to_string_lossy()
                .into_owned(),
            ..Config::default()
        };
        let running = server::start(config).await.unwrap();
        let mut people = Self {
            stranger: Stranger {
                token: String::new(),
                appointment: String::new(),
                practice: strangers,
            },
            own,
            db,
            running,
            http: load_tests::http::client().build().unwrap(),
            callers: Vec::new(),
            bad_tokens: Vec::new(),
        };
        people.stranger.token = people.token(people.stranger.practice.owner);
        people.stranger.appointment = people.strangers_visit().await;
        people.add_callers(&suspended).await;
        people.add_bad_tokens();
        people
    }

    pub fn callers(&self) -> &[Caller] {
        &self.callers
    }

    pub fn bad_tokens(&self) -> &[(&'static str, Option<String>)] {
        &self.bad_tokens
    }

    pub async fn socket(&self) -> Socket {
        Socket::open(self.running.address).await
    }

    fn token(&self, user: UserId) -> String {
        let tokens = &self.running.app.tokens;
        tokens.issue(user, Vec::new(), None, Utc::now()).unwrap()
    }

    /// Booked by the stranger's owner.
    async fn strangers_visit(&self) -> String {
        let practice = &self.stranger.practice;
        let body = json!({
            "patientId": practice.patients[0].0,
            "dentistId": practice.dentists[0].0,
            "treatmentId": practice.short,
            "start": super::request::start(),
            "notes": stranger::PATIENTS_MARK,
        });
        let url = format!("http://{}/appointments", self.running.address);
        let request = self.http.post(url).bearer_auth(&self.stranger.token);
        let answer = request.json(&body).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), 201);
        let visit: Value = answer.json().await.unwrap();
        visit["id"].as_str().unwrap().to_owned()
    }

    async fn add_callers(&mut self, suspended: &Practice) {
        let (own, theirs) = (self.own.tenant, self.stranger.practice.tenant);
        let nobody = Caller {
            name: "",
            token: String::new(),
            permissions: None,
            is_owner: false,
            is_person: true,
            is_patient: false,
            is_super_admin: false,
            suspended: false,
        };
        let owner = Some(Role::Dentist.default_permissions());
        self.callers.push(Caller {
            name: "dentist",
            token: self.token(self.own.owner),
            permissions: owner.clone(),
            is_owner: true,
            ..nobody_like(&nobody)
        });
        for (role, name) in &Role::ALL[1..] {
            let permissions = role.default_permissions();
            let user = self.member(own, name, &permissions).await;
            self.callers.push(Caller {
                name,
                token: self.token(user),
                permissions: Some(permissions),
                ..nobody_like(&nobody)
            });
        }
        let user = self.member(own, "staff_assistant", &[]).await;
        self.callers.push(Caller {
            name: "member without any permission",
            token: self.token(user),
            permissions: Some(Vec::new()),
            ..nobody_like(&nobody)
        });
        let patient = UserId::new();
        let root = UserId::new();
        let former = UserId::new();
        let both = UserId::new();
        let (theirs_patient, status) = (self.stranger.practice.patients[1].0, "suspended");
        let theirs_too = self.stranger.practice.patients[2].0;
        let reception = Role::StaffReceptionist.default_permissions();
        let receptionist: Vec<&str> = reception.iter().map(|one| one.name()).collect();
        let receptionist = receptionist.join(",");
        run(
            &self.db,
            &format!(
                "INSERT INTO users (id, email, name, is_super_admin, email_verified_at) VALUES
                     ('{patient}', '{patient}@x.ec', 'Patient', false, now()),
                     ('{root}', '{root}@x.ec', 'Root', true, now()),
                     ('{former}', '{former}@x.ec', 'Former', false, now()),
                     ('{both}', '{both}@x.ec', 'Both', false, now());
                 -- Works here, and is treated there.
                 INSERT INTO memberships (tenant_id, user_id, role, permissions)
                     VALUES ('{own}', '{both}', 'staff_receptionist', '{{{receptionist}}}');
                 UPDATE patients SET user_id = '{both}', first_name = 'Both', last_name = 'Both',
                     email = NULL WHERE id = '{theirs_too}';
                 -- Of both practices; the walk is not about this one.
                 UPDATE patients SET user_id = '{patient}', first_name = 'Own', last_name = 'Own',
                     email = NULL WHERE id = '{theirs_patient}';
                 INSERT INTO memberships (tenant_id, user_id, role, status)
                     VALUES ('{theirs}', '{former}', 'admin', 'ended');
                 UPDATE tenants SET status = '{status}' WHERE id = '{}';",
                suspended.tenant
            ),
        )
        .await;
        for (name, user, is_patient, is_super_admin) in [
            ("patient", patient, true, false),
            ("super admin", root, false, true),
            ("former member of theirs", former, false, false),
        ] {
            self.callers.push(Caller {
                name,
                token: self.token(user),
                is_patient,
                is_super_admin,
                ..nobody_like(&nobody)
            });
        }
        self.callers.push(Caller {
            name: "member who is a patient of theirs",
            token: self.token(both),
            permissions: Some(reception),
            is_patient: true,
            ..nobody_like(&nobody)
        });
        // A program with every scope, and one with none.
        let all: Vec<Scope> = Scope::all().collect();
        let ended = self.api_key(own, &all, "revoked_at").await;
        self.bad_tokens.push(("a revoked key's", Some(ended)));
        let expired = self.api_key(own, &all, "expires_at").await;
        self.bad_tokens.push(("an expired key's", Some(expired)));
        for (name, scopes) in [("API key", all), ("API key without scopes", Vec::new())] {
            let mut permissions: Vec<Permission> = Vec::new();
            for scope in &scopes {
                permissions.extend(scope.permissions());
            }
            self.callers.push(Caller {
                name,
                token: self.api_key(own, &scopes, "").await,
                permissions: Some(permissions),
                is_person: false,
                ..nobody_like(&nobody)
            });
        }
        self.callers.push(Caller {
            name: "owner of a suspended practice",
            token: self.token(suspended.owner),
            permissions: owner,
            suspended: true,
            ..nobody_like(&nobody)
        });
    }

    async fn member(&self, tenant: TenantId, role: &str, permissions: &[Permission]) -> UserId {
        let user = UserId::new();
        let permissions: Vec<&str> = permissions.iter().map(|one| one.name()).collect();
        let permissions = permissions.join(",");
        run(
            &self.db,
            &format!(
                "INSERT INTO users (id, email, name) VALUES ('{user}', '{user}@x.ec', 'Member');
                 INSERT INTO memberships (tenant_id, user_id, role, permissions)
                     VALUES ('{tenant}', '{user}', '{role}', '{{{permissions}}}');"
            ),
        )
        .await;
        user
    }

    /// A key of the practice; `ended`: the column that says it counts no more.
    async fn api_key(&self, tenant: TenantId, scopes: &[Scope], ended: &str) -> String {
        let key = api_keys::generate().unwrap();
        let hash: String = key
            .secret_hash
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let scopes: Vec<&str> = scopes.iter().map(|scope| scope.name()).collect();
        let scopes = scopes.join(",");
        let (column, value) = match ended {
            "" => ("", ""),
            "revoked_at" => (", revoked_at", ", now()"),
            _ => (", expires_at", ", now() - interval '1 minute'"),
        };
        let id = key.id;
        run(
            &self.db,
            &format!(
                "INSERT INTO api_keys (id, tenant_id, name, secret_hash, scopes{column})
                 VALUES ('{id}', '{tenant}', 'Walk', '\\x{hash}', '{{{scopes}}}'{value})"
            ),
        )
        .await;
        key.token
    }

    fn add_bad_tokens(&mut self) {
        use base64::Engine;
        use base64::engine::general_purpose::URL_SAFE_NO_PAD;
        // What a thief would forge: the stranger's owner.
        let owner = self.stranger.practice.owner;
        let tokens = &self.running.app.tokens;
        let old = Utc::now() - TimeDelta::days(1);
        let expired = tokens.issue(owner, Vec::new(), None, old).unwrap();
        let config = Config {
            jwt_secret: Some("another secret, as long as the right one".to_owned().into()),
            ..Config::default()
        };
        let others = api::auth::tokens::Tokens::new(&config).unwrap();
        let forged = others.issue(owner, Vec::new(), None, Utc::now()).unwrap();
        let body = forged.split('.').nth(1).unwrap();
        let head = URL_SAFE_NO_PAD.encode(r#"{"typ":"JWT","alg":"none"}"#);
        let right = self.token(owner);
        let (signed, _) = right.rsplit_once('.').unwrap();
        self.bad_tokens.extend([
            ("no", None),
            ("an expired", Some(expired)),
            ("a wrongly signed", Some(forged.clone())),
            ("an unsigned", Some(format!("{head}.{body}."))),
            ("a stripped", Some(format!("{signed}."))),
            ("a made-up", Some("dck_0190c4b2_made-up".to_owned())),
            ("an empty", Some(String::new())),
        ]);
    }

    pub async fn send(
        &self,
        request: &Request,
        token: Option<&str>,
        tenant: Option<TenantId>,
    ) -> Answer {
        let url = format!("http://{}{}", self.running.address, request.path);
        let mut sent = self.http.request(request.method.clone(), url);
        if let Some(token) = token {
            sent = sent.bearer_auth(token);
        }
        if let Some(tenant) = tenant {
            sent = sent.header("X-Tenant-Id", tenant.to_string());
        }
        if let Some((kind, body)) = &request.body {
            sent = sent.header("Content-Type", kind).body(body.clone());
        }
        let answer = sent.send().await.unwrap();
        let status = answer.status().as_u16();
        let text = answer.text().await.unwrap_or_default();
        let body: Value = serde_json::from_str(&text).unwrap_or_default();
        let code = body["code"].as_str().unwrap_or_default().to_owned();
        Answer { status, text, code }
    }

    /// Every row of the stranger's, but for what others may add about it.
    pub async fn stranger_rows(&self) -> Vec<String> {
        let mut owner = AsyncPgConnection::establish(&self.db.url).await.unwrap();
        let tables: Vec<Line> = diesel::sql_query(
            "SELECT table_name::text AS line FROM information_schema.columns
             WHERE table_schema = 'public' AND column_name = 'tenant_id'
             AND table_name <> 'audit_log' ORDER BY 1",
        )
        .load(&mut owner)
        .await
        .unwrap();
        let tenant = self.stranger.practice.tenant;
        let mut rows = Vec::new();
        let queries = tables.iter().map(|table| {
            let table = &table.line;
            format!(
                "SELECT '{table} ' || to_jsonb(t)::text AS line FROM {table} t
                 WHERE tenant_id = '{tenant}' ORDER BY 1"
            )
        });
        let others = [
            format!(
                "SELECT 'tenants ' || to_jsonb(t)::text AS line FROM tenants t WHERE id = '{tenant}'"
            ),
            "SELECT 'patients ' || to_jsonb(t)::text AS line FROM patients t
             WHERE first_name LIKE 'zq7%' ORDER BY 1"
                .to_owned(),
        ];
        for query in queries.chain(others) {
            let found: Vec<Line> = diesel::sql_query(query).load(&mut owner).await.unwrap();
            rows.extend(found.into_iter().map(|row| row.line));
        }
        rows
    }

    /// Stops the server and holds the database against every promise.
    pub async fn end(self) {
        self.running.stop().await;
        let report = schema::audit::run(&self.db.url).await.unwrap();
        assert!(report.is_clean(), "{report}");
    }
}

fn nobody_like(nobody: &Caller) -> Caller {
    Caller {
        token: String::new(),
        permissions: None,
        ..*nobody
    }
}

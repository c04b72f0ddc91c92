//! A practice's settings, and what a super admin does with practices.

use reqwest::Method;
use serde_json::json;

use super::support::{Server, send};

impl Server {
    /// An account that looks after all practices, and its token.
    pub async fn super_admin(&self) -> String {
        let id = self.user("root@test.ec").await;
        let sql = format!("UPDATE users SET is_super_admin = true WHERE id = '{id}'");
        self.with_database(&[], async |connection| {
            diesel_async::SimpleAsyncConnection::batch_execute(connection, &sql).await
        })
        .await;
        self.token("root@test.ec").await
    }
}

#[actix_web::test]
async fn a_practice_says_how_it_works_and_looks() {
    let server = Server::start().await;
    let (_, owner) = server.practice("sol").await;
    let before = server.get("/tenant", &owner).await.ok();
    assert_eq!(before["policy"]["slotIntervalMin"], 15);
    assert_eq!(before["branding"], json!({}));
    let change = json!({
        "name": " Clínica  Sol ",
        "zone": "Europe/Madrid",
        "locale": "en",
        "policy": { "slotIntervalMin": 20, "holdMin": 7 },
        "branding": { "primaryColor": "#0f766e", "logo": "https://example.com/l.png" },
    });
    let changed = server.patch("/tenant", &owner, &change).await.ok();
    assert_eq!(changed["name"], "Clínica Sol");
    assert_eq!(changed["zone"], "Europe/Madrid");
    assert_eq!(changed["policy"]["slotIntervalMin"], 20);
    assert_eq!(changed["policy"]["horizonDays"], 365);
    assert_eq!(changed["branding"]["primaryColor"], "#0f766e");
    let change = json!({ "policy": { "holdMin": null }, "branding": { "logo": null } });
    let changed = server.patch("/tenant", &owner, &change).await.ok();
    assert_eq!(changed["policy"]["slotIntervalMin"], 20);
    assert_eq!(changed["policy"]["holdMin"], 5);
    assert_eq!(changed["branding"], json!({ "primaryColor": "#0f766e" }));
    assert_eq!(server.get("/tenant", &owner).await.ok(), changed);

    for (wrong, field) in [
        (json!({ "zone": "Mars/Base" }), "zone"),
        (json!({ "locale": "fr" }), "locale"),
        (json!({ "name": "" }), "name"),
        (json!({ "status": "active" }), "status"),
        (json!({ "policy": { "holdMin": 0 } }), "policy.holdMin"),
        (json!({ "policy": { "x": 0 } }), "policy.x"),
        (json!({ "branding": { "logo": "x" } }), "branding.logo"),
        (json!({ "subdomain": "admin" }), "subdomain"),
        (json!({ "subdomain": "-sol" }), "subdomain"),
    ] {
        let refused = server.patch("/tenant", &owner, &wrong).await;
        refused.problem(422, "validation");
        assert_eq!(refused.body["errors"][0]["field"], field, "{refused:?}");
    }
    assert_eq!(server.get("/tenant", &owner).await.ok(), changed);
    server.stop().await;
}

#[actix_web::test]
async fn a_policy_is_a_rule_of_the_engine_at_once() {
    let server = Server::start().await;
    let (tenant, owner) = server.practice("sol").await;
    let app = server.app();
    let seen = app.engine.rules(tenant).await.unwrap();
    let change = json!({ "policy": { "slotIntervalMin": 30 } });
    server.patch("/tenant", &owner, &change).await.ok();
    let rules = app.engine.rules(tenant).await.unwrap();
    assert_eq!(rules.policy.slot_interval_min, 30);
    assert_ne!(rules.seen, seen.seen, "what was decided before is stale");
    server.stop().await;
}

#[actix_web::test]
async fn an_address_that_was_left_leads_on_and_is_nobody_elses() {
    let server = Server::start().await;
    let (_, owner) = server.practice("sol").await;
    let (_, other) = server.practice("luna").await;
    let go = async |token: &str, to: &str| {
        let change = json!({ "subdomain": to });
        server.patch("/tenant", token, &change).await
    };
    go(&owner, "luna").await.problem(409, "subdomain_taken");
    assert_eq!(go(&owner, "mediodia").await.ok()["subdomain"], "mediodia");
    go(&other, "sol").await.problem(409, "subdomain_taken");
    let found = api::practices::find(server.app(), "sol").await.unwrap();
    assert_eq!(found.name, "Consultorio sol");
    // Its own old one it may take back.
    assert_eq!(go(&owner, "sol").await.ok()["subdomain"], "sol");
    for to in ["uno", "dos", "tres", "cuatro"] {
        go(&owner, to).await.ok();
    }
    go(&owner, "cinco").await.problem(422, "subdomain_limit");
    server.stop().await;
}

#[actix_web::test]
async fn a_suspended_practice_reads_and_offers_nothing() {
    let server = Server::start().await;
    let (tenant, owner) = server.practice("sol").await;
    server.practice("luna").await;
    let root = server.super_admin().await;
    for path in ["/admin/tenants", "/admin/audit"] {
        server.get(path, &owner).await.problem(403, "forbidden");
    }
    let all = server.get("/admin/tenants?limit=1", &root).await.ok();
    assert_eq!(all["items"][0]["name"], "Consultorio luna");
    let cursor = all["nextCursor"].as_str().unwrap();
    let next = server
        .get(&format!("/admin/tenants?limit=1&cursor={cursor}"), &root)
        .await
        .ok();
    assert_eq!(next["items"][0]["name"], "Consultorio sol");
    let found = server.get("/admin/tenants?q=SOL%40test", &root).await.ok();
    assert_eq!(found["items"].as_array().unwrap().len(), 1);
    assert_eq!(found["items"][0]["owner"]["email"], "sol@test.ec");
    assert_eq!(found["items"][0]["members"], 1);

    let patient = json!({ "firstName": "Ana", "lastName": "Mora" });
    server.post("/patients", &owner, &patient).await.ok();
    let act = async |what: &str| {
        let path = format!("/admin/tenants/{tenant}/{what}");
        send(server.request(Method::POST, &path).bearer_auth(&root)).await
    };
    assert_eq!(act("suspend").await.ok()["status"], "suspended");
    assert_eq!(act("suspend").await.ok()["status"], "suspended");
    server.get("/patients", &owner).await.ok();
    server
        .post("/patients", &owner, &patient)
        .await
        .problem(403, "suspended");
    let change = json!({ "name": "Still here" });
    server
        .patch("/tenant", &owner, &change)
        .await
        .problem(403, "suspended");
    let public = api::practices::find(server.app(), "sol").await;
    assert_eq!(public.unwrap_err().code, "suspended");
    let listed = server.get("/admin/tenants?status=suspended", &root).await;
    assert_eq!(listed.ok()["items"].as_array().unwrap().len(), 1);

    assert_eq!(act("activate").await.ok()["status"], "active");
    server.post("/patients", &owner, &patient).await.ok();
    let log = server.get("/audit?subject=tenant", &owner).await.ok();
    let actions: Vec<&str> = log["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|line| line["action"].as_str().unwrap())
        .collect();
    // Suspending what is suspended is nothing.
    assert_eq!(actions, ["tenant.activated", "tenant.suspended"]);
    let nobody = format!("/admin/tenants/{}/suspend", uuid::Uuid::new_v4());
    server
        .post(&nobody, &root, &json!({}))
        .await
        .problem(404, "not_found");
    server.stop().await;
}

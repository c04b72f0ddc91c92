//! Working for a practice: being invited, saying yes or no, being allowed more or less, leaving.

use reqwest::Method;
use serde_json::{Value, json};

use super::support::{Answer, Server, send};

impl Server {
    /// Without a token.
    async fn post_open(&self, path: &str, body: &Value) -> Answer {
        send(self.request(Method::POST, path).json(body)).await
    }

    /// Invites and answers the secret of the e-mail's link.
    async fn invited(&self, owner: &str, email: &str, role: &str) -> String {
        let body = json!({ "email": email, "role": role });
        let sent = self.post("/staff", owner, &body).await.ok();
        assert_eq!(
            (&sent["status"], &sent["email"]),
            (&json!("open"), &json!(email))
        );
        self.mail(email).await.last().unwrap().token()
    }
}

#[actix_web::test]
async fn somebody_new_joins_by_the_invitation() {
    let server = Server::start().await;
    let (tenant, owner) = server.practice("sol").await;
    let token = server
        .invited(&owner, "eva@test.ec", "staff_receptionist")
        .await;
    let path = format!("/invitations/{token}");
    let shown = send(server.request(Method::GET, &path)).await.ok();
    assert_eq!(shown["practice"], "Consultorio sol");
    assert_eq!(shown["hasAccount"], false);

    let accept = format!("{path}/accept");
    let weak = json!({ "name": "Eva", "password": "short" });
    server
        .post_open(&accept, &weak)
        .await
        .problem(422, "validation");
    let body = json!({ "name": "Eva Mora", "password": "una clave larga" });
    let session = server.post_open(&accept, &body).await;
    assert_eq!(session.status, 201, "{session:?}");
    let eva = session.body["accessToken"].as_str().unwrap().to_owned();
    assert_eq!(
        session.body["workspaces"][0]["tenantId"],
        tenant.to_string()
    );
    server.get("/patients", &eva).await.ok();
    server.get("/staff", &eva).await.problem(403, "forbidden");

    // The link worked once.
    server
        .post_open(&accept, &body)
        .await
        .problem(410, "invitation_over");
    let staff = server.get("/staff", &owner).await.ok();
    assert_eq!(staff["items"].as_array().unwrap().len(), 2);
    let invitations = server.get("/staff/invitations", &owner).await.ok();
    assert_eq!(invitations["items"][0]["status"], "accepted");
    server.stop().await;
}

#[actix_web::test]
async fn somebody_with_an_account_works_for_two_practices() {
    let server = Server::start().await;
    let (sol, owner) = server.practice("sol").await;
    let (luna, eva) = server.practice("luna").await;
    let token = server.invited(&owner, "luna@test.ec", "admin").await;
    let accept = format!("/invitations/{token}/accept");
    // The address has an account: nobody makes a second one with the link.
    let body = json!({ "name": "Eve", "password": "una clave larga" });
    server
        .post_open(&accept, &body)
        .await
        .problem(401, "unauthorized");
    let joined = server.post(&accept, &eva, &json!({})).await.ok();
    assert_eq!(
        (&joined["tenantId"], &joined["role"]),
        (&json!(sol), &json!("admin"))
    );
    server
        .post(&accept, &eva, &json!({}))
        .await
        .problem(410, "invitation_over");

    let workspaces = server.get("/workspaces", &eva).await.ok();
    assert_eq!(workspaces["items"].as_array().unwrap().len(), 2);
    server
        .get("/patients", &eva)
        .await
        .problem(400, "workspace_required");
    for tenant in [sol, luna] {
        let request = server.request(Method::GET, "/tenant").bearer_auth(&eva);
        let at_work = send(request.header("X-Tenant-Id", tenant.to_string())).await;
        assert_eq!(at_work.ok()["id"], tenant.to_string());
    }

    // Both practices' calendars side by side, and nobody else's.
    let (dentist, _) = server.dentist(sol, "Dra. Sol").await;
    server.dentist(luna, "Dra. Luna").await;
    let both = format!("/calendars?tenants={sol},{luna}");
    let calendars = server.get(&both, &eva).await.ok();
    let names: Vec<&str> = calendars["items"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|calendar| calendar["kind"] == "dentist")
        .map(|calendar| calendar["name"].as_str().unwrap())
        .collect();
    assert_eq!(names.len(), 2, "{names:?} {dentist}");
    server.get(&both, &owner).await.problem(403, "forbidden");
    server
        .get("/calendars?tenants=sol", &eva)
        .await
        .problem(400, "bad_request");
    server.stop().await;
}

#[actix_web::test]
async fn an_invitation_is_refused_revoked_replaced_or_too_old() {
    let server = Server::start().await;
    let (tenant, owner) = server.practice("sol").await;
    let reject = async |token: &str| {
        let path = format!("/invitations/{token}/reject");
        send(server.request(Method::POST, &path)).await
    };
    let refused = server.invited(&owner, "eva@test.ec", "staff_billing").await;
    assert_eq!(reject(&refused).await.status, 204);
    reject(&refused).await.problem(410, "invitation_over");

    let first = server.invited(&owner, "eva@test.ec", "staff_billing").await;
    let second = server
        .invited(&owner, "eva@test.ec", "staff_assistant")
        .await;
    reject(&first).await.problem(410, "invitation_over");
    let listed = server.get("/staff/invitations", &owner).await.ok();
    let id = listed["items"][0]["id"].as_str().unwrap().to_owned();
    let resend = format!("/staff/invitations/{id}/resend");
    server
        .post(&resend, &owner, &json!({}))
        .await
        .problem(429, "rate_limited");
    let older = async |what: &str| {
        let sql = format!("UPDATE invitations SET {what} WHERE status = 'open'");
        server
            .with_database(&[tenant], async |connection| {
                diesel_async::SimpleAsyncConnection::batch_execute(connection, &sql).await
            })
            .await;
    };
    older("sent_at = now() - interval '1 hour', expires_at = now()").await;
    reject(&second).await.problem(410, "invitation_over");
    let listed = server.get("/staff/invitations", &owner).await.ok();
    assert_eq!(listed["items"][0]["status"], "expired");
    let resent = server.post(&resend, &owner, &json!({})).await.ok();
    assert_eq!(resent["status"], "open");
    let third = server.mail("eva@test.ec").await.last().unwrap().token();
    reject(&second).await.problem(404, "not_found");

    let path = format!("/staff/invitations/{id}");
    assert_eq!(server.delete(&path, &owner).await.status, 204);
    reject(&third).await.problem(410, "invitation_over");
    server
        .delete(&path, &owner)
        .await
        .problem(409, "wrong_status");
    server
        .post(&resend, &owner, &json!({}))
        .await
        .problem(409, "wrong_status");
    reject("nonsense").await.problem(404, "not_found");
    server.stop().await;
}

#[actix_web::test]
async fn nobody_gives_what_they_lack_and_the_owner_stays() {
    let server = Server::start().await;
    let (tenant, owner) = server.practice("sol").await;
    let manager = server.user("manager@test.ec").await;
    let may = ["canManageStaff", "canViewPatients"];
    server.membership(tenant, manager, "admin", &may).await;
    let boss = server.token("manager@test.ec").await;
    let eva = server.user("eva@test.ec").await;
    let has = ["canViewPatients", "canProcessPayments"];
    server.membership(tenant, eva, "staff_billing", &has).await;
    let path = format!("/staff/{eva}");

    // Neither given nor taken.
    for permissions in [
        json!(["canViewPatients", "canProcessPayments", "canViewAudit"]),
        json!(["canViewPatients"]),
    ] {
        let body = json!({ "permissions": permissions });
        let refused = server.patch(&path, &boss, &body).await;
        refused.problem(403, "forbidden");
    }
    let body = json!({ "email": "x@test.ec", "role": "admin" });
    server
        .post("/staff", &boss, &body)
        .await
        .problem(403, "forbidden");
    let body = json!({ "permissions": ["canProcessPayments"] });
    let changed = server.patch(&path, &boss, &body).await.ok();
    assert_eq!(changed["permissions"], json!(["canProcessPayments"]));
    let changed = server
        .patch(&path, &owner, &json!({ "role": "staff_assistant" }))
        .await
        .ok();
    assert_eq!(
        changed["permissions"],
        json!(["canViewPatients", "canManageAppointments"])
    );

    for body in [
        json!({ "role": "dentist" }),
        json!({ "role": "king" }),
        json!({ "permissions": ["canFly"] }),
        json!({ "colour": "red" }),
    ] {
        let wrong = server.patch(&path, &owner, &body).await;
        wrong.problem(422, "validation");
    }
    let me = server.get("/auth/me", &owner).await.ok();
    let owners = format!("/staff/{}", me["user"]["id"].as_str().unwrap());
    for token in [&boss, &owner] {
        let demoted = json!({ "role": "admin", "permissions": [] });
        server
            .patch(&owners, token, &demoted)
            .await
            .problem(403, "forbidden");
        server
            .delete(&owners, token)
            .await
            .problem(403, "forbidden");
    }

    let token = server.token("eva@test.ec").await;
    server.get("/patients", &token).await.ok();
    assert_eq!(server.delete(&path, &owner).await.status, 204);
    server
        .get("/patients", &token)
        .await
        .problem(403, "forbidden");
    server.delete(&path, &owner).await.problem(404, "not_found");
    // Whoever left may come back.
    let again = server.invited(&owner, "eva@test.ec", "staff_billing").await;
    let accept = format!("/invitations/{again}/accept");
    server.post(&accept, &token, &json!({})).await.ok();
    server.get("/patients", &token).await.ok();
    server.stop().await;
}

//! Patients in and out as CSV.

use std::fmt::Write;

use reqwest::Method;
use serde_json::{Value, json};

use super::names;
use crate::support::{Answer, Server, send};

async fn import(server: &Server, token: &str, query: &str, file: impl Into<String>) -> Answer {
    let request = server.request(Method::POST, &format!("/patients/import{query}"));
    let request = request
        .bearer_auth(token)
        .header("content-type", "text/csv");
    send(request.body(file.into())).await
}

async fn export(server: &Server, token: &str, query: &str) -> String {
    let answer = server.get(&format!("/patients/export{query}"), token).await;
    assert_eq!(answer.headers["content-type"], "text/csv; charset=utf-8");
    answer.ok().as_str().unwrap().to_owned()
}

#[track_caller]
fn counts(report: &Value, expected: [u64; 6]) {
    let fields = [
        "rows",
        "created",
        "linked",
        "unchanged",
        "duplicates",
        "failed",
    ];
    let found = fields.map(|field| report[field].as_u64().unwrap());
    assert_eq!(found, expected, "{report}");
}

const FILE: &str =
    "\u{feff}Nombres;Apellidos;Correo electrónico;Teléfono;Fecha de nacimiento;Notas;Saldo\r
Ana María;Núñez;ana@correo.ec;099 123 4567;28/02/1990;\"habla; mucho\";10\r
José;Mora;;;1985-12-01;;\r
;;;;;;\r
Eva;Paz;ana@correo.ec;;;;\r
;Loor;;;;;\r
Iván;Vera;ivan@;12;31/02/1990;;\r
Luz;Mora;;;;;\r
Luz;Mora;;;;;\r
";

#[actix_web::test]
async fn a_file_is_seen_taken_and_again_changes_nothing() {
    let server = Server::start().await;
    let (_, token) = server.practice("sol").await;
    let seen = import(&server, &token, "?preview=true", FILE).await.ok();
    counts(&seen, [7, 3, 0, 1, 1, 2]);
    assert_eq!(seen["preview"], true);
    let none = server.get("/patients", &token).await.ok();
    assert_eq!(none["items"], json!([]));

    let taken = import(&server, &token, "", FILE).await.ok();
    counts(&taken, [7, 3, 0, 1, 1, 2]);
    let errors: Vec<(u64, &str, &str)> = taken["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| {
            let text = |field: &str| error[field].as_str().unwrap();
            (error["row"].as_u64().unwrap(), text("code"), text("field"))
        })
        .collect();
    for expected in [
        (5, "duplicate", ""),
        (6, "invalid", "firstName"),
        (7, "invalid", "dateOfBirth"),
    ] {
        assert!(errors.contains(&expected), "{errors:?}");
    }
    let list = server.get("/patients", &token).await.ok();
    assert_eq!(names(&list), ["José Mora", "Luz Mora", "Ana María Núñez"]);
    let ana = &list["items"][2];
    assert_eq!(
        (&ana["phone"], &ana["dateOfBirth"], &ana["email"]),
        (
            &json!("+593991234567"),
            &json!("1990-02-28"),
            &json!("ana@correo.ec")
        )
    );
    let relation = format!("/patients/{}/relation", ana["id"].as_str().unwrap());
    assert_eq!(
        server.get(&relation, &token).await.ok()["notes"],
        "habla; mucho"
    );
    let duplicate = &taken["errors"].as_array().unwrap()[0];
    assert_eq!(duplicate["code"], "duplicate");

    counts(
        &import(&server, &token, "", FILE).await.ok(),
        [7, 0, 0, 4, 1, 2],
    );
    let with_family = import(&server, &token, "?duplicates=create", FILE)
        .await
        .ok();
    counts(&with_family, [7, 1, 0, 4, 0, 2]);
    let again = import(&server, &token, "?duplicates=create", FILE)
        .await
        .ok();
    counts(&again, [7, 0, 0, 5, 0, 2]);
    // What was written out is known when it comes back.
    for query in ["", "?delimiter=;&bom=true"] {
        let file = export(&server, &token, query).await;
        counts(
            &import(&server, &token, "", file).await.ok(),
            [4, 0, 0, 4, 0, 0],
        );
    }
    server.stop().await;
}

#[actix_web::test]
async fn strangers_are_linked_with_proof_and_stay_unseen_without() {
    let server = Server::start().await;
    let (_, ours) = server.practice("sol").await;
    let (_, theirs) = server.practice("luna").await;
    let body = json!({ "firstName": "Ana", "lastName": "Mora", "email": "ana@correo.ec",
        "dateOfBirth": "1990-02-28" });
    let patient = server.post("/patients", &ours, &body).await.ok();
    let file = "firstName,lastName,email,dateOfBirth\nAnita,Mora,ana@correo.ec,1990-02-28\n";
    let seen = import(&server, &theirs, "?preview=true", file).await.ok();
    counts(&seen, [1, 0, 1, 0, 0, 0]);
    let path = format!("/patients/{}", patient["id"].as_str().unwrap());
    server.get(&path, &theirs).await.problem(404, "not_found");
    counts(
        &import(&server, &theirs, "", file).await.ok(),
        [1, 0, 1, 0, 0, 0],
    );
    assert_eq!(server.get(&path, &theirs).await.ok(), patient);
    counts(
        &import(&server, &theirs, "", file).await.ok(),
        [1, 0, 0, 1, 0, 0],
    );
    let (_, third) = server.practice("marte").await;
    let without = "firstName,lastName,email\nAna,Mora,ana@correo.ec\n";
    counts(
        &import(&server, &third, "", without).await.ok(),
        [1, 1, 0, 0, 0, 0],
    );
    server.get(&path, &third).await.problem(404, "not_found");
    server.stop().await;
}

#[actix_web::test]
async fn what_is_no_file_of_patients_is_refused() {
    let server = Server::start().await;
    let (_, token) = server.practice("sol").await;
    import(&server, &token, "", "")
        .await
        .problem(400, "bad_request");
    let missing = import(&server, &token, "", "nombre,edad\nAna,3\n").await;
    missing.problem(422, "validation");
    assert_eq!(missing.body["errors"][0]["field"], "lastName");
    import(&server, &token, "?preview=perhaps", FILE)
        .await
        .problem(400, "bad_request");
    server
        .post("/patients/import", &token, &json!({}))
        .await
        .problem(415, "unsupported_media_type");
    let endless = format!("nombre,apellido\n\"{}", "x".repeat(70_000));
    let report = import(&server, &token, "", endless).await.ok();
    assert_eq!(report["errors"][0]["code"], "unreadable");
    let large = import(&server, &token, "", "x".repeat(20 * 1024 * 1024 + 1)).await;
    large.problem(413, "payload_too_large");
    let none = server.get("/patients", &token).await.ok();
    assert_eq!(none["items"], json!([]));
    server.stop().await;
}

/// As many as a file may have; more would be left out.
#[actix_web::test]
async fn fifty_thousand_rows() {
    let server = Server::start().await;
    let (_, token) = server.practice("sol").await;
    let mut file = "nombres,apellidos,correo,telefono,nacimiento\n".to_owned();
    for row in 0..50_001 {
        writeln!(
            file,
            "Ana {row},Mora {},p{row}@correo.ec,09{row:08},19{:02}-0{}-1{}",
            row % 700,
            row % 90,
            1 + row % 9,
            row % 10
        )
        .unwrap();
    }
    let report = import(&server, &token, "", file).await.ok();
    counts(&report, [50_000, 50_000, 0, 0, 0, 1]);
    assert_eq!(report["errors"][0]["code"], "too_many_rows");
    assert_eq!(report["errors"][0]["row"], 50_002);
    let text = export(&server, &token, "").await;
    assert_eq!(text.lines().count(), 50_001);
    let found = server.get("/patients?q=ana 49999 mora", &token).await.ok();
    assert_eq!(names(&found), ["Ana 49999 Mora 299"]);
    server.stop().await;
}

#[actix_web::test]
async fn an_export_is_ones_own_and_no_formula() {
    let server = Server::start().await;
    let (_, ours) = server.practice("sol").await;
    let (_, theirs) = server.practice("luna").await;
    let body = json!({ "firstName": "=cmd|' /C calc'!A0", "lastName": "@Mora, \"A\"",
        "phone": "+593991234567" });
    let patient = server.post("/patients", &ours, &body).await.ok();
    let request = server.request(Method::GET, "/patients/export");
    let english = send(request.bearer_auth(&ours).header("accept-language", "en")).await;
    assert_eq!(
        english.ok(),
        format!(
            "id,firstName,lastName,email,phone,dateOfBirth,notes,archived\r\n\
             {},'=cmd|' /C calc'!A0,\"'@Mora, \"\"A\"\"\",,'+593991234567,,,\r\n",
            patient["id"].as_str().unwrap()
        )
    );
    let other = export(&server, &theirs, "").await;
    assert_eq!(other.lines().count(), 1, "{other}");
    server.stop().await;
}

//! The demo practices as their people see them.

use api::demo::{self, DemoWorld};
use schema::connection::{Role, connect};

use super::support::Server;

#[actix_web::test]
async fn the_demo_is_loaded_once_and_its_people_can_work() {
    let server = Server::start().await;
    let world = DemoWorld::build().unwrap();
    let mut connection = connect(&server.db.url, Role::App).await.unwrap();
    let passwords = &server.app().passwords;
    assert!(
        demo::load(&mut connection, &world, passwords)
            .await
            .unwrap()
    );
    assert!(
        !demo::load(&mut connection, &world, passwords)
            .await
            .unwrap()
    );

    for (email, password, roles, workspaces) in [
        ("admin@dentista.com", "Admin123!", "super_admin", 0),
        ("dentist@dentista.com", "Dentist123!", "dentist", 1),
        (
            "recepcion@dentista.com",
            "Staff123!",
            "staff_receptionist",
            3,
        ),
        ("patient@dentista.com", "Patient123!", "patient", 0),
    ] {
        let session = server.login(email, password).await.ok();
        assert_eq!(
            session["user"]["roles"],
            serde_json::json!([roles]),
            "{email}"
        );
        assert_eq!(
            session["workspaces"].as_array().unwrap().len(),
            workspaces,
            "{email}"
        );
    }

    let session = server
        .login("dentist@dentista.com", "Dentist123!")
        .await
        .ok();
    let token = session["accessToken"].as_str().unwrap();
    for (path, least) in [
        ("/patients?limit=200", 60),
        ("/treatments", 25),
        ("/providers", 3),
        ("/operatories", 3),
        ("/assignments", 3),
        ("/clinics", 1),
        ("/exceptions?limit=200", 30),
    ] {
        let page = server.get(path, token).await.ok();
        let count = page["items"].as_array().unwrap().len();
        assert!(count >= least, "{path}: {count}");
    }
    let patient = server
        .get("/patients?q=valentina%20robalino", token)
        .await
        .ok();
    assert_eq!(patient["items"][0]["email"], "patient@dentista.com");
    server.stop().await;
}

//! The OpenAPI document says what the server does.

use std::collections::BTreeSet;

use reqwest::{Method, header};

use super::support::{Server, send};

#[actix_web::test]
async fn every_route_is_documented_and_every_document_is_a_route() {
    let server = Server::start().await;
    let document = send(server.request(Method::GET, "/api/openapi.json"))
        .await
        .ok();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    let documented: BTreeSet<(String, String)> = document["paths"]
        .as_object()
        .unwrap()
        .iter()
        .flat_map(|(path, item)| {
            let methods = item.as_object().unwrap().keys();
            methods.map(move |method| (method.clone(), path.clone()))
        })
        .collect();
    let registered: BTreeSet<(String, String)> = api::routes::ALL
        .iter()
        .map(|route| (route.method.to_owned(), route.path.to_owned()))
        .collect();
    assert_eq!(documented, registered);
    server.stop().await;
}

#[actix_web::test]
async fn every_reference_in_the_document_leads_somewhere() {
    let document = serde_json::to_value(api::openapi::build()).unwrap();
    let mut pending = vec![&document];
    let mut found = 0;
    while let Some(value) = pending.pop() {
        if let Some(name) = value["$ref"].as_str() {
            let pointer = name.strip_prefix('#').unwrap();
            assert!(document.pointer(pointer).is_some(), "{name}");
            found += 1;
        }
        pending.extend(
            value
                .as_object()
                .into_iter()
                .flat_map(|object| object.values()),
        );
        pending.extend(value.as_array().into_iter().flatten());
    }
    assert!(found > 20, "{found}");
}

/// The document says of every route what its access rule says.
#[actix_web::test]
async fn every_route_says_who_may() {
    let document = serde_json::to_value(api::openapi::build()).unwrap();
    let mut open = BTreeSet::new();
    for route in api::routes::ALL {
        let operation = &document["paths"][route.path][route.method];
        let about = operation["description"].as_str().unwrap();
        let rule = format!("For {}.", route.rule);
        assert!(about.ends_with(&rule), "{route:?}: {about}");
        let wants_token = operation["security"].is_null();
        assert_eq!(wants_token, route.rule.wants_token(), "{route:?}");
        let refused = &operation["responses"]["401"];
        assert_eq!(refused.is_null(), !wants_token, "{route:?}");
        if !wants_token {
            open.insert(route.path);
        }
    }
    assert!(open.contains("/auth/login") && !open.contains("/patients"));
}

#[actix_web::test]
async fn the_document_can_be_browsed_without_the_network() {
    let server = Server::start().await;
    let redirect = send(server.request(Method::GET, "/api/docs")).await;
    assert_eq!(redirect.headers[header::LOCATION], "/api/docs/");
    let page = send(server.request(Method::GET, "/api/docs/")).await;
    let html = page.body.as_str().unwrap();
    assert!(html.contains("swagger-ui"), "{html}");
    assert!(!html.contains("src=\"http"), "{html}");
    let script = send(server.request(Method::GET, "/api/docs/swagger-initializer.js")).await;
    assert!(script.body.as_str().unwrap().contains("/api/openapi.json"));
    assert!(
        page.headers[header::CONTENT_SECURITY_POLICY]
            .to_str()
            .unwrap()
            .contains("script-src 'self'")
    );
    server.stop().await;
}

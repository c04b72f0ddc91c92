//! The walk over the socket: every kind of frame, with everybody.

use api::auth::access::AccessRule;
use api::ws::kinds::Kind;
use serde_json::{Value, json};

use super::people::{Caller, People};
use super::request::{self, start};
use super::stranger::MARK;
use super::{Expected, expected};

/// A frame of that kind with the stranger's ids. A new kind does not compile without one.
fn frame(kind: Kind, people: &People) -> Value {
    let practice = &people.stranger.practice;
    let calendar = practice.dentists[0].1;
    let booking = json!({
        "patientId": practice.patients[0].0,
        "dentistId": practice.dentists[0].0,
        "treatmentId": practice.short,
        "operatoryId": practice.operatories[0].0,
        "start": start(),
    });
    let on = json!({ "appointmentId": people.stranger.appointment });
    let range = json!({ "from": start(), "to": start() + chrono::TimeDelta::days(1) });
    let mut body = match kind {
        Kind::Connect | Kind::Refresh => json!({ "token": people.stranger.token }),
        Kind::Subscribe => json!({ "calendar": calendar, "range": range }),
        Kind::Unsubscribe => json!({ "calendar": calendar }),
        Kind::Availability => {
            json!({ "treatment": practice.short, "dentist": practice.dentists[0].0,
            "from": range["from"], "to": range["to"] })
        }
        Kind::Explain => json!({
            "treatment": practice.short,
            "dentist": practice.dentists[0].0,
            "start": start(),
        }),
        Kind::Book => json!({ "appointment": booking }),
        Kind::Reschedule => json!({ "start": start() }),
        Kind::Resize => json!({ "duration": 60 }),
        Kind::Cancel => json!({ "reason": "walk" }),
        Kind::SetStatus => json!({ "status": "confirmed" }),
        Kind::EditNotes => json!({ "notes": "walk" }),
        Kind::SubscribeSlots => json!({
            "practice": people.own.subdomain,
            "treatment": practice.short,
            "month": start().format("%Y-%m").to_string(),
        }),
        Kind::UnsubscribeSlots => json!({ "feed": calendar }),
        Kind::Presence => json!({ "calendar": calendar, "state": "viewing" }),
        Kind::Swap => request::swap(people),
        Kind::Block => request::block(people),
        Kind::EditBlock | Kind::Unblock => json!({ "blockId": calendar, "title": "walk" }),
        Kind::SeriesPreview | Kind::SeriesBook => request::series(people),
        Kind::SeriesEdit | Kind::SeriesCancel => json!({ "seriesId": calendar, "reason": "walk" }),
        Kind::ReplanPreview | Kind::Replan => request::replan(people),
        Kind::Hold => json!({
            "treatmentId": practice.short,
            "dentistId": practice.dentists[0].0,
            "start": start(),
        }),
        Kind::Renew | Kind::Release => {
            json!({ "holdId": calendar, "holdToken": "no-such-token" })
        }
        Kind::Confirm => json!({
            "holdId": calendar,
            "holdToken": "no-such-token",
            "patientId": practice.patients[0].0,
        }),
    };
    if let Value::Object(body) = &mut body {
        body.insert("type".to_owned(), kind.name().into());
        body.insert("appointmentId".to_owned(), on["appointmentId"].clone());
    }
    body
}

/// Frames that say who speaks are not for a session that has connected.
fn commands() -> impl Iterator<Item = Kind> {
    let kinds = Kind::ALL.iter().copied();
    kinds.filter(|kind| !matches!(kind, Kind::Connect | Kind::Refresh))
}

fn judge(kind: Kind, who: &str, answer: &Value, expected: Expected, found: &mut Vec<String>) {
    let code = answer["code"].as_str().unwrap_or_default();
    let mut wrong = |what: &str| found.push(format!("{} as {who}: {what}: {answer}", kind.name()));
    if answer.to_string().contains(MARK) {
        wrong("tells a stranger's data");
    }
    if code == "internal" {
        wrong("fails");
    }
    match expected {
        Expected::Refused(_, refusal) if code != refusal => wrong(&format!("not {refusal}")),
        Expected::LetIn if ["unauthorized", "suspended"].contains(&code) => {
            wrong("refused, against the rule");
        }
        // What cannot be read never meets a rule.
        _ if code == "bad_request" => wrong("the walk has no such frame"),
        _ => {}
    }
}

async fn walk(people: &People, caller: &Caller, found: &mut Vec<String>) {
    let mut socket = people.socket().await;
    let connect = json!({ "type": "connect", "token": caller.token });
    let connected = socket.ask(connect).await;
    assert_eq!(
        connected["type"], "connected",
        "{}: {connected}",
        caller.name
    );
    for kind in commands() {
        let answer = socket.ask(frame(kind, people)).await;
        // Whoever follows nothing is present nowhere: that is said before anything else.
        if kind == Kind::Presence && answer["code"] == "validation" {
            continue;
        }
        let mut expected = expected(kind.rule(), caller);
        if caller.permissions.is_none() && kind.rule() == AccessRule::Public {
            // Whoever works nowhere has no practice to ask in.
            expected = Expected::LetIn;
        }
        judge(kind, caller.name, &answer, expected, found);
        let mut theirs = frame(kind, people);
        theirs["tenant"] = json!(people.stranger.practice.tenant);
        let answer = socket.ask(theirs).await;
        // These name no workspace: they are about this session, or about a public page.
        let names_none = matches!(
            kind,
            Kind::Unsubscribe | Kind::SubscribeSlots | Kind::UnsubscribeSlots | Kind::Presence
        );
        if !names_none && answer["code"] != "forbidden" {
            let name = caller.name;
            found.push(format!("{} as {name} at theirs: {answer}", kind.name()));
        }
    }
}

#[actix_web::test]
async fn every_frame_with_everybody_who_has_no_business_there() {
    let people = People::new().await;
    let before = people.stranger_rows().await;
    let mut found = Vec::new();
    for (name, token) in people.bad_tokens() {
        let mut socket = people.socket().await;
        let answer = socket
            .ask(json!({ "type": "connect", "token": token }))
            .await;
        if answer["code"] != "unauthorized" || socket.closed().await != 4001 {
            found.push(format!("connect with {name} token: {answer}"));
        }
    }
    // Before anybody has said who they are.
    for kind in commands() {
        let mut socket = people.socket().await;
        let answer = socket.ask(frame(kind, &people)).await;
        if answer["code"] != "bad_request" {
            found.push(format!("{} before connect: {answer}", kind.name()));
        }
    }
    for caller in people.callers() {
        walk(&people, caller, &mut found).await;
    }
    // A visitor of another practice's public page.
    let mut socket = people.socket().await;
    let visit = json!({ "type": "connect", "practice": people.own.subdomain });
    assert_eq!(socket.ask(visit).await["type"], "connected");
    for kind in commands() {
        let answer = socket.ask(frame(kind, &people)).await;
        let expected = match kind.rule() {
            AccessRule::Public | AccessRule::Visitor(_) => Expected::LetIn,
            _ => Expected::Refused(403, "forbidden"),
        };
        judge(kind, "visitor", &answer, expected, &mut found);
    }
    // A session cannot become somebody else's.
    let mut socket = people.socket().await;
    let owner = json!({ "type": "connect", "token": people.callers()[0].token });
    assert_eq!(socket.ask(owner).await["type"], "connected");
    let refresh = frame(Kind::Refresh, &people);
    assert_eq!(socket.ask(refresh).await["code"], "forbidden");

    assert!(found.is_empty(), "{}:\n{}", found.len(), found.join("\n"));
    assert_eq!(before, people.stranger_rows().await);
    people.end().await;
}

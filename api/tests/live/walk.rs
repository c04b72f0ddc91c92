//! A walk over every route and every frame, with everybody who has no business there: without a
//! token, with one that has ended or is forged, at work in another practice, in each role, as a
//! patient, as a program, as a super admin, in a suspended practice, and with a stranger's ids.
//! What must come back is what the access rule says; never a 500, never a stranger's data; and the
//! stranger's rows are as they were.
//!
//! The list is the server's own (`routes::ALL`, `Kind::ALL`), the requests are made from the OpenAPI
//! document (`request.rs`). A route whose request cannot be guessed from its document needs a line
//! in `request::special`; the walk says so.

mod frames;
mod people;
mod request;
mod stranger;

use api::auth::access::AccessRule;
use api::routes::{self, Route};
use reqwest::Method;

use people::{Caller, People};
use request::Request;
use stranger::{MARK, PATIENTS_MARK};

/// What a rule makes of a caller at work in their own practice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expected {
    /// Refused with this code before anything is looked at.
    Refused(u16, &'static str),
    /// Let in: whatever it answers is the handler's.
    LetIn,
}

fn expected(rule: AccessRule, caller: &Caller) -> Expected {
    let forbidden = Expected::Refused(403, "forbidden");
    let member = |permission| match &caller.permissions {
        Some(permissions) if permissions.contains(&permission) => Expected::LetIn,
        _ => forbidden,
    };
    match rule {
        // Visitors walk on their own (`frames.rs`); a member is held to the permission.
        AccessRule::Visitor(permission) if caller.permissions.is_some() => {
            expected(AccessRule::Changes(permission), caller)
        }
        AccessRule::Public | AccessRule::Secret(_) | AccessRule::Visitor(_) => Expected::LetIn,
        AccessRule::SignedIn if caller.is_person => Expected::LetIn,
        AccessRule::Member | AccessRule::Members if caller.permissions.is_some() => Expected::LetIn,
        AccessRule::Reads(permission) => member(permission),
        AccessRule::Changes(permission) => match member(permission) {
            Expected::LetIn if caller.suspended => Expected::Refused(403, "suspended"),
            expected => expected,
        },
        AccessRule::Patient if caller.is_patient => Expected::LetIn,
        AccessRule::SuperAdmin if caller.is_super_admin => Expected::LetIn,
        _ => forbidden,
    }
}

/// Sends one request and holds the answer against what is expected.
async fn step(people: &People, route: &Route, request: &Request, caller: &Caller) -> Vec<String> {
    let mut found = Vec::new();
    let answer = people.send(request, Some(&caller.token), None).await;
    let mut wrong = |what: &str| {
        let (method, path) = (route.method.to_uppercase(), route.path);
        found.push(format!(
            "{method} {path} as {}: {what}: {} {}",
            caller.name,
            answer.status,
            answer.text.chars().take(300).collect::<String>()
        ));
    };
    if answer.status >= 500 && answer.code() != "busy" {
        wrong("fails");
    }
    // A patient of the stranger's sees their own, and a super admin every practice but no patient.
    let own = route.rule == AccessRule::Patient && caller.is_patient;
    let mark = if caller.is_super_admin {
        PATIENTS_MARK
    } else {
        MARK
    };
    if answer.text.contains(mark) && !own {
        wrong("tells a stranger's data");
    }
    match expected(route.rule, caller) {
        Expected::Refused(status, code) => {
            if (answer.status, answer.code()) != (status, code) {
                wrong(&format!("not refused with {status} {code}"));
            }
        }
        Expected::LetIn if route.rule.wants_token() => {
            let refused = ["unauthorized", "suspended"].contains(&answer.code())
                || (answer.code() == "forbidden" && caller.is_owner);
            if refused {
                wrong("refused, against the rule");
            }
            let unread = answer.status == 400 || answer.code() == "validation";
            if caller.is_owner && route.rule.wants_practice() && unread {
                wrong("the walk has no request for it: add one to request::special");
            }
            let named = route.path.contains('{') && route.rule.wants_practice();
            if named && answer.status < 300 {
                wrong("a stranger's row was found");
            }
        }
        Expected::LetIn => {}
    }
    found
}

#[actix_web::test]
async fn every_route_with_everybody_who_has_no_business_there() {
    let people = People::new().await;
    let before = people.stranger_rows().await;
    let mut found = Vec::new();
    let mut requests = 0;
    for route in routes::ALL {
        let request = request::of(route, &people);
        for (name, token) in people.bad_tokens() {
            let answer = people.send(&request, token.as_deref(), None).await;
            requests += 1;
            let refused = (answer.status, answer.code()) == (401, "unauthorized");
            let fails = answer.status >= 500 && answer.code() != "busy";
            if fails || answer.text.contains(MARK) || (route.rule.wants_token() && !refused) {
                let (method, path) = (route.method, route.path);
                found.push(format!("{method} {path} with {name} token: {answer:?}"));
            }
        }
        // A good token, and a practice that is not one's own.
        if route.rule.wants_practice() {
            for caller in people.callers() {
                let stranger = Some(people.stranger.practice.tenant);
                let answer = people.send(&request, Some(&caller.token), stranger).await;
                requests += 1;
                if (answer.status, answer.code()) != (403, "forbidden") {
                    let (method, path, name) = (route.method, route.path, caller.name);
                    found.push(format!("{method} {path} as {name} at theirs: {answer:?}"));
                }
            }
        }
        for caller in people.callers() {
            // What a super admin may do to a practice is not to be done to this one.
            let harmless = request::harmless(route, &people);
            let request = match caller.is_super_admin {
                true => &harmless,
                false => &request,
            };
            found.extend(step(&people, route, request, caller).await);
            requests += 1;
        }
    }
    assert!(
        found.is_empty(),
        "{} of {requests}:\n{}",
        found.len(),
        found.join("\n")
    );
    assert!(requests > 15 * routes::ALL.len(), "{requests}");
    let after = people.stranger_rows().await;
    assert_eq!(before, after, "the stranger's rows have changed");
    people.end().await;
}

/// A route without parameters in its path may be asked in one's own practice: what a list tells
/// there is one's own. The same requests by the stranger's owner do find the marked rows, or the walk
/// would prove nothing.
#[actix_web::test]
async fn the_strangers_own_owner_sees_what_the_others_do_not() {
    let people = People::new().await;
    let mut seen = Vec::new();
    for route in routes::ALL.iter().filter(|route| route.method == "get") {
        let request = request::of(route, &people);
        let answer = people
            .send(&request, Some(&people.stranger.token), None)
            .await;
        if answer.text.contains(MARK) {
            seen.push(route.path);
        }
    }
    for path in [
        "/patients",
        "/patients/{id}",
        "/appointments",
        "/appointments/{id}",
        "/calendars/{id}",
        "/providers",
        "/treatments",
        "/staff",
        "/tenant",
    ] {
        assert!(seen.contains(&path), "{path} shows no marked row: {seen:?}");
    }
    people.end().await;
}

fn method(route: &Route) -> Method {
    route.method.to_uppercase().parse().unwrap()
}

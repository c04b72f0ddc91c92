//! Histories of one calendar as text: who asks, who settles, and what each one hears.

use std::collections::HashMap;

use expect_test::{Expect, expect};
use schema::ids::{HoldId, ProviderId, TenantId, TreatmentId};
use schema::models::claim::{ClaimKind, HeldVisit, HoldRef, Op};
use schema::span::Minute;
use uuid::Uuid;

use super::*;

/// Runs lines such as `A books 9-10`, `B frees 9-10`, `A commits`, `A fails`. Letters are changes;
/// hours are spans. Frees name a committed claim by its span.
fn check(history: &str, expected: Expect) {
    let mut timeline = Timeline::default();
    let mut reservations: Reservations<String> = Reservations::default();
    let mut asks: HashMap<String, Ask> = HashMap::new();
    let mut heard = String::new();
    let mut tell = |who: &str, answers: Option<Vec<(String, Answer)>>| {
        if answers.is_none() {
            heard.push_str(&format!("{who}: waits\n"));
        }
        for (who, answer) in answers.into_iter().flatten() {
            let what = match answer {
                Answer::Granted { .. } => "granted".to_owned(),
                Answer::Taken(claim) => format!("taken {}", hours(claim.span)),
                Answer::Gone(_) => "gone".to_owned(),
                Answer::Capped => "capped".to_owned(),
            };
            heard.push_str(&format!("{who}: {what}\n"));
        }
    };
    for line in history
        .split(';')
        .map(str::trim)
        .filter(|line| !line.is_empty())
    {
        let words: Vec<&str> = line.split(' ').collect();
        let who = words[0].to_owned();
        let change = TxId(Uuid::new_v5(&Uuid::nil(), who.as_bytes()));
        match words[1] {
            "commits" | "fails" => {
                if words[1] == "commits" {
                    timeline = timeline.after(&ops(&asks[&who]));
                }
                tell(&who, Some(reservations.settle(&timeline, change)));
            }
            _ => {
                let mut ask = Ask {
                    change,
                    books: SmallVec::new(),
                    states: SmallVec::new(),
                    keeps: SmallVec::new(),
                    frees: SmallVec::new(),
                    caps: SmallVec::new(),
                };
                for pair in words[1..].chunks(2) {
                    if pair[0] == "caps" {
                        ask.caps.push(cap(pair[1].parse().unwrap()));
                        continue;
                    }
                    let span = parse(pair[1]);
                    match pair[0] {
                        "books" => ask.books.push(span),
                        "states" => ask.states.push(span),
                        "keeps" => ask.keeps.push(span),
                        "frees" => ask.frees.push((claim_id(span), span)),
                        other => unreachable!("{other}"),
                    }
                }
                asks.insert(who.clone(), ask.clone());
                let answer = reservations.ask(&timeline, ask, who.clone());
                tell(&who, answer.map(|answer| vec![answer]));
            }
        }
    }
    expected.assert_eq(&heard);
}

fn parse(text: &str) -> Span {
    let (from, to) = text.split_once('-').unwrap();
    let minute = |hour: &str| Minute((hour.parse::<f64>().unwrap() * 60.0) as i64);
    Span::new(minute(from), minute(to)).unwrap()
}

fn hours(span: Span) -> String {
    format!(
        "{}-{}",
        span.start().0 as f64 / 60.0,
        span.end().0 as f64 / 60.0
    )
}

fn claim_id(span: Span) -> ClaimId {
    ClaimId(Uuid::new_v5(&Uuid::nil(), hours(span).as_bytes()))
}

fn ops(ask: &Ask) -> Vec<Op> {
    let dels = ask.frees.iter().map(|(id, span)| Op::Del {
        id: *id,
        span: *span,
    });
    let puts = ask.books.iter().chain(&ask.states).map(|span| {
        Op::Put(Claim {
            id: claim_id(*span),
            tenant: TenantId(Uuid::nil()),
            span: *span,
            kind: match ask.caps.first() {
                Some(cap) => held(cap, *span),
                None => ClaimKind::Block,
            },
        })
    });
    dels.chain(puts).collect()
}

/// At most so many of one treatment by one provider, on a day of 24 hours.
fn cap(most: usize) -> DailyCap {
    DailyCap {
        provider: ProviderId(Uuid::nil()),
        treatment: TreatmentId(Uuid::nil()),
        day: parse("0-24"),
        most,
        adds: 1,
    }
}

/// What is counted.
fn held(cap: &DailyCap, span: Span) -> ClaimKind {
    ClaimKind::Hold {
        hold: HoldRef {
            id: HoldId(claim_id(span).0),
            expires_at: span.end().to_utc(),
            visit: Some(HeldVisit {
                provider: cap.provider,
                treatment: cap.treatment,
                start: span.start(),
            }),
            holder: None,
        },
    }
}

#[test]
fn the_first_wins_and_the_second_hears_what_is_in_the_way() {
    check(
        "A books 9-10; B books 9.5-10.5; A commits",
        expect![[r#"
            A: granted
            B: waits
            B: taken 9-10
        "#]],
    );
}

#[test]
fn a_failed_commit_refuses_nobody() {
    check(
        "A books 9-10; B books 9.5-10.5; C books 9-9.5; A fails",
        expect![[r#"
            A: granted
            B: waits
            C: waits
            B: granted
            C: granted
        "#]],
    );
}

#[test]
fn times_that_touch_do_not_wait_for_each_other() {
    check(
        "A books 9-10; B books 10-11; C books 8-9",
        expect![[r#"
            A: granted
            B: granted
            C: granted
        "#]],
    );
}

#[test]
fn waiters_are_served_in_order() {
    check(
        "A books 9-10; B books 9-11; C books 10-11; A fails; B commits",
        expect![[r#"
            A: granted
            B: waits
            C: waits
            B: granted
            C: taken 9-11
        "#]],
    );
}

#[test]
fn time_that_may_come_free_is_waited_for() {
    check(
        "A books 9-10; A commits; B frees 9-10; C books 9-10; B commits",
        expect![[r#"
            A: granted
            B: granted
            C: waits
            C: granted
        "#]],
    );
    check(
        "A books 9-10; A commits; B frees 9-10; C books 9-10; B fails",
        expect![[r#"
            A: granted
            B: granted
            C: waits
            C: taken 9-10
        "#]],
    );
}

#[test]
fn a_move_may_overlap_where_it_was() {
    check(
        "A books 9-10; A commits; B frees 9-10 books 9.5-10.5; B commits; C books 9-9.5",
        expect![[r#"
            A: granted
            B: granted
            C: granted
        "#]],
    );
}

#[test]
fn what_is_gone_cannot_be_freed_again() {
    check(
        "A books 9-10; A commits; B frees 9-10; C frees 9-10; B commits",
        expect![[r#"
            A: granted
            B: granted
            C: waits
            C: gone
        "#]],
    );
}

#[test]
fn facts_overlap_what_is_booked_but_wait_for_what_is_unsettled() {
    check(
        "A books 9-10; B states 9-12; A commits; B commits; C books 11-12; D states 11-12",
        expect![[r#"
            A: granted
            B: waits
            B: granted
            C: taken 9-12
            D: granted
        "#]],
    );
}

#[test]
fn giving_up_leaves_nothing_behind() {
    check(
        "A books 9-10; B books 9-10; B fails; A fails; C books 9-10",
        expect![[r#"
            A: granted
            B: waits
            C: granted
        "#]],
    );
}

#[test]
fn two_of_a_day_are_counted_one_after_the_other() {
    check(
        "A books 9-10 caps 1; B books 15-16 caps 1; C books 12-13; A commits",
        expect![[r#"
            A: granted
            B: waits
            C: granted
            B: capped
        "#]],
    );
    check(
        "A books 9-10 caps 2; B books 15-16 caps 2; A fails; C books 11-12 caps 2; B commits",
        expect![[r#"
            A: granted
            B: waits
            B: granted
            C: waits
            C: granted
        "#]],
    );
}

#[test]
fn a_visit_that_goes_makes_room_for_one_more() {
    check(
        "A books 9-10 caps 1; A commits; B frees 9-10; C books 15-16 caps 1; B commits",
        expect![[r#"
            A: granted
            B: granted
            C: waits
            C: granted
        "#]],
    );
    check(
        "A books 9-10 caps 1; A commits; B frees 9-10 books 11-12 caps 1; B commits; C books 9-10 caps 1",
        expect![[r#"
            A: granted
            B: granted
            C: capped
        "#]],
    );
}

//! The pure parts that every booking and every search go through. `make bench` runs them.

use std::hint::black_box;

use benches::{BookedUp, MONDAY, Month};
use criterion::{Criterion, criterion_group, criterion_main};
use engine::scheduling::availability::{Order, Search, search};
use engine::scheduling::diary::Diary;
use engine::scheduling::placement::Asker;
use engine::scheduling::reservation::{Ask, Reservations};
use engine::scheduling::timeline::Timeline;
use schema::ids::{ClaimId, TenantId, TxId};
use schema::models::claim::{Claim, ClaimKind, Op};
use schema::span::{DAY, Span};

fn searches(criterion: &mut Criterion) {
    // Twenty dentists share six operatories; ten thousand are five hundred such clinics.
    for (name, size, days, limit) in [
        ("one provider, one day", (1, 1, 1), 1, 50),
        ("one provider, 30 days", (1, 1, 1), 30, 50),
        (
            "any of 20 dentists x 6 operatories, 30 days",
            (1, 20, 6),
            30,
            50,
        ),
        (
            "first over 10,000 dentists x 6 operatories, 30 days",
            (500, 20, 6),
            30,
            1,
        ),
    ] {
        let Ok(month) = Month::new(size.0, size.1, size.2) else {
            continue;
        };
        bench(criterion, name, &month, days, limit, Order::Earliest);
        if limit > 1 {
            let best = Order::Best { near: None };
            bench(
                criterion,
                &format!("{name}, best"),
                &month,
                days,
                limit,
                best,
            );
        }
    }
    for (name, who) in [
        ("empty diaries", BookedUp::Nobody),
        ("all dentists booked up", BookedUp::Dentists),
        ("one slot on day 30", BookedUp::DentistsButOne),
        ("all operatories booked up", BookedUp::Operatories),
        ("dentists free while operatories are not", BookedUp::Halves),
    ] {
        let Ok(month) = Month::booked_up(500, 20, 6, who) else {
            continue;
        };
        let name = format!("first over 10,000 dentists, {name}");
        bench(criterion, &name, &month, 30, 1, Order::Earliest);
    }
    if let Ok(month) = Month::with_days_off(500, 20, 6) {
        let name = "first over 10,000 dentists, each with hours of their own";
        bench(criterion, name, &month, 30, 1, Order::Earliest);
    }
}

fn bench(
    criterion: &mut Criterion,
    name: &str,
    month: &Month,
    days: i64,
    limit: usize,
    order: Order,
) {
    let (Some(treatment), Some(range)) = (
        month.book.treatments.values().next(),
        Span::lasting(MONDAY, days * DAY),
    ) else {
        return;
    };
    let wanted = Search {
        limit,
        order,
        ..Search::any(treatment, range, Asker::Staff)
    };
    criterion.bench_function(&format!("availability: {name}"), |bencher| {
        bencher.iter(|| search(&month.book, black_box(&wanted), MONDAY, month));
    });
    if limit > 1 {
        return;
    }
    // What is remembered from one search to the next must not be an answer.
    let name = format!("availability: {name}, a visit booked or cancelled before each");
    let mut turn = 0;
    criterion.bench_function(&name, |bencher| {
        bencher.iter(|| {
            month.book_or_cancel(turn);
            turn += 1;
            search(&month.book, black_box(&wanted), MONDAY, month)
        });
    });
}

fn decisions(criterion: &mut Criterion) {
    let Ok(month) = Month::new(1, 1, 1) else {
        return;
    };
    let Some(provider) = month.book.providers.values().next() else {
        return;
    };
    let Some(timeline) = month.timeline(provider.calendar) else {
        return;
    };
    let timeline = &*timeline;
    let Some(free) = Span::lasting(MONDAY.plus(3 * 60), 45) else {
        return;
    };
    criterion.bench_function("reservation: ask and settle, 600 claims", |bencher| {
        let mut reservations: Reservations<()> = Reservations::default();
        let change = TxId::new();
        let ask = Ask {
            change,
            books: [free].into_iter().collect(),
            states: Default::default(),
            keeps: Default::default(),
            frees: Default::default(),
            caps: Default::default(),
        };
        bencher.iter(|| {
            black_box(reservations.ask(timeline, ask.clone(), ()));
            black_box(reservations.settle(timeline, change));
        });
    });
    let put = Op::Put(Claim {
        id: ClaimId::new(),
        tenant: TenantId::new(),
        span: free,
        kind: ClaimKind::Block,
    });
    criterion.bench_function("timeline: the next version, 600 claims", |bencher| {
        bencher.iter(|| -> Timeline { timeline.after(black_box(std::slice::from_ref(&put))) });
    });
}

criterion_group!(benches, searches, decisions);
criterion_main!(benches);

//! The pure parts that every booking and every search go through. `make bench` runs them.

use std::hint::black_box;

use benches::{MONDAY, Month};
use criterion::{Criterion, criterion_group, criterion_main};
use engine::scheduling::availability::{Search, search};
use engine::scheduling::placement::Asker;
use engine::scheduling::reservation::{Ask, Reservations};
use engine::scheduling::timeline::Timeline;
use schema::ids::{ClaimId, TenantId, TxId};
use schema::models::claim::{Claim, ClaimKind, Op};
use schema::span::{DAY, Span};

fn searches(criterion: &mut Criterion) {
    for (name, dentists, operatories, days) in [
        ("availability: one provider, one day", 1, 1, 1),
        ("availability: one provider, 30 days", 1, 1, 30),
        (
            "availability: any of 20 dentists x 6 operatories, 30 days",
            20,
            6,
            30,
        ),
    ] {
        let Ok(month) = Month::new(dentists, operatories) else {
            continue;
        };
        let Some(treatment) = month.book.treatments.values().next() else {
            continue;
        };
        let Some(range) = Span::lasting(MONDAY, days * DAY) else {
            continue;
        };
        let wanted = Search::any(&month.book, treatment, range, Asker::Staff);
        criterion.bench_function(name, |bencher| {
            bencher.iter(|| search(&month.book, black_box(&wanted), MONDAY, &month));
        });
    }
}

fn decisions(criterion: &mut Criterion) {
    let Ok(month) = Month::new(1, 1) else { return };
    let Some(timeline) = month.timelines.values().next() else {
        return;
    };
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

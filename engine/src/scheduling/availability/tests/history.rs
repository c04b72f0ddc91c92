//! What is taken in a random practice, and how it came to be so: change by change, with searches in
//! between, so that whoever keeps account of changes has something to miss.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

use schema::ids::{
    AppointmentId, CalendarId, ClaimId, HoldId, OperatoryId, PatientId, ProviderId, TreatmentId,
};
use schema::models::appointment::Status;
use schema::models::claim::{Claim, ClaimKind, HeldVisit, HoldRef, Op, Visit};
use schema::rules::TenantRows;
use schema::span::{DAY, Span};

use super::practice::{Practice, Random, id};
use crate::scheduling::diary::{Diary, Own};
use crate::scheduling::gaps::Gaps;
use crate::scheduling::rulebook::RuleBook;
use crate::scheduling::timeline::Timeline;

/// Calendars whose gaps are kept account of, on their way to what is taken in a practice.
pub struct Lived<'a> {
    practice: &'a Practice,
    calendars: Vec<CalendarId>,
    published: RefCell<HashMap<CalendarId, Arc<Timeline>>>,
    gaps: Gaps,
    /// What is still to happen, the last one first.
    ahead: Vec<(usize, Op)>,
}

impl<'a> Lived<'a> {
    /// Before anything has happened. What is there that will not stay goes, what is missing comes,
    /// and other things come and go meanwhile.
    pub fn new(practice: &'a Practice, book: &RuleBook, random: &mut Random, around: Span) -> Self {
        let days = around.minutes() / DAY + 1;
        let calendars: Vec<CalendarId> = book.calendars().collect();
        let mut ahead = Vec::new();
        let mut published = HashMap::new();
        for (number, calendar) in calendars.iter().enumerate() {
            let mut at_first = Vec::new();
            let mut own: Vec<Vec<Op>> = Vec::new();
            for claim in &practice.taken[calendar] {
                match random.one_in(2) {
                    true => at_first.push(claim.clone()),
                    false => own.push(vec![Op::Put(claim.clone())]),
                }
            }
            for extra in 0..random.within(0, 4) as usize {
                let number = 1_000_000 + number * 10 + extra;
                let claim = claim(random, number, &practice.rows, None, (around, days));
                let (id, span) = (claim.id, claim.span);
                let mut ops = Vec::new();
                match random.one_in(2) {
                    true => at_first.push(claim),
                    false => ops.push(Op::Put(claim)),
                }
                ops.push(Op::Del { id, span });
                own.push(ops);
            }
            let own = own.into_iter().flatten().map(|op| (number, op));
            ahead.extend(own);
            published.insert(*calendar, Arc::new(Timeline::new(1, at_first)));
        }
        // Calendar by calendar in order, but mixed.
        let mut mixed = Vec::new();
        while !ahead.is_empty() {
            let any = random.within(0, ahead.len() as i64) as usize;
            let first = ahead.iter().position(|(number, _)| *number == ahead[any].0);
            mixed.push(ahead.remove(first.unwrap()));
        }
        mixed.reverse();
        Self {
            practice,
            calendars,
            published: RefCell::new(published),
            gaps: Gaps::new(book),
            ahead: mixed,
        }
    }

    /// Lets the next change happen; `false` when all has.
    pub fn step(&mut self) -> bool {
        let Some((number, op)) = self.ahead.pop() else {
            return false;
        };
        let mut published = self.published.borrow_mut();
        let timeline = published.get_mut(&self.calendars[number]).unwrap();
        *timeline = Arc::new(timeline.after(&[op]));
        self.gaps.changed(number);
        true
    }
}

impl Diary for Lived<'_> {
    fn timeline(&self, calendar: CalendarId) -> Option<Arc<Timeline>> {
        self.published.borrow().get(&calendar).cloned()
    }

    fn gaps(&self) -> Option<&Gaps> {
        Some(&self.gaps)
    }

    fn own(&self) -> &Own {
        &self.practice.own
    }
}

/// What is on each calendar of the practice around a day, or some days from it on.
pub fn taken(
    random: &mut Random,
    rows: &TenantRows,
    day: Span,
    days: i64,
) -> HashMap<CalendarId, Vec<Claim>> {
    let providers = rows
        .providers
        .iter()
        .map(|one| (one.calendar_id, Some(one.id)));
    let others = rows.operatories.iter().map(|one| one.calendar_id);
    let others = others.chain(rows.equipment.iter().map(|one| one.calendar_id));
    let calendars: Vec<_> = providers.chain(others.map(|id| (id, None))).collect();
    let mut found = HashMap::new();
    let mut number = 0;
    for (calendar, provider) in calendars {
        // Few, or so many that little is left.
        let count = match random.one_in(4) {
            true => random.within(20, 60),
            false => random.within(0, 5),
        };
        let claims = (0..count).map(|_| {
            number += 1;
            claim(random, number, rows, provider, (day, days))
        });
        let mut claims: Vec<Claim> = claims.collect();
        // Over weeks most are booked up, but for a while.
        if days > 1 && !random.one_in(3) {
            let free = day.start().plus(random.minute(0, days * DAY));
            let ends = [day.start().plus(-2 * DAY), free];
            let begins = free.plus(random.minute(15, 300));
            let rest = [ends, [begins, day.start().plus((days + 3) * DAY)]];
            for span in rest
                .into_iter()
                .filter_map(|[from, to]| Span::new(from, to))
            {
                number += 1;
                let one = claim(random, number, rows, provider, (day, days));
                claims.push(Claim { span, ..one });
            }
        }
        found.insert(calendar, claims);
    }
    found
}

fn claim(
    random: &mut Random,
    number: usize,
    rows: &TenantRows,
    provider: Option<ProviderId>,
    (day, days): (Span, i64),
) -> Claim {
    let start = day.start().plus(random.minute(-400, 1560 + days * DAY));
    let span = Span::lasting(start, random.minute(5, 150).max(5)).unwrap();
    Claim {
        id: ClaimId(id(12, number)),
        tenant: rows.tenant.id,
        span,
        kind: kind(random, number, provider, rows.treatments[0].id, span),
    }
}

/// Overlaps are as good as anything else: only what is free matters.
fn kind(
    random: &mut Random,
    number: usize,
    provider: Option<ProviderId>,
    treatment: TreatmentId,
    span: Span,
) -> ClaimKind {
    let provider = provider.unwrap_or(ProviderId(id(4, 0)));
    let treatment = match random.one_in(3) {
        true => TreatmentId(id(8, 1)),
        false => treatment,
    };
    // A buffer before, and minutes after it.
    let visit = Span::new(span.start().plus(2), span.end().plus(3)).unwrap_or(span);
    match random.within(0, 6) {
        0 => ClaimKind::Block,
        1 => ClaimKind::External,
        2 => ClaimKind::Hold {
            hold: HoldRef {
                id: HoldId(id(20, random.pick(&[0, 0, number]))),
                expires_at: span.end().to_utc(),
                visit: Some(HeldVisit {
                    provider,
                    treatment,
                    start: visit.start(),
                }),
                holder: None,
            },
        },
        _ => ClaimKind::Appointment {
            visit: Visit {
                id: AppointmentId(id(13, number / 2)),
                version: 1,
                status: Status::Scheduled,
                span: visit,
                patient: PatientId(id(14, 0)),
                provider,
                operatory: OperatoryId(id(5, 0)),
                treatment,
                series: None,
            },
        },
    }
}

//! Gaps against a set of cells, and what becomes of changes.

use std::collections::BTreeMap;
use std::sync::RwLock;

use proptest::prelude::*;
use schema::ids::{ClaimId, HoldId, TenantId};
use schema::models::claim::{Claim, ClaimKind, HoldRef, Op};
use schema::span::{DAY, Minute};
use uuid::Uuid;

use super::*;
use crate::scheduling::availability::tests::practice::plain;
use crate::scheduling::cells::Cells;

/// One dentist in one operatory.
struct Published {
    book: RuleBook,
    timelines: RwLock<BTreeMap<CalendarId, Arc<Timeline>>>,
}

impl Published {
    fn new(windows: &[(i16, i16)]) -> Self {
        let book = RuleBook::new(plain("America/Guayaquil", windows)).unwrap();
        let timelines = book.calendars().map(|id| (id, Arc::default())).collect();
        Self {
            book,
            timelines: RwLock::new(timelines),
        }
    }

    fn dentist(&self) -> (usize, CalendarId) {
        let provider = self.book.providers.values().next().unwrap();
        (provider.number, provider.calendar)
    }

    fn publish(&self, calendar: CalendarId, ops: &[Op]) {
        let mut timelines = self.timelines.write().unwrap();
        let timeline = timelines.get_mut(&calendar).unwrap();
        *timeline = Arc::new(timeline.after(ops));
    }
}

impl Diary for Published {
    fn timeline(&self, calendar: CalendarId) -> Option<Arc<Timeline>> {
        self.timelines.read().unwrap().get(&calendar).cloned()
    }
}

fn claim(id: u128, start: i64, minutes: i64, kind: ClaimKind) -> Claim {
    Claim {
        id: ClaimId(Uuid::from_u128(id)),
        tenant: TenantId(Uuid::nil()),
        span: Span::lasting(Minute(start), minutes).unwrap(),
        kind,
    }
}

fn hold() -> ClaimKind {
    ClaimKind::Hold {
        hold: HoldRef {
            id: HoldId(Uuid::nil()),
            expires_at: Minute(0).to_utc(),
            visit: None,
            holder: None,
        },
    }
}

/// Who may have the time when the visit starts in one of `words`.
fn passing(gaps: &Gaps, needed: Stretch, words: Range<i64>, diary: &dyn Diary) -> Marks {
    let view = gaps.view(needed.begins_in(words.clone()), diary);
    let mut passing = Marks::none(view.count());
    let all = Marks::all(view.count());
    words.for_each(|word| view.mark(needed, word, &all, &mut passing));
    passing
}

/// Whether a run of at least `needed` free cells begins in one of `words`, or what is left there of one.
fn has_run(free: &[bool], first_cell: i64, words: &Range<i64>, needed: i64) -> bool {
    let mut at = 0;
    while at < free.len() {
        let run = free[at..].iter().take_while(|cell| **cell).count();
        let begins = at..(at + run + 1).saturating_sub(needed as usize);
        let mut begins = begins.map(|cell| first_cell + cell as i64);
        if begins.any(|cell| words.contains(&cell.div_euclid(64))) {
            return true;
        }
        at += run.max(1);
    }
    false
}

proptest! {
    /// Whatever is asked for passes where a long enough run of free cells begins in one of the words,
    /// and nowhere else.
    #[test]
    fn what_passes_has_a_long_enough_gap(
        claims in prop::collection::vec((-30_000i64..30_000, 1i64..3_000, 0..4), 0..40),
        open in prop::sample::select(vec![(0i16, 1440i16), (480, 1200), (1, 1439)]),
        from in -20i64..200, cells in 1i64..300, word in -80i64..80, words in 1i64..60,
    ) {
        let published = Published::new(&[open]);
        let (number, calendar) = published.dentist();
        let gaps = Gaps::new(&published.book);
        let mut busy = Cells::default();
        for (id, (start, minutes, what)) in claims.iter().enumerate() {
            let kind = if *what == 0 { hold() } else { ClaimKind::Block };
            let claim = claim(id as u128, *start, *minutes, kind);
            if *what > 0 {
                busy.add(claim.span);
            }
            published.publish(calendar, &[Op::Put(claim)]);
            gaps.changed(number);
        }
        let (first, end) = (-1_000i64, 1_000i64);
        let mut taken = Vec::new();
        busy.copy_to(first, end, &mut taken);
        let mut hours = Vec::new();
        let seat = &published.book.providers.values().next().unwrap().seats()[0];
        seat.schedule.copy_to(first, end, &mut hours);
        let free: Vec<bool> = (0..(end - first) * 64)
            .map(|cell| {
                let (word, bit) = ((cell / 64) as usize, cell % 64);
                (hours[word] & !taken[word]) >> bit & 1 == 1
            })
            .collect();
        let needed = Stretch { from, cells };
        let passing = passing(&gaps, needed, word..word + words, &published);
        let begins = word * 64 + from..(word + words) * 64 + from;
        let asked = begins.start.div_euclid(64)..(begins.end - 1).div_euclid(64) + 1;
        let expected = has_run(&free, first * 64, &asked, cells.min(LONGEST));
        prop_assert_eq!(passing.has(number), expected);
        // Somebody is open whenever the dentist is, and here nobody else.
        let view = gaps.view(asked.clone(), &published);
        for word in asked.start - 1..=asked.end {
            let open = hours[(word - first) as usize];
            prop_assert!(open & !view.open(word) == 0);
            prop_assert!(!asked.contains(&word) || open == view.open(word));
        }
        // Which is all that soundness needs:
        let fits = begins.clone().any(|begin| {
            let at = (begin - first * 64) as usize;
            free[at..at + cells as usize].iter().all(|cell| *cell)
        });
        prop_assert!(!fits || passing.has(number));
    }
}

const HOUR: Stretch = Stretch { from: 0, cells: 12 };

/// The word in which 08:00 in Guayaquil lies on a day of January 1970.
fn morning(day: i64) -> Range<i64> {
    let word = cells::word_of(Minute(day * DAY + 13 * 60));
    word..word + 1
}

#[test]
fn a_change_is_seen_by_whoever_looks_next() {
    let published = Published::new(&[(480, 1200)]);
    let (number, calendar) = published.dentist();
    let gaps = Gaps::new(&published.book);
    let passes = |day| passing(&gaps, HOUR, morning(day), &published).has(number);
    assert!(passes(3) && passes(100), "pages far from each other");
    let taken = claim(1, 0, 200 * DAY, ClaimKind::External);
    published.publish(calendar, &[Op::Put(taken.clone())]);
    gaps.changed(number);
    assert!(!passes(3) && !passes(100) && passes(203));
    published.publish(
        calendar,
        &[Op::Del {
            id: taken.id,
            span: taken.span,
        }],
    );
    gaps.changed(number);
    assert!(passes(3) && passes(100));
    // An asker may have any of the holds.
    published.publish(calendar, &[Op::Put(claim(2, 0, 200 * DAY, hold()))]);
    gaps.changed(number);
    assert!(passes(3));
}

#[test]
fn more_pages_than_are_remembered_are_worked_out_again() {
    let published = Published::new(&[(480, 1200)]);
    let (number, calendar) = published.dentist();
    let gaps = Gaps::new(&published.book);
    for turn in 0..3 {
        for page in 0..REMEMBERED_MAX as i64 + 5 {
            let passing = passing(&gaps, HOUR, morning(page * 15), &published);
            assert_eq!(passing.has(number), turn == 0, "{turn} {page}");
        }
        let all = claim(turn, 0, 2 * 365 * DAY, ClaimKind::Block);
        published.publish(calendar, &[Op::Put(all)]);
        gaps.changed(number);
    }
}

#[test]
fn closed_days_and_calendars_of_nobody_have_none() {
    let published = Published::new(&[]);
    let (number, _) = published.dentist();
    let gaps = Gaps::new(&published.book);
    let nothing = Stretch { from: 0, cells: 1 };
    let nobody = passing(&gaps, nothing, 0..500, &published);
    assert!(!nobody.has(number) && !nobody.has(99));
    let open = Published::new(&[(480, 1200)]);
    let unknown = CalendarId(Uuid::nil());
    open.timelines.write().unwrap().clear();
    assert!(open.timeline(unknown).is_none());
    let nobody = passing(&Gaps::new(&open.book), nothing, 0..500, &open);
    assert!(!nobody.has(open.dentist().0));
}

/// Two look while a third publishes: once a change has been told of, nobody overlooks it, also not
/// who looks while another is still working it out.
#[test]
fn nobody_overlooks_what_they_have_been_told() {
    let published = Published::new(&[(480, 1200)]);
    let (number, calendar) = published.dentist();
    let gaps = Gaps::new(&published.book);
    let (begun, told) = (AtomicU64::new(0), AtomicU64::new(0));
    let last = 300;
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let before = told.load(Ordering::SeqCst);
                    let passing = passing(&gaps, HOUR, morning(3), &published);
                    // Unless the next change has begun meanwhile, this one must be seen.
                    if begun.load(Ordering::SeqCst) == before {
                        assert_eq!(passing.has(number), before % 2 == 0, "{before}");
                    }
                    if before == last {
                        break;
                    }
                }
            });
        }
        let all = claim(1, 0, 20 * DAY, ClaimKind::Block);
        for turn in 1..=last {
            let op = match turn % 2 {
                1 => Op::Put(all.clone()),
                _ => Op::Del {
                    id: all.id,
                    span: all.span,
                },
            };
            begun.store(turn, Ordering::SeqCst);
            published.publish(calendar, &[op]);
            gaps.changed(number);
            told.store(turn, Ordering::SeqCst);
            std::thread::yield_now();
        }
    });
}

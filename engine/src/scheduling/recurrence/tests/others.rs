//! Held against the `rrule` crate on generated rules.

use super::*;

/// Rules on which both should agree: none of the differences listed in the module's text.
pub(super) fn rules() -> impl Strategy<Value = String> {
    let days = proptest::sample::subsequence(vec!["MO", "TU", "WE", "TH", "FR", "SA", "SU"], 0..5);
    let nth = proptest::sample::subsequence(vec!["1MO", "-1FR", "2TU", "-4SU", "5WE", "3SA"], 0..3);
    let months = proptest::sample::subsequence((1..=12).collect::<Vec<i32>>(), 0..4);
    let month_days = proptest::sample::subsequence(vec![-31, -2, -1, 1, 13, 29, 30, 31], 0..4);
    let weeks = proptest::sample::subsequence(vec![-2, -1, 1, 2, 20, 51], 0..3);
    let year_days = proptest::sample::subsequence(vec![-366, -1, 1, 60, 365, 366], 0..3);
    let positions = proptest::sample::subsequence(vec![-2, -1, 1, 2, 5], 0..3);
    let hours = proptest::sample::subsequence(vec![0, 9, 23], 0..3);
    let lists = (
        days, nth, months, month_days, weeks, year_days, positions, hours,
    );
    let week_start = proptest::sample::select(vec!["MO", "SU", "WE"]);
    (
        0..4usize,
        1..6u32,
        proptest::option::of(1..40u32),
        week_start,
        lists,
        any::<bool>(),
    )
        .prop_map(|(frequency, interval, count, week_start, lists, by_nth)| {
            let (days, nth, months, month_days, weeks, year_days, positions, hours) = lists;
            let numbers = |list: &[i32]| {
                list.iter()
                    .map(i32::to_string)
                    .collect::<Vec<_>>()
                    .join(",")
            };
            let mut parts = vec![format!(
                "FREQ={}",
                ["DAILY", "WEEKLY", "MONTHLY", "YEARLY"][frequency]
            )];
            let mut add = |name: &str, value: String, allowed: bool| {
                let used = allowed && !value.is_empty();
                if used {
                    parts.push(format!("{name}={value}"));
                }
                used
            };
            add("INTERVAL", interval.to_string(), true);
            add("WKST", week_start.to_owned(), true);
            // Ordinals do not go with BYWEEKNO.
            let by_nth = by_nth && frequency >= 2;
            let by_week = frequency == 3 && !by_nth && !days.is_empty();
            let mut by = add(
                "BYDAY",
                if by_nth {
                    nth.join(",")
                } else {
                    days.join(",")
                },
                true,
            );
            by |= add("BYMONTH", numbers(&months), true);
            by |= add("BYMONTHDAY", numbers(&month_days), frequency != 1);
            by |= add("BYWEEKNO", numbers(&weeks), by_week);
            by |= add("BYYEARDAY", numbers(&year_days), frequency == 3);
            by |= add("BYHOUR", numbers(&hours), true);
            add("BYSETPOS", numbers(&positions), by && frequency != 1);
            if let Some(count) = count {
                add("COUNT", count.to_string(), true);
            }
            parts.join(";")
        })
}

proptest! {
    #[test]
    fn agrees_with_the_rrule_crate(
        rule in rules(),
        day in 0..1500i64,
        hour in 0..24u32,
        skip in -100..1500i64,
    ) {
        let start = NaiveDate::from_ymd_opt(2023, 1, 1).unwrap() + chrono::TimeDelta::days(day);
        let start = start.and_hms_opt(hour, 30, 0).unwrap();
        let from = start + chrono::TimeDelta::days(skip);
        let to = from + chrono::TimeDelta::days(800);
        let minute = |at: NaiveDateTime| Minute(at.and_utc().timestamp() / 60);
        let range = Span::new(minute(from), minute(to)).unwrap();
        let ours = Recurrence::parse(&rule, start, Zone::UTC, vec![], &[]).unwrap();
        let ours: Vec<_> =
            ours.occurrences(range, usize::MAX).starts.into_iter().map(|(at, _)| at).collect();
        let text = format!("DTSTART:{}Z\nRRULE:{rule}", start.format("%Y%m%dT%H%M%S"));
        let theirs: rrule::RRuleSet = text.parse().unwrap();
        let theirs: Vec<_> = theirs
            .limit()
            .into_iter()
            .map(|at| at.naive_utc())
            .skip_while(|at| *at < from)
            .take_while(|at| *at < to)
            .collect();
        prop_assert_eq!(ours, theirs, "{} from {}", rule, start);
    }
}

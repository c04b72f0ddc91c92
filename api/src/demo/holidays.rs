//! Ecuador's holidays by law: which days are holidays, and on which day people rest. Código del
//! Trabajo, art. 65 (reform of December 2016): a holiday on a Tuesday is taken on the Monday before,
//! one on a Wednesday or Thursday on the Friday after, one on a Saturday on the Friday before, one
//! on a Sunday on the Monday after. New Year, Carnival and Christmas move for weekends only. Two
//! holidays in a row stay two days in a row. The president's extra bridge days are decrees of each
//! year and not counted.

use chrono::{Datelike, Days, NaiveDate, Weekday};
use serde::Deserialize;

/// A day on which a place is closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Closure {
    pub date: NaiveDate,
    pub es: String,
    pub en: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    holiday: Vec<Holiday>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Holiday {
    es: String,
    en: String,
    date: Option<MonthDay>,
    /// Days after Easter Sunday.
    easter: Option<i64>,
    /// Whether it moves within the week.
    #[serde(default = "yes")]
    bridge: bool,
    /// The city whose own holiday it is.
    local: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct MonthDay {
    month: u32,
    day: u32,
}

fn yes() -> bool {
    true
}

/// The closures of a place that keeps the national holidays and those of `cities`, by date.
///
/// # Errors
/// When the file of holidays is not what it should be; a test reads it.
pub fn closures(
    years: std::ops::RangeInclusive<i32>,
    cities: &[String],
) -> Result<Vec<Closure>, toml::de::Error> {
    let file: File = toml::from_str(include_str!("../../../config/demo/holidays.toml"))?;
    let kept: Vec<&Holiday> = file
        .holiday
        .iter()
        .filter(|holiday| {
            holiday
                .local
                .as_ref()
                .is_none_or(|city| cities.contains(city))
        })
        .collect();
    // The year after: its first of January may be taken in December.
    let mut days: Vec<(NaiveDate, &Holiday)> = (*years.start()..=years.end() + 1)
        .flat_map(|year| {
            kept.iter()
                .filter_map(move |holiday| Some((holiday.on(year)?, *holiday)))
        })
        .collect();
    days.sort_by_key(|(date, _)| *date);
    let mut closures = Vec::new();
    for (index, (date, holiday)) in days.iter().enumerate() {
        let beside = |other: Option<&(NaiveDate, &Holiday)>, wanted: Option<NaiveDate>| {
            other.is_some_and(|(other, holiday)| holiday.bridge && Some(*other) == wanted)
        };
        let first_of_two = holiday.bridge && beside(days.get(index + 1), date.succ_opt());
        let second_of_two =
            holiday.bridge && index > 0 && beside(days.get(index - 1), date.pred_opt());
        let rest = rest_day(*date, holiday.bridge, first_of_two, second_of_two);
        let mut closed = vec![rest];
        // Moved off a weekend: nobody works on the day itself either.
        if rest != *date && matches!(date.weekday(), Weekday::Sat | Weekday::Sun) {
            closed.push(*date);
        }
        closures.extend(
            closed
                .into_iter()
                .filter(|date| years.contains(&date.year()))
                .map(|date| Closure {
                    date,
                    es: holiday.es.clone(),
                    en: holiday.en.clone(),
                }),
        );
    }
    closures.sort_by_key(|closure| closure.date);
    closures.dedup_by_key(|closure| closure.date);
    Ok(closures)
}

impl Holiday {
    fn on(&self, year: i32) -> Option<NaiveDate> {
        match (&self.date, self.easter) {
            (Some(date), _) => NaiveDate::from_ymd_opt(year, date.month, date.day),
            (None, Some(days)) => easter(year)?.checked_add_signed(chrono::TimeDelta::days(days)),
            (None, None) => None,
        }
    }
}

/// When people rest for a holiday on `date`.
fn rest_day(date: NaiveDate, bridge: bool, first_of_two: bool, second_of_two: bool) -> NaiveDate {
    let before = |days| date - Days::new(days);
    let after = |days| date + Days::new(days);
    match date.weekday() {
        // Two in a row keep together: Tuesday and Wednesday become Monday and Tuesday, Wednesday
        // and Thursday become Thursday and Friday, Sunday and Monday become Monday and Tuesday,
        // Friday and Saturday become Thursday and Friday.
        Weekday::Mon if second_of_two => after(1),
        Weekday::Tue if second_of_two => date,
        Weekday::Wed if second_of_two => before(1),
        Weekday::Wed if first_of_two => after(1),
        Weekday::Thu if first_of_two => date,
        Weekday::Thu if second_of_two => after(1),
        Weekday::Fri if first_of_two => before(1),
        Weekday::Sat => before(1),
        Weekday::Sun => after(1),
        Weekday::Tue if bridge => before(1),
        Weekday::Wed if bridge => after(2),
        Weekday::Thu if bridge => after(1),
        _ => date,
    }
}

/// Easter Sunday of the Gregorian calendar (Meeus, Jones and Butcher).
fn easter(year: i32) -> Option<NaiveDate> {
    let a = year % 19;
    let (b, c) = (year / 100, year % 100);
    let (d, e) = (b / 4, b % 4);
    let f = (b + 8) / 25;
    let g = (b - f + 1) / 3;
    let h = (19 * a + b - d - g + 15) % 30;
    let (i, k) = (c / 4, c % 4);
    let l = (32 + 2 * e + 2 * i - h - k) % 7;
    let m = (a + 11 * h + 22 * l) / 451;
    let sum = h + l - 7 * m + 114;
    NaiveDate::from_ymd_opt(
        year,
        (sum / 31).try_into().ok()?,
        (sum % 31 + 1).try_into().ok()?,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(years: std::ops::RangeInclusive<i32>, city: &str, expected: &expect_test::Expect) {
        let closures = closures(years, &[city.to_owned()]).unwrap();
        let lines: String = closures
            .iter()
            .map(|closure| format!("{} {}\n", closure.date.format("%F %a"), closure.es))
            .collect();
        expected.assert_eq(&lines);
    }

    #[test]
    fn easter_is_where_the_church_has_it() {
        for (year, month, day) in [(2025, 4, 20), (2026, 4, 5), (2027, 3, 28), (2028, 4, 16)] {
            assert_eq!(easter(year), NaiveDate::from_ymd_opt(year, month, day));
        }
    }

    /// As the ministries published 2025 and 2026, without the decreed extra days.
    #[test]
    fn the_published_years() {
        let expected = expect_test::expect![[r#"
            2025-01-01 Wed Año Nuevo
            2025-03-03 Mon Lunes de Carnaval
            2025-03-04 Tue Martes de Carnaval
            2025-04-18 Fri Viernes Santo
            2025-05-02 Fri Día del Trabajo
            2025-05-23 Fri Batalla de Pichincha
            2025-05-24 Sat Batalla de Pichincha
            2025-08-10 Sun Primer Grito de Independencia
            2025-08-11 Mon Primer Grito de Independencia
            2025-10-10 Fri Independencia de Guayaquil
            2025-11-02 Sun Día de los Difuntos
            2025-11-03 Mon Día de los Difuntos
            2025-11-04 Tue Independencia de Cuenca
            2025-12-05 Fri Fundación de Quito
            2025-12-06 Sat Fundación de Quito
            2025-12-25 Thu Navidad
            2026-01-01 Thu Año Nuevo
            2026-02-16 Mon Lunes de Carnaval
            2026-02-17 Tue Martes de Carnaval
            2026-04-03 Fri Viernes Santo
            2026-05-01 Fri Día del Trabajo
            2026-05-24 Sun Batalla de Pichincha
            2026-05-25 Mon Batalla de Pichincha
            2026-08-10 Mon Primer Grito de Independencia
            2026-10-09 Fri Independencia de Guayaquil
            2026-11-02 Mon Día de los Difuntos
            2026-11-03 Tue Independencia de Cuenca
            2026-12-06 Sun Fundación de Quito
            2026-12-07 Mon Fundación de Quito
            2026-12-25 Fri Navidad
        "#]];
        check(2025..=2026, "quito", &expected);
    }

    #[test]
    fn the_years_to_come() {
        let expected = expect_test::expect![[r#"
            2027-01-01 Fri Año Nuevo
            2027-02-08 Mon Lunes de Carnaval
            2027-02-09 Tue Martes de Carnaval
            2027-03-26 Fri Viernes Santo
            2027-04-30 Fri Día del Trabajo
            2027-05-01 Sat Día del Trabajo
            2027-05-24 Mon Batalla de Pichincha
            2027-07-25 Sun Fundación de Guayaquil
            2027-07-26 Mon Fundación de Guayaquil
            2027-08-09 Mon Primer Grito de Independencia
            2027-10-08 Fri Independencia de Guayaquil
            2027-10-09 Sat Independencia de Guayaquil
            2027-11-01 Mon Día de los Difuntos
            2027-11-02 Tue Independencia de Cuenca
            2027-12-24 Fri Navidad
            2027-12-25 Sat Navidad
            2027-12-31 Fri Año Nuevo
            2028-01-01 Sat Año Nuevo
            2028-02-28 Mon Lunes de Carnaval
            2028-02-29 Tue Martes de Carnaval
            2028-04-14 Fri Viernes Santo
            2028-05-01 Mon Día del Trabajo
            2028-05-26 Fri Batalla de Pichincha
            2028-07-24 Mon Fundación de Guayaquil
            2028-08-11 Fri Primer Grito de Independencia
            2028-10-09 Mon Independencia de Guayaquil
            2028-11-02 Thu Día de los Difuntos
            2028-11-03 Fri Independencia de Cuenca
            2028-12-25 Mon Navidad
        "#]];
        check(2027..=2028, "guayaquil", &expected);
    }
}

//! Summaries as pictures: how the times of answers are spread, and over the run, answers a second and
//! their times.

use std::fs;
use std::path::Path;

use plotters::coord::Shift;
use plotters::prelude::*;

use crate::measure::Second;
use crate::report::Summary;
use crate::{Error, Outcome};

const SIZE: (u32, u32) = (1200, 640);
const HEADER: u32 = 64;
const TITLE: u32 = 22;
const TEXT: u32 = 14;
/// Characters of the setting on a line, and lines.
const LINE: usize = 150;
const LINES: usize = 2;
const MARGIN: u32 = 14;
const LABELS_BELOW: u32 = 44;
const LABELS_LEFT: u32 = 58;
/// Points of a line over time: of a longer run several seconds are one.
const POINTS_MAX: usize = 300;
/// Told apart also by those who see few colours (Okabe and Ito's).
const COLOURS: [RGBColor; 6] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(230, 159, 0),
    RGBColor(86, 180, 233),
];
const ALL: RGBColor = RGBColor(60, 60, 60);

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// A line with its name, of points.
struct Line {
    name: String,
    points: Vec<(f64, f64)>,
    colour: RGBColor,
}

/// Writes one SVG for each summary that has a course, numbered in their order.
///
/// # Errors
/// When the folder cannot be written.
pub fn write(folder: &Path, summaries: &[Summary]) -> Outcome<()> {
    fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    for (number, summary) in summaries.iter().enumerate() {
        if summary.course.latency_ms.is_empty() {
            continue;
        }
        let path = folder.join(format!("{}-{}.svg", number + 1, summary.scenario));
        draw(&path, summary).map_err(|error| format!("{}: {error}", path.display()))?;
        eprintln!("{}", path.display());
    }
    Ok(())
}

fn draw(path: &Path, summary: &Summary) -> Outcome<()> {
    let area = SVGBackend::new(path, SIZE).into_drawing_area();
    area.fill(&WHITE).map_err(wrong)?;
    let (header, charts) = area.split_vertically(HEADER);
    head(&header, summary)?;
    let (left, right) = charts.split_horizontally(SIZE.0 / 2);
    spread(&left, summary)?;
    let (above, below) = right.split_vertically((SIZE.1 - HEADER) / 2);
    over_time(&above, &below, &summary.course.seconds)?;
    area.present().map_err(wrong)
}

fn head(area: &Area<'_>, summary: &Summary) -> Outcome<()> {
    let text = |text: &str, size: u32, y: i32| {
        let left = i32::try_from(MARGIN).unwrap_or_default();
        let text = Text::new(text.to_owned(), (left, y), ("sans-serif", size));
        area.draw(&text).map_err(wrong)
    };
    text(summary.scenario, TITLE, 8)?;
    let mut y = 30;
    for line in wrapped(&summary.setting) {
        text(&line, TEXT, y)?;
        y += 16;
    }
    Ok(())
}

/// As many lines as fit, broken between words.
fn wrapped(text: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let count = lines.len();
        let Some(line) = lines.last_mut() else { break };
        if line.is_empty() {
            line.push_str(word);
        } else if line.chars().count() + 1 + word.chars().count() <= LINE {
            line.push(' ');
            line.push_str(word);
        } else if count == LINES {
            line.push_str(" …");
            break;
        } else {
            lines.push(word.to_owned());
        }
    }
    lines
}

/// What is left above, in powers of ten: 90 %, 99 %, 99.9 % are as far apart as they matter.
fn spread(area: &Area<'_>, summary: &Summary) -> Outcome<()> {
    let points = |quantiles: &[(f64, f64)]| -> Vec<(f64, f64)> {
        let quantiles = quantiles.iter();
        quantiles
            .map(|(quantile, ms)| (-(1.0 - quantile).max(1e-9).log10(), ms.max(0.01)))
            .collect()
    };
    let course = &summary.course;
    let mut lines: Vec<Line> = (course.kinds.iter().zip(COLOURS.iter().cycle()))
        .map(|((name, quantiles), colour)| Line {
            name: (*name).to_owned(),
            points: points(quantiles),
            colour: *colour,
        })
        .collect();
    lines.push(Line {
        name: if lines.is_empty() { "" } else { "all" }.to_owned(),
        points: points(&course.latency_ms),
        colour: if lines.is_empty() { COLOURS[0] } else { ALL },
    });
    let axes = Axes {
        x: "answered within that time",
        y: "ms",
        x_to: 4.0,
        x_label: |nines| match (nines - nines.round()).abs() < 0.01 {
            true => format!("{} %", percent(nines.round())),
            false => String::new(),
        },
    };
    times(area, &axes, lines)
}

fn over_time(above: &Area<'_>, below: &Area<'_>, seconds: &[Second]) -> Outcome<()> {
    let together = seconds.len().div_ceil(POINTS_MAX).max(1);
    let at = |number: usize| (number * together) as f64;
    let points = |of: &dyn Fn(&[Second]) -> f64| -> Vec<(f64, f64)> {
        let parts = seconds.chunks(together).enumerate();
        parts.map(|(number, part)| (at(number), of(part))).collect()
    };
    let mean = |of: fn(&Second) -> f64| {
        move |part: &[Second]| part.iter().map(of).sum::<f64>() / part.len().max(1) as f64
    };
    let counts = points(&mean(|second| second.answers as f64));
    let last = (seconds.len().max(2) - 1) as f64;
    let most = counts.iter().map(|(_, count)| *count).fold(1.0, f64::max);
    let mut chart = ChartBuilder::on(above)
        .margin(MARGIN)
        .x_label_area_size(LABELS_BELOW)
        .y_label_area_size(LABELS_LEFT)
        .build_cartesian_2d(0.0..last, 0.0..most * 1.1)
        .map_err(wrong)?;
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .label_style(("sans-serif", TEXT))
        .y_labels(6)
        .x_desc("seconds")
        .y_desc("answers a second")
        .x_label_formatter(&|second: &f64| format!("{second:.0}"))
        .y_label_formatter(&|count: &f64| format!("{count:.0}"))
        .draw()
        .map_err(wrong)?;
    chart
        .draw_series(LineSeries::new(counts, COLOURS[0].stroke_width(2)))
        .map_err(wrong)?;

    let worst = |part: &[Second]| part.iter().map(|second| second.p99).fold(0.0, f64::max);
    let line = |name: &str, colour, points: Vec<(f64, f64)>| Line {
        name: name.to_owned(),
        // A second without an answer has no time.
        points: points.into_iter().filter(|(_, ms)| *ms > 0.0).collect(),
        colour,
    };
    let lines = vec![
        line("p99", COLOURS[1], points(&worst)),
        line("p50", COLOURS[0], points(&mean(|second| second.p50))),
    ];
    let axes = Axes {
        x: "seconds",
        y: "ms",
        x_to: last,
        x_label: |second| format!("{second:.0}"),
    };
    times(below, &axes, lines)
}

struct Axes {
    x: &'static str,
    y: &'static str,
    x_to: f64,
    x_label: fn(&f64) -> String,
}

/// Lines of times, on a scale of powers of ten, with a legend if there are several.
fn times(area: &Area<'_>, axes: &Axes, lines: Vec<Line>) -> Outcome<()> {
    let all = || {
        lines
            .iter()
            .flat_map(|line| &line.points)
            .map(|(_, ms)| *ms)
    };
    let (least, most) = (all().fold(f64::MAX, f64::min), all().fold(0.0, f64::max));
    if most <= 0.0 {
        return Ok(());
    }
    // Whole powers of ten, so that the axis has labels.
    let (from, to) = (power(least, f64::floor), power(most, f64::ceil));
    // A little less than the power itself, which would be left without its label.
    let (from, to) = (from * 0.999, to.max(from * 10.0));
    let mut chart = ChartBuilder::on(area)
        .margin(MARGIN)
        .x_label_area_size(LABELS_BELOW)
        .y_label_area_size(LABELS_LEFT)
        .build_cartesian_2d(0.0..axes.x_to, (from..to).log_scale())
        .map_err(wrong)?;
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .label_style(("sans-serif", TEXT))
        .x_desc(axes.x)
        .y_desc(axes.y)
        .x_labels(9)
        .x_label_formatter(&axes.x_label)
        .y_label_formatter(&|ms: &f64| ms.to_string())
        .draw()
        .map_err(wrong)?;
    let several = lines.len() > 1;
    for Line {
        name,
        points,
        colour,
    } in lines
    {
        let style = colour.stroke_width(2);
        let series = chart
            .draw_series(LineSeries::new(points, style))
            .map_err(wrong)?;
        if several {
            series
                .label(name)
                .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], style));
        }
    }
    if several {
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::UpperLeft)
            .label_font(("sans-serif", TEXT))
            .background_style(WHITE.mix(0.85))
            .border_style(RGBColor(200, 200, 200))
            .draw()
            .map_err(wrong)?;
    }
    Ok(())
}

/// The power of ten beside a number above 0.
fn power(ms: f64, round: fn(f64) -> f64) -> f64 {
    10_f64.powf(round(ms.log10()))
}

/// 1 is 90 %, 2 is 99 %.
fn percent(nines: f64) -> f64 {
    let digits = 10_f64.powf(nines.ceil().max(0.0));
    ((1.0 - 10_f64.powf(-nines)) * 100.0 * digits).round() / digits
}

fn wrong(error: impl std::error::Error) -> Error {
    error.to_string().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nines_are_percents() {
        let found = [0.0, 1.0, 2.0, 3.0, 4.0].map(|nines| percent(nines).to_string());
        assert_eq!(found, ["0", "90", "99", "99.9", "99.99"]);
    }

    #[test]
    fn a_long_setting_is_broken_between_words_and_cut() {
        assert_eq!(wrapped("a b"), ["a b"]);
        let long = vec!["word"; 200].join(" ");
        let lines = wrapped(&long);
        assert_eq!(lines.len(), LINES);
        assert!(lines.iter().all(|line| line.chars().count() <= LINE + 2));
        assert!(lines[1].ends_with("word …"));
    }
}

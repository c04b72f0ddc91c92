//! Summaries as pictures: how the times of answers are spread, and answers a second over the run.

use std::fs;
use std::path::Path;

use plotters::prelude::*;

use crate::report::Summary;
use crate::{Error, Outcome};

const SIZE: (u32, u32) = (1000, 420);
const FONT: (&str, u32) = ("sans-serif", 15);
const MARGIN: u32 = 12;
const LABELS: u32 = 48;

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
    let title = format!("{}: {}", summary.scenario, summary.setting);
    let area = SVGBackend::new(path, SIZE).into_drawing_area();
    area.fill(&WHITE).map_err(wrong)?;
    let area = area.titled(&title, FONT).map_err(wrong)?;
    let (left, right) = area.split_horizontally(SIZE.0 / 2);

    // What is left above, in powers of ten: 90 %, 99 %, 99.9 % are as far apart as they matter.
    let spread = summary.course.latency_ms.iter();
    let spread: Vec<(f64, f64)> = spread
        .map(|(quantile, ms)| (-(1.0 - quantile).max(1e-9).log10(), ms.max(0.01)))
        .collect();
    let last = spread.last().copied().unwrap_or_default();
    let first = spread.first().map_or(0.01, |(_, ms)| *ms);
    let mut chart = ChartBuilder::on(&left)
        .margin(MARGIN)
        .x_label_area_size(LABELS)
        .y_label_area_size(LABELS)
        .build_cartesian_2d(0.0..last.0, (first..last.1.max(first * 2.0)).log_scale())
        .map_err(wrong)?;
    chart
        .configure_mesh()
        .x_desc("answered within, %")
        .y_desc("ms")
        .x_label_formatter(&|nines| format!("{}", percent(*nines)))
        .draw()
        .map_err(wrong)?;
    chart
        .draw_series(LineSeries::new(spread, BLUE.stroke_width(2)))
        .map_err(wrong)?;

    let counts = &summary.course.by_second;
    let most = counts.iter().copied().max().unwrap_or_default();
    let mut chart = ChartBuilder::on(&right)
        .margin(MARGIN)
        .x_label_area_size(LABELS)
        .y_label_area_size(LABELS)
        .build_cartesian_2d(0..counts.len().max(1), 0..most + most / 10 + 1)
        .map_err(wrong)?;
    chart
        .configure_mesh()
        .x_desc("seconds")
        .y_desc("answers a second")
        .draw()
        .map_err(wrong)?;
    let points = counts.iter().copied().enumerate();
    chart
        .draw_series(LineSeries::new(points, BLUE.stroke_width(2)))
        .map_err(wrong)?;
    area.present().map_err(wrong)
}

/// 1 is 90 %, 2 is 99 %.
fn percent(nines: f64) -> f64 {
    let digits = 10_f64.powf(nines.ceil().max(0.0));
    ((1.0 - 10_f64.powf(-nines)) * 100.0 * digits).round() / digits
}

fn wrong(error: impl std::error::Error) -> Error {
    error.to_string().into()
}

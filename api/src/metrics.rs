//! Counts and times for Prometheus. Labels are route templates, methods and status codes: a bounded
//! set, and no id of anybody.

use std::sync::OnceLock;
use std::time::Duration;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

const REQUEST_SECONDS: &str = "http_request_duration_seconds";
/// Bounds of latency buckets, in seconds.
const LATENCIES: [f64; 12] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0,
];

/// A client may invent methods; labels may not grow with them.
const METHODS: [&str; 7] = ["GET", "POST", "PATCH", "PUT", "DELETE", "HEAD", "OPTIONS"];

/// Metrics are the process's, however many servers its tests start.
static HANDLE: OnceLock<Option<PrometheusHandle>> = OnceLock::new();

fn handle() -> Option<&'static PrometheusHandle> {
    HANDLE
        .get_or_init(|| {
            let installed = PrometheusBuilder::new()
                .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &LATENCIES)
                .and_then(PrometheusBuilder::install_recorder);
            match installed {
                Ok(handle) => {
                    describe();
                    Some(handle)
                }
                Err(error) => {
                    tracing::error!(%error, "metrics are not recorded");
                    None
                }
            }
        })
        .as_ref()
}

fn describe() {
    metrics::describe_histogram!(
        REQUEST_SECONDS,
        metrics::Unit::Seconds,
        "Time from a request's arrival to the start of its answer"
    );
}

/// Starts recording; needed before the first metric.
pub fn start() {
    handle();
}

/// Counts one answer.
pub fn record_request(method: &str, route: &str, status: u16, took: Duration) {
    let method = METHODS.iter().find(|known| **known == method);
    metrics::histogram!(
        REQUEST_SECONDS,
        "method" => *method.unwrap_or(&"other"),
        "route" => route.to_owned(),
        "status" => status.to_string(),
    )
    .record(took);
}

/// Everything recorded, in Prometheus' text format.
#[must_use]
pub fn render() -> String {
    handle().map_or_else(String::new, PrometheusHandle::render)
}

/// Empties the histograms' queues, which otherwise grow until somebody asks for the metrics.
pub fn tidy() {
    if let Some(handle) = handle() {
        handle.run_upkeep();
    }
}

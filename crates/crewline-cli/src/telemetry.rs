//! Metrics: collected in this process, rendered for whoever asks for `/metrics`.

use std::sync::Arc;
use std::time::Duration;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

use crate::failure::Failure;

/// Seconds: from one tenth of a millisecond (a read from memory) to ten seconds (nobody waits longer).
const SECONDS: [f64; 16] = [
    0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5,
    5.0, 10.0,
];
/// Counts of things that come together, such as the commands of a batch.
const COUNTS: [f64; 12] = [
    1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0, 4096.0,
];
/// How often histograms are brought up to date; without it they would grow until somebody asks.
pub(crate) const UPKEEP: Duration = Duration::from_secs(5);

/// Collects metrics from here on.
pub(crate) fn start() -> Result<PrometheusHandle, Failure> {
    let fault = |error| Failure::new(format!("cannot start metrics: {error}"));
    PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)
        .and_then(|builder| builder.set_buckets(&COUNTS))
        .map_err(fault)?
        .install_recorder()
        .map_err(fault)
}

/// What renders the metrics of this process.
pub(crate) fn renderer(handle: PrometheusHandle) -> Arc<dyn Fn() -> String + Send + Sync> {
    Arc::new(move || handle.render())
}

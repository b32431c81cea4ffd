//! Metrics: collected in this process, rendered for whoever asks for `/metrics`.

use std::sync::Arc;
use std::time::Duration;

use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};
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
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)
        .and_then(|builder| builder.set_buckets(&COUNTS))
        .map_err(fault)?
        .install_recorder()
        .map_err(fault)?;
    describe();
    Ok(handle)
}

/// What the engine and the store count. The HTTP edge describes its own.
fn describe() {
    describe_counter!(
        "crewline_messages_accepted_total",
        "Messages that were stored"
    );
    describe_counter!(
        "crewline_recipients_total",
        "Recipients of messages that were stored"
    );
    describe_counter!(
        "crewline_messages_delivered_total",
        "Recipients whom a message has reached, implied ones too"
    );
    describe_counter!(
        "crewline_messages_read_total",
        "Recipients who have read a message, implied ones too"
    );
    describe_counter!(
        "crewline_messages_acknowledged_total",
        "Recipients who have acknowledged a message"
    );
    describe_counter!("crewline_events_total", "Events that were put into logs");
    describe_gauge!("crewline_queue_rows", "Rows that wait for the writer");
    describe_histogram!("crewline_batch_commands", "Commands in a batch");
    describe_histogram!(
        "crewline_step_seconds",
        Unit::Seconds,
        "Time of each step of a batch in the writer; of the step queue, the time that a command has waited"
    );
    describe_gauge!(
        "crewline_wal_bytes",
        Unit::Bytes,
        "Size of the write-ahead log beside the store"
    );
    describe_gauge!(
        "crewline_disk_free_bytes",
        Unit::Bytes,
        "Room on the disk of the store, where it is a file"
    );
    describe_retention();
    describe_hints();
    crewline_push::describe_metrics();
    crewline_webhook::describe_metrics();
    begin_at_nothing();
}

/// A figure that begins with its first fault has not grown for Prometheus: what alerts ask for is there from the beginning.
fn begin_at_nothing() {
    for name in [
        "crewline_webhook_parked_total",
        "crewline_push_dropped_total",
        "crewline_hints_repaired_total",
        "crewline_bus_dropped_total",
        "crewline_bus_missed_total",
    ] {
        metrics::counter!(name).increment(0);
    }
}

fn describe_hints() {
    for (name, what) in [
        (
            "crewline_leases_taken_total",
            "Leases that this node took, by what it does under them",
        ),
        (
            "crewline_hints_sent_total",
            "Logs of which other nodes were told that they grew",
        ),
        (
            "crewline_hints_heard_total",
            "Logs of which other nodes told that they grew",
        ),
        (
            "crewline_hints_repaired_total",
            "Followed logs that had grown without a hint",
        ),
        (
            "crewline_hints_not_understood_total",
            "Texts on the bus that are no hints",
        ),
    ] {
        describe_counter!(name, what);
    }
    describe_gauge!(
        "crewline_bus_connected",
        "Whether the bus between nodes is connected: 1 or 0"
    );
    describe_counter!(
        "crewline_bus_dropped_total",
        "Texts for other nodes that the bus did not get"
    );
    describe_counter!(
        "crewline_bus_missed_total",
        "How often this node was too slow for what came over the bus"
    );
}

fn describe_retention() {
    for (name, what) in [
        (
            "crewline_retention_events_removed_total",
            "Old events that were removed from logs",
        ),
        (
            "crewline_retention_texts_removed_total",
            "Old texts that were removed",
        ),
        (
            "crewline_retention_payloads_removed_total",
            "Payloads that had been told, and were removed with their event",
        ),
        (
            "crewline_retention_cursors_released_total",
            "Cursors that were behind for too long, and hold their log no more",
        ),
    ] {
        describe_counter!(name, what);
    }
    for (name, what) in [
        (
            "crewline_retention_logs_held",
            "Logs of which something old stays, because a cursor has not passed it",
        ),
        (
            "crewline_retention_emergencies_kept",
            "Old emergencies whose text stays, because somebody has not acknowledged them",
        ),
        (
            "crewline_retention_cursors_behind",
            "Cursors that have been behind for longer than retention.cursorDays",
        ),
    ] {
        describe_gauge!(name, what);
    }
}

/// What renders the metrics of this process.
pub(crate) fn renderer(handle: PrometheusHandle) -> Arc<dyn Fn() -> String + Send + Sync> {
    Arc::new(move || handle.render())
}

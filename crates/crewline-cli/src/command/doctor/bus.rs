//! The bus: is NATS there, does it let this one in, and does it carry what servers say.

use std::time::Duration;

use tokio::time::timeout;

use super::finding::Finding;
use crate::context::Context;

const CHECK: &str = "bus";
/// How long it may take in all.
const PATIENCE: Duration = Duration::from_secs(10);

/// Looks at the bus, where one is set.
pub(crate) async fn look(context: &Context) -> Vec<Finding> {
    let options = match context.config.bus.options() {
        Ok(None) => return Vec::new(),
        Ok(Some(options)) => options,
        Err(failure) => {
            let remedy = "set bus.caFile, bus.certFile and bus.keyFile to files that can be read";
            return vec![Finding::fail(CHECK, failure.to_string(), remedy)];
        }
    };
    let tried = timeout(PATIENCE, crewline_bus_nats::try_out(&options)).await;
    let away = "look at NATS, at bus.url with its user and password, and at what that user may publish and subscribe; \
                until then servers notice what others wrote by looking (nodes.lookEvery)";
    vec![match tried {
        Err(_) => {
            let what = format!("NATS at {} does not answer", options.hosts());
            Finding::fail(CHECK, what, away)
        }
        Ok(Ok((who, trip))) => {
            let what = format!(
                "{who} carries {} in {:.1} ms",
                options.subject,
                trip.as_secs_f64() * 1_000.0
            );
            Finding::ok(CHECK, what)
        }
        Ok(Err(error)) => Finding::fail(CHECK, error.to_string(), away),
    }]
}

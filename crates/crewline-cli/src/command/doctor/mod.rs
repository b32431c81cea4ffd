//! `crewline doctor`: looks at what a server needs, and says what to do. It changes nothing: its only traces are a few
//! blocks written to the store's folder and removed again, and a word over NATS that no server understands.

mod bus;
mod clock;
mod cursors;
mod database;
mod disk;
mod files;
mod finding;
mod limits;
pub(crate) mod port;
mod push;
mod store;
mod tls;
mod webhooks;

use clap::Args;
use serde_json::json;

use self::finding::{Finding, Status};
use crate::client::block_on;
use crate::context::Context;
use crate::failure::Failure;

const HELP: &str = "\
Each line is ok, warn or fail, with what to do where there is something to do. Exits 1 where a line says fail.
No other host is asked but those of the database and of NATS, where the configuration names some.";

/// Check store, database, bus, disk, clock, port, certificate and configuration, and say what to do
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(crate) struct DoctorArgs {
    /// One JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

/// Looks.
pub(crate) fn run(args: &DoctorArgs, context: &mut Context) -> Result<(), Failure> {
    let mut findings = configuration(context);
    findings.extend(store::look(context));
    // A database that is away is waited for once.
    if !database::is_away(&findings) {
        findings.extend(cursors::look(context));
        findings.extend(webhooks::look(context));
        findings.extend(push::look(context));
    }
    findings.extend(context.store_file().map(disk::look).unwrap_or_default());
    findings.extend(files::look(context));
    findings.extend(limits::look());
    findings.push(log(context));
    let http = &context.config.http;
    let (identity, found) = tls::look(http);
    findings.extend(found);
    block_on(async {
        findings.extend(bus::look(context).await);
        findings.extend(clock::look().await);
        findings.extend(port::look(http, identity.as_ref()).await);
        Ok(())
    })?;
    if args.json {
        context.out.json(&json!({ "checks": findings }))?;
    } else {
        let style = context.out.style();
        for finding in &findings {
            context.out.write(&finding.text(style))?;
        }
    }
    let failed = findings
        .iter()
        .filter(|finding| finding.status == Status::Fail)
        .count();
    match failed {
        0 => Ok(()),
        1 => Err(Failure::new("one check failed")),
        many => Err(Failure::new(format!("{many} checks failed"))),
    }
}

/// Who changed the directory stands in the log alone.
fn log(context: &Context) -> Finding {
    let (log, level) = (&context.config.log, &context.config.log.level);
    if log.tells_info() {
        let what = format!("{level}: who makes whom a watcher, and who signs whom out, is told");
        Finding::ok("log", what)
    } else {
        let what =
            format!("{level}: nothing tells who makes whom a watcher, and who signs whom out");
        Finding::warn("log", what, "log.level = \"info\"")
    }
}

fn configuration(context: &Context) -> Vec<Finding> {
    let layers = &context.config.layers;
    let file = layers
        .settings()
        .find_map(|(_, setting)| match &setting.origin {
            crate::config::Origin::File(path) => Some(path.display().to_string()),
            _ => None,
        });
    let what = file.map_or_else(
        || "no file sets anything; defaults, environment and flags".to_owned(),
        |file| format!("{file} is understood"),
    );
    let mut findings = vec![Finding::ok("configuration", what)];
    findings.extend(layers.warnings().iter().map(|text| {
        Finding::warn(
            "configuration",
            text.clone(),
            "unset it, or correct its name",
        )
    }));
    findings
}

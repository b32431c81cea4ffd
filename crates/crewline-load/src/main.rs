//! `crewline-load`: Crewline and what people would otherwise use, through the same work over their own protocols.
//!
//! It is one thread that speaks raw bytes, and knows nothing of the servers' code: what it finds is what a client sees.

mod arguments;
mod fault;
mod figures;
mod line;
mod machine;
mod process;
mod report;
mod system;
mod systems;
mod text;
mod tree;
mod works;

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::Instant;

use clap::{Parser as _, ValueEnum as _};
use tokio::signal::unix::{SignalKind, signal};

use arguments::Arguments;
use fault::{Done, Fault, When as _};
use report::{Measured, Run, page};
use system::Settings;
use works::{Sizes, Work};

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let done = runtime.map_err(Fault::from).and_then(|runtime| {
        runtime.block_on(async {
            tokio::select! {
                done = run(&arguments) => done,
                // What was started ends when it is dropped.
                ended = asked_to_end() => Err(ended.err().unwrap_or_else(|| Fault::new("interrupted"))),
            }
        })
    });
    match done {
        Ok(code) => code,
        Err(fault) => {
            eprintln!("crewline-load: {fault}");
            ExitCode::from(2)
        }
    }
}

/// Waits until somebody wants it to end.
async fn asked_to_end() -> Done {
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => Ok(interrupted?),
        _ = terminate.recv() => Ok(()),
    }
}

async fn run(arguments: &Arguments) -> Done<ExitCode> {
    if let Some(page) = &arguments.write {
        page::check(page)?;
    }
    machine::raise_open_files();
    let settings = Settings {
        crewline: arguments.crewline.clone(),
    };
    let mut run = prepare(arguments, &settings);
    measure(arguments, &settings, &mut run).await?;
    show(arguments, &run)?;
    for problem in run.faults().iter().chain(run.failures()) {
        eprintln!("crewline-load: {problem}");
    }
    Ok(if !run.faults().is_empty() {
        ExitCode::from(1)
    } else if run.failures().next().is_some() || run.systems.is_empty() {
        ExitCode::from(2)
    } else {
        ExitCode::SUCCESS
    })
}

/// Looks what is installed. What is missing is said loudly, and left out.
fn prepare(arguments: &Arguments, settings: &Settings) -> Run {
    let or_all = |given: &[systems::Name]| match given {
        [] => systems::Name::value_variants().to_vec(),
        given => given.to_vec(),
    };
    let works = match arguments.works.as_slice() {
        [] => Work::ALL.to_vec(),
        given => given.to_vec(),
    };
    let mut run = Run {
        machine: machine::Machine::this(),
        quick: arguments.quick,
        sizes: if arguments.quick {
            Sizes::quick()
        } else {
            Sizes::whole()
        },
        works,
        systems: Vec::new(),
        missing: Vec::new(),
    };
    for name in or_all(&arguments.peers) {
        match name.facts(settings) {
            Ok(facts) => run.systems.push(Measured {
                name,
                facts,
                works: BTreeMap::new(),
                not: BTreeMap::new(),
                failed: Vec::new(),
            }),
            Err(fault) => {
                eprintln!("== NOT MEASURED: {fault}");
                run.missing.push(fault.0);
            }
        }
    }
    run
}

/// Does each work with each system, so that those that are compared meet the same mood of the machine.
async fn measure(arguments: &Arguments, settings: &Settings, run: &mut Run) -> Done {
    let begun = Instant::now();
    for work in run.works.clone() {
        for system in &mut run.systems {
            if let Some(why) = system.name.cannot(work) {
                system.not.insert(work, why.to_owned());
                continue;
            }
            eprint!(
                "{:6.0} s  {work:?} {} … ",
                begun.elapsed().as_secs_f64(),
                system.facts.name
            );
            let above = tempfile::Builder::new()
                .prefix("load-")
                .tempdir_in(&arguments.folder)
                .when(arguments.folder.display())?;
            let folder = above.path().join("system");
            std::fs::create_dir(&folder)?;
            let folder = folder.canonicalize()?;
            match system.name.run(work, settings, &folder, &run.sizes).await {
                Ok(figures) => {
                    eprintln!(
                        "{}",
                        if figures.faults.is_empty() {
                            "done"
                        } else {
                            "A PROMISE IS BROKEN"
                        }
                    );
                    system.works.insert(work, figures);
                }
                Err(fault) => {
                    eprintln!("failed: {fault}");
                    let first = fault.0.lines().next().unwrap_or_default().to_owned();
                    system
                        .failed
                        .push(format!("{}, {work:?}: {first}", system.facts.name));
                    system.not.insert(work, format!("failed: {first}"));
                }
            }
        }
        // What an hour has found is not lost with what comes after it.
        write_json(arguments, run)?;
    }
    Ok(())
}

fn write_json(arguments: &Arguments, run: &Run) -> Done {
    let Some(file) = &arguments.json else {
        return Ok(());
    };
    let json = serde_json::to_string_pretty(run).map_err(|error| Fault(error.to_string()))?;
    std::fs::write(file, json).when(file.display())
}

fn show(arguments: &Arguments, run: &Run) -> Done {
    let markdown = run.markdown();
    if let Some(file) = &arguments.picture {
        std::fs::write(file, run.picture()).when(file.display())?;
    }
    let Some(file) = &arguments.write else {
        println!("{markdown}");
        return Ok(());
    };
    page::write(file, &markdown)
}

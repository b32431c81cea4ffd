//! `crewline-load`: Crewline and what people would otherwise use, through the same work over their own protocols.
//!
//! It is one thread that speaks raw bytes, and knows nothing of the servers' code: what it finds is what a client sees.

mod fault;
mod figures;
mod line;
mod machine;
mod process;
mod system;
mod systems;
mod text;
mod tree;
mod works;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;

use fault::{Done, When as _};
use system::Settings;
use works::{Sizes, Work};

/// Drives Crewline and its peers through the same work, and writes a table.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// The program crewline
    #[arg(long, value_name = "PATH", default_value = "target/release/crewline")]
    crewline: PathBuf,
    /// What is measured (all that are installed)
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    peers: Vec<systems::Name>,
    /// What is done (everything)
    #[arg(long, value_name = "WORK", value_delimiter = ',')]
    works: Vec<Work>,
    /// Small numbers of everything, to see that it works: the figures say nothing
    #[arg(long)]
    quick: bool,
    /// Where the servers get their folders: the disk that is measured
    #[arg(long, value_name = "FOLDER", default_value = "target")]
    folder: PathBuf,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    match runtime
        .map_err(fault::Fault::from)
        .and_then(|runtime| runtime.block_on(run(&arguments)))
    {
        Ok(code) => code,
        Err(fault) => {
            eprintln!("crewline-load: {fault}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: &Arguments) -> Done<ExitCode> {
    machine::raise_open_files();
    let settings = Settings {
        crewline: arguments.crewline.clone(),
    };
    let sizes = if arguments.quick {
        Sizes::quick()
    } else {
        Sizes::whole()
    };
    println!("{:?}", machine::Machine::this());
    for &work in &arguments.works {
        for &name in &arguments.peers {
            if let Some(why) = name.cannot(work) {
                println!("{why}");
                continue;
            }
            let folder = tempfile::tempdir_in(&arguments.folder).when("making a folder")?;
            let facts = name.facts(&settings)?;
            let figures = name.run(work, &settings, folder.path(), &sizes).await?;
            println!("{facts:?} {figures:#?}");
        }
    }
    Ok(ExitCode::SUCCESS)
}

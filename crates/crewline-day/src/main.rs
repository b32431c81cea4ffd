//! `crewline-day`: a day in the life of Crewline. A control system, two desks and forty crews with bad connections play a storm
//! day on the real program, over its real API and real sessions; and at the end what each of them wrote down is put together.
//!
//! It uses the public client and plain HTTP, and nothing of the server's code. What it owns is the story and the truth about it;
//! it never takes the server's word for what became of a message.

mod arguments;
mod calls;
mod cast;
mod clock;
mod day;
mod dice;
mod ledger;
mod line;
mod live;
mod payload;
mod person;
mod program;
mod report;
mod run;
mod scada;
mod script;
mod soak;
mod stage;
mod storm;
mod style;
mod world;

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    let arguments = arguments::Arguments::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("crewline-day: cannot start: {error}");
            return ExitCode::from(2);
        }
    };
    match runtime.block_on(run::run(&arguments)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(fault) => {
            eprintln!("crewline-day: {fault}");
            ExitCode::from(2)
        }
    }
}

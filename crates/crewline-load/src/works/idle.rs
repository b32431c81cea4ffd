//! W3: connected users to whom nothing happens: the memory of the whole tree of processes for each.

use std::path::Path;

use super::Sizes;
use super::stage::Stage;
use crate::fault::Done;
use crate::figures::Figures;
use crate::machine;
use crate::system::{Crowd, Settings, System};
use crate::tree;

/// Files that a process has open beside its connections.
const BESIDE: u64 = 500;

pub(crate) async fn run<S: System>(
    settings: &Settings,
    folder: &Path,
    sizes: &Sizes,
) -> Done<Figures> {
    let mut figures = Figures::default();
    let files = machine::open_files();
    let most = files.saturating_sub(BESIDE) as usize;
    let wanted = sizes.idle.last().copied().unwrap_or(0);
    if most < wanted {
        figures.note(format!(
            "a process may open {files} files here: {most} were connected, instead of {wanted}"
        ));
    }
    let crowd = Crowd {
        users: wanted.min(most),
        senders: 0,
    };
    let mut stage = Stage::new(S::start(settings, folder, crowd).await?);
    tokio::time::sleep(sizes.rest).await;
    let before = tree::memory_kib(&stage.system.processes());
    let mut connected = 0;
    for &count in &sizes.idle {
        stage.connect(connected..count.min(most)).await?;
        connected = count.min(most);
        tokio::select! {
            () = tokio::time::sleep(sizes.rest) => {}
            Some(ended) = stage.devices.join_next() => return Err(ended?),
        }
        let now = tree::memory_kib(&stage.system.processes());
        let each = now.saturating_sub(before) as f64 / connected as f64;
        figures.set(format!("w3.{count}.kib_each"), each);
        figures.set(format!("w3.{count}.mib"), now as f64 / 1024.0);
    }
    Ok(figures)
}

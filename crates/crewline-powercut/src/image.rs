//! What the disk may hold after a cut.
//!
//! What was synced is there. Of what was written since each piece may be there or not, whatever came before or after it: a
//! write whole, torn at a border of sectors, or not at all; a length without its bytes; a name without another one.
//! Between two syncs nothing is in any order, but that the same sector never goes back to what it held before something
//! that stayed.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

use crewline_testkit::Random;

use crate::tape::{Call, FileNo, Tape};

/// What becomes of bytes that were not synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// None of it is there.
    Dropped,
    /// All of it is there, as after a kill.
    Kept,
    /// Each write is there, torn or gone.
    Writes,
    /// Each sector is there or not.
    Sectors,
    /// The first of it is there, and of one write a part.
    Beginning,
}

/// What becomes of names that were not synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Names {
    /// None of the changes is there.
    Dropped,
    /// All are there.
    Kept,
    /// The first of them are there: as most file systems do it.
    Beginning,
    /// Each may be there or not.
    Any,
}

const STYLES: [Style; 5] = [
    Style::Dropped,
    Style::Kept,
    Style::Writes,
    Style::Sectors,
    Style::Beginning,
];
const NAMES: [Names; 4] = [Names::Dropped, Names::Kept, Names::Beginning, Names::Any];

impl Style {
    /// Draws one.
    pub fn draw(random: &mut Random) -> Self {
        random.pick(&STYLES)
    }
}

impl Names {
    /// Draws one.
    pub fn draw(random: &mut Random) -> Self {
        random.pick(&NAMES)
    }
}

impl Tape {
    /// Makes in an empty folder what the disk may hold after a cut before the call with the number `cut`.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn image(
        &self,
        cut: usize,
        (style, names): (Style, Names),
        random: &mut Random,
        folder: &Path,
    ) -> io::Result<()> {
        let (synced, names_synced) = self.durable(cut);
        for (name, file) in self.names_at(cut, names_synced, names, random) {
            // It is memory that processes share; after a cut nobody relies on what it holds.
            if name.ends_with("-shm") {
                continue;
            }
            let synced = synced.get(&file).copied().unwrap_or(0);
            let bytes = self.bytes_at(file, cut, synced, style, random);
            fs::write(folder.join(name), bytes)?;
        }
        Ok(())
    }

    /// What the files hold when nothing is lost, by their names; but for what processes share.
    pub fn whole(&self, cut: usize) -> BTreeMap<String, Vec<u8>> {
        let mut random = Random::new(0);
        let names = self.names_at(cut, 0, Names::Kept, &mut random);
        let held = names
            .into_iter()
            .filter(|(name, _)| !name.ends_with("-shm"));
        held.map(|(name, file)| {
            let bytes = self.bytes_at(file, cut, 0, Style::Kept, &mut Random::new(0));
            (name, bytes)
        })
        .collect()
    }

    fn names_at(
        &self,
        cut: usize,
        synced: usize,
        style: Names,
        random: &mut Random,
    ) -> BTreeMap<String, FileNo> {
        let mut names = self.names.clone();
        let mut open = 0;
        let pending = self.calls[synced..cut].iter();
        let pending = pending
            .filter(|call| matches!(call, Call::Names(_)))
            .count();
        let kept = random.below(pending + 1);
        for (at, call) in self.calls[..cut].iter().enumerate() {
            let Call::Names(changes) = call else { continue };
            let stays = at < synced || {
                open += 1;
                match style {
                    Names::Dropped => false,
                    Names::Kept => true,
                    Names::Beginning => open <= kept,
                    Names::Any => random.one_in(2),
                }
            };
            if !stays {
                continue;
            }
            for (name, file) in changes {
                match file {
                    Some(file) => names.insert(name.clone(), *file),
                    None => names.remove(name),
                };
            }
        }
        names
    }

    fn bytes_at(
        &self,
        file: FileNo,
        cut: usize,
        synced: usize,
        style: Style,
        random: &mut Random,
    ) -> Vec<u8> {
        let mut bytes = self.before.get(file.0).cloned().unwrap_or_default();
        let own = |call: &&Call| match call {
            Call::Write { file: of, .. } | Call::Length { file: of, .. } => *of == file,
            _ => false,
        };
        for call in self.calls[..synced].iter().filter(own) {
            whole(&mut bytes, call);
        }
        let pending: Vec<&Call> = self.calls[synced.min(cut)..cut]
            .iter()
            .filter(own)
            .collect();
        let kept = random.below(pending.len() + 1);
        let sector = random.pick(&[512, 4_096]);
        for (at, call) in pending.into_iter().enumerate() {
            match style {
                Style::Kept => whole(&mut bytes, call),
                Style::Beginning if at < kept => whole(&mut bytes, call),
                Style::Beginning if at == kept => torn(&mut bytes, call, sector, random),
                Style::Dropped | Style::Beginning => {}
                Style::Writes => match random.below(3) {
                    0 => whole(&mut bytes, call),
                    1 => torn(&mut bytes, call, sector, random),
                    _ => gone(&mut bytes, call, random),
                },
                Style::Sectors => torn(&mut bytes, call, sector, random),
            }
        }
        bytes
    }
}

/// All of a call is there.
fn whole(bytes: &mut Vec<u8>, call: &Call) {
    match call {
        Call::Write {
            at, bytes: written, ..
        } => put(bytes, *at as usize, written),
        Call::Length { length, .. } => bytes.resize(*length as usize, 0),
        _ => {}
    }
}

/// Each sector of it is there or not.
fn torn(bytes: &mut Vec<u8>, call: &Call, sector: usize, random: &mut Random) {
    let Call::Write {
        at, bytes: written, ..
    } = call
    else {
        if random.one_in(2) {
            whole(bytes, call);
        }
        return;
    };
    let (mut from, end) = (*at as usize, *at as usize + written.len());
    let first = *at as usize;
    while from < end {
        let to = ((from / sector + 1) * sector).min(end);
        if random.one_in(2) {
            put(bytes, from, &written[from - first..to - first]);
        }
        from = to;
    }
}

/// Nothing of it is there but, now and then, the length that it gave the file.
fn gone(bytes: &mut Vec<u8>, call: &Call, random: &mut Random) {
    let Call::Write {
        at, bytes: written, ..
    } = call
    else {
        return;
    };
    let end = *at as usize + written.len();
    if end > bytes.len() && random.one_in(2) {
        // Zeros, or what lay there when the place belonged to another file.
        let junk = random.one_in(2);
        while bytes.len() < end {
            bytes.push(if junk { random.bits() as u8 } else { 0 });
        }
    }
}

fn put(bytes: &mut Vec<u8>, at: usize, written: &[u8]) {
    let end = at + written.len();
    if bytes.len() < end {
        bytes.resize(end, 0);
    }
    bytes[at..end].copy_from_slice(written);
}

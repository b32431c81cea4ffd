//! What was called, in order: the whole life of the files of one folder.

use std::collections::{BTreeMap, BTreeSet};

/// A file, whatever it is called: each file that is made has another number, also where it takes the name of one that
/// was there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileNo(pub usize);

/// A call that syncs: what it is about is promised only when it has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SyncNo(pub usize);

/// A call. Each is there when the operating system has done it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Call {
    /// Bytes were written into a file.
    Write {
        /// Which.
        file: FileNo,
        /// Where they begin.
        at: u64,
        /// The bytes.
        bytes: Vec<u8>,
    },
    /// A file was given a length.
    Length {
        /// Which.
        file: FileNo,
        /// The length.
        length: u64,
    },
    /// Names came, went, or became those of other files, in one step.
    Names(BTreeMap<String, Option<FileNo>>),
    /// A sync of a file was begun; of the folder with its names, where it names none.
    SyncBegan {
        /// Of what.
        file: Option<FileNo>,
        /// Which sync it is.
        sync: SyncNo,
    },
    /// That sync has ended well: all of it that was written when it began is on the disk.
    SyncEnded(SyncNo),
}

/// All calls on the files of one folder, and what was in it before.
#[derive(Debug, Clone, Default)]
pub struct Tape {
    /// What each file held before, durably; files that were made since are empty.
    pub before: Vec<Vec<u8>>,
    /// Which names there were before, durably.
    pub names: BTreeMap<String, FileNo>,
    /// The calls.
    pub calls: Vec<Call>,
}

impl Tape {
    /// What was durable at a cut before the call with this number: for each file how many of the calls count for it, and
    /// the same of the folder's names.
    pub(crate) fn durable(&self, cut: usize) -> (BTreeMap<FileNo, usize>, usize) {
        let (mut files, mut names) = (BTreeMap::new(), 0);
        let mut began = BTreeMap::new();
        for (at, call) in self.calls[..cut].iter().enumerate() {
            match call {
                Call::SyncBegan { file, sync } => {
                    began.insert(*sync, (*file, at));
                }
                Call::SyncEnded(sync) => {
                    // Its beginning is on the tape.
                    let Some((file, at)) = began.remove(sync) else {
                        continue;
                    };
                    let reached = match file {
                        Some(file) => files.entry(file).or_insert(0),
                        None => &mut names,
                    };
                    *reached = at.max(*reached);
                }
                _ => {}
            }
        }
        (files, names)
    }

    /// The same calls on a disk that lies: it says of each sync of these files (`None`: of the names in the folder) that it
    /// is done, and does nothing.
    #[must_use]
    pub fn lying(&self, of: impl Fn(Option<FileNo>) -> bool) -> Self {
        let mut lying = self.clone();
        for call in &mut lying.calls {
            if let Call::SyncBegan { file, .. } = call
                && of(*file)
            {
                // Nothing ends a sync that was never begun; the numbers of the calls stay.
                *call = Call::Names(BTreeMap::new());
            }
        }
        lying
    }

    /// The files that ever had a name that ends so.
    pub fn named(&self, end: &str) -> BTreeSet<FileNo> {
        let before = self.names.iter().map(|(name, file)| (name, Some(*file)));
        let later = self.calls.iter().filter_map(|call| match call {
            Call::Names(changes) => Some(changes.iter().map(|(name, file)| (name, *file))),
            _ => None,
        });
        let named = before.chain(later.flatten());
        named
            .filter_map(|(name, file)| file.filter(|_| name.ends_with(end)))
            .collect()
    }

    /// The numbers of the calls that satisfy something.
    pub fn find(&self, is: impl Fn(&Call) -> bool) -> Vec<usize> {
        let calls = self.calls.iter().enumerate();
        calls
            .filter_map(|(at, call)| is(call).then_some(at))
            .collect()
    }
}

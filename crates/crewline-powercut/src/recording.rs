//! The recording: which files are meant, and what was called on them.
//!
//! Files are known by their numbers on the file system, and names by looking at the folder after each call that may change
//! them, and before each sync of it: so a change of names that reaches the kernel without the C library is seen too.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::fd::{BorrowedFd, OwnedFd};
use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, fstat, open, statat};

use crate::tape::{Call, FileNo, SyncNo, Tape};

/// Whether anything is recorded: looked at by every call of the process.
static ON: AtomicBool = AtomicBool::new(false);
static STATE: Mutex<Option<State>> = Mutex::new(None);
/// Held by the one recording of the process.
static ONE: Mutex<()> = Mutex::new(());

/// A file on its file system.
type Id = (u64, u64);

struct State {
    folder: OwnedFd,
    folder_id: Id,
    tape: Tape,
    /// The files by their numbers on the file system.
    files: BTreeMap<Id, FileNo>,
    /// The names as they are.
    names: BTreeMap<String, Id>,
    made: usize,
    syncs: usize,
}

/// What a call is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Of {
    File(FileNo),
    Folder,
}

fn lock() -> MutexGuard<'static, Option<State>> {
    STATE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How many calls were recorded so far.
pub fn position() -> usize {
    lock().as_ref().map_or(0, |state| state.tape.calls.len())
}

/// Records what is called on the files of a folder, in this whole process. One at a time; who begins another one waits.
pub struct Recording {
    folder: PathBuf,
    _one: MutexGuard<'static, ()>,
}

impl Recording {
    /// Begins. What is in the folder counts as durable; but for what a tape says that was cut there, where one is given:
    /// then the folder holds what a kill leaves, and what was not synced then still is not.
    ///
    /// # Panics
    /// Where the folder cannot be read.
    pub fn begin(folder: &Path, after: Option<(&Tape, usize)>) -> Self {
        let one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
        crate::calls::stand_before_the_library();
        // Who is about to change something waits until all was looked at.
        let mut state = lock();
        ON.store(true, Ordering::SeqCst);
        *state = Some(State::look_at(folder, after).expect("the folder of a test can be read"));
        Self {
            folder: folder.to_owned(),
            _one: one,
        }
    }

    /// Ends, and gives out what was recorded.
    ///
    /// # Panics
    /// Where something has escaped: what is remembered is not what is in the folder.
    pub fn end(self) -> Tape {
        let mut held = lock();
        let mut state = held.take().expect("it is being recorded");
        state.note_names();
        for (name, bytes) in state.tape.whole(state.tape.calls.len()) {
            // Nobody changes it meanwhile: that would be recorded, and waits.
            let there = std::fs::read(self.folder.join(&name));
            let same = there.is_ok_and(|there| there == bytes);
            assert!(same, "not all was seen that was written into {name}");
        }
        drop(held);
        state.tape
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        ON.store(false, Ordering::SeqCst);
        *lock() = None;
    }
}

impl State {
    fn look_at(folder: &Path, after: Option<(&Tape, usize)>) -> rustix::io::Result<Self> {
        let opened = open(
            folder,
            OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC,
            Mode::empty(),
        )?;
        let stat = fstat(&opened)?;
        let mut state = Self {
            folder: opened,
            folder_id: (stat.st_dev, stat.st_ino),
            tape: Tape::default(),
            files: BTreeMap::new(),
            names: BTreeMap::new(),
            made: 0,
            syncs: 0,
        };
        state.names = state.read_names()?;
        match after {
            None => state.all_is_durable(folder),
            Some((tape, cut)) => state.go_on_after(tape, cut),
        }
        Ok(state)
    }

    fn all_is_durable(&mut self, folder: &Path) {
        for (name, id) in &self.names {
            let file = *self.files.entry(*id).or_insert_with(|| {
                let bytes = std::fs::read(folder.join(name));
                self.tape.before.push(bytes.unwrap_or_default());
                self.made += 1;
                FileNo(self.made - 1)
            });
            self.tape.names.insert(name.clone(), file);
        }
    }

    /// The folder holds all that the tape says up to the cut, under the names of then.
    fn go_on_after(&mut self, tape: &Tape, cut: usize) {
        self.tape = Tape {
            calls: tape.calls[..cut].to_vec(),
            ..tape.clone()
        };
        let mut then = tape.names.clone();
        for call in &self.tape.calls {
            match call {
                Call::Names(changes) => {
                    for (name, file) in changes {
                        match file {
                            Some(file) => then.insert(name.clone(), *file),
                            None => then.remove(name),
                        };
                    }
                }
                Call::Write { file, .. } | Call::Length { file, .. } => {
                    self.made = self.made.max(file.0 + 1);
                }
                // A sync that was under way has not ended: whoever waited for it is gone.
                Call::SyncBegan { sync, .. } => self.syncs = self.syncs.max(sync.0 + 1),
                Call::SyncEnded(_) => {}
            }
        }
        let known = then.values().map(|file| file.0 + 1).max().unwrap_or(0);
        self.made = self.made.max(known).max(tape.before.len());
        for (name, id) in &self.names {
            if let Some(file) = then.get(name) {
                self.files.insert(*id, *file);
            }
        }
        self.names.retain(|name, _| then.contains_key(name));
        // What was not copied (memory that was shared) is gone.
        let gone = then.keys().filter(|name| !self.names.contains_key(*name));
        let gone: BTreeMap<String, Option<FileNo>> =
            gone.map(|name| (name.clone(), None)).collect();
        if !gone.is_empty() {
            self.tape.calls.push(Call::Names(gone));
        }
    }

    fn read_names(&self) -> rustix::io::Result<BTreeMap<String, Id>> {
        let mut names = BTreeMap::new();
        for entry in Dir::read_from(&self.folder)? {
            let entry = entry?;
            let name = entry.file_name();
            // A file may go between the reading and the look.
            let Ok(stat) = statat(&self.folder, name, AtFlags::SYMLINK_NOFOLLOW) else {
                continue;
            };
            if FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile {
                names.insert(
                    name.to_string_lossy().into_owned(),
                    (stat.st_dev, stat.st_ino),
                );
            }
        }
        Ok(names)
    }

    /// Takes note of names that came, went or changed.
    fn note_names(&mut self) {
        let Ok(now) = self.read_names() else { return };
        if now == self.names {
            return;
        }
        let mut changes = BTreeMap::new();
        for name in self.names.keys().filter(|name| !now.contains_key(*name)) {
            changes.insert(name.clone(), None);
        }
        for (name, id) in &now {
            if self.names.get(name) == Some(id) {
                continue;
            }
            // A number without a name has been given to a file that is new.
            let had_name = self.names.values().any(|named| named == id);
            let file = match self.files.get(id) {
                Some(file) if had_name => *file,
                _ => {
                    self.made += 1;
                    FileNo(self.made - 1)
                }
            };
            self.files.insert(*id, file);
            changes.insert(name.clone(), Some(file));
        }
        self.names = now;
        self.tape.calls.push(Call::Names(changes));
    }

    fn of(&self, file: BorrowedFd<'_>) -> Option<Of> {
        let stat = fstat(file).ok()?;
        let id = (stat.st_dev, stat.st_ino);
        if id == self.folder_id {
            return Some(Of::Folder);
        }
        self.files.get(&id).copied().map(Of::File)
    }
}

/// Does a call that may change a file, and takes note of what it says it did. Nobody else's call comes between.
pub(crate) fn changing<T>(
    file: BorrowedFd<'_>,
    call: impl FnOnce() -> T,
    note: impl FnOnce(&T, FileNo) -> Option<Call>,
) -> T {
    if !ON.load(Ordering::SeqCst) {
        return call();
    }
    let mut state = lock();
    let done = call();
    if let Some(state) = state.as_mut()
        && let Some(Of::File(file)) = state.of(file)
        && let Some(call) = note(&done, file)
    {
        state.tape.calls.push(call);
    }
    done
}

/// Does a call that may change names, and looks which.
pub(crate) fn naming<T>(call: impl FnOnce() -> T) -> T {
    if !ON.load(Ordering::SeqCst) {
        return call();
    }
    let mut state = lock();
    let done = call();
    if let Some(state) = state.as_mut() {
        state.note_names();
    }
    done
}

/// Does a sync, and takes note of its beginning and, where it went well, of its end. Others go on meanwhile.
pub(crate) fn syncing(
    file: BorrowedFd<'_>,
    call: impl FnOnce() -> rustix::io::Result<()>,
) -> rustix::io::Result<()> {
    let began = begin_sync(file);
    let done = call();
    if done.is_ok()
        && let Some(sync) = began
        && let Some(state) = lock().as_mut()
    {
        state.tape.calls.push(Call::SyncEnded(sync));
    }
    done
}

fn begin_sync(file: BorrowedFd<'_>) -> Option<SyncNo> {
    if !ON.load(Ordering::SeqCst) {
        return None;
    }
    let mut state = lock();
    let state = state.as_mut()?;
    let of = state.of(file)?;
    if of == Of::Folder {
        state.note_names();
    }
    let sync = SyncNo(state.syncs);
    state.syncs += 1;
    let file = match of {
        Of::File(file) => Some(file),
        Of::Folder => None,
    };
    state.tape.calls.push(Call::SyncBegan { file, sync });
    Some(sync)
}

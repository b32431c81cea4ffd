//! Which files this process has open through SQLite.
//!
//! A lock of POSIX belongs to a process and a file, and closing *any* handle on the file lets all of them go. Whoever
//! opens the file of a running store to look at its first bytes, and closes it again, takes SQLite's locks away unseen: the
//! next command of another process may take itself for the only one, and remove the WAL that this one still writes to.
//! (The SQLite that is built in looks twice before it does that. It is still not for us to take its locks away.)
//!
//! **Invariant:** nothing in this crate opens a store's file by itself while this process has it open. Whoever wants to
//! look comes through [`enter`], which lets it look only when nobody is in.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// How often each file is open, by the one name that it has.
static OPEN: Mutex<BTreeMap<PathBuf, usize>> = Mutex::new(BTreeMap::new());

/// Says that a file is open; dropping it says that it is not any more.
#[derive(Debug)]
pub(crate) struct InUse(PathBuf);

/// Enters a file as open. `look` may open and close it, and is called only where nobody has it open; it leaves a file
/// behind that `resolve` gives the one name of.
pub(crate) fn enter<E>(
    look: impl FnOnce() -> Result<(), E>,
    resolve: impl Fn() -> Result<PathBuf, E>,
) -> Result<InUse, E> {
    // Held while looking, so that nobody opens it just before the look's handle is closed. It is counts: whole at any
    // time.
    let mut open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
    let known = resolve().ok().filter(|real| open.contains_key(real));
    let real = if let Some(real) = known {
        real
    } else {
        look()?;
        resolve()?
    };
    *open.entry(real.clone()).or_default() += 1;
    Ok(InUse(real))
}

impl InUse {
    /// The one name of the file.
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for InUse {
    fn drop(&mut self) {
        let mut open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = open.get_mut(&self.0) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.0);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_looked_at_only_while_nobody_has_it_open() {
        let looked = std::cell::Cell::new(0);
        let look = || -> Result<(), ()> {
            looked.set(looked.get() + 1);
            Ok(())
        };
        let resolve = || Ok(PathBuf::from("/in use/by a test"));
        let first = enter(look, resolve).unwrap();
        let second = enter(look, resolve).unwrap();
        drop(first);
        let third = enter(look, resolve).unwrap();
        assert_eq!(looked.get(), 1);
        drop((second, third));
        enter(look, resolve).unwrap();
        assert_eq!(looked.get(), 2);
    }

    #[test]
    fn a_file_that_was_refused_is_not_open() {
        let path = PathBuf::from("/refused/by a test");
        assert_eq!(enter(|| Err("no"), || Ok(path.clone())).err(), Some("no"));
        assert!(!OPEN.lock().unwrap().contains_key(&path));
    }
}

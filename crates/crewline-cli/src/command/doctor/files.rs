//! Who may read the files: the store holds people's words, and a token file lets act.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use super::finding::Finding;
use crate::context::Context;

/// Looks at the modes.
pub(crate) fn look(context: &Context) -> Vec<Finding> {
    let mut files = Vec::new();
    if let Some(store) = context.store_file() {
        let beside = |suffix: &str| {
            let mut name = store.as_os_str().to_owned();
            name.push(suffix);
            PathBuf::from(name)
        };
        files.extend([store.to_owned(), beside("-wal"), beside("-shm")]);
    }
    files.extend(context.config.client.token_file.clone());
    let open: Vec<_> = files
        .iter()
        .filter_map(|file| others_may_read(file))
        .collect();
    if open.is_empty() {
        return vec![Finding::ok(
            "file modes",
            "only the owner can read the store",
        )];
    }
    open.into_iter()
        .map(|(file, mode)| {
            let what = format!("{file} can be read by others (mode {mode:o})");
            Finding::warn("file modes", what, format!("chmod 600 {file}"))
        })
        .collect()
}

fn others_may_read(file: &Path) -> Option<(String, u32)> {
    let mode = std::fs::metadata(file).ok()?.permissions().mode() & 0o777;
    (mode & 0o077 != 0).then(|| (file.display().to_string(), mode))
}

//! Descriptions of the product that its tests hold against the code: snapshots of JSON below a few lines of head. Pages are made
//! of them, so that nothing of the product is built for a page.

use std::path::Path;

use serde_json::Value;

use crate::read;

/// Reads the description in a snapshot.
pub(crate) fn load(root: &Path, path: &str) -> Result<Value, String> {
    let text = read(root, path)?;
    let (_, body) = text
        .strip_prefix("---\n")
        .and_then(|rest| rest.split_once("\n---\n"))
        .ok_or_else(|| format!("{path} has no head between lines of ---"))?;
    serde_json::from_str(body).map_err(|error| format!("{path} is not JSON: {error}"))
}

//! Stands in for the names of the command, whose file also reaches the store.

/// Whether somebody may be called so.
pub(crate) fn check_name(name: &str) -> Result<(), String> {
    match name.chars().count() {
        0 => Err("the name is empty".to_owned()),
        chars if chars > 255 => Err(format!("the name has {chars} characters")),
        _ if name.contains('\0') => Err("the name holds U+0000".to_owned()),
        _ => Ok(()),
    }
}

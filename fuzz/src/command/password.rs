//! Stands in for the passwords of the command, which reads them from standard input.

/// Whether a line of a file may hold it.
pub(crate) fn check(password: &str) -> Result<(), String> {
    if password.contains(['\n', '\r', '\0']) {
        return Err("holds a line break or U+0000, which nobody can type".to_owned());
    }
    Ok(())
}

/// Whether it deserves a warning.
pub(crate) fn is_short(password: &str) -> bool {
    password.chars().count() < 8
}

//! Passwords as they come in: from standard input, or a line of an import.

use std::io::Read as _;

use crewline_api::limits::PASSWORD_BYTES_MAX;

use crate::context::Context;
use crate::failure::Failure;

/// Shorter ones are taken, with a warning: the directory is the utility's own, and so are its rules.
const CHARS_ADVISED: usize = 8;

/// Reads one password from standard input: one line, or text without a line break.
pub(crate) fn from_stdin(context: &Context) -> Result<String, Failure> {
    let mut bytes = Vec::new();
    // One more than allowed, and a line break, tell a password that is too long.
    let most = PASSWORD_BYTES_MAX as u64 + 3;
    std::io::stdin()
        .lock()
        .take(most)
        .read_to_end(&mut bytes)
        .map_err(|error| {
            Failure::new(format!(
                "cannot read the password from standard input: {error}"
            ))
        })?;
    let text = String::from_utf8(bytes).map_err(|_| Failure::new("the password is not UTF-8"))?;
    let password = text.strip_suffix('\n').unwrap_or(&text);
    let password = password.strip_suffix('\r').unwrap_or(password);
    if let Err(fault) = check(password) {
        return Err(Failure::new(format!("the password {fault}"))
            .remedy("printf '%s' 'a long password' | crewline user … --password-stdin"));
    }
    if is_short(password) {
        context.warn(&format!(
            "the password has fewer than {CHARS_ADVISED} characters: it is easily guessed"
        ));
    }
    Ok(password.to_owned())
}

/// What is wrong with a password, if anything.
pub(crate) fn check(password: &str) -> Result<(), String> {
    if password.is_empty() {
        return Err("is empty".to_owned());
    }
    if password.len() > PASSWORD_BYTES_MAX {
        return Err(format!("has more than {PASSWORD_BYTES_MAX} bytes"));
    }
    if password.contains(['\n', '\r', '\0']) {
        return Err("holds a line break or U+0000, which nobody can type".to_owned());
    }
    Ok(())
}

/// Whether it deserves a warning.
pub(crate) fn is_short(password: &str) -> bool {
    password.chars().count() < CHARS_ADVISED
}

/// The hash that is kept.
pub(crate) fn hash(password: &str) -> Result<String, Failure> {
    crewline_http::password::hash(password).map_err(|error| Failure::new(error.to_string()))
}

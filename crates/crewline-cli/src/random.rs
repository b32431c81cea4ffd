//! Random numbers of the operating system.

use crate::failure::Failure;

/// So many random bytes.
///
/// # Errors
/// Where this machine gives none.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], Failure> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)
        .map_err(|error| Failure::new(format!("this machine gives no random numbers: {error}")))?;
    Ok(bytes)
}

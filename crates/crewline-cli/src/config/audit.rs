//! `[audit]`: how long it is kept who did what.

use std::time::Duration;

use super::Layers;
use crate::failure::Failure;

/// How long it is kept who did what.
#[derive(Debug, Clone)]
pub(crate) struct Audit {
    /// For ever, where it is `None`.
    pub(crate) keep: Option<Duration>,
}

impl Audit {
    /// Reads the section.
    pub(crate) fn read(layers: &Layers) -> Result<Self, Failure> {
        let keep = layers.kept("audit.keep")?;
        Ok(Self { keep })
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn read(text: &str) -> Result<Option<Duration>, String> {
        let mut layers = Layers::defaults().unwrap();
        layers.add_file(Path::new("x.toml"), text).unwrap();
        let audit = Audit::read(&layers).map_err(|error| error.to_string());
        audit.map(|audit| audit.keep)
    }

    #[test]
    fn the_audit_is_kept_for_four_hundred_days_unless_something_else_is_set() {
        assert_eq!(read(""), Ok(Some(Duration::from_hours(400 * 24))));
        assert_eq!(read("[audit]\nkeep = \"\""), Ok(None));
        assert!(read("[audit]\nkeep = \"400\"").is_err());
    }
}

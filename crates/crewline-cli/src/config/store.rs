//! `[store]`: where everything is kept.

use std::path::PathBuf;

use super::Layers;
use crate::failure::Failure;

/// Where everything is kept.
#[derive(Debug, Clone)]
pub(crate) enum Store {
    /// A file of SQLite.
    File(PathBuf),
    /// A database of PostgreSQL, by its address.
    Postgres(String),
}

impl Store {
    /// Reads the section.
    pub(crate) fn read(layers: &Layers) -> Result<Self, Failure> {
        Self::of(layers.text("store.url")?).ok_or_else(|| {
            layers.wrong(
                "store.url",
                "sqlite:// and a path, such as sqlite://crewline.db, or postgres://USER@HOST/DATABASE",
            )
        })
    }

    /// The store of an address, if it is one.
    pub(crate) fn of(url: &str) -> Option<Self> {
        match url.strip_prefix("sqlite://") {
            Some(path) if !path.is_empty() => Some(Self::File(path.into())),
            _ if url.starts_with("postgres://") || url.starts_with("postgresql://") => {
                Some(Self::Postgres(url.to_owned()))
            }
            _ => None,
        }
    }
}

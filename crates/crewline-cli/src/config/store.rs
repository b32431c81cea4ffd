//! `[store]`: where everything is kept.

use std::path::PathBuf;

use super::Layers;
use crate::failure::Failure;

/// Where everything is kept.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    /// The file of SQLite.
    pub(crate) path: PathBuf,
}

impl Store {
    /// Reads the section.
    pub(crate) fn read(layers: &Layers) -> Result<Self, Failure> {
        let url = layers.text("store.url")?;
        match url.strip_prefix("sqlite://") {
            Some(path) if !path.is_empty() => Ok(Self { path: path.into() }),
            _ if url.starts_with("postgres://") || url.starts_with("postgresql://") => {
                let origin = layers.origin("store.url");
                Err(Failure::new(format!(
                    "store.url (from {origin}) names PostgreSQL; this version keeps its data in SQLite alone"
                ))
                .remedy("--store sqlite://crewline.db"))
            }
            _ => Err(layers.wrong(
                "store.url",
                "sqlite:// and a path, such as sqlite://crewline.db",
            )),
        }
    }
}

//! `[client]`: how `send` and `listen` find the server and say who they are.

use std::path::PathBuf;

use super::Layers;
use crate::failure::Failure;

/// How `send` and `listen` find the server and say who they are.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    /// Where the server is, without a slash at the end.
    pub(crate) url: String,
    /// A file with the token.
    pub(crate) token_file: Option<PathBuf>,
    /// A file with certificates to trust.
    pub(crate) ca_file: Option<PathBuf>,
}

impl Client {
    /// Reads the section.
    pub(crate) fn read(layers: &Layers) -> Result<Self, Failure> {
        let url = layers.text("client.url")?.trim_end_matches('/');
        let host = url
            .strip_prefix("https://")
            .or_else(|| url.strip_prefix("http://"));
        if host.is_none_or(str::is_empty) {
            let expected = "http:// or https:// and a host, such as http://127.0.0.1:8080";
            return Err(layers.wrong("client.url", expected));
        }
        Ok(Self {
            url: url.to_owned(),
            token_file: layers.file("client.tokenFile")?,
            ca_file: layers.file("client.caFile")?,
        })
    }
}

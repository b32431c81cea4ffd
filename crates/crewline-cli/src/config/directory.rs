//! `[directory]`: who may be sent to.

use crewline_core::UnknownRecipients;

use super::Layers;
use crate::failure::Failure;

/// Who may be sent to.
#[derive(Debug, Clone)]
pub(crate) struct Directory {
    /// What happens to a message for somebody who is not in the directory.
    pub(crate) unknown_recipients: UnknownRecipients,
}

impl Directory {
    /// Reads the section.
    pub(crate) fn read(layers: &Layers) -> Result<Self, Failure> {
        let words = [
            ("refuse", UnknownRecipients::Refuse),
            ("accept", UnknownRecipients::Accept),
        ];
        Ok(Self {
            unknown_recipients: layers.choice("directory.unknownRecipients", &words)?,
        })
    }
}

//! What an organisation keeps, as stores keep it: a text of each part, and how often it changed.

/// A part that is changed by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OrganisationPart {
    /// Stock phrases.
    Phrases,
    /// Whom an SOS goes to.
    Sos,
    /// The number to call for emergencies.
    Phone,
    /// Who sits at the desk.
    Desk,
}

impl OrganisationPart {
    /// Every part.
    pub const ALL: [Self; 4] = [Self::Phrases, Self::Sos, Self::Phone, Self::Desk];

    /// The word under which stores keep it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Phrases => "phrases",
            Self::Sos => "sos",
            Self::Phone => "phone",
            Self::Desk => "desk",
        }
    }
}

/// A part as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OrganisationRow {
    /// How often it changed; 0 where it never did.
    pub revision: u64,
    /// JSON, whose form is the edge's; empty where it never changed.
    pub value: String,
}

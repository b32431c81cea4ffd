//! `[push]`: how devices are woken whose app is closed.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crewline_core::Network;
use crewline_outgoing::Outgoing;
use crewline_push::{Lives, Pace, Settings};

use super::{Layers, of_file, read_named};
use crate::failure::Failure;

const NETWORKS: &str = "push.allowNetworks";
const CA_FILE: &str = "push.caFile";

/// How devices are woken whose app is closed.
#[derive(Debug, Clone)]
pub(crate) struct Push {
    /// Whether at all.
    pub(crate) enabled: bool,
    contact: String,
    allowed: Vec<Network>,
    ca_file: Option<PathBuf>,
    after: Duration,
    emergency_after: Duration,
    repeat_emergency: Duration,
    lives: Lives,
}

impl Push {
    /// Reads the section.
    pub(crate) fn read(layers: &Layers) -> Result<Self, Failure> {
        let contact = layers.text("push.contact")?.to_owned();
        let good = contact.is_empty()
            || contact
                .strip_prefix("mailto:")
                .is_some_and(|to| to.contains('@'))
            || contact
                .strip_prefix("https://")
                .is_some_and(|rest| !rest.is_empty());
        if !good || contact.contains(char::is_whitespace) {
            let expected = "mailto:somebody@example.org, an https:// address, or nothing";
            return Err(layers.wrong("push.contact", expected));
        }
        let life = |key| layers.length(key, 1..=28 * 24 * 3_600);
        Ok(Self {
            enabled: layers.flag("push.enabled")?,
            contact,
            allowed: layers.networks(NETWORKS)?,
            ca_file: layers.file(CA_FILE)?,
            after: layers.length("push.after", 0..=600)?,
            emergency_after: layers.length("push.afterEmergency", 0..=60)?,
            repeat_emergency: layers.length("push.repeatEmergency", 0..=3_600)?,
            lives: Lives {
                emergency: life("push.lifeEmergency")?,
                sticky: life("push.lifeSticky")?,
                fleeting: life("push.lifeFleeting")?,
            },
        })
    }

    /// How to push.
    pub(crate) fn settings(&self) -> Result<Settings, Failure> {
        let file = self.ca_file.as_deref();
        let pem = file.map(|file| read_named(CA_FILE, file)).transpose()?;
        let outgoing = Outgoing::new(NETWORKS, self.allowed.clone(), pem.as_deref());
        Ok(Settings {
            outgoing: outgoing
                .map_err(|what| of_file(CA_FILE, file.unwrap_or(Path::new("")), what))?,
            contact: self.contact.clone(),
            after: self.after,
            emergency_after: self.emergency_after,
            repeat_emergency: self.repeat_emergency,
            lives: self.lives,
            pace: Pace::default(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Push, String> {
        let mut layers = Layers::defaults().unwrap();
        let text = format!("[push]\n{text}");
        layers.add_file(Path::new("x.toml"), &text).unwrap();
        Push::read(&layers).map_err(|error| error.to_string())
    }

    #[test]
    fn push_is_on_unless_it_is_switched_off_and_reaches_the_internet_alone() {
        let push = read("").unwrap();
        assert!(push.enabled && push.allowed.is_empty() && push.contact.is_empty());
        assert_eq!(push.after, Duration::from_secs(2));
        assert_eq!(push.lives.sticky, Duration::from_hours(24));
        assert!(push.settings().is_ok());
        assert!(!read("enabled = false").unwrap().enabled);
    }

    #[test]
    fn lengths_have_a_unit_and_a_contact_is_an_address() {
        for good in [
            "after = \"0s\"",
            "afterEmergency = \"250ms\"",
            "contact = \"mailto:ops@example.org\"",
            "contact = \"https://example.org\"",
        ] {
            assert!(read(good).is_ok(), "{good}");
        }
        for wrong in [
            "after = \"2\"",
            "after = \"1h\"",
            "lifeSticky = \"0s\"",
            "lifeSticky = \"29d\"",
            "contact = \"ops@example.org\"",
            "contact = \"mailto:nobody\"",
            "allowNetworks = [\"x\"]",
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}

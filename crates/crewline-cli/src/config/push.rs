//! `[push]`: how devices are woken whose app is closed.

use std::time::Duration;

use crewline_outgoing::Outgoing;
use crewline_push::{Lives, Network, NotANetwork, Pace, Settings};

use super::Layers;
use crate::command::parse_duration;
use crate::failure::Failure;

const NETWORKS: &str = "push.allowNetworks";

/// How devices are woken whose app is closed.
#[derive(Debug, Clone)]
pub(crate) struct Push {
    /// Whether at all.
    pub(crate) enabled: bool,
    contact: String,
    allowed: Vec<Network>,
    ca_file: String,
    after: Duration,
    emergency_after: Duration,
    repeat_emergency: Duration,
    lives: Lives,
}

impl Push {
    /// Reads the section.
    pub(crate) fn read(layers: &Layers) -> Result<Self, Failure> {
        let texts = layers.list(NETWORKS)?;
        let allowed: Result<_, NotANetwork> = texts.iter().map(|text| text.parse()).collect();
        let expected = "a list of networks or addresses, such as 10.0.0.0/8 or 10.0.0.5";
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
        let life = |key| length(layers, key, 1, 28 * 24 * 3_600);
        Ok(Self {
            enabled: layers.flag("push.enabled")?,
            contact,
            allowed: allowed.map_err(|_| layers.wrong(NETWORKS, expected))?,
            ca_file: layers.text("push.caFile")?.to_owned(),
            after: length(layers, "push.after", 0, 600)?,
            emergency_after: length(layers, "push.afterEmergency", 0, 60)?,
            repeat_emergency: length(layers, "push.repeatEmergency", 0, 3_600)?,
            lives: Lives {
                emergency: life("push.lifeEmergency")?,
                sticky: life("push.lifeSticky")?,
                fleeting: life("push.lifeFleeting")?,
            },
        })
    }

    /// How to push.
    pub(crate) fn settings(&self) -> Result<Settings, Failure> {
        let fault = |what: String| Failure::new(format!("push.caFile {}: {what}", self.ca_file));
        let pem = match self.ca_file.as_str() {
            "" => None,
            file => Some(std::fs::read(file).map_err(|error| fault(error.to_string()))?),
        };
        let outgoing = Outgoing::new(NETWORKS, self.allowed.clone(), pem.as_deref());
        Ok(Settings {
            outgoing: outgoing.map_err(fault)?,
            contact: self.contact.clone(),
            after: self.after,
            emergency_after: self.emergency_after,
            repeat_emergency: self.repeat_emergency,
            lives: self.lives,
            pace: Pace::default(),
        })
    }
}

/// A length of time, in a range of seconds.
pub(super) fn length(
    layers: &Layers,
    key: &'static str,
    least: u64,
    most: u64,
) -> Result<Duration, Failure> {
    let text = layers.text(key)?;
    // Always with its unit: who writes 90 may mean days.
    let unit = text.ends_with(|last: char| last.is_ascii_alphabetic());
    let days = text
        .strip_suffix('d')
        .and_then(|days| days.parse::<u32>().ok());
    let length = match days {
        Some(days) => Some(Duration::from_hours(24).saturating_mul(days)),
        None => parse_duration(text).ok().filter(|_| unit),
    };
    let range = Duration::from_secs(least)..=Duration::from_secs(most);
    length.filter(|length| range.contains(length)).ok_or_else(|| {
        let expected = format!(
            "a length of time such as \"500ms\", \"2s\", \"4h\" or \"1d\", from {least} to {most} seconds"
        );
        layers.wrong(key, &expected)
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

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

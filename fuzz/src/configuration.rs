//! The configuration: a file and an environment of whatever is in them are understood, or refused by the name of what is
//! at fault; and what a file sets means the same when it is written again.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;

use crate::config::{Config, Layers, Origin};

const FILE: &str = "fuzz.toml";

/// A file; behind a line `---` the environment, a variable a line.
pub(crate) fn configuration(data: &[u8]) -> usize {
    let Ok(text) = std::str::from_utf8(data) else {
        return 0;
    };
    let (file, environment) = text.split_once("\n---\n").unwrap_or((text, ""));
    let variables: Vec<(OsString, OsString)> = environment
        .lines()
        .filter_map(|line| line.split_once('='))
        .map(|(name, value)| (name.into(), value.into()))
        .collect();
    let Some(alone) = read(file, Vec::new()) else {
        read(file, variables);
        return 0;
    };
    let again = read(&written(&alone.layers), Vec::new()).expect("what was set can be set again");
    let values = |config: &Config| -> Vec<String> {
        let settings = config.layers.settings();
        settings
            .map(|(key, setting)| format!("{key} {:?}", setting.value))
            .collect()
    };
    assert_eq!(values(&again), values(&alone));
    usize::from(read(file, variables).is_some())
}

/// All layers; none where they are refused, which must be by name.
fn read(file: &str, variables: Vec<(OsString, OsString)>) -> Option<Config> {
    let mut layers = Layers::defaults().expect("the defaults are sound");
    if let Err(failure) = layers.add_file(Path::new(FILE), file) {
        assert!(failure.to_string().contains(FILE), "{failure}");
        return None;
    }
    layers
        .add_environment(variables)
        .expect("the environment is UTF-8");
    for warning in layers.warnings() {
        assert!(warning.contains("CREWLINE_"), "{warning}");
    }
    let keys: Vec<String> = layers.settings().map(|(key, _)| key.to_owned()).collect();
    match Config::read(layers) {
        Ok(config) => Some(config),
        Err(failure) => {
            let text = failure.to_string();
            assert!(keys.iter().any(|key| text.contains(key)), "{text}");
            assert!(
                text.contains(FILE) || text.contains("CREWLINE_"),
                "it says where: {text}"
            );
            None
        }
    }
}

/// A file that sets what the file of these layers has set.
fn written(layers: &Layers) -> String {
    let mut sections: BTreeMap<&str, String> = BTreeMap::new();
    for (key, setting) in layers.settings() {
        if matches!(setting.origin, Origin::File(_)) {
            let (section, name) = key.split_once('.').expect("a key stands in a section");
            let line = format!("{name} = {}\n", setting.value);
            sections.entry(section).or_default().push_str(&line);
        }
    }
    let sections = sections
        .into_iter()
        .map(|(section, lines)| format!("[{section}]\n{lines}"));
    sections.collect()
}

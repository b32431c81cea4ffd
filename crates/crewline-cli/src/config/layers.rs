//! Values by key, each with where it came from; a later layer covers an earlier one.

mod values;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

use toml::Value;

use super::nearest::nearest;
use crate::failure::Failure;

/// The lowest layer.
pub(crate) const DEFAULT: &str = include_str!("default.toml");

const PREFIX: &str = "CREWLINE_";
/// Variables of the contract that stand beside the rule "key in capitals".
const URL: (&str, &str) = ("CREWLINE_URL", "client.url");
/// The secret itself: it is never a key, so that it cannot be left in a file that others read.
pub(crate) const TOKEN: &str = "CREWLINE_TOKEN";

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The built-in defaults.
    Default,
    /// A file.
    File(PathBuf),
    /// A variable of the environment.
    Environment(String),
    /// A flag of the command.
    Flag(&'static str),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Environment(name) => f.write_str(name),
            Self::Flag(flag) => f.write_str(flag),
        }
    }
}

/// A value and where it came from.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Setting {
    /// The value; text from the environment or a flag stays text until its section reads it.
    pub(crate) value: Value,
    /// Where it came from.
    pub(crate) origin: Origin,
}

/// All values.
#[derive(Debug, Clone, Default)]
pub(crate) struct Layers {
    settings: BTreeMap<String, Setting>,
    warnings: Vec<String>,
}

impl Layers {
    /// The built-in defaults.
    pub(crate) fn defaults() -> Result<Self, Failure> {
        let table = DEFAULT
            .parse::<toml::Table>()
            .map_err(|error| Failure::new(format!("the built-in defaults are damaged: {error}")))?;
        let mut layers = Self::default();
        for (section, keys) in table {
            for (key, value) in keys.as_table().into_iter().flatten() {
                let setting = Setting {
                    value: value.clone(),
                    origin: Origin::Default,
                };
                layers.settings.insert(format!("{section}.{key}"), setting);
            }
        }
        Ok(layers)
    }

    /// Adds a file.
    ///
    /// # Errors
    /// What is not TOML, and a key that is not known.
    pub(crate) fn add_file(&mut self, path: &Path, text: &str) -> Result<(), Failure> {
        let name = path.display();
        let table = text.parse::<toml::Table>().map_err(|error| {
            Failure::new(format!("{name} is not TOML: {}", error.to_string().trim()))
        })?;
        for (section, keys) in table {
            let known = self
                .settings
                .keys()
                .any(|key| key.split('.').next() == Some(&section));
            let Some(keys) = keys.as_table().filter(|_| known) else {
                return Err(self.unknown_section(&section, known, path));
            };
            for (key, value) in keys {
                let key = format!("{section}.{key}");
                if !self.settings.contains_key(&key) {
                    return Err(self.unknown_key(&key, path));
                }
                let setting = Setting {
                    value: value.clone(),
                    origin: Origin::File(path.to_owned()),
                };
                self.settings.insert(key, setting);
            }
        }
        Ok(())
    }

    /// Adds the environment. A variable that is not known is a warning.
    pub(crate) fn add_environment(
        &mut self,
        variables: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<(), Failure> {
        let mut names = BTreeMap::new();
        for key in self.settings.keys() {
            for name in variable_names(key) {
                names.insert(name, key.clone());
            }
        }
        names.insert(URL.0.to_owned(), URL.1.to_owned());
        let mut variables: Vec<_> = variables.into_iter().collect();
        // The order of the environment says nothing; of two spellings of one key the last in this order holds.
        variables.sort();
        for (name, value) in variables {
            let Some(name) = name.to_str().filter(|name| name.starts_with(PREFIX)) else {
                continue;
            };
            if value.is_empty() || name == TOKEN {
                continue;
            }
            let Some(key) = names.get(name) else {
                let near = variable_near(name, &names);
                self.warnings.push(format!(
                    "the environment sets {name}, which is not known{}",
                    did_you_mean(near.as_deref())
                ));
                continue;
            };
            let Some(text) = value.to_str() else {
                return Err(Failure::new(format!("{name} is not UTF-8")));
            };
            let setting = Setting {
                value: Value::String(text.to_owned()),
                origin: Origin::Environment(name.to_owned()),
            };
            self.settings.insert(key.clone(), setting);
        }
        Ok(())
    }

    /// Adds what a flag said.
    pub(crate) fn add_flag(
        &mut self,
        key: &str,
        flag: &'static str,
        value: &str,
    ) -> Result<(), Failure> {
        let Some(setting) = self.settings.get_mut(key) else {
            return Err(Failure::new(format!("{flag} sets the unknown key {key}")));
        };
        *setting = Setting {
            value: Value::String(value.to_owned()),
            origin: Origin::Flag(flag),
        };
        Ok(())
    }

    /// What the person should know.
    pub(crate) fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Every key with its setting, sorted by key.
    pub(crate) fn settings(&self) -> impl Iterator<Item = (&str, &Setting)> {
        self.settings
            .iter()
            .map(|(key, setting)| (key.as_str(), setting))
    }

    /// Where a value came from.
    pub(crate) fn origin(&self, key: &str) -> &Origin {
        self.settings
            .get(key)
            .map_or(&Origin::Default, |setting| &setting.origin)
    }

    fn unknown_section(&self, section: &str, known: bool, path: &Path) -> Failure {
        let path = path.display();
        if known {
            return Failure::new(format!(
                "{section} in {path} is a section: write [{section}] and its keys below"
            ));
        }
        let sections = self.settings.keys().filter_map(|key| key.split('.').next());
        // A key at the top of the file was meant for a section.
        let keys = self.settings.keys().map(String::as_str);
        let meant = keys
            .clone()
            .find(|key| key.ends_with(&format!(".{section}")));
        let near = meant.or_else(|| nearest(section, sections));
        Failure::new(format!(
            "{path} has the unknown key {section}{}",
            did_you_mean(near)
        ))
        .remedy("docs/configuration.md lists every key")
    }

    fn unknown_key(&self, key: &str, path: &Path) -> Failure {
        let near = nearest(key, self.settings.keys().map(String::as_str));
        Failure::new(format!(
            "{} has the unknown key {key}{}",
            path.display(),
            did_you_mean(near)
        ))
        .remedy("docs/configuration.md lists every key")
    }
}

fn did_you_mean(near: Option<&str>) -> String {
    near.map_or_else(String::new, |near| format!("; did you mean {near}?"))
}

/// The variable that was probably meant: the one that a part of its name tells (`CREWLINE_STORE`, `CREWLINE_LISTEN`),
/// or one that is written nearly so. The prefix is the same for all, and says nothing.
fn variable_near(name: &str, names: &BTreeMap<String, String>) -> Option<String> {
    let part = name.strip_prefix(PREFIX)?;
    let known = || {
        let names = names.keys().map(String::as_str).chain([TOKEN]);
        names.filter_map(|name| name.strip_prefix(PREFIX))
    };
    let (first, last) = (format!("{part}_"), format!("_{part}"));
    let mut whole = known().filter(|name| name.starts_with(&first) || name.ends_with(&last));
    // Where a part fits several, nobody knows.
    let near = match (whole.next(), whole.next()) {
        (Some(only), None) => Some(only),
        _ => nearest(part, known()),
    };
    near.map(|near| format!("{PREFIX}{near}"))
}

/// The variables of a key: `http.heartbeatSeconds` is `CREWLINE_HTTP_HEARTBEATSECONDS` and
/// `CREWLINE_HTTP_HEARTBEAT_SECONDS`.
fn variable_names(key: &str) -> [String; 2] {
    let mut words = String::new();
    for c in key.chars() {
        if c.is_ascii_uppercase() {
            words.push('_');
        }
        words.push(if c == '.' { '_' } else { c });
    }
    let name = |text: &str| format!("{PREFIX}{}", text.replace('.', "_").to_ascii_uppercase());
    [name(key), name(&words)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(pairs: &[(&str, &str)]) -> Vec<(OsString, OsString)> {
        pairs
            .iter()
            .map(|(name, value)| (name.into(), value.into()))
            .collect()
    }

    #[test]
    fn a_later_layer_covers_an_earlier_one() {
        let mut layers = Layers::defaults().unwrap();
        let file = "[http]\nlisten = \"127.0.0.1:1\"\nheartbeatSeconds = 5\n";
        layers.add_file(Path::new("x.toml"), file).unwrap();
        let variables = environment(&[("CREWLINE_HTTP_HEARTBEAT_SECONDS", "7")]);
        layers.add_environment(variables).unwrap();
        layers
            .add_flag("http.listen", "--listen", "127.0.0.1:2")
            .unwrap();
        assert_eq!(layers.text("http.listen").unwrap(), "127.0.0.1:2");
        assert_eq!(layers.number("http.heartbeatSeconds", 1..=60).unwrap(), 7);
        let origin = layers.origin("http.heartbeatSeconds").to_string();
        assert_eq!(origin, "CREWLINE_HTTP_HEARTBEAT_SECONDS");
        assert_eq!(*layers.origin("auth.sessionDays"), Origin::Default);
    }

    #[test]
    fn an_unknown_key_is_named_with_the_nearest() {
        let add = |text: &str| {
            let mut layers = Layers::defaults().unwrap();
            let error = layers.add_file(Path::new("x.toml"), text).unwrap_err();
            error.to_string()
        };
        assert_eq!(
            add("[http]\nlistn = \"\"\n"),
            "x.toml has the unknown key http.listn; did you mean http.listen?"
        );
        assert_eq!(
            add("[htp]\nlisten = \"\"\n"),
            "x.toml has the unknown key htp; did you mean http?"
        );
        assert_eq!(
            add("listen = \"\"\n"),
            "x.toml has the unknown key listen; did you mean http.listen?"
        );
        assert!(add("http = 3\n").contains("is a section"));
        assert!(add("[http\n").contains("x.toml is not TOML"));
    }

    #[test]
    fn an_unknown_variable_is_a_warning_and_an_empty_one_is_not_set() {
        let mut layers = Layers::defaults().unwrap();
        let variables = environment(&[
            ("CREWLINE_HTP_LISTEN", "x"),
            ("CREWLINE_HTTP_LISTEN", ""),
            ("CREWLINE_TOKEN", "secret"),
            ("CREWLINE_DIRECTORY_UNKNOWNRECIPIENTS", "accept"),
            ("OTHER", "x"),
        ]);
        layers.add_environment(variables).unwrap();
        assert_eq!(
            layers.warnings(),
            [
                "the environment sets CREWLINE_HTP_LISTEN, which is not known; did you mean CREWLINE_HTTP_LISTEN?"
            ]
        );
        assert_eq!(layers.text("http.listen").unwrap(), "127.0.0.1:8080");
        assert_eq!(
            layers.text("directory.unknownRecipients").unwrap(),
            "accept"
        );
    }

    #[test]
    fn a_part_of_a_variable_tells_which_was_meant() {
        let mut layers = Layers::defaults().unwrap();
        let variables = environment(&[
            ("CREWLINE_LISTEN", "x"),
            ("CREWLINE_LOG", "x"),
            ("CREWLINE_STORE", "x"),
        ]);
        layers.add_environment(variables).unwrap();
        let warning =
            |name: &str, end: &str| format!("the environment sets {name}, which is not known{end}");
        let meant = |name: &str| format!("; did you mean {name}?");
        assert_eq!(
            layers.warnings(),
            [
                warning("CREWLINE_LISTEN", &meant("CREWLINE_HTTP_LISTEN")),
                warning("CREWLINE_LOG", ""),
                warning("CREWLINE_STORE", &meant("CREWLINE_STORE_URL")),
            ]
        );
    }
}

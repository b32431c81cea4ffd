//! `[bus]` and `[nodes]`: how a server finds out what others on the same store do.

use std::path::PathBuf;
use std::time::Duration;

use crewline_bus_nats::{Login, Options};

use super::{Layers, of_file, read_named};
use crate::failure::Failure;

/// How a server finds out what others on the same store do.
#[derive(Debug, Clone)]
pub(crate) struct Bus {
    /// Where NATS is; nothing, where there is none.
    nats: Option<Options>,
    ca_file: Option<PathBuf>,
    own: Option<(PathBuf, PathBuf)>,
    /// How often it looks what was not said.
    pub(crate) look_every: Duration,
    /// For how long a server is believed to be there when it is not heard of.
    pub(crate) life: Duration,
}

impl Bus {
    /// Reads the sections.
    pub(crate) fn read(layers: &Layers) -> Result<Self, Failure> {
        let own = match (layers.file("bus.certFile")?, layers.file("bus.keyFile")?) {
            (Some(cert), Some(key)) => Some((cert, key)),
            (None, None) => None,
            (Some(_), None) => return Err(layers.wrong("bus.keyFile", "the key of bus.certFile")),
            (None, Some(_)) => {
                return Err(layers.wrong("bus.certFile", "the certificate of bus.keyFile"));
            }
        };
        Ok(Self {
            nats: nats(layers)?,
            ca_file: layers.file("bus.caFile")?,
            own,
            look_every: layers.length("nodes.lookEvery", 1..=60)?,
            life: layers.length("nodes.life", 1..=300)?,
        })
    }

    /// Where NATS is, with its certificates.
    pub(crate) fn options(&self) -> Result<Option<Options>, Failure> {
        let Some(mut options) = self.nats.clone() else {
            return Ok(None);
        };
        if let Some(file) = &self.ca_file {
            options.tls.authorities = Some(read_named("bus.caFile", file)?);
        }
        if let Some((cert, key)) = &self.own {
            options.tls.own = Some((
                read_named("bus.certFile", cert)?,
                read_named("bus.keyFile", key)?,
            ));
        }
        Ok(Some(options))
    }
}

fn nats(layers: &Layers) -> Result<Option<Options>, Failure> {
    let url = layers.text("bus.url")?;
    if url.is_empty() {
        return Ok(None);
    }
    let expected = "nats:// or tls://, and one or more hosts, such as nats://crewline:secret@a:4222,b:4222; or nothing";
    let mut options = Options::parse(url).map_err(|_| layers.wrong("bus.url", expected))?;
    if let Some(file) = layers.file("bus.passwordFile")? {
        let Login::Token(user) = &options.login else {
            let expected = "nothing, or bus.url names a user without a password";
            return Err(layers.wrong("bus.passwordFile", expected));
        };
        let password = std::fs::read_to_string(&file)
            .map_err(|error| of_file("bus.passwordFile", &file, error))?;
        options.login = Login::Password {
            user: user.clone(),
            password: password.trim_end().to_owned(),
        };
    }
    let subject = layers.text("bus.subject")?;
    let good = |part: &str| {
        !part.is_empty()
            && part
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    };
    if !subject.split('.').all(good) {
        let expected =
            "words of letters, digits, - and _, with dots between, such as crewline.hints";
        return Err(layers.wrong("bus.subject", expected));
    }
    subject.clone_into(&mut options.subject);
    Ok(Some(options))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn read(text: &str) -> Result<Bus, String> {
        let mut layers = Layers::defaults().unwrap();
        layers.add_file(Path::new("x.toml"), text).unwrap();
        Bus::read(&layers).map_err(|error| error.to_string())
    }

    #[test]
    fn there_is_no_bus_unless_it_is_set() {
        let bus = read("").unwrap();
        assert!(bus.options().unwrap().is_none());
        assert_eq!(bus.look_every, Duration::from_secs(2));
        assert_eq!(bus.life, Duration::from_secs(10));
        let bus = read("[bus]\nurl = \"nats://crewline:secret@a,b\"\nsubject = \"north.hints\"");
        let options = bus.unwrap().options().unwrap().unwrap();
        assert_eq!(
            (options.hosts(), options.subject),
            ("a:4222, b:4222".to_owned(), "north.hints".to_owned())
        );
    }

    #[test]
    fn a_password_may_stand_in_a_file_and_shows_nowhere() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("password");
        std::fs::write(&file, "s:e@cret\n").unwrap();
        let read_with = |url: &str| {
            read(&format!(
                "[bus]\nurl = \"{url}\"\npasswordFile = \"{}\"",
                file.display()
            ))
        };
        let bus = read_with("nats://crewline@a").unwrap();
        let login = Login::Password {
            user: "crewline".to_owned(),
            password: "s:e@cret".to_owned(),
        };
        assert_eq!(bus.nats.as_ref().unwrap().login, login);
        assert!(!format!("{bus:?}").contains("cret"));
        assert!(read_with("nats://crewline:x@a").is_err());
        for wrong in [
            "url = \"http://a\"",
            "url = \"nats://u:s3cret@\"",
            "url = \"nats://a\"\nsubject = \"a b\"",
            "url = \"nats://a\"\nsubject = \"a.>\"",
            "certFile = \"x\"",
            "keyFile = \"x\"",
        ] {
            let error = read(&format!("[bus]\n{wrong}")).unwrap_err();
            assert!(!error.contains("s3cret"), "{error}");
        }
        assert!(read("[nodes]\nlife = \"10\"").is_err());
    }
}

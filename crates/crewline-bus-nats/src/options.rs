//! Where NATS is, and how to be let in.

use std::fmt;

use async_nats::ServerAddr;

/// The subject, where none is set.
const SUBJECT: &str = "crewline.hints";

/// How to be let in.
#[derive(Clone, Default, PartialEq, Eq)]
pub enum Login {
    /// Everybody is, or whoever has a certificate.
    #[default]
    Nobody,
    /// By name and password.
    Password {
        /// The name.
        user: String,
        /// The password.
        password: String,
    },
    /// By a token.
    Token(String),
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Nobody => "Nobody",
            Self::Password { .. } => "Password(…)",
            Self::Token(_) => "Token(…)",
        })
    }
}

/// Certificates, in PEM.
#[derive(Clone, Default)]
pub struct Tls {
    /// Trusted beside those that the machine trusts.
    pub authorities: Option<Vec<u8>>,
    /// The own certificate and its key.
    pub own: Option<(Vec<u8>, Vec<u8>)>,
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let has = (self.authorities.is_some(), self.own.is_some());
        f.debug_tuple("Tls").field(&has).finish()
    }
}

/// Where NATS is, and how to be let in.
#[derive(Debug, Clone)]
pub struct Options {
    pub(crate) servers: Vec<ServerAddr>,
    pub(crate) needs_tls: bool,
    /// How to be let in.
    pub login: Login,
    /// Certificates.
    pub tls: Tls,
    /// On what is spoken.
    pub subject: String,
}

/// An address that is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "must be nats:// or tls://, a user and a password where they are needed, and one or more hosts, such as nats://crewline:secret@a:4222,b:4222: {0}"
)]
pub struct BadAddress(String);

impl Options {
    /// Reads `nats://user:password@host:port,host:port`; a token stands alone before the `@`, and `tls://` speaks nothing but TLS.
    ///
    /// # Errors
    /// Where it is none. The error holds no password.
    pub fn parse(url: &str) -> Result<Self, BadAddress> {
        let bad = |why: &str| BadAddress(why.to_owned());
        let (scheme, rest) = url.split_once("://").ok_or_else(|| bad("no scheme"))?;
        let needs_tls = match scheme {
            "nats" => false,
            "tls" => true,
            _ => return Err(bad("another scheme")),
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        // A password may hold an @.
        let (login, hosts) = match rest.rsplit_once('@') {
            None => (Login::Nobody, rest),
            Some((login, hosts)) => {
                let login = match login.split_once(':') {
                    Some((user, password)) => Login::Password {
                        user: user.to_owned(),
                        password: password.to_owned(),
                    },
                    None => Login::Token(login.to_owned()),
                };
                (login, hosts)
            }
        };
        let server = |host: &str| {
            let odd = |c: char| c.is_whitespace() || "/?#@".contains(c);
            if host.is_empty() || host.contains(odd) {
                return Err(bad("a host is missing, or none"));
            }
            let server: ServerAddr = format!("{scheme}://{host}")
                .parse()
                .map_err(|_| bad(&format!("{host} is no host")))?;
            Ok(server)
        };
        Ok(Self {
            servers: hosts.split(',').map(server).collect::<Result<_, _>>()?,
            needs_tls,
            login,
            tls: Tls::default(),
            subject: SUBJECT.to_owned(),
        })
    }

    /// The hosts, for people.
    pub fn hosts(&self) -> String {
        let hosts = self.servers.iter();
        let hosts = hosts.map(|server| format!("{}:{}", server.host(), server.port()));
        hosts.collect::<Vec<_>>().join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_names_hosts_and_who_comes() {
        let parsed = Options::parse("nats://crewline:s:e@cret@a,b:4333,[::1]:4444").unwrap();
        let login = Login::Password {
            user: "crewline".to_owned(),
            password: "s:e@cret".to_owned(),
        };
        assert_eq!((parsed.login, parsed.needs_tls), (login, false));
        assert_eq!(parsed.servers.len(), 3);
        let parsed = Options::parse("tls://token@a/").unwrap();
        assert_eq!(parsed.hosts(), "a:4222");
        assert!(parsed.needs_tls && parsed.login == Login::Token("token".to_owned()));
        assert_eq!(Options::parse("nats://a").unwrap().login, Login::Nobody);
    }

    #[test]
    fn what_is_no_address_is_refused_without_its_password() {
        for bad in [
            "",
            "a:4222",
            "http://a",
            "nats://",
            "nats://a,,b",
            "nats://a b",
            "nats://u:hidden@",
            "nats://u:hidden@a:port",
            "nats://u:hidden@a:99999",
        ] {
            let error = Options::parse(bad).expect_err(bad).to_string();
            assert!(!error.contains("hidden"), "{error}");
        }
    }
}

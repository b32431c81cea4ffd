//! Secrets in values: what is shown or said of a value never holds one.

use toml::Value;

/// Stands where a secret would.
pub(crate) const HIDDEN: &str = "(hidden)";

/// Hides the password in an address such as `postgres://name:password@host`.
pub(crate) fn without_secret(value: &Value) -> Value {
    match value.as_str() {
        Some(text) if text.contains("://") => Value::from(without_password(text)),
        _ => value.clone(),
    }
}

/// The same, of an address as text. Rather more than the password is hidden than a part of it shown: one that holds an
/// `@` or a `/` ends at the last `@`.
pub(crate) fn without_password(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else {
        return text.to_owned();
    };
    let credentials = rest
        .rsplit_once('@')
        .map(|(credentials, host)| (credentials.split_once(':'), host));
    let rest = match credentials {
        Some((Some((name, _)), host)) => format!("{name}:{HIDDEN}@{host}"),
        // NATS takes a token in the place of a name.
        Some((None, host)) if matches!(scheme, "nats" | "tls") => format!("{HIDDEN}@{host}"),
        _ => rest.to_owned(),
    };
    format!("{scheme}://{}", without_parameter(&rest))
}

/// PostgreSQL takes the password as a parameter, too.
fn without_parameter(rest: &str) -> String {
    let Some((before, parameters)) = rest.split_once('?') else {
        return rest.to_owned();
    };
    let hide = |parameter: &str| match parameter.split_once('=') {
        Some((name, _)) if name.to_lowercase().contains("passw") => format!("{name}={HIDDEN}"),
        _ => parameter.to_owned(),
    };
    let parameters: Vec<String> = parameters.split('&').map(hide).collect();
    format!("{before}?{}", parameters.join("&"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_in_an_address_is_hidden() {
        let shown = |text: &str| {
            without_secret(&Value::from(text))
                .as_str()
                .map(str::to_owned)
        };
        assert_eq!(
            shown("postgres://crew:se:cret@host/db").as_deref(),
            Some("postgres://crew:(hidden)@host/db")
        );
        assert_eq!(
            shown("nats://token@a,b").as_deref(),
            Some("nats://(hidden)@a,b")
        );
        assert_eq!(
            shown("tls://crew:se:cret@a,b").as_deref(),
            Some("tls://crew:(hidden)@a,b")
        );
        assert_eq!(shown("sqlite://a@b.db").as_deref(), Some("sqlite://a@b.db"));
        for (given, hidden) in [
            (
                "postgres://crew:p@ss/w?rd@host/db",
                "postgres://crew:(hidden)@host/db",
            ),
            (
                "postgres://crew@host/db?sslmode=require&password=secret",
                "postgres://crew@host/db?sslmode=require&password=(hidden)",
            ),
        ] {
            assert_eq!(shown(given).as_deref(), Some(hidden));
        }
    }
}

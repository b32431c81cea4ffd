//! Secrets in values: what is shown or said of a value never holds one.

use toml::Value;

/// Stands where a secret would.
pub(crate) const HIDDEN: &str = "(hidden)";

/// Hides the password in an address such as `postgres://name:password@host`.
pub(crate) fn without_secret(value: &Value) -> Value {
    let Some((scheme, rest)) = value.as_str().and_then(|text| text.split_once("://")) else {
        return value.clone();
    };
    let Some((credentials, host)) = rest.split_once('@') else {
        return value.clone();
    };
    match credentials.split_once(':') {
        Some((name, _)) => Value::from(format!("{scheme}://{name}:{HIDDEN}@{host}")),
        None => value.clone(),
    }
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
        assert_eq!(shown("sqlite://a@b.db").as_deref(), Some("sqlite://a@b.db"));
    }
}

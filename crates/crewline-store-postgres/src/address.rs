//! The address of a store: what it says of hosts, and how each is spoken to.

use std::time::Duration;

use crewline_core::{StoreError, StoreErrorKind};
use tokio_postgres::Config;
use tokio_postgres::config::{Host, TargetSessionAttrs};

use crate::options::Options;

/// What the address says, and what it leaves out.
pub(crate) fn configure(options: &Options) -> Result<Config, StoreError> {
    // What the library says of an address may hold a part of it.
    let mut config: Config = options.url.parse().map_err(|_| {
        let detail = "the address of the store cannot be understood: postgres://USER@HOST/DATABASE, sslmode is disable or \
                      require, and in names and passwords %40 stands for @, %2F for /";
        StoreError::new(StoreErrorKind::Unavailable, detail)
    })?;
    if config.get_password().is_none()
        && let Some(password) = &options.password
    {
        config.password(password);
    }
    limit(&mut config, Some(options.connect));
    Ok(config)
}

/// The same for one of the hosts.
pub(crate) fn only(config: &Config, at: usize) -> Config {
    let mut one = Config::new();
    let (hosts, ports) = (config.get_hosts(), config.get_ports());
    match &hosts[at] {
        Host::Tcp(name) => one.host(name),
        Host::Unix(path) => one.host_path(path),
    };
    if let Some(address) = config.get_hostaddrs().get(at) {
        one.hostaddr(*address);
    }
    if let Some(port) = ports.get(at).or_else(|| ports.first()) {
        one.port(*port);
    }
    if let Some(user) = config.get_user() {
        one.user(user);
    }
    if let Some(password) = config.get_password() {
        one.password(password);
    }
    if let Some(name) = config.get_dbname() {
        one.dbname(name);
    }
    if let Some(options) = config.get_options() {
        one.options(options);
    }
    one.ssl_mode(config.get_ssl_mode());
    one.channel_binding(config.get_channel_binding());
    limit(&mut one, config.get_connect_timeout().copied());
    one
}

/// How long silence is borne, and what the other end is to be able to do.
fn limit(config: &mut Config, connect: Option<Duration>) {
    if let Some(connect) = connect {
        config.connect_timeout(connect);
    }
    // What is sent and never taken ends the connection, and so does silence where an answer is waited for.
    config.tcp_user_timeout(Duration::from_secs(15));
    config.keepalives_idle(Duration::from_secs(5));
    config.keepalives_interval(Duration::from_secs(3));
    config.keepalives_retries(3);
    config.application_name("crewline");
    config.target_session_attrs(TargetSessionAttrs::ReadWrite);
}

/// Whether a host is this machine.
pub(crate) fn is_here(host: &Host) -> bool {
    match host {
        Host::Tcp(name) => {
            let address = name.parse::<std::net::IpAddr>();
            name == "localhost" || address.is_ok_and(|address| address.is_loopback())
        }
        Host::Unix(_) => true,
    }
}

/// One of the hosts, as it may be shown.
pub(crate) fn host(config: &Config, at: usize) -> String {
    let ports = config.get_ports();
    let port = ports.get(at).or_else(|| ports.first()).unwrap_or(&5432);
    match &config.get_hosts()[at] {
        Host::Tcp(name) => format!("{name}:{port}"),
        Host::Unix(path) => path.display().to_string(),
    }
}

/// The address as it may be shown.
pub(crate) fn shown(config: &Config) -> String {
    let hosts: Vec<String> = (0..config.get_hosts().len())
        .map(|at| host(config, at))
        .collect();
    format!(
        "postgres://{}/{}",
        hosts.join(","),
        config
            .get_dbname()
            .or(config.get_user())
            .unwrap_or_default()
    )
}

#[cfg(test)]
mod tests {
    use tokio_postgres::config::SslMode;

    use super::*;

    #[test]
    fn an_address_is_shown_without_its_password() {
        let config = |url: &str| configure(&Options::new(url)).unwrap();
        let one = config("postgres://crew:se%40cret@one,two:5433/chat?sslmode=require");
        assert_eq!(shown(&one), "postgres://one:5432,two:5433/chat");
        assert_eq!(one.get_ssl_mode(), SslMode::Require);
        let error = configure(&Options::new("postgres://crew:se@cret@host/db?port=x")).unwrap_err();
        assert!(!error.detail.contains("cret"), "{}", error.detail);
    }
}

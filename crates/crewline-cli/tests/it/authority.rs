//! Certificates for tests, and a client that speaks TLS and HTTP/1.1 on one connection for as long as a test wants.

use std::io::{Read as _, Write as _};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd,
};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned, SupportedProtocolVersion,
};

use crate::support::{PATIENCE, Server, World};

/// Who makes certificates.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate and its key, both in PEM.
pub(crate) struct Made {
    pub(crate) certificate: String,
    pub(crate) key: String,
    pub(crate) der: CertificateDer<'static>,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params
            .distinguished_name
            .push(DnType::CommonName, "Works CA");
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// What clients have to know.
    pub(crate) fn pem(&self) -> String {
        self.0.pem()
    }

    /// A certificate for these names.
    pub(crate) fn make(&self, subject: &str, names: &[&str]) -> Made {
        self.make_until(subject, names, 4000)
    }

    /// One that ends with the year.
    pub(crate) fn make_until(&self, subject: &str, names: &[&str], year: i32) -> Made {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        params.distinguished_name.push(DnType::CommonName, subject);
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(year, 12, 31);
        let key = KeyPair::generate().unwrap();
        let made = params.signed_by(&key, &self.0).unwrap();
        Made {
            certificate: made.pem(),
            key: key.serialize_pem(),
            der: made.der().clone(),
        }
    }

    fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots.add(self.0.der().clone()).unwrap();
        roots
    }
}

impl Made {
    /// As files that the server is told of; nobody else may read the key.
    pub(crate) fn write(&self, world: &World) {
        use std::os::unix::fs::PermissionsExt as _;
        world.write("crew.pem", &self.certificate);
        world.write("crew.key", &self.key);
        let mode = std::fs::Permissions::from_mode(0o600);
        std::fs::set_permissions(world.path("crew.key"), mode).unwrap();
    }
}

/// The flags for those files.
pub(crate) const FLAGS: [&str; 4] = ["--tls-cert", "crew.pem", "--tls-key", "crew.key"];

/// One connection.
pub(crate) struct Line(StreamOwned<ClientConnection, TcpStream>);

impl Line {
    /// Opens one, and does the handshake.
    pub(crate) fn open(server: &Server, authority: &Authority) -> Self {
        Self::try_open(server, authority, rustls::ALL_VERSIONS, &["http/1.1"]).unwrap()
    }

    /// Opens one from another address of this machine; it fails where nothing is heard for so long.
    pub(crate) fn open_from(
        own: IpAddr,
        patience: Duration,
        server: &Server,
        authority: &Authority,
    ) -> std::io::Result<Self> {
        let (stream, protocols) = (tcp_from(own, server), ["http/1.1"]);
        stream.set_read_timeout(Some(patience))?;
        Self::secure(stream, authority, rustls::ALL_VERSIONS, &protocols)
    }

    pub(crate) fn try_open(
        server: &Server,
        authority: &Authority,
        versions: &[&'static SupportedProtocolVersion],
        protocols: &[&str],
    ) -> std::io::Result<Self> {
        Self::secure(tcp(server), authority, versions, protocols)
    }

    fn secure(
        stream: TcpStream,
        authority: &Authority,
        versions: &[&'static SupportedProtocolVersion],
        protocols: &[&str],
    ) -> std::io::Result<Self> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .unwrap()
            .with_root_certificates(authority.roots())
            .with_no_client_auth();
        config.alpn_protocols = protocols
            .iter()
            .map(|name| name.as_bytes().to_vec())
            .collect();
        let name = ServerName::try_from("127.0.0.1").unwrap();
        let connection = ClientConnection::new(Arc::new(config), name).unwrap();
        let mut line = Self(StreamOwned::new(connection, stream));
        while line.0.conn.is_handshaking() {
            line.0.conn.complete_io(&mut line.0.sock)?;
        }
        Ok(line)
    }

    /// The certificate that the server showed.
    pub(crate) fn shown(&self) -> CertificateDer<'static> {
        self.0.conn.peer_certificates().unwrap()[0]
            .clone()
            .into_owned()
    }

    pub(crate) fn connection(&self) -> &ClientConnection {
        &self.0.conn
    }

    /// One request without a body; the whole answer.
    pub(crate) fn get(&mut self, path: &str) -> String {
        self.send(&format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n"))
    }

    /// One request; the whole answer. The connection stays open.
    pub(crate) fn send(&mut self, request: &str) -> String {
        self.0.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        let mut byte = [0];
        while !answer.ends_with("\r\n\r\n") {
            self.0.read_exact(&mut byte).unwrap();
            answer.push(char::from(byte[0]));
        }
        let length = answer
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "))
            .map_or(0, |length| length.trim().parse().unwrap());
        let mut body = vec![0; length];
        self.0.read_exact(&mut body).unwrap();
        answer + &String::from_utf8(body).unwrap()
    }
}

/// A bare connection to a server.
pub(crate) fn tcp(server: &Server) -> TcpStream {
    let address = server.url.split("://").nth(1).unwrap();
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// A bare connection from another address of this machine.
fn tcp_from(own: IpAddr, server: &Server) -> TcpStream {
    let address: SocketAddr = server.url.split("://").nth(1).unwrap().parse().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let stream = runtime.block_on(async {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind(SocketAddr::from((own, 0))).unwrap();
        socket.connect(address).await.unwrap().into_std().unwrap()
    });
    stream.set_nonblocking(false).unwrap();
    stream
}

//! TLS, with the certificate of a private authority.

use std::time::Duration;

use crewline_client::api::ErrorCode;
use crewline_client::{Client, ClientBuilder};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};

use crate::fake::{Fake, SENT, message};

/// A server for `localhost`, and the certificate of the authority that vouches for it, as PEM.
async fn server() -> (Fake, String) {
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let own = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let own = own.signed_by(&key, &authority).unwrap();
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![own.der().clone()],
            rustls::pki_types::PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
        )
        .unwrap();
    (Fake::https(config).await, authority.pem())
}

fn client(fake: &Fake) -> ClientBuilder {
    Client::builder(&fake.url, "t").patience(Duration::from_mins(1))
}

#[tokio::test]
async fn a_private_authority_is_trusted_where_it_was_named() {
    let (fake, pem) = server().await;
    let client = client(&fake).ca_pem(pem.as_bytes()).build().unwrap();
    let (sent, _) = tokio::join!(client.send(message()), fake.answer("201 Created", "", SENT));
    sent.unwrap();
    let serve = async {
        let (_, mut socket) = fake.request().await.socket().await;
        socket.welcome().await;
        socket.until_closed().await
    };
    let listen = async { client.session().connect().await.unwrap().close().await };
    tokio::join!(serve, listen);
}

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for_is_refused_at_once() {
    let (fake, _) = server().await;
    let (_, another) = server().await;
    for builder in [client(&fake), client(&fake).ca_pem(another.as_bytes())] {
        let client = builder.build().unwrap();
        let error = tokio::select! {
            sent = client.send(message()) => sent.unwrap_err(),
            _ = fake.request() => panic!("the certificate was taken"),
        };
        assert_eq!(error.code, ErrorCode::WrongServer);
        assert!(error.detail.contains("cannot be trusted"), "{error}");
        assert!(error.detail.contains("--ca-file"), "{error}");
    }
}

#[tokio::test]
async fn another_name_than_the_certificates_is_refused() {
    let (fake, pem) = server().await;
    let url = fake.url.replace("localhost", "127.0.0.1");
    let client = Client::builder(&url, "t").ca_pem(pem.as_bytes());
    let client = client.build().unwrap();
    let error = tokio::select! {
        session = client.session().connect() => session.map(drop).unwrap_err(),
        _ = fake.request() => panic!("the certificate was taken"),
    };
    assert_eq!(error.code, ErrorCode::WrongServer);
}

#[tokio::test]
async fn a_server_without_tls_is_told_from_one_that_nobody_trusts() {
    let fake = Fake::http().await;
    let url = fake.url.replace("http://", "https://");
    let client = Client::builder(&url, "t").build().unwrap();
    let serve = async {
        // What comes is no request; the answer of a server that speaks HTTP alone is none of TLS.
        let mut request = fake.garbage().await;
        request.answer("400 Bad Request", "", "").await;
    };
    let (sent, ()) = tokio::join!(client.send(message()), serve);
    let error = sent.unwrap_err();
    assert_eq!(error.code, ErrorCode::WrongServer);
    assert!(error.detail.contains("is it http:// there"), "{error}");
}

#[test]
fn a_file_that_holds_no_certificate_is_named() {
    for (builder, told) in [
        (
            Client::builder("https://x", "t").ca_file("/nowhere/ca.pem"),
            "/nowhere/ca.pem",
        ),
        (
            Client::builder("https://x", "t").ca_pem(b"hello"),
            "BEGIN CERTIFICATE",
        ),
    ] {
        let error = builder.build().unwrap_err();
        assert_eq!(error.code, ErrorCode::Invalid);
        assert!(error.detail.contains(told), "{error}");
    }
}

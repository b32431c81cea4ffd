//! Receivers by https.

use std::sync::Arc;

use crewline_webhook::{Pace, Settings};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;

use crate::receiver::{Ends, Post, TAKEN, serve};
use crate::world::{World, networks};

/// A receiver for `localhost`, and the authority that vouches for it, as PEM.
async fn receiver() -> (String, mpsc::Receiver<Post>, Ends, String) {
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let own = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let own = own.signed_by(&key, &authority).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let key = rustls::pki_types::PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![own.der().clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!(
        "https://localhost:{}/hook",
        listener.local_addr().unwrap().port()
    );
    let (sender, posts) = mpsc::channel(100);
    let task = tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let (acceptor, sender) = (acceptor.clone(), sender.clone());
            tokio::spawn(async move {
                if let Ok(stream) = acceptor.accept(stream).await {
                    serve(stream, Arc::new(|_| TAKEN), sender).await;
                }
            });
        }
    });
    (url, posts, Ends(task), authority.pem())
}

#[tokio::test]
async fn a_certificate_is_taken_where_somebody_vouches_for_it_and_not_otherwise() {
    let (url, mut posts, _task, pem) = receiver().await;
    let allowed = || networks(&["127.0.0.0/8", "::1"]);
    let stranger = World::with(Settings::new(allowed(), None, Pace::faster(1_000)).unwrap()).await;
    let no = stranger.add(&url).await;
    stranger.send("hello").await;
    let row = stranger.until(no, |row| row.failing.is_some()).await;
    let error = row.failing.unwrap().error;
    assert!(error.starts_with("TLS failed"), "{error}");
    assert!(posts.try_recv().is_err());

    let settings = Settings::new(allowed(), Some(pem.as_bytes()), Pace::faster(100)).unwrap();
    let world = World::with(settings).await;
    world.add(&url).await;
    world.send("hello").await;
    assert_eq!(posts.recv().await.unwrap().seq(), 1);
}

#[test]
fn a_file_without_a_certificate_is_told() {
    let error = Settings::new(Vec::new(), Some(b"nothing"), Pace::default())
        .err()
        .unwrap();
    assert!(error.contains("holds no certificate"), "{error}");
}

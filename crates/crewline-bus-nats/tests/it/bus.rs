//! What the bus carries, and how it is let in.

use std::time::Duration;

use crewline_api::BoxStream;
use crewline_bus_nats::{NatsBus, Options, probe};
use crewline_core::{Bus as _, Heard};
use crewline_testkit::nats::Nats;
use futures_util::StreamExt as _;
use tokio::time::timeout;

/// Its address, with something before the host.
fn options(nats: &Nats, scheme: &str, login: &str) -> Options {
    Options::parse(&format!("{scheme}://{login}127.0.0.1:{}", nats.port())).unwrap()
}

/// Waits until it can be used.
async fn ready(options: &Options) {
    while probe(options).await.is_err() {}
}

/// Longer than anything that is waited for.
const PATIENCE: Duration = Duration::from_mins(1);

/// Hears until it hears this text; counts how often something may have been missed before it.
async fn hears(heard: &mut BoxStream<'static, Heard>, text: &str, missed: &mut usize) {
    loop {
        match timeout(PATIENCE, heard.next()).await.unwrap().unwrap() {
            Heard::Missed => *missed += 1,
            Heard::Text(said) if said == text => return,
            Heard::Text(_) => {}
        }
    }
}

/// Publishes until it is heard: a subscription is known to the server a moment after it was made, and a text may be lost. Returns
/// how often something may have been missed before.
async fn reaches(from: &NatsBus, heard: &mut BoxStream<'static, Heard>, text: &str) -> usize {
    let mut missed = 0;
    loop {
        from.publish(text.to_owned()).await;
        let hears = hears(heard, text, &mut missed);
        if timeout(Duration::from_millis(200), hears).await.is_ok() {
            return missed;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_publishes_the_others_hear_and_itself_does_not() {
    let Some(nats) = Nats::start() else {
        return;
    };
    let options = options(&nats, "nats", "");
    ready(&options).await;
    let (one, other) = (
        NatsBus::open(&options).await.unwrap(),
        NatsBus::open(&options).await.unwrap(),
    );
    let (mut at_one, mut at_other) = (one.subscribe(), other.subscribe());
    reaches(&one, &mut at_other, "from one").await;
    reaches(&other, &mut at_one, "from the other").await;
    // In order, and nothing of its own between.
    for at in 0..500 {
        one.publish(format!("{at}")).await;
    }
    for at in 0..500 {
        hears(&mut at_other, &format!("{at}"), &mut 0).await;
    }
    other.publish("end".to_owned()).await;
    loop {
        match timeout(PATIENCE, at_one.next()).await.unwrap().unwrap() {
            Heard::Text(text) if text == "end" => break,
            Heard::Text(text) => assert_eq!(text, "from the other"),
            Heard::Missed => {}
        }
    }
    assert!(one.bytes_max() >= 1_024);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_subject_is_nobody_elses_business() {
    let Some(nats) = Nats::start() else {
        return;
    };
    let options = options(&nats, "nats", "");
    ready(&options).await;
    let mut elsewhere = options.clone();
    "crewline.test".clone_into(&mut elsewhere.subject);
    let (one, other) = (
        NatsBus::open(&options).await.unwrap(),
        NatsBus::open(&options).await.unwrap(),
    );
    let stranger = NatsBus::open(&elsewhere).await.unwrap();
    let mut heard = other.subscribe();
    reaches(&one, &mut heard, "begin").await;
    let mut strangers = stranger.subscribe();
    stranger.publish("strange".to_owned()).await;
    one.publish("end".to_owned()).await;
    while let Some(said) = timeout(PATIENCE, heard.next()).await.unwrap() {
        assert_ne!(said, Heard::Text("strange".to_owned()));
        if said == Heard::Text("end".to_owned()) {
            break;
        }
    }
    let second = NatsBus::open(&elsewhere).await.unwrap();
    reaches(&second, &mut strangers, "there").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_begins_without_nats_and_comes_back_after_it_was_away() {
    let Some(mut nats) = Nats::start() else {
        return;
    };
    let options = options(&nats, "nats", "");
    nats.stop();
    let (one, other) = (
        NatsBus::open(&options).await.unwrap(),
        NatsBus::open(&options).await.unwrap(),
    );
    let mut heard = other.subscribe();
    // It holds up nobody.
    one.publish("lost".to_owned()).await;
    assert!(!one.is_connected());
    for _ in 0..2 {
        nats.run();
        let missed = reaches(&one, &mut heard, "there").await;
        // What was said before it was connected may have been missed.
        assert!(missed > 0);
        while other.is_connected() && one.is_connected() {
            nats.stop();
            one.publish("lost".to_owned()).await;
            tokio::task::yield_now().await;
        }
        while one.is_connected() || other.is_connected() {
            tokio::task::yield_now().await;
        }
        for _ in 0..1_000 {
            one.publish("lost".to_owned()).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_several_addresses_one_that_answers_is_taken() {
    let Some(nats) = Nats::start() else {
        return;
    };
    // A port at which nobody listens.
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = closed.local_addr().unwrap().port();
    drop(closed);
    let options = Options::parse(&format!(
        "nats://127.0.0.1:{port},127.0.0.1:{}",
        nats.port()
    ));
    let options = options.unwrap();
    ready(&options).await;
    let (one, other) = (
        NatsBus::open(&options).await.unwrap(),
        NatsBus::open(&options).await.unwrap(),
    );
    let mut heard = other.subscribe();
    reaches(&one, &mut heard, "there").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_not_let_in_is_told_so_without_the_password() {
    let settings = "authorization { user: crewline, password: \"s:e@cret\" }";
    let Some(nats) = Nats::start_with(settings, &[]) else {
        return;
    };
    let good = options(&nats, "nats", "crewline:s:e@cret@");
    ready(&good).await;
    for login in ["", "crewline:wrong@", "token@"] {
        let error = probe(&options(&nats, "nats", login)).await.unwrap_err();
        let error = error.to_string();
        assert!(
            error.contains("authorization violation") && !error.contains("wrong"),
            "{error}"
        );
    }
    assert!(probe(&good).await.unwrap().starts_with("NATS 2."));
    let settings = "authorization { token: \"t0ken\" }";
    let nats = Nats::start_with(settings, &[]).unwrap();
    ready(&options(&nats, "nats", "t0ken@")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_is_spoken_with_those_that_are_vouched_for() {
    let key = rcgen::generate_simple_self_signed(["localhost".to_owned(), "127.0.0.1".to_owned()]);
    let key = key.unwrap();
    let (cert, secret) = (key.cert.pem(), key.signing_key.serialize_pem());
    let client = rcgen::generate_simple_self_signed(["crewline".to_owned()]).unwrap();
    let (own, own_secret) = (client.cert.pem(), client.signing_key.serialize_pem());
    let files = [
        ("cert.pem", cert.as_str()),
        ("key.pem", secret.as_str()),
        ("client.pem", own.as_str()),
    ];
    let settings = "tls { cert_file: \"FOLDER/cert.pem\", key_file: \"FOLDER/key.pem\", ca_file: \"FOLDER/client.pem\", verify: true }";
    let Some(nats) = Nats::start_with(settings, &files) else {
        return;
    };
    let mut options = options(&nats, "tls", "");
    assert!(probe(&options).await.is_err(), "nobody vouches for it");
    options.tls.authorities = Some(cert.clone().into_bytes());
    assert!(probe(&options).await.is_err(), "it wants a certificate");
    options.tls.own = Some((own.into_bytes(), own_secret.into_bytes()));
    ready(&options).await;
    let (one, other) = (
        NatsBus::open(&options).await.unwrap(),
        NatsBus::open(&options).await.unwrap(),
    );
    let mut heard = other.subscribe();
    reaches(&one, &mut heard, "there").await;
    options.tls.authorities = Some(b"nonsense".to_vec());
    assert!(
        NatsBus::open(&options)
            .await
            .err()
            .unwrap()
            .to_string()
            .contains("PEM")
    );
}

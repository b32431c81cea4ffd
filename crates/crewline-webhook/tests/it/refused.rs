//! Addresses that are not called.

use crewline_webhook::{Pace, Settings};

use crate::receiver::Receiver;
use crate::world::{World, networks};

async fn refusal(allowed: &[&str], url: &str) -> String {
    let settings = Settings::new(networks(allowed), None, Pace::faster(1_000)).unwrap();
    let world = World::with(settings).await;
    let no = world.add(url).await;
    world.send("hello").await;
    let row = world.until(no, |row| row.failing.is_some()).await;
    row.failing.unwrap().error
}

#[tokio::test]
async fn this_machine_is_called_only_where_the_setting_names_it_also_by_a_name() {
    let mut receiver = Receiver::good().await;
    let by_name = receiver.url.replace("127.0.0.1", "localhost");
    for url in [&receiver.url, &by_name] {
        let error = refusal(&["10.0.0.0/8"], url).await;
        assert!(error.contains("webhooks.allowNetworks"), "{url}: {error}");
    }
    assert_eq!(receiver.waiting().len(), 0);
}

#[tokio::test]
async fn metadata_are_never_called_whatever_is_allowed() {
    for url in [
        "http://169.254.169.254/latest/meta-data",
        "http://[::ffff:169.254.169.254]/",
        "http://[fe80::1]/",
        "http://[fd00:ec2::254]/",
        "http://0.0.0.0:80/",
    ] {
        let error = refusal(&["0.0.0.0/0", "::/0"], url).await;
        assert!(error.contains("is never called"), "{url}: {error}");
    }
}

//! The app for people, as the server gives it. Its files may be there or not: what is said of them holds in both cases.

use hyper::Method;

use crate::rig::Rig;

#[tokio::test]
async fn the_page_of_the_app_runs_nothing_that_stands_in_it_and_asks_no_other_host() {
    let rig = Rig::start().await;
    for path in ["/", "/chats/c1h8d2m4rwz", "/admin", "/admin/users/al%20ice"] {
        let page = rig.call(Method::GET, path).send().await;
        assert_eq!(
            page.header("content-type"),
            Some("text/html; charset=utf-8"),
            "{path}"
        );
        let policy = page.header("content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self';"));
        assert!(!policy.contains("unsafe") && !policy.contains("http"));
        assert!(policy.ends_with("frame-ancestors 'none'"), "{policy}");
        assert_eq!(page.header("x-frame-options"), Some("DENY"));
        // Where the person is goes into an SOS; a browser asks the person first.
        let devices = page.header("permissions-policy").unwrap();
        assert!(
            devices.contains("geolocation=(self)") && devices.contains("camera=()"),
            "{devices}"
        );
        let text = page.text();
        assert!(!text.contains("http:") && !text.contains("https:") && !text.contains("<style"));
        if page.status == 404 {
            assert!(text.contains("make build"), "says how to build the app");
            continue;
        }
        let tag = page.header("etag").unwrap().to_owned();
        assert_eq!(page.header("cache-control"), Some("no-cache"));
        let again = rig
            .call(Method::GET, path)
            .header("if-none-match", tag.as_bytes());
        let again = again.send().await;
        assert_eq!((again.status, again.body.len()), (304, 0));
    }
    rig.stop().await;
}

#[tokio::test]
async fn what_the_page_names_is_there_for_ever_and_compressed_when_asked() {
    let rig = Rig::start().await;
    let page = rig.call(Method::GET, "/").send().await.text();
    for path in page.split('"').filter(|part| part.starts_with("/assets/")) {
        let plain = rig.call(Method::GET, path).send().await;
        assert_eq!(plain.status, 200, "{path}");
        assert_eq!(
            plain.header("cache-control"),
            Some("public, max-age=31536000, immutable")
        );
        let zipped = rig
            .call(Method::GET, path)
            .header("accept-encoding", b"gzip");
        let zipped = zipped.send().await;
        assert_eq!(zipped.header("content-encoding"), Some("gzip"), "{path}");
        assert!(zipped.body.len() < plain.body.len(), "{path}");
        assert_ne!(zipped.header("etag"), plain.header("etag"), "{path}");
    }
    rig.stop().await;
}

//! Calls of a desk: groups, duty, reach, and what the organisation keeps.

use std::time::Duration;

use crewline_client::Client;
use crewline_client::api::{EmergencyPhone, ErrorCode, GroupId, NewGroup};

use crate::fake::{Fake, problem};

fn client(fake: &Fake) -> Client {
    let client = Client::builder(&fake.url, "crewline_x");
    client.patience(Duration::from_mins(1)).build().unwrap()
}

#[tokio::test]
async fn a_group_is_put_and_removed_by_calls_that_may_be_repeated() {
    let fake = Fake::http().await;
    let client = client(&fake);
    let id = GroupId::new("crew north").unwrap();
    let group = NewGroup {
        name: "Crew north".to_owned(),
        user_ids: vec!["alice".parse().unwrap()],
    };
    let serve = async {
        drop(fake.request().await);
        fake.answer("204 No Content", "", "").await
    };
    let (put, request) = tokio::join!(client.put_group(&id, &group), serve);
    put.unwrap();
    let line = "PUT /api/v1/groups/crew%20north HTTP/1.1";
    assert!(request.head.starts_with(line), "{}", request.head);
    assert_eq!(request.body, r#"{"name":"Crew north","userIds":["alice"]}"#);
    let serve = async {
        drop(fake.request().await);
        fake.answer("204 No Content", "", "").await
    };
    let (removed, request) = tokio::join!(client.remove_group(&id), serve);
    removed.unwrap();
    let line = "DELETE /api/v1/groups/crew%20north HTTP/1.1";
    assert!(request.head.starts_with(line), "{}", request.head);
}

#[tokio::test]
async fn whose_change_the_new_revision_is_is_found_out_where_an_answer_was_lost() {
    let conflict = problem(ErrorCode::RevisionConflict, "It is 4 now.");
    for (number, is_own) in [("112", true), ("110", false)] {
        let fake = Fake::http().await;
        let client = client(&fake);
        let phone = EmergencyPhone {
            revision: 3,
            number: Some("112".to_owned()),
        };
        let stands = format!(
            r#"{{"phrases":{{"revision":0,"phrases":[]}},"sos":{{"revision":0}},"phone":{{"revision":4,"number":"{number}"}}}}"#
        );
        let serve = async {
            let first = fake.request().await;
            assert_eq!(first.body, r#"{"revision":3,"number":"112"}"#);
            drop(first);
            fake.answer("409 Conflict", "", &conflict).await;
            fake.answer("200 OK", "", &stands).await
        };
        let (put, request) = tokio::join!(client.put_phone(&phone), serve);
        assert!(request.head.starts_with("GET /api/v1/organisation "));
        match put {
            Ok(now) => assert!(is_own && now.revision == 4, "{now:?}"),
            Err(error) => assert!(!is_own && error.code == ErrorCode::RevisionConflict),
        }
    }
}

//! Every call, and what is no call.

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::get;
use crewline_api::{ApiError, ErrorCode};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::Edge;
use crate::problem::Refusal;
use crate::{
    App, admin, chat, cursor, desk, docs, event, group, me, message, openapi, ops, organisation,
    people, push, reach, receipt, reminder, request, search, session, socket, story, watcher, web,
    webhook,
};

/// The calls, with their descriptions.
pub(crate) fn calls() -> OpenApiRouter<Edge> {
    OpenApiRouter::with_openapi(openapi::frame())
        .routes(routes!(message::post_message))
        .routes(routes!(message::post_reply, chat::get_history))
        .routes(routes!(message::get_message))
        .routes(routes!(reminder::post_reminder))
        .routes(routes!(story::get_story))
        .routes(routes!(search::get_search))
        .routes(routes!(chat::post_chat))
        .routes(routes!(event::get_events))
        .routes(routes!(socket::get_socket))
        .routes(routes!(cursor::get_cursor, cursor::put_cursor))
        .routes(routes!(watcher::get_watchers))
        .routes(routes!(watcher::put_watcher, watcher::delete_watcher))
        .routes(routes!(webhook::get_webhooks, webhook::post_webhook))
        .routes(routes!(
            webhook::get_webhook,
            webhook::put_webhook,
            webhook::delete_webhook
        ))
        .routes(routes!(webhook::pause_webhook))
        .routes(routes!(webhook::resume_webhook))
        .routes(routes!(webhook::test_webhook))
        .routes(routes!(webhook::get_failures))
        .routes(routes!(webhook::replay_webhook))
        .routes(routes!(push::get_push))
        .routes(routes!(push::put_subscription, push::delete_subscription))
        .routes(routes!(push::post_test))
        .routes(routes!(push::post_proof))
        .routes(routes!(admin::user::get_users, admin::user::post_user))
        .routes(routes!(admin::user::get_user, admin::user::patch_user))
        .routes(routes!(admin::password::put_password))
        .routes(routes!(admin::sign_out::post_sign_out))
        .routes(routes!(admin::sign_out::delete_session))
        .routes(routes!(admin::sign_out::delete_device))
        .routes(routes!(admin::external::get_externals))
        .routes(routes!(admin::token::get_tokens, admin::token::post_token))
        .routes(routes!(admin::token::delete_token))
        .routes(routes!(admin::system::get_state))
        .routes(routes!(admin::system::get_retention))
        .routes(routes!(admin::log::get_audit))
        .routes(routes!(receipt::post_receipts))
        .routes(routes!(session::post_session, session::delete_session))
        .routes(routes!(me::get_me))
        .routes(routes!(me::get_chats))
        .routes(routes!(people::get_people))
        .routes(routes!(reach::get_presence))
        .routes(routes!(reach::post_reach))
        .routes(routes!(organisation::get_organisation))
        .routes(routes!(organisation::put_phrases))
        .routes(routes!(organisation::put_sos))
        .routes(routes!(organisation::put_phone))
        .routes(routes!(desk::get_desk, desk::put_desk, desk::delete_desk))
        .routes(routes!(group::get_groups))
        .routes(routes!(group::put_group, group::delete_group))
        .routes(routes!(group::put_duty))
        .routes(routes!(ops::get_health))
        .routes(routes!(ops::get_ready))
        .routes(routes!(ops::get_metrics))
        .routes(routes!(docs::get_openapi))
        .routes(routes!(docs::get_asyncapi))
        .routes(routes!(docs::get_docs))
}

/// The whole API on an engine, as a service of axum. [`crate::serve()`] listens with it.
pub fn router(app: App) -> Router {
    let (calls, _) = calls().split_for_parts();
    calls
        .route("/api/docs/{file}", get(docs::get_docs_file))
        // What the page loads stands relative to its path, so that it works behind a proxy with a prefix.
        .route("/api/docs/", get(docs::get_docs_elsewhere))
        .route("/", get(web::get_page))
        .route("/chats/{chatId}", get(web::get_page))
        .route("/admin", get(web::get_page))
        .route("/admin/{*page}", get(web::get_page))
        .route("/assets/{file}", get(web::get_asset))
        .route("/sw.js", get(web::get_worker))
        .route("/manifest.webmanifest", get(web::get_manifest))
        .route("/icon.svg", get(web::get_icon))
        .fallback(no_such_path)
        .method_not_allowed_fallback(no_such_method)
        .layer(from_fn_with_state(app.edge.clone(), request::handle))
        .with_state(app.edge)
}

async fn no_such_path() -> Refusal {
    ApiError::new(
        ErrorCode::NotFound,
        "There is no such path. The calls of this server are described at /api/docs.",
    )
    .into()
}

async fn no_such_method() -> Refusal {
    let detail = "This path does not know that method; the header Allow names those it knows.";
    ApiError::new(ErrorCode::MethodNotAllowed, detail).into()
}

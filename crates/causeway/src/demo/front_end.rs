//! The front-end: a page, and the switches of the apps.

use std::path::Path;
use std::sync::Arc;

use axum::extract::{Path as Parts, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{Html, IntoResponse};
use axum::routing::{get, post};
use axum::{Router, extract::rejection::PathRejection};
use serde_json::json;

use super::apps::{Apps, Change};

const PAGE: &str = include_str!("page.html");

/// What the front-end answers.
pub(super) fn router(apps: &Arc<Apps>, file: &Path) -> Router {
    let file = format!("{}\n", file.display());
    Router::new()
        .route("/", get(async || Html(PAGE)))
        .route("/apps", get(list))
        .route("/apps/{number}/stop", post(stop))
        .route("/apps/{number}/start", post(start))
        // So that commands of the README need not be edited.
        .route("/file", get(async move || file))
        .route("/pid", get(async || format!("{}\n", std::process::id())))
        .with_state(Arc::clone(apps))
}

/// Sentences with the status that goes with them.
type Answer = (StatusCode, String);

async fn list(State(apps): State<Arc<Apps>>) -> impl IntoResponse {
    let apps: Vec<_> = (1..)
        .zip(apps.list())
        .map(|(number, (port, running))| {
            json!({"app": number, "address": format!("127.0.0.1:{port}"), "running": running})
        })
        .collect();
    ([(CONTENT_TYPE, "application/json")], format!("{}\n", json!(apps)))
}

async fn stop(State(apps): State<Arc<Apps>>, number: Result<Parts<usize>, PathRejection>) -> Answer {
    let Some((number, port)) = known(&apps, number) else { return unknown() };
    let sentence = match apps.stop(number) {
        Change::Done => format!("app {number} is stopped: nobody listens on 127.0.0.1:{port} any more\n"),
        Change::Already => format!("app {number} was stopped already\n"),
    };
    (StatusCode::OK, sentence)
}

async fn start(State(apps): State<Arc<Apps>>, number: Result<Parts<usize>, PathRejection>) -> Answer {
    let Some((number, port)) = known(&apps, number) else { return unknown() };
    match apps.start(number) {
        Ok(Change::Done) => (StatusCode::OK, format!("app {number} listens on 127.0.0.1:{port} again\n")),
        Ok(Change::Already) => (StatusCode::OK, format!("app {number} was running already\n")),
        Err(fault) => (StatusCode::CONFLICT, format!("{fault}\n")),
    }
}

fn known(apps: &Apps, number: Result<Parts<usize>, PathRejection>) -> Option<(usize, u16)> {
    let Parts(number) = number.ok()?;
    Some((number, apps.port(number)?))
}

fn unknown() -> Answer {
    (StatusCode::NOT_FOUND, "there are the apps 1, 2 and 3\n".to_owned())
}

//! Errors, as problem documents.

use axum::extract::rejection::{JsonRejection, PathRejection};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use quintet::task::JoinError;
use rusqlite::ErrorCode;
use serde_json::json;

/// Why a request has failed.
#[derive(Debug)]
pub struct Problem {
    status: StatusCode,
    detail: String,
}

impl Problem {
    /// A problem with a status, and what a client may read about it.
    pub fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        Problem { status, detail }
    }

    /// A failure of the server, of which a client learns nothing.
    fn internal(error: &dyn std::error::Error) -> Self {
        eprintln!("{error}");
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "the server has failed")
    }
}

impl From<rusqlite::Error> for Problem {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            _ if error == rusqlite::Error::QueryReturnedNoRows => {
                Problem::new(StatusCode::NOT_FOUND, "there is no such account")
            }
            Some(ErrorCode::ConstraintViolation) => {
                Problem::new(StatusCode::CONFLICT, error.to_string())
            }
            Some(ErrorCode::DatabaseBusy) => {
                Problem::new(StatusCode::SERVICE_UNAVAILABLE, "the database is busy")
            }
            _ => Problem::internal(&error),
        }
    }
}

impl From<JoinError> for Problem {
    fn from(error: JoinError) -> Self {
        Problem::internal(&error)
    }
}

impl From<JsonRejection> for Problem {
    fn from(rejection: JsonRejection) -> Self {
        Problem::new(StatusCode::BAD_REQUEST, rejection.body_text())
    }
}

impl From<PathRejection> for Problem {
    fn from(rejection: PathRejection) -> Self {
        Problem::new(StatusCode::BAD_REQUEST, rejection.body_text())
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let Problem { status, detail } = self;
        let title = status.canonical_reason();
        let body = json!({ "status": status.as_u16(), "title": title, "detail": detail });
        let kind = [(header::CONTENT_TYPE, "application/problem+json")];
        (status, kind, body.to_string()).into_response()
    }
}

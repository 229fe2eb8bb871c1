//! `GET /api/limits` and `GET /api/config`: what is in force. Secrets are masked.

use crate::{Control, said};
use axum::Json;
use axum::extract::State;

pub(crate) async fn limits(State(control): State<Control>) -> Json<said::Limits> {
    Json(control.parts.gateway.snapshot().config.limits.table().into())
}

pub(crate) async fn config(State(control): State<Control>) -> Json<serde_json::Value> {
    Json(config::to_json(&control.parts.gateway.snapshot().config))
}

//! `GET /api/limits` and `GET /api/config`: what is in force. Secrets are masked.

use crate::{Control, said};
use axum::Json;
use axum::extract::State;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The routes of this file.
pub(crate) fn router() -> OpenApiRouter<Control> {
    OpenApiRouter::new().routes(routes!(limits)).routes(routes!(config))
}

/// The limits in force.
#[utoipa::path(get, path = "/api/limits", responses((status = OK, description = "A row each", body = said::Limits)))]
async fn limits(State(control): State<Control>) -> Json<said::Limits> {
    Json(control.parts.gateway.snapshot().config.limits.table().into())
}

/// The configuration in force; secrets are masked.
#[utoipa::path(get, path = "/api/config", responses((status = OK, description = "As `config show` prints it", body = Object)))]
async fn config(State(control): State<Control>) -> Json<serde_json::Value> {
    Json(config::to_json(&control.parts.gateway.snapshot().config))
}

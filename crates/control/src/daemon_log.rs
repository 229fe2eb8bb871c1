//! What the daemon says of itself: how loud it is, now and from now on. The log itself belongs to whoever
//! started the daemon and stands behind [`DaemonLog`].

use crate::asked::Body;
use crate::{Control, Problem};
use axum::Json;
use axum::extract::State;
use protocol::ErrorKind;
use serde::{Deserialize, Serialize};
use std::fmt::Debug;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The daemon's own log.
pub trait DaemonLog: Debug + Send + Sync {
    /// The filter in force, such as `info,gateway=debug`.
    fn filter(&self) -> String;

    /// Puts another one in force, until the next one or a change of `log.level`.
    ///
    /// # Errors
    /// What is wrong with it.
    fn set_filter(&self, filter: &str) -> Result<(), String>;

    /// Events that were lost since the disk was too slow.
    fn dropped(&self) -> u64;
}

/// `GET` and `PUT /api/log-level`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LogFilterSaid {
    /// `LEVEL`, `PART=LEVEL`, or several of these with commas between them.
    pub filter: String,
}

/// The routes of this file.
pub(crate) fn router() -> OpenApiRouter<Control> {
    OpenApiRouter::new().routes(routes!(show, set))
}

/// From which level on the daemon says what it does.
#[utoipa::path(get, path = "/api/log-level", responses((status = OK, description = "The filter in force", body = LogFilterSaid)))]
async fn show(State(control): State<Control>) -> Json<LogFilterSaid> {
    Json(LogFilterSaid { filter: control.parts.log.filter() })
}

/// Make the daemon say more or less, until it ends or `log.level` is changed.
#[utoipa::path(put, path = "/api/log-level", request_body = LogFilterSaid, responses((status = OK, description = "The filter in force", body = LogFilterSaid)))]
async fn set(
    State(control): State<Control>,
    Body(wanted): Body<LogFilterSaid>,
) -> Result<Json<LogFilterSaid>, Problem> {
    let refused = |why| Problem::new(ErrorKind::InvalidParams, why).hint("such as info, or info,gateway=debug");
    control.parts.log.set_filter(&wanted.filter).map_err(refused)?;
    Ok(Json(LogFilterSaid { filter: control.parts.log.filter() }))
}

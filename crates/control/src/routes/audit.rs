//! `GET /api/audit` and `/api/audit/verify`: who did what to the switchboard, and whether that was
//! changed afterwards. Whoever is not the owner sees what they did themselves.

use super::records::{bounded, failed};
use crate::access::Asker;
use crate::asked::Query;
use crate::said::{Audit, AuditEvent, AuditVerified};
use crate::{AUDIT_STREAM, Control, Problem};
use axum::Json;
use axum::extract::State;
use protocol::ErrorKind;
use serde::Deserialize;
use std::time::{Duration, UNIX_EPOCH};
use store::log::{self, Event, Verified};
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Entries of an answer where nobody says how many, and at most.
const LIMIT: (usize, usize) = (50, 500);

/// The routes of this file.
pub(crate) fn router() -> OpenApiRouter<Control> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(verify))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct Asked {
    /// `next` of the answer before.
    before: Option<String>,
    /// How many at most: 1 to 500, 50 if absent.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<usize>,
}

/// Who approved, started, stopped and changed what, the newest first.
#[utoipa::path(get, path = "/api/audit", params(Asked), responses((status = OK, description = "A page of entries", body = Audit)))]
async fn list(
    State(control): State<Control>,
    asker: Asker,
    Query(asked): Query<Asked>,
) -> Result<Json<Audit>, Problem> {
    let limit = bounded(asked.limit, LIMIT)?;
    let before = asked.before.as_deref().map(cursor).transpose()?;
    let window = u32::try_from(limit).unwrap_or(u32::MAX);
    let read = control.parts.store.read("audit", move |tx| {
        Box::pin(async move {
            let head = log::head(tx, AUDIT_STREAM).await?;
            let last = before.map_or(head.seq, |before| (before - 1).min(head.seq));
            let after = (last - i64::from(window)).max(head.cut_seq);
            let mut events = log::read(tx, AUDIT_STREAM, after, window).await?;
            events.retain(|event| event.seq <= last);
            Ok::<_, store::Error>((events, head.cut_seq))
        })
    });
    let (events, cut) = read.await.map_err(|error| failed(&error))?;
    let first = events.first().map(|event| event.seq).filter(|first| *first > cut + 1);
    let next = first.map(|first| format!("a{first:x}"));
    let is_seen = |event: &&Event| asker.is_owner || event.event.actor == asker.principal.as_str();
    let events = events.iter().rev().filter(is_seen).map(shown).collect();
    Ok(Json(Audit { events, next }))
}

/// Whether an entry of the audit was changed or taken out.
#[utoipa::path(get, path = "/api/audit/verify", responses((status = OK, description = "What was found", body = AuditVerified)))]
async fn verify(State(control): State<Control>, asker: Asker) -> Result<Json<AuditVerified>, Problem> {
    if !asker.is_owner {
        // It reads all of it, and says how much there is.
        let problem = Problem::new(ErrorKind::Denied, "only who runs the switchboard may check its audit");
        return Err(problem.hint("bring a token, or: switchboard audit --verify"));
    }
    let read = control.parts.store.read("audit", |tx| Box::pin(log::verify(tx, AUDIT_STREAM)));
    Ok(Json(match read.await.map_err(|error| failed(&error))? {
        Verified::Whole { events } => AuditVerified { whole: true, entries: Some(events), broken: None, why: None },
        Verified::Broken { seq, why } => {
            AuditVerified { whole: false, entries: None, broken: Some(seq), why: Some(why.to_owned()) }
        }
    }))
}

fn cursor(text: &str) -> Result<i64, Problem> {
    let seq = text.strip_prefix('a').and_then(|digits| i64::from_str_radix(digits, 16).ok());
    seq.filter(|seq| *seq > 0 && format!("a{seq:x}") == text).ok_or_else(|| {
        let problem = Problem::new(ErrorKind::InvalidParams, "`before` is no cursor of this list");
        problem.hint("take `next` of the answer before as it is, or leave it out to begin with the newest")
    })
}

fn shown(event: &Event) -> AuditEvent {
    let at = UNIX_EPOCH + Duration::from_millis(u64::try_from(event.at_ms).unwrap_or_default());
    let log::NewEvent { actor, kind, entity, body, .. } = &event.event;
    AuditEvent {
        entry: event.seq,
        at: supervisor::utc(at),
        who: actor.clone(),
        what: kind.clone(),
        on: entity.clone(),
        details: serde_json::from_str(body).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_what_was_given_and_nothing_else() {
        assert_eq!(cursor("a1f"), Ok(31));
        for text in ["", "a", "1f", "a0", "a-1", "a01", "aF", "a+1"] {
            assert_eq!(cursor(text).unwrap_err().status, 400, "{text}");
        }
    }
}

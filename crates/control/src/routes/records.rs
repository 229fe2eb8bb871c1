//! `GET /api/records` and `/api/records/{id}`: what happened to calls, from the newest back, as the
//! writer put it into the store: a second after the call at the latest.
//!
//! One request reads so many pages and no more, whatever it looks for: who finds little goes on with
//! the cursor. Whoever is not the owner sees their own calls, and no arguments or results.

mod cursor;
mod filter;

use crate::access::Asker;
use crate::asked::{Path, Query};
use crate::moment::moment;
use crate::said::{Record, Records};
use crate::{Control, Problem};
use axum::Json;
use axum::extract::State;
use cursor::Cursor;
use filter::Filter;
use gateway::record::RecordId;
use protocol::{ErrorKind, Raw};
use serde::Deserialize;
use serde_json::json;
use std::time::SystemTime;
use store::records::{self, Page, Span};
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Records of an answer where nobody says how many, and at most.
const LIMIT: (usize, usize) = (50, 500);
/// Pages that one request reads at most; a page has at most a thousand records or 256 KiB.
const PAGES_MAX: usize = 32;
/// Pages that are read at once.
const PAGES_AT_ONCE: u32 = 2;
/// Bytes of an answer, but for its last record.
const BYTES_MAX: usize = 1 << 20;

/// The routes of this file.
pub(crate) fn router() -> OpenApiRouter<Control> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(one))
}

#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct Asked {
    /// Only calls of this server.
    server: Option<String>,
    /// Only calls of this tool: the server's own name of it, or `SERVER.TOOL`.
    tool: Option<String>,
    /// Only calls of this principal.
    principal: Option<String>,
    /// Only calls that ended so: `ok`, `tool_error`, an error kind, or `failed` for all but the good.
    outcome: Option<String>,
    /// Only calls of this method of the protocol.
    method: Option<String>,
    /// Only records that hold this text, in any case.
    q: Option<String>,
    /// Only calls that came at this moment or later: RFC 3339 in UTC, milliseconds since 1970, or a time
    /// before now such as `15m`.
    since: Option<String>,
    /// Only calls that came at this moment or before.
    until: Option<String>,
    /// `next` of the answer before.
    before: Option<String>,
    /// How many at most: 1 to 500, 50 if absent.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<usize>,
}

/// The records of calls, the newest first.
#[utoipa::path(get, path = "/api/records", params(Asked), responses((status = OK, description = "A page of them", body = Records)))]
async fn list(
    State(control): State<Control>,
    asker: Asker,
    Query(asked): Query<Asked>,
) -> Result<Json<Records>, Problem> {
    let limit = bounded(asked.limit, LIMIT)?;
    let mut cursor = asked.before.as_deref().map(Cursor::read).transpose()?;
    let now = SystemTime::now();
    let at = |name: &str, text: &Option<String>| text.as_deref().map(|text| moment(name, text, now)).transpose();
    let (since, until) = (at("since", &asked.since)?, at("until", &asked.until)?);
    let span = Span { since_ms: since.unwrap_or(0), until_ms: until.unwrap_or(i64::MAX) };
    let filter = Filter::new(asked, &asker, since, until);
    let mut found = Vec::new();
    let mut bytes = 0;
    for _ in 0..PAGES_MAX / PAGES_AT_ONCE as usize {
        let pages = pages(&control, cursor.map(Cursor::page_after), span, PAGES_AT_ONCE).await?;
        let is_last = pages.len() < PAGES_AT_ONCE as usize;
        for Page { id, page } in pages {
            let lines: Vec<&str> = page.body.lines().collect();
            let end = cursor.map_or(lines.len(), |cursor| cursor.lines_before(id, lines.len()));
            let skipped = filter.fits_nothing_of(&page);
            for (index, line) in lines.iter().enumerate().take(end).rev().filter(|_| !skipped) {
                let Some(record) = filter.record(line) else { continue };
                bytes += line.len();
                found.push(shown(record, &asker, true));
                if found.len() >= limit || bytes >= BYTES_MAX {
                    let next = Some(Cursor::new(id, index).to_string());
                    return Ok(Json(Records { records: found, next }));
                }
            }
            cursor = Some(Cursor::new(id, 0));
        }
        if is_last {
            return Ok(Json(Records { records: found, next: None }));
        }
    }
    Ok(Json(Records { records: found, next: cursor.map(|cursor| cursor.to_string()) }))
}

/// The record of one call.
#[utoipa::path(get, path = "/api/records/{id}", responses((status = OK, description = "The record", body = Record)))]
async fn one(State(control): State<Control>, asker: Asker, Path(id): Path<String>) -> Result<Json<Record>, Problem> {
    let missing = || {
        let shown: String = id.chars().filter(|letter| !letter.is_control()).take(40).collect();
        let problem = Problem::new(ErrorKind::UnknownName, format!("there is no record `{shown}`"));
        problem.hint("it may be too old, or of this second: see /api/records")
    };
    let at = RecordId::parse(&id).and_then(|id| i64::try_from(id.at_ms()).ok()).ok_or_else(missing)?;
    let span = Span { since_ms: at, until_ms: at };
    let filter = Filter::new(Asked::default(), &asker, None, None);
    let mut before = None;
    for _ in 0..PAGES_MAX / PAGES_AT_ONCE as usize {
        let pages = pages(&control, before, span, PAGES_AT_ONCE).await?;
        before = pages.last().map(|page| page.id);
        let lines = pages.iter().flat_map(|page| page.page.body.lines()).filter(|line| line.contains(&id));
        if let Some(record) = lines.filter_map(|line| filter.record(line)).find(|record| record.id == id) {
            return Ok(Json(shown(record, &asker, false)));
        }
        if pages.len() < PAGES_AT_ONCE as usize {
            break;
        }
    }
    Err(missing())
}

async fn pages(control: &Control, before: Option<i64>, span: Span, limit: u32) -> Result<Vec<Page>, Problem> {
    let read = control.parts.store.read("records", |tx| Box::pin(records::pages_in(tx, before, span, limit)));
    read.await.map_err(|error| failed(&error))
}

/// What whoever asks may see of it.
fn shown(mut record: Record, asker: &Asker, is_listed: bool) -> Record {
    if !asker.is_owner {
        record.arguments = record.arguments.as_ref().map(summed_up);
        // It may hold words of others.
        record.cause = None;
    }
    if !asker.is_owner || is_listed {
        record.result = record.result.as_ref().map(summed_up);
    }
    record
}

/// Of what kind it is, and how long.
fn summed_up(value: &Raw) -> Raw {
    let kind = match value.as_bytes().first() {
        Some(b'{') => "object",
        Some(b'[') => "array",
        Some(b'"') => "string",
        Some(b't' | b'f') => "boolean",
        Some(b'n') => "null",
        _ => "number",
    };
    Raw::of(&json!({ "type": kind, "bytes": value.as_bytes().len() }))
}

/// What somebody asked for between 1 and the most, or what is given to who does not say.
pub(crate) fn bounded(asked: Option<usize>, (default, most): (usize, usize)) -> Result<usize, Problem> {
    match asked {
        None => Ok(default),
        Some(limit) if (1..=most).contains(&limit) => Ok(limit),
        Some(limit) => {
            let problem = Problem::new(ErrorKind::InvalidParams, format!("`limit` is {limit}"));
            Err(problem.hint(format!("it is 1 to {most}; go on with `before`")))
        }
    }
}

/// A failure of the store.
pub(crate) fn failed(error: &store::Error) -> Problem {
    tracing::warn!(%error, "the store did not answer /api: {error}");
    Problem::new(ErrorKind::Overloaded, "what is kept cannot be read now").hint(error.hint())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> Record {
        serde_json::from_str(
            r#"{"id":"01a0c4506c7b0007","at":"2026-11-21T05:37:00.000Z","method":"tools/call","server":"s",
            "name":"t","principal":"me","client_era":"modern","server_era":"legacy","outcome":"ok","total_us":5,
            "bytes_in":1,"bytes_out":2,"cause":"x","arguments":{"a":1},"result":{"content":[]}}"#,
        )
        .unwrap()
    }

    #[test]
    fn only_the_owner_sees_arguments_and_results() {
        let owner = Asker::local();
        let listed = shown(record(), &owner, true);
        assert_eq!(listed.arguments.unwrap().as_str(), r#"{"a":1}"#);
        assert_eq!(listed.result.unwrap().as_str(), r#"{"type":"object","bytes":14}"#);
        assert_eq!(shown(record(), &owner, false).result.unwrap().as_str(), r#"{"content":[]}"#);
        let other = Asker { is_owner: false, ..owner };
        let seen = serde_json::to_string(&shown(record(), &other, false)).unwrap();
        assert!(!seen.contains("content") && !seen.contains(r#""a":1"#) && !seen.contains("cause"), "{seen}");
    }

    #[test]
    fn a_limit_has_bounds() {
        assert_eq!(bounded(None, LIMIT), Ok(50));
        assert_eq!(bounded(Some(500), LIMIT), Ok(500));
        for limit in [0, 501] {
            assert_eq!(bounded(Some(limit), LIMIT).unwrap_err().status, 400);
        }
    }
}

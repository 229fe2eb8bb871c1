//! `POST /api/search`: which tools and servers fit a text. It is asked of the gateway's index, and of
//! nobody else: no server is woken.

use crate::access::Asker;
use crate::asked::Body;
use crate::{Control, Problem, find, said};
use axum::Json;
use axum::extract::State;
use gateway::finder::{Find, Found};
use gateway::{Scope, Snapshot};
use protocol::ErrorKind;
use search::{Band, Reason};
use serde_json::{Map, Value};
use std::sync::Arc;
use tokio::time::Instant;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The routes of this file.
pub(crate) fn router() -> OpenApiRouter<Control> {
    OpenApiRouter::new().routes(routes!(search))
}

/// The longest text that is searched for, in bytes.
pub(crate) const TEXT_BYTES_MAX: usize = 64 * 1024;
/// Tools that are found where nobody says how many, and at most.
const TOOLS: (usize, usize) = (10, 50);

/// Find the tools and servers that fit a text.
///
/// It changes nothing, and needs no token where one may look without. With `search.feedback` the vector of the
/// text is remembered for whoever asks, never the text.
#[utoipa::path(post, path = "/api/search", request_body = said::SearchAsked, responses((status = OK, description = "What fits, best first", body = said::ToolsFound)))]
async fn search(
    State(control): State<Control>,
    asker: Asker,
    Body(asked): Body<said::SearchAsked>,
) -> Result<Json<said::ToolsFound>, Problem> {
    let text = text(&asked.query)?.to_owned();
    let gateway = &control.parts.gateway;
    gateway.first_listed().await;
    let (scope, server) = {
        let snapshot = gateway.snapshot();
        let server = asked.server.map(|name| find::server(&snapshot, &name).map(|server| server.name.to_string()));
        (scope(&snapshot, asked.profile.as_deref())?, server.transpose()?)
    };
    let limit = asked.limit.unwrap_or(TOOLS.0).clamp(1, TOOLS.1);
    let begun = Instant::now();
    let found = gateway.find(&scope, &asker.principal, Find { text, limit, server }).await;
    let took_us = u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX);
    let servers = servers(&control, &found);
    let Found { answer, tools } = found;
    let tools = answer.tools.iter().filter_map(|hit| {
        let tool = tools.iter().find(|tool| tool.public == hit.id)?;
        Some(said::ToolFound {
            name: hit.id.clone(),
            server: hit.server.clone(),
            own: tool.own.clone(),
            score: hit.score,
            description: tool.description.clone(),
            tokens: tool.tokens,
            reasons: reasons(&hit.reasons),
        })
    });
    let (tools, band) = (tools.collect(), band(answer.band).to_owned());
    Ok(Json(said::ToolsFound { band, tools, servers, parts: answer.parts, took_us }))
}

/// A text that can be searched for.
pub(crate) fn text(text: &str) -> Result<&str, Problem> {
    match text.trim() {
        "" => {
            Err(Problem::new(ErrorKind::InvalidParams, "there is no text").hint("say what is wanted, in a few words"))
        }
        text if text.len() > TEXT_BYTES_MAX => {
            let problem = Problem::new(ErrorKind::TooLarge, format!("the text is longer than {TEXT_BYTES_MAX} bytes"));
            Err(problem.hint("say it shorter"))
        }
        text => Ok(text),
    }
}

/// What is looked at.
fn scope(snapshot: &Snapshot, profile: Option<&str>) -> Result<Scope, Problem> {
    let Some(profile) = profile else { return Ok(Scope::All) };
    if snapshot.config.profiles.contains_key(profile) {
        return Ok(Scope::Profile(Arc::from(profile)));
    }
    let problem = Problem::new(ErrorKind::UnknownName, format!("there is no profile `{profile}`"));
    let known: Vec<&str> = snapshot.config.profiles.keys().map(String::as_str).collect();
    Err(match known.is_empty() {
        true => problem.hint(format!("declare it: [profiles.{profile}]")),
        false => problem.hint(format!("there are: {}", known.join(", "))),
    })
}

/// The servers of an answer, as they are now.
pub(crate) fn servers(control: &Control, found: &Found) -> Vec<said::ServerFound> {
    let snapshot = control.parts.gateway.snapshot();
    let base = snapshot.config.listen.public_url.clone().unwrap_or_else(|| format!("http://{}", control.parts.address));
    let servers = found.answer.servers.iter().filter_map(|hit| {
        let server = snapshot.servers.get(hit.server.as_str())?;
        Some(said::ServerFound {
            name: hit.server.clone(),
            score: hit.score,
            chosen: hit.chosen,
            state: server.status().state.to_string(),
            url: format!("{base}/mcp/{}", server.entry.reduced),
            tools: hit.tools.clone(),
            reasons: reasons(&hit.reasons),
            problem: None,
        })
    });
    servers.collect()
}

/// The word for a band.
pub(crate) fn band(band: Band) -> &'static str {
    match band {
        Band::Confident => "confident",
        Band::Weak => "weak",
        Band::Nothing => "nothing",
    }
}

/// Reasons for people and programs.
pub(crate) fn reasons(reasons: &[Reason]) -> Vec<said::FoundBecause> {
    let said = reasons.iter().map(|reason| {
        let mut more: Map<String, Value> = match serde_json::to_value(reason) {
            Ok(Value::Object(members)) => members,
            _ => Map::new(),
        };
        let kind = more.remove("kind").and_then(|kind| kind.as_str().map(str::to_owned)).unwrap_or_default();
        // The text for people is that of `Display`, whatever the kind calls its own.
        more.remove("text");
        said::FoundBecause { kind, text: reason.to_string(), more }
    });
    said.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_says_the_same_to_people_and_programs() {
        let said = reasons(&[Reason::Terms { terms: vec!["issue".into()] }, Reason::Part { text: "save it".into() }]);
        assert_eq!(said[0].kind, "terms");
        assert_eq!(said[0].more["terms"][0], "issue");
        assert_eq!(said[1].kind, "part");
        assert!(said[1].text.contains("save it") && said[1].more.is_empty());
    }

    #[test]
    fn a_text_has_an_end_and_a_beginning() {
        assert_eq!(text(" x ").unwrap(), "x");
        assert_eq!(text(" ").unwrap_err().status, 400);
        assert!(text(&"x".repeat(TEXT_BYTES_MAX + 1)).is_err());
    }
}

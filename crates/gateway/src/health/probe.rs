//! One check of one server: asks, and says what came back. How long it may take and what follows
//! from it is not decided here.

use super::machine::Finding;
use crate::era::is_input_required;
use crate::server::Environment;
use crate::upstream::Connection;
use config::HealthCheck;
use http::{HeaderMap, Method};
use outbound::relay::{Payload, Relay, RelayError, Target};
use protocol::{Call, CallContext, Era, Error, ErrorKind, Object, Principal, Text};
use serde_json::{Map, Value};
use supervisor::{ProcessLimits, ServerLog, SpawnRequest, Stream};

/// How much of a stranger's words is quoted, in characters.
const QUOTE_MAX: usize = 200;

/// Checks the server behind `link` as its settings say. Nothing where the check could not be made
/// for a reason that is not the server's.
pub(super) async fn probe(
    check: &HealthCheck,
    link: &Connection,
    entry: &config::Server,
    environment: &Environment,
) -> Option<Finding> {
    match check {
        HealthCheck::Protocol => protocol(link).await,
        HealthCheck::Tool { name, arguments } => tool(link, name, arguments).await,
        HealthCheck::Command { argv, .. } => Some(command(argv, entry, environment).await),
        HealthCheck::Http { url, .. } => Some(http(url).await),
    }
}

/// What every server answers in its era. That it does not know the method is an answer too.
async fn protocol(link: &Connection) -> Option<Finding> {
    let method = match link.handshake().era {
        Era::Legacy => "ping",
        Era::Modern => "server/discover",
    };
    match ask(link, method, Object::new()).await {
        Ok(_) => Some(Finding::Answered),
        Err(error) if error.code() == ErrorKind::MethodNotFound.row().code => Some(Finding::Answered),
        Err(error) => failed(error),
    }
}

async fn tool(link: &Connection, name: &str, arguments: &Map<String, Value>) -> Option<Finding> {
    let mut params = Object::new();
    params.set_json("name", name);
    params.set_json("arguments", arguments);
    let result = match ask(link, "tools/call", params).await {
        Ok(result) => result,
        Err(error) => return failed(error),
    };
    if is_input_required(&result) {
        return Some(Finding::Failed(format!("the tool `{name}` asks for input: it cannot be a check")));
    }
    if result.get("isError").is_some_and(|is_error| is_error.as_str() == "true") {
        let content: Value = result.get("content").and_then(|content| content.read().ok()).unwrap_or_default();
        let said = quote(content[0]["text"].as_str().unwrap_or_default());
        return Some(Finding::Failed(format!("the tool `{name}` answered with an error: {said}")));
    }
    Some(Finding::Answered)
}

async fn ask(link: &Connection, method: &'static str, params: Object) -> Result<Object, Error> {
    let context = CallContext::internal(Principal::new("switchboard"));
    link.call(Call { method: Text::from_static(method), params, context }).await
}

/// What the failure of a request says about the server.
fn failed(error: Error) -> Option<Finding> {
    let why = quote(&error.message);
    Some(match error.kind {
        // It has so much to do that it was not asked: its calls tell more.
        ErrorKind::Overloaded => return None,
        ErrorKind::Timeout => Finding::TimedOut,
        ErrorKind::NeedsAuth => Finding::SignedOut(why),
        ErrorKind::UpstreamDown | ErrorKind::UpstreamGone | ErrorKind::UpstreamStarting => Finding::NotConnected(why),
        ErrorKind::Upstream => Finding::Failed(format!("it answered a check with error {}: {why}", error.code())),
        _ => Finding::Failed(why),
    })
}

/// Runs a program where the server runs. Dropping the future kills it.
async fn command(argv: &[String], entry: &config::Server, environment: &Environment) -> Finding {
    let Some((program, args)) = argv.split_first() else {
        return Finding::Failed("the check names no program".to_owned());
    };
    let cwd = entry.runs().and_then(|runs| runs.cwd).map(Into::into);
    let env = config::check_environment(entry, &environment.process);
    let request =
        SpawnRequest { program: program.clone(), args: args.to_vec(), env, cwd, limits: ProcessLimits::default() };
    let spawned = match environment.spawner.spawn(request).await {
        Ok(spawned) => spawned,
        Err(error) => return Finding::Failed(format!("the check cannot be run: {error}")),
    };
    drop(spawned.stdin);
    // Bounded, whatever it prints.
    let said = ServerLog::in_memory();
    let read = futures_util::future::join(
        supervisor::pump(spawned.stdout, said.clone(), Stream::Stdout),
        supervisor::pump(spawned.stderr, said.clone(), Stream::Stderr),
    );
    let (exit, _) = futures_util::future::join(spawned.handle.wait(), read).await;
    if exit.is_success() {
        return Finding::Answered;
    }
    let words = said.tail(1).first().map(|line| format!(": {}", quote(&line.shown()))).unwrap_or_default();
    Finding::Failed(format!("the check `{program}` {exit}{words}"))
}

async fn http(url: &str) -> Finding {
    let target = match Target::parse(url) {
        Ok(target) => target,
        Err(error) => return Finding::Failed(format!("the URL of the check cannot be called: {error}")),
    };
    match Relay::new(target).send(Method::GET, HeaderMap::new(), Payload::default()).await {
        // Redirects are not followed: where they lead was not agreed on.
        Ok(answer) if answer.status().as_u16() < 400 => Finding::Answered,
        Ok(answer) => Finding::Failed(format!("the check was answered with HTTP {}", answer.status().as_u16())),
        Err(error @ (RelayError::Connect { .. } | RelayError::Broken { .. })) => {
            Finding::NotConnected(quote(&error.to_string()))
        }
        Err(error) => Finding::Failed(quote(&error.to_string())),
    }
}

/// A stranger's words on one line, without control characters, cut.
fn quote(text: &str) -> String {
    let line = text.trim().lines().next().unwrap_or_default();
    line.chars().filter(|character| !character.is_control()).take(QUOTE_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::Raw;

    #[test]
    fn failures_of_requests_are_findings() {
        let found = |kind| failed(Error::new(kind, "why\nmore"));
        let why = || "why".to_owned();
        assert_eq!(found(ErrorKind::Overloaded), None);
        assert_eq!(found(ErrorKind::Timeout), Some(Finding::TimedOut));
        assert_eq!(found(ErrorKind::UpstreamGone), Some(Finding::NotConnected(why())));
        assert_eq!(found(ErrorKind::NeedsAuth), Some(Finding::SignedOut(why())));
        assert_eq!(found(ErrorKind::UpstreamInvalid), Some(Finding::Failed(why())));
        let refused = Error::from_upstream(&Raw::from_static(r#"{"code":-32000,"message":"no"}"#)).unwrap();
        assert_eq!(failed(refused), Some(Finding::Failed("it answered a check with error -32000: no".to_owned())));
    }
}

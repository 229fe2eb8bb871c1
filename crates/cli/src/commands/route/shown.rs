//! What `route` prints: servers with what speaks for them, and the variables of a shell.

use super::super::search::why;
use crate::printer::{Printer, count, harmless, one_line};
use crate::report::Report;
use control::said::{Routed, ServerFound};

/// Prints the servers, and what a person should know about them.
pub(super) fn table(routed: &Routed, limit: usize, printer: &Printer) {
    // What is chosen is shown, however many are asked for.
    let shown = routed.servers.iter().enumerate().filter(|(at, server)| server.chosen || *at < limit);
    let rows: Vec<Vec<String>> = shown.map(|(_, server)| row(server)).collect();
    if !rows.is_empty() {
        printer.table(&["SERVER", "USE", "SCORE", "STATE", "TOOLS", "WHY"], &rows);
    }
    if routed.parts.len() > 1 {
        let parts: Vec<String> = routed.parts.iter().map(|part| format!("`{}`", one_line(part, 60))).collect();
        printer.say(&format!("read as {}: {}", count(parts.len(), "step"), parts.join(", ")));
    }
    if !routed.started.is_empty() {
        printer.say(&format!("ready: {}", routed.started.join(", ")));
    }
    let words = one_line(&routed.prompt, 40).replace('"', "'");
    match routed.band.as_str() {
        "confident" => {}
        // A rule of one's own is sure enough.
        "weak" if routed.servers.iter().any(|server| server.chosen && is_ruled(server)) => {}
        "weak" => printer.say(&format!(
            "none fits surely; look closer: switchboard search \"{words}\"; or say what a server is for: \
             server_keywords.NAME = [\"word\"] under [search]"
        )),
        _ => printer.say(&format!(
            "no server fits; see which tools are nearest: switchboard search \"{words}\"; or say what a server is for: \
             server_keywords.NAME = [\"word\"] under [search]"
        )),
    }
}

fn row(server: &ServerFound) -> Vec<String> {
    let tools = server.tools.iter().take(3).map(|tool| one_line(tool, 60)).collect::<Vec<_>>().join(", ");
    let chosen = if server.chosen { "yes" } else { "" };
    vec![
        one_line(&server.name, 60),
        chosen.to_owned(),
        format!("{:.2}", server.score),
        server.state.clone(),
        tools,
        why(&server.reasons),
    ]
}

fn is_ruled(server: &ServerFound) -> bool {
    server.reasons.iter().any(|reason| reason.kind == "rule")
}

/// The failure that some servers did not start.
pub(super) fn unstarted(routed: &Routed, printer: &Printer) -> Result<(), Report> {
    let failed = routed.servers.iter().filter_map(|server| Some((server, server.problem.as_ref()?)));
    let failed: Vec<_> = failed.collect();
    let Some((first, problem)) = failed.first() else { return Ok(()) };
    let report = Report::failed(format!("{} did not start", count(failed.len(), "server")));
    let report = report.cause(format!("{}: {}", first.name, harmless(&problem.title)));
    let hint = problem.hint.clone().unwrap_or_else(|| format!("see why: switchboard why {}", first.name));
    Err(report.hint(hint).said(printer.json))
}

/// `MCP_SERVER`, `MCP_PORT` and `MCP_URL` of the best server, quoted for a shell.
pub(super) fn variables(routed: &Routed) -> String {
    let Some(server) = routed.servers.iter().find(|server| Some(&server.name) == routed.primary.as_ref()) else {
        return String::new();
    };
    let quoted = |text: &str| match text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_./:".contains(&byte)) {
        true => text.to_owned(),
        false => format!("'{}'", harmless(text).replace('\'', "'\\''")),
    };
    format!("MCP_SERVER={}\nMCP_PORT={}\nMCP_URL={}\n", quoted(&server.name), port(&server.url), quoted(&server.url))
}

/// The port of a URL, written or not.
fn port(url: &str) -> u16 {
    let uri: Option<http::Uri> = url.parse().ok();
    let written = uri.as_ref().and_then(http::Uri::port_u16);
    written.unwrap_or(if url.starts_with("https") { 443 } else { 80 })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn routed(name: &str, url: &str) -> Routed {
        let server = ServerFound {
            name: name.into(),
            score: 0.9,
            chosen: true,
            state: "ready".into(),
            url: url.into(),
            tools: Vec::new(),
            reasons: Vec::new(),
            problem: None,
        };
        Routed { servers: vec![server], primary: Some(name.into()), ..Routed::new("x", "confident") }
    }

    #[test]
    fn variables_are_safe_to_evaluate() {
        let one = routed("my-server", "http://127.0.0.1:7420/mcp/my-server");
        let expected = "MCP_SERVER=my-server\nMCP_PORT=7420\nMCP_URL=http://127.0.0.1:7420/mcp/my-server\n";
        assert_eq!(variables(&one), expected);
        let odd = variables(&routed("$(rm -r x)'", "https://h/mcp/x"));
        assert!(odd.starts_with("MCP_SERVER='$(rm -r x)'\\'''\nMCP_PORT=443\n"), "{odd}");
    }
}

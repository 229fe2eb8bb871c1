//! Pages of text: all about a server, its configuration, a call, a tool, the log, the keys. They are
//! made of what the daemon said, harmless and without a width.

use super::facts::Call;
use super::rows::{age, clock, health_tone, milliseconds, plain, size, state_tone, tool_name};
use super::state::Tone;
use control::LogLevel;
use control::said::{LogLine, Server, ServerCapabilities, Tool, Verdict, Why};
use protocol::Object;
use serde_json::Value;
use std::collections::VecDeque;

/// A line of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) tone: Tone,
    pub(super) text: String,
}

/// Lines of a text of others that are shown.
const LINES_MAX: usize = 2000;
/// Cells of the bar that shows where in a call a stage lies.
const BAR: u64 = 30;

// === impl Line ===

impl Line {
    /// A line of this text, whoever wrote it.
    pub(super) fn new(tone: Tone, text: impl AsRef<str>) -> Self {
        Self { tone, text: plain(text.as_ref()) }
    }

    fn title(text: &str) -> Self {
        Self::new(Tone::Title, text)
    }

    fn row(name: &str, text: impl AsRef<str>) -> Self {
        Self::new(Tone::Plain, format!("  {name:<13} {}", text.as_ref()))
    }

    fn blank() -> Self {
        Self::new(Tone::Plain, "")
    }
}

/// All about a server.
pub(super) fn server(server: &Server, reasons: &[Why], able: Option<&ServerCapabilities>) -> Vec<Line> {
    let mut lines = vec![Line::title("state")];
    lines.push(Line {
        tone: state_tone(&server.state),
        ..Line::row("state", format!("{}, for {}", server.state, age(server.in_state_ms)))
    });
    let health = format!("{}: {}", server.health, server.health_reason);
    lines.push(Line { tone: health_tone(&server.health), ..Line::row("health", health) });
    let optional = [
        ("reason", server.reason.clone()),
        ("next", server.hint.clone().or_else(|| Some(server.health_action.clone()).filter(|text| !text.is_empty()))),
        ("next try", server.next_try_ms.map(|ms| format!("in {}", age(ms)))),
        ("breaker", server.breaker.clone()),
        ("drift", server.drift.clone()),
        ("changed tools", Some(server.changed_tools.join(", ")).filter(|names| !names.is_empty())),
        ("process", server.pid.map(|pid| process(server, pid))),
        ("up", server.uptime_ms.map(age)),
    ];
    let given = |(name, text): (&str, Option<String>)| text.map(|text| Line::row(name, text));
    lines.extend(optional.into_iter().filter_map(given));
    let Server { calls, failures, in_flight, restarts, instances, .. } = server;
    lines.push(Line::row("calls", format!("{calls}, {failures} failed, {in_flight} now; restarted {restarts} times")));
    if *instances > 0 {
        lines.push(Line::row("instances", format!("{instances} beside the first one")));
    }
    lines.extend(server.instance_states.iter().filter(|_| server.instance_states.len() > 1).map(|one| {
        let reason = one.reason.as_deref().unwrap_or_default();
        Line::row("", format!("instance {}: {}, {} calls now {reason}", one.index, one.state, one.in_flight))
    }));
    lines.extend(server.not_enforced.iter().map(|missing| Line::row("not enforced", missing)));
    lines.extend([Line::blank(), Line::title("declared")]);
    let declared = [
        ("target", Some(server.target.clone())),
        ("transport", Some(server.transport.clone())),
        ("era", server.era.clone()),
        ("origin", Some(server.origin.clone())),
        ("about", server.description.clone()),
        ("tags", Some(server.tags.join(", ")).filter(|tags| !tags.is_empty())),
        ("group", server.group.clone()),
    ];
    lines.extend(declared.into_iter().filter_map(given));
    lines.extend([Line::blank(), Line::title("offers")]);
    let Server { tools, prompts, resources, templates, .. } = server;
    let offers = format!("{tools} tools, {prompts} prompts, {resources} resources, {templates} templates");
    lines.push(Line::row("lists", offers));
    if let Some(able) = able {
        let object = Object::of(&able.capabilities).unwrap_or_default();
        let names: Vec<String> = object.iter().map(|(name, _)| name.to_string()).collect();
        lines.push(Line::row("capabilities", names.join(", ")));
    }
    reasons.iter().for_each(|reason| lines.extend(why(reason)));
    lines
}

fn process(server: &Server, pid: u32) -> String {
    let memory = server.memory_kib.map(|kib| format!(", {}", size(kib * 1024))).unwrap_or_default();
    let cpu = server.cpu_percent.map(|percent| format!(", {percent:.1} % of a core")).unwrap_or_default();
    format!("{pid}{memory}{cpu}")
}

/// The gates of a call.
fn why(why: &Why) -> Vec<Line> {
    let verdict = if why.callable { "can be called" } else { "cannot be called" };
    let mut lines = vec![Line::blank(), Line::title(&format!("why: {verdict} by {}", why.principal))];
    for gate in &why.gates {
        let (word, tone) = match gate.verdict {
            Verdict::Pass => ("pass", Tone::Good),
            Verdict::Warn => ("warn", Tone::Warn),
            Verdict::Fail => ("FAIL", Tone::Bad),
        };
        lines.push(Line::new(tone, format!("  {word} {:<14} {}", gate.gate, gate.says)));
        lines.extend(gate.decided_by.iter().map(|by| Line::new(Tone::Faint, format!("       decided by {by}"))));
        lines.extend(gate.next.iter().map(|next| Line::new(Tone::Plain, format!("       next: {next}"))));
    }
    lines
}

/// The configuration of a server as it is in force; the daemon masks its secrets.
pub(super) fn config(config: &Value, server: &str) -> Vec<Line> {
    match config["servers"].get(server) {
        Some(entry) => json(entry),
        None => vec![Line::new(Tone::Warn, format!("`{server}` is not declared any more"))],
    }
}

/// A call and its stages.
pub(super) fn call(call: Option<&Call>) -> Vec<Line> {
    let Some(call) = call else { return vec![Line::new(Tone::Warn, "it is so old that it is not kept here")] };
    let tone = if call.is_good() { Tone::Good } else { Tone::Bad };
    let mut lines = vec![Line { tone, ..Line::row("outcome", &call.outcome) }];
    let eras = [&call.client_era, &call.server_era].map(|era| era.as_deref().unwrap_or("-"));
    let given = [
        ("cause", call.cause.clone()),
        ("at", Some(call.at.clone())),
        ("method", Some(call.method.clone())),
        ("server", call.server.clone()),
        ("name", call.name.clone()),
        ("principal", Some(call.principal.clone())),
        ("eras", Some(format!("client {}, server {}", eras[0], eras[1]))),
        ("bytes", Some(format!("{} in, {} out", call.bytes_in, call.bytes_out))),
        ("kept result", call.cached.then(|| "yes: no server was asked".to_owned())),
        ("trace", call.trace_id.clone()),
        ("took", Some(format!("{} ms", milliseconds(call.total_us)))),
    ];
    lines.extend(given.into_iter().filter_map(|(name, text)| text.map(|text| Line::row(name, text))));
    if !call.stages.is_empty() {
        lines.extend([Line::blank(), Line::title("stages, in ms")]);
    }
    for stage in &call.stages {
        let at = |us: u64| usize::try_from(us.min(call.total_us) * BAR / call.total_us.max(1)).unwrap_or(0);
        let (from, to) = (at(stage.from_us), at(stage.to_us));
        // The shortest one is seen too.
        let bar = format!("{}{}", " ".repeat(from), "#".repeat(to.saturating_sub(from).max(1)));
        let took = milliseconds(stage.to_us.saturating_sub(stage.from_us));
        lines.push(Line::row(&stage.stage, format!("{took:>8}  {bar}")));
    }
    lines
}

/// A tool and its definition.
pub(super) fn tool(tool: Option<&Tool>) -> Vec<Line> {
    let Some(tool) = tool else { return vec![Line::new(Tone::Warn, "it is not offered any more")] };
    let definition: Value = tool.definition.read().unwrap_or_default();
    let mut lines =
        vec![Line::row("name", tool_name(tool)), Line::row("server", &tool.server), Line::row("own name", &tool.own)];
    if let Some(why) = &tool.unapproved {
        let next = format!("{why}; to approve it: switchboard approve-tools {}", tool.server);
        lines.push(Line { tone: Tone::Warn, ..Line::row("approved", next) });
    }
    let call = format!("switchboard call {}.{}", tool.server, tool.own);
    lines.push(Line::row("call it", call));
    if let Some(about) = definition["description"].as_str() {
        lines.extend([Line::blank(), Line::title("description")]);
        lines.extend(about.trim().lines().take(LINES_MAX).map(|line| Line::new(Tone::Plain, line)));
    }
    lines.extend([Line::blank(), Line::title("definition")]);
    lines.extend(json(&definition));
    lines
}

fn json(value: &Value) -> Vec<Line> {
    let text = serde_json::to_string_pretty(value).unwrap_or_default();
    text.lines().take(LINES_MAX).map(|line| Line::new(Tone::Plain, line)).collect()
}

/// The log, with the names of servers where there are several.
pub(super) fn log(lines: &VecDeque<LogLine>, is_all: bool) -> Vec<Line> {
    let line = |line: &LogLine| {
        let tone = match LogLevel::of(&line.text) {
            LogLevel::Error => Tone::Bad,
            LogLevel::Warn => Tone::Warn,
            LogLevel::Info => Tone::Plain,
            LogLevel::Debug | LogLevel::Trace => Tone::Faint,
        };
        let server = line.server.as_deref().filter(|_| is_all).map(|server| format!("{server} ")).unwrap_or_default();
        // What we remark is told from what the server printed.
        let stream = if line.stream == "switchboard" { "* " } else { "" };
        Line::new(tone, format!("{} {server}{stream}{}", clock(&line.at), line.text))
    };
    lines.iter().map(line).collect()
}

/// The keys.
pub(super) fn help() -> Vec<Line> {
    let groups: [(&str, &[(&str, &str)]); 4] = [
        (
            "look",
            &[
                ("1 2 3 4", "servers, calls, logs, tools"),
                ("Enter d", "all about the chosen line: state, why, capabilities"),
                ("l c t y", "log, calls, tools, configuration of the server"),
                ("Esc", "back; takes away the filter first"),
                ("space", "pause and go on"),
                ("ctrl-r", "ask again"),
            ],
        ),
        (
            "move",
            &[
                ("j k ↓ ↑", "a line"),
                ("PgDn PgUp", "a page; also ctrl-f and ctrl-b"),
                ("g G", "to the begin, to the end; the end of a log is followed"),
                ("w", "wrap long lines or cut them"),
                ("N C M A F", "sort servers by name, CPU, memory, calls, failures"),
            ],
        ),
        (
            "act, after a question",
            &[("s", "start the server"), ("r", "restart it"), ("ctrl-k", "stop it; also ctrl-d")],
        ),
        (
            "type",
            &[
                ("/TEXT", "only what holds the text; /!TEXT what does not"),
                (":servers", "and :calls :logs :tools :describe :config, with a server's name"),
                (":stop NAME", "and :start :restart"),
                ("Tab", "completes what is typed"),
                (":q q ctrl-C", "end"),
            ],
        ),
    ];
    let mut lines = Vec::new();
    for (title, keys) in groups {
        lines.push(Line::title(title));
        lines.extend(keys.iter().map(|(key, what)| Line::new(Tone::Plain, format!("  {key:<12} {what}"))));
    }
    lines
}

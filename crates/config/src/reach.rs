//! How a declared server is run or reached: command or URL, with everything that belongs to it.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use secrecy::SecretString;

use crate::config::{HttpDialect, Reach, Written};
use crate::diagnostic::{Severity, Span};
use crate::environment::{read_dotenv, read_value_file};
use crate::host::{Program, is_here, url_of_port};
use crate::raw::RawServer;
use crate::read::{Field, Located, Manner, flag_of, map_of, text_of, texts_of};
use crate::server::{Declaration, Work, owned};
use crate::settings::is_http_url;
use crate::variables::is_variable_name;

/// Keys that only a local process has.
const PROCESS_KEYS: &[&str] =
    &["args", "env", "cwd", "inherit_env", "env_file", "resources", "port", "install", "install_timeout"];

/// The longest path of a Unix socket, in bytes; the system's limit is a little higher.
pub(crate) const SOCKET_PATH_BYTES_MAX: usize = 100;

/// `None` if neither is there, or the connection is one that we do not speak. With both, the
/// program is run, and then reached at the URL.
pub(crate) fn reach(work: &mut Work<'_>) -> Option<(Reach, Option<Program>)> {
    let raw = work.declaration.raw;
    if let Some(image) = text_of(work.field("image")) {
        return Some((crate::services::server_container(work, image)?, None));
    }
    if let Some(field) = work.field("container") {
        work.problem(field.key_span, "`container` goes with `image`");
    }
    let (command, url) = (work.field("command"), work.field("url"));
    if let Some(builtin) = text_of(work.field("builtin")) {
        return inside(work, builtin);
    }
    if let Some(field) = work.field("allow_changes") {
        work.problem(field.key_span, "`allow_changes` goes with `builtin`");
    }
    if let Some(field) = work.field("options") {
        work.problem(field.key_span, "`options` goes with `builtin`");
    }
    let span = work.field("port").map_or(Span::default(), |port| port.span);
    let by_port = url_of_port(work).filter(|_| command.is_some()).map(|text| Located { text, span });
    let url = text_of(url).or(by_port.as_ref());
    if let Some(kind) = text_of(work.field("type"))
        && !speaks(work, kind, command.is_some(), url.is_some())
    {
        return None;
    }
    match (text_of(command), url) {
        (Some(command), Some(url)) => {
            let program = program(work, command);
            let reach = remote(work, url)?;
            if !is_here(&reach) && work.enabled && !work.broken {
                work.problem(url.span, "it has both `command` and `url`")
                    .label("a program that is run is reached on this machine")
                    .hint("keep one of them, or declare two servers");
            }
            Some((reach, Some(program)))
        }
        (None, None) => {
            // A value of the wrong form was already reported.
            let stands = |key: &String| matches!(key.as_str(), "command" | "url" | "image");
            if !raw.keys.iter().any(stands) {
                work.problem(raw.name_span, "it has neither `command` nor `url`")
                    .hint("`command` runs a local program, `url` reaches a remote server, `builtin` is a server inside this program");
            }
            None
        }
        (Some(command), None) => Some((stdio(work, command), None)),
        (None, Some(url)) => {
            refuse_process_keys(work);
            Some((remote(work, url)?, None))
        }
    }
}

/// A server inside this program: nothing else says how to reach it.
fn inside(work: &mut Work<'_>, builtin: &Located) -> Option<(Reach, Option<Program>)> {
    let of_processes = PROCESS_KEYS.iter().copied().filter(|key| !matches!(*key, "env" | "env_file"));
    let foreign = ["command", "url", "type", "headers", "auth", "oauth"].into_iter().chain(of_processes);
    let misplaced: Vec<&Field> = foreign.filter_map(|key| work.field(key)).collect();
    for field in &misplaced {
        work.problem(field.key_span, "this key does not go with `builtin`")
            .hint("a builtin server is neither run nor reached: keep `builtin` alone");
    }
    let allow_changes = flag_of(work.field("allow_changes")).unwrap_or(false);
    let refused = !misplaced.is_empty();
    let (options, env) = (crate::inside::options(work), variables(work));
    (!refused).then(|| (Reach::Builtin { builtin: builtin.text.clone(), allow_changes, options, env }, None))
}

/// Whether the declared type is one we speak and fits what is declared beside it.
fn speaks(work: &mut Work<'_>, kind: &Located, command: bool, url: bool) -> bool {
    match kind.text.as_str() {
        "stdio" | "local" if url && !command => {
            let message = format!("the type `{}` does not go with `url`", kind.text);
            work.problem(kind.span, &message).hint("leave `type` out, or write type = \"http\"");
            false
        }
        "stdio" | "local" => true,
        other if Wire::of_type(other).is_some() => {
            if command && !url {
                let message = format!("the type `{other}` does not go with `command`");
                work.problem(kind.span, &message)
                    .hint("leave `type` out, or say with `port` or `url` where the program listens");
            }
            url || !command
        }
        other => {
            let known = ["stdio", "local", "http", "streamable-http", "sse", "websocket", "ws", "tcp", "unix"];
            let near = crate::names::did_you_mean(other, known);
            let message = format!("the type `{other}` is not known");
            work.problem(kind.span, &message).hint(match near {
                Some(near) => format!("did you mean `{near}`?"),
                None => "known: stdio, http, sse, websocket, tcp, unix".to_owned(),
            });
            false
        }
    }
}

fn stdio(work: &mut Work<'_>, command: &Located) -> Reach {
    if let Some(field) = work.field("headers") {
        work.problem(field.key_span, "`headers` goes with `url`, not with `command`");
    }
    let Program { command, args, env, cwd, inherit_env } = program(work, command);
    Reach::Stdio { command, args, env, cwd, inherit_env }
}

fn program(work: &mut Work<'_>, command: &Located) -> Program {
    let args = texts_of(work.field("args"));
    let mut program = work.expand(command);
    if program.trim().is_empty() {
        work.problem(command.span, "`command` is empty");
    } else if program.starts_with('-') {
        work.problem(command.span, &format!("`{program}` is a flag and no program"))
            .hint("the program comes first, its arguments behind it");
    }
    let first = program.split_whitespace().next().unwrap_or_default();
    if args.is_empty() && first != program && !first.contains(['/', '\\']) {
        let message = format!("`command` holds several words; no program is called `{program}`");
        work.say(Severity::Warning, command.span, &message)
            .hint(format!("write command = \"{first}\" and the other words in `args`"));
    }
    let environment = work.declaration.environment;
    let folder = &work.declaration.document.folder;
    if program.starts_with("~/") {
        program = environment.resolve(&program, folder).display().to_string();
    }
    let expanded: Vec<String> = args.iter().map(|arg| work.expand(arg)).collect();
    for (arg, text) in args.iter().zip(&expanded) {
        refuse_nul(work, arg.span, text);
    }
    let cwd = text_of(work.field("cwd")).map(|cwd| {
        let cwd = work.expand(cwd);
        environment.resolve(&cwd, folder)
    });
    Program { command: program, args: expanded, env: variables(work), cwd, inherit_env: inherited(work) }
}

fn refuse_nul(work: &mut Work<'_>, span: Span, text: &str) {
    if text.contains('\0') {
        work.problem(span, "a NUL character cannot be passed to a program");
    }
}

/// `env_file` first, then `env`; the other way round where a predecessor's file has it so.
pub(crate) fn variables(work: &mut Work<'_>) -> BTreeMap<String, SecretString> {
    let from_file = env_file(work);
    let written = env(work);
    let (mut weaker, stronger) = match work.declaration.raw.env_file_wins {
        true => (written, from_file),
        false => (from_file, written),
    };
    weaker.extend(stronger);
    weaker
}

fn env_file(work: &mut Work<'_>) -> BTreeMap<String, SecretString> {
    let Some(file) = text_of(work.field("env_file")) else {
        return BTreeMap::new();
    };
    let name = work.expand(file);
    let path = work.declaration.environment.resolve(&name, &work.declaration.document.folder);
    work.files.push(path.clone());
    match read_value_file(&path) {
        Ok(text) => {
            let (vars, broken) = read_dotenv(&text);
            if broken > 0 {
                let message = format!("{broken} lines of its `env_file` could not be read");
                work.say(Severity::Warning, file.span, &message)
                    .hint("each line is NAME=value; quote values with spaces");
            }
            vars.into_iter().map(|(name, value)| (name, SecretString::from(value))).collect()
        }
        Err(_) if !work.enabled => BTreeMap::new(),
        Err(cause) => {
            let message = format!("its `env_file` {} cannot be read: {cause}", path.display());
            work.problem(file.span, &message);
            BTreeMap::new()
        }
    }
}

fn env(work: &mut Work<'_>) -> BTreeMap<String, SecretString> {
    let mut env = BTreeMap::new();
    for (name, value) in map_of(work.field("env")) {
        if name.text.is_empty() || name.text.contains(['=', '\0']) {
            work.problem(name.span, "this cannot be the name of an environment variable");
            continue;
        }
        let expanded = work.expand(value);
        refuse_nul(work, value.span, &expanded);
        env.insert(name.text.clone(), SecretString::from(expanded));
    }
    env
}

fn inherited(work: &mut Work<'_>) -> Vec<String> {
    let names = texts_of(work.field("inherit_env"));
    for name in names {
        if !is_variable_name(&name.text) {
            work.problem(name.span, "`inherit_env` holds names of variables").hint("values go to `env`");
        }
    }
    owned(names)
}

/// What is spoken at a URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wire {
    Http,
    WebSocket,
    Tcp,
    Unix,
}

// === impl Wire ===

impl Wire {
    fn of_type(kind: &str) -> Option<Wire> {
        match kind {
            "http" | "streamable-http" | "streamableHttp" | "sse" => Some(Wire::Http),
            "websocket" | "ws" => Some(Wire::WebSocket),
            "tcp" => Some(Wire::Tcp),
            "unix" => Some(Wire::Unix),
            _ => None,
        }
    }

    fn of_url(url: &str) -> Option<Wire> {
        match url.split_once(':')?.0.to_ascii_lowercase().as_str() {
            "http" | "https" => Some(Wire::Http),
            "ws" | "wss" => Some(Wire::WebSocket),
            "tcp" => Some(Wire::Tcp),
            "unix" => Some(Wire::Unix),
            _ => None,
        }
    }

    /// What a URL of it looks like, in words.
    fn form(self) -> &'static str {
        match self {
            Wire::Http => "it begins with https:// or http:// and names a host",
            Wire::WebSocket => "it begins with wss:// or ws:// and names a host",
            Wire::Tcp => "it is tcp://host:port and nothing else",
            Wire::Unix => "it is unix:// and the absolute path of a socket, such as unix:///run/server.sock",
        }
    }
}

/// What is only reached has no process.
fn refuse_process_keys(work: &mut Work<'_>) {
    let misplaced = PROCESS_KEYS.iter().filter_map(|key| work.field(key));
    let misplaced: Vec<&Field> = misplaced.collect();
    for field in misplaced {
        let message = "this key goes with `command`, not with `url`";
        if work.declaration.raw.manner == Manner::Own {
            work.problem(field.key_span, message);
        }
    }
}

/// A server behind a URL: `type` says what is spoken there, or the scheme does.
fn remote(work: &mut Work<'_>, url: &Located) -> Option<Reach> {
    let expanded = work.expand(url);
    let unresolved = expanded == url.text && expanded.contains("${") && (work.broken || !work.enabled);
    let declared = text_of(work.field("type")).and_then(|kind| Wire::of_type(&kind.text));
    let by_scheme = Wire::of_url(&expanded);
    let wire = declared.or(by_scheme).unwrap_or(Wire::Http);
    let reach = located(wire, &expanded, work);
    if unresolved || !work.enabled || reach.is_some() {
        return Some(with_headers(work, reach.unwrap_or_else(|| any_http(&expanded))));
    }
    match (declared, by_scheme) {
        (Some(declared), Some(other)) if declared != other => {
            let kind = text_of(work.field("type")).map(|kind| kind.text.clone()).unwrap_or_default();
            work.problem(url.span, &format!("`url` is none of the type `{kind}`")).hint(wire.form());
        }
        (None, None) => {
            work.problem(url.span, "`url` is not a URL that can be reached")
                .hint("it begins with https:// or http://, wss:// or ws://, tcp:// or unix://");
        }
        _ => {
            let message = match wire {
                Wire::Http => "`url` is not a URL of HTTP",
                Wire::WebSocket => "`url` is not a URL of a WebSocket",
                Wire::Tcp => "`url` is not a URL of a TCP address",
                Wire::Unix => "`url` is not a URL of a Unix socket",
            };
            work.problem(url.span, message).hint(wire.form());
        }
    }
    None
}

/// The place that a URL names, if it is one of `wire`.
fn located(wire: Wire, url: &str, work: &Work<'_>) -> Option<Reach> {
    match wire {
        Wire::Http => is_http_url(url).then(|| any_http(url)),
        Wire::WebSocket => {
            // Some tools write the URL of the page that upgrades.
            let (scheme, rest) = url.split_once("://")?;
            let scheme = match scheme {
                "ws" | "http" => "ws",
                "wss" | "https" => "wss",
                _ => return None,
            };
            let known = is_http_url(&format!("http://{rest}"));
            known.then(|| Reach::WebSocket { url: format!("{scheme}://{rest}"), headers: Vec::new() })
        }
        Wire::Tcp => {
            let uri = url.parse::<http::Uri>().ok().filter(|uri| uri.scheme_str() == Some("tcp"))?;
            let authority = uri.authority()?.as_str();
            let whole = uri.path_and_query().is_none_or(|path| path == "/" || path.as_str().is_empty());
            let usable = whole && uri.host().is_some_and(|host| !host.is_empty()) && !authority.contains('@');
            (usable && uri.port_u16().is_some()).then(|| Reach::Tcp { address: authority.to_owned() })
        }
        Wire::Unix => {
            let path = url.strip_prefix("unix:")?;
            let path = path.strip_prefix("//").unwrap_or(path);
            let home = path.strip_prefix("~/").map(|_| work.declaration.environment.resolve(path, Path::new("/")));
            let path = home.unwrap_or_else(|| path.into());
            (path.is_absolute() && path.as_os_str().len() <= SOCKET_PATH_BYTES_MAX).then_some(Reach::Unix { path })
        }
    }
}

fn any_http(url: &str) -> Reach {
    Reach::Http { url: url.to_owned(), headers: Vec::new(), dialect: HttpDialect::Any }
}

fn with_headers(work: &mut Work<'_>, reach: Reach) -> Reach {
    let listed = match reach {
        Reach::Http { .. } | Reach::WebSocket { .. } => headers(work),
        _ => {
            if let Some(field) = work.field("headers") {
                work.problem(field.key_span, "`headers` goes with HTTP and WebSocket; nothing here carries any");
            }
            return reach;
        }
    };
    match reach {
        Reach::WebSocket { url, .. } => Reach::WebSocket { url, headers: listed },
        Reach::Http { url, .. } => Reach::Http { url, headers: listed, dialect: dialect(work) },
        other => other,
    }
}

fn headers(work: &mut Work<'_>) -> Vec<(String, SecretString)> {
    let mut headers = Vec::new();
    for (name, value) in map_of(work.field("headers")) {
        let expanded = work.expand(value);
        if name.text.parse::<http::HeaderName>().is_err() {
            work.problem(name.span, "this cannot be the name of an HTTP header");
        }
        if http::HeaderValue::from_str(&expanded).is_err() {
            work.problem(value.span, "this cannot be the value of an HTTP header")
                .hint("line ends and control characters are not allowed");
        }
        headers.push((name.text.clone(), SecretString::from(expanded)));
    }
    headers
}

/// How messages go over HTTP: the type says so, or it is found out.
fn dialect(work: &mut Work<'_>) -> HttpDialect {
    let dialect = match text_of(work.field("type")).map(|kind| kind.text.as_str()) {
        None => HttpDialect::Any,
        Some("sse") => HttpDialect::Sse,
        Some(_) => HttpDialect::Streamable,
    };
    if dialect == HttpDialect::Sse
        && let Some(era) = text_of(work.field("era")).filter(|era| era.text == "modern")
    {
        work.problem(era.span, "the era `modern` does not go with the type `sse`")
            .hint("HTTP+SSE is of 2024 and knows only the legacy era: leave `era` out");
    }
    dialect
}

/// What may be shown of a server: the texts before variables were expanded.
pub(crate) fn written(raw: &RawServer) -> Written {
    let text = |name| text_of(raw.fields.get(name)).map(|text: &Located| text.text.clone());
    let args = owned(texts_of(raw.fields.get("args")));
    let install = owned(texts_of(raw.fields.get("install")));
    Written { command: text("command"), args, url: text("url"), image: text("image"), install }
}

/// Whether an entry of a client is this switchboard: serving it to itself would never end.
pub(crate) fn is_ourselves(declaration: &Declaration<'_>) -> bool {
    let fields = &declaration.raw.fields;
    if let Some(command) = text_of(fields.get("command")) {
        let program = Path::new(&command.text).file_stem();
        let ours = program.is_some_and(|program| program == "switchboard");
        let args = texts_of(fields.get("args"));
        return ours && args.iter().any(|arg| arg.text == "connect");
    }
    let url = text_of(fields.get("url"));
    url.is_some_and(|url| points_at(&url.text, declaration.listen))
}

fn points_at(url: &str, listen: SocketAddr) -> bool {
    let Ok(uri) = url.parse::<http::Uri>() else {
        return false;
    };
    let port = uri.port_u16().unwrap_or(80);
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
    let address = host.parse::<IpAddr>().ok();
    let loopback = host == "localhost" || address.is_some_and(|address| address.is_loopback());
    let local = listen.ip().is_loopback() || listen.ip().is_unspecified();
    let same_host = (loopback && local) || address == Some(listen.ip());
    port == listen.port() && same_host && (uri.path().starts_with("/mcp") || uri.path().starts_with("/sse"))
}

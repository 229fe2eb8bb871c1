//! How a declared server is run or reached: command or URL, with everything that belongs to it.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use secrecy::SecretString;

use crate::config::{HttpDialect, Reach, Written};
use crate::diagnostic::{Severity, Span};
use crate::environment::{read_dotenv, read_value_file};
use crate::raw::RawServer;
use crate::read::{Field, Located, Manner, map_of, text_of, texts_of};
use crate::server::{Declaration, Work, owned};
use crate::settings::is_http_url;
use crate::variables::is_variable_name;

/// Keys that only a local process has.
const PROCESS_KEYS: &[&str] = &["args", "env", "cwd", "inherit_env", "env_file"];

/// `None` if neither is there, or the connection is one that we do not speak.
pub(crate) fn reach(work: &mut Work<'_>) -> Option<Reach> {
    let raw = work.declaration.raw;
    let (command, url) = (work.field("command"), work.field("url"));
    if let Some(kind) = text_of(work.field("type"))
        && !speaks(work, kind, command.is_some(), url.is_some())
    {
        return None;
    }
    match (text_of(command), text_of(url)) {
        (Some(_), Some(url)) => {
            work.problem(url.span, "it has both `command` and `url`")
                .label("a server is either run or reached")
                .hint("keep one of them, or declare two servers");
            None
        }
        (None, None) => {
            // A value of the wrong form was already reported.
            let stands = |key: &String| key == "command" || key == "url";
            if !raw.keys.iter().any(stands) {
                work.problem(raw.name_span, "it has neither `command` nor `url`")
                    .hint("`command` runs a local program, `url` reaches a remote server");
            }
            None
        }
        (Some(command), None) => Some(stdio(work, command)),
        (None, Some(url)) => http(work, url),
    }
}

/// Whether the declared type is one we speak and fits what is declared beside it.
fn speaks(work: &mut Work<'_>, kind: &Located, command: bool, url: bool) -> bool {
    match kind.text.as_str() {
        "stdio" | "local" if url && !command => {
            let message = format!("the type `{}` does not go with `url`", kind.text);
            work.problem(kind.span, &message).hint("leave `type` out, or write type = \"http\"");
            false
        }
        "http" | "streamable-http" | "streamableHttp" | "sse" if command && !url => {
            let message = format!("the type `{}` does not go with `command`", kind.text);
            work.problem(kind.span, &message).hint("leave `type` out, or write type = \"stdio\"");
            false
        }
        "stdio" | "local" | "http" | "streamable-http" | "streamableHttp" | "sse" => true,
        "websocket" | "ws" | "tcp" | "unix" => {
            let severity = match work.declaration.raw.manner {
                Manner::Own if work.enabled => work.severity,
                Manner::Own | Manner::Foreign => Severity::Warning,
            };
            let message = format!("the type `{}` is not supported yet by this version", kind.text);
            let diagnostic = work.say(severity, kind.span, &message);
            diagnostic.label("the server is left out");
            diagnostic.hint("many servers also answer streamable HTTP: try type = \"http\"");
            false
        }
        other => {
            let known = ["stdio", "local", "http", "streamable-http", "sse"];
            let near = crate::names::did_you_mean(other, known);
            let message = format!("the type `{other}` is not known");
            work.problem(kind.span, &message).hint(match near {
                Some(near) => format!("did you mean `{near}`?"),
                None => "known: stdio, http, sse".to_owned(),
            });
            false
        }
    }
}

fn stdio(work: &mut Work<'_>, command: &Located) -> Reach {
    if let Some(field) = work.field("headers") {
        work.problem(field.key_span, "`headers` goes with `url`, not with `command`");
    }
    let args = texts_of(work.field("args"));
    let mut program = work.expand(command);
    if program.trim().is_empty() {
        work.problem(command.span, "`command` is empty");
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
    Reach::Stdio { command: program, args: expanded, env: variables(work), cwd, inherit_env: inherited(work) }
}

fn refuse_nul(work: &mut Work<'_>, span: Span, text: &str) {
    if text.contains('\0') {
        work.problem(span, "a NUL character cannot be passed to a program");
    }
}

/// `env_file` first, then `env`.
fn variables(work: &mut Work<'_>) -> BTreeMap<String, SecretString> {
    let mut env = BTreeMap::new();
    if let Some(file) = text_of(work.field("env_file")) {
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
                let vars = vars.into_iter();
                env.extend(vars.map(|(name, value)| (name, SecretString::from(value))));
            }
            Err(_) if !work.enabled => {}
            Err(cause) => {
                let message = format!("its `env_file` {} cannot be read: {cause}", path.display());
                work.problem(file.span, &message);
            }
        }
    }
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

fn http(work: &mut Work<'_>, url: &Located) -> Option<Reach> {
    let misplaced = PROCESS_KEYS.iter().filter_map(|key| work.field(key));
    let misplaced: Vec<&Field> = misplaced.collect();
    for field in misplaced {
        let message = "this key goes with `command`, not with `url`";
        if work.declaration.raw.manner == Manner::Own {
            work.problem(field.key_span, message);
        }
    }
    let expanded = work.expand(url);
    let unresolved = work.broken && expanded == url.text && expanded.contains("${");
    if !unresolved && !is_http_url(&expanded) && work.enabled {
        let diagnostic = work.problem(url.span, "`url` is not a URL of HTTP");
        diagnostic.hint("it begins with https:// or http:// and names a host");
        return None;
    }
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
    Some(Reach::Http { url: expanded, headers, dialect })
}

/// What may be shown of a server: the texts before variables were expanded.
pub(crate) fn written(raw: &RawServer) -> Written {
    let text = |name| text_of(raw.fields.get(name)).map(|text: &Located| text.text.clone());
    Written { command: text("command"), args: owned(texts_of(raw.fields.get("args"))), url: text("url") }
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

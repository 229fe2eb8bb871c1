//! How the health of a declared server is checked: `health` and `health_check` of its entry, checked
//! among each other and expanded. Nothing here checks a server.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use crate::config::Reach;
use crate::keys::HEALTH_KEYS;
use crate::read::{
    Field, Fields, Located, Manner, Value, duration_or_default, flag_of, number_or_default, object_of, text_of,
    texts_of,
};
use crate::server::{Work, owned};

/// `health` and `health_check` of a server.
#[derive(Debug, Clone, PartialEq)]
pub struct Health {
    /// The time between two checks, give or take a tenth.
    pub interval: Duration,
    /// How long a check may take.
    pub timeout: Duration,
    /// Above so many percent of `timeout` an answer is slow.
    pub degraded_at: u32,
    /// So many failed checks in a row make it unhealthy or critical.
    pub failures: u32,
    /// So many good checks in a row make it healthy again.
    pub recoveries: u32,
    /// Whether something is done about a server that is unhealthy or critical.
    pub recover: bool,
    /// The time between two attempts to recover it, at least.
    pub recover_pause: Duration,
    /// What a check is.
    pub check: HealthCheck,
}

/// What a check is. Only its kind shows in `Debug`: arguments and URLs may hold secrets.
#[derive(Clone, PartialEq, Default)]
pub enum HealthCheck {
    /// A request of the protocol that every server answers.
    #[default]
    Protocol,
    /// A program; status 0 is healthy.
    Command {
        /// The program and its arguments, variables expanded.
        argv: Vec<String>,
        /// As written.
        written: Vec<String>,
    },
    /// A GET; a status below 400 is healthy.
    Http {
        /// The URL with variables expanded, on this machine or on the server's own host.
        url: String,
        /// As written.
        written: String,
    },
    /// A call of a tool; an error is not healthy.
    Tool {
        /// The server's own name of it.
        name: String,
        /// Its arguments.
        arguments: serde_json::Map<String, serde_json::Value>,
    },
}

// === impl HealthCheck ===

impl HealthCheck {
    /// One word for the kind: `protocol`, `command`, `http` or `tool`.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Protocol => "protocol",
            Self::Command { .. } => "command",
            Self::Http { .. } => "http",
            Self::Tool { .. } => "tool",
        }
    }
}

impl fmt::Debug for HealthCheck {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.word())
    }
}

fn fields_of(field: Option<&Field>) -> Option<&Fields> {
    match field.map(|field| &field.value) {
        Some(Value::Section(fields)) => Some(fields),
        _ => None,
    }
}

/// How a server at `reach` is checked.
pub(crate) fn health(work: &mut Work<'_>, reach: &Reach) -> Health {
    let none = Fields::new();
    let fields = fields_of(work.field("health")).unwrap_or(&none);
    let time = |name| duration_or_default(fields.get(name), HEALTH_KEYS, name);
    let count = |name| u32::try_from(number_or_default(fields.get(name), HEALTH_KEYS, name)).unwrap_or(u32::MAX);
    Health {
        interval: time("interval"),
        timeout: time("timeout"),
        degraded_at: count("degraded_at"),
        failures: count("failures"),
        recoveries: count("recoveries"),
        recover: flag_of(fields.get("recover")).unwrap_or(true),
        recover_pause: time("recover_pause"),
        check: check(work, reach),
    }
}

fn check(work: &mut Work<'_>, reach: &Reach) -> HealthCheck {
    let field = work.field("health_check");
    let (Some(field), Some(fields)) = (field, fields_of(field)) else { return HealthCheck::Protocol };
    let kinds: Vec<&str> = ["command", "http", "tool"].into_iter().filter(|kind| fields.contains_key(kind)).collect();
    if kinds.len() != 1 && work.declaration.raw.manner == Manner::Foreign {
        // What another tool means by it is not ours to judge.
        return HealthCheck::Protocol;
    }
    if kinds.len() != 1 {
        work.problem(field.key_span, "`health_check` must be one of `command`, `http` and `tool`")
            .hint("leave it out to have the server asked by the protocol itself");
        return HealthCheck::Protocol;
    }
    if let (Some(arguments), None) = (fields.get("arguments"), fields.get("tool")) {
        work.problem(arguments.key_span, "`health_check.arguments` belongs to a `tool`, which is not there");
    }
    if let Some(url) = text_of(fields.get("http")) {
        return http(work, url, reach);
    }
    if let Some(tool) = text_of(fields.get("tool")) {
        let arguments = object_of(fields.get("arguments")).cloned().unwrap_or_default();
        return HealthCheck::Tool { name: tool.text.clone(), arguments };
    }
    let words = texts_of(fields.get("command"));
    if words.first().is_none_or(|program| program.text.trim().is_empty()) {
        work.problem(field.key_span, "`health_check.command` names no program")
            .hint("it is a list: the program, then its arguments");
    }
    HealthCheck::Command { argv: words.iter().map(|word| work.expand(word)).collect(), written: owned(words) }
}

/// A URL on this machine, or on the host that the entry names already: a check is no way into other
/// networks.
fn http(work: &mut Work<'_>, written: &Located, reach: &Reach) -> HealthCheck {
    let url = work.expand(written);
    let uri = url.parse::<http::Uri>().ok();
    let host = uri.as_ref().filter(|uri| matches!(uri.scheme_str(), Some("http" | "https"))).and_then(http::Uri::host);
    let own = match reach {
        Reach::Http { url, .. } | Reach::WebSocket { url, .. } => url.parse::<http::Uri>().ok(),
        Reach::Tcp { address } => format!("tcp://{address}").parse::<http::Uri>().ok(),
        _ => None,
    };
    let own = own.as_ref().and_then(http::Uri::host);
    match host {
        None => {
            work.problem(written.span, "`health_check.http` is not a URL of HTTP")
                .hint("it begins with http:// or https:// and names a host");
        }
        Some(host) if is_loopback(host) || own.is_some_and(|own| own.eq_ignore_ascii_case(host)) => {}
        Some(host) => {
            let message = format!("`health_check.http` leads to `{host}`, which is not where this server is");
            work.problem(written.span, &message)
                .hint("check a URL on loopback or on the server's own host, or use `health_check.command`");
        }
    }
    HealthCheck::Http { url, written: written.text.clone() }
}

fn is_loopback(host: &str) -> bool {
    let host = host.trim_matches(['[', ']']);
    host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// The keys of `health` and `health_check` as they would stand in a file.
pub(crate) fn shown(health: &Health) -> (serde_json::Value, serde_json::Value) {
    let time = crate::quantity::show_duration;
    let keys = serde_json::json!({
        "interval": time(health.interval),
        "timeout": time(health.timeout),
        "degraded_at": health.degraded_at,
        "failures": health.failures,
        "recoveries": health.recoveries,
        "recover": health.recover,
        "recover_pause": time(health.recover_pause),
    });
    let check = match &health.check {
        HealthCheck::Protocol => serde_json::Value::Null,
        HealthCheck::Command { written, .. } => serde_json::json!({ "command": written }),
        HealthCheck::Http { written, .. } => serde_json::json!({ "http": written }),
        HealthCheck::Tool { name, arguments } => serde_json::json!({ "tool": name, "arguments": arguments }),
    };
    (keys, check)
}

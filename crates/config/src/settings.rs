//! Checks the settings that are not about one server, each among its neighbours, and resolves
//! them. Forms and ranges were checked when they were read.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use secrecy::SecretString;

use crate::config::{Catalog, Config, Discovery, Listen, Names, Records};
use crate::diagnostic::{Diagnostic, Report, Severity};
use crate::dotenv::Dotenv;
use crate::environment::{Environment, LISTEN_VARIABLE, OTEL_NAME_VARIABLE, OTLP_HEADERS_VARIABLE, OTLP_URL_VARIABLE};
use crate::inside::{CacheStore, State};
use crate::keys::{CATALOG_KEYS, DEFAULT_ADDRESS, DISCOVERY_KEYS, NAMES_KEYS, RECORDS_KEYS, TOKEN_CHARACTERS_MIN};
use crate::limits::Limits;
use crate::load::{Document, Sources};
use crate::origin::{Layer, Origin};
use crate::reach::SOCKET_PATH_BYTES_MAX;
use crate::read::{Field, Located, Settings, text_of, texts_of};
use crate::search::SearchSettings;
use crate::shared::inner_keys;
use crate::telemetry::{Log, LogDirectives, TELEMETRY_KEYS, Telemetry};
use crate::variables::Variables;

pub(crate) fn check_settings(
    settings: &Settings,
    documents: &[Document],
    sources: &Sources,
    dotenv: &Dotenv,
    report: &mut Report,
    files: &mut Vec<PathBuf>,
) -> Config {
    let mut origins: BTreeMap<String, Origin> = BTreeMap::new();
    for ((section, key), (at, field)) in &settings.fields {
        let name = [*section, *key].join(".");
        let origin = |field: &Field| documents[*at].origin(field.key_span.start);
        origins.extend(inner_keys(&name, field).map(|(key, field)| (key, origin(field))));
        origins.insert(name.trim_start_matches('.').to_owned(), origin(field));
    }
    let mut checker = Checker { settings, documents, sources, dotenv, report, files };
    let listen = checker.listen(&mut origins);
    let roots = checker.roots();
    let container_engine = checker
        .text("", "container_engine")
        .and_then(|(document, text)| checker.expand(document, &text, "container_engine"));
    let state = checker.database("state", &["postgres://", "postgresql://"]);
    let cache = checker.database("cache", &["redis://", "rediss://"]);
    let telemetry = checker.telemetry();
    let level = checker.log_level();
    let search = SearchSettings::of(settings, documents, &sources.environment, report, files);
    Config {
        listen,
        limits: Limits::resolve(settings),
        catalog: Catalog {
            ttl: settings.duration("catalog", CATALOG_KEYS, "ttl"),
            first_list_wait: settings.duration("catalog", CATALOG_KEYS, "first_list_wait"),
            change_quiet: settings.duration("catalog", CATALOG_KEYS, "change_quiet"),
            change_wait_max: settings.duration("catalog", CATALOG_KEYS, "change_wait_max"),
        },
        names: Names { max: settings.count("names", NAMES_KEYS, "max") },
        discovery: discovery(settings, documents, &sources.environment),
        roots,
        servers: BTreeMap::new(),
        services: BTreeMap::new(),
        profiles: BTreeMap::new(),
        container_engine,
        builtins: Vec::new(),
        records: Records {
            keep: settings.duration("records", RECORDS_KEYS, "keep"),
            bytes_max: settings.bytes("records", RECORDS_KEYS, "bytes_max"),
        },
        state: State { url: state },
        cache: CacheStore::of(settings, cache),
        telemetry,
        log: Log::of(settings, level),
        search,
        origins,
    }
}

/// What is to be searched. Needed before servers are known: some of them may be found.
pub(crate) fn discovery(settings: &Settings, documents: &[Document], environment: &Environment) -> Discovery {
    let folders = settings.get("discovery", "folders").map(|(at, field)| {
        let folder = &documents[*at].folder;
        texts_of(Some(field)).iter().map(|text| environment.resolve(&text.text, folder)).collect()
    });
    Discovery {
        folders: folders.unwrap_or_default(),
        interval: settings.duration("discovery", DISCOVERY_KEYS, "interval"),
        auto: settings.flag("discovery", DISCOVERY_KEYS, "auto"),
    }
}

struct Checker<'a> {
    settings: &'a Settings,
    documents: &'a [Document],
    sources: &'a Sources,
    dotenv: &'a Dotenv,
    report: &'a mut Report,
    files: &'a mut Vec<PathBuf>,
}

// === impl Checker ===

impl<'a> Checker<'a> {
    fn listen(&mut self, origins: &mut BTreeMap<String, Origin>) -> Listen {
        let address = self.address(origins);
        let token = self.token();
        let asked = self.settings.get("listen", "token").is_some();
        if !address.ip().is_loopback() && token.is_none() && !asked {
            self.refuse_open_door(address);
        }
        Listen {
            address,
            tcp: self.tcp(),
            unix: self.unix(),
            token,
            allowed_hosts: self.filled("allowed_hosts"),
            allowed_origins: self.filled("allowed_origins"),
            public_url: self.public_url(),
        }
    }

    fn address(&mut self, origins: &mut BTreeMap<String, Origin>) -> SocketAddr {
        let fallback = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 7420);
        let flag = self.sources.flags.listen.as_ref();
        let variable = self.sources.environment.vars.get(LISTEN_VARIABLE);
        let variable = variable.filter(|value| !value.is_empty());
        let overriding = flag
            .map(|text| (text, Layer::Flag, "--listen"))
            .or_else(|| variable.map(|text| (text, Layer::Environment, LISTEN_VARIABLE)));
        if let Some((text, layer, name)) = overriding {
            let origin = Origin { layer, file: None, line: 0 };
            origins.insert("listen.address".to_owned(), origin);
            return parse_address(text).unwrap_or_else(|| {
                let message = format!("{name} is `{text}`, which is not an address");
                self.report.push(Diagnostic::new(Severity::Error, message)).hint(ADDRESS_HINT);
                fallback
            });
        }
        let Some((document, text)) = self.text("listen", "address") else {
            return parse_address(DEFAULT_ADDRESS).unwrap_or(fallback);
        };
        let expanded = self.expand(document, &text, "listen.address");
        expanded.as_deref().and_then(parse_address).unwrap_or_else(|| {
            if expanded.is_some() {
                let message = "`listen.address` is not an address with a port";
                self.report.error(&document.source, text.span, message).hint(ADDRESS_HINT);
            }
            fallback
        })
    }

    fn tcp(&mut self) -> Option<SocketAddr> {
        let (document, text) = self.text("listen", "tcp")?;
        let expanded = self.expand(document, &text, "listen.tcp")?;
        let (problem, hint) = match parse_address(&expanded) {
            Some(address) if address.ip().is_loopback() => return Some(address),
            Some(address) => (
                format!(
                    "`listen.tcp` is {address}, which other machines can reach, and plain TCP asks nobody who they are"
                ),
                "listen on 127.0.0.1; TCP and WebSocket listeners get authentication with a later version, and until then \
                 clients on other machines come over HTTP with listen.token",
            ),
            None => ("`listen.tcp` is not an address with a port".to_owned(), "such as 127.0.0.1:7421"),
        };
        self.report.error(&document.source, text.span, problem).hint(hint);
        None
    }

    fn unix(&mut self) -> Option<PathBuf> {
        let (document, text) = self.text("listen", "unix")?;
        let expanded = self.expand(document, &text, "listen.unix")?;
        let path = self.sources.environment.resolve(&expanded, &document.folder);
        let problem = if expanded.trim().is_empty() || expanded.contains('\0') {
            "`listen.unix` is no path".to_owned()
        } else if path.as_os_str().len() > SOCKET_PATH_BYTES_MAX {
            format!("`listen.unix` is longer than {SOCKET_PATH_BYTES_MAX} bytes, and no socket can have it")
        } else {
            return Some(path);
        };
        self.report.error(&document.source, text.span, problem).hint("such as ~/.switchboard.sock");
        None
    }

    fn refuse_open_door(&mut self, address: SocketAddr) {
        let message = format!("{address} is reachable from other machines, and there is no token");
        let from_file = self.settings.get("listen", "address");
        let sources = self.sources;
        let overridden = sources.flags.listen.is_some() || sources.environment.vars.contains_key(LISTEN_VARIABLE);
        let diagnostic = match from_file.filter(|_| !overridden) {
            Some((at, field)) => {
                let source = &self.documents[*at].source;
                self.report.error(source, field.span, message)
            }
            None => self.report.push(Diagnostic::new(Severity::Error, message)),
        };
        diagnostic.hint(format!(
            "set `token` under [listen], such as token = \"${{env:SWITCHBOARD_TOKEN}}\", or listen on {DEFAULT_ADDRESS}"
        ));
    }

    fn token(&mut self) -> Option<SecretString> {
        let (document, text) = self.text("listen", "token")?;
        let token = self.expand(document, &text, "listen.token")?;
        let visible = token.chars().all(|character| character.is_ascii_graphic());
        let problem = if token.chars().count() < TOKEN_CHARACTERS_MIN {
            format!("`listen.token` has fewer than {TOKEN_CHARACTERS_MIN} characters")
        } else if !visible {
            "`listen.token` may hold only visible ASCII characters".to_owned()
        } else {
            return Some(SecretString::from(token));
        };
        self.report.error(&document.source, text.span, problem).hint("make one with: openssl rand -hex 32");
        None
    }

    fn public_url(&mut self) -> Option<String> {
        let (document, text) = self.text("listen", "public_url")?;
        let url = self.expand(document, &text, "listen.public_url")?;
        if is_http_url(&url) {
            return Some(url.trim_end_matches('/').to_owned());
        }
        self.report
            .error(&document.source, text.span, "`listen.public_url` is not a URL")
            .hint("it begins with https:// or http:// and names a host");
        None
    }

    /// A list of texts of `[listen]` none of which is empty.
    fn filled(&mut self, name: &'static str) -> Vec<String> {
        let Some((at, field)) = self.settings.get("listen", name) else {
            return Vec::new();
        };
        self.kept(*at, field, |text| (text.trim().is_empty()).then(|| format!("`listen.{name}` holds an empty text")))
    }

    /// `url` of a section, if it begins with one of `schemes`. It may hold a password.
    fn database(&mut self, section: &'static str, schemes: &[&str]) -> Option<SecretString> {
        let (document, text) = self.text(section, "url")?;
        let url = self.expand(document, &text, &format!("{section}.url"))?;
        if schemes.iter().any(|scheme| url.starts_with(scheme)) {
            return Some(SecretString::from(url));
        }
        let message = format!("`{section}.url` is none that is known");
        self.report
            .error(&document.source, text.span, message)
            .hint(format!("it begins with {}; without it, nothing needs to be installed", schemes.join(" or ")));
        None
    }

    /// A text of `[telemetry]`, or what the environment says in its place.
    fn told(&mut self, name: &'static str, variable: &str) -> Option<String> {
        let said = match self.text("telemetry", name) {
            Some((document, text)) => self.expand(document, &text, &format!("telemetry.{name}")),
            None => self.sources.environment.vars.get(variable).cloned(),
        };
        said.filter(|text| !text.trim().is_empty())
    }

    fn telemetry(&mut self) -> Telemetry {
        let url = self.told("otlp_url", OTLP_URL_VARIABLE);
        let service_name = self.told("service_name", OTEL_NAME_VARIABLE);
        let otlp_headers = self.told("otlp_headers", OTLP_HEADERS_VARIABLE).map(SecretString::from);
        let otlp_url = url.filter(|url| is_http_url(url)).map(|url| url.trim_end_matches('/').to_owned());
        // A variable that was meant for other programs may say anything.
        if let (None, Some((document, text))) = (&otlp_url, self.text("telemetry", "otlp_url"))
            && !text.text.trim().is_empty()
        {
            self.report
                .error(&document.source, text.span, "`telemetry.otlp_url` is not a URL")
                .hint("it begins with http:// or https://, such as http://127.0.0.1:4318");
        }
        Telemetry {
            otlp_url,
            otlp_headers,
            sample: self.settings.count("telemetry", TELEMETRY_KEYS, "sample"),
            service_name: service_name.unwrap_or_else(|| "switchboard".to_owned()),
        }
    }

    fn log_level(&mut self) -> Option<LogDirectives> {
        let (document, text) = self.text("log", "level")?;
        let expanded = self.expand(document, &text, "log.level")?;
        let read = LogDirectives::parse(&expanded).map_err(|problem| {
            self.report
                .error(&document.source, text.span, format!("`log.level`: {problem}"))
                .hint("such as info, or info,gateway=debug");
        });
        read.ok()
    }

    fn roots(&mut self) -> Vec<String> {
        let Some((at, field)) = self.settings.get("", "roots") else {
            return Vec::new();
        };
        self.kept(*at, field, |text| {
            let absolute = text.starts_with("file:///");
            (!absolute).then(|| "a root must begin with file:///".to_owned())
        })
    }

    fn kept(&mut self, at: usize, field: &Field, problem: impl Fn(&str) -> Option<String>) -> Vec<String> {
        let document = &self.documents[at];
        let mut kept = Vec::new();
        for text in texts_of(Some(field)) {
            let Some(expanded) = self.expand(document, text, "a value") else {
                continue;
            };
            match problem(&expanded) {
                Some(message) => {
                    self.report.error(&document.source, text.span, message);
                }
                None => kept.push(expanded),
            }
        }
        kept
    }

    fn text(&self, section: &str, name: &str) -> Option<(&'a Document, Located)> {
        let (at, field) = self.settings.get(section, name)?;
        Some((&self.documents[*at], text_of(Some(field))?.clone()))
    }

    fn expand(&mut self, document: &Document, text: &Located, what: &str) -> Option<String> {
        let mut variables = Variables {
            environment: &self.sources.environment,
            dotenv: self.dotenv.of(document),
            folder: &document.folder,
            foreign: false,
            files: Vec::new(),
        };
        let expanded = variables.expand(&text.text);
        self.files.append(&mut variables.files);
        match expanded {
            Ok(expanded) => Some(expanded),
            Err(problems) => {
                for problem in problems {
                    let message = format!("{what}: {}", problem.message);
                    let diagnostic = self.report.error(&document.source, text.span, message);
                    diagnostic.hint = problem.hint;
                }
                None
            }
        }
    }
}

const ADDRESS_HINT: &str = "such as 127.0.0.1:7420, [::1]:7420, localhost:7420 or 7420";

/// Reads an address: with IP and port, `localhost:PORT`, or a port alone (loopback).
fn parse_address(text: &str) -> Option<SocketAddr> {
    let text = text.trim();
    let port = text.strip_prefix("localhost:").unwrap_or(text);
    match port.parse::<u16>() {
        Ok(port) => Some(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port)),
        Err(_) => text.parse().ok(),
    }
}

/// Whether a text is a URL of HTTP or HTTPS with a host.
pub(crate) fn is_http_url(text: &str) -> bool {
    let scheme = text.starts_with("http://") || text.starts_with("https://");
    let host = |uri: http::Uri| uri.host().is_some_and(|host| !host.is_empty());
    scheme && text.parse().is_ok_and(host)
}

//! Reads and checks what stands under `services`, and what makes a container of a server. That the
//! names fit together is said by `depends`.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use secrecy::SecretString;

use crate::approval::{Approvals, Running};
use crate::config::{Approval, Config, Reach};
use crate::diagnostic::{Report, Source, Span};
use crate::dotenv::Dotenv;
use crate::environment::Environment;
use crate::keys::{Key, find};
use crate::load::{Document, severity_for};
use crate::names::reduce;
use crate::raw::{RawConfig, RawServer};
use crate::reach::variables;
use crate::read::{
    Field, Fields, Located, Manner, Settings, Value, duration_or_default, flag_of, number_or_default, read_fields,
    text_of, texts_of,
};
use crate::server::{Declaration, Work, owned};
use crate::service::{Check, Container, ContainerEndpoint, PublishedPort, Pull, Ready, Service, ServiceKind};
use crate::service_keys::{CONTAINER_KEYS, READY_KEYS, SERVICE_KEYS};
use crate::settings::is_http_url;
use crate::shared::Shared;
use crate::tree::{Entry, Kind};

/// Services as written, by name, with the index of their document.
pub(crate) type DeclaredServices = BTreeMap<String, (usize, RawServer)>;

/// Reads the table `services` of our own format.
pub(crate) fn read_services(source: &Source, table: &Entry, raw: &mut RawConfig, report: &mut Report) {
    if !matches!(table.value.kind, Kind::Table(_)) {
        let message = "`services` must be a table of services by name";
        report.error(source, table.value.span, message).label(format!("this is {}", table.value.describe()));
        return;
    }
    for one in table.value.entries() {
        if !matches!(one.value.kind, Kind::Table(_)) {
            let message = format!("the service `{}` must be a table", one.key);
            report.error(source, one.value.span, message).label(format!("this is {}", one.value.describe()));
            continue;
        }
        let entries = one.value.entries();
        let context = format!("services.{}.", one.key);
        let (fields, extra) = read_fields(source, entries, SERVICE_KEYS, &context, Manner::Own, report);
        raw.services.push(RawServer {
            name: one.key.clone(),
            name_span: one.key_span,
            fields,
            keys: entries.iter().map(|entry| entry.key.clone()).collect(),
            extra,
            manner: Manner::Own,
            env_file_wins: false,
        });
    }
}

/// Takes the services out of what was read; later layers win.
pub(crate) fn take(raws: &mut [RawConfig], documents: &[Document]) -> DeclaredServices {
    let mut declared = DeclaredServices::new();
    for (at, raw) in raws.iter_mut().enumerate() {
        // What is not approved must not take the place of what is.
        let own = documents[at].approval() == Approval::Approved;
        for service in raw.services.drain(..) {
            if own || !declared.contains_key(&service.name) {
                declared.insert(service.name.clone(), (at, service));
            }
        }
    }
    declared
}

/// What services are resolved with.
pub(crate) struct Surroundings<'a> {
    pub(crate) documents: &'a [Document],
    pub(crate) environment: &'a Environment,
    pub(crate) dotenv: &'a Dotenv,
    pub(crate) settings: &'a Settings,
    pub(crate) approvals: &'a Approvals,
    pub(crate) listen: SocketAddr,
}

/// Checks and resolves every service.
pub(crate) fn check_services(
    declared: &DeclaredServices,
    around: &Surroundings<'_>,
    report: &mut Report,
    files: &mut Vec<std::path::PathBuf>,
) -> BTreeMap<String, Service> {
    let (mut resolved, none, shared) = (BTreeMap::new(), BTreeMap::new(), Shared::default());
    for (name, (at, raw)) in declared {
        let document = &around.documents[*at];
        let declaration = Declaration {
            document,
            raw,
            environment: around.environment,
            dotenv: around.dotenv.of(document),
            settings: around.settings,
            shared: &shared,
            mixed: Fields::new(),
            approvals: around.approvals,
            services: &none,
            listen: around.listen,
            what: "service",
        };
        let severity = severity_for(document.approval());
        let mut work = Work { declaration: &declaration, report, files, severity, enabled: true, broken: false };
        let mut service = service(&mut work);
        seal(&mut work, &mut service);
        if !work.broken {
            resolved.insert(name.clone(), service);
        }
    }
    resolved
}

/// The services of others that a server needs, by name: those that it names, and what they need.
pub(crate) fn of_others<'a>(needed: &[String], services: &'a BTreeMap<String, Service>) -> Vec<&'a Service> {
    let mut open: Vec<&String> = needed.iter().collect();
    let mut all: BTreeMap<&str, &Service> = BTreeMap::new();
    while let Some(name) = open.pop() {
        let Some(service) = services.get(name) else { continue };
        if all.insert(&service.name, service).is_none() {
            open.extend(&service.depends_on);
        }
    }
    all.into_values().filter(|service| service.subject.is_some()).collect()
}

/// A service of others is approved with a server that needs it: what was approved of the server
/// holds all of the service.
pub(crate) fn approve_needed(config: &mut Config) {
    let approved = config.servers.values().filter(|server| server.subject.is_some());
    let approved = approved.filter(|server| server.approval == Approval::Approved);
    let needed = approved.flat_map(|server| of_others(&server.depends_on, &config.services));
    let names: Vec<String> = needed.map(|service| service.name.clone()).collect();
    for name in names {
        if let Some(service) = config.services.get_mut(&name) {
            service.approval = Approval::Approved;
        }
    }
}

fn service(work: &mut Work<'_>) -> Service {
    let declaration = work.declaration;
    let raw = declaration.raw;
    let kind = kind(work);
    let ready = ready(work, &kind);
    Service {
        name: raw.name.clone(),
        kind,
        depends_on: owned(texts_of(work.field("depends_on"))),
        ready,
        stop_timeout: duration_or_default(work.field("stop_timeout"), SERVICE_KEYS, "stop_timeout"),
        linger: duration_or_default(work.field("linger"), SERVICE_KEYS, "linger"),
        approval: declaration.document.approval(),
        subject: None,
        origin: declaration.document.origin(raw.name_span.start),
    }
}

/// What a person approves of a service that others declare. It must not set what steers programs.
fn seal(work: &mut Work<'_>, service: &mut Service) {
    if service.approval == Approval::Approved {
        return;
    }
    let mut lines = Vec::new();
    let mut running = Running::default();
    if let ServiceKind::Command { command, args, env, cwd } = &service.kind {
        work.refuse_steering_variables(env);
        lines.push([std::slice::from_ref(command), args].concat());
        (running.cwd, running.env) = (cwd.as_deref(), Some(env));
    }
    if let Some(Check::Command(words)) = &service.ready.check {
        lines.push(words.clone());
    }
    let subject = work.sealed(Running { lines, ..running }, None);
    service.subject = Some(Box::new(subject));
}

fn kind(work: &mut Work<'_>) -> ServiceKind {
    if let Some(image) = text_of(work.field("image")) {
        refuse(work, &["cwd"], "goes with a program on this machine, not with `image`");
        let fields = &work.declaration.raw.fields;
        let mut container = container(work, image, fields, SERVICE_KEYS);
        let own = text_of(work.field("name")).map(|name| work.expand(name));
        let reduced = reduce(&work.declaration.raw.name);
        container.name = Some(own.unwrap_or_else(|| format!("switchboard-{reduced}")));
        container.ports = texts_of(work.field("ports")).iter().filter_map(|text| port(work, text)).collect();
        return ServiceKind::Container(Box::new(container));
    }
    refuse(work, &["name", "ports", "volumes", "pull", "network"], "goes with `image`");
    let Some(command) = text_of(work.field("command")) else {
        refuse(work, &["args", "env", "cwd"], "goes with `command` or `image`");
        return ServiceKind::External;
    };
    let program = work.expand(command);
    if program.trim().is_empty() {
        work.problem(command.span, "`command` is empty");
    }
    let (environment, folder) = (work.declaration.environment, &work.declaration.document.folder);
    let cwd = text_of(work.field("cwd")).map(|cwd| environment.resolve(&work.expand(cwd), folder));
    ServiceKind::Command { command: program, args: expanded(work, "args"), env: variables(work), cwd }
}

fn refuse(work: &mut Work<'_>, keys: &[&str], why: &str) {
    for name in keys {
        if let Some(field) = work.field(name) {
            work.problem(field.key_span, &format!("`{name}` {why}"));
        }
    }
}

fn expanded(work: &mut Work<'_>, name: &str) -> Vec<String> {
    texts_of(work.field(name)).iter().map(|text| work.expand(text)).collect()
}

/// A container of `image`; what is common to services and servers is read from `fields`.
fn container(work: &mut Work<'_>, image: &Located, fields: &Fields, keys: &'static [Key]) -> Container {
    let named = work.expand(image);
    if named.trim().is_empty() {
        work.problem(image.span, "`image` is empty");
    }
    let mut command: Vec<String> = text_of(work.field("command")).map(|text| work.expand(text)).into_iter().collect();
    command.extend(expanded(work, "args"));
    let number = |name| match find(keys, name) {
        Some(_) => number_or_default(fields.get(name), keys, name),
        None => 0,
    };
    Container {
        image: named,
        name: None,
        command,
        env: variables(work),
        volumes: texts_of(fields.get("volumes")).iter().filter_map(|text| volume(work, text)).collect(),
        ports: Vec::new(),
        pull: match text_of(fields.get("pull")).map(|text| text.text.as_str()) {
            Some("never") => Pull::Never,
            Some("always") => Pull::Always,
            _ => Pull::Missing,
        },
        network: text_of(fields.get("network")).map_or_else(|| "bridge".to_owned(), |text| text.text.clone()),
        read_only: flag_of(fields.get("read_only")).unwrap_or(false),
        memory_bytes: number("memory"),
        cpu_percent: number("cpu"),
        pids: number("pids"),
    }
}

/// `SOURCE:TARGET[:ro]`, with the source of a folder made absolute.
fn volume(work: &mut Work<'_>, text: &Located) -> Option<String> {
    let written = work.expand(text);
    let parts: Vec<&str> = written.split(':').collect();
    let (source, rest) = match parts.as_slice() {
        [source, target] => (*source, (*target).to_owned()),
        [source, target, mode @ ("ro" | "rw")] => (*source, format!("{target}:{mode}")),
        _ => ("", String::new()),
    };
    if source.is_empty() || !rest.starts_with('/') {
        work.problem(text.span, "this is no volume").hint("such as ./data:/data, /srv/data:/data:ro or name:/data");
        return None;
    }
    if !source.starts_with(['.', '/', '~']) {
        return Some(written);
    }
    let (environment, folder) = (work.declaration.environment, &work.declaration.document.folder);
    let source = source.strip_prefix("./").unwrap_or(source);
    Some(format!("{}:{rest}", environment.resolve(source, folder).display()))
}

/// `HOST:CONTAINER` or `IP:HOST:CONTAINER`.
fn port(work: &mut Work<'_>, text: &Located) -> Option<PublishedPort> {
    let written = work.expand(text);
    let read = || {
        let (rest, container) = written.rsplit_once(':')?;
        let (ip, host) = rest.rsplit_once(':').unwrap_or(("", rest));
        let ip = match ip.trim_matches(['[', ']']) {
            "" => IpAddr::V4(Ipv4Addr::LOCALHOST),
            ip => ip.parse().ok()?,
        };
        let container = container.parse().ok().filter(|port| *port != 0)?;
        Some(PublishedPort { ip, host: host.parse().ok()?, container })
    };
    let port = read();
    if port.is_none() {
        work.problem(text.span, "this is no pair of ports")
            .hint("such as 5432:5432 (this machine's first), or 0.0.0.0:8080:80 to be seen by others");
    }
    port
}

fn ready(work: &mut Work<'_>, kind: &ServiceKind) -> Ready {
    let none = Fields::new();
    let fields = match work.field("ready").map(|field| &field.value) {
        Some(Value::Section(fields)) => fields,
        _ => &none,
    };
    let mut checks: Vec<(Span, Check)> = Vec::new();
    for (name, field) in fields {
        if let Some(check) = check(work, name, field) {
            checks.push((field.key_span, check));
        }
    }
    if let Some((span, _)) = checks.get(1) {
        work.problem(*span, "`ready` holds more than one check").hint("one of tcp, http, command, log_line");
    }
    let check = checks.into_iter().next().map(|(_, check)| check);
    let name_span = work.declaration.raw.name_span;
    match (&check, kind) {
        (None, ServiceKind::External) if !work.broken => {
            work.problem(name_span, "it has neither `image` nor `command`, and nothing in `ready` to check")
                .hint("such as ready = { tcp = \"db.example.com:5432\" }");
        }
        (Some(Check::LogLine(_)), ServiceKind::External) => {
            work.problem(name_span, "`ready.log_line` needs output that can be read: `image` or `command`");
        }
        _ => {}
    }
    let time = |name| duration_or_default(fields.get(name), READY_KEYS, name);
    Ready { check, timeout: time("timeout"), interval: time("interval") }
}

fn check(work: &mut Work<'_>, name: &str, field: &Field) -> Option<Check> {
    let text = text_of(Some(field)).map(|text| work.expand(text));
    match (name, text) {
        ("tcp", Some(address)) => {
            let port = address.rsplit_once(':').filter(|(host, _)| !host.is_empty());
            if port.is_none_or(|(_, port)| port.parse::<u16>().is_err()) {
                work.problem(field.span, "`ready.tcp` is no host with a port").hint("such as 127.0.0.1:5432");
            }
            Some(Check::Tcp(address))
        }
        ("http", Some(url)) => {
            if !is_http_url(&url) {
                work.problem(field.span, "`ready.http` is no URL of HTTP").hint("such as http://127.0.0.1:8080/health");
            }
            Some(Check::Http(url))
        }
        ("log_line", Some(text)) => {
            if text.is_empty() {
                work.problem(field.span, "`ready.log_line` is empty");
            }
            Some(Check::LogLine(text))
        }
        ("command", None) => {
            let words: Vec<String> = texts_of(Some(field)).iter().map(|text| work.expand(text)).collect();
            if words.is_empty() {
                work.problem(field.span, "`ready.command` is empty").hint("such as [\"pg_isready\", \"-q\"]");
            }
            Some(Check::Command(words))
        }
        _ => None,
    }
}

/// A server that is a container, where `image` says so.
pub(crate) fn server_container(work: &mut Work<'_>, image: &Located) -> Option<Reach> {
    refuse(work, &["url", "headers", "cwd", "inherit_env"], "does not go with `image`");
    let none = Fields::new();
    let fields = match work.field("container").map(|field| &field.value) {
        Some(Value::Section(fields)) => fields,
        _ => &none,
    };
    let container = container(work, image, fields, CONTAINER_KEYS);
    let port = u16::try_from(number_or_default(fields.get("port"), CONTAINER_KEYS, "port")).unwrap_or(0);
    let kind = text_of(work.field("type"));
    let http = match kind.map(|kind| kind.text.as_str()) {
        None => port != 0,
        Some("stdio" | "local") => false,
        Some("http" | "streamable-http" | "streamableHttp") => true,
        Some(_) => {
            let span = kind.map_or(image.span, |kind| kind.span);
            work.problem(span, "a container speaks stdio or streamable HTTP").hint("type = \"stdio\" or \"http\"");
            return None;
        }
    };
    if http != (port != 0) {
        let message =
            if http { "the type `http` needs `container.port`" } else { "`container.port` needs type = \"http\"" };
        work.problem(kind.map_or(image.span, |kind| kind.span), message);
    }
    if http && container.network == "none" {
        work.problem(image.span, "a container without a network cannot be reached over HTTP")
            .hint("leave `container.network` out, or let it speak on stdin and stdout");
    }
    let path = text_of(fields.get("path")).map_or("/mcp", |path| path.text.as_str());
    let path = format!("/{}", path.trim_start_matches('/'));
    let endpoint = http.then_some(ContainerEndpoint { port, path });
    Some(Reach::Container { container: Box::new(container), endpoint })
}

/// Values of `env`, for whoever hands them to a container.
pub fn container_environment(container: &Container) -> Vec<String> {
    use secrecy::ExposeSecret as _;
    let env = container.env.iter();
    env.map(|(name, value): (&String, &SecretString)| format!("{name}={}", value.expose_secret())).collect()
}

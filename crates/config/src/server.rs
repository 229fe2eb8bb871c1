//! Checks one declared server among its own keys and resolves it. A server that cannot be used
//! is left out; whether that is fatal depends on whose file it stands in.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;

use crate::approval::{Approvals, Project, Running, Subject, Verdict};
use crate::config::{Approval, EraChoice, Isolation, Prefix, Restart, Server, ToolFilter};
use crate::diagnostic::{Diagnostic, Report, Severity, Span, visible};
use crate::environment::Environment;
use crate::health::HealthCheck;
use crate::host::{self, Runs};
use crate::keys::{RECORDS_KEYS, SERVER_KEYS};
use crate::load::{Document, severity_for};
use crate::names::reduce;
use crate::origin::RawExtra;
use crate::raw::RawServer;
use crate::reach::{is_ourselves, reach, written};
use crate::read::{Field, Fields, Located, Manner, Settings, Value, duration_or_default, flag_of, text_of, texts_of};
use crate::service::Service;
use crate::services::of_others;
use crate::shared::{Shared, stands_in};
use crate::variables::Variables;

/// A server as written, with what is needed to resolve it.
pub(crate) struct Declaration<'a> {
    pub(crate) document: &'a Document,
    pub(crate) raw: &'a RawServer,
    pub(crate) environment: &'a Environment,
    /// `.env` of the working folder, where it counts for this file.
    pub(crate) dotenv: &'a BTreeMap<String, String>,
    pub(crate) settings: &'a Settings,
    /// `[defaults]`.
    pub(crate) shared: &'a Shared,
    /// Tables that stand here and there, key by key.
    pub(crate) mixed: Fields,
    /// What a person approved.
    pub(crate) approvals: &'a Approvals,
    /// Services that a server may need.
    pub(crate) services: &'a BTreeMap<String, Service>,
    /// Where we listen ourselves.
    pub(crate) listen: SocketAddr,
    /// `server` or `service`, for messages.
    pub(crate) what: &'static str,
}

/// The work on one declaration.
pub(crate) struct Work<'a> {
    pub(crate) declaration: &'a Declaration<'a>,
    pub(crate) report: &'a mut Report,
    pub(crate) files: &'a mut Vec<PathBuf>,
    pub(crate) severity: Severity,
    pub(crate) enabled: bool,
    /// Whether something was found that makes the server unusable.
    pub(crate) broken: bool,
}

pub(crate) fn check_server(
    declaration: &Declaration<'_>,
    report: &mut Report,
    files: &mut Vec<PathBuf>,
) -> Option<Server> {
    let approval = declaration.document.approval();
    let mut work = Work { declaration, report, files, severity: severity_for(approval), enabled: true, broken: false };
    let raw = declaration.raw;
    if is_ourselves(declaration) {
        let message = format!("`{}` is this switchboard itself and is left out", raw.name);
        let source = &declaration.document.source;
        work.report.at(source, Severity::Note, raw.name_span, message);
        return None;
    }
    work.enabled = work.enabled();
    let reduced = work.reduced();
    let reach = reach(&mut work);
    let (reach, hosted) = reach?;
    let server = work.assemble(reduced, reach, approval);
    let mut server = Server { hosted, ..server };
    if approval == Approval::Pending {
        if let Some(Runs { env, .. }) = server.runs() {
            work.refuse_steering_variables(env);
        }
        work.judge(&mut server);
    }
    (!work.broken).then_some(server)
}

/// Variables that change what a program is, whatever its command says. Those of projects must not
/// set them.
const STEERING: &[&str] = &[
    "PATH",
    "NODE_OPTIONS",
    "NODE_PATH",
    "PYTHONSTARTUP",
    "PYTHONPATH",
    "PYTHONHOME",
    "PYTHONUSERBASE",
    "BASH_ENV",
    "ENV",
    "PERL5OPT",
    "PERL5LIB",
    "RUBYOPT",
    "RUBYLIB",
    "CLASSPATH",
    "JAVA_TOOL_OPTIONS",
    "JDK_JAVA_OPTIONS",
    "_JAVA_OPTIONS",
    "DOTNET_STARTUP_HOOKS",
    "GIT_SSH",
    "GIT_SSH_COMMAND",
    "GIT_EXTERNAL_DIFF",
    "GIT_PROXY_COMMAND",
    "HOME",
    "SHELL",
];

/// The same, by how they begin: libraries of the loader, and where programs are fetched from.
const STEERING_STARTS: &[&str] = &["LD_", "DYLD_", "GIT_CONFIG", "NPM_CONFIG_", "UV_", "PIP_"];

// === impl Work ===

impl<'a> Work<'a> {
    pub(crate) fn field(&self, name: &str) -> Option<&'a Field> {
        let Declaration { raw, shared, mixed, .. } = self.declaration;
        let default = || shared.get(name).filter(|_| !raw.keys.iter().any(|key| key == name));
        mixed.get(name).or_else(|| raw.fields.get(name)).or_else(default)
    }

    pub(crate) fn refuse_steering_variables(&mut self, env: &BTreeMap<String, SecretString>) {
        // npm reads its variables in either case.
        let steers = |name: &&String| {
            let name = name.to_ascii_uppercase();
            STEERING.contains(&name.as_str()) || STEERING_STARTS.iter().any(|start| name.starts_with(start))
        };
        for name in env.keys().filter(steers).cloned().collect::<Vec<_>>() {
            let span = self.declaration.raw.name_span;
            self.problem(span, &format!("a project must not set the variable {name}"))
                .hint("declare it in your own file if it needs this: switchboard add");
        }
    }

    /// What is to be approved of the entry, which runs this.
    pub(crate) fn sealed(&self, running: Running<'_>, known: Option<&Subject>) -> Subject {
        let declaration = self.declaration;
        let environment = declaration.environment;
        // A whole home is nobody's project.
        let home = environment.home.as_deref();
        let parts = [running.cwd.map(Into::into), Some(declaration.document.folder.clone())].into_iter().flatten();
        let roots: Vec<PathBuf> =
            parts.filter(|root: &PathBuf| Some(root.as_path()) != home && root.parent().is_some()).collect();
        let project = Project { roots, folder: &declaration.document.folder, environment, dotenv: declaration.dotenv };
        Subject::of(declaration.raw, &running, &project, known)
    }

    /// Compares what stands there with what a person approved.
    fn judge(&mut self, server: &mut Server) {
        let declaration = self.declaration;
        let (document, raw) = (declaration.document, declaration.raw);
        let record = declaration.approvals.find(&raw.name, &document.file);
        let mut running = Running::default();
        if let Some(Runs { command, args, env, cwd, .. }) = server.runs() {
            running.lines.push([&[command.to_owned()], args].concat());
            (running.cwd, running.env) = (cwd, Some(env));
        }
        running.lines.push(server.install.0.clone());
        if let HealthCheck::Command { argv, .. } = &server.health.check {
            running.lines.push(argv.clone());
        }
        let mut subject = self.sealed(running, record.map(|record| &record.subject));
        for service in of_others(&server.depends_on, declaration.services) {
            let sealed = service.subject.iter();
            sealed.for_each(|sealed| subject.with_service(&service.name, sealed));
        }
        self.files.extend(subject.files.iter().filter(|file| file.inside).map(|file| file.path.clone()));
        match declaration.approvals.judge(&raw.name, &document.file, &subject) {
            Verdict::New => {}
            Verdict::Changed(lines) => server.changed = lines,
            Verdict::Approved(others) => {
                server.approval = Approval::Approved;
                for other in others {
                    let message = format!("{other} is not the program that was there when it was approved");
                    self.say(Severity::Warning, raw.name_span, &message)
                        .hint(format!("after an upgrade that is as it should be: switchboard approve {}", raw.name));
                }
            }
        }
        server.subject = Some(Box::new(subject));
    }

    /// Reports something that makes the server unusable. The message follows its name.
    pub(crate) fn problem(&mut self, span: Span, message: &str) -> &mut Diagnostic {
        self.broken = true;
        self.say(self.severity, span, message)
    }

    pub(crate) fn say(&mut self, severity: Severity, span: Span, message: &str) -> &mut Diagnostic {
        let source = &self.declaration.document.source;
        // A place in `[defaults]` is in another file, perhaps: the server is shown instead.
        let own = self.declaration.raw.fields.values().any(|field| stands_in(field, span));
        let span = if !own && self.declaration.shared.holds(span) { self.declaration.raw.name_span } else { span };
        let message = format!("{} `{}`: {message}", self.declaration.what, self.declaration.raw.name);
        self.report.at(source, severity, span, message)
    }

    /// The text with variables expanded. A server that is not used may lack their values.
    pub(crate) fn expand(&mut self, text: &Located) -> String {
        let declaration = self.declaration;
        let mut variables = Variables {
            environment: declaration.environment,
            dotenv: declaration.dotenv,
            folder: &declaration.document.folder,
            foreign: declaration.raw.manner == Manner::Foreign,
            files: Vec::new(),
        };
        let expanded = variables.expand(&text.text);
        self.files.append(&mut variables.files);
        let problems = match expanded {
            Ok(expanded) => return expanded,
            Err(_) if !self.enabled => return text.text.clone(),
            Err(problems) => problems,
        };
        for problem in problems {
            let span = self.within(text.span, &problem.reference);
            self.problem(span, &problem.message).hint = problem.hint;
        }
        text.text.clone()
    }

    /// Where `part` stands inside `span`, if it stands there literally.
    fn within(&self, span: Span, part: &str) -> Span {
        let text = self.declaration.document.source.text.get(span.start..span.end);
        match text.and_then(|text| text.find(part)) {
            Some(at) => Span { start: span.start + at, end: span.start + at + part.len() },
            None => span,
        }
    }

    fn enabled(&mut self) -> bool {
        let enabled = flag_of(self.field("enabled"));
        let disabled = self.field("disabled");
        if let (Some(on), Some(field), Some(off)) = (enabled, disabled, flag_of(disabled))
            && on == off
        {
            self.problem(field.key_span, "`enabled` and `disabled` contradict each other").hint("keep one of them");
        }
        enabled.unwrap_or(true) && !flag_of(disabled).unwrap_or(false)
    }

    fn reduced(&mut self) -> String {
        let raw = self.declaration.raw;
        let reduced = reduce(&raw.name);
        if reduced.is_empty() {
            self.problem(raw.name_span, "the name has no letter or digit")
                .hint("public names are made of a-z, 0-9 and -");
        }
        if visible(&raw.name) != raw.name {
            self.problem(raw.name_span, "the name holds characters that cannot be seen")
                .hint("it is shown to people: letters, digits and marks such as - only");
        }
        reduced
    }

    fn assemble(&mut self, reduced: String, reach: crate::config::Reach, approval: Approval) -> Server {
        let declaration = self.declaration;
        let raw = declaration.raw;
        let oauth = crate::oauth::oauth(self, &reach);
        let life = crate::life::life(self, &reach);
        let health = crate::health::health(self, &reach);
        let isolation = self.isolation();
        let (port, resources) = (host::port(self, &reach, isolation), host::resources(self));
        let (install, data) = (host::install(self), host::data(self));
        let install_timeout = duration_or_default(self.field("install_timeout"), SERVER_KEYS, "install_timeout");
        let guards = self.guards(&reach);
        let duration = |name| duration_or_default(self.field(name), SERVER_KEYS, name);
        let [startup_timeout, stop_timeout, connect_timeout] =
            ["startup_timeout", "stop_timeout", "connect_timeout"].map(duration);
        let (request_timeout, request_timeout_max) = self.request_timeouts();
        let texts = |name| owned(texts_of(self.field(name)));
        let settings = declaration.settings;
        let record = |name, of_all| {
            let own = flag_of(self.field(name));
            own.unwrap_or_else(|| settings.flag("records", RECORDS_KEYS, of_all))
        };
        let extra = raw.extra.iter().map(|entry| (entry.key.clone(), entry.value.to_json()));
        Server {
            name: raw.name.clone(),
            reduced,
            reach,
            hosted: None,
            port,
            resources,
            install,
            install_timeout,
            enabled: self.enabled,
            approval,
            startup_timeout,
            request_timeout,
            request_timeout_max,
            stop_timeout,
            connect_timeout,
            guards,
            restart: self.restart(),
            restart_delay: life.restart_delay,
            restart_delay_max: life.restart_delay_max,
            max_restarts: life.max_restarts,
            restart_window: life.restart_window,
            stable_after: life.stable_after,
            start: life.start,
            idle_timeout: life.idle_timeout,
            replicas: life.replicas,
            pin: life.pin,
            watch: life.watch,
            data,
            tags: texts("tags"),
            description: text_of(self.field("description")).map(|text| text.text.clone()),
            depends_on: texts("depends_on"),
            record_arguments: record("record_arguments", "arguments"),
            record_results: record("record_results", "results"),
            prefix: self.prefix(),
            era: self.era(),
            isolation,
            health,
            origin: declaration.document.origin(raw.name_span.start),
            written: written(raw),
            raw_extra: RawExtra(extra.collect()),
            subject: None,
            changed: Vec::new(),
            origins: declaration.shared.origins(raw, declaration.document),
            oauth,
            tools: self.tools(),
        }
    }

    fn isolation(&self) -> Isolation {
        match self.word("isolation") {
            "principal" => Isolation::Principal,
            "session" => Isolation::Session,
            _ => Isolation::Shared,
        }
    }

    fn restart(&self) -> Restart {
        match self.word("restart") {
            "on-failure" => Restart::OnFailure,
            "never" => Restart::Never,
            _ => Restart::Always,
        }
    }

    fn prefix(&self) -> Prefix {
        match self.word("prefix") {
            "never" => Prefix::Never,
            _ => Prefix::Always,
        }
    }

    fn era(&self) -> EraChoice {
        match self.word("era") {
            "legacy" => EraChoice::Legacy,
            "modern" => EraChoice::Modern,
            _ => EraChoice::Auto,
        }
    }

    pub(crate) fn word(&self, name: &str) -> &'a str {
        text_of(self.field(name)).map_or("", |text| text.text.as_str())
    }

    /// A long request timeout that came without a limit in all raises that limit.
    fn request_timeouts(&mut self) -> (Duration, Duration) {
        let of = |field, name| duration_or_default(field, SERVER_KEYS, name);
        let quiet = of(self.field("request_timeout"), "request_timeout");
        let field = self.field("request_timeout_max");
        let all = of(field, "request_timeout_max");
        match field {
            Some(field) if all < quiet => {
                let message = "`request_timeout_max` is shorter than `request_timeout`";
                self.problem(field.span, message).hint("it bounds a call in all, progress or not");
                (quiet, all)
            }
            Some(_) => (quiet, all),
            None => (quiet, all.max(quiet)),
        }
    }

    fn tools(&mut self) -> ToolFilter {
        let Some(Value::Section(fields)) = self.field("tools").map(|field| &field.value) else {
            return ToolFilter::default();
        };
        let mut patterns = |name: &str| {
            let texts = texts_of(fields.get(name));
            self.check_patterns(&format!("tools.{name}"), texts);
            owned(texts)
        };
        ToolFilter { allow: patterns("allow"), deny: patterns("deny"), safe: patterns("safe") }
    }

    pub(crate) fn check_patterns(&mut self, key: &str, texts: &[Located]) {
        for text in texts {
            if let Err(error) = globset::Glob::new(&text.text) {
                let message = format!("`{key}` holds a broken pattern: {}", error.kind());
                self.problem(text.span, &message)
                    .hint("`*` stands for any characters, `?` for one, `{a,b}` for either");
            }
        }
    }
}

pub(crate) fn owned(texts: &[Located]) -> Vec<String> {
    texts.iter().map(|text| text.text.clone()).collect()
}

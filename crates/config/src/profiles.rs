//! `[profiles.NAME]`: named views of what the servers offer, read and checked. That their tools exist
//! is known only when servers have been listed: the gateway says so.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json, json};

use crate::config::{Approval, Config};
use crate::diagnostic::{Report, Severity, Source, Span};
use crate::load::Document;
use crate::names::did_you_mean;
use crate::origin::Origin;
use crate::profile_keys::{BUDGET_MAX, OVERRIDE_KEYS, PROFILE_KEYS};
use crate::raw::{RawConfig, RawServer};
use crate::read::{Field, Fields, Located, Manner, count_or_default, object_of, read_fields, text_of, texts_of};
use crate::tree::{Entry, Kind};

/// The most characters of a profile's name, and of a tool's other name.
const NAME_CHARACTERS_MAX: usize = 64;
/// The most profiles.
const PROFILES_MAX: usize = 64;

/// A named view of what the servers offer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    /// Its name; `default` is what `/mcp` shows.
    pub name: String,
    /// How much of it a client is listed.
    pub exposure: Exposure,
    /// How many tokens the list of all its tools may cost, for [`Exposure::Auto`].
    pub context_budget: usize,
    /// The same by client name.
    pub context_budgets: BTreeMap<String, usize>,
    /// Patterns of public names that are shown; all if empty.
    pub allow: Vec<String>,
    /// Patterns of public names that are not.
    pub deny: Vec<String>,
    /// Declared names of the servers in it; with `tags` empty too: all.
    pub servers: Vec<String>,
    /// Tags of the servers in it.
    pub tags: Vec<String>,
    /// Patterns of public names that are listed in search too.
    pub pin: Vec<String>,
    /// Other names and texts, by public name.
    pub tools: BTreeMap<String, ToolTexts>,
    /// A result of more tokens is cut; 0 cuts none.
    pub result_tokens_max: usize,
    /// Where it was declared.
    pub origin: Origin,
}

/// How much of a profile a client is listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Exposure {
    /// Every tool.
    #[default]
    All,
    /// Pinned tools and the tools that find and call the others.
    Search,
    /// Whichever fits the budget of the client.
    Auto,
}

/// What a tool is called and said to be in a profile, where that is something else.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ToolTexts {
    /// Its name.
    pub name: Option<String>,
    /// Its title.
    pub title: Option<String>,
    /// Its description.
    pub description: Option<String>,
}

/// Profiles as written, by name, with the index of their document.
pub(crate) type DeclaredProfiles = BTreeMap<String, (usize, RawProfile)>;

/// A profile, read.
#[derive(Debug)]
pub(crate) struct RawProfile {
    entry: RawServer,
    tools: Vec<(Located, Fields)>,
}

// === impl Exposure ===

impl Exposure {
    /// The word in files.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Search => "search",
            Self::Auto => "auto",
        }
    }
}

// === impl Profile ===

impl Profile {
    /// The name of the profile that `/mcp` shows.
    pub const DEFAULT: &str = "default";

    /// How many tokens a list may cost the client called `client`.
    #[must_use]
    pub fn budget(&self, client: Option<&str>) -> usize {
        client.and_then(|client| self.context_budgets.get(client)).copied().unwrap_or(self.context_budget)
    }

    /// Whether it has what a server of this name with these tags offers.
    #[must_use]
    pub fn has_server(&self, name: &str, tags: &[String]) -> bool {
        (self.servers.is_empty() && self.tags.is_empty())
            || self.servers.iter().any(|server| server == name)
            || self.tags.iter().any(|tag| tags.contains(tag))
    }
}

/// Reads the table `profiles`.
pub(crate) fn read_profiles(source: &Source, table: &Entry, raw: &mut RawConfig, report: &mut Report) {
    let Kind::Table(profiles) = &table.value.kind else {
        let message = "`profiles` must be a table of profiles by name";
        report.error(source, table.value.span, message).label(format!("this is {}", table.value.describe()));
        return;
    };
    for one in profiles {
        let Kind::Table(entries) = &one.value.kind else {
            let message = format!("the profile `{}` must be a table", one.key);
            report.error(source, one.value.span, message).label(format!("this is {}", one.value.describe()));
            continue;
        };
        let context = format!("profiles.{}.", one.key);
        let (tools, entries): (Vec<Entry>, Vec<Entry>) =
            entries.iter().cloned().partition(|entry| entry.key == "tools");
        let (fields, extra) = read_fields(source, &entries, PROFILE_KEYS, &context, Manner::Own, report);
        let entry = RawServer {
            name: one.key.clone(),
            name_span: one.key_span,
            fields,
            keys: entries.into_iter().map(|entry| entry.key).collect(),
            extra,
            manner: Manner::Own,
            env_file_wins: false,
        };
        let tools = tools.iter().flat_map(|tools| read_tools(source, tools, &context, report)).collect();
        raw.profiles.push(RawProfile { entry, tools });
    }
}

fn read_tools(source: &Source, table: &Entry, context: &str, report: &mut Report) -> Vec<(Located, Fields)> {
    let mut read = Vec::new();
    let wrong = |report: &mut Report, entry: &Entry, what: String| {
        report.error(source, entry.value.span, what).label(format!("this is {}", entry.value.describe()));
    };
    let Kind::Table(tools) = &table.value.kind else {
        wrong(report, table, format!("`{context}tools` must be a table of tools by public name"));
        return read;
    };
    for tool in tools {
        let Kind::Table(entries) = &tool.value.kind else {
            wrong(report, tool, format!("`{context}tools.{}` must be a table", tool.key));
            continue;
        };
        let context = format!("{context}tools.{}.", tool.key);
        let (fields, _) = read_fields(source, entries, OVERRIDE_KEYS, &context, Manner::Own, report);
        read.push((Located { text: tool.key.clone(), span: tool.key_span }, fields));
    }
    read
}

/// Takes the profiles out of what was read; later layers win, and those of projects are not used: what
/// tools are called and said to be is a person's to say.
pub(crate) fn take(raws: &mut [RawConfig], documents: &[Document], report: &mut Report) -> DeclaredProfiles {
    let mut declared = DeclaredProfiles::new();
    for (at, raw) in raws.iter_mut().enumerate() {
        for profile in raw.profiles.drain(..) {
            let (name, span) = (profile.entry.name.clone(), profile.entry.name_span);
            if documents[at].approval() != Approval::Approved {
                report
                    .at(
                        &documents[at].source,
                        Severity::Warning,
                        span,
                        format!("`profiles.{name}` of a project is not used"),
                    )
                    .hint("set it in your own file, or name this file with --config");
            } else if declared.len() >= PROFILES_MAX && !declared.contains_key(&name) {
                let message = format!("there are more than {PROFILES_MAX} profiles");
                report.at(&documents[at].source, Severity::Error, span, message);
            } else {
                declared.insert(name, (at, profile));
            }
        }
    }
    declared
}

/// Checks every profile among the servers that there are.
pub(crate) fn check_profiles(
    declared: &DeclaredProfiles,
    config: &mut Config,
    documents: &[Document],
    report: &mut Report,
) {
    for (name, (at, raw)) in declared {
        let mut checker = Checker { document: &documents[*at], name, config, report };
        let profile = checker.profile(raw);
        config.profiles.insert(name.clone(), profile);
    }
}

struct Checker<'a> {
    document: &'a Document,
    name: &'a str,
    config: &'a Config,
    report: &'a mut Report,
}

// === impl Checker ===

impl Checker<'_> {
    fn profile(&mut self, raw: &RawProfile) -> Profile {
        let fields = &raw.entry.fields;
        if !is_name(self.name) {
            let message = format!("`{}` is no name for a profile", self.name);
            self.say(Severity::Error, raw.entry.name_span, message)
                .hint("it is part of a path: letters, digits, `_`, `-` and `.`, at most 64");
        }
        Profile {
            name: self.name.to_owned(),
            exposure: match text_of(fields.get("exposure")).map(|word| word.text.as_str()) {
                Some("search") => Exposure::Search,
                Some("auto") => Exposure::Auto,
                _ => Exposure::All,
            },
            context_budget: count_or_default(fields.get("context_budget"), PROFILE_KEYS, "context_budget"),
            context_budgets: self.budgets(fields.get("context_budgets")),
            allow: self.patterns(fields, "allow"),
            deny: self.patterns(fields, "deny"),
            servers: self.servers(fields),
            tags: self.tags(fields),
            pin: self.patterns(fields, "pin"),
            tools: self.tools(&raw.tools),
            result_tokens_max: count_or_default(fields.get("result_tokens_max"), PROFILE_KEYS, "result_tokens_max"),
            origin: self.document.origin(raw.entry.name_span.start),
        }
    }

    fn say(&mut self, severity: Severity, span: Span, message: String) -> &mut crate::diagnostic::Diagnostic {
        self.report.at(&self.document.source, severity, span, message)
    }

    fn budgets(&mut self, field: Option<&Field>) -> BTreeMap<String, usize> {
        let mut budgets = BTreeMap::new();
        for (client, value) in object_of(field).into_iter().flatten() {
            match value.as_u64().filter(|tokens| *tokens <= BUDGET_MAX) {
                Some(tokens) => {
                    budgets.insert(client.clone(), usize::try_from(tokens).unwrap_or(usize::MAX));
                }
                None => {
                    let message = format!("`profiles.{}.context_budgets.{client}` is no number of tokens", self.name);
                    self.say(Severity::Error, field.map(|field| field.span).unwrap_or_default(), message)
                        .hint(format!("a whole number from 0 to {BUDGET_MAX}"));
                }
            }
        }
        budgets
    }

    fn patterns(&mut self, fields: &Fields, key: &str) -> Vec<String> {
        let mut kept = Vec::new();
        for text in texts_of(fields.get(key)) {
            match globset::Glob::new(&text.text) {
                Ok(_) => kept.push(text.text.clone()),
                Err(error) => {
                    let message = format!("`profiles.{}.{key}` holds a broken pattern: {}", self.name, error.kind());
                    self.say(Severity::Error, text.span, message)
                        .hint("`*` stands for any characters, `?` for one, `{a,b}` for either");
                }
            }
        }
        kept
    }

    /// Declared names; public ones are understood.
    fn servers(&mut self, fields: &Fields) -> Vec<String> {
        let mut found = Vec::new();
        for text in texts_of(fields.get("servers")) {
            let mut servers = self.config.servers.values();
            let server = servers.find(|server| server.name == text.text || server.reduced == text.text);
            let Some(server) = server else {
                let known = self.config.servers.keys().map(String::as_str);
                let near = did_you_mean(&text.text, known).map(str::to_owned);
                let message =
                    format!("the profile `{}` names the server `{}`, which there is not", self.name, text.text);
                let hint = near.map_or("see what is declared: switchboard list".to_owned(), |near| {
                    format!("did you mean `{near}`?")
                });
                self.say(Severity::Warning, text.span, message).hint(hint);
                // It must not come to mean all servers.
                found.push(text.text.clone());
                continue;
            };
            found.push(server.name.clone());
        }
        found
    }

    fn tags(&mut self, fields: &Fields) -> Vec<String> {
        let known: Vec<&str> =
            self.config.servers.values().flat_map(|server| &server.tags).map(String::as_str).collect();
        let texts = texts_of(fields.get("tags"));
        for text in texts.iter().filter(|text| !known.contains(&text.text.as_str())) {
            let near = did_you_mean(&text.text, known.iter().copied()).map(str::to_owned);
            let message = format!("the profile `{}` names the tag `{}`, which no server has", self.name, text.text);
            let hint = near
                .map_or("tags stand in the entries of servers".to_owned(), |near| format!("did you mean `{near}`?"));
            self.say(Severity::Warning, text.span, message).hint(hint);
        }
        texts.iter().map(|text| text.text.clone()).collect()
    }

    fn tools(&mut self, tools: &[(Located, Fields)]) -> BTreeMap<String, ToolTexts> {
        let mut read = BTreeMap::new();
        for (public, fields) in tools {
            let text = |key: &str| text_of(fields.get(key)).map(|text| text.text.clone());
            let mut texts = ToolTexts { name: text("name"), title: text("title"), description: text("description") };
            if let Some(name) = text_of(fields.get("name")).filter(|name| !is_tool_name(&name.text)) {
                let message = format!("`{}` is no name that every client takes", name.text);
                self.say(Severity::Error, name.span, message).hint("letters, digits, `_` and `-`, at most 64");
                texts.name = None;
            }
            read.insert(public.text.clone(), texts);
        }
        read
    }
}

fn is_name(name: &str) -> bool {
    let fits = |character: char| character.is_ascii_alphanumeric() || matches!(character, '_' | '-' | '.');
    !name.is_empty() && name.len() <= NAME_CHARACTERS_MAX && name.chars().all(fits) && !name.starts_with('.')
}

fn is_tool_name(name: &str) -> bool {
    let fits = |character: char| character.is_ascii_alphanumeric() || matches!(character, '_' | '-');
    !name.is_empty() && name.len() <= NAME_CHARACTERS_MAX && name.chars().all(fits)
}

/// Every profile as it would stand in a file.
pub(crate) fn shown(config: &Config) -> Json {
    let profiles = config.profiles.values().map(|profile| {
        let tools: Map<String, Json> = profile
            .tools
            .iter()
            .map(|(public, texts)| {
                let ToolTexts { name, title, description } = texts;
                (public.clone(), json!({ "name": name, "title": title, "description": description }))
            })
            .collect();
        let shown = json!({
            "exposure": profile.exposure.as_str(),
            "context_budget": profile.context_budget,
            "context_budgets": profile.context_budgets,
            "allow": profile.allow,
            "deny": profile.deny,
            "servers": profile.servers,
            "tags": profile.tags,
            "pin": profile.pin,
            "result_tokens_max": profile.result_tokens_max,
            "tools": tools,
        });
        (profile.name.clone(), shown)
    });
    Json::Object(profiles.collect())
}

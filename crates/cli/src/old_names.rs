//! The program names of what Switchboard replaces: run under one of them (a link that `switchboard
//! aliases install` made), it takes the old verbs and flags and says the new ones. One table, in
//! `table.rs`, says which is which; here it is read. Nothing is done here.

mod table;

use crate::context::Context;
use crate::report::Report;
use control::said::Servers;
use std::ffi::OsString;
use std::path::Path;
use table::{Does, Flag, STATES, Verb};
pub(crate) use table::{PROGRAMS, Program};

/// A command line in our words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Translated {
    /// All of it, with the name of the program.
    pub(crate) arguments: Vec<OsString>,
    /// What a person who typed the old words should know.
    pub(crate) note: Option<String>,
    /// The beginning of a server's name, where a part of it is enough.
    pub(crate) prefix: Option<String>,
}

/// What was read of an old command line.
#[derive(Default)]
struct Reading {
    server: Option<String>,
    /// Instead of the verb's own words.
    instead: Option<&'static [&'static str]>,
    /// Flags in our words.
    added: Vec<String>,
    /// Values that stand inside of words.
    set: Vec<(&'static str, String)>,
    /// Everything that is no flag, where that is taken as it is.
    texts: Vec<String>,
}

/// Flags of ours that every command knows and that take a value.
const GLOBAL_VALUES: [&str; 3] = ["--data", "--config", "--listen"];

/// What `arguments` mean, which begin with the name that the program was run under.
///
/// # Errors
/// What the old program did not know, and what is not there (yet).
pub(crate) fn translated(arguments: Vec<OsString>) -> Result<Translated, Report> {
    let name = arguments.first().and_then(|name| Path::new(name).file_name()).and_then(|name| name.to_str());
    let program = PROGRAMS.iter().find(|program| Some(program.name) == name);
    let Some(program) = program else { return Ok(Translated { arguments, note: None, prefix: None }) };
    let words = arguments.into_iter().skip(1).map(OsString::into_string).collect::<Result<Vec<_>, _>>();
    let words = words.map_err(|word| Report::usage(format!("{} is no text", word.to_string_lossy())))?;
    let (ours, prefix) = program.read(&words)?;
    let note = format!("{} is now: {}", shown(program.name, &words), shown("switchboard", &ours));
    let arguments = std::iter::once("switchboard".to_owned()).chain(ours).map(OsString::from).collect();
    Ok(Translated { arguments, note: Some(note), prefix })
}

fn shown(program: &str, words: &[String]) -> String {
    let quoted = |word: &String| match word.is_empty() || word.contains([' ', '"', '\'', '{', '$', '*']) {
        true => format!("'{}'", word.replace('\'', "'\\''")),
        false => word.clone(),
    };
    std::iter::once(program.to_owned()).chain(words.iter().map(quoted)).collect::<Vec<_>>().join(" ")
}

// === impl Translated ===

impl Translated {
    /// The same with the whole name of the server.
    ///
    /// # Errors
    /// When no server's name, or more than one, begins so.
    pub(crate) fn resolved(mut self, context: &Context) -> Result<Self, Report> {
        let Some(prefix) = self.prefix.take() else { return Ok(self) };
        let client = context.client()?;
        let running: Option<Servers> = context.block_on(client.try_get("/api/servers"))?;
        let names: Vec<String> = match running {
            Some(running) => running.servers.into_iter().map(|server| server.name).collect(),
            None => context.load()?.config.servers.into_keys().collect(),
        };
        let name = whole(&prefix, &names)?;
        self.arguments.iter_mut().filter(|word| **word == *prefix).for_each(|word| *word = name.into());
        Ok(self)
    }
}

/// The name that begins with `prefix`. One that is no name's beginning is left as it is, to be
/// refused by who knows more.
fn whole<'a>(prefix: &'a str, names: &'a [String]) -> Result<&'a str, Report> {
    let found: Vec<&str> = names.iter().map(String::as_str).filter(|name| name.starts_with(prefix)).collect();
    match found[..] {
        _ if found.contains(&prefix) => Ok(prefix),
        [] => Ok(prefix),
        [name] => Ok(name),
        _ => Err(Report::usage(format!("several servers begin with `{prefix}`: {}", found.join(", ")))
            .hint("type more of the name")),
    }
}

// === impl Program ===

impl Program {
    /// The old words in ours, and the beginning of a name in them.
    fn read(&self, words: &[String]) -> Result<(Vec<String>, Option<String>), Report> {
        if let Some(later) = self.later {
            let message = format!("`{}` is not there yet: {later}", self.name);
            return Err(Report::usage(message).hint("what there is: switchboard --help"));
        }
        if matches!(words.first().map(String::as_str), Some("--help" | "-h" | "--version" | "-V")) {
            return Ok((words[..1].to_vec(), None));
        }
        let (verb, rest) = self.verb(words)?;
        if let Some(why) = verb.refused {
            let hint = "what there is: switchboard --help";
            return Err(Report::usage(format!("`{} {}`: {why}", self.name, verb.word)).hint(hint));
        }
        let reading = self.reading(verb, &rest)?;
        let ours = self.words(verb, &reading)?;
        let named = reading.server.as_ref().filter(|server| self.server_first && *server != "all");
        Ok((ours, named.cloned()))
    }

    /// The verb, and everything but it.
    fn verb(&self, words: &[String]) -> Result<(&'static Verb, Vec<String>), Report> {
        let known = |word: &str| self.verbs.iter().find(|verb| verb.word == word);
        let is_value = |at: usize| at > 0 && GLOBAL_VALUES.contains(&words[at - 1].as_str());
        let places: Vec<usize> = (0..words.len()).filter(|at| !words[*at].starts_with('-') && !is_value(*at)).collect();
        let without = |at: usize| words.iter().enumerate().filter(move |(i, _)| *i != at).map(|(_, word)| word.clone());
        let unknown = |word: &str| {
            let verbs: Vec<&str> = self.verbs.iter().map(|verb| verb.word).filter(|verb| !verb.is_empty()).collect();
            Report::usage(format!("`{}` has no verb `{word}`", self.name)).hint(format!("it has: {}", verbs.join(", ")))
        };
        // A server may stand before the verb, and the verb may be left out.
        let at = if self.server_first && places.len() > 1 { places.get(1) } else { places.first() };
        if let [only] = self.verbs {
            return Ok((only, words.to_vec()));
        }
        let Some(at) = at.copied() else {
            return known("").map(|verb| (verb, words.to_vec())).ok_or_else(|| unknown(""));
        };
        match known(&words[at]) {
            Some(verb) => Ok((verb, without(at).collect())),
            None if self.server_first && places.len() == 1 => {
                known("start").map(|verb| (verb, words.to_vec())).ok_or_else(|| unknown("start"))
            }
            None => Err(unknown(&words[at])),
        }
    }

    fn reading(&self, verb: &Verb, words: &[String]) -> Result<Reading, Report> {
        let mut reading = Reading::default();
        let mut words = words.iter();
        while let Some(word) = words.next() {
            if verb.takes_texts() && (!word.starts_with("--") || word.contains(' ')) {
                reading.texts.push(word.clone());
                continue;
            }
            if !word.starts_with('-') || word == "-" {
                if let [only] = self.verbs {
                    let flags = only.flags.iter().flat_map(|flag| flag.names).copied().collect::<Vec<_>>();
                    let message = format!("`{}` takes flags and no word such as `{word}`", self.name);
                    return Err(Report::usage(message).hint(format!("it has: {}", flags.join(", "))));
                }
                if let Some(other) = reading.server.replace(word.clone()) {
                    let message = format!("`{} {}` takes one server, not `{other}` and `{word}`", self.name, verb.word);
                    return Err(Report::usage(message).hint("one at a time, or all of them: --all"));
                }
                continue;
            }
            let (name, joined) = match word.split_once('=') {
                Some((name, value)) if name.starts_with("--") => (name, Some(value.to_owned())),
                _ => (word.as_str(), None),
            };
            let mut value = || {
                joined.clone().or_else(|| words.next().cloned()).ok_or_else(|| {
                    Report::usage(format!("`{name}` takes a value")).hint("what there is: switchboard --help")
                })
            };
            match verb.flags.iter().find(|flag| flag.names.contains(&name)) {
                Some(Flag { value: true, does, .. }) => reading.take(does, value()?),
                Some(Flag { does, .. }) => reading.take(does, String::new()),
                None if GLOBAL_VALUES.contains(&name) => {
                    let value = value()?;
                    reading.added.extend([name.to_owned(), value]);
                }
                // Known to us or refused by our parser.
                None => reading.added.push(word.clone()),
            }
        }
        Ok(reading)
    }

    fn words(&self, verb: &Verb, reading: &Reading) -> Result<Vec<String>, Report> {
        if let Some(words) = verb.rest {
            let texts = reading.texts.iter().cloned();
            return Ok(with_flags(words.iter().map(|word| (*word).to_owned()).chain(texts), &reading.added));
        }
        if let Some(words) = verb.placed {
            return self.placed(verb, words, reading);
        }
        let own = match reading.server.as_deref() {
            Some("all") if self.server_first => verb.all,
            Some(_) => verb.with,
            None => verb.alone,
        };
        let Some(words) = reading.instead.filter(|_| own.is_some()).or(own) else {
            let what = match reading.server.as_deref() {
                Some("all") if self.server_first => "is not supported for all servers at once",
                Some(_) => "takes no server",
                None => "needs the name of a server",
            };
            return Err(Report::usage(format!("`{} {}` {what}", self.name, verb.word))
                .hint("which there are: switchboard list"));
        };
        let server = reading.server.as_deref().unwrap_or_default();
        let mut ours = Vec::new();
        for word in words {
            let mut word = word.replace("{server}", server);
            for (name, value) in &reading.set {
                word = word.replace(&format!("{{{name}}}"), value);
            }
            match word.as_str() {
                // Without data a tool is called without arguments.
                "{data}" => {}
                unset if unset.ends_with("{tool}") => {
                    let message = format!("`{} {}` needs --tool NAME", self.name, verb.word);
                    return Err(Report::usage(message).hint(format!("see what it has: switchboard tools {server}")));
                }
                _ => ours.push(word),
            }
        }
        Ok(with_flags(ours, &reading.added))
    }

    /// Our words with what stands there in its place; what is left out last is left out.
    fn placed(&self, verb: &Verb, words: &[&str], reading: &Reading) -> Result<Vec<String>, Report> {
        let placed = words.iter().map(|word| {
            let texts = reading.texts.iter().enumerate();
            texts.fold((*word).to_owned(), |word, (at, text)| word.replace(&format!("{{{}}}", at + 1), text))
        });
        let mut ours: Vec<String> = placed.collect();
        if ours.last().is_some_and(|last| last.starts_with('{') && words.last() == Some(&last.as_str())) {
            ours.pop();
        }
        let is_whole = reading.texts.len() + 1 >= words.len() && reading.texts.len() <= words.len();
        if !is_whole {
            let message = format!("`{} {}` takes SERVER TOOL [JSON]", self.name, verb.word);
            return Err(Report::usage(message).hint("which tools there are: switchboard tools"));
        }
        Ok(with_flags(ours, &reading.added))
    }
}

/// Words with flags: before a `--`, if there is one.
fn with_flags(words: impl IntoIterator<Item = String>, flags: &[String]) -> Vec<String> {
    let mut words: Vec<String> = words.into_iter().collect();
    let at = words.iter().position(|word| word == "--").unwrap_or(words.len());
    words.splice(at..at, flags.iter().cloned());
    words
}

// === impl Verb ===

impl Verb {
    /// Whether what stands behind it is taken as it is.
    fn takes_texts(&self) -> bool {
        self.rest.is_some() || self.placed.is_some()
    }
}

// === impl Reading ===

impl Reading {
    fn take(&mut self, does: &Does, value: String) {
        match does {
            Does::Add(words) => self.added.extend(words.iter().map(|word| word.replace("{}", &value))),
            Does::Instead(words) => self.instead = Some(words),
            Does::Set(name) => self.set.push((name, value)),
            Does::Text(words) => {
                self.instead = Some(words);
                self.set.push(("text", value));
            }
            Does::Server => self.server = Some(value),
            Does::State => {
                let ours = STATES.iter().find(|(theirs, _)| *theirs == value).map(|(_, ours)| *ours);
                self.added.extend(["--state".to_owned(), ours.unwrap_or(&value).to_owned()]);
            }
            Does::Nothing => {}
        }
    }
}

#[cfg(test)]
mod tests;

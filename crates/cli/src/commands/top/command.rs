//! The command bar: what a line means, how it is completed, and what was probably meant. It knows
//! words, not what is done with them.

/// What is typed after `:`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verb {
    Servers,
    Calls,
    Logs,
    Tools,
    Describe,
    Config,
    Start,
    Stop,
    Restart,
    Help,
    Quit,
}

/// A verb, and the server that it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Command {
    pub(super) verb: Verb,
    pub(super) server: Option<String>,
}

/// How much a verb wants to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wants {
    Nothing,
    PerhapsServer,
    Server,
}

/// The words; the first that begins with what was typed completes it.
const VERBS: &[(&str, Verb, Wants)] = &[
    ("servers", Verb::Servers, Wants::Nothing),
    ("calls", Verb::Calls, Wants::PerhapsServer),
    ("logs", Verb::Logs, Wants::PerhapsServer),
    ("tools", Verb::Tools, Wants::PerhapsServer),
    ("describe", Verb::Describe, Wants::Server),
    ("config", Verb::Config, Wants::Server),
    ("start", Verb::Start, Wants::Server),
    ("stop", Verb::Stop, Wants::Server),
    ("restart", Verb::Restart, Wants::Server),
    ("help", Verb::Help, Wants::Nothing),
    ("quit", Verb::Quit, Wants::Nothing),
    // What fingers type that know vi.
    ("q", Verb::Quit, Wants::Nothing),
    ("q!", Verb::Quit, Wants::Nothing),
];

/// How alike two words must be for one to be meant by the other, from 0 to 1.
const ALIKE: f64 = 0.7;

/// Reads a line; `selected` is the server that is meant where none is named and one must be.
///
/// # Errors
/// What is wrong with it, for a person.
pub(super) fn read(line: &str, servers: &[&str], selected: Option<&str>) -> Result<Command, String> {
    let mut words = line.split_whitespace();
    let Some(word) = words.next() else { return Err("no command was typed; :help lists them".to_owned()) };
    let exact = VERBS.iter().find(|(name, ..)| *name == word);
    let Some((name, verb, wants)) = exact.or_else(|| only(word)) else {
        return Err(match nearest(word, VERBS.iter().map(|(name, ..)| *name)) {
            Some(near) => format!("there is no command `{word}`; did you mean `{near}`?"),
            None => format!("there is no command `{word}`; :help lists them"),
        });
    };
    let named = words.next();
    if let Some(more) = words.next().or(named.filter(|_| *wants == Wants::Nothing)) {
        return Err(format!("`{more}` is too much for :{name}"));
    }
    let server = named.or(selected.filter(|_| *wants == Wants::Server));
    match server {
        None if *wants == Wants::Server => Err(format!("which server? :{name} NAME")),
        Some(server) if !servers.contains(&server) => Err(match nearest(server, servers.iter().copied()) {
            Some(near) => format!("there is no server `{server}`; did you mean `{near}`?"),
            None => format!("there is no server `{server}`; :servers lists them"),
        }),
        server => Ok(Command { verb: *verb, server: server.map(str::to_owned) }),
    }
}

/// What could follow `line`, to be shown behind it and taken with Tab.
pub(super) fn completion<'a>(line: &str, servers: &[&'a str]) -> Option<&'a str> {
    match line.split_once(' ') {
        None if line.is_empty() => None,
        None => rest_of(line, VERBS.iter().map(|(name, ..)| *name)),
        Some((word, begun)) => {
            let (.., wants) = VERBS.iter().find(|(name, ..)| *name == word).or_else(|| only(word))?;
            rest_of(begun, servers.iter().copied()).filter(|_| *wants != Wants::Nothing && !begun.is_empty())
        }
    }
}

/// The only verb that begins with `word`, such as `lo`.
fn only(word: &str) -> Option<&'static (&'static str, Verb, Wants)> {
    let mut begin = VERBS.iter().filter(|(name, ..)| name.starts_with(word));
    begin.next().filter(|_| begin.next().is_none())
}

fn rest_of<'a>(begun: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    names.filter_map(|name| name.strip_prefix(begun)).find(|rest| !rest.is_empty())
}

fn nearest<'a>(word: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let alike = names.map(|name| (strsim::jaro_winkler(word, name), name)).filter(|(alike, _)| *alike >= ALIKE);
    alike.max_by(|one, other| one.0.total_cmp(&other.0)).map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SERVERS: [&str; 3] = ["alpha", "beta", "github"];

    fn command(verb: Verb, server: Option<&str>) -> Result<Command, String> {
        Ok(Command { verb, server: server.map(str::to_owned) })
    }

    #[test]
    fn lines_are_read() {
        let read = |line| read(line, &SERVERS, Some("beta"));
        assert_eq!(read("servers"), command(Verb::Servers, None));
        assert_eq!(read(" logs  github "), command(Verb::Logs, Some("github")));
        assert_eq!(read("logs"), command(Verb::Logs, None));
        assert_eq!(read("lo"), command(Verb::Logs, None));
        assert_eq!(read("stop"), command(Verb::Stop, Some("beta")));
        assert_eq!(read("q"), command(Verb::Quit, None));
    }

    #[test]
    fn what_is_wrong_is_answered_with_what_was_meant() {
        let wrong = |line| read(line, &SERVERS, None).expect_err("expected a refusal");
        assert_eq!(wrong("srevers"), "there is no command `srevers`; did you mean `servers`?");
        assert_eq!(wrong("zzz"), "there is no command `zzz`; :help lists them");
        assert_eq!(wrong("logs gihtub"), "there is no server `gihtub`; did you mean `github`?");
        assert_eq!(wrong("stop"), "which server? :stop NAME");
        assert_eq!(wrong("servers x"), "`x` is too much for :servers");
        // Begins several words.
        assert_eq!(wrong("st"), "there is no command `st`; did you mean `stop`?");
    }

    #[test]
    fn words_and_names_are_completed() {
        assert_eq!(completion("ser", &SERVERS), Some("vers"));
        assert_eq!(completion("logs g", &SERVERS), Some("ithub"));
        assert_eq!(completion("servers a", &SERVERS), None);
        assert_eq!(
            (completion("", &SERVERS), completion("logs", &SERVERS), completion("logs ", &SERVERS)),
            (None, None, None)
        );
    }
}

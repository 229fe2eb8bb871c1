//! `${…}` in texts, expanded once: what a variable holds is never expanded again.
//!
//! Which texts are expanded is said by `server` and `settings`; nothing is written anywhere.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::environment::{Environment, read_value_file};

/// A reference that could not be resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unresolved {
    /// The reference as written, `${…}`.
    pub(crate) reference: String,
    /// Why, to be continued after "server `x`: ".
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
}

/// Expands each `${…}` of `text` with what `lookup` says. `$$` is a `$`; where `dollars_stay`
/// (files of other tools) only `$${` is an escape.
pub(crate) fn expand(
    text: &str,
    dollars_stay: bool,
    mut lookup: impl FnMut(&str) -> Result<String, Unresolved>,
) -> Result<String, Vec<Unresolved>> {
    let mut expanded = String::with_capacity(text.len());
    let mut problems = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        expanded.push_str(&rest[..at]);
        rest = &rest[at..];
        if rest.starts_with("$${") || (rest.starts_with("$$") && !dollars_stay) {
            expanded.push('$');
            // The brace behind an escaped dollar is plain text, so it is taken along.
            let taken = if rest.starts_with("$${") { 3 } else { 2 };
            expanded.push_str(&rest[2..taken]);
            rest = &rest[taken..];
        } else if rest.starts_with("${") {
            let Some(end) = rest.find('}') else {
                problems.push(Unresolved {
                    reference: "${".to_owned(),
                    message: "a `${` has no `}`".to_owned(),
                    hint: Some("write `$$` for a plain dollar sign".to_owned()),
                });
                break;
            };
            match lookup(&rest[2..end]) {
                Ok(value) => expanded.push_str(&value),
                Err(problem) => problems.push(problem),
            }
            rest = &rest[end + 1..];
        } else {
            expanded.push('$');
            rest = &rest[1..];
        }
    }
    expanded.push_str(rest);
    if problems.is_empty() { Ok(expanded) } else { Err(problems) }
}

/// Where references of one file are looked up.
pub(crate) struct Variables<'a> {
    pub(crate) environment: &'a Environment,
    /// `.env` of the working folder, where it counts for this file.
    pub(crate) dotenv: &'a BTreeMap<String, String>,
    /// The folder of the configuration file.
    pub(crate) folder: &'a Path,
    /// Whether the file belongs to another tool.
    pub(crate) foreign: bool,
    /// Files read by `${file:…}` so far.
    pub(crate) files: Vec<PathBuf>,
}

// === impl Variables ===

impl Variables<'_> {
    pub(crate) fn expand(&mut self, text: &str) -> Result<String, Vec<Unresolved>> {
        let foreign = self.foreign;
        expand(text, foreign, |reference| self.resolve(reference))
    }

    fn resolve(&mut self, reference: &str) -> Result<String, Unresolved> {
        let unresolved = |message: String, hint: String| Unresolved {
            reference: format!("${{{reference}}}"),
            message,
            hint: Some(hint),
        };
        if let Some(path) = reference.strip_prefix("file:") {
            let path = self.environment.resolve(path, self.folder);
            self.files.push(path.clone());
            return match read_value_file(&path) {
                Ok(text) => Ok(text.trim_end_matches(['\n', '\r']).to_owned()),
                Err(cause) => Err(unresolved(
                    format!("the file {} cannot be read: {cause}", path.display()),
                    "the path is relative to the configuration file".to_owned(),
                )),
            };
        }
        if reference.starts_with("keyring:") {
            return Err(unresolved(
                format!("`${{{reference}}}`: the keyring is not supported by this version"),
                "use ${env:NAME} or ${file:path} instead".to_owned(),
            ));
        }
        if let (true, Some(input)) = (self.foreign, reference.strip_prefix("input:")) {
            let variable = input_variable(input);
            return self.variable(&variable).ok_or_else(|| {
                unresolved(
                    format!("the input `{input}` has no value here"),
                    format!("set the environment variable {variable}"),
                )
            });
        }
        if let (true, Some(value)) = (self.foreign, self.editor_variable(reference)) {
            return Ok(value);
        }
        let plain = reference.strip_prefix("env:").unwrap_or(reference);
        let (name, default) = match plain.split_once(":-") {
            Some((name, default)) => (name, Some(default)),
            None => (plain, None),
        };
        if !is_variable_name(name) {
            return Err(unresolved(
                format!("`${{{reference}}}` is not a reference that is known here"),
                "known: ${NAME}, ${NAME:-default}, ${env:NAME}, ${file:path}; write `$$` for a plain dollar sign"
                    .to_owned(),
            ));
        }
        let value = self.variable(name);
        // As in a shell, `:-` also stands in for a variable that is set but empty.
        let value = value.filter(|value| default.is_none() || !value.is_empty());
        value.or(default.map(str::to_owned)).ok_or_else(|| {
            unresolved(
                format!("the variable {name} is not set"),
                format!("set it in the environment, or in .env for files beside it and below, or give a default: ${{{name}:-…}}"),
            )
        })
    }

    fn variable(&self, name: &str) -> Option<String> {
        let vars = &self.environment.vars;
        vars.get(name).or_else(|| self.dotenv.get(name)).cloned()
    }

    /// What VS Code and Cursor know without an environment variable.
    fn editor_variable(&self, reference: &str) -> Option<String> {
        let path = match reference {
            "userHome" => self.environment.home.clone()?,
            "workspaceFolder" => {
                let name = self.folder.file_name().and_then(|name| name.to_str());
                let inside = matches!(name, Some(".vscode" | ".cursor"));
                let parent = self.folder.parent().filter(|_| inside);
                parent.unwrap_or(self.folder).to_path_buf()
            }
            "pathSeparator" | "/" => return Some(std::path::MAIN_SEPARATOR.to_string()),
            _ => return None,
        };
        Some(path.to_string_lossy().into_owned())
    }
}

/// The variable that stands for an input of VS Code: its id in capitals.
pub(crate) fn input_variable(id: &str) -> String {
    id.to_ascii_uppercase().replace(|character: char| !character.is_ascii_alphanumeric(), "_")
}

/// Whether a text is the name of an environment variable as shells know it.
pub(crate) fn is_variable_name(name: &str) -> bool {
    let first = name.chars().next();
    first.is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
        && name.chars().all(|character| character.is_ascii_alphanumeric() || character == '_')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn variables<'a>(environment: &'a Environment, dotenv: &'a BTreeMap<String, String>) -> Variables<'a> {
        Variables { environment, dotenv, folder: Path::new("/etc/project/.vscode"), foreign: false, files: Vec::new() }
    }

    fn environment() -> Environment {
        let pairs = [("A", "one"), ("EMPTY", ""), ("LOOP", "${A}"), ("API_KEY", "key")];
        let vars = pairs.map(|(name, value)| (name.to_owned(), value.to_owned()));
        Environment { vars: vars.into(), home: Some(PathBuf::from("/home/ann")), cwd: PathBuf::from("/") }
    }

    #[test]
    fn each_form_is_expanded_once() {
        let environment = environment();
        let dotenv = BTreeMap::from([("A".to_owned(), "no".to_owned()), ("D".to_owned(), "dot".to_owned())]);
        let mut variables = variables(&environment, &dotenv);
        let cases = [
            ("${A}-${env:A}", "one-one"),
            ("${D}", "dot"),
            ("${NONE:-x:-y}", "x:-y"),
            ("${EMPTY:-full}${EMPTY}", "full"),
            ("$${A} $A $$ $", "${A} $A $ $"),
            ("${LOOP}", "${A}"),
        ];
        for (text, expected) in cases {
            assert_eq!(variables.expand(text).as_deref(), Ok(expected), "{text}");
        }
        for text in ["${NONE}", "${", "${keyring:x}", "${a b}", "${file:/no/such}", "${input:a}"] {
            assert!(variables.expand(text).is_err(), "{text}");
        }
    }

    #[test]
    fn other_tools_have_inputs_folders_and_plain_dollars() {
        let environment = environment();
        let dotenv = BTreeMap::new();
        let mut variables = variables(&environment, &dotenv);
        variables.foreign = true;
        let cases = [
            ("${input:api-key}", "key"),
            ("${workspaceFolder}/x", "/etc/project/x"),
            ("${userHome}", "/home/ann"),
            ("a$$b $${A}", "a$$b ${A}"),
        ];
        for (text, expected) in cases {
            assert_eq!(variables.expand(text).as_deref(), Ok(expected), "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_a_variable_holds_is_never_expanded(value in ".*", before in "[^$]*", after in "[^$]*") {
            let text = format!("{before}${{X}}{after}");
            let expanded = expand(&text, false, |_| Ok(value.clone()));
            prop_assert_eq!(expanded, Ok(format!("{before}{value}{after}")));
        }

        #[test]
        fn any_text_is_expanded_or_refused(text in ".*") {
            let _ = expand(&text, false, |_| Ok(String::new()));
        }
    }
}

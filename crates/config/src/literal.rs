//! Values that should not stand in a file for all to read: how they look. It guesses, and rather too
//! often: who is told can look, who is not told cannot.

/// Words in the name of a value that say what it is.
const TELLING: &[&str] =
    &["TOKEN", "SECRET", "PASSWORD", "API_KEY", "APIKEY", "API-KEY", "AUTHORIZATION", "CREDENTIAL", "COOKIE"];
/// How the keys of well-known services begin.
const KNOWN: &[&str] = &["ghp_", "github_pat_", "sk-", "xoxb-", "xoxp-", "AKIA", "glpat-", "Bearer "];
/// Shorter texts are no secrets.
const LENGTH_MIN: usize = 8;
/// Letters and digits mixed, and so long: nobody's word.
const MIXED_MIN: usize = 32;

/// Whether the value of this name should not stand in a file.
pub fn looks_secret(name: &str, value: &str) -> bool {
    if value.contains("${") || value.len() < LENGTH_MIN {
        return false;
    }
    let name = name.to_ascii_uppercase();
    let letters = value.chars().all(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_'));
    let mixed = value.contains(|letter: char| letter.is_ascii_digit())
        && value.contains(|letter: char| letter.is_ascii_alphabetic());
    TELLING.iter().any(|word| name.contains(word))
        || KNOWN.iter().any(|start| value.starts_with(start))
        || (letters && mixed && value.len() >= MIXED_MIN)
}

/// Whether a file of whatever format seems to hold a secret itself, and not only say where it is:
/// in a value with a telling name, in one that looks like a key, or in a URL with a password.
pub fn holds_secret(text: &str) -> bool {
    text.lines().any(|line| {
        let mut before = "";
        words(line).any(|word| {
            let name = std::mem::replace(&mut before, word);
            looks_secret(name, word) || has_password(word)
        })
    })
}

/// The texts of a line, whatever stands between them: names and values alike.
fn words(line: &str) -> impl Iterator<Item = &str> {
    let between = |letter: char| matches!(letter, '"' | '\'' | ',' | '{' | '}' | '[' | ']' | '=');
    let parts = line.split(between).map(|part| part.trim().trim_end_matches(':').trim());
    // In YAML nothing stands around a value.
    parts.flat_map(|part| part.split(": ")).map(str::trim).filter(|part| !part.is_empty())
}

/// Whether a URL says a password before its host.
fn has_password(word: &str) -> bool {
    let Some((_, rest)) = word.split_once("://") else { return false };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let user = authority.rsplit_once('@').map(|(user, _)| user);
    user.and_then(|user| user.split_once(':')).is_some_and(|(_, password)| !password.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_recognised_and_references_are_not() {
        for (name, value) in
            [("GITHUB_TOKEN", "abcdefgh"), ("X", "ghp_0123456789"), ("X", "0123456789abcdef0123456789abcdef")]
        {
            assert!(looks_secret(name, value), "{name}={value}");
        }
        for (name, value) in [("GITHUB_TOKEN", "${env:GITHUB_TOKEN}"), ("MODE", "production"), ("TOKEN", "no")] {
            assert!(!looks_secret(name, value), "{name}={value}");
        }
    }

    #[test]
    fn files_of_each_format_are_looked_through() {
        for text in [
            "[servers.a]\nenv = { MODE = \"x\", GITHUB_TOKEN = \"abcdefgh\" }",
            "token = \"correct horse battery\"",
            "{\"mcpServers\": {\"a\": {\"headers\": {\"Authorization\": \"Bearer abc.def\"}}}}",
            "env:\n  API_KEY: abcdefgh",
            "args = [\"--key\", \"sk-0123456789\"]",
            "state.url = \"postgres://me:hunter2@db/state\"",
        ] {
            assert!(holds_secret(text), "{text}");
        }
        for text in [
            "[servers.a]\ncommand = \"server-for-tokens\"\nargs = [\"--mode\", \"production\"]",
            "env = { GITHUB_TOKEN = \"${GITHUB_TOKEN}\" }",
            "listen.token = \"${file:~/.token}\"",
            "url = \"https://example.org/mcp\"\nstate.url = \"postgres://me@db/state\"",
            "names.max = 46",
        ] {
            assert!(!holds_secret(text), "{text}");
        }
    }
}

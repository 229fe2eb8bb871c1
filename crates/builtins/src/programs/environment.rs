//! The environment of a command: what every program needs, what keeps it from asking questions, and
//! what a caller may add. Secrets of this program are not in it.

use std::collections::BTreeMap;

/// Variables that every command gets if we have them; `LC_*` too.
const PASSED: &[&str] = &["PATH", "HOME", "USER", "LOGNAME", "LANG", "TZ", "TMPDIR"];
/// What a command gets in any case: nobody is there to page or to type a password.
const SET: &[(&str, &str)] = &[
    ("TERM", "dumb"),
    ("PAGER", "cat"),
    ("GIT_PAGER", "cat"),
    ("GIT_TERMINAL_PROMPT", "0"),
    ("GIT_PROTOCOL_FROM_USER", "0"),
];
/// What a caller may set without being asked: none of them makes a program run another.
const SETTABLE: &[&str] = &[
    "LANG",
    "LANGUAGE",
    "TZ",
    "TERM",
    "COLUMNS",
    "LINES",
    "NO_COLOR",
    "FORCE_COLOR",
    "CLICOLOR",
    "CI",
    "DEBUG",
    "VERBOSE",
    "RUST_LOG",
    "RUST_BACKTRACE",
    "NODE_ENV",
    "PYTHONUNBUFFERED",
    "PYTHONDONTWRITEBYTECODE",
];
/// Where programs are looked up if this program has no PATH.
const PATH_DEFAULT: &str = "/usr/local/bin:/usr/bin:/bin";

/// The most that a caller may set, and the longest value in bytes.
const SET_MAX: usize = 64;
const VALUE_BYTES_MAX: usize = 8192;

/// What of our own environment a command gets.
pub(crate) fn minimal(ours: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let passed = |name: &str| PASSED.contains(&name) || name.starts_with("LC_");
    let mut minimal: BTreeMap<String, String> =
        ours.iter().filter(|(name, _)| passed(name)).map(|(name, value)| (name.clone(), value.clone())).collect();
    minimal.entry("PATH".to_owned()).or_insert_with(|| PATH_DEFAULT.to_owned());
    minimal.extend(SET.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    minimal
}

/// Checks what a caller wants to set. `allowed`: names that a person added.
///
/// # Errors
/// Which variable is not set and why.
pub(crate) fn check(wanted: &BTreeMap<String, String>, allowed: &[String]) -> Result<(), String> {
    if wanted.len() > SET_MAX {
        return Err(format!("`env` has more than {SET_MAX} variables"));
    }
    for (name, value) in wanted {
        let settable = SETTABLE.contains(&name.as_str()) || name.starts_with("LC_") || allowed.contains(name);
        if !settable {
            return Err(format!("the variable `{name}` may not be set: it is not on the list"));
        }
        if value.contains('\0') || value.len() > VALUE_BYTES_MAX {
            return Err(format!("the value of `{name}` is no value: a NUL, or over {VALUE_BYTES_MAX} bytes"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_stay_and_what_runs_programs_is_not_set() {
        let map = |names: &[&str]| -> BTreeMap<String, String> {
            names.iter().map(|name| ((*name).to_owned(), "x".to_owned())).collect()
        };
        let passed = minimal(&map(&["HOME", "GITHUB_TOKEN", "LC_ALL", "SSH_AUTH_SOCK", "LD_PRELOAD"]));
        let names: Vec<&str> = passed.keys().map(String::as_str).collect();
        let git = ["GIT_PAGER", "GIT_PROTOCOL_FROM_USER", "GIT_TERMINAL_PROMPT"];
        assert_eq!(names, [&git[..], &["HOME", "LC_ALL", "PAGER", "PATH", "TERM"]].concat());
        for name in [
            "PATH",
            "LD_PRELOAD",
            "BASH_ENV",
            "GIT_SSH_COMMAND",
            "PYTHONPATH",
            "NODE_OPTIONS",
            "EDITOR",
            "IFS",
            "A=B",
            "",
        ] {
            assert!(check(&map(&[name]), &[]).is_err(), "{name}");
        }
        assert!(check(&map(&["CI", "LC_ALL", "TZ"]), &[]).is_ok());
        assert!(check(&map(&["MY_FLAG"]), &["MY_FLAG".to_owned()]).is_ok());
    }
}

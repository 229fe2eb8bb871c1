//! The command line of the bench programs: `--name value`, bare switches, and a command after `--`.
//!
//! Deliberately not clap: the floor gateway's memory and start time are yardsticks.

use crate::Failure;
use std::str::FromStr;

/// A parsed command line.
#[derive(Debug, Default)]
pub struct Flags {
    named: Vec<(String, String)>,
    /// Words that are neither flags nor their values.
    pub words: Vec<String>,
    /// Everything after `--`.
    pub command: Vec<String>,
}

impl Flags {
    /// Reads this process's arguments; the names in `switches` take no value.
    ///
    /// # Errors
    /// A flag without its value.
    pub fn of_process(switches: &[&str]) -> Result<Self, Failure> {
        Self::parse(std::env::args().skip(1), switches)
    }

    fn parse(args: impl IntoIterator<Item = String>, switches: &[&str]) -> Result<Self, Failure> {
        let mut flags = Self::default();
        let mut args = args.into_iter();
        while let Some(arg) = args.next() {
            match arg.strip_prefix("--") {
                Some("") => flags.command.extend(args.by_ref()),
                Some(name) if switches.contains(&name) => {
                    flags.named.push((name.to_owned(), String::new()));
                }
                Some(name) => {
                    let value = args.next().ok_or(format!("--{name} needs a value"))?;
                    flags.named.push((name.to_owned(), value));
                }
                None => flags.words.push(arg),
            }
        }
        Ok(flags)
    }

    /// The value of a flag, the last one if it was repeated.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        let found = self.named.iter().rev().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    /// Whether a flag or switch was given.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.text(name).is_some()
    }

    /// A flag's value as a number, or `default` when it was not given.
    ///
    /// # Errors
    /// A value that is not a number of this type.
    pub fn number<T: FromStr>(&self, name: &str, default: T) -> Result<T, Failure> {
        match self.text(name) {
            None => Ok(default),
            Some(value) => value.parse().map_err(|_| format!("--{name}: `{value}` is not a number of its kind").into()),
        }
    }

    /// A flag that has to be there.
    ///
    /// # Errors
    /// The flag was not given.
    pub fn required(&self, name: &str) -> Result<&str, Failure> {
        self.text(name).ok_or_else(|| format!("--{name} is needed").into())
    }
}

#[cfg(test)]
mod tests {
    use super::Flags;

    #[test]
    fn flags_switches_words_and_a_command() {
        let line = "http --conns 16 --stdio --conns 64 -- run --me".split(' ');
        let flags = Flags::parse(line.map(str::to_owned), &["stdio"]).unwrap();
        assert_eq!(flags.words, ["http"]);
        assert_eq!(flags.number("conns", 1).unwrap(), 64);
        assert!(flags.has("stdio") && !flags.has("secs"));
        assert_eq!(flags.command, ["run", "--me"]);
        assert!(flags.number::<u16>("stdio", 1).is_err());
    }

    #[test]
    fn a_flag_without_its_value_is_refused() {
        assert!(Flags::parse(["--conns".to_owned()], &[]).is_err());
    }
}

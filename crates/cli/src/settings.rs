//! What the global flags and their environment variables say, resolved once: a flag is stronger
//! than its variable. Nothing after this looks at raw arguments or at `SWITCHBOARD_…`.

use crate::env_vars;
use config::Environment;
use std::path::PathBuf;

/// Flags that every command knows. Each is also an environment variable.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct GlobalArgs {
    /// Read this configuration file; may be given several times, the last one is the strongest
    /// [env: SWITCHBOARD_CONFIG, separated by `:`]
    #[arg(long, global = true, value_name = "FILE", help_heading = "Global flags")]
    pub(crate) config: Vec<PathBuf>,

    /// Keep all state of this instance (socket, catalog, keys, logs) in this folder
    /// [env: SWITCHBOARD_DATA]
    #[arg(long, global = true, value_name = "DIR", help_heading = "Global flags")]
    pub(crate) data: Option<PathBuf>,

    /// Listen for HTTP clients on this address, such as 127.0.0.1:7420; port 0 takes a free one
    /// [env: SWITCHBOARD_LISTEN]
    #[arg(long, global = true, value_name = "ADDR", help_heading = "Global flags")]
    pub(crate) listen: Option<String>,

    /// Print one JSON document on stdout [env: SWITCHBOARD_JSON]
    #[arg(long, global = true, help_heading = "Global flags")]
    pub(crate) json: bool,

    /// Print only data and errors [env: SWITCHBOARD_QUIET]
    #[arg(short, long, global = true, help_heading = "Global flags")]
    pub(crate) quiet: bool,

    /// Say more; twice: say everything [env: SWITCHBOARD_VERBOSE]
    #[arg(short, long, global = true, action = clap::ArgAction::Count, help_heading = "Global flags")]
    pub(crate) verbose: u8,
}

/// The flags and variables, resolved.
#[derive(Debug, Clone, Default)]
pub(crate) struct Settings {
    pub(crate) config: Vec<PathBuf>,
    /// The data folder, where one is named.
    pub(crate) data: Option<PathBuf>,
    /// `--listen`; the variable is read with the configuration, which names it as the origin.
    pub(crate) listen: Option<String>,
    pub(crate) json: bool,
    pub(crate) quiet: bool,
    pub(crate) verbose: u8,
}

// === impl Settings ===

impl Settings {
    /// Resolves flags over variables.
    pub(crate) fn resolve(arguments: &GlobalArgs, environment: &Environment) -> Self {
        let variable = |name: &str| environment.vars.get(name).filter(|value| !value.is_empty());
        let on = |name: &str| variable(name).is_some_and(|value| !matches!(value.as_str(), "0" | "false" | "no"));
        let listed = variable(env_vars::CONFIG).map(|files| files.split(':').filter(|file| !file.is_empty()));
        let config = match arguments.config.is_empty() {
            true => listed.into_iter().flatten().map(PathBuf::from).collect(),
            false => arguments.config.clone(),
        };
        let verbose = variable(env_vars::VERBOSE).and_then(|value| value.parse().ok());
        Self {
            config,
            data: arguments.data.clone().or_else(|| variable(env_vars::DATA).map(PathBuf::from)),
            listen: arguments.listen.clone(),
            json: arguments.json || on(env_vars::JSON),
            quiet: arguments.quiet || on(env_vars::QUIET),
            verbose: arguments.verbose.max(verbose.unwrap_or(0)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(vars: &[(&str, &str)]) -> Environment {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Environment { vars: vars.iter().map(owned).collect(), ..Environment::default() }
    }

    #[test]
    fn a_flag_is_stronger_than_its_variable() {
        let vars = [("SWITCHBOARD_CONFIG", "a:b"), ("SWITCHBOARD_DATA", "/d"), ("SWITCHBOARD_JSON", "1")];
        let from_variables = Settings::resolve(&GlobalArgs::default(), &environment(&vars));
        assert_eq!(from_variables.config, [PathBuf::from("a"), PathBuf::from("b")]);
        assert!(from_variables.json && from_variables.data == Some("/d".into()));
        let arguments = GlobalArgs { config: vec!["c".into()], data: Some("/e".into()), ..GlobalArgs::default() };
        let from_flags = Settings::resolve(&arguments, &environment(&vars));
        assert_eq!((from_flags.config, from_flags.data), (vec!["c".into()], Some("/e".into())));
    }

    #[test]
    fn no_is_no() {
        for value in ["", "0", "false", "no"] {
            assert!(!Settings::resolve(&GlobalArgs::default(), &environment(&[("SWITCHBOARD_QUIET", value)])).quiet);
        }
    }
}

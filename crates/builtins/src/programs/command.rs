//! From a command line to an order: words, program, arguments, folder, environment, each judged.
//! It runs nothing.

use super::allowed::{Allowed, NotAllowed};
use super::{arguments, environment, rules, words};
use crate::beneath::Roots;
use crate::spawner::{Limits, Order};
use protocol::tools::{Failure, FailureKind};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// How many letters may be wrong or swapped in a name that is offered for one that is not there.
const WRONG_MAX: usize = 2;

/// What one server lets be run, and how.
#[derive(Debug)]
pub(crate) struct Commands {
    pub(crate) roots: Arc<Roots>,
    pub(crate) allowed: Allowed,
    /// Arguments may point out of the roots.
    pub(crate) outside_paths: bool,
    /// Names of variables that callers may set beside the usual ones.
    pub(crate) settable: Vec<String>,
    pub(crate) environment: BTreeMap<String, String>,
    pub(crate) limits: Limits,
}

/// A command line as it was asked for.
#[derive(Debug, Clone)]
pub(crate) struct Command {
    pub(crate) line: String,
    pub(crate) env: BTreeMap<String, String>,
}

// === impl Commands ===

impl Commands {
    /// The folder that `asked` means, or the first root.
    ///
    /// # Errors
    /// It is none, or not below a root.
    pub(crate) fn folder(&self, asked: Option<&str>) -> Result<PathBuf, Failure> {
        let place = match asked {
            Some(asked) => self.roots.place(asked)?,
            None => self.roots.first()?,
        };
        Ok(self.roots.open_folder(&place)?.path)
    }

    /// The order that a command line in `cwd` comes to.
    ///
    /// # Errors
    /// Why it is not run.
    pub(crate) fn order(&self, command: &Command, cwd: &Path) -> Result<Order, Failure> {
        let denied = |why: String| Failure::new(FailureKind::Denied, why);
        environment::check(&command.env, &self.settable).map_err(|why| {
            denied(why).next("leave it out, or a person adds its name to `env` in the options of this server")
        })?;
        let words = words::split(&command.line).map_err(|why| {
            Failure::validation(format!("the command {why}"))
                .next("give one program with its arguments: no shell reads it")
        })?;
        let [program, args @ ..] = words.as_slice() else {
            return Err(Failure::validation("the command names no program"));
        };
        let path = self.program(program, cwd)?;
        if !self.allowed.is_any() {
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            if let Some(why) = rules::refused(&name, args) {
                return Err(denied(why).next("run the program directly, or ask a person"));
            }
        }
        if !self.outside_paths {
            let roots: Vec<PathBuf> = self.roots.each().iter().map(|root| root.path()).collect();
            if let Some(argument) = arguments::outside(args, cwd, &roots) {
                let message = format!("`{argument}` points out of the folders that may be used");
                let next = format!(
                    "use paths below {}, or a person sets `outside_paths = true` in the options of this server",
                    self.roots.shown().join(", ")
                );
                return Err(denied(message).next(next));
            }
        }
        let mut env = self.environment.clone();
        env.extend(command.env.clone());
        let (env, args) = (env.into_iter().collect(), args.to_vec());
        Ok(Order { program: path, args, env, cwd: cwd.to_owned(), limits: self.limits })
    }

    /// The order that a script for `interpreter` comes to: a person named it, and it is not looked into.
    pub(crate) fn script(&self, interpreter: &Path, script: &str, cwd: &Path) -> Order {
        let args = vec!["-e".to_owned(), "-c".to_owned(), script.to_owned()];
        let env = self.environment.clone().into_iter().collect();
        Order { program: interpreter.to_owned(), args, env, cwd: cwd.to_owned(), limits: self.limits }
    }

    /// The file of a program that may run.
    fn program(&self, program: &str, cwd: &Path) -> Result<PathBuf, Failure> {
        if self.allowed.is_empty() {
            return Err(Failure::new(FailureKind::Unavailable, "this server may run no program yet")
                .next("a person names programs in the entry of this server: options = { allow = [\"git\", \"ls\"] }"));
        }
        let told = || format!("use one of: {}; a person may add others to `allow`", self.allowed.told());
        self.allowed.resolve(program, cwd).map_err(|why| match why {
            NotAllowed::Missing => {
                let failure = Failure::new(FailureKind::NotFound, format!("there is no program `{program}`"));
                match self.like(program) {
                    Some(like) => failure.next(format!("did you mean {like}?")),
                    None => failure.next(told()),
                }
            }
            NotAllowed::Unlisted { path } => {
                let message = format!("`{program}` ({}) is not on the list of programs that may run", path.display());
                Failure::new(FailureKind::Denied, message).next(told())
            }
        })
    }

    fn like(&self, program: &str) -> Option<&str> {
        let wrong = |name: &str| strsim::osa_distance(program, name);
        let near =
            self.allowed.names().filter(|name| wrong(name) <= WRONG_MAX && wrong(name) + 1 < name.chars().count());
        near.min_by_key(|name| wrong(name))
    }
}

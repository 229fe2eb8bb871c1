//! A failure as a person reads it: what happened, why, and what to do next. Its kind decides the
//! exit code.

use control::Problem;
use serde::Serialize;

/// The kinds of failure of a command, and how the process ends with them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// What was asked for failed.
    Failed,
    /// The command line or the configuration is wrong.
    Usage,
    /// No daemon runs on the data folder.
    NoDaemon,
    /// The daemon cannot listen where it is told to.
    NoPlace,
}

/// A failure.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Report {
    /// The kind, by the name that the documentation uses.
    pub(crate) kind: String,
    /// Exit code.
    pub(crate) exit: u8,
    /// What happened.
    pub(crate) message: String,
    /// Why, in the words of whoever knows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cause: Option<String>,
    /// What to do next.
    pub(crate) hints: Vec<String>,
    /// Whether everything was already said, so that only the exit code is left.
    #[serde(skip)]
    pub(crate) is_said: bool,
}

// === impl Kind ===

impl Kind {
    /// Every kind with its name, exit code and meaning; kinds that only the daemon reports follow
    /// from its error table.
    pub(crate) const EXIT_CODES: &[(u8, &str)] = &[
        (0, "done"),
        (1, "what was asked for failed"),
        (2, "wrong usage or configuration"),
        (3, "no daemon runs on the data folder"),
        (10, "not now: try later"),
        (11, "needs a person: a rule, an approval or a token"),
        (12, "unknown name"),
        (70, "a bug of ours"),
        (78, "the daemon cannot listen where it is told to: a port or a socket is taken, or an address is not ours"),
    ];

    fn name_and_exit(self) -> (&'static str, u8) {
        match self {
            Self::Failed => ("failed", 1),
            Self::Usage => ("usage", 2),
            Self::NoDaemon => ("no_daemon", 3),
            // EX_CONFIG of sysexits(3).
            Self::NoPlace => ("no_place", 78),
        }
    }
}

// === impl Report ===

impl Report {
    /// A failure of `kind`.
    pub(crate) fn new(kind: Kind, message: impl Into<String>) -> Self {
        let (name, exit) = kind.name_and_exit();
        Self { kind: name.to_owned(), exit, message: message.into(), cause: None, hints: Vec::new(), is_said: false }
    }

    /// Something asked for that failed.
    pub(crate) fn failed(message: impl Into<String>) -> Self {
        Self::new(Kind::Failed, message)
    }

    /// A wrong command line or configuration.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(Kind::Usage, message)
    }

    /// Says why.
    pub(crate) fn cause(mut self, cause: impl std::fmt::Display) -> Self {
        self.cause = Some(cause.to_string());
        self
    }

    /// Says what to do next.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// Only the exit code is left to give, if `said`.
    pub(crate) fn said(self, said: bool) -> Self {
        Self { is_said: said, ..self }
    }
}

impl From<Problem> for Report {
    fn from(problem: Problem) -> Self {
        Self {
            kind: problem.kind,
            exit: problem.exit,
            message: problem.title,
            cause: None,
            hints: problem.hint.into_iter().collect(),
            is_said: false,
        }
    }
}

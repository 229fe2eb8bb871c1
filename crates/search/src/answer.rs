//! What is asked and what is answered.

use crate::rules::Rules;
use crate::uses::Uses;
use serde::Serialize;
use std::fmt;

/// How many tools an answer has when nobody says.
pub const LIMIT: usize = 5;

/// The most tools that an answer has.
pub const LIMIT_MAX: usize = 100;

/// A question to the index.
#[derive(Clone, Copy)]
pub struct Query<'a> {
    /// What is wanted, in words: a step or a whole task.
    pub text: &'a str,
    /// How many tools at most, 1 to [`LIMIT_MAX`].
    pub limit: usize,
    /// Only tools of this server.
    pub server: Option<&'a str>,
    /// Only tools, by id, for which this says yes: what the asker may see. It is asked of good
    /// candidates only.
    pub only: Option<&'a dyn Fn(&str) -> bool>,
    /// What the person configured.
    pub rules: &'a Rules,
    /// What this asker used before.
    pub uses: Option<&'a Uses>,
    /// Now, in milliseconds of the Unix epoch; uses age by it.
    pub now_ms: u64,
}

impl<'a> Query<'a> {
    /// A question without rules, uses and filters, for [`LIMIT`] tools.
    #[must_use]
    pub fn new(text: &'a str) -> Self {
        Self { text, limit: LIMIT, server: None, only: None, rules: Rules::none(), uses: None, now_ms: 0 }
    }
}

/// An answer of the index.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Answer {
    /// How sure it is. With [`Band::Nothing`] the best few are listed all the same, and no server is chosen.
    pub band: Band,
    /// The best tools, best first.
    pub tools: Vec<Hit>,
    /// The best servers, best first.
    pub servers: Vec<ServerHit>,
    /// The steps that the text was split into; empty when it is one step.
    pub parts: Vec<String>,
}

/// How sure an answer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Band {
    /// A tool fits.
    Confident,
    /// A tool may fit: ask, or show the servers.
    Weak,
    /// No tool fits.
    Nothing,
}

/// A tool that fits.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Hit {
    /// Its id.
    pub id: String,
    /// Its server's name.
    pub server: String,
    /// How well it fits, 0 to 1, comparable within one answer.
    pub score: f32,
    /// Why.
    pub reasons: Vec<Reason>,
}

/// A server that fits.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ServerHit {
    /// Its name.
    pub server: String,
    /// How well it fits, 0 to 1, comparable within one answer.
    pub score: f32,
    /// The ids of its best tools, best first; empty when only a rule names the server.
    pub tools: Vec<String>,
    /// Whether it is of the smallest set of servers to wake for the text.
    pub chosen: bool,
    /// Why.
    pub reasons: Vec<Reason>,
}

/// Why something fits.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Reason {
    /// The text has the name in full.
    Exact {
        /// The name as the text has it.
        what: String,
    },
    /// Words in common.
    Terms {
        /// The words as the text has them, those that tell most first.
        terms: Vec<String>,
    },
    /// It means about the same.
    Meaning {
        /// How near, -1 to 1.
        cosine: f32,
    },
    /// The asker used it for something like this before.
    Use {
        /// How near the nearest such text was, -1 to 1.
        similarity: f32,
        /// How many uses are remembered.
        times: u32,
    },
    /// The asker often uses it after the tool used last.
    HandOff {
        /// The tool used last.
        after: String,
    },
    /// A configured keyword or pattern says so.
    Rule {
        /// The keyword or pattern.
        rule: String,
    },
    /// It fits a step of the text.
    Part {
        /// The step.
        text: String,
    },
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact { what } => write!(f, "the text names it: {what}"),
            Self::Terms { terms } => write!(f, "words: {}", terms.join(", ")),
            Self::Meaning { cosine } => write!(f, "meaning: {cosine:.2}"),
            Self::Use { similarity, times: 1 } => write!(f, "used before for something {similarity:.2} alike"),
            Self::Use { similarity, times } => {
                write!(f, "used {times} times before, once for something {similarity:.2} alike")
            }
            Self::HandOff { after } => write!(f, "often used after {after}"),
            Self::Rule { rule } => write!(f, "configured: {rule}"),
            Self::Part { text } => write!(f, "for the step \"{text}\""),
        }
    }
}

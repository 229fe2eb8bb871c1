//! Keywords and patterns that a person configured for servers: the predecessor's `server_keywords`
//! and `task_patterns`, matched as words.
//!
//! A rule is an override that is shown as such. It is never a piece of a word: "prefer" does not
//! contain `pr`. It deliberately reads no file.

use crate::words::{Stems, Term, words};
use regex::{Regex, RegexBuilder};
use std::collections::BTreeMap;

/// How many keywords and patterns there may be.
const RULES_MAX: usize = 4096;

/// How long a keyword or pattern may be (bytes).
const RULE_BYTES_MAX: usize = 1024;

/// How much memory one compiled pattern may take (bytes).
const PATTERN_BYTES_MAX: usize = 1 << 20;

/// What a keyword adds to a server and its tools.
const KEYWORD_BONUS: f32 = 0.15;

/// What a pattern adds. The predecessor counted it three times; here it counts twice.
const PATTERN_BONUS: f32 = 0.3;

/// The most that all rules of a server add.
const BONUS_MAX: f32 = 0.45;

/// Compiled keywords and patterns.
#[derive(Debug, Default)]
pub struct Rules {
    servers: Vec<Of>,
}

#[derive(Debug)]
struct Of {
    server: String,
    keywords: Vec<(String, Vec<Term>)>,
    patterns: Vec<Regex>,
}

/// A keyword or pattern that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BadRule {
    /// No regular expression, or too large a one.
    #[error("task_patterns.{server}: {pattern:?} is no pattern that can be used: {source}")]
    Pattern {
        /// Whose it is.
        server: String,
        /// As it was written.
        pattern: String,
        /// What is wrong with it.
        source: Box<regex::Error>,
    },
    /// Without a word to match.
    #[error("server_keywords.{server}: {keyword:?} has no word in it")]
    Keyword {
        /// Whose it is.
        server: String,
        /// As it was written.
        keyword: String,
    },
    /// Longer than a rule may be.
    #[error("a rule of {server} is longer than {RULE_BYTES_MAX} bytes")]
    Long {
        /// Whose it is.
        server: String,
    },
    /// Too many.
    #[error("there are more than {RULES_MAX} keywords and patterns")]
    TooMany,
}

/// What rules say of one server.
#[derive(Debug, PartialEq)]
pub(crate) struct Ruled<'a> {
    pub(crate) server: &'a str,
    pub(crate) bonus: f32,
    /// The keywords and patterns that matched, as they were written.
    pub(crate) rules: Vec<&'a str>,
}

static NONE: Rules = Rules { servers: Vec::new() };

impl Rules {
    /// No rules.
    #[must_use]
    pub fn none() -> &'static Self {
        &NONE
    }

    /// Compiles the lists by server. A keyword may be several words; case and endings do not matter.
    ///
    /// # Errors
    /// A pattern that is no regular expression, a keyword without a word, too much of either.
    pub fn compile(
        server_keywords: &BTreeMap<String, Vec<String>>,
        task_patterns: &BTreeMap<String, Vec<String>>,
    ) -> Result<Self, BadRule> {
        let count = server_keywords.values().chain(task_patterns.values()).map(Vec::len).sum::<usize>();
        if count > RULES_MAX {
            return Err(BadRule::TooMany);
        }
        let mut stems = Stems::new();
        let mut servers: BTreeMap<&str, Of> = BTreeMap::new();
        for (server, keywords) in server_keywords {
            let of = servers.entry(server).or_insert_with(|| Of::new(server));
            for keyword in keywords {
                of.keywords.push((keyword.clone(), keyword_terms(server, keyword, &mut stems)?));
            }
        }
        for (server, patterns) in task_patterns {
            let of = servers.entry(server).or_insert_with(|| Of::new(server));
            for pattern in patterns {
                of.patterns.push(compile_pattern(server, pattern)?);
            }
        }
        Ok(Self { servers: servers.into_values().collect() })
    }

    /// What the rules say of `text`, by server.
    pub(crate) fn matching(&self, text: &str, stems: &mut Stems) -> Vec<Ruled<'_>> {
        if self.servers.is_empty() {
            return Vec::new();
        }
        let terms = all_terms(text, stems);
        let hits = self.servers.iter().filter_map(|of| {
            let has = |keyword: &[Term]| terms.windows(keyword.len()).any(|window| window == keyword);
            let keywords = of.keywords.iter().filter(|(_, keyword)| has(keyword)).map(|(word, _)| word.as_str());
            let patterns = of.patterns.iter().filter(|pattern| pattern.is_match(text)).map(Regex::as_str);
            let (keywords, patterns): (Vec<&str>, Vec<&str>) = (keywords.collect(), patterns.collect());
            let bonus = KEYWORD_BONUS * keywords.len() as f32 + PATTERN_BONUS * patterns.len() as f32;
            let rules: Vec<&str> = patterns.into_iter().chain(keywords).collect();
            (!rules.is_empty()).then(|| Ruled { server: &of.server, bonus: bonus.min(BONUS_MAX), rules })
        });
        hits.collect()
    }
}

impl Of {
    fn new(server: &str) -> Self {
        Self { server: server.to_owned(), keywords: Vec::new(), patterns: Vec::new() }
    }
}

fn keyword_terms(server: &str, keyword: &str, stems: &mut Stems) -> Result<Vec<Term>, BadRule> {
    if keyword.len() > RULE_BYTES_MAX {
        return Err(BadRule::Long { server: server.to_owned() });
    }
    let terms = all_terms(keyword, stems);
    if terms.is_empty() {
        return Err(BadRule::Keyword { server: server.to_owned(), keyword: keyword.to_owned() });
    }
    Ok(terms)
}

fn compile_pattern(server: &str, pattern: &str) -> Result<Regex, BadRule> {
    if pattern.len() > RULE_BYTES_MAX {
        return Err(BadRule::Long { server: server.to_owned() });
    }
    let mut builder = RegexBuilder::new(pattern);
    builder.case_insensitive(true).size_limit(PATTERN_BYTES_MAX).dfa_size_limit(PATTERN_BYTES_MAX);
    builder.build().map_err(|source| BadRule::Pattern {
        server: server.to_owned(),
        pattern: pattern.to_owned(),
        source: Box::new(source),
    })
}

/// The terms of all words, stop words too.
fn all_terms(text: &str, stems: &mut Stems) -> Vec<Term> {
    let mut terms = Vec::new();
    words(text, &mut |word| terms.push(stems.term(word)));
    terms
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lists(lists: &[(&str, &[&str])]) -> BTreeMap<String, Vec<String>> {
        let owned = |list: &[&str]| list.iter().map(|rule| (*rule).to_owned()).collect();
        lists.iter().map(|(server, list)| ((*server).to_owned(), owned(list))).collect()
    }

    fn predecessors() -> Rules {
        let github = ["github", "repository", "repo", "commit", "pull request", "pr", "issue", "branch", "git"];
        let keywords = lists(&[("github", &github), ("filesystem", &["ls", "cat", "file"])]);
        Rules::compile(&keywords, &lists(&[("github", &[r"create .* (repo|repository)"])])).unwrap()
    }

    fn hit(text: &str) -> Vec<(String, Vec<String>)> {
        let rules = predecessors();
        let ruled = rules.matching(text, &mut Stems::new());
        ruled
            .iter()
            .map(|one| (one.server.to_owned(), one.rules.iter().map(|rule| (*rule).to_owned()).collect()))
            .collect()
    }

    #[test]
    fn a_keyword_is_a_word_never_a_piece_of_one() {
        for text in ["I prefer Python", "my digital preferences", "the tools concatenate", "approximately"] {
            assert_eq!(hit(text), [], "{text}");
        }
        assert_eq!(hit("review my PR"), [("github".to_owned(), vec!["pr".to_owned()])]);
        assert_eq!(hit("two pull requests"), [("github".to_owned(), vec!["pull request".to_owned()])]);
    }

    #[test]
    fn patterns_count_more_and_all_together_are_capped() {
        let rules = predecessors();
        let ruled = rules.matching("Create a new repository", &mut Stems::new());
        assert_eq!(ruled.len(), 1);
        assert_eq!(ruled[0].rules, ["create .* (repo|repository)", "repository"]);
        assert!((ruled[0].bonus - BONUS_MAX).abs() < 1e-6);
    }

    #[test]
    fn what_cannot_be_a_rule_is_refused_with_its_place() {
        let none = BTreeMap::new();
        let bad = |keywords: &[(&str, &[&str])], patterns: &[(&str, &[&str])]| {
            Rules::compile(&lists(keywords), &lists(patterns)).unwrap_err().to_string()
        };
        assert!(bad(&[], &[("a", &["("])]).starts_with("task_patterns.a: \"(\" is no pattern"));
        assert_eq!(bad(&[("a", &["--"])], &[]), "server_keywords.a: \"--\" has no word in it");
        let long = "x".repeat(2000);
        assert!(bad(&[("a", &[&long])], &[]).contains("longer than 1024 bytes"));
        assert!(bad(&[], &[("a", &["(a{1000}){1000}"])]).contains("no pattern"));
        assert!(Rules::compile(&none, &none).unwrap().matching("x", &mut Stems::new()).is_empty());
    }
}

//! May this principal do this? One question, asked at the one place every call passes.
//!
//! Rules are compiled when the configuration changes; asking costs no look-up in a file and no
//! lock. What is not offered is not listed either, so nobody sees what they may not call.

use globset::{Glob, GlobSet, GlobSetBuilder};
use protocol::{Error, ErrorKind, Principal};

/// What somebody wants to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Call a tool.
    CallTool,
    /// Get a prompt.
    GetPrompt,
    /// Read a resource.
    ReadResource,
    /// Anything else that reaches a server.
    Ask,
}

/// What it is done to.
#[derive(Debug, Clone, Copy)]
pub struct Resource<'a> {
    /// Declared name of the server.
    pub server: &'a str,
    /// The server's own name of the tool or prompt, or the URI.
    pub own: &'a str,
    /// The rules of the server's entry.
    pub rules: &'a ToolRules,
}

/// `tools.allow` and `tools.deny` of one entry, compiled.
#[derive(Debug, Clone, Default)]
pub struct ToolRules {
    allow: Option<GlobSet>,
    deny: GlobSet,
}

/// What the rules of an entry say about one tool, and which pattern says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RuleVerdict {
    /// There is no rule about it.
    Unrestricted,
    /// The pattern of `tools.allow` at this place.
    Allowed(usize),
    /// `tools.allow` has patterns, and none is about it.
    NotAllowed,
    /// The pattern of `tools.deny` at this place.
    Denied(usize),
}

/// A pattern that cannot be compiled.
#[derive(Debug, thiserror::Error)]
#[error("`{pattern}` is no pattern: {why}")]
pub struct BadPattern {
    /// The pattern.
    pub pattern: String,
    /// What is wrong with it.
    pub why: String,
}

impl ToolRules {
    /// Compiles the patterns; no allow patterns allow everything.
    ///
    /// # Errors
    /// The first pattern that is none.
    pub fn compile(allow: &[String], deny: &[String]) -> Result<Self, BadPattern> {
        let allow = if allow.is_empty() { None } else { Some(globs(allow)?) };
        Ok(Self { allow, deny: globs(deny)? })
    }

    /// What decides about the tool `own`: to explain, not for calls.
    #[must_use]
    pub fn verdict(&self, own: &str) -> RuleVerdict {
        if let Some(at) = self.deny.matches(own).first() {
            return RuleVerdict::Denied(*at);
        }
        match &self.allow {
            None => RuleVerdict::Unrestricted,
            Some(allow) => allow.matches(own).first().map_or(RuleVerdict::NotAllowed, |at| RuleVerdict::Allowed(*at)),
        }
    }

    /// Whether the tool `own` is offered.
    #[must_use]
    pub fn offers(&self, own: &str) -> bool {
        self.allow.as_ref().is_none_or(|allow| allow.is_match(own)) && !self.deny.is_match(own)
    }
}

fn globs(patterns: &[String]) -> Result<GlobSet, BadPattern> {
    let bad = |pattern: &String, error: globset::Error| BadPattern { pattern: pattern.clone(), why: error.to_string() };
    let mut set = GlobSetBuilder::new();
    for pattern in patterns {
        set.add(Glob::new(pattern).map_err(|error| bad(pattern, error))?);
    }
    set.build().map_err(|error| bad(&String::new(), error))
}

/// May `principal` do `action` to `resource`?
///
/// # Errors
/// [`ErrorKind::Denied`] with the rule that forbids it.
pub fn authorize(principal: &Principal, action: Action, resource: Resource<'_>) -> Result<(), Error> {
    if action != Action::CallTool || resource.rules.offers(resource.own) {
        return Ok(());
    }
    let (own, server, who) = (resource.own, resource.server, principal.as_str());
    let message = format!(
        "`{who}` may not call `{own}` of the server `{server}`: its entry's tools.allow or tools.deny excludes it"
    );
    Err(Error::new(ErrorKind::Denied, message)
        .hint("change tools.allow or tools.deny in the configuration; it is read again at once"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(allow: &[&str], deny: &[&str]) -> ToolRules {
        let owned = |patterns: &[&str]| patterns.iter().map(|&p| p.to_owned()).collect::<Vec<_>>();
        ToolRules::compile(&owned(allow), &owned(deny)).unwrap()
    }

    #[test]
    fn deny_wins_and_no_allow_allows_all() {
        assert!(rules(&[], &[]).offers("x"));
        assert!(!rules(&[], &["delete_*"]).offers("delete_all"));
        assert!(!rules(&["read_*"], &[]).offers("write"));
        assert!(!rules(&["*"], &["w*"]).offers("write"));
        assert_eq!(rules(&["r*"], &["a", "w*"]).verdict("write"), RuleVerdict::Denied(1));
        assert_eq!(rules(&["a", "r*"], &[]).verdict("read"), RuleVerdict::Allowed(1));
        assert_eq!(rules(&["a"], &[]).verdict("read"), RuleVerdict::NotAllowed);
    }

    #[test]
    fn the_refusal_says_who_what_and_what_next() {
        let rules = rules(&["read_*"], &[]);
        let resource = Resource { server: "s", own: "write", rules: &rules };
        let error = authorize(&Principal::new("local"), Action::CallTool, resource).unwrap_err();
        assert!(error.message.contains("`write`") && error.hint.is_some());
        assert!(authorize(&Principal::new("local"), Action::GetPrompt, resource).is_ok());
    }

    #[test]
    fn a_bad_pattern_is_named() {
        let error = ToolRules::compile(&["[".to_owned()], &[]).unwrap_err();
        assert_eq!(error.pattern, "[");
    }
}

//! Which definitions of tools a person approved: a digest of each, recorded at the first listing of
//! an approved server. What a server says about its tools later counts only as long as it is the same.
//!
//! The record is handed in at start and out on change; this file reads and writes no disk, and
//! keeps nobody from calling a tool that changed.

use super::canonical::Canonical;
use protocol::{Object, Raw, Text};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, HashMap};

/// What was approved, by declared server name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovedTools {
    /// One entry per server that was ever listed.
    pub servers: BTreeMap<String, ApprovedServer>,
}

/// What was approved of one server.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovedServer {
    /// Hash of the entry that this is about; another entry is approved anew.
    pub definition: String,
    /// SHA-256 in hex of each definition, by the server's own name of the tool.
    pub tools: BTreeMap<String, String>,
}

/// How a definition stands to what was approved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    Approved,
    Changed,
    /// There was no tool of that name.
    New,
}

/// What is known of one tool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fact {
    pub(crate) digest: [u8; 32],
    pub(crate) standing: Standing,
    /// What the server says of it: the same bytes as in its catalog.
    definition: Raw,
    /// What it said when it was approved, where it says something else now and we have seen both.
    pub(crate) before: Option<Raw>,
    read_only: bool,
    idempotent: bool,
    /// It says that it takes nothing away.
    additive: bool,
}

/// What is known of the tools of one server, by own name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ToolFacts(HashMap<Text, Fact>);

/// The digest of a definition: all of it that a model or a person may see, whatever the order of
/// its keys. `_meta` is between programs.
#[must_use]
pub fn digest(definition: &Raw) -> [u8; 32] {
    let value: Canonical<'_> = serde_json::from_str(definition.as_str()).unwrap_or_default();
    Sha256::digest(value.without("_meta").text()).into()
}

/// Hundreds of them are written at a start, so without `format!`, which takes 300 instructions a byte.
fn hex(digest: &[u8; 32]) -> String {
    let digits = digest.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.map(|digit| char::from(if digit < 10 { b'0' + digit } else { b'a' - 10 + digit })).collect()
}

/// A tool and the digest of its definition.
struct Digested {
    name: Text,
    definition: Raw,
    tool: Object,
    digest: [u8; 32],
}

/// Each definition is read once: that is most of what the start of many servers costs.
fn digested(tools: &[Raw]) -> Vec<Digested> {
    let one = |definition: &Raw| {
        let tool = Object::of(definition).ok()?;
        Some(Digested { name: tool.text("name")?, definition: definition.clone(), tool, digest: digest(definition) })
    };
    tools.iter().filter_map(one).collect()
}

impl ApprovedTools {
    /// What is known of `tools` of `server`, whose entry has the hash `definition`. A server without
    /// a record is recorded with what it has now. Says also whether the record is another one now.
    pub(crate) fn review(&mut self, server: &str, definition: &str, tools: &[Raw]) -> (ToolFacts, bool) {
        let tools = digested(tools);
        let known = self.servers.get(server).is_some_and(|known| known.definition == definition);
        // A server that has none yet says nothing that could be approved.
        let first = !known && !tools.is_empty();
        if first {
            self.record(server, definition, &tools);
        }
        let record = self.servers.get(server).filter(|record| record.definition == definition);
        let standing = |name: &Text, digest: &[u8; 32]| match record.and_then(|record| record.tools.get(name.as_str()))
        {
            Some(approved) if *approved == hex(digest) => Standing::Approved,
            Some(_) => Standing::Changed,
            None => Standing::New,
        };
        let facts = tools.iter().map(|Digested { name, definition, tool, digest }| {
            let hints = tool.object("annotations").unwrap_or_default();
            let hint = |key| hints.get(key).is_some_and(|value| value.as_bytes() == b"true");
            let standing = standing(name, digest);
            let (read_only, idempotent) = (hint("readOnlyHint"), hint("idempotentHint"));
            let additive = hints.get("destructiveHint").is_some_and(|value| value.as_bytes() == b"false");
            let (digest, definition) = (*digest, definition.clone());
            (name.clone(), Fact { digest, standing, definition, before: None, read_only, idempotent, additive })
        });
        (ToolFacts(facts.collect()), first)
    }

    /// A person approves `tools` of `server` as they are now.
    pub(crate) fn approve(&mut self, server: &str, definition: &str, tools: &[Raw]) {
        self.record(server, definition, &digested(tools));
    }

    fn record(&mut self, server: &str, definition: &str, tools: &[Digested]) {
        let tools = tools.iter().map(|tool| (tool.name.to_string(), hex(&tool.digest))).collect();
        self.servers.insert(server.to_owned(), ApprovedServer { definition: definition.to_owned(), tools });
    }
}

impl ToolFacts {
    /// What is known of `tool`.
    pub(crate) fn get(&self, tool: &Text) -> Option<&Fact> {
        self.0.get(tool)
    }

    /// Names of the tools that are not as they were approved, sorted.
    pub(crate) fn unapproved(&self) -> Vec<(String, Standing)> {
        let other = self.0.iter().filter(|(_, fact)| fact.standing != Standing::Approved);
        let mut names: Vec<_> = other.map(|(name, fact)| (name.to_string(), fact.standing)).collect();
        names.sort_unstable_by(|left, right| left.0.cmp(&right.0));
        names
    }

    /// Remembers of tools that are not as they were approved what they said then, as `earlier` knew it.
    pub(crate) fn remember(&mut self, earlier: &Self) {
        for (name, fact) in self.0.iter_mut().filter(|(_, fact)| fact.standing == Standing::Changed) {
            fact.before = earlier.0.get(name).and_then(|earlier| match earlier.standing {
                Standing::Approved => Some(earlier.definition.clone()),
                Standing::Changed | Standing::New => earlier.before.clone(),
            });
        }
    }

    /// Tools of `before` that are defined otherwise now, or not at all.
    pub(crate) fn redefined(&self, before: &Self) -> Vec<Text> {
        let same = |name: &Text, fact: &Fact| self.0.get(name).is_some_and(|now| now.digest == fact.digest);
        before.0.iter().filter(|(name, fact)| !same(name, fact)).map(|(name, _)| name.clone()).collect()
    }
}

impl Fact {
    /// Whether an approved definition says that the tool changes nothing.
    pub(crate) fn is_read_only(&self) -> bool {
        self.standing == Standing::Approved && self.read_only
    }

    /// Whether an approved definition says that the tool takes nothing away.
    pub(crate) fn is_additive(&self) -> bool {
        self.standing == Standing::Approved && (self.read_only || self.additive)
    }

    /// Whether an approved definition says that a second call changes nothing more.
    pub(crate) fn is_repeatable(&self) -> bool {
        self.standing == Standing::Approved && (self.read_only || self.idempotent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn tool(name: &str, about: &str) -> Raw {
        Raw::of(&json!({"name": name, "description": about, "annotations": {"readOnlyHint": true}}))
    }

    #[test]
    fn the_first_listing_is_approved_and_a_change_is_not() {
        let mut approved = ApprovedTools::default();
        let (facts, first) = approved.review("s", "d", &[tool("a", "x"), tool("b", "x")]);
        assert!(first && facts.unapproved().is_empty() && facts.get(&"a".into()).unwrap().is_read_only());
        let now = [tool("a", "y"), tool("b", "x"), tool("c", "x")];
        let (changed, first) = approved.review("s", "d", &now);
        assert!(!first);
        assert_eq!(changed.unapproved(), [("a".to_owned(), Standing::Changed), ("c".to_owned(), Standing::New)]);
        assert!(
            !changed.get(&"a".into()).unwrap().is_repeatable() && changed.get(&"b".into()).unwrap().is_repeatable()
        );
        assert_eq!(changed.redefined(&facts), [Text::from("a")]);
        approved.approve("s", "d", &now);
        assert!(approved.review("s", "d", &now).0.unapproved().is_empty());
        let before = |facts: &ToolFacts| facts.get(&"a".into()).unwrap().before.clone();
        let mut changed = changed;
        changed.remember(&facts);
        assert_eq!(before(&changed), Some(tool("a", "x")));
        let mut again = changed.clone();
        again.remember(&changed);
        assert_eq!(before(&again), Some(tool("a", "x")), "what was approved, not what was said last");
        let (other, first) = approved.review("s", "another entry", &now[..1]);
        assert!(first && other.unapproved().is_empty());
    }

    #[test]
    fn an_empty_list_approves_nothing() {
        let mut approved = ApprovedTools::default();
        assert!(!approved.review("s", "d", &[]).1);
        assert!(approved.review("s", "d", &[tool("a", "x")]).1);
    }

    #[test]
    fn the_digest_sees_what_a_model_sees_and_not_the_order_of_keys() {
        let of = |value: serde_json::Value| digest(&Raw::of(&value));
        let same = of(json!({"name": "a", "inputSchema": {"x": 1, "y": 2}}));
        assert_eq!(same, of(json!({"inputSchema": {"y": 2, "x": 1}, "name": "a", "_meta": {"z": 1}})));
        assert_ne!(same, of(json!({"name": "a", "inputSchema": {"x": 1, "y": 3}})));
    }
}

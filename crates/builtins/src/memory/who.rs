//! Who calls, and whose memories are meant: a space of one's own for each principal, and spaces
//! that are shared by name.
//!
//! It deliberately knows no rules of the gateway: who may not use the server does not get here.

use protocol::tools::{Failure, FailureKind};
use protocol::{CallContext, Principal};

/// The longest name of a shared space, in bytes.
pub(crate) const NAMESPACE_BYTES_MAX: usize = 64;
/// The longest part of a client's name that is kept, in bytes.
const CLIENT_BYTES_MAX: usize = 64;

/// A caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Who {
    pub(crate) principal: String,
    /// What the client calls itself.
    pub(crate) client: Option<String>,
}

/// The name of a space as the store has it: `~` before a principal's own, `+` before a shared one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SpaceName(String);

// === impl Who ===

impl Who {
    pub(crate) fn of(context: &CallContext) -> Self {
        let info = context.client.info.as_ref().and_then(|info| info.read::<serde_json::Value>().ok());
        let client = info.and_then(|info| info["name"].as_str().map(shortened)).filter(|name| !name.is_empty());
        Self { principal: context.principal.as_str().to_owned(), client }
    }

    /// The caller's own space.
    pub(crate) fn own(&self) -> SpaceName {
        SpaceName(format!("~{}", Principal::person(&self.principal)))
    }

    /// The space that a call is about: the shared one that it names, else the caller's own.
    pub(crate) fn space(&self, namespace: Option<&str>) -> Result<SpaceName, Failure> {
        let Some(name) = namespace.map(str::trim).filter(|name| !name.is_empty()) else { return Ok(self.own()) };
        if name.len() > NAMESPACE_BYTES_MAX || name.chars().any(char::is_control) {
            let message = format!("`namespace` must be a name of at most {NAMESPACE_BYTES_MAX} bytes");
            return Err(Failure::new(FailureKind::Validation, message));
        }
        Ok(SpaceName(format!("+{name}")))
    }

    /// The space that the store calls `stored`, if the caller may see into it.
    pub(crate) fn entered(&self, stored: &str) -> Option<SpaceName> {
        self.sees(stored).then(|| SpaceName(stored.to_owned()))
    }

    /// Whether the caller may see into the space that the store calls `stored`.
    pub(crate) fn sees(&self, stored: &str) -> bool {
        stored.starts_with('+') || stored == self.own().0
    }
}

fn shortened(name: &str) -> String {
    let end = (0..=CLIENT_BYTES_MAX.min(name.len())).rev().find(|at| name.is_char_boundary(*at)).unwrap_or(0);
    name.get(..end).unwrap_or_default().chars().filter(|letter| !letter.is_control()).collect()
}

// === impl SpaceName ===

impl SpaceName {
    /// As the store has it.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// The name that callers know a shared space by; nothing for somebody's own.
pub(crate) fn shared_name(stored: &str) -> Option<String> {
    stored.strip_prefix('+').map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::{Client, Principal, Raw, Version};
    use std::sync::Arc;

    fn who(principal: &str) -> Who {
        Who { principal: principal.into(), client: None }
    }

    #[test]
    fn everybody_has_a_space_of_their_own_and_sees_the_shared_ones() {
        let (alice, bob) = (who("alice"), who("bob"));
        assert!(alice.sees(alice.own().as_str()) && !alice.sees(bob.own().as_str()));
        let team = bob.space(Some(" team ")).unwrap();
        assert!(alice.sees(team.as_str()));
        assert_eq!(shared_name(team.as_str()), Some("team".into()));
        assert_eq!(shared_name(alice.own().as_str()), None);
    }

    #[test]
    fn no_shared_name_leads_into_somebodys_own_space() {
        for name in ["~bob", "bob", "+~bob"] {
            assert_ne!(who("alice").space(Some(name)).unwrap(), who("bob").own());
        }
        assert_eq!(who("alice").space(Some("")).unwrap(), who("alice").own());
        assert!(who("alice").space(Some("a\nb")).is_err() && who("alice").space(Some(&"x".repeat(65))).is_err());
    }

    #[test]
    fn the_person_at_this_machine_is_one_whichever_way_they_come() {
        assert_eq!(who("local").own(), who("anonymous-loopback").own());
    }

    #[test]
    fn the_client_is_what_it_calls_itself() {
        let mut context = CallContext::internal(Principal::new("p"));
        let info = Raw::of(&serde_json::json!({"name": "é".repeat(60), "version": "1"}));
        context.client = Arc::new(Client { version: Version::MODERN_LATEST, info: Some(info), capabilities: None });
        assert_eq!(Who::of(&context).client.unwrap().len(), CLIENT_BYTES_MAX);
    }
}

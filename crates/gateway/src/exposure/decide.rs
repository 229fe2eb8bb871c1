//! Which mode a client sees: what its profile says, or, with `auto`, what its budget has room for. Once
//! decided it stays: a list that changes its kind in the middle of a conversation costs more than it saves.
//!
//! The same catalog, configuration and client lead to the same decision, in this run and in the next.

use super::seat::client_name;
use super::{Mode, Seat, Shown};
use crate::catalog::Listing;
use crate::finder::now_ms;
use crate::gateway::Gateway;
use config::{Exposure, Profile};
use protocol::{CallContext, Principal, Text};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// How many decisions are remembered; the one unused longest makes room.
const DECISIONS_MAX: usize = 4096;
/// Whoever came back after so long begins a new conversation.
const IDLE_MAX: Duration = Duration::from_secs(6 * 60 * 60);

/// What was decided for somebody.
#[derive(Debug, Clone)]
pub(crate) struct Decision {
    pub(crate) mode: Mode,
    /// Public names of tools that are pinned besides those of the profile.
    pub(crate) pinned: Arc<[Text]>,
    /// What the client calls itself.
    pub(crate) client: Option<Arc<str>>,
    /// What its list may cost, in tokens.
    pub(crate) budget: usize,
    pub(crate) why: Arc<str>,
    used: Instant,
}

/// What was decided, by profile and by who sits there.
#[derive(Debug, Default)]
pub(crate) struct Decisions {
    made: Mutex<HashMap<(String, Seat), Decision>>,
}

// === impl Decisions ===

impl Decisions {
    /// What was decided, if it was.
    pub(crate) fn peek(&self, profile: &str, seat: &Seat) -> Option<Decision> {
        self.lock().get(&(profile.to_owned(), seat.clone())).cloned()
    }

    /// The same for somebody who asks now.
    fn find(&self, profile: &str, seat: &Seat, now: Instant) -> Option<Decision> {
        let mut made = self.lock();
        let found = made.get_mut(&(profile.to_owned(), seat.clone()))?;
        if matches!(seat, Seat::Client { .. }) && now.duration_since(found.used) > IDLE_MAX {
            return None;
        }
        found.used = now;
        Some(found.clone())
    }

    /// Keeps what was decided, unless somebody was quicker since `now`.
    fn keep(&self, profile: &str, seat: Seat, decision: Decision) -> Decision {
        let mut made = self.lock();
        let key = (profile.to_owned(), seat);
        if let Some(earlier) = made.get(&key).filter(|earlier| earlier.used >= decision.used) {
            return earlier.clone();
        }
        if made.len() >= DECISIONS_MAX && !made.contains_key(&key) {
            let idlest = made.iter().min_by_key(|(_, decision)| decision.used).map(|(key, _)| key.clone());
            idlest.map(|idlest| made.remove(&idlest));
        }
        made.insert(key, decision.clone());
        decision
    }

    /// Everything that was decided for the profile.
    pub(crate) fn of(&self, profile: &str) -> Vec<Decision> {
        self.lock().iter().filter(|((of, _), _)| of == profile).map(|(_, decision)| decision.clone()).collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<(String, Seat), Decision>> {
        self.made.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What `profile` means for the client called `client`, whose list of all tools costs `tokens`.
pub(crate) fn decide(profile: &Profile, client: Option<&str>, tokens: usize) -> (Mode, String) {
    let budget = profile.budget(client);
    let whose = match client.filter(|client| profile.context_budgets.contains_key(*client)) {
        Some(client) => format!("the budget of {budget} for `{client}`"),
        None => format!("the budget of {budget}"),
    };
    match profile.exposure {
        Exposure::All => (Mode::All, "exposure = \"all\"".to_owned()),
        Exposure::Search => (Mode::Search, "exposure = \"search\"".to_owned()),
        Exposure::Auto if tokens > budget => (Mode::Search, format!("all tools cost {tokens} tokens, above {whose}")),
        Exposure::Auto => (Mode::All, format!("all tools cost {tokens} tokens, within {whose}")),
    }
}

impl Gateway {
    /// What whoever calls sees of `shown`.
    pub(crate) async fn decided(&self, shown: &Arc<Shown>, context: &CallContext) -> Decision {
        let (profile, now) = (&shown.profile, Instant::now());
        let is_auto = profile.exposure == Exposure::Auto;
        let seat = is_auto.then(|| Seat::of(context));
        if let Some(found) = seat.as_ref().and_then(|seat| self.decisions.find(&profile.name, seat, now)) {
            return found;
        }
        let client = if is_auto { client_name(context) } else { None };
        let tokens = if is_auto { shown.cost().await.all } else { 0 };
        let (mode, why) = decide(profile, client.as_deref(), tokens);
        let pinned = match seat.is_some() && mode == Mode::Search {
            true => self.daily(&context.principal).await.into(),
            false => Arc::from([]),
        };
        let budget = profile.budget(client.as_deref());
        let decision = Decision { mode, pinned, client, budget, why: why.into(), used: now };
        match seat {
            Some(seat) => self.decisions.keep(&profile.name, seat, decision),
            None => decision,
        }
    }

    /// Public names of the tools that `principal` uses daily.
    async fn daily(&self, principal: &Principal) -> Vec<Text> {
        let memory = &self.finder.memory;
        if !memory.is_restored() {
            let memory = memory.clone();
            let restore = move || memory.restore(memory.shelf().map(|shelf| &**shelf));
            // A runtime that ends has nobody left to answer.
            let _ = tokio::task::spawn_blocking(restore).await;
        }
        memory.daily(principal, today())
    }

    /// Notes that `principal` called the tool that is `name` in `shown`, where that decides what is pinned.
    pub(crate) fn note_day(&self, shown: &Shown, principal: &Principal, name: &Text) {
        if shown.profile.exposure == Exposure::Auto && shown.view.tool(name).is_some() {
            self.finder.memory.used(principal, shown.original(name), today());
        }
    }

    /// The list of tools that whoever calls sees of `shown`; none where it is that of its view.
    pub(crate) async fn tools_for(&self, shown: &Arc<Shown>, context: &CallContext) -> Option<Arc<Listing>> {
        let decision = self.decided(shown, context).await;
        shown.listing(decision.mode, &decision.pinned, context.client.version)
    }
}

/// Days since 1970.
fn today() -> u32 {
    const DAY_MS: u64 = 24 * 60 * 60 * 1000;
    u32::try_from(now_ms() / DAY_MS).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn profile(text: &str) -> Profile {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("switchboard.toml");
        std::fs::write(&file, format!("[profiles.p]\n{text}")).unwrap();
        let loaded = config::load(&config::Sources { files: vec![file], ..config::Sources::default() });
        loaded.config.profiles["p"].clone()
    }

    #[test]
    fn auto_weighs_tokens_against_the_budget_of_the_client_and_says_so() {
        let auto = profile("exposure = 'auto'\ncontext_budget = 100\ncontext_budgets = { big = 200 }");
        let said = |client, tokens| decide(&auto, client, tokens);
        assert_eq!(said(None, 100), (Mode::All, "all tools cost 100 tokens, within the budget of 100".to_owned()));
        assert_eq!(
            said(Some("x"), 101),
            (Mode::Search, "all tools cost 101 tokens, above the budget of 100".to_owned())
        );
        let big = "all tools cost 200 tokens, within the budget of 200 for `big`";
        assert_eq!(said(Some("big"), 200), (Mode::All, big.to_owned()));
        assert_eq!(decide(&profile("exposure = 'search'"), None, 0).0, Mode::Search);
        assert_eq!(decide(&profile(""), None, 1_000_000).0, Mode::All);
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_decided_stays_until_its_conversation_is_over() {
        let decisions = Decisions::default();
        let client = Seat::Client { principal: protocol::Principal::new("me"), client: None };
        let session = Seat::Session("s".into());
        let made = |mode| {
            let used = Instant::now();
            Decision { mode, pinned: Arc::from([]), client: None, budget: 0, why: "".into(), used }
        };
        for seat in [&client, &session] {
            assert!(decisions.find("p", seat, Instant::now()).is_none());
            let first = made(Mode::Search);
            let late = Decision { mode: Mode::All, ..first.clone() };
            decisions.keep("p", seat.clone(), first);
            assert_eq!(decisions.keep("p", seat.clone(), late).mode, Mode::Search, "the first stands");
        }
        tokio::time::advance(IDLE_MAX).await;
        assert!(decisions.find("p", &client, Instant::now()).is_some(), "and is used now");
        tokio::time::advance(IDLE_MAX + Duration::from_secs(1)).await;
        assert!(decisions.find("p", &client, Instant::now()).is_none());
        assert!(decisions.find("p", &session, Instant::now()).is_some(), "a session is one conversation");
        assert_eq!(decisions.keep("p", client, made(Mode::All)).mode, Mode::All);
        assert_eq!(decisions.of("p").len(), 2);
        assert!(decisions.peek("q", &session).is_none());
    }
}

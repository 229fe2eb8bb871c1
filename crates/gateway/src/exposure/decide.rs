//! Which mode a client sees: what its profile says, or, with `auto`, what its budget has room for. Once
//! decided it stays: a list that changes its kind in the middle of a conversation costs more than it saves.
//!
//! The same catalog, configuration and client lead to the same decision, in this run and in the next.

use super::seat::client_name;
use super::{Mode, Seat, Shown};
use crate::catalog::Listing;
use crate::finder::{Kept, Shelf, now_ms};
use crate::gateway::Gateway;
use config::{Exposure, Profile};
use protocol::{CallContext, Principal, Text};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::task::JoinHandle;

/// How many decisions are remembered; the one unused longest makes room.
const DECISIONS_MAX: usize = 4096;
/// Whoever came back after so long begins a new conversation (ms).
const IDLE_MS_MAX: u64 = 6 * 60 * 60 * 1000;

/// What was decided for somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Decision {
    pub(crate) mode: Mode,
    /// Public names of tools that are pinned besides those of the profile.
    pub(crate) pinned: Arc<[Text]>,
    /// What the client calls itself.
    pub(crate) client: Option<Arc<str>>,
    /// What its list may cost, in tokens.
    pub(crate) budget: usize,
    pub(crate) why: Arc<str>,
    /// When it was asked for last, in milliseconds since 1970.
    used_ms: u64,
}

/// What was decided, by profile and by who sits there.
#[derive(Debug, Default)]
pub(crate) struct Decisions {
    made: Mutex<HashMap<(String, Seat), Decision>>,
    /// Whether what an earlier run decided is here.
    restored: AtomicBool,
}

/// A decision as it is kept: for clients without a session, whose conversations outlive this run.
#[derive(Serialize, Deserialize)]
struct Row {
    profile: String,
    principal: String,
    client: Option<String>,
    mode: Mode,
    pinned: Vec<String>,
    budget: usize,
    why: String,
    used_ms: u64,
}

// === impl Decisions ===

impl Decisions {
    /// What was decided, if it was.
    pub(crate) fn peek(&self, profile: &str, seat: &Seat) -> Option<Decision> {
        self.lock().get(&(profile.to_owned(), seat.clone())).cloned()
    }

    /// The same for somebody who asks now.
    fn find(&self, profile: &str, seat: &Seat, now_ms: u64) -> Option<Decision> {
        let mut made = self.lock();
        let found = made.get_mut(&(profile.to_owned(), seat.clone()))?;
        if matches!(seat, Seat::Client { .. }) && now_ms.saturating_sub(found.used_ms) > IDLE_MS_MAX {
            return None;
        }
        found.used_ms = now_ms;
        Some(found.clone())
    }

    /// Keeps what was decided, unless somebody was quicker since.
    fn keep(&self, profile: &str, seat: Seat, decision: Decision) -> Decision {
        let mut made = self.lock();
        let key = (profile.to_owned(), seat);
        if let Some(earlier) = made.get(&key).filter(|earlier| earlier.used_ms >= decision.used_ms) {
            return earlier.clone();
        }
        if made.len() >= DECISIONS_MAX && !made.contains_key(&key) {
            let idlest = made.iter().min_by_key(|(_, decision)| decision.used_ms).map(|(key, _)| key.clone());
            idlest.map(|idlest| made.remove(&idlest));
        }
        made.insert(key, decision.clone());
        decision
    }

    /// Everything that was decided for the profile.
    pub(crate) fn of(&self, profile: &str) -> Vec<Decision> {
        self.lock().iter().filter(|((of, _), _)| of == profile).map(|(_, decision)| decision.clone()).collect()
    }

    /// Brings back what an earlier run decided. Blocks: not for threads that answer.
    fn restore(&self, shelf: Option<&dyn Shelf>, now_ms: u64) {
        if self.restored.swap(true, Ordering::AcqRel) {
            return;
        }
        let bytes = shelf.and_then(|shelf| shelf.read(Kept::Decisions)).unwrap_or_default();
        let rows: Vec<Row> = serde_json::from_slice(&bytes).unwrap_or_default();
        for row in rows.into_iter().filter(|row| now_ms.saturating_sub(row.used_ms) <= IDLE_MS_MAX) {
            let client: Option<Arc<str>> = row.client.map(Into::into);
            let seat = Seat::Client { principal: Principal::new(&row.principal), client: client.clone() };
            let pinned = row.pinned.iter().map(|name| Text::from(name.as_str())).collect();
            let (mode, budget, used_ms) = (row.mode, row.budget, row.used_ms);
            let decision = Decision { mode, pinned, client, budget, why: row.why.into(), used_ms };
            self.keep(&row.profile, seat, decision);
        }
    }

    /// Writes what is to outlive this run, if there is any. Blocks.
    fn write(&self, shelf: &dyn Shelf) {
        let rows: Vec<Row> =
            self.lock().iter().filter_map(|((profile, seat), decision)| row(profile, seat, decision)).collect();
        if !rows.is_empty() {
            // Rows are texts and numbers, which can be written.
            shelf.write(Kept::Decisions, &serde_json::to_vec(&rows).unwrap_or_default());
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<(String, Seat), Decision>> {
        self.made.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A session ends with the run; whoever has none does not know of runs.
fn row(profile: &str, seat: &Seat, decision: &Decision) -> Option<Row> {
    let Seat::Client { principal, client } = seat else { return None };
    Some(Row {
        profile: profile.to_owned(),
        principal: principal.as_str().to_owned(),
        client: client.as_deref().map(str::to_owned),
        mode: decision.mode,
        pinned: decision.pinned.iter().map(ToString::to_string).collect(),
        budget: decision.budget,
        why: decision.why.to_string(),
        used_ms: decision.used_ms,
    })
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
        let (profile, now) = (&shown.profile, now_ms());
        if profile.exposure != Exposure::Auto {
            let (mode, why) = decide(profile, None, 0);
            let (pinned, budget) = (Arc::from([]), profile.context_budget);
            return Decision { mode, pinned, client: None, budget, why: why.into(), used_ms: now };
        }
        let seat = Seat::of(context);
        self.remember().await;
        if let Some(found) = self.decisions.find(&profile.name, &seat, now) {
            return found;
        }
        let client = client_name(context);
        let tokens = shown.cost().await.all;
        let (mode, why) = decide(profile, client.as_deref(), tokens);
        let daily = || self.finder.memory.daily(&context.principal, today());
        let pinned = if mode == Mode::Search { daily().into() } else { Arc::from([]) };
        let budget = profile.budget(client.as_deref());
        let decision = Decision { mode, pinned, client, budget, why: why.into(), used_ms: now };
        let lasts = matches!(seat, Seat::Client { .. });
        let decision = self.decisions.keep(&profile.name, seat, decision);
        if lasts {
            self.write_decisions();
        }
        decision
    }

    /// Brings back what earlier runs knew: what was shown, and what is used daily.
    async fn remember(&self) {
        if self.decisions.restored.load(Ordering::Acquire) && self.finder.memory.is_restored() {
            return;
        }
        let (decisions, memory) = (self.decisions.clone(), self.finder.memory.clone());
        let restore = move || {
            let shelf = memory.shelf().map(|shelf| &**shelf);
            memory.restore(shelf);
            decisions.restore(shelf, now_ms());
        };
        // A runtime that ends has nobody left to answer.
        let _ = tokio::task::spawn_blocking(restore).await;
    }

    /// Has what was decided written, where there is a place for it.
    pub(crate) fn write_decisions(&self) -> Option<JoinHandle<()>> {
        let (decisions, shelf) = (self.decisions.clone(), self.finder.memory.shelf()?.clone());
        Some(tokio::task::spawn_blocking(move || decisions.write(&*shelf)))
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

    fn made(mode: Mode, used_ms: u64) -> Decision {
        Decision { mode, pinned: Arc::from(["a".into()]), client: None, budget: 0, why: "".into(), used_ms }
    }

    fn client() -> Seat {
        Seat::Client { principal: Principal::new("me"), client: None }
    }

    #[test]
    fn what_was_decided_stays_until_its_conversation_is_over() {
        let (decisions, session) = (Decisions::default(), Seat::Session("s".into()));
        for seat in [client(), session.clone()] {
            assert!(decisions.find("p", &seat, 1).is_none());
            decisions.keep("p", seat.clone(), made(Mode::Search, 1));
            assert_eq!(decisions.keep("p", seat, made(Mode::All, 1)).mode, Mode::Search, "the first stands");
        }
        assert!(decisions.find("p", &client(), IDLE_MS_MAX).is_some(), "and is used now");
        let late = 2 * IDLE_MS_MAX + 1;
        assert!(decisions.find("p", &client(), late).is_none());
        assert!(decisions.find("p", &session, late).is_some(), "a session is one conversation");
        assert_eq!(decisions.keep("p", client(), made(Mode::All, late)).mode, Mode::All);
        assert_eq!(decisions.of("p").len(), 2);
        assert!(decisions.peek("q", &session).is_none());
    }

    /// Keeps bytes in memory.
    #[derive(Default)]
    struct Drawer(Mutex<Vec<u8>>);

    impl Shelf for Drawer {
        fn read(&self, _: Kept) -> Option<Vec<u8>> {
            Some(self.0.lock().unwrap().clone())
        }

        fn write(&self, _: Kept, bytes: &[u8]) {
            *self.0.lock().unwrap() = bytes.to_vec();
        }
    }

    #[test]
    fn what_was_decided_outlives_the_run_but_sessions_do_not() {
        let (decisions, drawer) = (Decisions::default(), Drawer::default());
        decisions.write(&drawer);
        assert!(drawer.0.lock().unwrap().is_empty(), "nothing is nothing");
        decisions.keep("p", client(), made(Mode::Search, 5));
        decisions.keep("p", Seat::Session("s".into()), made(Mode::Search, 5));
        decisions.write(&drawer);
        let later = Decisions::default();
        later.restore(Some(&drawer), 6);
        assert_eq!((later.peek("p", &client()), later.of("p").len()), (Some(made(Mode::Search, 5)), 1));
        let late = Decisions::default();
        late.restore(Some(&drawer), 6 + IDLE_MS_MAX);
        assert!(late.of("p").is_empty(), "that conversation is over");
    }

    #[test]
    fn the_idlest_makes_room() {
        let decisions = Decisions::default();
        for number in 0..=DECISIONS_MAX as u64 {
            decisions.keep("p", Seat::Session(number.to_string().into()), made(Mode::All, number));
        }
        assert_eq!(decisions.of("p").len(), DECISIONS_MAX);
        assert!(decisions.peek("p", &Seat::Session("0".into())).is_none());
    }
}

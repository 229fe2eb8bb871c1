//! The fault lab: each fault of a server, of the daemon and of the machine is brought about, and what
//! must follow is looked at. What holds in every one is looked at in one place, by [`beside`]: another
//! server answers all the while, and every call gets exactly one answer.
//!
//! Names are those of the list of faults (F-01 and on). How the speed of others changes is a figure of
//! the lab (`figures`), not of these tests.

mod answers;
mod daemon;
mod figures;
mod guarded;
pub(crate) use figures::hostile_modes;
mod output;
mod pipes;
mod processes;
mod reloads;
mod start;

use e2e::{LINE, Line, SOON, Seen, Switchboard, Tree, Witness, await_some, misbehave};
use serde_json::Value;
use std::time::Duration;

/// No call of the healthy server may take so long.
const STALL: Duration = Duration::from_secs(1);
/// Between the calls of the witness.
const PACE: Duration = Duration::from_millis(10);
/// The fewest calls of the witness that say something.
const WITNESSED: usize = 20;
const SETTINGS: &str = "[catalog]\nfirst_list_wait = \"300ms\"\n";
/// For servers that are expected to be slow.
pub(crate) const IMPATIENT: &str = "startup_timeout = \"1s\"\nrequest_timeout = \"1s\"\n";

/// A healthy server `good` that is called all the while, and beside it whatever a test declares.
pub(crate) struct Scene {
    pub(crate) board: Switchboard,
    /// Its calls are counted.
    pub(crate) line: Line,
    pub(crate) witness: Witness,
}

/// A server `bad` that misbehaves as `mode` says, in the legacy era, with these keys.
pub(crate) fn bad(mode: &str, keys: &str) -> String {
    misbehave("bad", mode, "legacy") + keys
}

/// Runs `act` beside a healthy server, and looks at what holds for every fault. `config` declares the
/// others; tables like `[limits]` come first in it.
#[track_caller]
pub(crate) fn beside(config: &str, act: impl FnOnce(&mut Scene)) -> Seen {
    let config = format!("{LINE}{SETTINGS}{config}{}", misbehave("good", "ok", "dual"));
    let board = Switchboard::start(&config);
    board.server_in("good", "ready");
    let witness = Witness::start(&board, "good", PACE);
    witness.wait_for(1);
    let mut scene = Scene { line: Line::of(&board), witness, board };
    act(&mut scene);
    let Scene { board, line, witness } = scene;
    witness.wait_for(WITNESSED);
    let seen = witness.stop();
    seen.unhurt(STALL);
    line.check();
    assert_eq!(board.server("good")["restarts"], 0, "expected the healthy server to be left alone");
    drop(board);
    seen
}

impl Scene {
    /// Waits until the bad server has a reason with these words; gives its status then.
    #[track_caller]
    pub(crate) fn reason(&self, words: &str) -> Value {
        await_some(SOON, &format!("`{words}` in the reason of the bad server"), || {
            let server = self.board.server("bad");
            server["reason"].as_str().is_some_and(|reason| reason.contains(words)).then_some(server)
        })
    }

    /// Waits until the log of the bad server has these words; gives the log.
    #[track_caller]
    pub(crate) fn logged(&self, words: &str) -> String {
        await_some(SOON, &format!("`{words}` in the log of the bad server"), || {
            Some(self.board.cli(&["logs", "bad"]).stdout).filter(|log| log.contains(words))
        })
    }

    /// Waits until the bad server answers, as another process than `before`; gives its pid.
    #[track_caller]
    pub(crate) fn another(&self, before: &str) -> String {
        await_some(SOON, "another process of the bad server to answer", || {
            e2e::text_of(&self.line.call("bad__pid", Value::Null)).filter(|pid| pid != before)
        })
    }

    /// What the bad server answers to `echo`.
    #[track_caller]
    pub(crate) fn echo(&self, text: &str) -> String {
        self.line.text("bad__echo", serde_json::json!({ "text": text }))
    }

    /// Whether a process of this number is still there.
    pub(crate) fn has(&self, pid: &str) -> bool {
        let pid = pid.parse().unwrap_or(0);
        self.board.tree().processes().iter().any(|process| process.pid == pid)
    }

    /// Declares only the healthy server from now on.
    #[track_caller]
    pub(crate) fn take_away_the_bad(&self) -> Tree {
        let tree = self.board.tree();
        let config = format!("{LINE}{SETTINGS}{}", misbehave("good", "ok", "dual"));
        self.board.rewrite_config(&config);
        let done = self.board.cli(&["reload"]);
        assert_eq!(done.code, Some(0), "expected the reload to work: {done:?}");
        tree
    }
}

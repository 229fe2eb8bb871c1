//! The ways to misbehave, and the eras to do it in.

use std::str::FromStr;
use std::time::Duration;

/// What is wrong with the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// `ok`: nothing. Tools `echo`, `sleep`, `count` and `pid`, as in all modes that answer.
    Ok,
    /// `hang`: reads and never answers.
    Hang,
    /// `hang-after-list`: answers up to the first `tools/list`, then nothing.
    HangAfterList,
    /// `hang-on-ping`: answers no `ping` and no `server/discover` after the first `tools/list`.
    HangOnPing,
    /// `slow-ping=MS`: answers them so late.
    SlowPing(Duration),
    /// `flood`: garbage on stdout and stderr without end, no answers.
    Flood,
    /// `noise`: well-behaved, with text that is not JSON before each answer and on stderr.
    Noise,
    /// `die-at-start`: exits with 3 before it reads anything.
    DieAtStart,
    /// `die-on-probe`: exits with 3 on `server/discover`.
    DieOnProbe,
    /// `die-after-init`: exits with 3 on `notifications/initialized` (modern: after discovery).
    DieAfterInit,
    /// `die-on-call`: exits with 3 when the tool `die` is called.
    DieOnCall,
    /// `lie-ids`: surrounds the answer of each call with answers to nothing and a duplicate; the
    /// tool `lost` is answered under a wrong id only.
    LieIds,
    /// `huge-result=BYTES`: the tool `huge` answers with that many bytes of text.
    HugeResult(usize),
    /// `slow-start=MS`: reads nothing for so long.
    SlowStart(Duration),
    /// `bad-json`: the tool `broken` is answered with half a message.
    BadJson,
    /// `endless-pages`: each page of `tools/list` names a next one.
    EndlessPages,
    /// `ignore-eof`: stays when stdin ends and on TERM, and has a grandchild in a session of its
    /// own that does so too; its pid is on stderr after `grandchild`.
    IgnoreEof,
    /// `change-list`: the tool `grow` adds a tool and says so.
    ChangeList,
    /// `asks`: sends `ping` and `roots/list` after the handshake (legacy); the tool `asked` tells
    /// what came back.
    Asks,
    /// `hog=MB`: the tool `hog` takes so many megabytes of memory and keeps them.
    Hog(usize),
    /// `bomb`: the tool `bomb` starts sleeping children until the system refuses one.
    Bomb,
    /// `daemonize`: leaves two processes behind that have no parent and a session of their own;
    /// their pids are on stderr after `grandchild`.
    Daemonize,
}

impl FromStr for Mode {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        let (name, number) = match word.split_once('=') {
            Some((name, number)) => {
                let number = number.parse::<u64>();
                (name, Some(number.map_err(|_| format!("{word}: not a number"))?))
            }
            None => (word, None),
        };
        let mode = match (name, number) {
            ("huge-result", Some(bytes)) => Self::HugeResult(usize::try_from(bytes).map_err(|why| why.to_string())?),
            ("slow-start", Some(ms)) => Self::SlowStart(Duration::from_millis(ms)),
            ("slow-ping", Some(ms)) => Self::SlowPing(Duration::from_millis(ms)),
            ("hog", Some(megabytes)) => Self::Hog(usize::try_from(megabytes).map_err(|why| why.to_string())?),
            ("bomb", None) => Self::Bomb,
            ("daemonize", None) => Self::Daemonize,
            ("ok", None) => Self::Ok,
            ("hang", None) => Self::Hang,
            ("hang-after-list", None) => Self::HangAfterList,
            ("hang-on-ping", None) => Self::HangOnPing,
            ("flood", None) => Self::Flood,
            ("noise", None) => Self::Noise,
            ("die-at-start", None) => Self::DieAtStart,
            ("die-on-probe", None) => Self::DieOnProbe,
            ("die-after-init", None) => Self::DieAfterInit,
            ("die-on-call", None) => Self::DieOnCall,
            ("lie-ids", None) => Self::LieIds,
            ("bad-json", None) => Self::BadJson,
            ("endless-pages", None) => Self::EndlessPages,
            ("ignore-eof", None) => Self::IgnoreEof,
            ("change-list", None) => Self::ChangeList,
            ("asks", None) => Self::Asks,
            _ => return Err(format!("`{word}` is no way to misbehave")),
        };
        Ok(mode)
    }
}

/// The protocol eras that the server speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Era {
    /// `initialize` only.
    Legacy,
    /// Requests with their own metadata only.
    Modern,
    /// Both.
    Dual,
}

impl Era {
    /// As it is written on the command line.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Legacy => "legacy",
            Self::Modern => "modern",
            Self::Dual => "dual",
        }
    }
}

impl FromStr for Era {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        let all = [Self::Legacy, Self::Modern, Self::Dual];
        let found = all.into_iter().find(|era| era.word() == word);
        found.ok_or_else(|| format!("`{word}` is none of legacy, modern, dual"))
    }
}

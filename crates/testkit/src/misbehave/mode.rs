//! The ways to misbehave, and the eras to do it in.

use std::str::FromStr;
use std::time::Duration;

/// What is wrong with the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// `ok`: nothing. Tools `echo`, `sleep`, `count` and `pid`, as in all modes that answer.
    Ok,
    /// `hang` or `mute`: reads and never answers.
    Hang,
    /// `hang-after-list`: answers up to the first `tools/list`, then nothing.
    HangAfterList,
    /// `hang-on-ping`: answers no `ping` and no `server/discover` after the first `tools/list`.
    HangOnPing,
    /// `slow-ping=MS`: answers them so late.
    SlowPing(Duration),
    /// `flood`: garbage on stdout and stderr without end, no answers.
    Flood,
    /// `noise` or `noise=PERCENT`: well-behaved, with text, colours and bytes that are no message
    /// before so many of a hundred answers, and on stderr.
    Noise(u64),
    /// `die-at-start` or `crash-loop`: exits with 3 before it reads anything.
    DieAtStart,
    /// `die-on-probe`: exits with 3 on `server/discover`.
    DieOnProbe,
    /// `die-after-init`: exits with 3 on `notifications/initialized` (modern: after discovery).
    DieAfterInit,
    /// `die-on-call`: exits with 3 when the tool `die` is called.
    DieOnCall,
    /// `exit-after=CALLS`: ends on the call of that number without an answer, with the exit code in
    /// its argument `code` (1 without), or by a signal when its argument `signal` is true.
    ExitAfter(u64),
    /// `lie-ids` or `ids`: surrounds the answer of each call with answers to nothing and a duplicate;
    /// the tool `lost` is answered under a wrong id only, and cancelled calls are answered too.
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
    /// `shuffle`: the tool `shuffle` says that the tools changed, and from then on they and their members
    /// are listed in the other order, until the next time; `lists` tells how often they were listed.
    Shuffle,
    /// `no-read`: reads nothing more after it has answered the first `tools/list`.
    NoRead,
    /// `flood-line=BYTES`: the tool `flood` is answered with one line of so many bytes.
    FloodLine(u64),
    /// `drip=MS`: the answers of tools come byte by byte, each after so many milliseconds.
    Drip(Duration),
    /// `half-close`: the tool `hang_up` closes a pipe and stays alive; its argument `how` is `stdout`,
    /// `middle` (stdout in the middle of a message) or `stdin`.
    HalfClose,
    /// `stderr-flood` or `stderr-flood=MIB`: writes that much to stderr as fast as it is read, and
    /// answers meanwhile.
    StderrFlood(u64),
    /// `storm=COUNT`: the tool `storm` sends so many requests of four methods and answers when each
    /// of them was answered.
    Storm(u64),
    /// `stubborn`: stays when stdin ends and on TERM.
    Stubborn,
    /// `brood=COUNT`: the tool `brood` leaves so many children of children, each of which ends at once.
    Brood(u64),
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
            ("noise", Some(percent)) => Self::Noise(percent),
            ("exit-after", Some(calls)) => Self::ExitAfter(calls),
            ("flood-line", Some(bytes)) => Self::FloodLine(bytes),
            ("drip", Some(ms)) => Self::Drip(Duration::from_millis(ms)),
            ("stderr-flood", Some(mib)) => Self::StderrFlood(mib),
            ("storm", Some(count)) => Self::Storm(count),
            ("brood", Some(count)) => Self::Brood(count),
            ("hog", Some(megabytes)) => Self::Hog(usize::try_from(megabytes).map_err(|why| why.to_string())?),
            (name, None) => Self::plain(name).ok_or_else(|| format!("`{word}` is no way to misbehave"))?,
            _ => return Err(format!("`{word}` is no way to misbehave")),
        };
        Ok(mode)
    }
}

impl Mode {
    /// The mode of a word without a number.
    fn plain(name: &str) -> Option<Self> {
        Some(match name {
            "ok" => Self::Ok,
            "hang" | "mute" => Self::Hang,
            "hang-after-list" => Self::HangAfterList,
            "hang-on-ping" => Self::HangOnPing,
            "flood" => Self::Flood,
            "noise" => Self::Noise(100),
            "die-at-start" | "crash-loop" => Self::DieAtStart,
            "die-on-probe" => Self::DieOnProbe,
            "die-after-init" => Self::DieAfterInit,
            "die-on-call" => Self::DieOnCall,
            "lie-ids" | "ids" => Self::LieIds,
            "bad-json" => Self::BadJson,
            "endless-pages" => Self::EndlessPages,
            "ignore-eof" => Self::IgnoreEof,
            "change-list" => Self::ChangeList,
            "shuffle" => Self::Shuffle,
            "no-read" => Self::NoRead,
            "half-close" => Self::HalfClose,
            "stderr-flood" => Self::StderrFlood(u64::MAX),
            "stubborn" => Self::Stubborn,
            "daemonize" => Self::Daemonize,
            "bomb" => Self::Bomb,
            "asks" => Self::Asks,
            _ => return None,
        })
    }

    /// Whether it ignores TERM and the end of its input.
    pub(super) fn is_stubborn(self) -> bool {
        matches!(self, Self::IgnoreEof | Self::Stubborn)
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

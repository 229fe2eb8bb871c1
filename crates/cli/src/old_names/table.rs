//! Which old words are which of ours: one row for each verb of each program, with its flags.
//! `{server}` stands for the server that was named, `{}` for the value of a flag. Our flags go before
//! a `--`, after which everything is text.

/// A program that Switchboard replaces.
#[derive(Debug)]
pub(crate) struct Program {
    /// Its name, and that of the link.
    pub(crate) name: &'static str,
    /// What it was.
    pub(crate) was: &'static str,
    /// Whether the server stands before the verb, and a part of its name is enough.
    pub(super) server_first: bool,
    /// Why nothing of it is there yet.
    pub(crate) later: Option<&'static str>,
    pub(super) verbs: &'static [Verb],
}

/// A verb. The empty word is what is done where none is given.
#[derive(Debug)]
pub(super) struct Verb {
    pub(super) word: &'static str,
    pub(super) flags: &'static [Flag],
    /// Our words where no server is named.
    pub(super) alone: Option<&'static [&'static str]>,
    /// Our words where one is.
    pub(super) with: Option<&'static [&'static str]>,
    /// Our words for the server `all`.
    pub(super) all: Option<&'static [&'static str]>,
    /// Our words before everything else that stands there: it takes texts and not one server.
    pub(super) rest: Option<&'static [&'static str]>,
    /// Our words, with `{1}`, `{2}` and so on for what stands there.
    pub(super) placed: Option<&'static [&'static str]>,
    /// Why it is not there.
    pub(super) refused: Option<&'static str>,
}

/// A flag.
#[derive(Debug)]
pub(super) struct Flag {
    pub(super) names: &'static [&'static str],
    /// Whether it takes a value.
    pub(super) value: bool,
    pub(super) does: Does,
}

/// What a flag does.
#[derive(Debug)]
pub(super) enum Does {
    /// These words are added.
    Add(&'static [&'static str]),
    /// These are our words, whatever the verb says.
    Instead(&'static [&'static str]),
    /// Its value stands in a word of the verb, in braces.
    Set(&'static str),
    /// Its value is `{text}` in these words, which are ours whatever the verb says.
    Text(&'static [&'static str]),
    /// Its value is the server.
    Server,
    /// Its value is a state, in their words.
    State,
    /// We always do so, or nobody ever did.
    Nothing,
}

/// A verb without flags that takes nothing; the others are made of it.
const VERB: Verb =
    Verb { word: "", flags: &[], alone: None, with: None, all: None, rest: None, placed: None, refused: None };

const fn flag(names: &'static [&'static str], does: Does) -> Flag {
    Flag { names, value: false, does }
}

const fn valued(names: &'static [&'static str], does: Does) -> Flag {
    Flag { names, value: true, does }
}

const fn later(name: &'static str, was: &'static str, why: &'static str) -> Program {
    Program { name, was, server_first: false, later: Some(why), verbs: &[] }
}

/// Their words for states, and ours.
pub(super) const STATES: &[(&str, &str)] = &[("running", "ready"), ("error", "failed")];

/// Every program.
pub(crate) const PROGRAMS: &[Program] = &[
    Program { name: "mcpctl", was: "the command of the server suite", server_first: false, later: None, verbs: MCPCTL },
    Program { name: "mcp", was: "the launcher of servers", server_first: true, later: None, verbs: MCP },
    Program { name: "mcp-manager", was: "the two managers", server_first: false, later: None, verbs: MANAGER },
    Program { name: "mcp-router", was: "the prompt router", server_first: false, later: None, verbs: ROUTER },
    Program { name: "claude-mcp", was: "the memory server's command", server_first: false, later: None, verbs: CLAUDE },
    later("mcp-create-server", "the templates", "templates of servers come with a later release"),
    later("mcp-test", "the test framework", "testing of servers comes with a later release"),
    later("mcp-upgrader", "the upgrade modules", "upgrading of servers comes with a later release"),
];

const MCPCTL: &[Verb] = &[
    Verb { alone: Some(&["--help"]), ..VERB },
    Verb {
        word: "run",
        alone: Some(&["run"]),
        flags: &[
            flag(&["--dashboard-only"], Does::Add(&["--dashboard-only"])),
            flag(&["--servers-only"], Does::Instead(&["start"])),
        ],
        ..VERB
    },
    Verb {
        word: "start",
        alone: Some(&["start"]),
        flags: &[flag(&["--check-only"], Does::Instead(&["preflight"]))],
        ..VERB
    },
    Verb { word: "stop", alone: Some(&["stop"]), ..VERB },
    Verb { word: "status", alone: Some(&["status"]), flags: &[flag(&["-v", "--verbose"], Does::Nothing)], ..VERB },
    Verb {
        word: "logs",
        alone: Some(&["logs", "--all"]),
        with: Some(&["logs", "{server}"]),
        flags: &[
            valued(&["-n", "--lines"], Does::Add(&["-n", "{}"])),
            flag(&["-f", "--follow"], Does::Add(&["-f"])),
            flag(&["-a", "--all"], Does::Nothing),
        ],
        ..VERB
    },
    Verb {
        word: "test",
        alone: Some(&["start", "--all"]),
        flags: &[
            flag(&["-v", "--verbose"], Does::Nothing),
            valued(&["-t", "--timeout"], Does::Add(&["--timeout", "{}"])),
        ],
        ..VERB
    },
    Verb { word: "dashboard", alone: Some(&["dashboard"]), ..VERB },
    Verb { word: "config", alone: Some(&["config", "show"]), ..VERB },
    Verb { word: "restart", with: Some(&["restart", "{server}"]), ..VERB },
];

const MCP: &[Verb] = &[
    Verb { alone: Some(&["list"]), ..VERB },
    Verb {
        word: "start",
        alone: Some(&["start"]),
        with: Some(&["start", "{server}"]),
        all: Some(&["start", "--all"]),
        flags: &[flag(&["-f", "--foreground", "--fg"], Does::Add(&["--fg"])), flag(&["--no-follow"], Does::Nothing)],
        ..VERB
    },
    Verb { word: "stop", with: Some(&["stop", "{server}"]), all: Some(&["stop", "--all"]), ..VERB },
    Verb { word: "restart", with: Some(&["restart", "{server}"]), all: Some(&["restart", "--all"]), ..VERB },
    Verb { word: "status", alone: Some(&["status"]), with: Some(&["status", "{server}"]), ..VERB },
    Verb {
        word: "logs",
        with: Some(&["logs", "{server}", "-f"]),
        flags: &[flag(&["--no-follow"], Does::Instead(&["logs", "{server}"]))],
        ..VERB
    },
    Verb { word: "list", alone: Some(&["list"]), ..VERB },
];

/// `--server` of the older script.
const SERVER: Flag = valued(&["--server"], Does::Server);

const MANAGER: &[Verb] = &[
    Verb { alone: Some(&["--help"]), ..VERB },
    Verb {
        word: "start",
        alone: Some(&["start"]),
        with: Some(&["start", "{server}"]),
        flags: &[
            valued(&["-c", "--config"], Does::Add(&["--config", "{}"])),
            flag(&["-d", "--daemon"], Does::Nothing),
            flag(&["--no-monitoring"], Does::Nothing),
            flag(&["--fg"], Does::Add(&["--fg"])),
            SERVER,
        ],
        ..VERB
    },
    Verb { word: "stop", alone: Some(&["stop"]), with: Some(&["stop", "{server}"]), flags: &[SERVER], ..VERB },
    Verb { word: "restart", alone: Some(&["restart"]), with: Some(&["restart", "{server}"]), ..VERB },
    Verb {
        word: "status",
        alone: Some(&["status"]),
        with: Some(&["status", "{server}"]),
        flags: &[flag(&["-d", "--detailed"], Does::Nothing), SERVER],
        ..VERB
    },
    Verb { word: "list", alone: Some(&["list"]), with: Some(&["status", "{server}"]), flags: &[SERVER], ..VERB },
    Verb {
        word: "send",
        with: Some(&["call", "{server}.{tool}", "{data}"]),
        flags: &[valued(&["--tool"], Does::Set("tool")), valued(&["--data"], Does::Set("data"))],
        ..VERB
    },
    Verb {
        word: "list-servers",
        alone: Some(&["list"]),
        flags: &[valued(&["--status"], Does::State), flag(&["--config"], Does::Nothing)],
        ..VERB
    },
    Verb { word: "start-server", with: Some(&["start", "{server}"]), ..VERB },
    Verb { word: "stop-server", with: Some(&["stop", "{server}"]), ..VERB },
    Verb { word: "restart-server", with: Some(&["restart", "{server}"]), ..VERB },
    Verb {
        word: "discover",
        alone: Some(&["discover"]),
        flags: &[flag(&["--rescan"], Does::Add(&["--rescan"]))],
        ..VERB
    },
    Verb {
        word: "capabilities",
        alone: Some(&["capabilities"]),
        with: Some(&["capabilities", "{server}"]),
        flags: &[SERVER],
        ..VERB
    },
    Verb {
        word: "health",
        alone: Some(&["health"]),
        with: Some(&["health", "{server}"]),
        flags: &[SERVER, flag(&["-w", "--watch"], Does::Add(&["--watch"]))],
        ..VERB
    },
    Verb { word: "fix", refused: Some("it never fixed anything; start it anew: switchboard restart SERVER"), ..VERB },
];

/// It has flags and no verbs. What it printed with them was JSON.
const ROUTER: &[Verb] = &[Verb {
    // A text on stdin.
    alone: Some(&["route", "--start"]),
    flags: &[
        valued(&["--analyze"], Does::Text(&["route", "--json", "--", "{text}"])),
        valued(&["--route"], Does::Text(&["route", "--json", "--", "{text}"])),
        valued(&["--tool"], Does::Add(&["--tool", "{}"])),
        valued(&["--data"], Does::Add(&["--args-json", "{}"])),
        flag(&["--interactive"], Does::Instead(&["route", "--interactive"])),
    ],
    ..VERB
}];

const CLAUDE: &[Verb] = &[
    Verb { alone: Some(&["--help"]), ..VERB },
    Verb { word: "analyze", rest: Some(&["route", "--start", "--env", "--"]), ..VERB },
    // Its own verbs and their other names are ours.
    Verb { word: "memory", rest: Some(&["memory"]), ..VERB },
    Verb { word: "send", placed: Some(&["call", "{1}.{2}", "{3}"]), ..VERB },
    Verb { word: "list", alone: Some(&["list"]), ..VERB },
    Verb { word: "status", alone: Some(&["status"]), ..VERB },
    Verb { word: "interactive", alone: Some(&["route", "--interactive"]), ..VERB },
    Verb { word: "help", alone: Some(&["--help"]), ..VERB },
];

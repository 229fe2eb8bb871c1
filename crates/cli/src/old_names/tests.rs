//! Every row of the predecessors' command lines with what it is now.

use super::*;
use crate::commands::Cli;
use clap::CommandFactory as _;

/// What an old command line is now, or why it is refused.
fn now(line: &str) -> Result<String, String> {
    // A word in single quotes is one word.
    let words = line.split('\'').enumerate().flat_map(|(at, part)| match at % 2 {
        1 => vec![part.to_owned()],
        _ => part.split_whitespace().map(str::to_owned).collect(),
    });
    let arguments: Vec<OsString> = words.map(OsString::from).collect();
    match translated(arguments) {
        Ok(translated) => {
            let words = translated.arguments.into_iter().skip(1).map(|word| word.into_string().unwrap());
            Ok(words.collect::<Vec<_>>().join(" "))
        }
        Err(report) => {
            assert_eq!(report.exit, 2, "{report:?}");
            assert!(!report.hints.is_empty(), "{report:?}");
            Err(report.message)
        }
    }
}

const ROWS: &[(&str, &str)] = &[
    // predecessors.md 3.1
    ("mcpctl", "--help"),
    ("mcpctl --version", "--version"),
    ("mcpctl --help", "--help"),
    ("mcpctl run", "run"),
    ("mcpctl run --servers-only", "start"),
    ("mcpctl run --dashboard-only", "run --dashboard-only"),
    ("mcpctl dashboard", "dashboard"),
    ("mcpctl start", "start"),
    ("mcpctl start --check-only", "preflight"),
    ("mcpctl stop", "stop"),
    ("mcpctl status", "status"),
    ("mcpctl status -v", "status"),
    ("mcpctl status --verbose", "status"),
    ("mcpctl logs", "logs --all"),
    ("mcpctl logs jira", "logs jira"),
    ("mcpctl logs jira -n 5 -f", "logs jira -n 5 -f"),
    ("mcpctl logs --lines=5 --follow --all", "logs --all -n 5 -f"),
    ("mcpctl test", "start --all"),
    ("mcpctl test -v -t 3", "start --all --timeout 3"),
    ("mcpctl config", "config show"),
    ("mcpctl restart jira", "restart jira"),
    // predecessors.md 3.3
    ("mcp", "list"),
    ("mcp list", "list"),
    ("mcp status", "status"),
    ("mcp mem0", "start mem0"),
    ("mcp mem0 start", "start mem0"),
    ("mcp mem0 start -f", "start mem0 --fg"),
    ("mcp mem0 start --foreground", "start mem0 --fg"),
    ("mcp mem0 --fg", "start mem0 --fg"),
    ("mcp mem0 stop", "stop mem0"),
    ("mcp mem0 restart", "restart mem0"),
    ("mcp mem0 status", "status mem0"),
    ("mcp mem0 logs", "logs mem0 -f"),
    ("mcp mem0 logs --no-follow", "logs mem0"),
    ("mcp all start", "start --all"),
    ("mcp all stop", "stop --all"),
    ("mcp all restart", "restart --all"),
    // predecessors.md 3.6
    ("mcp-manager start mem0", "start mem0"),
    ("mcp-manager start mem0 --fg", "start mem0 --fg"),
    ("mcp-manager stop mem0", "stop mem0"),
    ("mcp-manager restart mem0", "restart mem0"),
    ("mcp-manager status mem0", "status mem0"),
    ("mcp-manager list", "list"),
    ("mcp-manager send mem0 --tool save --data '{\"text\": \"hi\"}'", "call mem0.save {\"text\": \"hi\"}"),
    ("mcp-manager send mem0 --tool list", "call mem0.list"),
    // predecessors.md 3.11
    ("mcp-manager start", "start"),
    ("mcp-manager start -c m.yaml -d --no-monitoring", "start --config m.yaml"),
    ("mcp-manager start --config m.yaml --daemon", "start --config m.yaml"),
    ("mcp-manager stop", "stop"),
    ("mcp-manager restart", "restart"),
    ("mcp-manager --version", "--version"),
    ("mcp-manager status", "status"),
    ("mcp-manager status -d --json", "status --json"),
    ("mcp-manager status --detailed", "status"),
    ("mcp-manager list-servers", "list"),
    ("mcp-manager list-servers --status ready --config", "list --state ready"),
    ("mcp-manager list-servers --status running", "list --state ready"),
    ("mcp-manager list-servers --status error", "list --state failed"),
    ("mcp-manager start-server git", "start git"),
    ("mcp-manager stop-server git", "stop git"),
    ("mcp-manager restart-server git", "restart git"),
    ("mcp-manager discover", "discover"),
    ("mcp-manager discover --rescan", "discover --rescan"),
    ("mcp-manager capabilities", "capabilities"),
    ("mcp-manager capabilities --server git --json", "capabilities git --json"),
    ("mcp-manager health", "health"),
    ("mcp-manager health --server git", "health git"),
    ("mcp-manager health -w", "health --watch"),
    ("mcp-manager status --server git", "status git"),
    // predecessors.md 3.4
    ("mcp-router --analyze 'open an issue'", "route --json -- open an issue"),
    (
        "mcp-router --route 'note this' --tool save_memory --data '{\"text\": \"hi\"}'",
        "route --json --tool save_memory --args-json {\"text\": \"hi\"} -- note this",
    ),
    ("mcp-router --route note --tool save_memory", "route --json --tool save_memory -- note"),
    ("mcp-router --interactive", "route --interactive"),
    ("mcp-router", "route --start"),
    ("mcp-router --help", "--help"),
    // predecessors.md 3.5
    ("claude-mcp analyze 'work with issues'", "route --start --env -- work with issues"),
    ("claude-mcp memory save 'I prefer Python'", "memory save I prefer Python"),
    ("claude-mcp memory store x", "memory store x"),
    ("claude-mcp memory search python", "memory search python"),
    ("claude-mcp memory find python", "memory find python"),
    ("claude-mcp memory list", "memory list"),
    ("claude-mcp memory all", "memory all"),
    ("claude-mcp send my-server tool '{\"a\": \"b\"}'", "call my-server.tool {\"a\": \"b\"}"),
    ("claude-mcp send my-server tool", "call my-server.tool"),
    ("claude-mcp list", "list"),
    ("claude-mcp status", "status"),
    ("claude-mcp interactive", "route --interactive"),
    ("claude-mcp help", "--help"),
    ("claude-mcp", "--help"),
];

#[test]
fn every_old_command_line_is_one_of_ours() {
    for (old, new) in ROWS {
        assert_eq!(now(old).as_deref(), Ok(*new), "{old}");
    }
}

#[test]
fn what_they_become_is_understood() {
    let known: Vec<String> = Cli::command().get_subcommands().map(|command| command.get_name().to_owned()).collect();
    for (old, new) in ROWS {
        let words: Vec<&str> = new.splitn(3, ' ').collect();
        let here = known.iter().any(|name| name == words[0]) || words[0].starts_with("--");
        assert!(here, "{old} → {new}: there is no such command");
        // Words with blanks are several here; `--help` and `--version` are errors for clap.
        if words[0] == "call" || new.contains('{') || words[0].starts_with("--") {
            continue;
        }
        let read = Cli::read(std::iter::once("switchboard").chain(new.split(' ')).map(OsString::from));
        assert!(read.is_ok(), "{old} → {new}: {read:?}");
    }
}

#[test]
fn what_is_not_there_says_so() {
    let refused = [
        ("mcpctl restart", "needs the name of a server"),
        ("mcpctl frobnicate", "no verb `frobnicate`"),
        ("mcp all status", "not supported"),
        ("mcp a b c", "no verb `b`"),
        ("mcp-manager send mem0", "needs --tool NAME"),
        ("mcp-manager fix", "never fixed anything"),
        ("mcp-manager start a b", "takes one server"),
        ("mcp-manager start -c", "takes a value"),
        ("mcp-router analyze x", "takes flags and no word such as `analyze`"),
        ("claude-mcp start", "no verb `start`"),
        ("claude-mcp send only", "takes SERVER TOOL [JSON]"),
        ("mcp-create-server x", "later release"),
        ("mcp-test run", "later release"),
        ("mcp-upgrader analyze", "later release"),
    ];
    for (old, why) in refused {
        let message = now(old).expect_err(old);
        assert!(message.contains(why), "{old}: {message}");
    }
}

#[test]
fn the_new_words_are_said_and_our_own_name_is_left_alone() {
    let translated = |line: &str| super::translated(line.split(' ').map(OsString::from).collect()).unwrap();
    let note = translated("/home/me/.local/bin/mcpctl status").note;
    assert_eq!(note.as_deref(), Some("mcpctl status is now: switchboard status"));
    let own = translated("/usr/bin/switchboard mcp start");
    assert_eq!((own.note, own.arguments.len()), (None, 3));
    let between = translated("mcp me --data /d stop");
    assert_eq!((between.prefix.as_deref(), between.arguments.len()), (Some("me"), 5));
}

#[test]
fn the_beginning_of_a_name_is_enough_where_it_was() {
    let translated = |line: &str| super::translated(line.split(' ').map(OsString::from).collect()).unwrap();
    assert_eq!(translated("mcp me stop").prefix.as_deref(), Some("me"));
    assert_eq!((translated("mcp all stop").prefix, translated("mcpctl restart me").prefix), (None, None));
    let names = ["memory", "mem0", "git"].map(str::to_owned);
    assert_eq!(whole("g", &names).unwrap(), "git");
    assert_eq!(whole("mem0", &names).unwrap(), "mem0");
    assert_eq!(whole("x", &names).unwrap(), "x");
    let refused = whole("me", &names).unwrap_err();
    assert!(refused.message.contains("memory, mem0"), "{refused:?}");
}

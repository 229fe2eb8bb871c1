//! What a Markdown file says is to be run. It runs nothing.
//!
//! - A fenced block whose first word is `sh`, `bash`, `shell` or `zsh` holds commands, one a line;
//!   `#` begins a comment, a backslash at the end continues a line.
//! - In a `console`, `shell-session` or `terminal` block, lines that begin with `$ ` are commands
//!   and all others what they print.
//! - A line `command: …` outside of blocks is a command.
//! - `timeout=SECONDS` behind the word of a block, or `timeout:` in the front matter, is the time of
//!   each step; `cwd:` there is the folder, below the project, in which all run.
//! - Everything else is for people.

use crate::programs::split;
use std::time::Duration;

/// The most steps of one file.
const STEPS_MAX: usize = 200;
/// The longest time that a file may give one step, in seconds.
const STEP_SECONDS_MAX: u64 = 3600;
/// What a command outside of blocks begins with.
pub(super) const COMMAND: &str = "command:";

/// A task file that was read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct TaskFile {
    /// The folder of its commands, relative to the project.
    pub(super) cwd: Option<String>,
    pub(super) steps: Vec<Step>,
}

/// One thing to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Step {
    /// Where it stands, counted from 1.
    pub(super) line: usize,
    pub(super) what: What,
    pub(super) timeout: Option<Duration>,
}

/// What a step runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum What {
    /// A program with arguments.
    Command(String),
    /// Lines for a shell.
    Script(String),
}

/// Which blocks hold commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Lines,
    Console,
    Prose,
}

struct Block {
    kind: Kind,
    /// The fence character and how many open it.
    fence: (char, usize),
    line: usize,
    timeout: Option<Duration>,
    /// With their line numbers.
    lines: Vec<(usize, String)>,
}

/// Reads a file. `scripts`: a shell reads whole blocks.
///
/// # Errors
/// What is wrong, with its line.
pub(super) fn parse(text: &str, scripts: bool) -> Result<TaskFile, String> {
    let mut task = TaskFile::default();
    let mut lines = text.lines().enumerate().map(|(index, line)| (index + 1, line)).peekable();
    let mut timeout = None;
    if lines.next_if(|(_, line)| line.trim_end() == "---").is_some() {
        let inside = lines.by_ref().take_while(|(_, line)| line.trim_end() != "---");
        for (number, line) in inside {
            match line.split_once(':').map(|(key, value)| (key.trim(), value.split(" #").next().unwrap_or("").trim())) {
                Some(("timeout", value)) => timeout = Some(seconds(value, number)?),
                Some(("cwd", value)) => task.cwd = Some(value.trim_matches(['"', '\'']).to_owned()),
                _ => {}
            }
        }
    }
    let mut block: Option<Block> = None;
    for (number, line) in lines {
        match &mut block {
            Some(open) if open.is_closed_by(line) => {
                task.steps
                    .extend(block.take().map(|block| block.steps(scripts, timeout)).transpose()?.into_iter().flatten());
            }
            Some(open) => open.lines.push((number, line.to_owned())),
            None => match Block::opened_by(line, number)? {
                Some(opened) => block = Some(opened),
                None => task.steps.extend(of_prose(line, number, timeout)?),
            },
        }
    }
    match block {
        Some(open) => Err(format!("the block that begins on line {} is not closed", open.line)),
        None if task.steps.len() > STEPS_MAX => Err(format!("it has more than {STEPS_MAX} steps")),
        None => Ok(task),
    }
}

/// A command outside of blocks.
fn of_prose(line: &str, number: usize, timeout: Option<Duration>) -> Result<Option<Step>, String> {
    let Some(command) = line.strip_prefix(COMMAND) else { return Ok(None) };
    Step::command(command.trim().to_owned(), number, timeout).map(Some)
}

fn seconds(value: &str, line: usize) -> Result<Duration, String> {
    let seconds = value.trim_end_matches('s').parse().ok().filter(|seconds| (1..=STEP_SECONDS_MAX).contains(seconds));
    let wrong = || format!("line {line}: timeout must be 1 to {STEP_SECONDS_MAX} seconds, not `{value}`");
    seconds.map(Duration::from_secs).ok_or_else(wrong)
}

// === impl Step ===

impl Step {
    fn command(command: String, line: usize, timeout: Option<Duration>) -> Result<Step, String> {
        match split(&command) {
            Ok(_) => Ok(Step { line, what: What::Command(command), timeout }),
            Err(why) => Err(format!("line {line}: `{}` {why}", command.trim())),
        }
    }

    /// What it runs, as people read it.
    pub(super) fn shown(&self) -> &str {
        match &self.what {
            What::Command(text) | What::Script(text) => text.trim(),
        }
    }
}

// === impl Block ===

impl Block {
    /// The block that a line opens (CommonMark 4.5).
    fn opened_by(line: &str, number: usize) -> Result<Option<Block>, String> {
        let bare = line.trim_start_matches(' ');
        let Some(fence @ ('`' | '~')) = bare.chars().next() else { return Ok(None) };
        let length = bare.chars().take_while(|character| *character == fence).count();
        let info = bare[length..].trim();
        if length < 3 || line.len() - bare.len() > 3 || (fence == '`' && info.contains('`')) {
            return Ok(None);
        }
        let mut words = info.split_whitespace();
        let kind = match words.next().unwrap_or_default().to_lowercase().as_str() {
            "sh" | "bash" | "shell" | "zsh" => Kind::Lines,
            "console" | "shell-session" | "terminal" => Kind::Console,
            _ => Kind::Prose,
        };
        let limit = words.find_map(|word| word.strip_prefix("timeout=")).filter(|_| kind != Kind::Prose);
        let timeout = limit.map(|value| seconds(value, number)).transpose()?;
        Ok(Some(Block { kind, fence: (fence, length), line: number, timeout, lines: Vec::new() }))
    }

    fn is_closed_by(&self, line: &str) -> bool {
        let (fence, length) = self.fence;
        let bare = line.trim();
        bare.chars().count() >= length && bare.chars().all(|character| character == fence)
    }

    fn steps(self, scripts: bool, timeout: Option<Duration>) -> Result<Vec<Step>, String> {
        let timeout = self.timeout.or(timeout);
        let lines: Vec<(usize, String)> = match self.kind {
            Kind::Prose => return Ok(Vec::new()),
            Kind::Lines => self.lines,
            Kind::Console => {
                let typed = self.lines.into_iter();
                typed.filter_map(|(at, line)| Some((at, line.trim_start().strip_prefix("$ ")?.to_owned()))).collect()
            }
        };
        if scripts {
            let script: String = lines.iter().map(|(_, line)| format!("{line}\n")).collect();
            let step = Step { line: self.line, what: What::Script(script), timeout };
            return Ok(if step.shown().is_empty() { Vec::new() } else { vec![step] });
        }
        let mut steps = Vec::new();
        let mut lines = lines.into_iter();
        while let Some((number, mut command)) = lines.next() {
            if command.trim().is_empty() || command.trim_start().starts_with('#') {
                continue;
            }
            while command.ends_with('\\') {
                let Some((_, more)) = lines.next() else { break };
                command.push('\n');
                command.push_str(&more);
            }
            steps.push(Step::command(command.trim().to_owned(), number, timeout)?);
        }
        Ok(steps)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const FILE: &str = "---\ntitle: Build\ntimeout: 60 # each\ncwd: sub\n---\n# Build\nProse with `sh` and\n    ```sh\nindented.\n\n\
        ```sh timeout=5\n# first\ncargo build \\\n  --release\n\ncargo test\n```\n\n```json\nrm -rf x\n```\n\
        ~~~~console\n$ git status\nOn branch main\n~~~\n$ git log -1\n~~~~\ncommand: ls -la\nThe command: is not at the start.\n";

    #[test]
    fn commands_are_found_and_prose_is_left() {
        let task = parse(FILE, false).unwrap();
        let steps: Vec<(usize, &str, u64)> =
            task.steps.iter().map(|step| (step.line, step.shown(), step.timeout.unwrap().as_secs())).collect();
        let expected = [
            (13, "cargo build \\\n  --release", 5),
            (16, "cargo test", 5),
            (23, "git status", 60),
            (26, "git log -1", 60),
            (28, "ls -la", 60),
        ];
        assert_eq!((task.cwd.as_deref(), steps.as_slice()), (Some("sub"), &expected[..]));
        let scripts = parse(FILE, true).unwrap();
        let kinds: Vec<bool> = scripts.steps.iter().map(|step| matches!(step.what, What::Script(_))).collect();
        assert_eq!(kinds, [true, true, false]);
        assert_eq!(parse("# Only words\n\nNothing.", false).unwrap().steps, []);
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line() {
        for (text, said) in [
            ("```sh\nls\n", "line 1 is not closed"),
            ("\n```sh\nls | wc\n```", "line 3: `ls | wc` has `|`"),
            ("command: cd x", "line 1"),
            ("---\ntimeout: soon\n---\n", "line 2: timeout must be"),
            ("```bash timeout=0\n```", "line 1: timeout"),
        ] {
            let error = parse(text, false).unwrap_err();
            assert!(error.contains(said), "{text:?}: {error}");
        }
        assert!(parse("```sh\nls | wc\n```", true).is_ok(), "a shell reads it");
        assert!(parse(&format!("```sh\n{}```", "ls\n".repeat(201)), false).is_err());
    }

    proptest! {
        #[test]
        fn nothing_makes_it_panic(text in "[`~$ a#\\\\:\n-]{0,80}", scripts: bool) {
            let _ = parse(&text, scripts);
        }
    }
}

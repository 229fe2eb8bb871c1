//! The direct mode: a command's stdin and stdout, with several calls in flight.

use crate::connection::{INITIALIZED, initialize_tail};
use crate::plan::{self, Plan, find_tool, id_in, list_tail, request};
use crate::stats::{Stats, Window};
use bench::{Failure, Flags};
use memchr::memchr;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Instant;

const BUFFER: usize = 1 << 18;

/// Runs the command after `--` and loads it as the flags say.
pub(crate) fn run(flags: &Flags) -> Result<Value, Failure> {
    let mut child = start(&flags.command)?;
    let outcome = Pipes::of(&mut child).and_then(|pipes| load(flags, pipes));
    // The end of its input is the request to stop; a backend of ours obeys, others are killed.
    if outcome.is_err() {
        child.kill()?;
    }
    child.wait()?;
    outcome
}

#[expect(clippy::disallowed_methods, reason = "the load generator starts what it measures")]
fn start(command: &[String]) -> Result<Child, Failure> {
    let (program, args) = command.split_first().ok_or("stdio: -- COMMAND is needed")?;
    Command::new(program)
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|why| format!("cannot start {program}: {why}").into())
}

struct Pipes {
    input: BufWriter<ChildStdin>,
    output: BufReader<ChildStdout>,
    line: Vec<u8>,
}

impl Pipes {
    fn of(child: &mut Child) -> Result<Self, Failure> {
        let input = child.stdin.take().ok_or("the command has no stdin")?;
        let output = child.stdout.take().ok_or("the command has no stdout")?;
        Ok(Self {
            input: BufWriter::with_capacity(BUFFER, input),
            output: BufReader::with_capacity(BUFFER, output),
            line: Vec::new(),
        })
    }

    fn write(&mut self, message: &[u8]) -> Result<(), Failure> {
        self.input.write_all(message)?;
        Ok(self.input.write_all(b"\n")?)
    }

    /// The next message; other text on stdout is skipped.
    fn read(&mut self) -> Result<&[u8], Failure> {
        loop {
            self.line.clear();
            if self.output.read_until(b'\n', &mut self.line)? == 0 {
                return Err("the command closed its output".into());
            }
            if self.line.starts_with(b"{") {
                return Ok(self.line.trim_ascii_end());
            }
        }
    }

    fn ask(&mut self, message: &[u8]) -> Result<Value, Failure> {
        self.write(message)?;
        self.input.flush()?;
        Ok(serde_json::from_slice(self.read()?)?)
    }
}

fn load(flags: &Flags, mut pipes: Pipes) -> Result<Value, Failure> {
    let modern = plan::is_modern(flags)?;
    if !modern {
        pipes.ask(&request(1, &initialize_tail()))?;
        pipes.write(INITIALIZED.as_bytes())?;
    }
    let listed = pipes.ask(&request(2, &list_tail(modern, None)))?;
    let tools = listed["result"]["tools"].as_array().map_or(&[][..], Vec::as_slice);
    let names: Vec<String> = tools.iter().filter_map(|tool| tool["name"].as_str().map(str::to_owned)).collect();
    let own = Plan::op(flags)?.tool();
    let tool = flags.text("tool").map(str::to_owned);
    let plan = Plan::new(flags, tool.or_else(|| find_tool(&names, own)).unwrap_or_default())?;
    let window = Window::after(flags.number("warmup", 0.3)?, flags.number("secs", 2.0)?);
    let depth: usize = flags.number("depth", 1)?;
    let stats = drive(&mut pipes, &plan, &window, depth.clamp(1, 10_000))?;
    let mut report = stats.report(&window);
    report["depth"] = json!(depth);
    report["tool"] = json!(plan.tool);
    Ok(report)
}

fn drive(pipes: &mut Pipes, plan: &Plan, window: &Window, depth: usize) -> Result<Stats, Failure> {
    let mut stats = Stats::new()?;
    let mut flying: HashMap<u64, Instant> = HashMap::with_capacity(depth);
    let (mut id, mut whole) = (2, true);
    loop {
        let now = Instant::now();
        while flying.len() < depth && !window.is_over(now) {
            id += 1;
            pipes.write(&plan.request(id))?;
            flying.insert(id, Instant::now());
        }
        pipes.input.flush()?;
        // Take all replies that are here before writing again, as a pipelining client does.
        while !flying.is_empty() {
            let reply = pipes.read()?;
            let answered = id_in(reply).and_then(|id| flying.remove_entry(&id));
            match answered.map(|(id, started)| (plan.check(reply, id, whole), started)) {
                Some((Ok(()), started)) => stats.succeeded(window, started),
                Some((Err(why), _)) => stats.failed(&why.to_string()),
                None => stats.failed("a reply to nothing"),
            }
            whole = false;
            if memchr(b'\n', pipes.output.buffer()).is_none() {
                break;
            }
        }
        if flying.is_empty() && window.is_over(Instant::now()) {
            return Ok(stats);
        }
    }
}

//! The program that does numbered things until it is killed, and what must be there afterwards.

use crate::base::{Base, read};
use secrecy::ExposeSecret as _;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader, Lines};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};
use store::{Place, Store, log};

/// It, running.
pub(crate) struct Hammer {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

/// What was acknowledged.
#[derive(Debug, Default)]
pub(crate) struct Acknowledged {
    pub(crate) numbers: BTreeSet<u64>,
    pub(crate) failures: Vec<String>,
}

/// Names the program and the place that it works on.
pub(crate) fn program() -> PathBuf {
    let tests = std::env::current_exe().unwrap();
    tests.parent().unwrap().parent().unwrap().join("examples/hammer")
}

/// A place, as an argument.
pub(crate) fn named(place: &Place) -> String {
    match place {
        Place::File(path) => path.display().to_string(),
        Place::Url(url) => url.expose_secret().to_owned(),
    }
}

// === impl Hammer ===

impl Hammer {
    /// Starts it, under another program where `before` names one.
    pub(crate) fn start(before: &[String], arguments: &[&str]) -> Self {
        let mut words = before.to_vec();
        words.push(program().display().to_string());
        words.extend(arguments.iter().map(|word| (*word).to_owned()));
        #[expect(clippy::disallowed_methods, reason = "the program under test is nobody's server")]
        let mut command = Command::new(&words[0]);
        let mut child = command.args(&words[1..]).stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    pub(crate) fn load(place: &Place, from: u64, count: u64) -> Self {
        Self::start(&[], &["load", &named(place), &from.to_string(), &count.to_string()])
    }

    /// Waits until it has said so many things, or has ended.
    pub(crate) fn hear(&mut self, count: usize, acknowledged: &mut Acknowledged) -> bool {
        for _ in 0..count {
            match self.lines.next() {
                Some(Ok(line)) => acknowledged.note(&line),
                _ => return false,
            }
        }
        true
    }

    /// Kills it; what it said before counts.
    pub(crate) fn kill(mut self, acknowledged: &mut Acknowledged) {
        self.child.kill().unwrap();
        self.hear(usize::MAX, acknowledged);
        self.child.wait().unwrap();
    }

    /// Waits for its end; says whether it ended well.
    pub(crate) fn end(mut self, acknowledged: &mut Acknowledged) -> bool {
        self.hear(usize::MAX, acknowledged);
        self.child.wait().unwrap().success()
    }
}

// === impl Acknowledged ===

impl Acknowledged {
    fn note(&mut self, line: &str) {
        match line.split_once(' ') {
            Some(("did", number)) => drop(self.numbers.insert(number.parse().unwrap())),
            _ if line == "end" => {}
            _ => self.failures.push(line.to_owned()),
        }
    }

    /// The first number that was not acknowledged.
    pub(crate) fn next(&self) -> u64 {
        (0..).find(|number| !self.numbers.contains(number)).unwrap()
    }

    /// Everything acknowledged is there, nothing is there twice, and everything is whole.
    pub(crate) async fn check(&self, base: &Base) {
        let store = base.open().await;
        let found = done(&store).await;
        for number in &self.numbers {
            assert_eq!(found.get(&number.to_string()), Some(&1), "number {number} of {} is lost", self.numbers.len());
        }
        let twice: Vec<_> = found.iter().filter(|(_, count)| **count != 1).collect();
        assert!(twice.is_empty(), "{twice:?}");
        let findings = store.verify().await.unwrap();
        assert_eq!(findings.problems, Vec::<String>::new());
        store.close().await;
    }
}

/// How often each number was done.
pub(crate) async fn done(store: &Store) -> BTreeMap<String, u64> {
    let mut found = BTreeMap::new();
    let mut last = 0;
    loop {
        let events = read(store, move |tx| Box::pin(log::read(tx, "hammer", last, 1000))).await.unwrap();
        let Some(end) = events.last() else { return found };
        last = end.seq;
        for event in events {
            *found.entry(event.event.entity).or_default() += 1;
        }
    }
}

//! The one connection of this process that writes, and its queue. Jobs that wait together are
//! committed together: a commit costs a wait for the disk, whatever it holds.
//!
//! A job is answered after the commit and never before. In a group each job has a savepoint, so that
//! one that fails takes nobody with it; when the group itself fails, its jobs run again one by one.

use crate::Error;
use crate::clock::Clock;
use crate::error::Reach;
use crate::job::Job;
use crate::place::Options;
use crate::sqlite::{begin, busy, readers, write_anchor};
use crate::tx::{Link, Tx};
use sqlx::SqliteConnection;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// Jobs that wait at most; who comes then waits for a place within the deadline.
const QUEUE_MAX: usize = 256;
/// Jobs of one commit at most.
const GROUP_MAX: usize = 64;
/// A group takes in no more jobs after this long, so that the first does not wait for the last.
const GROUP_TIME: Duration = Duration::from_millis(10);
/// The longest pause between two attempts to get the file's lock.
const PAUSE_MAX: Duration = Duration::from_millis(16);

const BEGIN: &str = "BEGIN IMMEDIATE; SELECT store_ms, wall_ms, up_ms, boot FROM clock WHERE id = 1";

/// The way to the writer.
#[derive(Debug, Clone)]
pub(crate) struct Writer {
    queue: Arc<Mutex<Option<mpsc::Sender<Waiting>>>>,
    task: Arc<Mutex<Option<JoinHandle<()>>>>,
    place: Arc<str>,
    deadline: Duration,
}

struct Waiting {
    name: &'static str,
    job: Box<dyn Job>,
    since: Instant,
    /// How long it may run once it has begun: everybody else waits for it.
    time_max: Duration,
}

/// The owner of the connection.
struct Owner {
    tx: Tx,
    clock: Arc<dyn Clock>,
    deadline: Duration,
    /// Changes with every attempt, so that processes that wait for each other do not march in step.
    dice: u64,
}

/// Why a transaction came to nothing.
struct Fell {
    error: Error,
    /// It passes: the same may be tried again.
    passing: bool,
}

// === impl Writer ===

impl Writer {
    pub(crate) fn start(connection: SqliteConnection, place: Arc<str>, options: &Options) -> Self {
        let (queue, jobs) = mpsc::channel(QUEUE_MAX);
        let owner = Owner {
            tx: Tx::new(Link::Sqlite(connection), Arc::clone(&place)),
            clock: Arc::clone(&options.clock),
            deadline: options.deadline,
            dice: u64::from(std::process::id()),
        };
        let task = tokio::spawn(owner.run(jobs));
        Self {
            queue: Arc::new(Mutex::new(Some(queue))),
            task: Arc::new(Mutex::new(Some(task))),
            place,
            deadline: options.deadline,
        }
    }

    /// Puts a job into the queue.
    pub(crate) async fn ask(&self, name: &'static str, time_max: Duration, job: Box<dyn Job>) -> Result<(), Error> {
        let queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner).clone().ok_or(Error::Closed)?;
        let since = Instant::now();
        let place = tokio::time::timeout(self.deadline, queue.reserve()).await;
        let place = place.map_err(|_| busy(&self.place, self.deadline, name))?;
        place.map_err(|_| Error::Closed)?.send(Waiting { name, job, since, time_max });
        Ok(())
    }

    /// Does what is in the queue, then closes the file.
    pub(crate) async fn close(&self) {
        drop(self.queue.lock().unwrap_or_else(PoisonError::into_inner).take());
        let task = self.task.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(task) = task {
            // It ends by itself; that it panicked was said when it did.
            let _ = task.await;
        }
    }
}

// === impl Owner ===

impl Owner {
    async fn run(mut self, mut jobs: mpsc::Receiver<Waiting>) {
        while let Some(first) = jobs.recv().await {
            let failed = self.group(first, &mut jobs).await;
            for waiting in failed {
                self.alone(waiting).await;
            }
        }
        readers::end(self.tx).await;
    }

    /// Runs a job and those that wait behind it in one transaction. Gives back the jobs that have to
    /// run again.
    async fn group(&mut self, first: Waiting, jobs: &mut mpsc::Receiver<Waiting>) -> VecDeque<Waiting> {
        let mut kept = VecDeque::new();
        if let Err(fell) = self.begin(first.name, first.since).await {
            first.job.answer(Some(fell.error));
            return kept;
        }
        let until = Instant::now() + GROUP_TIME;
        let mut next = Some(first);
        while let Some(mut waiting) = next.take() {
            if !waiting.job.is_abandoned() {
                match self.step(&mut waiting, !kept.is_empty()).await {
                    Ok(true) => kept.push_back(waiting),
                    Ok(false) if kept.is_empty() => {
                        // Nothing of the transaction is left: those behind get one of their own.
                        waiting.job.answer(None);
                        return kept;
                    }
                    Ok(false) => waiting.job.answer(None),
                    Err(fell) => {
                        if fell.passing {
                            kept.push_back(waiting)
                        } else {
                            waiting.job.answer(Some(fell.error))
                        }
                        return kept;
                    }
                }
            }
            if kept.len() < GROUP_MAX && Instant::now() < until {
                next = jobs.try_recv().ok();
            }
        }
        match self.commit().await {
            Ok(()) => kept.drain(..).for_each(|waiting| waiting.job.answer(None)),
            Err(fell) if kept.len() == 1 && !fell.passing => {
                kept.drain(..).for_each(|waiting| waiting.job.answer(Some(fell.error.clone())));
            }
            Err(_) => {}
        }
        kept
    }

    /// Runs one job of a group. `Ok(false)`: it failed by itself and was undone. An error: the
    /// transaction is gone, and with it what the others did.
    async fn step(&mut self, waiting: &mut Waiting, others: bool) -> Result<bool, Fell> {
        if others {
            self.script("SAVEPOINT job").await?;
        }
        let run = tokio::time::timeout(waiting.time_max, waiting.job.run(&mut self.tx)).await;
        let Ok(kept) = run else {
            let error = busy(self.tx.place(), waiting.time_max, waiting.name);
            return Err(self.fall(error, Reach::Transaction).await);
        };
        match self.tx.take_failure() {
            Some((_, Reach::Statement)) | None => {}
            Some((error, reach)) => return Err(self.fall(error, reach).await),
        }
        match (kept, others) {
            (true, true) => self.script("RELEASE job").await?,
            (true, false) => {}
            (false, true) => self.script("ROLLBACK TO job; RELEASE job").await?,
            (false, false) => self.script("ROLLBACK").await?,
        }
        Ok(kept)
    }

    /// Runs a job in a transaction of its own, until it is done or its time is over.
    async fn alone(&mut self, mut waiting: Waiting) {
        loop {
            if waiting.job.is_abandoned() {
                return;
            }
            let attempt = self.attempt(&mut waiting).await;
            let error = match attempt {
                Ok(()) => return waiting.job.answer(None),
                Err(Fell { passing: true, .. }) if waiting.since.elapsed() < self.deadline => {
                    self.pause(PAUSE_MAX).await;
                    continue;
                }
                Err(fell) => fell.error,
            };
            return waiting.job.answer(Some(error));
        }
    }

    async fn attempt(&mut self, waiting: &mut Waiting) -> Result<(), Fell> {
        self.begin(waiting.name, waiting.since).await?;
        if self.step(waiting, false).await? { self.commit().await } else { Ok(()) }
    }

    /// Gets the file's lock, however many want it, and the time.
    async fn begin(&mut self, name: &'static str, since: Instant) -> Result<(), Fell> {
        let mut pause = Duration::from_micros(500);
        loop {
            self.tx.reset(0);
            let begun = match begin(&mut self.tx, BEGIN).await {
                Ok(anchor) => {
                    let moment = self.clock.read();
                    self.tx.reset(anchor.now_ms(&moment));
                    match anchor.renewed(&moment) {
                        Some(anchor) => write_anchor(&mut self.tx, &anchor).await,
                        None => Ok(()),
                    }
                }
                Err(error) => Err(error),
            };
            let Err(error) = begun else { return Ok(()) };
            let reach = self.tx.take_failure().map_or(Reach::Transaction, |(_, reach)| reach);
            let fell = self.fall(error, reach).await;
            let waited = since.elapsed();
            if !fell.passing {
                return Err(fell);
            }
            if waited >= self.deadline {
                return Err(Fell { error: busy(self.tx.place(), waited, name), passing: false });
            }
            self.pause(pause).await;
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }

    async fn commit(&mut self) -> Result<(), Fell> {
        self.script("COMMIT").await
    }

    async fn script(&mut self, sql: &'static str) -> Result<(), Fell> {
        let Err(error) = self.tx.script(sql).await else { return Ok(()) };
        let reach = self.tx.take_failure().map_or(Reach::Transaction, |(_, reach)| reach);
        Err(self.fall(error, reach).await)
    }

    /// Leaves no transaction behind, whether or not the error ended it.
    async fn fall(&mut self, error: Error, reach: Reach) -> Fell {
        // Where there is none any more this is an error that says so.
        let _ = self.tx.script("ROLLBACK").await;
        self.tx.take_failure();
        Fell { error, passing: reach == Reach::Passing }
    }

    /// Waits between half of `at_most` and all of it.
    async fn pause(&mut self, at_most: Duration) {
        self.dice = self.dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let half = at_most / 2;
        let part = u32::try_from(self.dice >> 33).unwrap_or(0) % 1024;
        tokio::time::sleep(half + half * part / 1024).await;
    }
}

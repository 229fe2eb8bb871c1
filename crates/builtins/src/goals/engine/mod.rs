//! Goals that last: the state in memory, and the log and the tables of the store behind it.
//!
//! One task owns the state. Writes that wait together are decided one after the other and kept in
//! one transaction, which also reads what other processes appended meanwhile, so any number of
//! processes may share one store. It deliberately decides nothing itself; `model` does.

mod history;
mod kept;
mod rows;
#[cfg(test)]
mod scale;
#[cfg(test)]
mod tests;

use super::model::{Command, Refusal, State};
pub(crate) use history::Happened;
use kept::Kept;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use store::Store;
use tokio::sync::{Mutex, mpsc, oneshot};

/// Requests that wait for the owner; more wait for room.
const WAITING_MAX: usize = 256;
/// Requests that are answered with one transaction.
const TOGETHER_MAX: usize = 128;
/// After so long without a request, the state is forgotten; the next one reads it again.
const IDLE: Duration = Duration::from_secs(600);
/// Letters of an idempotency key, bytes.
const KEY_BYTES_MAX: usize = 256;

/// Goals in a store. Clones are the same goals.
#[derive(Clone)]
pub(crate) struct Goals {
    store: Store,
    owner: Arc<OnceLock<mpsc::Sender<Job>>>,
}

/// Why a request was not answered.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Trouble {
    /// The command was refused; nothing changed.
    Refused(Refusal),
    /// The store could not do it.
    Store(store::Error),
}

/// A command with who asks, and under which idempotency key.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Asked {
    command: Command,
    actor: String,
    key: Option<Key>,
}

/// An idempotency key, and what was asked under it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Key {
    scope: String,
    key: String,
    digest: Vec<u8>,
}

type Answer = Result<Value, Trouble>;
type Look = Box<dyn FnOnce(Result<&State, Trouble>) + Send>;

enum Job {
    Write(Box<Asked>, oneshot::Sender<Answer>),
    Read(Look),
}

// === impl Goals ===

impl Goals {
    /// The goals in `store`. Nothing is read before the first request.
    #[must_use]
    pub(crate) fn new(store: Store) -> Self {
        Self { store, owner: Arc::new(OnceLock::new()) }
    }

    /// Carries out a command; when this returns, it survives a loss of power.
    ///
    /// # Errors
    /// It was refused, or the store failed.
    pub(crate) async fn write(&self, actor: &str, command: Command, key: Option<String>) -> Answer {
        let key = key.map(|key| self::key(actor, key, &command)).transpose()?;
        let asked = Box::new(Asked { command, actor: actor.to_owned(), key });
        let (sender, answer) = oneshot::channel();
        self.send(Job::Write(asked, sender)).await?;
        answer.await.unwrap_or(Err(Trouble::Store(store::Error::Closed)))
    }

    /// Looks at the state as it is now, after all that other processes did.
    ///
    /// # Errors
    /// The store failed, or what `look` says.
    pub(crate) async fn read<T, F>(&self, look: F) -> Result<T, Trouble>
    where
        T: Send + 'static,
        F: FnOnce(&State) -> Result<T, Refusal> + Send + 'static,
    {
        let (sender, answer) = oneshot::channel();
        let look: Look = Box::new(move |state| {
            let seen = state.and_then(|state| look(state).map_err(Trouble::Refused));
            // Who asked may have gone away.
            let _gone = sender.send(seen);
        });
        self.send(Job::Read(look)).await?;
        answer.await.unwrap_or(Err(Trouble::Store(store::Error::Closed)))
    }

    /// The store behind it.
    #[must_use]
    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    async fn send(&self, job: Job) -> Result<(), Trouble> {
        let owner = self.owner.get_or_init(|| {
            let (sender, jobs) = mpsc::channel(WAITING_MAX);
            tokio::spawn(Owner { store: self.store.clone(), kept: Arc::default() }.run(jobs));
            sender
        });
        owner.send(job).await.map_err(|_| Trouble::Store(store::Error::Closed))
    }
}

impl std::fmt::Debug for Goals {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Goals").field("store", &self.store.place()).finish_non_exhaustive()
    }
}

fn key(actor: &str, key: String, command: &Command) -> Result<Key, Trouble> {
    if key.is_empty() || key.len() > KEY_BYTES_MAX || key.contains('\0') {
        let message = format!("`idempotency_key` has 1 to {KEY_BYTES_MAX} bytes");
        return Err(Trouble::Refused(Refusal::invalid(message, "use a random id of your own for each request")));
    }
    let text = serde_json::to_string(command).unwrap_or_default();
    let scope = format!("goals/{}", actor.replace('\0', ""));
    Ok(Key { scope, key, digest: Sha256::digest(text.as_bytes()).to_vec() })
}

// === impl Trouble ===

impl From<store::Error> for Trouble {
    fn from(error: store::Error) -> Self {
        Self::Store(error)
    }
}

impl From<Refusal> for Trouble {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// The one who owns the state.
struct Owner {
    store: Store,
    /// Behind a lock, since a job of the store must own what it changes; nobody else has it.
    kept: Arc<Mutex<Kept>>,
}

// === impl Owner ===

impl Owner {
    async fn run(self, mut jobs: mpsc::Receiver<Job>) {
        loop {
            let first = match tokio::time::timeout(IDLE, jobs.recv()).await {
                Ok(Some(job)) => job,
                Ok(None) => return,
                Err(_idle) => {
                    self.kept.lock().await.forget();
                    match jobs.recv().await {
                        Some(job) => job,
                        None => return,
                    }
                }
            };
            let (mut writes, mut reads) = (Vec::new(), Vec::new());
            let mut next = Some(first);
            while let Some(job) = next {
                match job {
                    Job::Write(asked, sender) => writes.push((*asked, sender)),
                    Job::Read(look) => reads.push(look),
                }
                let room = writes.len() + reads.len() < TOGETHER_MAX;
                next = if room { jobs.try_recv().ok() } else { None };
            }
            // All of them wait at once, so each order among them is right.
            self.work(writes, reads).await;
        }
    }

    async fn work(&self, writes: Vec<(Asked, oneshot::Sender<Answer>)>, reads: Vec<Look>) {
        let (asked, senders): (Vec<_>, Vec<_>) = writes.into_iter().unzip();
        let mut seen = Ok(());
        if asked.is_empty() {
            seen = self.refresh().await;
        } else {
            let answers = self.write(asked).await;
            for (at, sender) in senders.into_iter().enumerate() {
                let answer = match &answers {
                    Ok(answers) => answers.get(at).cloned().unwrap_or(Err(Trouble::Store(store::Error::Closed))),
                    Err(error) => Err(Trouble::Store(error.clone())),
                };
                // Who asked may have gone away; what was asked is done.
                let _gone = sender.send(answer);
            }
            if answers.is_err() && !reads.is_empty() {
                seen = self.refresh().await;
            }
        }
        let kept = self.kept.lock().await;
        for look in reads {
            match (&seen, kept.state()) {
                (Ok(()), Some(state)) => look(Ok(state)),
                (Ok(()), None) => look(Err(Trouble::Store(store::Error::Closed))),
                (Err(error), _) => look(Err(Trouble::Store(error.clone()))),
            }
        }
    }

    /// Brings the state up to date; says whether a lease is over.
    async fn look(&self) -> Result<bool, store::Error> {
        let kept = Arc::clone(&self.kept);
        let look = self.store.read("goals", move |tx| {
            let kept = Arc::clone(&kept);
            Box::pin(async move { kept.lock_owned().await.look(tx).await })
        });
        look.await
    }

    /// Decides and keeps.
    async fn write(&self, asked: Vec<Asked>) -> Result<Vec<Answer>, store::Error> {
        if self.kept.lock().await.state().is_none() {
            // Reading everything takes a while, and all writers of a file would wait for it.
            self.look().await?;
        }
        let asked = Arc::new(asked);
        let kept = Arc::clone(&self.kept);
        let answers = self
            .store
            .write("goals", move |tx| {
                let (kept, asked) = (Arc::clone(&kept), Arc::clone(&asked));
                Box::pin(async move { kept.lock_owned().await.carry_out(tx, &asked).await })
            })
            .await;
        let mut kept = self.kept.lock().await;
        match &answers {
            Ok(_) => kept.keep(),
            Err(_) => kept.take_back(),
        }
        answers
    }

    /// Brings the state up to date for readers. Leases that are over are ended first, since nobody
    /// may see a holder who is none.
    async fn refresh(&self) -> Result<(), store::Error> {
        if self.look().await? {
            let sweep = Asked { command: Command::Sweep, actor: "switchboard".to_owned(), key: None };
            // Where nothing can be written, reading still goes on.
            let _swept = self.write(vec![sweep]).await;
        }
        Ok(())
    }
}

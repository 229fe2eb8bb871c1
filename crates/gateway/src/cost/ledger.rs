//! What each client has read and done: lists with their cost, calls with the size of their results, and
//! how often a list that it had read was another the next time, which costs it the prompt that began with
//! the former one.
//!
//! A legacy session is one account. Modern requests stand alone; those of one principal with the same
//! `clientInfo` are one account. Accounts are bounded, and nothing here outlives the process. It counts no
//! tokens on its own: [`Ledger::settle`] does, on a thread where it may take its time.

use super::prices::hash;
use super::{Activity, Prices, SESSIONS_MAX};
use protocol::{CallContext, Object, Principal, Raw};
use serde::Serialize;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;

/// The most characters of a client's name that are kept.
const CLIENT_CHARACTERS_MAX: usize = 64;
/// Lists that were read and not counted yet, of one account; more are not counted for it.
const OPEN_MAX: usize = 64;
/// Endpoints of which one account has read the list; beyond, changes of others are not noticed.
const ENDPOINTS_MAX: usize = 16;

/// Whose account it is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Reader {
    /// A legacy session or conversation.
    Session(Arc<str>),
    /// Modern requests, by the hash of principal and `clientInfo`.
    Client(u64),
}

/// What one session, or one client without sessions, has cost.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct SessionCosts {
    /// Names it among the others.
    pub session: String,
    /// How the client calls itself.
    pub client: Option<String>,
    /// Who it is.
    pub principal: String,
    /// How long ago it was last heard of, in milliseconds.
    pub idle_ms: u64,
    /// How often it has read a list of tools.
    pub lists: u64,
    /// What these were together, in tokens, exactly.
    pub definitions_tokens: u64,
    /// How many calls it has made.
    pub calls: u64,
    /// What their results were together, in tokens, by their bytes.
    pub results_tokens: u64,
    /// How often a list that it had read was another one the next time.
    pub breaks: u64,
    /// What the former lists were together, in tokens: at least so much of its prompt was read anew.
    pub broken_tokens: u64,
}

/// What changes of lists have cost since the start.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Broken {
    /// Tokens of lists that clients had read and got another of.
    pub tokens: u64,
    /// How often that happened to a session.
    pub sessions: u64,
    /// The servers whose lists changed, of the latest.
    pub servers: BTreeSet<Arc<str>>,
}

/// All accounts.
#[derive(Debug)]
pub struct Ledger {
    born: Instant,
    book: Mutex<Book>,
    broken: watch::Sender<Broken>,
}

#[derive(Debug, Default)]
struct Book {
    accounts: HashMap<Reader, Account>,
    /// Lists that somebody has read, by the hash of their bytes.
    lists: HashMap<u64, List>,
    /// Where the bytes are of lists that are held: the same place is the same list.
    places: HashMap<Place, u64>,
    /// Servers whose lists changed since it was told last.
    changed: BTreeSet<Arc<str>>,
    numbered: u64,
}

/// Address and length of the first page, and how many pages there are.
type Place = (usize, usize, usize);

/// A list that was read.
#[derive(Debug, Default)]
struct List {
    /// Held until they are counted, and no longer than until the next change of a list.
    pages: Vec<Raw>,
    tokens: Option<u64>,
}

#[derive(Debug)]
struct Account {
    costs: SessionCosts,
    seen: Duration,
    in_flight: u32,
    answered: Option<Duration>,
    /// The server that it called last.
    called: Option<Arc<str>>,
    result_bytes: u64,
    /// What it read last of each endpoint, by the hash of the endpoint's name.
    last: HashMap<u64, u64>,
    /// Lists to be counted: hash, and whether it is one that is broken.
    open: Vec<(u64, bool)>,
}

/// A call on its way; tells when it has an answer, however it ends.
#[derive(Debug)]
pub(crate) struct Busy {
    ledger: Arc<Ledger>,
    reader: Reader,
    bytes: usize,
}

impl Reader {
    /// Whose account a request belongs to; requests of our own have none.
    pub(crate) fn of(context: &CallContext) -> Option<Self> {
        if let Some(session) = &context.session {
            return Some(Self::Session(session.clone()));
        }
        context.client.capabilities.as_ref()?;
        let info = context.client.info.as_ref().map_or(&[][..], Raw::as_bytes);
        Some(Self::Client(hash([context.principal.as_str().as_bytes(), info])))
    }
}

// === impl Ledger ===

impl Default for Ledger {
    fn default() -> Self {
        Self { born: Instant::now(), book: Mutex::default(), broken: watch::Sender::default() }
    }
}

impl Ledger {
    /// A call begins. None for calls of our own.
    pub(crate) fn begins(self: &Arc<Self>, context: &CallContext) -> Option<Busy> {
        let reader = Reader::of(context)?;
        let now = self.born.elapsed();
        let mut book = self.lock();
        let account = book.account(&reader, context, now);
        account.in_flight += 1;
        account.costs.calls += 1;
        drop(book);
        Some(Busy { ledger: self.clone(), reader, bytes: 0 })
    }

    /// The call that began goes to `server`.
    pub(crate) fn goes_to(&self, context: &CallContext, server: &Arc<str>) {
        let Some(reader) = Reader::of(context) else { return };
        if let Some(account) = self.lock().accounts.get_mut(&reader)
            && account.called.as_ref() != Some(server)
        {
            account.called = Some(server.clone());
        }
    }

    /// Whether a change of these servers is likely what the client asked for: it calls one of them, or did
    /// so not longer than `quiet` ago. Servers that offer other tools when they are told to do it so.
    pub(crate) fn asked_for(&self, reader: &Reader, servers: &BTreeSet<Arc<str>>, quiet: Duration) -> bool {
        let now = self.born.elapsed();
        let book = self.lock();
        let Some(account) = book.accounts.get(reader) else { return false };
        let recent = account.answered.is_some_and(|answered| now.saturating_sub(answered) < quiet);
        (account.in_flight > 0 || recent) && account.called.as_ref().is_some_and(|called| servers.contains(called))
    }

    /// A client reads the list of tools of an endpoint, from the first page on. Whether it is another than
    /// it had read.
    pub(crate) fn reads(&self, context: &CallContext, endpoint: &str, pages: &[Raw]) -> bool {
        let (Some(reader), Some(first)) = (Reader::of(context), pages.first()) else { return false };
        let place = (first.as_bytes().as_ptr() as usize, first.as_bytes().len(), pages.len());
        let known = self.lock().places.get(&place).copied();
        // Of a list of thousands of tools this takes a millisecond, once after each change.
        let key = known.unwrap_or_else(|| hash(pages.iter().map(Raw::as_bytes)));
        let now = self.born.elapsed();
        let mut book = self.lock();
        if known.is_none() || !book.lists.contains_key(&key) {
            book.lists.entry(key).or_default().pages = pages.to_vec();
            book.places.insert(place, key);
        }
        let account = book.account(&reader, context, now);
        account.costs.lists += 1;
        account.reads(hash([endpoint.as_bytes()]), key)
    }

    /// What a client is doing.
    pub(crate) fn activity(&self, reader: &Reader) -> Activity {
        let now = self.born.elapsed();
        let book = self.lock();
        let Some(account) = book.accounts.get(reader) else { return Activity::default() };
        Activity { in_flight: account.in_flight, quiet: account.answered.map(|answered| now.saturating_sub(answered)) }
    }

    /// The lists of these servers have changed.
    pub(crate) fn changed<'a>(&self, servers: impl IntoIterator<Item = &'a Arc<str>>) {
        let mut book = self.lock();
        if !book.accounts.is_empty() {
            book.changed.extend(servers.into_iter().cloned());
        }
    }

    /// Whether there is a list whose bytes are held.
    pub(crate) fn has_open(&self) -> bool {
        !self.lock().places.is_empty()
    }

    /// Counts what was read, and tells what was broken. Takes its time.
    pub(crate) fn settle(&self, prices: &Prices) {
        let open: Vec<(u64, Vec<Raw>)> = {
            let book = self.lock();
            let uncounted = book.lists.iter().filter(|(_, list)| list.tokens.is_none());
            uncounted.map(|(key, list)| (*key, list.pages.clone())).collect()
        };
        let counted: Vec<(u64, u64)> = open.iter().map(|(key, pages)| (*key, prices.of_pages(pages))).collect();
        drop(open);
        let mut book = self.lock();
        for (key, tokens) in counted {
            if let Some(list) = book.lists.get_mut(&key) {
                list.tokens = Some(tokens);
            }
        }
        let (tokens, sessions) = book.settle();
        let servers = if sessions > 0 { std::mem::take(&mut book.changed) } else { BTreeSet::new() };
        drop(book);
        if sessions > 0 {
            self.broken.send_modify(|broken| {
                broken.tokens += tokens;
                broken.sessions += sessions;
                broken.servers = servers;
            });
        }
    }

    /// What was broken, now and whenever it becomes more.
    pub(crate) fn broken(&self) -> watch::Receiver<Broken> {
        self.broken.subscribe()
    }

    /// Every account as far as it is counted, the one that was heard of last first.
    pub(crate) fn sessions(&self) -> Vec<SessionCosts> {
        let now = self.born.elapsed();
        let mut all: Vec<SessionCosts> = self.lock().accounts.values().map(|account| account.shown(now)).collect();
        all.sort_by(|left, right| (left.idle_ms, &left.session).cmp(&(right.idle_ms, &right.session)));
        all
    }

    fn lock(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Book ===

impl Book {
    fn account(&mut self, reader: &Reader, context: &CallContext, now: Duration) -> &mut Account {
        if self.accounts.len() >= SESSIONS_MAX && !self.accounts.contains_key(reader) {
            let idle = self.accounts.iter().filter(|(_, account)| account.in_flight == 0);
            let oldest = idle.min_by_key(|(_, account)| account.seen).map(|(reader, _)| reader.clone());
            if let Some(oldest) = oldest {
                self.accounts.remove(&oldest);
            }
        }
        let numbered = &mut self.numbered;
        let account = self.accounts.entry(reader.clone()).or_insert_with(|| {
            *numbered += 1;
            Account::new(reader, context, *numbered)
        });
        account.seen = now;
        account
    }

    /// Enters what is counted into the accounts, and forgets lists that nobody needs; gives tokens and
    /// sessions of what was broken.
    fn settle(&mut self) -> (u64, u64) {
        let (mut tokens, mut sessions) = (0, 0);
        let mut needed: HashSet<u64> = HashSet::new();
        for account in self.accounts.values_mut() {
            let (tokens_before, breaks) = (account.costs.broken_tokens, account.costs.breaks);
            for (key, broken) in std::mem::take(&mut account.open) {
                match self.lists.get(&key).and_then(|list| list.tokens) {
                    Some(cost) if broken => {
                        account.costs.broken_tokens += cost;
                        account.costs.breaks += 1;
                    }
                    Some(cost) => account.costs.definitions_tokens += cost,
                    // Read while the others were counted.
                    None => account.open.push((key, broken)),
                }
            }
            tokens += account.costs.broken_tokens - tokens_before;
            sessions += u64::from(account.costs.breaks > breaks);
            needed.extend(account.last.values());
            needed.extend(account.open.iter().map(|(key, _)| *key));
        }
        self.lists.retain(|key, list| {
            if list.tokens.is_some() {
                list.pages = Vec::new();
            }
            needed.contains(key)
        });
        // A place whose bytes are not held may come to be another list's.
        self.places.retain(|_, key| self.lists.get(key).is_some_and(|list| !list.pages.is_empty()));
        (tokens, sessions)
    }
}

// === impl Account ===

impl Account {
    fn new(reader: &Reader, context: &CallContext, number: u64) -> Self {
        let info = context.client.info.as_ref().and_then(|info| Object::of(info).ok());
        let client = info.and_then(|info| info.text("name"));
        let session = match reader {
            Reader::Session(session) => session.to_string(),
            Reader::Client(_) => format!("client-{number}"),
        };
        let principal: &Principal = &context.principal;
        let costs = SessionCosts {
            session,
            client: client.map(|name| name.chars().take(CLIENT_CHARACTERS_MAX).collect()),
            principal: principal.as_str().to_owned(),
            ..SessionCosts::default()
        };
        Self {
            costs,
            seen: Duration::ZERO,
            in_flight: 0,
            answered: None,
            called: None,
            result_bytes: 0,
            last: HashMap::new(),
            open: Vec::new(),
        }
    }

    fn reads(&mut self, endpoint: u64, key: u64) -> bool {
        if self.open.len() < OPEN_MAX {
            self.open.push((key, false));
        }
        if self.last.len() >= ENDPOINTS_MAX && !self.last.contains_key(&endpoint) {
            return false;
        }
        let former = self.last.insert(endpoint, key).filter(|former| *former != key);
        let Some(former) = former.filter(|_| self.open.len() < OPEN_MAX) else { return false };
        self.open.push((former, true));
        true
    }

    fn shown(&self, now: Duration) -> SessionCosts {
        let results = tokens::estimate(usize::try_from(self.result_bytes).unwrap_or(usize::MAX));
        let idle = if self.in_flight > 0 { Duration::ZERO } else { now.saturating_sub(self.seen) };
        SessionCosts {
            idle_ms: u64::try_from(idle.as_millis()).unwrap_or(u64::MAX),
            results_tokens: results as u64,
            ..self.costs.clone()
        }
    }
}

// === impl Busy ===

impl Busy {
    /// The answer has so many bytes.
    pub(crate) fn answered(&mut self, bytes: usize) {
        self.bytes = bytes;
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        let now = self.ledger.born.elapsed();
        let mut book = self.ledger.lock();
        if let Some(account) = book.accounts.get_mut(&self.reader) {
            account.in_flight = account.in_flight.saturating_sub(1);
            account.answered = Some(now);
            account.seen = now;
            account.result_bytes = account.result_bytes.saturating_add(self.bytes as u64);
        }
    }
}

#[cfg(test)]
mod tests;

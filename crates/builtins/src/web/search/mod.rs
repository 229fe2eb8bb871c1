//! Searching: one question and one shape of answer, whoever answers.
//!
//! Providers are asked in the declared order until one answers. One that refuses rests for a while, and
//! each has its quota. It deliberately fetches none of what was found.

mod google;

mod brave;

mod tavily;

mod searxng;

mod query;
pub(super) use query::Query;

use super::kept::Kept;
use super::options::Options;
use super::read;
use http::header::{self, HeaderName};
use outbound::web::{Ask, Bounds, Network, Rules, Web, WebError};
use protocol::tools::{Failure, FailureKind};
use schemars::JsonSchema;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};
use url::Url;

/// The largest answer of a provider, in bytes.
const ANSWER_BYTES_MAX: usize = 2 * 1024 * 1024;
/// How many answers are kept, and how many bytes of them.
const KEPT_MAX: usize = 500;
const KEPT_BYTES_MAX: usize = 8 * 1024 * 1024;
/// How long a provider rests that says it is asked too often, where it does not say for how long.
const REST: Duration = Duration::from_secs(60);
/// The longest rest.
const REST_MAX: Duration = Duration::from_secs(60 * 60);
/// The longest title, address and snippet, in characters.
const FIELD_CHARS_MAX: usize = 2000;

/// Who searches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Provider {
    /// Google Custom Search: `GOOGLE_API_KEY` and `GOOGLE_SEARCH_ENGINE_ID`.
    Google,
    /// Brave Search: `BRAVE_API_KEY`.
    Brave,
    /// Tavily: `TAVILY_API_KEY`.
    Tavily,
    /// An own SearXNG or searx: `SEARXNG_URL`.
    Searxng,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Found {
    /// What was asked.
    pub query: String,
    /// How many there are in all, where the provider says.
    pub total_results: Option<u64>,
    /// How long it took, in seconds.
    pub search_time: f64,
    /// What was found, best first.
    pub items: Vec<Item>,
    /// Who answered.
    pub provider: String,
    /// What is worth knowing about the answer: engines that did not answer, providers that failed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// One hit.
#[derive(Debug, Clone, Default, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Item {
    /// What it is called.
    pub title: String,
    /// Where it is.
    pub link: String,
    /// What it says.
    pub snippet: String,
    /// Its host.
    pub display_link: String,
    /// Its address for people.
    pub formatted_url: String,
    /// Its media type, where it is no page.
    pub mime: Option<String>,
    /// Its format, where it is a file.
    pub file_format: Option<String>,
}

/// A provider's answer, read.
#[derive(Debug, Default, PartialEq)]
struct Answer {
    total: Option<u64>,
    seconds: Option<f64>,
    items: Vec<Item>,
    notes: Vec<String>,
}

/// A provider with what it needs.
#[derive(Debug)]
struct Account {
    provider: Provider,
    web: Web,
    place: Url,
    /// The key; empty where none is needed.
    key: SecretString,
    /// The search engine's id with Google.
    engine: String,
}

/// Searches with whoever is set up.
#[derive(Debug)]
pub(super) struct Searcher {
    accounts: Vec<Account>,
    options: Arc<Options>,
    kept: Kept<Found>,
    uses: Mutex<BTreeMap<Provider, Use>>,
}

/// How much a provider was used, and whether it rests.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Use {
    /// The day that is counted, since 1970.
    day: u64,
    count: u32,
    rests_until: Option<Instant>,
}

// === impl Provider ===

impl Provider {
    const ALL: [Self; 4] = [Self::Google, Self::Brave, Self::Tavily, Self::Searxng];

    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Google => "google",
            Self::Brave => "brave",
            Self::Tavily => "tavily",
            Self::Searxng => "searxng",
        }
    }

    /// The variables that set it up.
    #[must_use]
    pub const fn variables(self) -> &'static [&'static str] {
        match self {
            Self::Google => &["GOOGLE_API_KEY", "GOOGLE_SEARCH_ENGINE_ID"],
            Self::Brave => &["BRAVE_API_KEY"],
            Self::Tavily => &["TAVILY_API_KEY"],
            Self::Searxng => &["SEARXNG_URL"],
        }
    }
}

// === impl Account ===

impl Account {
    fn new(
        provider: Provider,
        network: &Arc<dyn Network>,
        env: &dyn Fn(&str) -> Option<SecretString>,
    ) -> Result<Option<Self>, String> {
        let found: Vec<SecretString> = provider.variables().iter().filter_map(|name| env(name)).collect();
        if found.len() < provider.variables().len() {
            return Ok(None);
        }
        let (key, rest) = found.split_first().ok_or("a provider without variables")?;
        let engine = rest.first().map(|engine| engine.expose_secret().to_owned()).unwrap_or_default();
        let place = match provider {
            Provider::Google => google::PLACE,
            Provider::Brave => brave::PLACE,
            Provider::Tavily => tavily::PLACE,
            Provider::Searxng => key.expose_secret().trim(),
        };
        let place = Url::parse(place).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
        let place = place.ok_or("`SEARXNG_URL` is no address such as http://localhost:8888")?;
        // A person named this place: it may be anywhere, but lead nowhere else.
        let web = Web::new(Rules::for_place(&place), network.clone());
        Ok(Some(Self { provider, web, place, key: key.clone(), engine }))
    }

    /// The request; or why this provider cannot answer such a question.
    fn ask(&self, query: &Query, bounds: Bounds) -> Result<Ask, String> {
        let key = self.key.expose_secret();
        match self.provider {
            Provider::Google => Ok(google::ask(self.place.clone(), key, &self.engine, query, bounds)),
            Provider::Brave => brave::ask(self.place.clone(), key, query, bounds),
            Provider::Tavily => tavily::ask(self.place.clone(), key, query, bounds),
            Provider::Searxng => Ok(searxng::ask(&self.place, query, bounds)),
        }
    }

    fn read(&self, body: &[u8], query: &Query) -> Result<Answer, String> {
        let read = match self.provider {
            Provider::Google => google::read(body),
            Provider::Brave => brave::read(body),
            Provider::Tavily => tavily::read(body),
            Provider::Searxng => searxng::read(body),
        };
        let mut answer = read.map_err(|error| format!("its answer cannot be read: {error}"))?;
        answer.items.truncate(query.count);
        Ok(answer)
    }
}

// === impl Searcher ===

impl Searcher {
    /// A searcher over the providers whose variables are set.
    ///
    /// # Errors
    /// A variable that cannot be used.
    pub(super) fn new(
        network: &Arc<dyn Network>,
        options: Arc<Options>,
        env: &dyn Fn(&str) -> Option<SecretString>,
    ) -> Result<Self, String> {
        let order = if options.providers.is_empty() { Provider::ALL.to_vec() } else { options.providers.clone() };
        let mut accounts = Vec::new();
        for provider in order {
            accounts.extend(Account::new(provider, network, env)?);
        }
        Ok(Self { accounts, options, kept: Kept::new(KEPT_MAX, KEPT_BYTES_MAX), uses: Mutex::default() })
    }

    /// What is found for a question.
    ///
    /// # Errors
    /// When nobody is set up, or nobody answers.
    pub(super) async fn search(&self, query: &Query) -> Result<Arc<Found>, Failure> {
        if self.accounts.is_empty() {
            return Err(nobody(&self.options));
        }
        let name = query.name();
        if let Some(kept) = self.kept.get(&name, Instant::now()) {
            return Ok(kept);
        }
        let mut notes = Vec::new();
        let mut last = None;
        for account in &self.accounts {
            match self.attempt(account, query).await {
                Ok(mut found) => {
                    found.notes.splice(0..0, notes);
                    let found = Arc::new(found);
                    let size = found.items.iter().map(|item| item.title.len() + item.snippet.len() + 300).sum();
                    let until = Instant::now() + Duration::from_secs(self.options.search_kept_seconds);
                    self.kept.put(&name, found.clone(), size, until);
                    return Ok(found);
                }
                Err(failure) => {
                    notes.push(failure.message.clone());
                    last = Some(failure);
                }
            }
        }
        let mut failure = last.unwrap_or_else(|| nobody(&self.options));
        failure.message = format!("no search provider answers: {}", notes.join("; "));
        Err(failure.next("try again later, or have another provider set up"))
    }

    async fn attempt(&self, account: &Account, query: &Query) -> Result<Found, Failure> {
        let name = account.provider.as_str();
        let failed = |kind, why: String| Failure::new(kind, format!("{name}: {why}"));
        let bounds = Bounds {
            body_bytes_max: ANSWER_BYTES_MAX,
            time: Duration::from_secs(self.options.timeout_seconds),
            redirects_max: 0,
        };
        let ask = account.ask(query, bounds).map_err(|why| failed(FailureKind::Unavailable, why))?;
        self.take(account.provider).map_err(|why| failed(FailureKind::Quota, why))?;
        let began = Instant::now();
        let page = account.web.call(ask.header(header::USER_AGENT, &self.options.user_agent)).await;
        let page = page.map_err(|error| {
            let kind = match error {
                WebError::Time { .. } => FailureKind::Timeout,
                _ => FailureKind::Connection,
            };
            failed(kind, error.to_string())
        })?;
        if !page.status.is_success() {
            let status = page.status.as_u16();
            if matches!(status, 429 | 503) {
                let said = page.header(&header::RETRY_AFTER).and_then(|seconds| seconds.trim().parse().ok());
                self.rest(account.provider, said.map_or(REST, Duration::from_secs));
            }
            let why = reason(&page.body).map(|why| format!(": {why}")).unwrap_or_default();
            let hint = if account.provider == Provider::Searxng && status == 403 {
                " (is `json` among `search.formats` in its settings?)"
            } else {
                ""
            };
            return Err(failed(FailureKind::Http { status }, format!("HTTP {}{why}{hint}", page.status)));
        }
        let answer = account.read(&page.body, query).map_err(|why| failed(FailureKind::Connection, why))?;
        let mut notes = answer.notes;
        notes.extend(query.rounded(account.provider));
        Ok(Found {
            query: query.text.clone(),
            total_results: answer.total,
            search_time: answer.seconds.unwrap_or_else(|| began.elapsed().as_secs_f64()),
            items: answer.items,
            provider: name.to_owned(),
            notes,
        })
    }

    /// Counts one use, unless the provider rests or its quota is used up.
    fn take(&self, provider: Provider) -> Result<(), String> {
        let quota = self.options.quotas.get(&provider).copied();
        let mut uses = self.uses.lock().unwrap_or_else(PoisonError::into_inner);
        uses.entry(provider).or_default().take(quota, today(), Instant::now())
    }

    fn rest(&self, provider: Provider, time: Duration) {
        let mut uses = self.uses.lock().unwrap_or_else(PoisonError::into_inner);
        uses.entry(provider).or_default().rests_until = Some(Instant::now() + time.min(REST_MAX));
    }
}

// === impl Use ===

impl Use {
    fn take(&mut self, quota: Option<u32>, today: u64, now: Instant) -> Result<(), String> {
        if let Some(until) = self.rests_until.filter(|until| *until > now) {
            return Err(format!("it asked for a rest of {} s more", until.duration_since(now).as_secs() + 1));
        }
        if self.day != today {
            *self = Self { day: today, ..Self::default() };
        }
        if quota.is_some_and(|quota| self.count >= quota) {
            return Err(format!(
                "its quota of {} searches a day is used up, counted since this server started",
                self.count
            ));
        }
        self.count += 1;
        Ok(())
    }
}

/// The day, since 1970.
fn today() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |time| time.as_secs() / 86_400)
}

fn nobody(options: &Options) -> Failure {
    let order = if options.providers.is_empty() { &Provider::ALL[..] } else { &options.providers };
    let ways: Vec<String> = order.iter().map(|provider| provider.variables().join(" and ")).collect();
    Failure::new(FailureKind::Unavailable, "no search provider is set up")
        .next(format!("set {} in the environment of the server `web`", ways.join(", or ")))
}

/// What a provider says about its refusal; keys are never in it, since they are not in what it answers.
fn reason(body: &[u8]) -> Option<String> {
    let value: serde_json::Value = serde_json::from_slice(body).ok()?;
    let places = ["/error/message", "/error/detail", "/detail/error", "/detail", "/error", "/message"];
    let said = places.iter().find_map(|place| value.pointer(place)?.as_str())?;
    Some(said.chars().take(200).collect())
}

/// Text of an answer as it is shown: no marks, no controls, and not without end.
fn shown(text: Option<String>) -> String {
    let text = read::without_marks(&text.unwrap_or_default());
    if text.chars().count() > FIELD_CHARS_MAX { text.chars().take(FIELD_CHARS_MAX).collect() } else { text }
}

/// A hit of which title, address and text are known.
fn item(title: Option<String>, link: String, snippet: Option<String>) -> Option<Item> {
    let url = Url::parse(&link).ok().filter(|url| matches!(url.scheme(), "http" | "https"))?;
    let display_link = url.host_str().unwrap_or_default().to_owned();
    Some(Item {
        title: shown(title),
        formatted_url: link.clone(),
        link,
        snippet: shown(snippet),
        display_link,
        ..Item::default()
    })
}

fn with_header(ask: Ask, name: &'static str, value: &str) -> Ask {
    ask.header(HeaderName::from_static(name), value)
}

#[cfg(test)]
mod tests;

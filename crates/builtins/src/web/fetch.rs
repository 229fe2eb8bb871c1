//! Pages by their URL: asked for politely, read, and kept for a while.
//!
//! Each step of the way passes `robots.txt` of its host and waits its turn there; what was read before
//! is only asked for again when it changed. It deliberately does not judge addresses: `outbound` does.

use super::kept::Kept;
use super::options::Options;
use super::read::{self, Text};
use super::robots::{self, Robots};
use futures_util::future::BoxFuture;
use http::header::{self, HeaderMap, HeaderValue};
use outbound::web::{Ask, Bounds, Fault, Gate, Open, Page, Web, WebError};
use protocol::tools::{Failure, FailureKind};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{OnceCell, Semaphore};
use url::Url;

/// How many redirects are followed.
const REDIRECTS_MAX: usize = 5;
/// How long `robots.txt` counts (RFC 9309, section 2.4).
const ROBOTS_KEPT: Duration = Duration::from_secs(24 * 60 * 60);
/// How long one that could not be had counts.
const ROBOTS_MISSED: Duration = Duration::from_secs(5 * 60);
/// How many sites' files are kept.
const ROBOTS_COUNT_MAX: usize = 1000;
/// How long a page is kept, to go on reading it or to ask whether it changed.
const PAGE_KEPT: Duration = Duration::from_secs(15 * 60);
/// How long a page counts as fresh at most, whatever its server says.
const FRESH_MAX: Duration = Duration::from_secs(60 * 60);
/// How many pages are kept, and how many bytes of them.
const PAGES_MAX: usize = 500;
const PAGES_BYTES_MAX: usize = 32 * 1024 * 1024;
/// How many pages are read at once: reading is work for the processor.
const READERS: usize = 2;
/// How many hosts are waited for in turn.
const HOSTS_MAX: usize = 1000;
/// How much of an error page is told, in characters.
const ERROR_CHARS: usize = 300;

/// Fetches pages.
#[derive(Debug)]
pub(super) struct Fetcher {
    web: Web,
    options: Arc<Options>,
    pages: Kept<Document>,
    robots: Kept<OnceCell<Robots>>,
    /// When each host may be asked next.
    turns: Mutex<HashMap<String, Instant>>,
    readers: Arc<Semaphore>,
}

/// A page that was read.
#[derive(Debug)]
pub(super) struct Document {
    pub(super) final_url: String,
    pub(super) status: u16,
    pub(super) content_type: String,
    pub(super) text: Text,
    pub(super) chars: usize,
    etag: Option<HeaderValue>,
    modified: Option<HeaderValue>,
    fresh_until: Instant,
}

/// What is wanted of a page.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted {
    pub(super) timeout: Duration,
    /// As it is written, not as it is read.
    pub(super) raw: bool,
    /// Whether a part of it was read before.
    pub(super) further: bool,
}

// === impl Fetcher ===

impl Fetcher {
    pub(super) fn new(web: Web, options: Arc<Options>) -> Self {
        Self {
            web,
            options,
            pages: Kept::new(PAGES_MAX, PAGES_BYTES_MAX),
            robots: Kept::new(ROBOTS_COUNT_MAX, robots::FILE_BYTES_MAX),
            turns: Mutex::default(),
            readers: Arc::new(Semaphore::new(READERS)),
        }
    }

    /// The page at `url`.
    ///
    /// # Errors
    /// Why there is none to read.
    pub(super) async fn get(&self, url: &str, wanted: Wanted) -> Result<Arc<Document>, Failure> {
        let url = self.web.url(url.trim()).map_err(failure)?;
        let name = name_of(&url, wanted.raw);
        let now = Instant::now();
        if let Some(kept) = self.pages.get(&name, now).filter(|kept| wanted.further || kept.fresh_until > now) {
            return Ok(kept);
        }
        let bounds =
            Bounds { body_bytes_max: self.options.body_bytes_max, time: wanted.timeout, redirects_max: REDIRECTS_MAX };
        let accepted =
            "text/html,application/xhtml+xml,text/markdown;q=0.9,text/plain;q=0.8,application/pdf;q=0.8,*/*;q=0.5";
        let ask = Ask::get(url, bounds)
            .header(header::USER_AGENT, &self.options.user_agent)
            .header(header::ACCEPT, accepted)
            .header(header::ACCEPT_LANGUAGE, "en,*;q=0.5");
        let page = self.web.get(ask, &Visit { fetcher: self, raw: wanted.raw }).await.map_err(failure)?;
        let document = self.document(page, wanted.raw).await?;
        self.keep(&name, &document, wanted.raw);
        Ok(document)
    }

    async fn document(&self, page: Page, raw: bool) -> Result<Arc<Document>, Failure> {
        let now = Instant::now();
        // What is not to be kept is not fresh a moment later.
        let fresh_until = now + freshness(&page).unwrap_or_default();
        if page.status == http::StatusCode::NOT_MODIFIED
            && let Some(kept) = self.pages.get(&name_of(&page.url, raw), now)
        {
            let text = kept.text.clone();
            let (etag, modified) = (kept.etag.clone(), kept.modified.clone());
            let (final_url, content_type) = (kept.final_url.clone(), kept.content_type.clone());
            let (status, chars) = (kept.status, kept.chars);
            return Ok(Arc::new(Document {
                final_url,
                status,
                content_type,
                text,
                chars,
                etag,
                modified,
                fresh_until,
            }));
        }
        let refused = !page.status.is_success();
        let place = self.readers.clone().acquire_owned().await;
        let reading = tokio::task::spawn_blocking(move || {
            let _place = place;
            let content_type = page.header(&header::CONTENT_TYPE).map(str::to_owned);
            let text = read::read(&page.body, content_type.as_deref(), &page.url, raw);
            (page, content_type, text)
        });
        let (page, content_type, text) = reading
            .await
            .map_err(|_| Failure::new(FailureKind::Unexpected, "reading the page failed: a bug of ours"))?;
        if refused {
            return Err(refusal(&page, text.ok()));
        }
        let mut text = text.map_err(|error| {
            let failure = Failure::validation(format!("{} cannot be read: {error}", page.url));
            failure.next("fetch a page or a text of the same site instead")
        })?;
        text.cut |= page.cut;
        let header = |name| page.headers.get(name).cloned();
        Ok(Arc::new(Document {
            final_url: page.url.to_string(),
            status: page.status.as_u16(),
            content_type: content_type.unwrap_or_default(),
            chars: text.text.chars().count(),
            text,
            etag: header(header::ETAG),
            modified: header(header::LAST_MODIFIED),
            fresh_until,
        }))
    }

    fn keep(&self, name: &str, document: &Arc<Document>, raw: bool) {
        let until = Instant::now() + PAGE_KEPT;
        let size = document.text.text.len();
        let own = format!("{raw} {}", document.final_url.split('#').next().unwrap_or_default());
        self.pages.put(&own, document.clone(), size, until.max(document.fresh_until));
        if own != name {
            self.pages.put(name, document.clone(), size, until);
        }
    }

    /// What the site of `url` asks of us.
    async fn robots(&self, url: &Url) -> Result<Arc<OnceCell<Robots>>, WebError> {
        let site = url.origin().ascii_serialization();
        let now = Instant::now();
        let cell = self.robots.get_or_put(&site, now, OnceCell::new, now + ROBOTS_KEPT);
        let robots = cell.get_or_try_init(|| self.robots_file(url)).await?;
        if let Robots::Unreachable { .. } = robots {
            self.robots.put(&site, cell.clone(), 0, now + ROBOTS_MISSED);
        }
        Ok(cell)
    }

    async fn robots_file(&self, url: &Url) -> Result<Robots, WebError> {
        let mut place = url.clone();
        place.set_path("/robots.txt");
        place.set_query(None);
        place.set_fragment(None);
        let time = Duration::from_secs(self.options.timeout_seconds);
        let bounds = Bounds { body_bytes_max: robots::FILE_BYTES_MAX, time, redirects_max: REDIRECTS_MAX };
        let ask = Ask::get(place, bounds).header(header::USER_AGENT, &self.options.user_agent);
        match self.web.get(ask, &Open).await {
            Ok(page) if page.status.is_success() => Ok(Robots::parse(&page.body)),
            Ok(page) if page.status.is_client_error() => Ok(Robots::Silent),
            Ok(page) => Ok(Robots::Unreachable { reason: format!("it is answered with HTTP {}", page.status) }),
            // Not the file's fault, but the host's: the page would fail in the same way.
            Err(error) if matches!(error.fault(), Fault::Denied | Fault::Url) => Err(error),
            Err(error) => Ok(Robots::Unreachable { reason: error.to_string() }),
        }
    }

    /// When this host may be asked, with the next turn after it.
    fn turn(&self, url: &Url) -> Instant {
        let pause = Duration::from_millis(self.options.host_pause_ms);
        let now = Instant::now();
        let host = url.host_str().unwrap_or_default();
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        if turns.len() >= HOSTS_MAX {
            turns.retain(|_, next| *next > now);
        }
        let turn = turns.get(host).copied().unwrap_or(now).max(now);
        turns.insert(host.to_owned(), turn + pause);
        turn
    }
}

/// One visit: asked at every redirect.
struct Visit<'a> {
    fetcher: &'a Fetcher,
    raw: bool,
}

impl Gate for Visit<'_> {
    fn pass<'a>(&'a self, url: &'a Url) -> BoxFuture<'a, Result<HeaderMap, WebError>> {
        Box::pin(async move {
            if !self.fetcher.options.ignore_robots {
                let robots = self.fetcher.robots(url).await?;
                match robots.get() {
                    Some(Robots::Unreachable { reason }) => {
                        let reason =
                            format!("robots.txt of {} cannot be had, so nothing may be fetched: {reason}", host(url));
                        return Err(WebError::Refused { reason });
                    }
                    Some(robots) if !robots.permits(url) => {
                        let reason = format!("robots.txt of {} asks machines to leave {} alone", host(url), url.path());
                        return Err(WebError::Refused { reason });
                    }
                    _ => {}
                }
            }
            tokio::time::sleep_until(self.fetcher.turn(url).into()).await;
            let mut headers = HeaderMap::new();
            let kept = self.fetcher.pages.get(&name_of(url, self.raw), Instant::now());
            if let Some(kept) = kept.filter(|kept| same_page(&kept.final_url, url.as_str())) {
                headers.extend(kept.etag.clone().map(|etag| (header::IF_NONE_MATCH, etag)));
                headers.extend(kept.modified.clone().map(|modified| (header::IF_MODIFIED_SINCE, modified)));
            }
            Ok(headers)
        })
    }
}

fn host(url: &Url) -> &str {
    url.host_str().unwrap_or_default()
}

fn same_page(one: &str, other: &str) -> bool {
    one.split('#').next() == other.split('#').next()
}

fn name_of(url: &Url, raw: bool) -> String {
    let mut url = url.clone();
    url.set_fragment(None);
    format!("{raw} {url}")
}

/// How long a page says that it stays as it is; nothing where it says that it must be asked for again.
fn freshness(page: &Page) -> Option<Duration> {
    let said = page.header(&header::CACHE_CONTROL)?.to_ascii_lowercase();
    let mut words = said.split(',').map(str::trim);
    if words.clone().any(|word| matches!(word, "no-store" | "no-cache")) {
        return None;
    }
    let seconds = words.find_map(|word| word.strip_prefix("max-age="))?.trim_matches('"').parse().ok()?;
    Some(Duration::from_secs(seconds).min(FRESH_MAX))
}

/// The server's own word on why there is nothing.
fn refusal(page: &Page, text: Option<Text>) -> Failure {
    let said = text.map(|text| text.text).unwrap_or_default();
    let said: String = said.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(ERROR_CHARS).collect();
    let status = page.status;
    let separator = if said.is_empty() { "" } else { ": " };
    let failure = Failure::new(
        FailureKind::Http { status: status.as_u16() },
        format!("{} answers HTTP {status}{separator}{said}", page.url),
    );
    match status.as_u16() {
        429 | 503 => {
            let wait = page.header(&header::RETRY_AFTER).unwrap_or("some time");
            failure.next(format!("try again after {wait}"))
        }
        401 | 403 => failure.next("it is not open to everybody; search for another source"),
        404 | 410 => failure.next("check the address, or search for the page"),
        _ => failure.next("try again later, or search for another source"),
    }
}

/// What an error of the web is to who asked.
pub(super) fn failure(error: WebError) -> Failure {
    let kind = match error.fault() {
        Fault::Url => FailureKind::Validation,
        Fault::Denied => FailureKind::Denied,
        Fault::Time => FailureKind::Timeout,
        Fault::Peer => FailureKind::Connection,
    };
    let next = match &error {
        WebError::Refused { .. } => {
            "read another site, or have `ignore_robots = true` set in the options of this server"
        }
        WebError::Downgrade { .. } => "fetch the http address itself, if that is meant",
        _ => match kind {
            FailureKind::Validation => "give a whole address such as https://example.com/page",
            FailureKind::Denied => "if that is meant, have the host added to `allow` in the options of this server",
            FailureKind::Timeout => "give a larger `timeout`, or try again later",
            _ => "check the address, or try again later",
        },
    };
    Failure::new(kind, error.to_string()).next(next)
}

//! The sign-in of one declared server: the token for each request, and what follows when the
//! server refuses one. Many calls share it; a token is renewed once for all who wait.
//!
//! Nothing is tried on a timer. What must not be half done (a refresh token is good once) runs on
//! a task of its own, so that a caller who leaves does not interrupt it.

use super::account::{Account, Client, Held, Made, Tokens, Vault};
use super::challenge::{Challenge, joined};
use super::discovery::Resource;
use super::fetch::Fetcher;
use super::grant::Source;
use super::login::{Done, Login, Pending, choose_scopes, now};
use super::{SignInError, discovery, register};
use crate::guard::Guard;
use crate::relay::{Target, TargetError};
use config::OAuth;
use secrecy::ExposeSecret as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::Instant;

/// Where the answer of a sign-in without a browser is sent. Nobody listens there: it is read off
/// the redirect.
const HEADLESS_PORT: u16 = 7421;
/// How often one request may be followed by a sign-in for more scopes.
const STEPS_MAX: u8 = 2;
/// How long a renewal that failed without a refusal is not tried again: those who waited behind it
/// would each wait as long.
const TROUBLE_TIME: Duration = Duration::from_secs(5);
/// How often one request may be sent again with a token that came from elsewhere.
const ADOPTED_MAX: u8 = 2;
/// Who reads at once what is remembered. It is a small file, and a thread for each of many servers that
/// start together costs more memory than they do.
static READERS: Semaphore = Semaphore::const_new(2);

/// What a declared server needs to be signed in to.
#[derive(Debug)]
pub struct SignIn {
    name: Arc<str>,
    server: String,
    settings: OAuth,
    fetcher: Fetcher,
    vault: Arc<dyn Vault>,
    current: Mutex<Current>,
    /// Held by whoever renews.
    turn: tokio::sync::Mutex<()>,
    /// When a renewal failed, and why.
    trouble: Mutex<Option<(Instant, String)>>,
}

#[derive(Debug)]
enum Current {
    Unread,
    Read(Option<Arc<Tokens>>),
}

/// What was tried for one request already.
#[derive(Debug, Clone, Copy, Default)]
pub struct Trial {
    refreshed: bool,
    signed_in: bool,
    steps: u8,
    adopted: u8,
}

impl SignIn {
    /// The sign-in of the server `name` at `url`.
    ///
    /// # Errors
    /// When `url` is none.
    pub fn new(name: &str, url: &str, settings: &OAuth, vault: Arc<dyn Vault>) -> Result<Arc<Self>, TargetError> {
        let guard = Guard::new(&Target::parse(url)?, settings.allow_private);
        Ok(Arc::new(Self {
            name: name.into(),
            server: url.to_owned(),
            settings: settings.clone(),
            fetcher: Fetcher::new(guard),
            vault,
            current: Mutex::new(Current::Unread),
            turn: tokio::sync::Mutex::default(),
            trouble: Mutex::default(),
        }))
    }

    /// The token to show now, renewed when it is due; `None` before a sign-in.
    ///
    /// # Errors
    /// When it has ended and cannot be renewed.
    pub async fn tokens(self: &Arc<Self>) -> Result<Option<Arc<Tokens>>, SignInError> {
        let known = match &*self.current() {
            Current::Read(tokens) => Some(tokens.clone()),
            Current::Unread => None,
        };
        let tokens = match known {
            Some(tokens) => tokens,
            None => self.look_again().await?,
        };
        match tokens {
            Some(tokens) if tokens.refresh.is_some() && tokens.is_due(now()) => {
                let over = tokens.is_over(now());
                if !over && self.trouble().is_some() {
                    return Ok(Some(tokens));
                }
                let renewed = apart(self.clone().renew_due(tokens.clone())).await;
                match renewed {
                    Err(error) if over || error.needs_person() => Err(error),
                    Err(_) => Ok(Some(tokens)),
                    renewed => renewed.map(Some),
                }
            }
            tokens => Ok(tokens),
        }
    }

    /// Whether there is a token, as far as was read.
    #[must_use]
    pub fn is_signed_in(&self) -> bool {
        matches!(&*self.current(), Current::Read(Some(_)))
    }

    /// Whether it was read that there is no token.
    #[must_use]
    pub fn is_unsigned(&self) -> bool {
        matches!(&*self.current(), Current::Read(None))
    }

    /// Reads the vault again: a person may have signed in or out by another process.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn look_again(&self) -> Result<Option<Arc<Tokens>>, SignInError> {
        let (vault, name) = (self.vault.clone(), self.name.clone());
        let _place = READERS.acquire().await;
        let read = blocking(move || vault.read(&name)).await?;
        Ok(self.adopt(self.mine(read).tokens))
    }

    /// A token other than `used`, which the server refused with `challenge`.
    ///
    /// # Errors
    /// Why there is none, and who can help.
    pub async fn recover(
        self: &Arc<Self>,
        challenge: Challenge,
        used: Option<Arc<Tokens>>,
        trial: &mut Trial,
    ) -> Result<Arc<Tokens>, SignInError> {
        let (tokens, tried) = apart(self.clone().recover_here(challenge, used, *trial)).await?;
        *trial = tried;
        Ok(tokens)
    }

    /// Finds out how to sign in, for a person who wants to. The server is asked without a token,
    /// so that it says what it wants.
    ///
    /// # Errors
    /// When it offers no way, or one that is not acceptable.
    pub async fn login(&self) -> Result<Login, SignInError> {
        // Any server may refuse this; none does anything for it.
        let question = r#"{"jsonrpc":"2.0","id":0,"method":"ping"}"#;
        let what = "the server";
        let answer = self.fetcher.post(what, &self.server, "application/json", None, question.to_owned()).await?;
        let challenge = Challenge::read(answer.status, &answer.headers).unwrap_or_default();
        let (vault, name) = (self.vault.clone(), self.name.clone());
        let account = blocking(move || vault.read(&name)).await?;
        self.prepare(&challenge, self.mine(account)).await
    }

    /// Redeems what came back to `pending` and remembers it.
    ///
    /// # Errors
    /// When it is no answer to it, is a refusal, or cannot be kept.
    pub async fn complete(&self, pending: Pending, query: &str) -> Result<Arc<Tokens>, SignInError> {
        let done = pending.finish(query, now()).await?;
        let _turn = self.turn.lock().await;
        let (held, account) = self.hold().await?;
        self.keep(held, account, done).await
    }

    /// Forgets everything about the server, after its tokens were ended at their issuer where that
    /// is offered. Says whether there was something, and why it could not be ended.
    ///
    /// # Errors
    /// When it cannot be forgotten.
    pub async fn logout(&self) -> Result<(bool, Option<SignInError>), SignInError> {
        let _turn = self.turn.lock().await;
        let (mut held, account) = self.hold().await?;
        let mut trouble = None;
        if let Some(tokens) = &account.tokens
            && let Some(client) = self.client(&account, tokens)
        {
            trouble = Source::revoke(&self.fetcher, &client, tokens).await.err();
        }
        blocking(move || held.write(None)).await?;
        self.adopt(None);
        Ok((account.tokens.is_some(), trouble))
    }

    async fn renew_due(self: Arc<Self>, due: Arc<Tokens>) -> Result<Arc<Tokens>, SignInError> {
        let _turn = self.turn.lock().await;
        if let Some(newer) = self.other_than(Some(&due)) {
            return Ok(newer);
        }
        let (held, account) = self.hold().await?;
        match account.tokens.clone() {
            Some(kept) if differ(&kept, &due) => Ok(self.adopted(kept)),
            Some(kept) => self.refresh(held, account, kept).await,
            None => {
                self.adopt(None);
                Err(SignInError::NeedsPerson { why: "it was signed out".to_owned() })
            }
        }
    }

    async fn recover_here(
        self: Arc<Self>,
        challenge: Challenge,
        used: Option<Arc<Tokens>>,
        mut trial: Trial,
    ) -> Result<(Arc<Tokens>, Trial), SignInError> {
        let _turn = self.turn.lock().await;
        trial.adopted += 1;
        let may_adopt = trial.adopted <= ADOPTED_MAX;
        if let Some(newer) = self.other_than(used.as_ref()).filter(|_| may_adopt) {
            return Ok((newer, trial));
        }
        let (held, mut account) = self.hold().await?;
        let kept = account.tokens.clone();
        if let Some(kept) = kept.clone().filter(|kept| may_adopt && used.as_ref().is_none_or(|used| differ(kept, used)))
        {
            return Ok((self.adopted(kept), trial));
        }
        if challenge.insufficient {
            let tokens = self.step_up(held, account, &challenge, &mut trial).await?;
            return Ok((tokens, trial));
        }
        let resource = discovery::resource(&self.fetcher, &self.server, &challenge).await?;
        if let Some(kept) = kept.filter(|kept| resource.issuers.contains(&kept.issuer)) {
            if kept.refresh.is_some() && !trial.refreshed {
                trial.refreshed = true;
                match self.refresh(held, account, kept).await {
                    Err(SignInError::NeedsPerson { .. }) if self.settings.headless => {}
                    refreshed => return refreshed.map(|tokens| (tokens, trial)),
                }
                let (again, left) = self.hold().await?;
                let tokens = self.sign_in(again, left, &challenge, resource, &mut trial).await?;
                return Ok((tokens, trial));
            }
            account.wanted.extend(kept.scopes);
        }
        if !self.settings.headless {
            // Whether signing in would help at all decides what a person is told.
            self.prepare_with(&challenge, account.clone(), resource).await?;
            let had = account.tokens.take().is_some();
            self.write(held, Some(account)).await?;
            self.adopt(None);
            let why = if had { "it does not accept its token any more" } else { "nobody has signed in to it" };
            return Err(SignInError::NeedsPerson { why: why.to_owned() });
        }
        let tokens = self.sign_in(held, account, &challenge, resource, &mut trial).await?;
        Ok((tokens, trial))
    }

    /// The server wants more than its token permits.
    async fn step_up(
        &self,
        held: Box<dyn Held>,
        mut account: Account,
        challenge: &Challenge,
        trial: &mut Trial,
    ) -> Result<Arc<Tokens>, SignInError> {
        let asked = account.tokens.as_ref().map(|tokens| tokens.scopes.clone()).unwrap_or_default();
        let scopes = joined(&challenge.scopes);
        if challenge.scopes.is_subset(&asked) || trial.steps >= STEPS_MAX {
            let why = match scopes.as_str() {
                "" => "it does not permit this with its token, and does not say what is missing".to_owned(),
                scopes => format!("it does not permit this, though {scopes} was asked for"),
            };
            return Err(SignInError::Refused {
                what: "the operation",
                error: "insufficient_scope".to_owned(),
                description: Some(why),
            });
        }
        if !self.settings.headless {
            account.wanted.extend(challenge.scopes.iter().cloned());
            self.write(held, Some(account)).await?;
            return Err(SignInError::NeedsScopes { scopes: super::error::harmless(&scopes) });
        }
        trial.steps += 1;
        trial.signed_in = false;
        let resource = discovery::resource(&self.fetcher, &self.server, challenge).await?;
        self.sign_in(held, account, challenge, resource, trial).await
    }

    /// Signs in without a browser.
    async fn sign_in(
        &self,
        held: Box<dyn Held>,
        account: Account,
        challenge: &Challenge,
        resource: Resource,
        trial: &mut Trial,
    ) -> Result<Arc<Tokens>, SignInError> {
        if trial.signed_in {
            return Err(SignInError::NeedsPerson { why: "it refuses the token that it was just given".to_owned() });
        }
        trial.signed_in = true;
        let login = self.prepare_with(challenge, account.clone(), resource).await?;
        let port = match login.port() {
            0 => HEADLESS_PORT,
            port => port,
        };
        let pending = login.begin(format!("http://127.0.0.1:{port}/callback")).await?;
        let query = pending.follow().await?;
        let done = pending.finish(&query, now()).await?;
        self.keep(held, account, done).await
    }

    async fn prepare(&self, challenge: &Challenge, account: Account) -> Result<Login, SignInError> {
        let resource = discovery::resource(&self.fetcher, &self.server, challenge).await?;
        self.prepare_with(challenge, account, resource).await
    }

    async fn prepare_with(
        &self,
        challenge: &Challenge,
        account: Account,
        resource: Resource,
    ) -> Result<Login, SignInError> {
        // Where we are known, else where the server sends us first.
        let known = resource.issuers.iter().find(|issuer| account.clients.contains_key(*issuer));
        let Some(issuer) = known.or(resource.issuers.first()) else {
            return Err(SignInError::NotOffered { why: "it names no authorization server".to_owned() });
        };
        let metadata = discovery::metadata(&self.fetcher, issuer).await?;
        let scopes = choose_scopes(&self.settings, &account, challenge, &resource, &metadata);
        let (fetcher, settings) = (self.fetcher.clone(), self.settings.clone());
        Ok(Login { fetcher, settings, account, resource, metadata, scopes })
    }

    /// Exchanges the refresh token of `kept`. A refusal ends the sign-in.
    async fn refresh(
        &self,
        held: Box<dyn Held>,
        mut account: Account,
        kept: Tokens,
    ) -> Result<Arc<Tokens>, SignInError> {
        let Some(client) = self.client(&account, &kept) else {
            return Err(SignInError::NeedsPerson { why: "the client that it was signed in with is gone".to_owned() });
        };
        if let Some(why) = self.trouble() {
            return Err(SignInError::failed("the refresh", why));
        }
        match Source::refresh(&self.fetcher, &client, &kept, now()).await {
            Ok(tokens) => {
                account.tokens = Some(tokens.clone());
                self.write(held, Some(account)).await?;
                Ok(self.adopted(tokens))
            }
            Err(refused @ (SignInError::Refused { .. } | SignInError::NeedsPerson { .. })) => {
                if matches!(&refused, SignInError::Refused { error, .. } if error == "invalid_client") {
                    account.clients.retain(|issuer, client| *issuer != kept.issuer || client.made != Made::Registered);
                }
                account.wanted.extend(kept.scopes);
                account.tokens = None;
                self.write(held, Some(account)).await?;
                self.adopt(None);
                Err(SignInError::NeedsPerson { why: format!("its sign-in has ended: {refused}") })
            }
            Err(error) => {
                let trouble = Some((Instant::now(), error.to_string()));
                *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = trouble;
                Err(error)
            }
        }
    }

    /// Why a renewal failed just now.
    fn trouble(&self) -> Option<String> {
        let trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        trouble.as_ref().filter(|(at, _)| at.elapsed() < TROUBLE_TIME).map(|(_, why)| why.clone())
    }

    async fn keep(&self, held: Box<dyn Held>, mut account: Account, done: Done) -> Result<Arc<Tokens>, SignInError> {
        let Done { mut client, tokens } = done;
        if client.made == Made::Configured {
            // It stands in the configuration: only whose it is must last.
            client.secret = None;
        }
        account.clients.insert(tokens.issuer.clone(), client);
        account.wanted.clear();
        account.tokens = Some(tokens.clone());
        self.write(held, Some(account)).await?;
        Ok(self.adopted(tokens))
    }

    /// Who we were when `tokens` were given to us.
    fn client(&self, account: &Account, tokens: &Tokens) -> Option<Client> {
        let client = account.clients.get(&tokens.issuer)?;
        match client.made {
            Made::Configured => register::configured(&self.settings).filter(|configured| configured.id == client.id),
            Made::Document | Made::Registered => Some(client.clone()),
        }
    }

    async fn hold(&self) -> Result<(Box<dyn Held>, Account), SignInError> {
        let (vault, name) = (self.vault.clone(), self.name.clone());
        let (held, read) = blocking(move || {
            let held = vault.hold(&name)?;
            let read = held.read()?;
            Ok((held, read))
        })
        .await?;
        Ok((held, self.mine(read)))
    }

    /// What was made for another URL is not used.
    fn mine(&self, read: Option<Account>) -> Account {
        let mine = read.filter(|account| account.server == self.server);
        mine.unwrap_or_else(|| Account { server: self.server.clone(), ..Account::default() })
    }

    async fn write(&self, mut held: Box<dyn Held>, account: Option<Account>) -> Result<(), SignInError> {
        blocking(move || held.write(account.as_ref())).await
    }

    fn current(&self) -> std::sync::MutexGuard<'_, Current> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn adopt(&self, tokens: Option<Tokens>) -> Option<Arc<Tokens>> {
        let tokens = tokens.map(Arc::new);
        *self.current() = Current::Read(tokens.clone());
        tokens
    }

    fn adopted(&self, tokens: Tokens) -> Arc<Tokens> {
        let tokens = Arc::new(tokens);
        *self.current() = Current::Read(Some(tokens.clone()));
        tokens
    }

    /// What somebody else got while we waited for our turn.
    fn other_than(&self, used: Option<&Arc<Tokens>>) -> Option<Arc<Tokens>> {
        let Current::Read(Some(tokens)) = &*self.current() else { return None };
        used.is_none_or(|used| differ(tokens, used)).then(|| tokens.clone())
    }
}

fn differ(one: &Tokens, other: &Tokens) -> bool {
    one.access.expose_secret() != other.access.expose_secret()
}

/// Runs `work` to its end, whether or not somebody waits for it.
async fn apart<T: Send + 'static>(
    work: impl Future<Output = Result<T, SignInError>> + Send + 'static,
) -> Result<T, SignInError> {
    let ended = tokio::spawn(Box::pin(work)).await;
    ended.unwrap_or_else(|error| Err(SignInError::failed("signing in", error)))
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, String> + Send + 'static,
) -> Result<T, SignInError> {
    let ended = tokio::task::spawn_blocking(work).await;
    ended.unwrap_or_else(|error| Err(error.to_string())).map_err(SignInError::Vault)
}

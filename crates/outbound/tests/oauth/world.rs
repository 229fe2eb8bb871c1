//! A protected server and its authorization server on one port of loopback, and a vault in memory.
//! What they answer is a [`Script`] that a test changes; what they were asked is written down.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use config::OAuth;
use outbound::oauth::{Account, Challenge, Held, SignIn, SignInError, Tokens, Trial, Vault, parse_query};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

/// What the servers answer.
#[derive(Clone)]
pub(crate) struct Script {
    /// Where the metadata of the resource is; nowhere if empty.
    pub(crate) resource_at: &'static str,
    /// What it says it is about; the server itself if nothing.
    pub(crate) resource: Option<String>,
    /// Path of the issuer.
    pub(crate) tenant: &'static str,
    /// Where the metadata of the authorization server is.
    pub(crate) metadata_at: &'static str,
    /// Members of it that are different; `null` takes one away.
    pub(crate) metadata: Value,
    /// What the redirect says in `iss`: the issuer if nothing.
    pub(crate) iss: Option<&'static str>,
    /// Answer of the token endpoint to a refresh; a token if nothing.
    pub(crate) refresh: Option<(u16, &'static str)>,
    /// Where paths redirect to, with which status.
    pub(crate) redirects: Vec<(&'static str, u16, String)>,
    /// Whether a code gives a refresh token.
    pub(crate) gives_refresh: bool,
    /// Whether the revocation endpoint refuses.
    pub(crate) refuses_revocation: bool,
}

impl Default for Script {
    fn default() -> Self {
        Self {
            resource_at: "/.well-known/oauth-protected-resource/mcp",
            resource: None,
            tenant: "",
            metadata_at: "/.well-known/oauth-authorization-server",
            metadata: json!({}),
            iss: None,
            refresh: None,
            redirects: Vec::new(),
            gives_refresh: true,
            refuses_revocation: false,
        }
    }
}

/// A request that the servers got: `METHOD /path`, and its query or form.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) line: String,
    pub(crate) pairs: BTreeMap<String, String>,
    pub(crate) body: String,
    pub(crate) authorization: Option<String>,
}

#[derive(Default)]
struct Heard {
    asked: Vec<Asked>,
    challenge: String,
    given: u32,
}

pub(crate) struct World {
    pub(crate) base: String,
    pub(crate) vault: Arc<Memory>,
    script: Arc<Mutex<Script>>,
    heard: Arc<Mutex<Heard>>,
}

impl World {
    pub(crate) async fn new(script: Script) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let world = Self {
            base: base.clone(),
            vault: Arc::default(),
            script: Arc::new(Mutex::new(script)),
            heard: Arc::default(),
        };
        let (script, heard) = (world.script.clone(), world.heard.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, base.clone(), script.clone(), heard.clone()));
            }
        });
        world
    }

    pub(crate) fn change(&self, change: impl FnOnce(&mut Script)) {
        change(&mut self.script.lock().unwrap());
    }

    pub(crate) fn sign_in(&self, settings: &OAuth) -> Arc<SignIn> {
        SignIn::new("s", &format!("{}/mcp", self.base), settings, Arc::new(Shared(self.vault.clone()))).unwrap()
    }

    pub(crate) fn challenge(&self, scopes: &str) -> Challenge {
        Challenge { scopes: scopes.split_whitespace().map(str::to_owned).collect(), ..Challenge::default() }
    }

    /// Everything asked so far of paths that begin so.
    pub(crate) fn asked(&self, line: &str) -> Vec<Asked> {
        let heard = self.heard.lock().unwrap();
        heard.asked.iter().filter(|asked| asked.line.starts_with(line)).cloned().collect()
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.heard.lock().unwrap().asked.iter().map(|asked| asked.line.clone()).collect()
    }

    /// What is remembered.
    pub(crate) fn account(&self) -> Option<Account> {
        self.vault.read("s").unwrap()
    }
}

pub(crate) fn headless() -> OAuth {
    OAuth { headless: true, ..OAuth::default() }
}

/// What a request that was refused for want of a token gets.
pub(crate) async fn recover(sign_in: &Arc<SignIn>, challenge: Challenge) -> Result<Arc<Tokens>, SignInError> {
    let used = sign_in.tokens().await?;
    sign_in.recover(challenge, used, &mut Trial::default()).await
}

async fn serve(stream: TcpStream, base: String, script: Arc<Mutex<Script>>, heard: Arc<Mutex<Heard>>) -> Option<()> {
    let mut stream = BufReader::new(stream);
    let (mut line, mut length, mut authorization) = (String::new(), 0, None);
    stream.read_line(&mut line).await.ok()?;
    loop {
        let mut header = String::new();
        stream.read_line(&mut header).await.ok()?;
        let Some((name, value)) = header.trim().split_once(": ") else { break };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.parse().ok()?,
            "authorization" => authorization = Some(value.to_owned()),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    let body = String::from_utf8(body).ok()?;
    let (method, target) = line.split_once(' ')?;
    let target = target.split(' ').next()?;
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let form = if method == "POST" { &body } else { query };
    let pairs = parse_query(form).unwrap_or_default().into_iter().collect();
    let asked = Asked { line: format!("{method} {path}"), pairs, body: body.clone(), authorization };
    let answer = {
        let (script, mut heard) = (script.lock().unwrap().clone(), heard.lock().unwrap());
        heard.asked.push(asked.clone());
        answer(&base, path, &asked, &script, &mut heard)
    };
    let (status, location, said) = answer;
    let location = location.map(|location| format!("location: {location}\r\n")).unwrap_or_default();
    let head = format!(
        "HTTP/1.1 {status} X\r\n{location}content-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        said.len()
    );
    stream.write_all(format!("{head}{said}").as_bytes()).await.ok()
}

fn answer(base: &str, path: &str, asked: &Asked, script: &Script, heard: &mut Heard) -> (u16, Option<String>, String) {
    let nothing = (404, None, "{}".to_owned());
    if let Some((_, status, to)) = script.redirects.iter().find(|(from, ..)| *from == path) {
        return (*status, Some(to.clone()), "{}".to_owned());
    }
    if path == "/mcp" {
        return (401, None, "{}".to_owned());
    }
    if path == script.resource_at {
        let resource = script.resource.clone().unwrap_or_else(|| format!("{base}/mcp"));
        let issuers = [format!("{base}{}", script.tenant)];
        return (
            200,
            None,
            json!({"resource": resource, "authorization_servers": issuers, "scopes_supported": ["all"]}).to_string(),
        );
    }
    if path == script.metadata_at {
        return (200, None, metadata(base, script).to_string());
    }
    let Some(endpoint) = path.strip_prefix(script.tenant) else { return nothing };
    match endpoint {
        "/register" => {
            let id = format!("client-of{}", script.tenant.replace('/', "-"));
            (201, None, json!({"client_id": id, "redirect_uris": []}).to_string())
        }
        "/authorize" => {
            heard.challenge = asked.pairs["code_challenge"].clone();
            let iss = script.iss.map_or_else(|| format!("{base}{}", script.tenant), str::to_owned);
            let to = format!("{}?code=c1&state={}&iss={iss}", asked.pairs["redirect_uri"], asked.pairs["state"]);
            (302, Some(to), String::new())
        }
        "/token" => tokens(asked, script, heard),
        "/revoke" if script.refuses_revocation => (503, None, "{}".to_owned()),
        "/revoke" => (200, None, String::new()),
        _ => nothing,
    }
}

fn metadata(base: &str, script: &Script) -> Value {
    let issuer = format!("{base}{}", script.tenant);
    let mut metadata = json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{issuer}/authorize"),
        "token_endpoint": format!("{issuer}/token"),
        "registration_endpoint": format!("{issuer}/register"),
        "revocation_endpoint": format!("{issuer}/revoke"),
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": ["none"],
        "authorization_response_iss_parameter_supported": true,
    });
    for (name, value) in script.metadata.as_object().unwrap() {
        match value {
            Value::Null => drop(metadata.as_object_mut().unwrap().remove(name)),
            value => metadata[name] = value.clone(),
        }
    }
    metadata
}

fn tokens(asked: &Asked, script: &Script, heard: &mut Heard) -> (u16, Option<String>, String) {
    let refused = |error: &str| (400, None, json!({"error": error}).to_string());
    match asked.pairs["grant_type"].as_str() {
        "authorization_code" => {
            let proof = URL_SAFE_NO_PAD.encode(Sha256::digest(&asked.pairs["code_verifier"]));
            if proof != heard.challenge {
                return refused("invalid_grant");
            }
        }
        _ => {
            if let Some((status, said)) = script.refresh {
                return (status, None, said.to_owned());
            }
            // Good once.
            if asked.pairs["refresh_token"] != format!("r{}", heard.given) {
                return refused("invalid_grant");
            }
        }
    }
    heard.given += 1;
    let number = heard.given;
    let mut said = json!({"access_token": format!("a{number}"), "token_type": "Bearer", "expires_in": 3600});
    if script.gives_refresh {
        said["refresh_token"] = format!("r{number}").into();
    }
    (200, None, said.to_string())
}

/// A vault in memory. Each account is held by one at a time.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    account: Mutex<Option<String>>,
    held: Mutex<bool>,
    freed: std::sync::Condvar,
    /// Told of every change.
    pub(crate) written: Notify,
}

struct Hold(Arc<Memory>);

/// The vault as one process has it.
#[derive(Debug)]
struct Shared(Arc<Memory>);

impl Vault for Shared {
    fn read(&self, name: &str) -> Result<Option<Account>, String> {
        self.0.read(name)
    }

    fn hold(&self, _name: &str) -> Result<Box<dyn Held>, String> {
        let mut held = self.0.freed.wait_while(self.0.held.lock().unwrap(), |held| *held).unwrap();
        *held = true;
        Ok(Box::new(Hold(self.0.clone())))
    }
}

impl Memory {
    pub(crate) fn read(&self, _name: &str) -> Result<Option<Account>, String> {
        let account = self.account.lock().unwrap();
        Ok(account.as_ref().map(|account| serde_json::from_str(account).unwrap()))
    }

    /// As another process does.
    pub(crate) fn edit(&self, edit: impl FnOnce(&mut Account)) {
        let mut account = self.read("s").unwrap().unwrap_or_default();
        edit(&mut account);
        *self.account.lock().unwrap() = Some(serde_json::to_string(&account).unwrap());
    }
}

impl Held for Hold {
    fn read(&self) -> Result<Option<Account>, String> {
        self.0.read("s")
    }

    fn write(&mut self, account: Option<&Account>) -> Result<(), String> {
        *self.0.account.lock().unwrap() = account.map(|account| serde_json::to_string(account).unwrap());
        self.0.written.notify_one();
        Ok(())
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        *self.0.held.lock().unwrap() = false;
        self.0.freed.notify_one();
    }
}

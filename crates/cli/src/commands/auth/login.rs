//! `switchboard auth login`: the person's way through a sign-in, in a browser or without one.

use super::Place;
use super::redirect::Landing;
use crate::browser;
use crate::context::Context;
use crate::report::Report;
use outbound::oauth::{Login, SignInError, Tokens};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;

/// How long the browser may take to come back.
const WAIT_MAX: Duration = Duration::from_secs(600);
/// Where the answer of a sign-in without a browser is sent; nobody listens there.
const HEADLESS_PORT: u16 = 7421;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The server
    server: String,

    /// Only print the address of the page, for a browser that you open yourself on this machine
    #[arg(long)]
    no_browser: bool,

    /// Follow the page without a browser, for authorization servers that agree without a person
    #[arg(long, conflicts_with = "no_browser")]
    headless: bool,
}

/// Signs in.
///
/// # Errors
/// Why it did not work, and what to do about it.
pub(super) fn run(args: &Args, context: &Context) -> Result<(), Report> {
    let place = Place::find(&args.server, context)?;
    let (issuer, tokens) = context.block_on(async {
        let login = place.sign_in.login().await.map_err(|error| place.report(&error))?;
        let issuer = login.issuer().to_owned();
        let tokens = match args.headless {
            true => without_browser(login, &place).await?,
            false => with_browser(login, &place, args.no_browser, context).await?,
        };
        place.tell_daemon(context).await;
        Ok((issuer, tokens))
    })?;
    match context.printer.json {
        true => {
            let (scopes, expires) = (&tokens.scopes, tokens.expires);
            let document = json!({ "server": place.name, "issuer": issuer, "scopes": scopes, "expires": expires });
            context.printer.document(&document);
        }
        false => context.printer.say(&format!("signed in to {} at {issuer}", place.name)),
    }
    Ok(())
}

async fn without_browser(login: Login, place: &Place) -> Result<Arc<Tokens>, Report> {
    let port = match login.port() {
        0 => HEADLESS_PORT,
        port => port,
    };
    let signed_in: Result<_, SignInError> = async {
        let pending = login.begin(format!("http://127.0.0.1:{port}/callback")).await?;
        let query = pending.follow().await?;
        place.sign_in.complete(pending, &query).await
    }
    .await;
    signed_in.map_err(|error| place.report(&error))
}

async fn with_browser(login: Login, place: &Place, no_browser: bool, context: &Context) -> Result<Arc<Tokens>, Report> {
    let landing = Landing::bind(login.port(), login.is_port_fixed()).await?;
    let scopes = login.scopes().iter().map(String::as_str).collect::<Vec<_>>().join(" ");
    let issuer = login.issuer().to_owned();
    let pending = login.begin(landing.url()).await.map_err(|error| place.report(&error))?;
    let wanted = if scopes.is_empty() { String::new() } else { format!(", for {scopes}") };
    let printer = &context.printer;
    printer.complain(&format!("sign in to {} at {issuer}{wanted}; open this page:\n{}", place.name, pending.url()));
    if !no_browser && !browser::open(pending.url(), context) {
        printer.complain("no browser could be opened here; the page must be opened on this machine");
    }
    let waited = tokio::time::timeout(WAIT_MAX, landing.wait(&pending)).await;
    let query = waited.map_err(|_| {
        let message = format!("the browser did not come back within {} minutes", WAIT_MAX.as_secs() / 60);
        Report::failed(message).hint(format!("again: switchboard auth login {}", place.name))
    })??;
    place.sign_in.complete(pending, &query).await.map_err(|error| place.report(&error))
}

//! `switchboard auth`: signing in to remote servers, out of them, and how that stands.
//!
//! It works on the data folder's own files, with or without a daemon; a daemon is told afterwards.

mod login;
mod redirect;
mod status;

use crate::client::encoded;
use crate::context::Context;
use crate::report::Report;
use crate::vault;
use bytes::Bytes;
use config::{OAuth, Reach, Server, Sources};
use control::Problem;
use control::said;
use outbound::oauth::{SignIn, SignInError, Vault};
use protocol::ErrorKind;
use serde_json::json;
use std::sync::Arc;

/// Sign in to remote servers, and out of them
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Sign in to a remote server
    ///
    /// Finds out who protects the server, opens the browser there, and waits for it to come back.
    /// The address of the page is printed in any case. A running daemon connects at once.
    Login(login::Args),
    /// Show which servers are signed in to
    Status(status::Args),
    /// Sign out of a server
    ///
    /// Ends the tokens at the authorization server, where it offers that, and forgets everything
    /// about the sign-in.
    Logout(LogoutArgs),
}

#[derive(Debug, clap::Args)]
struct LogoutArgs {
    /// The server
    server: String,
}

/// Does what was asked.
///
/// # Errors
/// Why it could not be done.
pub(crate) fn run(args: &Args, context: &Context) -> Result<(), Report> {
    match &args.command {
        Command::Login(args) => login::run(args, context),
        Command::Status(args) => status::run(args, context),
        Command::Logout(args) => logout(args, context),
    }
}

fn logout(args: &LogoutArgs, context: &Context) -> Result<(), Report> {
    let place = Place::find(&args.server, context)?;
    let (was, trouble) = context.block_on(async {
        let done = place.sign_in.logout().await.map_err(|error| place.report(&error))?;
        place.tell_daemon(context).await;
        Ok(done)
    })?;
    if let Some(trouble) = &trouble {
        let hint = "the tokens are forgotten here; whoever has a copy could use them until they end";
        context.printer.warn(&format!("they could not be ended at the authorization server: {trouble}"), Some(hint));
    }
    match (context.printer.json, was) {
        (true, _) => {
            let document = json!({ "server": place.name, "was_signed_in": was, "revoked": was && trouble.is_none() });
            context.printer.document(&document);
        }
        (false, true) => context.printer.say(&format!("signed out of {}", place.name)),
        (false, false) => context.printer.say(&format!("nobody was signed in to {}", place.name)),
    }
    Ok(())
}

/// A declared server that can be signed in to.
struct Place {
    name: String,
    sign_in: Arc<SignIn>,
}

impl Place {
    fn find(name: &str, context: &Context) -> Result<Self, Report> {
        let servers = declared(name, context)?;
        let found =
            servers.into_iter().find(|server| server.name == name || server.reduced == name).ok_or_else(|| {
                let problem = Problem::new(ErrorKind::UnknownName, format!("there is no server `{name}`"));
                Report::from(problem.hint("see what is declared: switchboard list"))
            })?;
        let Some((url, oauth)) = remote(&found) else {
            let message = format!("the server `{}` is not one to sign in to", found.name);
            let hint = match found.reach {
                Reach::Http { .. } | Reach::WebSocket { .. } => {
                    "its entry says auth = \"none\" or brings an Authorization header of its own"
                }
                _ => "only remote servers are; a local one gets its credentials in `env`",
            };
            return Err(Report::usage(message).hint(hint));
        };
        let sign_in = SignIn::new(&found.name, &url, oauth, open_vault(context)?)
            .map_err(|error| Report::usage(format!("the URL of `{}` cannot be called", found.name)).cause(error))?;
        Ok(Self { name: found.name, sign_in })
    }

    /// A daemon looks at once; where there is none, whoever runs the server next will.
    async fn tell_daemon(&self, context: &Context) {
        let Ok(client) = context.client() else { return };
        let path = format!("/api/servers/{}/sign-in", encoded(&self.name));
        // It may run on another configuration, or not at all.
        let _ = client.post::<said::Server>(&path, Bytes::new()).await;
    }

    fn report(&self, error: &SignInError) -> Report {
        let message = format!("signing in to `{}` failed: {error}", self.name);
        let hint = error.hint(&self.name);
        match error.needs_person() {
            true => Report::from(Problem::new(ErrorKind::NeedsAuth, message).hint(hint)),
            false => Report::failed(message).hint(hint),
        }
    }
}

/// The servers of the configuration that is meant: the one that was named, else that of the daemon
/// which knows `name`, else the one that is found here.
fn declared(name: &str, context: &Context) -> Result<Vec<Server>, Report> {
    if context.settings.config.is_empty() {
        let client = context.client()?;
        let path = format!("/api/servers/{}", encoded(name));
        let known: Option<said::Server> = context.block_on(async { Ok(client.try_get(&path).await.ok().flatten()) })?;
        let file = known.as_ref().and_then(|server| server.origin.rsplit_once(':'));
        if let Some((file, _)) = file {
            let loaded = config::load(&Sources { files: vec![file.into()], ..context.sources() });
            if known.is_some_and(|known| !loaded.config.servers.contains_key(&known.name)) {
                // Most likely a variable that the daemon has and this shell has not.
                context.printer.diagnostics(&loaded.diagnostics);
            }
            return Ok(loaded.config.servers.into_values().collect());
        }
    }
    Ok(context.load()?.config.servers.into_values().collect())
}

/// Where a server is, and how it is signed in to, if it is.
fn remote(server: &Server) -> Option<(String, &OAuth)> {
    Some((server.reach.sign_in_url()?, server.oauth.as_ref()?))
}

fn open_vault(context: &Context) -> Result<Arc<dyn Vault>, Report> {
    let data = context.data_folder()?;
    data.create()?;
    vault::open(&data)
}

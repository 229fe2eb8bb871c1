//! `switchboard serve`: one server inside this program, alone, for any client. It is a switchboard
//! with one server, so every client of every revision can use it.

use crate::context::Context;
use crate::daemon;
use crate::inside::given;
use crate::log_format;
use crate::report::Report;
use crate::state::State;
use clap::builder::PossibleValuesParser;
use config::{BUILTINS_VARIABLE, Config, Flags, Reach, Sources};
use gateway::listener::Http;
use gateway::listener::duplex::{self, DuplexSettings};
use protocol::{Principal, Service};
use std::net::SocketAddr;
use std::os::fd::AsFd as _;
use std::sync::Arc;
use tokio::io::Stdin;
use tokio_util::sync::CancellationToken;
use tracing::Level;

/// Serve one of the servers inside this program, without a daemon
///
/// On stdin and stdout, or over HTTP with --http. What its entry in the configuration says counts
/// here too; without an entry it has its defaults. State is shared with the daemon and with other
/// such processes on the same data folder.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Which one
    #[arg(value_parser = PossibleValuesParser::new(builtins::ALL.iter().map(|builtin| builtin.name)))]
    name: String,

    /// Listen at this address instead: `127.0.0.1:PORT`, or a port on loopback; `/mcp` is the endpoint
    #[arg(long, value_name = "ADDRESS")]
    http: Option<String>,
}

/// Serves until the client leaves, or a signal comes.
///
/// # Errors
/// A broken configuration, options that the server does not take, an address that is taken.
pub(crate) fn run(args: &Args, context: &Context) -> Result<(), Report> {
    let config = config_of(&args.name, args.http.clone(), context)?;
    log_format::start(&context.printer, context.settings.verbose, Level::WARN);
    let runtime = daemon::runtime()?;
    let served = runtime.block_on(Box::pin(async {
        let (service, state) = made(&args.name, &config, context).await?;
        let shutdown = super::connect::until_told_to_end()?;
        let served = match &args.http {
            Some(_) => over_http(service, &config, context, shutdown).await,
            None => on_stdio(service, &config, shutdown).await,
        };
        state.close().await;
        served
    }));
    // A read of stdin cannot be taken back: nobody waits for it.
    runtime.shutdown_background();
    served
}

/// The server called `name` in this process, for a command that asks it something.
///
/// # Errors
/// A broken configuration, and options that the server does not take.
pub(crate) async fn service(name: &str, context: &Context) -> Result<Arc<dyn Service>, Report> {
    let (service, _) = made(name, &config_of(name, None, context)?, context).await?;
    Ok(service)
}

async fn made(name: &str, config: &Config, context: &Context) -> Result<(Arc<dyn Service>, State), Report> {
    let entry = entry(name, config)?;
    let state = State::open(&context.data_folder()?, config).await?;
    let parts = crate::inside::parts(&state, config, &context.environment)?;
    let refused = |message: String| {
        Report::usage(format!("`{name}` cannot be served: {message}"))
            .hint("mend its entry, then look again: switchboard config check")
    };
    let builtin = builtins::Builtin::find(name).ok_or_else(|| refused("there is no such server".to_owned()))?;
    let service = builtin.service(&parts, &given(entry, &context.environment)).map_err(refused)?;
    Ok((service, state))
}

/// The configuration with this server in it, whether it has an entry or not.
fn config_of(name: &str, http: Option<String>, context: &Context) -> Result<Config, Report> {
    let mut sources = context.sources();
    let builtin = builtins::Builtin::find(name);
    sources.inside = builtin.map(builtins::Builtin::entry).unwrap_or_default();
    sources.environment.vars.insert(BUILTINS_VARIABLE.to_owned(), name.to_owned());
    let listen = http.or_else(|| sources.flags.listen.clone());
    Ok(context.load_from(&Sources { flags: Flags { listen }, ..sources })?.config)
}

/// The entry of the server: the one of its name, else the first that is of its kind.
fn entry<'a>(name: &str, config: &'a Config) -> Result<&'a config::Server, Report> {
    let is_it = |entry: &&config::Server| matches!(&entry.reach, Reach::Builtin { builtin, .. } if builtin == name);
    let entries = || config.servers.values().filter(is_it).filter(|entry| entry.approval == config::Approval::Approved);
    entries().find(|entry| entry.name == name).or_else(|| entries().next()).ok_or_else(|| {
        Report::usage(format!("the configuration has another server called `{name}`"))
            .hint(format!("give the one inside an entry: [servers.my-{name}] with builtin = \"{name}\""))
    })
}

async fn on_stdio(service: Arc<dyn Service>, config: &Config, shutdown: CancellationToken) -> Result<(), Report> {
    let settings = DuplexSettings::new(Principal::new("local"), &config.limits);
    let gone = |_: &Stdin| duplex::unread(std::io::stdout().as_fd());
    let (stdin, stdout) = (tokio::io::stdin(), tokio::io::stdout());
    match duplex::serve(stdin, stdout, gone, service, settings, shutdown).await {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Report::failed("the client cannot be heard").cause(error))
        }
        _ => Ok(()),
    }
}

async fn over_http(
    service: Arc<dyn Service>,
    config: &Config,
    context: &Context,
    shutdown: CancellationToken,
) -> Result<(), Report> {
    let socket = daemon::bind(config.listen.address).await?;
    let address: SocketAddr =
        socket.local_addr().map_err(|error| Report::failed("the address is not known").cause(error))?;
    let http = Http::before(socket, service, daemon::door(&config.listen, address), &config.limits);
    context.printer.say(&format!("serves at http://{address}/mcp"));
    http.serve(shutdown).await;
    Ok(())
}

//! `switchboard cache`: results of tools that are kept and given again; and, in `cache/keys.rs`, the
//! keys and values of the server `cache`.

mod keys;

use crate::client::encoded;
use crate::context::Context;
use crate::report::Report;
use bytes::Bytes;
use control::said::{CacheCleared, Status};

/// Keep values under keys, or look at kept results of tools
///
/// `stats` and `clear` are about results of tools that are given again; which are, is said by `cache`
/// of a server's entry. Everything else is about the keys of the server `cache`, as its tools see
/// them.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Show how many results are kept, and how often they answered a call
    Stats,
    /// Forget kept results: of one tool, of one server, or all
    Clear {
        /// SERVER or SERVER.TOOL
        name: Option<String>,
    },
    #[command(flatten)]
    Keys(keys::What),
}

/// Does what was asked for.
///
/// # Errors
/// Without a daemon, an unknown server, and what a tool refuses.
pub(crate) fn run(args: &Args, context: &Context) -> Result<(), Report> {
    match &args.what {
        What::Stats => stats(context),
        What::Clear { name } => clear(name.as_deref(), context),
        What::Keys(what) => keys::run(what, context),
    }
}

fn stats(context: &Context) -> Result<(), Report> {
    let client = context.client()?;
    let status: Status = context.block_on(client.get("/api/overview"))?;
    let keeping: Vec<_> = status.servers.iter().filter_map(|server| Some((&server.name, server.cache?))).collect();
    let printer = &context.printer;
    if printer.json {
        let servers: serde_json::Map<_, _> =
            keeping.iter().map(|(name, cache)| ((*name).clone(), serde_json::json!(cache))).collect();
        printer.document(&serde_json::json!({ "all": status.cache, "servers": servers }));
    } else if keeping.is_empty() {
        printer.say("no server keeps results; say which tools: cache = { tools = [\"…\"] } in its entry");
    } else {
        let row = |(name, cache): &(&String, control::said::Cache)| {
            let rate = format!("{:.1} %", cache.hit_rate * 100.0);
            vec![(*name).clone(), cache.entries.to_string(), cache.hits.to_string(), cache.misses.to_string(), rate]
        };
        let rows: Vec<Vec<String>> = keeping.iter().map(row).collect();
        printer.table(&["SERVER", "KEPT", "HITS", "MISSES", "HIT RATE"], &rows);
    }
    Ok(())
}

fn clear(name: Option<&str>, context: &Context) -> Result<(), Report> {
    let client = context.client()?;
    let mut path = "/api/cache/clear".to_owned();
    if let Some(name) = name {
        // A server may have a dot in its name: what is a server is not taken apart.
        let is_server = |status: &Status| status.servers.iter().any(|one| one.name == name || one.public == name);
        let status: Status = context.block_on(client.get("/api/overview"))?;
        match name.split_once('.').filter(|_| !is_server(&status)) {
            Some((server, tool)) => path.push_str(&format!("?server={}&tool={}", encoded(server), encoded(tool))),
            None => path.push_str(&format!("?server={}", encoded(name))),
        }
    }
    let cleared: CacheCleared = context.block_on(client.post(&path, Bytes::new()))?;
    match context.printer.json {
        true => context.printer.document(&cleared),
        false => context.printer.say(&format!("forgotten results: {}", cleared.results)),
    }
    Ok(())
}

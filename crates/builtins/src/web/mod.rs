//! The server `web`: searching and reading the web, for models that ask.
//!
//! Six tools over two parts: `search` asks whoever is set up, `fetch` gets pages and `read` makes text of
//! them. It deliberately opens no connection itself and judges no address: `outbound::web` does both.

mod options;
pub use options::Options;

mod search;
pub use search::{Found, Item, Provider};

mod fetch;

mod read;

mod robots;

mod kept;

mod tools;

#[cfg(test)]
mod tests;

use fetch::Fetcher;
use outbound::web::{Network, Rules, SystemNetwork, Web};
use protocol::ToolServer;
use search::Searcher;
use secrecy::SecretString;
use std::sync::Arc;

/// What its entry is given from the environment where nobody declares it.
pub const VARIABLES: &[&str] =
    &["GOOGLE_API_KEY", "GOOGLE_SEARCH_ENGINE_ID", "BRAVE_API_KEY", "TAVILY_API_KEY", "SEARXNG_URL"];

/// The server, over the sockets of this machine; `env` is the environment of its entry.
///
/// # Errors
/// What of the entry cannot be used.
pub fn server(options: Options, env: &dyn Fn(&str) -> Option<SecretString>) -> Result<ToolServer, String> {
    over(Arc::new(SystemNetwork), options, env)
}

/// The same over another network.
fn over(
    network: Arc<dyn Network>,
    options: Options,
    env: &dyn Fn(&str) -> Option<SecretString>,
) -> Result<ToolServer, String> {
    options.check()?;
    let rules = Rules::new(options.allow.iter().map(String::as_str)).map_err(|error| format!("`allow`: {error}"))?;
    let options = Arc::new(options);
    let searcher = Searcher::new(&network, options.clone(), env)?;
    let fetcher = Fetcher::new(Web::new(rules, network), options.clone());
    Ok(tools::server(Arc::new(tools::Parts { searcher, fetcher, options })))
}

//! What definitions of tools cost whoever reads them, in tokens: the same for REST, live events and metrics.
//! The gateway counts and remembers; here it is only asked, for what is offered.

use crate::find;
use crate::live::CatalogSize;
use crate::said::ToolTokens;
use gateway::catalog::Kind;
use gateway::server::Server;
use gateway::{Gateway, Snapshot};
use protocol::{Raw, Text};
use std::sync::Arc;

/// Every tool of a server that is offered, with its cost in tokens.
pub(crate) async fn of_tools(gateway: &Gateway, snapshot: &Snapshot, server: &Server) -> Vec<ToolTokens> {
    let (names, definitions): (Vec<Text>, Vec<Raw>) = offered(snapshot, server).into_iter().unzip();
    let tokens = gateway.tokens_of(definitions).await;
    names.iter().zip(tokens).map(|(name, tokens)| ToolTokens { name: name.to_string(), tokens }).collect()
}

/// What all of them cost together.
pub(crate) async fn of_server(gateway: &Gateway, snapshot: &Snapshot, server: &Server) -> usize {
    of_tools(gateway, snapshot, server).await.iter().map(|tool| tool.tokens).sum()
}

/// What all tools that are offered cost, for who looks again when told: by their bytes, until they have been
/// counted.
pub(crate) fn of_all(gateway: &Arc<Gateway>, snapshot: &Snapshot) -> CatalogSize {
    let servers = snapshot.servers.values();
    let definitions: Vec<Raw> = servers.flat_map(|server| offered(snapshot, server)).map(|(_, raw)| raw).collect();
    let tools = snapshot.catalog.all.list(Kind::Tools).count;
    match gateway.known_tokens_of(&definitions) {
        Some(tokens) => CatalogSize { tools, tokens: tokens.iter().sum(), estimated: false },
        None => {
            gateway.count_soon();
            let bytes = definitions.iter().map(|definition| definition.as_bytes().len()).sum();
            CatalogSize { tools, tokens: tokens::estimate(bytes), estimated: true }
        }
    }
}

/// The tools of a server that are offered: own names and definitions.
fn offered(snapshot: &Snapshot, server: &Server) -> Vec<(Text, Raw)> {
    let Some(view) = snapshot.catalog.single.get(&server.entry.reduced) else { return Vec::new() };
    let catalog = server.catalog();
    let offered = catalog.tools.iter().filter_map(|definition| {
        let own = find::own_name(definition).filter(|own| view.tool(own).is_some())?;
        Some((own, definition.clone()))
    });
    offered.collect()
}

//! What definitions of tools cost whoever reads them, in tokens: one estimate for REST, live events and
//! metrics, so that all of them say the same. It is made of sizes; nothing is counted with a vocabulary.

use crate::find;
use crate::said::ToolTokens;
use gateway::Snapshot;
use gateway::server::Server;

/// Bytes of ten tokens, roughly: what definitions of tools have with the vocabulary o200k.
const BYTES_OF_TEN_TOKENS: usize = 42;

/// Every tool of a server that is offered, with its cost in tokens.
pub(crate) fn of_tools(snapshot: &Snapshot, server: &Server) -> Vec<ToolTokens> {
    let Some(view) = snapshot.catalog.single.get(&server.entry.reduced) else { return Vec::new() };
    let catalog = server.catalog();
    let offered = catalog.tools.iter().filter_map(|definition| {
        let own = find::own_name(definition).filter(|own| view.tool(own).is_some())?;
        Some(ToolTokens { name: own.to_string(), tokens: estimated(definition.as_bytes().len()) })
    });
    offered.collect()
}

/// What all of them cost together.
pub(crate) fn of_server(snapshot: &Snapshot, server: &Server) -> usize {
    of_tools(snapshot, server).iter().map(|tool| tool.tokens).sum()
}

/// Tokens of so many bytes of a definition, roughly.
fn estimated(bytes: usize) -> usize {
    (bytes * 10).div_ceil(BYTES_OF_TEN_TOKENS)
}

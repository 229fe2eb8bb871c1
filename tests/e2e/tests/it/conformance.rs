//! The official conformance suite against the gateway, with the fixture behind it over every
//! transport, in all four cells of client era and server era; and against its client side, with
//! `mcp-driver` around it. No list of expected failures: the counts and the names of what fails are
//! asserted here, and a scenario that was renamed or not run at all counts as failed.

mod clients;
mod report;
mod servers;

use report::Report;

/// What the revision that a suite is for wants of a server.
const OF_SERVERS: [(&str, usize); 2] = [(e2e::LEGACY, 30), (e2e::MODERN, 37)];
/// What it wants of a client.
const OF_CLIENTS: [(&str, usize); 2] = [(e2e::LEGACY, 18), (e2e::MODERN, 32)];

/// How many scenarios are required.
fn required(counts: [(&str, usize); 2], revision: &str) -> usize {
    counts.into_iter().find(|(known, _)| *known == revision).map_or(0, |(_, count)| count)
}

//! The suite for clients: the gateway is the client under test, with a client of either era in front.

use super::{OF_CLIENTS, Report, required};
use e2e::{LEGACY, MODERN, built, require_peers};

/// Scenarios in which a client that stops with an error is right; the suite says so itself.
pub(super) const MAY_FAIL: &[&str] = &[
    "auth/iss-normalized",
    "auth/iss-supported-missing",
    "auth/iss-unexpected",
    "auth/iss-wrong-issuer",
    "auth/metadata-issuer-mismatch",
    "auth/resource-mismatch",
    "auth/scope-retry-limit",
    "http-invalid-tool-headers",
];

/// Every required scenario passes; there is no exception on this side.
#[track_caller]
fn passes(front: &str, revision: &str) {
    let Some(peers) = require_peers() else { return };
    let driver = format!("{} {front}", built("mcp-driver").display());
    Report::of_client(&peers, &driver, revision).expect(required(OF_CLIENTS, revision), &[]);
}

#[test]
fn a_legacy_client_in_front_of_legacy_servers() {
    passes("legacy", LEGACY);
}

#[test]
fn a_modern_client_in_front_of_legacy_servers() {
    passes("modern", LEGACY);
}

#[test]
fn a_legacy_client_in_front_of_modern_servers() {
    passes("legacy", MODERN);
}

#[test]
fn a_modern_client_in_front_of_modern_servers() {
    passes("modern", MODERN);
}

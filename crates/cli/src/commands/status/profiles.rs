//! What `status` says of profiles: how much of each is listed, and why.

use crate::printer::{Printer, count, harmless};
use control::said::{Profile, ProfileClient};

/// A line for each profile, and for each client about which was decided otherwise.
pub(super) fn print(profiles: &[Profile], printer: &Printer) {
    for profile in profiles {
        let path = if profile.profile == "default" { String::new() } else { format!("/p/{}", profile.profile) };
        printer.line(&format!(
            "profile {} at /mcp{path}: {} of {}, {} tokens: {}",
            profile.profile,
            listed(&profile.mode),
            count(profile.tools, "tool"),
            profile.tokens_listed,
            profile.why,
        ));
        let clients = profile.clients.iter().filter(|client| client.mode != profile.mode || !client.pinned.is_empty());
        clients.for_each(|client| printer.line(&format!("  {}", told(client))));
        profile.unknown.iter().for_each(|unknown| printer.line(&format!("  {}", harmless(unknown))));
    }
}

fn listed(mode: &str) -> &'static str {
    if mode == "search" { "search tools instead" } else { "all" }
}

fn told(client: &ProfileClient) -> String {
    let who = client.client.as_deref().map_or("a client without a name".to_owned(), harmless);
    let pinned = match client.pinned.as_slice() {
        [] => String::new(),
        pinned => format!("; used daily and pinned: {}", harmless(&pinned.join(", "))),
    };
    format!("{who}: {}: {}{pinned}", client.mode, client.why)
}

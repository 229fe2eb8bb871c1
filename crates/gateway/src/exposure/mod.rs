//! What a client is shown of everything that is offered: profiles, how much of one is listed, and the
//! tools by which the rest is found and called.
//!
//! A profile is a view: it hides and renames, and decides nothing about what may be done. Policy, limits
//! and records see the server and the server's own name, whatever a profile calls a tool.

mod scope;
pub use scope::Scope;

mod shown;
pub use shown::{Mode, Shown};

mod seat;
pub use seat::{Heard, Seat};

mod own;
pub use own::OwnTool;

mod describe;
mod effect;
mod inner;
mod searched;

mod decide;
pub(crate) use decide::Decisions;

mod exposed;
pub use exposed::{Exposed, ExposedTo};

mod days;
pub(crate) use days::Days;

mod changed;
pub(crate) use changed::Told;

use crate::catalog::{Catalog, ServerInput, View};
use crate::server::Server;
use config::Config;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Adds the views of the declared profiles to `catalog`, which was built of `inputs`, those of `servers`.
pub(crate) fn add_profiles(
    catalog: &mut Catalog,
    config: &Config,
    servers: &[&Arc<Server>],
    inputs: &[ServerInput<'_>],
) {
    if config.profiles.is_empty() {
        return;
    }
    let build = |profile: &config::Profile| {
        let mine = |server: &&Arc<Server>| profile.has_server(&server.name, &server.entry.tags);
        let base = match servers.iter().all(&mine) {
            true => catalog.all.clone(),
            false => {
                let theirs = servers.iter().zip(inputs).filter(|(server, _)| mine(server)).map(|(_, input)| *input);
                Arc::new(View::build(&theirs.collect::<Vec<_>>(), false, config.names.max))
            }
        };
        Arc::new(Shown::new(profile.clone(), &base))
    };
    let profiles = config.profiles.values().map(|profile| (profile.name.clone(), build(profile)));
    let profiles: BTreeMap<String, Arc<Shown>> = profiles.collect();
    catalog.main = profiles.get(config::Profile::DEFAULT).cloned();
    catalog.profiles = profiles;
}

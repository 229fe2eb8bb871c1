//! What a change of configuration means: which servers must start anew, which only get new
//! details, which are the same and keep their calls.
//!
//! Hashes are compared and stored, never shown with what they were made of.

use secrecy::ExposeSecret;
use sha2::{Digest, Sha256};

use crate::config::{Config, OAuth, Reach, Server};
use crate::host::Program;

/// The difference between two configurations, by declared name, each list sorted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// Servers that were not there before.
    pub added: Vec<String>,
    /// Servers that are not there any more.
    pub removed: Vec<String>,
    /// Servers that must start anew.
    pub changed: Vec<String>,
    /// Servers that keep running, with other details: tool filter, tags, prefix, records, health.
    pub adjusted: Vec<String>,
    /// Servers without any difference.
    pub same: Vec<String>,
}

// === impl Changes ===

impl Changes {
    /// Whether no server differs.
    pub fn is_empty(&self) -> bool {
        let differing = [&self.added, &self.removed, &self.changed, &self.adjusted];
        differing.iter().all(|names| names.is_empty())
    }
}

/// Compares the servers of two configurations.
pub fn changes(old: &Config, new: &Config) -> Changes {
    let mut changes = Changes::default();
    for (name, server) in &new.servers {
        let list = match old.servers.get(name) {
            None => &mut changes.added,
            Some(before) if before.fingerprint() != server.fingerprint() => &mut changes.changed,
            Some(before) if before.details() != server.details() => &mut changes.adjusted,
            Some(_) => &mut changes.same,
        };
        list.push(name.clone());
    }
    let gone = old.servers.keys().filter(|name| !new.servers.contains_key(*name));
    changes.removed = gone.cloned().collect();
    changes
}

// === impl Server ===

impl Server {
    /// SHA-256 in hex over everything that a running instance cannot take over when it changes:
    /// how it is reached with all values, its times, restart, era, isolation, whether it may run.
    pub fn fingerprint(&self) -> String {
        let mut hash = Parts::default();
        hash.add(&self.name);
        match &self.reach {
            Reach::Stdio { command, args, env, cwd, inherit_env } => {
                hash.add("stdio").add(command).list(args).list(inherit_env);
                hash.add(&cwd.as_ref().map(|cwd| cwd.to_string_lossy()).unwrap_or_default());
                for (name, value) in env {
                    hash.add(name).add(value.expose_secret());
                }
            }
            Reach::Http { url, headers, dialect } => {
                hash.add("http").add(url).add(&format!("{dialect:?}"));
                for (name, value) in headers {
                    hash.add(name).add(value.expose_secret());
                }
            }
            Reach::WebSocket { url, headers } => {
                hash.add(self.reach.transport()).add(url);
                for (name, value) in headers {
                    hash.add(name).add(value.expose_secret());
                }
            }
            Reach::Tcp { address } => {
                hash.add("tcp").add(address);
            }
            Reach::Unix { path } => {
                hash.add("unix").add(&path.to_string_lossy());
            }
            Reach::Builtin { builtin, allow_changes, options, env } => {
                hash.add("builtin").add(builtin).add(&allow_changes.to_string());
                hash.add(&serde_json::Value::Object(options.0.clone()).to_string());
                for (name, value) in env {
                    hash.add(name).add(value.expose_secret());
                }
            }
            Reach::Container { container, endpoint } => {
                container.hash(&mut hash);
                hash.add(&format!("{endpoint:?}"));
            }
        }
        if let Some(Program { command, args, env, cwd, inherit_env }) = &self.hosted {
            hash.add("hosted").add(command).list(args).list(inherit_env).add(&format!("{cwd:?}"));
            for (name, value) in env {
                hash.add(name).add(value.expose_secret());
            }
        }
        hash.list(&self.install).add(&format!("{:?}", (self.port, self.resources, self.install_timeout)));
        hash.list(&self.depends_on);
        if let Some(oauth) = &self.oauth {
            let OAuth { client_id, client_secret, issuer, client_metadata_url, scopes, redirect_port, .. } = oauth;
            for text in [client_id, issuer, client_metadata_url] {
                hash.add(text.as_deref().unwrap_or_default());
            }
            hash.add(client_secret.as_ref().map(ExposeSecret::expose_secret).unwrap_or_default());
            hash.list(scopes).add(&format!("{:?}", (redirect_port, oauth.allow_private, oauth.headless)));
        }
        let requests = [self.request_timeout, self.request_timeout_max];
        let times = [self.startup_timeout, self.stop_timeout, self.connect_timeout].into_iter().chain(requests);
        for time in times {
            hash.add(&time.as_millis().to_string());
        }
        let restarts = (self.restart_delay, self.restart_delay_max, self.max_restarts, self.restart_window);
        hash.add(&format!("{:?}", (restarts, self.stable_after, self.start, self.idle_timeout)));
        hash.add(&format!("{:?}", (self.replicas, self.pin, &self.watch)));
        hash.add(&format!("{:?}", (self.restart, self.era, self.isolation, self.enabled, self.approval)));
        hash.finish()
    }

    /// SHA-256 in hex over command, arguments and URL only: the key under which facts about the
    /// program itself, such as its era, are remembered.
    pub fn definition_hash(&self) -> String {
        let mut hash = Parts::default();
        match &self.reach {
            Reach::Stdio { command, args, .. } => hash.add("stdio").add(command).list(args),
            Reach::Http { url, .. } | Reach::WebSocket { url, .. } => hash.add(self.reach.transport()).add(url),
            Reach::Tcp { address } => hash.add("tcp").add(address),
            Reach::Unix { path } => hash.add("unix").add(&path.to_string_lossy()),
            Reach::Builtin { builtin, .. } => hash.add("builtin").add(builtin),
            Reach::Container { container, .. } => hash.add("container").add(&container.image).list(&container.command),
        };
        if let Some(program) = &self.hosted {
            hash.add(&program.command).list(&program.args);
        }
        hash.finish()
    }

    /// Everything else that has an effect.
    fn details(&self) -> impl PartialEq + '_ {
        (
            (&self.reduced, &self.tags, &self.description, &self.tools, &self.data),
            &self.guards,
            (self.prefix, self.record_arguments, self.record_results),
            &self.health,
            &self.changed,
        )
    }
}

/// A hash over texts, each with its length before it, so that no two lists look alike.
#[derive(Default)]
pub(crate) struct Parts(Sha256);

// === impl Parts ===

impl Parts {
    pub(crate) fn add(&mut self, text: &str) -> &mut Parts {
        self.0.update((text.len() as u64).to_be_bytes());
        self.0.update(text);
        self
    }

    pub(crate) fn list(&mut self, texts: &[String]) -> &mut Parts {
        self.add(&texts.len().to_string());
        texts.iter().fold(self, |hash, text| hash.add(text))
    }

    pub(crate) fn finish(self) -> String {
        let digest = self.0.finalize();
        digest.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

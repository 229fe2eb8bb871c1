//! What people declare, in every format: files of ours and of other tools, environment and flags
//! become one [`Config`], and everything that is wrong becomes a [`Diagnostic`] with its place.
//!
//! Reading goes text → `tree` → `raw` (right in itself, nothing expanded) → `load` (layers merged,
//! neighbours checked, variables expanded). This crate does not know what runs: it starts nothing,
//! speaks to nobody and decides nothing at run time.

mod config;
mod diagnostic;
mod dotenv;
mod environment;
mod limits;
mod load;
mod origin;

mod keys;
mod names;
mod quantity;
mod service_keys;
mod tree;
mod yaml;

mod foreign;
mod shell_words;

pub mod predecessors;
mod raw;
mod read;
mod variables;
mod words;

mod literal;

mod depends;
mod guards;
mod health;
mod host;
mod inside;
mod life;
mod oauth;
mod profile_keys;
mod profiles;
mod reach;
mod search;
mod section_keys;
mod server;
mod service;
mod services;
mod settings;
mod shared;
mod telemetry;
mod transport;

mod approval;
mod discover;

mod child_env;
mod fingerprint;
mod schema;
mod server_files;
mod show;
mod show_services;

mod explain;
mod watch;

pub mod client_files;
pub mod edit;

pub use approval::{Approvals, Record, Sealed, Subject, Verdict};
pub use child_env::{check_environment, child_environment, service_environment};
pub use config::{
    Approval, Catalog, Config, Discovery, EraChoice, HttpDialect, Isolation, Listen, Names, OAuth, Pin, Prefix, Reach,
    Records, Restart, Server, Start, ToolFilter, WatchedFiles, Written,
};
pub use depends::{Needs, circle, heights};
pub use diagnostic::{Diagnostic, Severity, Span, render, visible};
pub use discover::{Found, Search, Standing, approvable, discover};
pub use environment::{BUILTINS_VARIABLE, Environment, LISTEN_VARIABLE};
pub use explain::{Explained, explain};
pub use fingerprint::{Changes, changes};
pub use guards::{Breaker, Cache, Guards, Membership, RateLimit, Retry};
pub use health::{Health, HealthCheck};
pub use host::{Program, Resources, Runs, SecretWords};
pub use inside::{CacheStore, Options, State};
pub use limits::{LimitRow, Limits};
pub use literal::{holds_secret, looks_secret};
pub use load::{Flags, Loaded, Sources, load, own_files};
pub use names::reduce;
pub use origin::{Layer, Origin, RawExtra};
pub use profiles::{Exposure, Profile, ToolTexts};
pub use quantity::{parse_bytes, parse_duration, show_bytes, show_duration};
pub use schema::json_schema;
pub use search::{RouteLimits, SearchSettings};
pub use server_files::FileWatcher;
pub use service::{Check, Container, ContainerEndpoint, PublishedPort, Pull, Ready, Service, ServiceKind};
pub use services::container_environment;
pub use show::{show, to_json};
pub use telemetry::{Log, LogDirectives, LogFormat, Telemetry, Verbosity};
pub use watch::{QUIET, WatchError, Watcher, are_quiet};
pub use words::split_words;

//! `/api`: what a person's tools ask of a running daemon and tell it to do, and the dashboard, which is
//! one of them.
//!
//! It is served on the daemon's unix socket, mode 0600, where whoever can open it is the person who
//! runs the daemon, known as `local`; and over HTTP behind a door of its own. It deliberately has no
//! route that carries a command line, an environment or a path to execute. It writes no file, and reads
//! none but the logs of servers, which their owner opens.

pub mod said;

mod problem;
pub use problem::Problem;

mod log_filter;
pub use log_filter::{LogFilter, LogLevel};

mod deed;
pub use deed::{AUDIT_STREAM, Act, Deed, Deeds};

mod find;

mod tokens;

mod access;
pub use access::Tokens;

mod asked;

mod etag;

mod moment;

mod once;

mod web;
pub use web::Web;

mod why;

mod inside;
pub use inside::Inside;

mod live;
pub use live::{History, HistoryKeeper};

mod routes;
pub use routes::dashboard;

pub mod metrics;

mod daemon_log;
pub use daemon_log::{DaemonLog, LogFilterSaid};

mod document;
pub use document::openapi_json;

mod predecessors;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::any;
use gateway::Gateway;
use gateway::listener::SessionCount;
use hyper::service::Service as _;
use hyper_util::service::TowerToHyperService;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use store::Store;
use store::cache::Cache;
use supervisor::{HostMeter, LogWriter};
use tokio::net::UnixListener;
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

/// What the daemon is told through `/api`. Its owner does it and answers.
#[derive(Debug)]
pub enum Command {
    /// Read the configuration again.
    Reload(oneshot::Sender<Result<said::Reloaded, Problem>>),
    /// Use a declared server, or do not, in the file that declares it; then read the configuration again.
    Switch {
        /// Its name as declared.
        name: String,
        /// Whether it is to be used.
        on: bool,
        /// Where the answer goes.
        reply: oneshot::Sender<Result<said::Reloaded, Problem>>,
    },
    /// End, after the calls in flight.
    Stop,
    /// The same, and begin again as the same process, if the configuration allows.
    Restart(oneshot::Sender<Result<(), Problem>>),
}

/// What `/api` stands on.
pub struct Parts {
    /// The switchboard.
    pub gateway: Arc<Gateway>,
    /// Where commands go.
    pub commands: mpsc::Sender<Command>,
    /// Address of the HTTP listener.
    pub address: SocketAddr,
    /// Whether the dashboard and REST are served there too.
    pub dashboard: bool,
    /// The data folder.
    pub data: PathBuf,
    /// Counts sessions of legacy clients.
    pub sessions: SessionCount,
    /// Writes the log files, and counts what it had to drop.
    pub logs: LogWriter,
    /// Servers that are declared elsewhere and wait for a person.
    pub found: watch::Receiver<Vec<said::Found>>,
    /// What is wrong with the configuration that was read last, while another is in force.
    pub refused: watch::Receiver<Option<String>>,
    /// What is counted of calls, for `/metrics`.
    pub figures: Arc<metrics::Figures>,
    /// The daemon's own log.
    pub log: Arc<dyn DaemonLog>,
    /// What people did is told here.
    pub deeds: Deeds,
    /// What lasts: records of calls, the audit.
    pub store: Store,
    /// The cache of the servers inside.
    pub cache: Cache,
    /// What happened, for charts.
    pub history: Arc<History>,
    /// Ends streams and the server.
    pub shutdown: CancellationToken,
}

/// What every route looks at.
#[derive(Clone)]
pub struct Control {
    pub(crate) parts: Arc<Parts>,
    pub(crate) live: live::Live,
    /// What the machine has in use.
    pub(crate) host: Arc<HostMeter>,
    /// Requests with an `Idempotency-Key` that are being answered.
    pub(crate) keys: Arc<once::Keys>,
}

impl Control {
    /// All routes will stand on `parts`. Must be called inside a runtime.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        let parts = Arc::new(parts);
        Self { live: live::Live::start(&parts), parts, host: Arc::default(), keys: Arc::default() }
    }
}

/// The whole of `/api`, without a door: who serves it says who asks.
fn api(control: &Control) -> Router {
    let body_bytes_max = control.parts.gateway.snapshot().config.limits.body_bytes_max;
    let (router, _) = routes::router().split_for_parts();
    router
        .route("/api/{*path}", any(routes::nothing_here))
        .method_not_allowed_fallback(routes::not_so)
        .layer(from_fn(etag::etag))
        .layer(from_fn_with_state(control.clone(), once::once))
        .layer(DefaultBodyLimit::max(body_bytes_max))
        .with_state(control.clone())
}

/// Serves `/api` to the person who runs the daemon, until the parts' `shutdown`.
///
/// # Errors
/// Those of the system when connections cannot be accepted any more.
pub async fn serve(listener: UnixListener, control: &Control) -> std::io::Result<()> {
    let shutdown = control.parts.shutdown.clone();
    let (control, made) = (control.clone(), Arc::<OnceLock<_>>::default());
    // Made for the first request, as over HTTP.
    let first = move |request: Request| {
        let (control, made) = (control.clone(), made.clone());
        async move {
            let make = || TowerToHyperService::new(api(&control).layer(from_fn(access::socket_door)));
            let Ok(answer) = made.get_or_init(make).call(request).await;
            answer
        }
    };
    axum::serve(listener, Router::new().fallback(first)).with_graceful_shutdown(shutdown.cancelled_owned()).await
}

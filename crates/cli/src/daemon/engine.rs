//! A gateway with everything that surrounds it in a process: guard, log files, stored catalog,
//! records. The daemon has one, and so has `connect` where there is no daemon.

use super::broken;
use super::keeper;
use super::lazy_guard::LazyGuard;
use super::result_cache;
use super::shelf;
use crate::audit::Auditor;
use crate::data_folder::DataFolder;
use crate::programs::Programs;
use crate::records::{Counted, RecordWriter};
use crate::report::Report;
use crate::state::{self, State};
use crate::store_files;
use crate::traces::{Exporter, Traces};
use config::{Config, Environment};
use control::metrics::Figures;
use control::{History, HistoryKeeper};
use gateway::server::Desired;
use gateway::{Gateway, Parts};
use std::sync::Arc;
use supervisor::{GuardProcess, LogWriter, LogWriterLimits};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// A running gateway.
pub(crate) struct Engine {
    pub(crate) gateway: Arc<Gateway>,
    pub(crate) logs: LogWriter,
    pub(crate) data: DataFolder,
    pub(crate) state: State,
    pub(crate) auditor: Auditor,
    /// What is counted of calls, for charts.
    pub(crate) history: Arc<History>,
    /// The same, for metrics.
    pub(crate) figures: Arc<Figures>,
    guard: LazyGuard,
    records: RecordWriter,
    /// Sends traces of calls.
    exporter: Exporter,
    /// Writes what is learnt of servers, and what people want of them.
    keeper: JoinHandle<()>,
    /// Ends the keeper.
    ended: CancellationToken,
}

impl Engine {
    /// Starts every server of `config`, unless nothing is to start by itself. The data folder exists, and `state` is of it.
    ///
    /// # Errors
    /// What the system refuses; state that cannot be read; a pattern of tools that is none.
    pub(crate) async fn start(
        (process, servers_start): (Option<GuardProcess>, bool),
        config: Config,
        (data, state): (DataFolder, State),
        environment: &Environment,
        builtins: builtins::Parts,
    ) -> Result<Self, Report> {
        let failed = |error: std::io::Error| Report::failed("the switchboard cannot be started").cause(error);
        let guard = LazyGuard::adopt(process).map_err(failed)?;
        // One guard for all, so that the end of the engine is the end of what servers inside run too.
        let builtins = builtins::Parts { spawner: Arc::new(Programs::of(guard.clone())), ..builtins };
        let limits = config.limits.clone();
        let file_bytes_max = limits.log_file_bytes_max as u64;
        let files_max = u32::try_from(limits.log_files_max).unwrap_or(u32::MAX);
        let logs = LogWriter::start(LogWriterLimits { file_bytes_max, files_max }).map_err(failed)?;
        let known = keeper::read(&state.local).await.map_err(|error| state::failed(&error))?;
        let auditor = Auditor::start(state.shared.clone());
        let inside = control::Inside::new(auditor.deeds());
        let cache = builtins.cache.clone();
        let parts = Parts {
            config: Arc::new(config),
            stored: known.stored.clone(),
            spawner: Arc::new(guard.clone()),
            process: Arc::new(environment.clone()),
            sealer: store_files::sealer(&data)?,
            vault: Some(crate::vault::open(&data)?),
            inside: crate::inside::inside(inside.clone(), builtins, environment),
            logs: Some((logs.clone(), data.logs())),
            desired: Desired { at_rest: !servers_start, ..known.desired.clone() },
            installs: Some(data.installed()),
            data: data.root.clone(),
            approved_tools: known.approved.clone(),
            cache: result_cache::of(&cache, &data),
        };
        let gateway = Gateway::start(parts).map_err(|error| {
            Report::usage(error.to_string()).hint("mend tools.allow or tools.deny: switchboard config check")
        })?;
        inside.attach(&gateway);
        gateway.keep_finds(Arc::new(shelf::Files::of(&data)));
        let (history, figures) = (History::new(state.local.clone()), Arc::<Figures>::default());
        let (traces, exporter) = Traces::start(gateway.clone(), figures.clone());
        let counted = Counted { history: HistoryKeeper::new(history.clone()), figures: figures.clone(), traces };
        let records = RecordWriter::start(gateway.clone(), state.shared.clone(), counted, Handle::current());
        let records = records.map_err(failed)?;
        let ended = CancellationToken::new();
        let keeper = tokio::spawn(keeper::keep(gateway.clone(), state.local.clone(), known, ended.clone()));
        // It ends with the keeper, and has nothing to write itself.
        tokio::spawn(broken::tell(gateway.clone(), auditor.deeds(), ended.clone()));
        Ok(Self { gateway, logs, data, state, auditor, history, figures, exporter, guard, records, keeper, ended })
    }

    /// Ends every server and writes what must last.
    pub(crate) async fn end(self) {
        self.gateway.stop().await;
        self.guard.close().await;
        self.ended.cancel();
        // One that panicked wrote what it could.
        let _ = self.keeper.await;
        self.auditor.finish().await;
        let (records, logs) = (self.records, self.logs);
        let flushing = tokio::task::spawn_blocking(move || {
            records.finish();
            logs.flush();
        });
        let _ = flushing.await;
        // The writer of records, which told it of calls, has ended.
        self.exporter.finish().await;
        self.state.close().await;
    }
}

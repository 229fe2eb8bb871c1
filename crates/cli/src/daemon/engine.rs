//! A gateway with everything that surrounds it in a process: guard, log files, stored catalog,
//! records. The daemon has one, and so has `connect` where there is no daemon.

use super::desired;
use super::lazy_guard::LazyGuard;
use crate::data_folder::DataFolder;
use crate::programs::Programs;
use crate::records::{RecordWriter, Sizes};
use crate::report::Report;
use crate::store_files;
use config::{Config, Environment};
use gateway::catalog::StoredCatalog;
use gateway::guards::{ApprovedTools, MemoryCache};
use gateway::{Gateway, Parts};
use std::sync::Arc;
use std::time::Duration;
use supervisor::{GuardProcess, LogWriter, LogWriterLimits};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// How long the catalog must have been changed before it is written: changes come in bursts.
const CATALOG_PAUSE: Duration = Duration::from_millis(200);

/// A running gateway.
pub(crate) struct Engine {
    pub(crate) gateway: Arc<Gateway>,
    pub(crate) logs: LogWriter,
    pub(crate) data: DataFolder,
    guard: LazyGuard,
    records: RecordWriter,
    /// Write the catalog, and what people want of servers.
    keepers: [JoinHandle<()>; 2],
    /// Ends the keepers.
    ended: CancellationToken,
}

impl Engine {
    /// Starts every server of `config`. The data folder exists.
    ///
    /// # Errors
    /// What the system refuses; a pattern of tools that is none.
    pub(crate) fn start(
        process: Option<GuardProcess>,
        config: Config,
        data: DataFolder,
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
        let stored = store_files::read_catalog(&data);
        let inside = control::Inside::default();
        let wanted = desired::read(&data);
        let approved = store_files::read_approved_tools(&data);
        let parts = Parts {
            config: Arc::new(config),
            stored: stored.clone(),
            spawner: Arc::new(guard.clone()),
            process: Arc::new(environment.clone()),
            sealer: store_files::sealer(&data)?,
            vault: Some(crate::vault::open(&data)?),
            inside: crate::inside::inside(inside.clone(), builtins, environment),
            logs: Some((logs.clone(), data.logs())),
            desired: wanted.clone(),
            installs: Some(data.installed()),
            data: data.root.clone(),
            approved_tools: approved.clone(),
            cache: Arc::new(MemoryCache::default()),
        };
        let gateway = Gateway::start(parts).map_err(|error| {
            Report::usage(error.to_string()).hint("mend tools.allow or tools.deny: switchboard config check")
        })?;
        inside.attach(&gateway);
        let sizes = Sizes { file_bytes_max, files_max };
        let calls = data.logs().join("calls.jsonl");
        let records = RecordWriter::start(gateway.records.clone(), calls, sizes, Handle::current()).map_err(failed)?;
        let ended = CancellationToken::new();
        let keepers = [
            tokio::spawn(keep(gateway.clone(), data.clone(), (stored, approved), ended.clone())),
            tokio::spawn(desired::keep(gateway.clone(), data.clone(), wanted, ended.clone())),
        ];
        Ok(Self { gateway, logs, data, guard, records, keepers, ended })
    }

    /// Ends every server and writes what must last.
    pub(crate) async fn end(self) {
        self.gateway.stop().await;
        self.guard.close().await;
        self.ended.cancel();
        for keeper in self.keepers {
            // One that panicked wrote what it could.
            let _ = keeper.await;
        }
        let (records, logs) = (self.records, self.logs);
        let flushing = tokio::task::spawn_blocking(move || {
            records.finish();
            logs.flush();
        });
        let _ = flushing.await;
    }
}

/// Writes the catalog and what is approved a little after they differ from what is on disk
/// (`written`), and at the end.
async fn keep(
    gateway: Arc<Gateway>,
    data: DataFolder,
    mut written: (StoredCatalog, ApprovedTools),
    ended: CancellationToken,
) {
    let (_, mut changed) = gateway.stored();
    // A server may have been listed before this task had its first turn.
    changed.mark_changed();
    loop {
        let mut last = tokio::select! {
            () = ended.cancelled() => true,
            told = changed.changed() => told.is_err(),
        };
        if !last {
            tokio::select! {
                () = ended.cancelled() => last = true,
                () = tokio::time::sleep(CATALOG_PAUSE) => {}
            }
        }
        let (now, receiver) = gateway.stored();
        changed = receiver;
        // A disk that fails is reported where it is written to.
        if now != written.0 {
            let (data, catalog) = (data.clone(), now.clone());
            let _ = tokio::task::spawn_blocking(move || store_files::write_catalog(&data, &catalog)).await;
            written.0 = now;
        }
        let approved = gateway.approved_tools();
        if approved != written.1 {
            let (data, now) = (data.clone(), approved.clone());
            let _ = tokio::task::spawn_blocking(move || store_files::write_approved_tools(&data, &now)).await;
            written.1 = approved;
        }
        if last {
            return;
        }
    }
}

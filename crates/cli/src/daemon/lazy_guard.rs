//! The guard process, started when it is needed: before the runtime where the configuration runs
//! a local program, else with the first program that a reload brings. Who only reaches remote
//! servers pays no memory for it.

use crate::report::Report;
use config::Config;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use supervisor::{Guard, GuardProcess, SpawnError, SpawnRequest, Spawned, Spawner};

/// A guard, or the promise of one.
#[derive(Debug, Clone, Default)]
pub(crate) struct LazyGuard(Arc<Mutex<Option<Guard>>>);

/// Starts the guard process where `config` runs a local program. To be called before there are
/// threads.
///
/// # Errors
/// When the system refuses.
pub(crate) fn launch(config: &Config) -> Result<Option<GuardProcess>, Report> {
    let local = |server: &config::Server| server.is_active() && server.runs().is_some();
    let of_services = config.services.values().any(runs_here);
    if !of_services && !config.servers.values().any(local) {
        return Ok(None);
    }
    let failed = |error| Report::failed("the guard process cannot be started").cause(error);
    std::env::current_exe().and_then(|exe| GuardProcess::launch(&exe)).map(Some).map_err(failed)
}

/// Whether a program of this machine runs for a service.
fn runs_here(service: &config::Service) -> bool {
    let checked = matches!(service.ready.check, Some(config::Check::Command(_)));
    checked || matches!(service.kind, config::ServiceKind::Command { .. })
}

impl LazyGuard {
    /// Takes over a process that was launched before the runtime.
    ///
    /// # Errors
    /// The runtime refuses its socket.
    pub(crate) fn adopt(process: Option<GuardProcess>) -> std::io::Result<Self> {
        let guard = process.map(Guard::adopt).transpose()?;
        Ok(Self(Arc::new(Mutex::new(guard))))
    }

    fn guard(&self) -> std::io::Result<Guard> {
        let mut guard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &*guard {
            Some(guard) => Ok(guard.clone()),
            None => {
                let started = Guard::start(&std::env::current_exe()?)?;
                Ok(guard.insert(started).clone())
            }
        }
    }

    /// Kills every process and ends the guard, if there is one.
    pub(crate) async fn close(&self) {
        let guard = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(guard) = guard {
            guard.close().await;
        }
    }
}

impl Spawner for LazyGuard {
    fn spawn(&self, request: SpawnRequest) -> Pin<Box<dyn Future<Output = Result<Spawned, SpawnError>> + Send + '_>> {
        Box::pin(async move {
            let guard = self.guard().map_err(|error| SpawnError::NoGuard { reason: error.to_string() })?;
            guard.spawn(request).await
        })
    }
}

//! What has to be measured while somebody looks: memory and processor time of servers and of the
//! switchboard, the disk, the cache. Measured apart from those who serve calls, seldom, and shown anew
//! only when it has moved by a step: a machine at rest is told of once.

use super::differ::Steady;
use super::process::Process;
use crate::Parts;
use crate::routes::servers::{Measured, measure};
use serde::Serialize;
use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use store::cache::{Backend, Info};
use supervisor::Usage;
use tokio::time::timeout;

/// How far memory moves before it is told of, in bytes.
const MEMORY_STEP: f64 = 1024.0 * 1024.0;
/// How far a share of a processor moves, in percent of one core.
const CPU_STEP: f64 = 1.0;
/// How far the disk fills, as a part of it.
const DISK_STEP: f64 = 0.01;
/// How long the cache may take to say how it is.
const CACHE_WAIT: Duration = Duration::from_secs(1);

/// Room on the disk of the data folder, in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Disk {
    pub(crate) free_bytes: u64,
    pub(crate) total_bytes: u64,
}

/// The cache of the servers inside, in words and numbers.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct CacheState {
    pub(crate) is_redis: bool,
    pub(crate) connected: bool,
    pub(crate) entries: u64,
    pub(crate) memory_bytes: Option<u64>,
}

/// One look.
#[derive(Debug)]
pub(crate) struct Look {
    servers: HashMap<Arc<str>, Measured>,
    /// Results that are kept of servers that keep any.
    kept: HashMap<Arc<str>, usize>,
    process: Process,
    memory_bytes: Option<u64>,
    cpu_percent: Option<f64>,
    disk: Option<Disk>,
    cache: CacheState,
}

/// What is shown of all looks so far.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    servers: BTreeMap<Arc<str>, OfServer>,
    process: Option<Process>,
    memory: Steady,
    cpu: Steady,
    free: Steady,
    total_bytes: u64,
    cache_memory: Steady,
    cache: CacheState,
}

#[derive(Debug, Default)]
struct OfServer {
    memory: Steady,
    cpu: Steady,
    processes: usize,
    drift: Option<String>,
    kept: usize,
}

/// Measures everything once.
pub(crate) async fn look(parts: Arc<Parts>, mut process: Process) -> Look {
    let snapshot = Arc::clone(&parts.gateway.snapshot());
    let mut kept = HashMap::new();
    for (name, server) in snapshot.servers.iter().filter(|(_, server)| server.guards.hits().is_some()) {
        if let Some(figures) = parts.gateway.cache_figures(server).await {
            kept.insert(name.clone(), figures.entries);
        }
    }
    let cache = cache(timeout(CACHE_WAIT, parts.cache.info()).await.ok().and_then(Result::ok), parts.cache.backend());
    let data = parts.data.clone();
    let measuring = tokio::task::spawn_blocking(move || {
        let used = process.sample();
        let servers = snapshot.servers.iter().map(|(name, server)| (name.clone(), measure(server))).collect();
        (servers, used, disk(&data), process)
    });
    let (servers, used, disk, process) = measuring.await.unwrap_or_default();
    let (memory_bytes, cpu_percent) = (used.map(|used| used.memory_bytes), used.map(|used| used.cpu_percent));
    Look { servers, kept, process, memory_bytes, cpu_percent, disk, cache }
}

fn disk(data: &Path) -> Option<Disk> {
    let stat = rustix::fs::statvfs(data).ok()?;
    Some(Disk { free_bytes: stat.f_bavail * stat.f_frsize, total_bytes: stat.f_blocks * stat.f_frsize })
}

fn cache(info: Option<Info>, backend: Backend) -> CacheState {
    let memory_bytes = info.as_ref().map(|info| info.used_memory_bytes);
    CacheState {
        is_redis: backend == Backend::Redis,
        connected: info.is_some(),
        entries: info.map_or(0, |info| info.keys),
        memory_bytes,
    }
}

// === impl Figures ===

impl Figures {
    /// What is remembered for the next look.
    pub(crate) fn process(&mut self) -> Process {
        self.process.take().unwrap_or_default()
    }

    /// Takes a look into what is shown; gives the servers that are to be shown anew, and whether anything
    /// else is.
    pub(crate) fn take(&mut self, look: Look) -> (Vec<Arc<str>>, bool) {
        self.process = Some(look.process);
        self.servers.retain(|name, _| look.servers.contains_key(name));
        let mut moved = Vec::new();
        for (name, measured) in look.servers {
            let kept = look.kept.get(&name).copied().unwrap_or_default();
            if self.servers.entry(name.clone()).or_default().take(measured, kept) {
                moved.push(name);
            }
        }
        let shown =
            |figures: &Self| (figures.memory.now(), figures.cpu.now(), figures.free.now(), figures.cache.clone());
        let before = shown(self);
        self.memory.shown(look.memory_bytes.map(|bytes| bytes as f64), MEMORY_STEP);
        self.cpu.shown(look.cpu_percent, CPU_STEP);
        self.total_bytes = look.disk.map_or(0, |disk| disk.total_bytes);
        self.free.shown(look.disk.map(|disk| disk.free_bytes as f64), self.total_bytes as f64 * DISK_STEP);
        let memory = self.cache_memory.shown(look.cache.memory_bytes.map(|bytes| bytes as f64), MEMORY_STEP);
        self.cache = CacheState { memory_bytes: memory.map(|bytes| bytes as u64), ..look.cache };
        (moved, shown(self) != before)
    }

    /// What is shown of a server.
    pub(crate) fn of(&self, name: &str) -> Measured {
        let Some(server) = self.servers.get(name) else { return Measured::default() };
        let usage = server.memory.now().map(|memory| Usage {
            memory_bytes: memory as u64,
            cpu_percent: server.cpu.now().unwrap_or_default(),
            processes: server.processes,
        });
        Measured { usage, drift: server.drift.clone() }
    }

    /// How many results are kept of a server.
    pub(crate) fn kept(&self, name: &str) -> usize {
        self.servers.get(name).map_or(0, |server| server.kept)
    }

    pub(crate) fn memory_bytes(&self) -> Option<u64> {
        self.memory.now().map(|bytes| bytes as u64)
    }

    pub(crate) fn cpu_percent(&self) -> Option<f64> {
        self.cpu.now()
    }

    pub(crate) fn disk(&self) -> Option<Disk> {
        let free_bytes = self.free.now()? as u64;
        Some(Disk { free_bytes, total_bytes: self.total_bytes })
    }

    pub(crate) fn cache(&self) -> &CacheState {
        &self.cache
    }
}

// === impl OfServer ===

impl OfServer {
    /// Whether it is to be shown anew.
    fn take(&mut self, measured: Measured, kept: usize) -> bool {
        let shown = |server: &Self| (server.memory.now(), server.cpu.now(), server.processes, server.kept);
        let (before, drift) = (shown(self), std::mem::replace(&mut self.drift, measured.drift));
        self.memory.shown(measured.usage.map(|usage| usage.memory_bytes as f64), MEMORY_STEP);
        self.cpu.shown(measured.usage.map(|usage| usage.cpu_percent), CPU_STEP);
        self.processes = measured.usage.map_or(0, |usage| usage.processes);
        self.kept = kept;
        shown(self) != before || self.drift != drift
    }
}

//! Instances of a server beside its first one: processes of their own with `isolation`, and
//! sessions with a legacy HTTP server, which is told once per session what it may ask
//! (protocol.md sections 2.1 and 2.2, row 24).
//!
//! An instance is opened by the first call that needs it and ends when nobody has used it for
//! long. Lists and subscriptions stay with the first one, and so does the decision to restart.

use super::start::{Child, Failed, Live, connect, options};
use super::{Core, Environment};
use crate::asking::Kinds;
use crate::upstream::{ConnectOptions, Connection, UpstreamEvent};
use config::Isolation;
use protocol::{CallContext, Era, Error, ErrorKind};
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;
use tokio::sync::{OnceCell, mpsc};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// The instances of one run of a server.
pub(super) struct Pool {
    server: Weak<Core>,
    entry: Arc<config::Server>,
    environment: Environment,
    options: ConnectOptions,
    events: mpsc::Sender<UpstreamEvent>,
    /// Whether each set of kinds has a session of its own: a legacy server behind HTTP.
    by_kinds: bool,
    born: Instant,
    open: Mutex<HashMap<Key, Arc<Instance>>>,
    ended: CancellationToken,
    /// What opens instances, and what leads them to their end.
    tasks: TaskTracker,
}

/// Who uses an instance, and what it was told that it may ask.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    who: Option<Arc<str>>,
    kinds: Kinds,
}

struct Instance {
    live: OnceCell<Live>,
    used_ms: AtomicU64,
    ended: CancellationToken,
}

impl Pool {
    /// The pool of a server whose first instance is `first`, when it can have any other.
    pub(super) fn new(
        server: &Arc<Core>,
        entry: &Arc<config::Server>,
        environment: &Environment,
        first: &Connection,
        events: mpsc::Sender<UpstreamEvent>,
    ) -> Option<Arc<Self>> {
        let legacy = first.handshake().era == Era::Legacy;
        let by_kinds = legacy && first.is_http();
        // A modern server behind HTTP keeps nothing between requests that could be kept apart.
        let apart = entry.isolation != Isolation::Shared && (legacy || !first.is_http());
        (by_kinds || apart).then(|| {
            Arc::new(Self {
                server: Arc::downgrade(server),
                entry: entry.clone(),
                environment: environment.clone(),
                options: ConnectOptions {
                    sign_in: server.sign_in.clone(),
                    beside: true,
                    ..options(entry, &server.name, environment, Some(first.handshake().era))
                },
                events,
                by_kinds,
                born: Instant::now(),
                open: Mutex::default(),
                ended: CancellationToken::new(),
                tasks: TaskTracker::new(),
            })
        })
    }

    pub(super) fn len(&self) -> usize {
        self.lock().len()
    }

    /// The instance for this caller, when it is there already.
    pub(super) fn ready(&self, first: &Arc<Connection>, context: &CallContext) -> Option<Arc<Connection>> {
        let key = self.key(context);
        if key.who.is_none() && key.kinds == Kinds::ALL {
            return Some(first.clone());
        }
        let open = self.lock();
        let instance = open.get(&key).filter(|instance| !instance.is_over())?;
        let live = instance.live.get()?;
        instance.use_at(self.born);
        Some(live.link.clone())
    }

    /// The instance for this caller; `first` when it needs none of its own.
    ///
    /// # Errors
    /// Why it could not be opened.
    pub(super) async fn instance(
        pool: &Arc<Self>,
        first: Arc<Connection>,
        context: &CallContext,
    ) -> Result<Arc<Connection>, Error> {
        let key = pool.key(context);
        if key.who.is_none() && key.kinds == Kinds::ALL {
            return Ok(first);
        }
        let instance = pool.place(&key)?;
        instance.use_at(pool.born);
        let opened = instance.live.get_or_try_init(|| Self::open(pool, &key, &instance)).await;
        match opened {
            Ok(live) => Ok(live.link.clone()),
            Err(reason) => {
                pool.remove(&key, &instance);
                if key.who.is_none() {
                    // A server that has one session only serves everybody on that.
                    tracing::debug!(server = %pool.entry.name, reason, "no session of its own: {reason}");
                    return Ok(first);
                }
                let name = &pool.entry.name;
                let message = format!("no instance of the server `{name}` could be started for this client: {reason}");
                Err(Error::new(ErrorKind::UpstreamDown, message).hint(format!("see its log: switchboard logs {name}")))
            }
        }
    }

    fn key(&self, context: &CallContext) -> Key {
        let principal = || Some(context.principal.as_str().into());
        let who = match self.entry.isolation {
            Isolation::Shared => None,
            Isolation::Principal => principal(),
            Isolation::Session => context.session.clone().or_else(principal),
        };
        let kinds = if self.by_kinds { Kinds::declared(&context.client) } else { Kinds::ALL };
        Key { who, kinds }
    }

    /// The instance of `key`, opened or not; the one idle longest makes room.
    fn place(&self, key: &Key) -> Result<Arc<Instance>, Error> {
        let mut open = self.lock();
        if let Some(found) = open.get(key).filter(|found| !found.is_over()) {
            return Ok(found.clone());
        }
        let most = self.environment.limits.instances_max;
        if open.len() >= most && !open.contains_key(key) {
            let idle = open.iter().filter(|(_, instance)| instance.is_idle());
            let idlest = idle.min_by_key(|(_, instance)| instance.used_ms.load(Ordering::Relaxed));
            let Some(idlest) = idlest.map(|(key, _)| key.clone()) else {
                let message = format!("{most} instances of the server are in use (limit `instances_max`)");
                return Err(Error::new(ErrorKind::Overloaded, message)
                    .hint("raise limits.instances_max, or use isolation = \"principal\" or \"shared\""));
            };
            if let Some(idlest) = open.remove(&idlest) {
                idlest.ended.cancel();
            }
        }
        let instance =
            Arc::new(Instance { live: OnceCell::new(), used_ms: AtomicU64::new(0), ended: self.ended.child_token() });
        open.insert(key.clone(), instance.clone());
        Ok(instance)
    }

    async fn open(pool: &Arc<Self>, key: &Key, instance: &Arc<Instance>) -> Result<Live, String> {
        let server = pool.server.upgrade().ok_or("the server is gone")?;
        let options = ConnectOptions { kinds: key.kinds, ..pool.options.clone() };
        let child = Child::default();
        // Whoever ends the server waits for this, too.
        let open = pool.tasks.token();
        let opening = connect(&server, &pool.entry, &pool.environment, &options, &pool.events, &child);
        // Its time begins when it has its turn.
        let opening = Box::pin(async { timeout(pool.entry.startup_timeout, opening).await });
        let opened = tokio::select! {
            biased;
            () = instance.ended.cancelled() => Err("the server is being ended".to_owned()),
            opened = pool.environment.in_turn(&pool.entry, opening) => match opened {
                Ok(Ok(live)) => Ok(live),
                Ok(Err(Failed::Down(down))) => Err(down.reason),
                Ok(Err(Failed::Probe)) => Err("it ended when it was asked for its era".to_owned()),
                Err(_) => Err(format!("not ready within {} s", pool.entry.startup_timeout.as_secs_f32())),
            },
        };
        let live = match opened {
            Ok(live) => live,
            Err(reason) => {
                child.end(pool.entry.stop_timeout).await;
                return Err(reason);
            }
        };
        live.link.set_mirrored(super::start::mirrored(&server.catalog()));
        pool.tasks.spawn(watch(Arc::downgrade(pool), key.clone(), instance.clone(), live.clone()));
        drop(open);
        Ok(live)
    }

    fn remove(&self, key: &Key, instance: &Arc<Instance>) {
        let mut open = self.lock();
        if open.get(key).is_some_and(|found| Arc::ptr_eq(found, instance)) {
            open.remove(key);
        }
    }

    fn idle_max(&self) -> Duration {
        self.environment.limits.session_idle_timeout
    }

    /// Ends every instance; their calls fail.
    pub(super) fn end(&self) {
        self.ended.cancel();
    }

    /// Waits until nothing of any instance is left, once they are ended.
    pub(super) async fn gone(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Arc<Instance>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Pool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pool").field("instances", &self.len()).finish_non_exhaustive()
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.end();
    }
}

/// Ends the instance when it is told to, has ended by itself, or was idle for long.
async fn watch(pool: Weak<Pool>, key: Key, instance: Arc<Instance>, live: Live) {
    let exited = async {
        match &live.process {
            Some(process) => {
                process.wait().await;
            }
            None => std::future::pending().await,
        }
    };
    let idle = async {
        while let Some((born, idle_max)) = pool.upgrade().map(|pool| (pool.born, pool.idle_max())) {
            let due = born + Duration::from_millis(instance.used_ms.load(Ordering::Relaxed)) + idle_max;
            if due > Instant::now() {
                sleep_until(due).await;
            } else if live.link.in_flight() > 0 {
                instance.use_at(born);
            } else {
                return;
            }
        }
    };
    tokio::select! {
        () = exited => {}
        () = live.link.closed() => {}
        () = instance.ended.cancelled() => {}
        () = idle => {}
    }
    let stop_timeout = pool.upgrade().map_or(Duration::ZERO, |pool| {
        pool.remove(&key, &instance);
        pool.entry.stop_timeout
    });
    instance.ended.cancel();
    live.end(stop_timeout).await;
}

impl Instance {
    fn use_at(&self, born: Instant) {
        self.used_ms.store(u64::try_from(born.elapsed().as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    fn is_over(&self) -> bool {
        self.ended.is_cancelled() || self.live.get().is_some_and(|live| live.link.is_closed())
    }

    /// Whether nobody uses it. One that was never opened is left over when nobody but the table has
    /// it: whoever opened it went away meanwhile.
    fn is_idle(self: &Arc<Self>) -> bool {
        match self.live.get() {
            Some(live) => live.link.in_flight() == 0,
            None => Arc::strong_count(self) == 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_went_on_opening_makes_room() {
        let (live, ended) = (OnceCell::new(), CancellationToken::new());
        let instance = Arc::new(Instance { live, used_ms: AtomicU64::new(0), ended });
        let opening = instance.clone();
        assert!(!instance.is_idle(), "somebody waits for it");
        drop(opening);
        assert!(instance.is_idle());
    }
}

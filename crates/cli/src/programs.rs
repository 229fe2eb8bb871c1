//! Programs that servers inside run, started by the guard like every other child: nothing of them
//! outlives the switchboard. What is run was judged before; this only passes it on.

use builtins::{Exit, Limits, Order, Process, Running, SpawnRefused};
use std::pin::Pin;
use std::sync::Arc;
use supervisor::{ExitHow, ProcessHandle, ProcessLimits, SpawnRequest, Spawned, Spawner};

type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The guard as servers inside see it.
pub(crate) struct Programs(Arc<dyn Spawner>);

/// One program that the guard started.
struct Program(ProcessHandle);

// === impl Programs ===

impl Programs {
    pub(crate) fn of(spawner: impl Spawner + 'static) -> Self {
        Self(Arc::new(spawner))
    }
}

impl builtins::Spawner for Programs {
    fn spawn(&self, order: Order) -> Boxed<'_, Result<Running, SpawnRefused>> {
        Box::pin(async move {
            let Limits { memory_bytes, cpu_percent, processes, open_files } = order.limits;
            let request = SpawnRequest {
                program: order.program.display().to_string(),
                args: order.args,
                env: order.env,
                cwd: Some(order.cwd),
                limits: ProcessLimits { memory_bytes, cpu_percent, processes, open_files },
            };
            let spawned = self.0.spawn(request).await;
            let refused =
                |error: supervisor::SpawnError| SpawnRefused { message: error.to_string(), next: error.hint() };
            // Its stdin is closed with this: nobody types.
            let Spawned { stdout, stderr, handle, .. } = spawned.map_err(refused)?;
            Ok(Running { stdout: Box::new(stdout), stderr: Box::new(stderr), process: Box::new(Program(handle)) })
        })
    }
}

// === impl Program ===

impl Process for Program {
    fn wait(&self) -> Boxed<'_, Exit> {
        Box::pin(async move {
            let report = self.0.wait().await;
            match report.how {
                _ if report.out_of_memory.is_some() => Exit::Ended("went over its memory limit".to_owned()),
                ExitHow::Code(code) => Exit::Code(code),
                ExitHow::Signal(signal) => Exit::Signal(signal),
                _ => Exit::Ended(format!("was {report}")),
            }
        })
    }

    fn terminate(&self) -> Boxed<'_, ()> {
        Box::pin(self.0.terminate())
    }

    fn kill(&self) -> Boxed<'_, ()> {
        Box::pin(self.0.kill())
    }
}

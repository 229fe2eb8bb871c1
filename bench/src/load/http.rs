//! The HTTP run: C connections, each with one call in flight, for a fixed time.

use crate::connection::{Connection, Target};
use crate::plan::{Op, Plan, find_tool};
use crate::stats::{Stats, Window};
use bench::{Failure, Flags};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Barrier;
use tokio::task::JoinSet;
use tokio::time::timeout;

/// Failures in a row after which a connection gives up.
const MAX_FAILURES: u32 = 10;
/// How long after the window a call may still take before it counts as lost.
const GRACE: Duration = Duration::from_secs(20);

/// Runs the load that the flags describe.
pub(crate) async fn run(flags: &Flags) -> Result<Value, Failure> {
    let target = Target::new(flags)?;
    let conns: usize = flags.number("conns", 1)?;
    let (warmup, seconds) = (flags.number("warmup", 0.3)?, flags.number("secs", 2.0)?);
    let tool = timeout(GRACE, tool(flags, &target)).await.map_err(|_| "no tools/list in time")??;
    let plan = Arc::new(Plan::new(flags, tool)?);
    let limit = Duration::from_secs_f64(warmup + seconds) + GRACE;
    let barrier = Arc::new(Barrier::new(conns));
    let mut workers = JoinSet::new();
    for _ in 0..conns {
        let (target, plan, barrier) = (target.clone(), Arc::clone(&plan), Arc::clone(&barrier));
        workers.spawn(async move {
            let opened = timeout(GRACE, Connection::open(&target)).await;
            let opened = opened.unwrap_or_else(|_| Err("the connection did not open".into()));
            // All start together, so that no connection calls while another still opens.
            barrier.wait().await;
            let window = Window::after(warmup, seconds);
            let mut stats = Stats::new()?;
            let mut worker = Worker { target, plan, window, stats: &mut stats };
            if timeout(limit, worker.drive(opened)).await.is_err() {
                stats.failed("a call never ended");
            }
            Ok::<_, Failure>((stats, window))
        });
    }
    let (mut all, mut window) = (Stats::new()?, Window::after(warmup, seconds));
    while let Some(ended) = workers.join_next().await {
        let (stats, its) = ended??;
        all.add(&stats)?;
        window = its;
    }
    let mut report = all.report(&window);
    report["conns"] = json!(conns);
    report["tool"] = json!(plan.tool);
    Ok(report)
}

/// The tool to call: the one that was named, or the first that fits the operation.
async fn tool(flags: &Flags, target: &Target) -> Result<String, Failure> {
    let op = Plan::op(flags)?;
    match (op, flags.text("tool")) {
        (Op::List, _) => Ok(String::new()),
        (_, Some(named)) => Ok(named.to_owned()),
        _ => {
            let names = Connection::open(target).await?.tools().await?;
            let found = find_tool(&names, op.tool());
            found.ok_or_else(|| format!("none of {} tools is {}", names.len(), op.tool()).into())
        }
    }
}

struct Worker<'a> {
    target: Target,
    plan: Arc<Plan>,
    window: Window,
    stats: &'a mut Stats,
}

impl Worker<'_> {
    async fn drive(&mut self, first: Result<Connection, Failure>) {
        let mut next = Some(first);
        for _ in 0..MAX_FAILURES {
            let opened = match next.take() {
                Some(opened) => opened,
                None => Connection::open(&self.target).await,
            };
            let ended = match opened {
                Ok(connection) => self.call_until_over(connection).await,
                Err(why) => Err(why),
            };
            match ended {
                Ok(()) => return,
                Err(why) => self.stats.failed(&why.to_string()),
            }
        }
    }

    async fn call_until_over(&mut self, mut connection: Connection) -> Result<(), Failure> {
        let mut whole = true;
        loop {
            let started = Instant::now();
            if self.window.is_over(started) {
                return Ok(());
            }
            connection.call(&self.plan, whole).await?;
            self.stats.succeeded(&self.window, started);
            whole = false;
        }
    }
}

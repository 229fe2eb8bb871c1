//! The engine on real stores: several at once on one, cut off, damaged, with clocks that jump.

use super::{Goals, Trouble};
use crate::goals::model::{
    Act, ClaimFilter, Command, EdgeKind, Finish, LEASE_GRACE_MS, NewGoal, NewTask, RefusalKind, State, StatusChange,
    TaskStatus, view,
};
use futures_util::future::join_all;
use secrecy::SecretString;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use store::{Clock, Error, Moment, Options, Place, Store};
use tempfile::TempDir;

/// A clock that a test moves.
#[derive(Debug)]
struct Hand {
    wall: AtomicI64,
    up: AtomicI64,
}

impl Clock for Hand {
    fn read(&self) -> Moment {
        let (wall_ms, up_ms) = (self.wall.load(Ordering::SeqCst), self.up.load(Ordering::SeqCst));
        Moment { wall_ms, up_ms, boot: Arc::from("boot") }
    }
}

/// A database of a test's own.
pub(super) struct Base {
    pub(super) place: Place,
    _folder: TempDir,
}

impl Base {
    pub(super) fn file() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { place: Place::File(folder.path().join("state.db")), _folder: folder }
    }

    pub(super) async fn postgres() -> Option<Self> {
        let server = std::env::var("SWITCHBOARD_TEST_POSTGRES").ok()?;
        let folder = tempfile::tempdir().unwrap();
        let unique = folder.path().file_name().unwrap().to_string_lossy().replace(['.', '-'], "_").to_lowercase();
        let name = format!("g{}_{unique}", std::process::id());
        let mut connection = PgConnection::connect(&server).await.unwrap();
        sqlx::raw_sql(AssertSqlSafe(format!("CREATE DATABASE {name}"))).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
        let (address, _) = server.rsplit_once('/').unwrap();
        Some(Self { place: Place::Url(SecretString::from(format!("{address}/{name}"))), _folder: folder })
    }

    async fn store(&self) -> Store {
        Store::open(self.place.clone(), Options::default()).await.unwrap()
    }

    pub(super) async fn goals(&self) -> Goals {
        Goals::new(self.store().await)
    }
}

async fn on_each<F: Future<Output = ()>>(test: impl Fn(Base) -> F) {
    test(Base::file()).await;
    match Base::postgres().await {
        Some(base) => test(base).await,
        None => eprintln!("skipped: PostgreSQL: SWITCHBOARD_TEST_POSTGRES is not set"),
    }
}

async fn ok(goals: &Goals, command: Command) -> Value {
    write(goals, command).await.unwrap()
}

/// Asks until it is its turn: where many wait for one file, some are told to ask again, and nothing
/// happened.
async fn write(goals: &Goals, command: Command) -> Result<Value, Trouble> {
    loop {
        match goals.write("tester", command.clone(), None).await {
            Err(Trouble::Store(Error::Busy { .. })) => {}
            answer => return answer,
        }
    }
}

fn goal() -> Command {
    Command::CreateGoal(Box::new(NewGoal { description: "g".into(), ..NewGoal::default() }))
}

fn tasks(goal: &str, count: usize) -> Command {
    let tasks = (0..count).map(|at| NewTask { description: format!("task {at}"), ..NewTask::default() }).collect();
    Command::BreakDown { goal: goal.into(), tasks, expected_version: None }
}

fn claim(holder: &str, lease_ms: i64) -> Command {
    Command::Claim(ClaimFilter { holder: holder.into(), lease_ms, ..ClaimFilter::default() })
}

fn finish(task: &str, token: u64, act: Act) -> Command {
    Command::Finish(Finish {
        task: task.into(),
        token,
        act,
        result: None,
        progress: None,
        checks_passed: Vec::new(),
        override_reason: None,
    })
}

fn link(from: u64, to: u64) -> Command {
    Command::Link {
        from: format!("TASK-{from:04}"),
        to: format!("TASK-{to:04}"),
        kind: EdgeKind::Blocks,
        remove: false,
    }
}

async fn rows(goals: &Goals) -> crate::goals::model::Rows {
    goals.read(|state| Ok(state.rows())).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_answered_is_there_for_the_next_process() {
    on_each(|base| async move {
        let first = base.goals().await;
        ok(&first, goal()).await;
        ok(&first, tasks("GOAL-0001", 3)).await;
        ok(&first, link(1, 2)).await;
        let token = ok(&first, claim("a", 60_000)).await["token"].as_u64().unwrap();
        let second = base.goals().await;
        assert_eq!(rows(&second).await, rows(&first).await);
        // Each sees what the other did, and numbers go on.
        ok(&second, finish("TASK-0001", token, Act::Complete)).await;
        ok(&first, goal()).await;
        let state = rows(&second).await;
        assert_eq!((state.goals.len(), state.counters.task, state.claims.len()), (2, 3, 0));
        assert_eq!(rows(&first).await, state);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn g_06_the_tables_are_what_the_log_says() {
    on_each(|base| async move {
        let goals = base.goals().await;
        ok(&goals, goal()).await;
        ok(&goals, tasks("GOAL-0001", 20)).await;
        for (from, to) in [(1, 2), (2, 3), (1, 3), (5, 4)] {
            ok(&goals, link(from, to)).await;
        }
        assert!(goals.write("tester", link(3, 1), None).await.is_err());
        for _ in 0..4 {
            ok(&goals, claim("a", 60_000)).await;
        }
        ok(&goals, finish("TASK-0001", 1, Act::Complete)).await;
        let delete =
            Command::DeleteTask { task: "TASK-0020".into(), dependents: Default::default(), expected_version: None };
        ok(&goals, delete).await;
        let loaded = rows(&base.goals().await).await;
        let replayed = goals.at(i64::try_from(loaded.seq).unwrap()).await.unwrap();
        assert_eq!(replayed.rows(), loaded);
        assert_eq!(
            serde_json::to_string(&replayed.rows().tasks).unwrap(),
            serde_json::to_string(&loaded.tasks).unwrap()
        );
        // Tables that lost rows are read from the log, and made anew by the next write.
        let gone = store::goals::Gone::Goal(loaded.goals[0].id.clone());
        let store = base.store().await;
        let gone = Arc::new(vec![gone]);
        store
            .write::<_, Error, _>("test", move |tx| {
                let gone = gone.to_vec();
                Box::pin(async move { store::goals::write(tx, 0, gone, Vec::new()).await })
            })
            .await
            .unwrap();
        let other = base.goals().await;
        assert_eq!(rows(&other).await, loaded);
        ok(&other, goal()).await;
        assert_eq!(rows(&base.goals().await).await.goals.len(), 2);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_key_is_the_same_answer_and_one_effect() {
    on_each(|base| async move {
        let goals = base.goals().await;
        let key = || Some("k1".to_owned());
        let first = goals.write("tester", goal(), key()).await.unwrap();
        let again = join_all((0..8).map(|_| goals.write("tester", goal(), key()))).await;
        assert!(again.iter().all(|answer| answer.as_ref() == Ok(&first)), "{again:?}");
        let other = base.goals().await;
        assert_eq!(other.write("tester", goal(), key()).await, Ok(first));
        let differs = Command::CreateGoal(Box::new(NewGoal { description: "other".into(), ..NewGoal::default() }));
        let Err(Trouble::Refused(refusal)) = other.write("tester", differs.clone(), key()).await else {
            panic!("not refused")
        };
        assert_eq!(refusal.kind, RefusalKind::Conflict);
        // Keys are each caller's own.
        assert!(other.write("somebody else", differs, key()).await.is_ok());
        assert_eq!(rows(&goals).await.goals.len(), 2);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn g_04_opposite_edges_at_once_never_make_a_circle() {
    on_each(|base| async move {
        let goals = [base.goals().await, base.goals().await];
        ok(&goals[0], goal()).await;
        ok(&goals[0], tasks("GOAL-0001", 10)).await;
        for pair in 0..5_u64 {
            let (one, other) = (pair * 2 + 1, pair * 2 + 2);
            let both =
                tokio::join!(goals[0].write("a", link(one, other), None), goals[1].write("b", link(other, one), None));
            assert!(both.0.is_ok() != both.1.is_ok(), "{both:?}");
        }
        let state = State::load(rows(&goals[1]).await, 0);
        assert!(state.is_ok());
    })
    .await;
}

/// How many agents, and tasks; the lab says more.
fn crowd() -> (usize, usize) {
    let number = |name: &str, usual| std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(usual);
    (number("SWITCHBOARD_LAB_AGENTS", 8), number("SWITCHBOARD_LAB_TASKS", 60))
}

/// An agent: claims, and finishes, dies, or sleeps past its lease. The sink takes a result only
/// with a token greater than all before it for that task.
async fn agent(goals: Goals, name: usize, sink: Arc<std::sync::Mutex<Sink>>, clock: Arc<Hand>) {
    let mut random = crate::goals::model::random::Random::new(name as u64);
    loop {
        let got = ok(&goals, claim(&format!("agent {name}"), 5_000)).await;
        if got["claimed"] == false {
            let left =
                goals.read(|state| Ok(state.all_tasks().filter(|slot| !slot.row.status.is_ended()).count())).await;
            if left == Ok(0) {
                return;
            }
            // Somebody died or sleeps: time has to pass.
            clock.pass(1_000);
            continue;
        }
        let (task, token) = (got["task"]["id"].as_str().unwrap().to_owned(), got["token"].as_u64().unwrap());
        let fate = random.below(10);
        if fate == 0 {
            // Killed: nobody hears of it again.
            continue;
        }
        if fate == 1 {
            clock.pass(5_000 + LEASE_GRACE_MS + 1_000);
        }
        sink.lock().unwrap().begin(&task, token);
        match write(&goals, finish(&task, token, Act::Complete)).await {
            Ok(_) => sink.lock().unwrap().complete(&task, token),
            Err(Trouble::Refused(refusal)) => assert_eq!(refusal.kind, RefusalKind::Conflict, "{refusal:?}"),
            Err(trouble) => panic!("{trouble:?}"),
        }
    }
}

/// Where effects go: it knows the greatest token of each task.
#[derive(Default)]
struct Sink {
    greatest: std::collections::HashMap<String, u64>,
    completed: std::collections::HashMap<String, Vec<u64>>,
}

impl Sink {
    fn begin(&mut self, task: &str, token: u64) {
        let greatest = self.greatest.entry(task.to_owned()).or_default();
        *greatest = token.max(*greatest);
    }

    fn complete(&mut self, task: &str, token: u64) {
        assert!(self.greatest[task] <= token, "a stale holder completed {task}");
        self.completed.entry(task.to_owned()).or_default().push(token);
    }
}

impl Hand {
    fn new() -> Arc<Self> {
        Arc::new(Self { wall: AtomicI64::new(1_800_000_000_000), up: AtomicI64::new(1_000_000) })
    }

    fn pass(&self, ms: i64) {
        self.up.fetch_add(ms, Ordering::SeqCst);
        self.wall.fetch_add(ms, Ordering::SeqCst);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn g_02_each_task_is_completed_once_however_its_agents_die_and_sleep() {
    let (agents, count) = crowd();
    let base = Base::file();
    let clock = Hand::new();
    let options = Options { clock: clock.clone(), ..Options::default() };
    let store = Store::open(base.place.clone(), options.clone()).await.unwrap();
    let goals = Goals::new(store);
    ok(&goals, goal()).await;
    for _ in 0..count.div_ceil(1_000) {
        let many = (0..count.min(1_000)).map(|_| NewTask {
            description: "t".into(),
            attempts_max: Some(1_000),
            ..NewTask::default()
        });
        ok(&goals, Command::BreakDown { goal: "GOAL-0001".into(), tasks: many.collect(), expected_version: None })
            .await;
    }
    let sink = Arc::new(std::sync::Mutex::new(Sink::default()));
    let mut running = Vec::new();
    for name in 0..agents {
        // Each agent has a store and a state of its own, as in a process of its own.
        let own = Goals::new(Store::open(base.place.clone(), options.clone()).await.unwrap());
        running.push(tokio::spawn(agent(own, name, sink.clone(), clock.clone())));
    }
    for one in running {
        one.await.unwrap();
    }
    let done = rows(&goals).await;
    assert!(done.tasks.iter().all(|task| task.status == TaskStatus::Completed));
    let sink = sink.lock().unwrap();
    assert_eq!(sink.completed.len(), done.tasks.len());
    assert!(sink.completed.values().all(|tokens| tokens.len() == 1), "an effect happened twice");
    let attempts: u32 = done.tasks.iter().map(|task| task.attempts).sum();
    eprintln!(
        "goals-crowd: {agents} agents, {} tasks, {attempts} claims lost to kills and sleep, each task completed once",
        done.tasks.len()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn g_07_a_jump_of_the_wall_clock_ends_no_lease() {
    let base = Base::file();
    let clock = Hand::new();
    let store = Store::open(base.place.clone(), Options { clock: clock.clone(), ..Options::default() }).await.unwrap();
    let goals = Goals::new(store);
    ok(&goals, goal()).await;
    ok(&goals, tasks("GOAL-0001", 1)).await;
    let token = ok(&goals, claim("a", 60_000)).await["token"].as_u64().unwrap();
    for jump in [3_600_000, -7_200_000, 10 * 365 * 86_400_000, -20 * 365 * 86_400_000] {
        clock.wall.fetch_add(jump, Ordering::SeqCst);
        clock.up.fetch_add(1_000, Ordering::SeqCst);
        let task = ok(&goals, finish("TASK-0001", token, Act::Heartbeat)).await;
        assert_eq!(task["status"], "in_progress", "after a jump of {jump} ms");
    }
    // Real time does.
    clock.up.fetch_add(120_000, Ordering::SeqCst);
    let late = goals.write("a", finish("TASK-0001", token, Act::Complete), None).await;
    assert!(matches!(late, Err(Trouble::Refused(refusal)) if refusal.kind == RefusalKind::Conflict));
    assert_eq!(rows(&goals).await.tasks[0].attempts, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn history_can_be_read_gone_back_to_and_undone() {
    on_each(|base| async move {
        let goals = base.goals().await;
        ok(&goals, goal()).await;
        ok(&goals, tasks("GOAL-0001", 3)).await;
        ok(&goals, link(1, 2)).await;
        let before = rows(&goals).await;
        let seq = i64::try_from(before.seq).unwrap();
        let delete =
            Command::DeleteGoal { goal: "GOAL-0001".into(), dependents: Default::default(), expected_version: None };
        ok(&goals, delete).await;
        assert_eq!(rows(&goals).await.tasks.len(), 0);
        assert_eq!(goals.at(seq).await.unwrap().rows(), before);
        let (events, last) = goals.history(seq, 100).await.unwrap();
        assert_eq!((events.len(), events[0].kind.as_str(), events[0].actor.as_str()), (5, "task_deleted", "tester"));
        assert!(events.iter().all(|event| event.cause == events[0].cause) && last == seq + 5);
        // Any event of the command names it.
        let undo = goals.undoing(seq + 3).await.unwrap();
        ok(&goals, undo.clone()).await;
        let mut back = rows(&goals).await;
        for task in &mut back.tasks {
            (task.version, task.updated_at) = (1, before.tasks[0].updated_at);
        }
        assert_eq!((back.tasks, back.edges), (before.tasks.clone(), before.edges.clone()));
        let again = goals.write("tester", undo, None).await;
        assert!(matches!(again, Err(Trouble::Refused(refusal)) if refusal.message.contains("changed since")));
        assert!(goals.undoing(9_999).await.is_err() && goals.at(9_999).await.is_err());
        let done = StatusChange { task: "TASK-0001".into(), status: TaskStatus::Completed, ..StatusChange::default() };
        ok(&goals, Command::SetStatus(done)).await;
        let now = rows(&goals).await.seq;
        let undo = goals.undoing(i64::try_from(now).unwrap()).await.unwrap();
        ok(&goals, undo).await;
        let shown =
            goals.read(|state| Ok(view::value(view::task(state, state.find_task("TASK-0001")?)))).await.unwrap();
        assert_eq!((&shown["status"], &shown["completed_at"]), (&json!("pending"), &json!(null)));
    })
    .await;
}

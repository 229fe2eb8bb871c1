//! G-05: how long things take with very many tasks. Small in tests, where only the answers count;
//! `cargo xtask lab goals-scale` says the sizes of the book and tells the figures.

use super::Goals;
use super::tests::Base;
use crate::goals::model::graph::Graph;
use crate::goals::model::random::Random;
use crate::goals::model::schedule::Times;
use crate::goals::model::{
    BREAK_DOWN_MAX, Bundle, ClaimFilter, Command, EdgeKind, Moment, NewGoal, NewTask, Rows, State, StatusChange,
    TaskStatus, decide, view,
};
use futures_util::future::join_all;
use std::time::{Duration, Instant};

/// Rows of one import.
const IMPORTED: usize = 20_000;

/// Tasks and edges; the book says 100 000 and 300 000.
fn sizes() -> (usize, usize) {
    let number = |name: &str, usual| std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(usual);
    let tasks = number("SWITCHBOARD_LAB_GOALS", 400);
    (tasks, tasks * 3)
}

fn of(times: &mut [Duration], part: f64) -> f64 {
    times.sort_unstable();
    let at = ((times.len() as f64 * part) as usize).min(times.len() - 1);
    times[at].as_secs_f64() * 1_000.0
}

fn told(what: &str, times: &mut [Duration], bound: &str) {
    let (p50, p99, max) = (of(times, 0.5), of(times, 0.99), of(times, 1.0));
    eprintln!("goals-scale: {what}: p50 {p50:.3} ms, p99 {p99:.3} ms, most {max:.1} ms ({bound})");
}

fn goal() -> Command {
    Command::CreateGoal(Box::new(NewGoal { description: "a goal of many tasks".into(), ..NewGoal::default() }))
}

fn many(count: usize) -> Vec<NewTask> {
    (0..count).map(|at| NewTask { description: format!("task {at} of many"), ..NewTask::default() }).collect()
}

fn alias(number: usize) -> String {
    format!("TASK-{number:04}")
}

/// Edges that make no circle, in an order and direction that have nothing to do with the numbers.
fn edges(tasks: usize, count: usize, random: &mut Random) -> Vec<(usize, usize)> {
    let mut hidden: Vec<usize> = (1..=tasks).collect();
    for at in (1..tasks).rev() {
        hidden.swap(at, random.below(at as u64 + 1) as usize);
    }
    let mut found = std::collections::HashSet::new();
    let mut edges = Vec::with_capacity(count);
    while edges.len() < count {
        let (one, other) = (random.below(tasks as u64) as usize, random.below(tasks as u64) as usize);
        let edge = (hidden[one.min(other)], hidden[one.max(other)]);
        if one != other && found.insert(edge) {
            edges.push(edge);
        }
    }
    edges
}

/// The state alone: each edge by itself, with its check for circles.
fn grown(tasks: usize, edges: &[(usize, usize)]) -> (State, Vec<Duration>) {
    let (mut state, mut random) = (State::default(), Random::new(1));
    let mut run = |command: &Command| {
        let moment = Moment { now: 1_800_000_000_000, actor: "lab", random: &mut random };
        let began = Instant::now();
        let decided = decide(&mut state, command, moment).unwrap();
        drop(decided);
        began.elapsed()
    };
    run(&goal());
    for start in (0..tasks).step_by(BREAK_DOWN_MAX) {
        let tasks = many(BREAK_DOWN_MAX.min(tasks - start));
        run(&Command::BreakDown { goal: "GOAL-0001".into(), tasks, expected_version: None });
    }
    let link = |(from, to): &(usize, usize)| {
        run(&Command::Link { from: alias(*from), to: alias(*to), kind: EdgeKind::Blocks, remove: false })
    };
    let times = edges.iter().map(link).collect();
    (state, times)
}

async fn write(goals: &Goals, command: Command) -> Duration {
    let began = Instant::now();
    goals.write("lab", command, None).await.unwrap();
    began.elapsed()
}

fn of_state(state: &State) {
    let began = Instant::now();
    let graph = Graph::of(state, state.find_goal("GOAL-0001").unwrap());
    let copied = began.elapsed();
    let began = Instant::now();
    let path = Times::of(&graph).critical_path(&graph);
    let ms = |time: Duration| time.as_secs_f64() * 1_000.0;
    eprintln!(
        "goals-scale: critical path of {} tasks: {:.1} ms, and {:.1} ms to copy the graph ({} ≤ 150 ms)",
        graph.nodes.len(),
        ms(began.elapsed()),
        ms(copied),
        path.len()
    );
    assert!(path.len() > 1);
    let began = Instant::now();
    let plan = graph.plan();
    eprintln!(
        "goals-scale: plan of {} tasks: {:.1} ms, {} phases",
        plan.total_tasks,
        ms(began.elapsed()),
        plan.total_phases
    );
    let began = Instant::now();
    let loaded = State::load(state.rows(), state.now()).unwrap();
    eprintln!("goals-scale: state from its rows: {:.0} ms", ms(began.elapsed()));
    assert_eq!(loaded.ready_count(), state.ready_count());
}

/// The figures of one store.
async fn of_store(base: Base, name: &str, parts: &[Bundle], count: usize) {
    let goals = base.goals().await;
    let scale = (count / 20).clamp(20, 2_000);
    let began = Instant::now();
    for part in parts {
        goals.write("lab", Command::Import(Box::new(part.clone())), None).await.unwrap();
    }
    let seconds = began.elapsed().as_secs_f64();
    eprintln!("goals-scale: {name}: everything taken in, {IMPORTED} rows at once: {seconds:.1} s");
    let goals = base.goals().await;
    let began = Instant::now();
    let next = || goals.read(|state| Ok(state.ready(None).take(50).filter_map(|at| view::task(state, at)).count()));
    let first = next().await.unwrap();
    eprintln!(
        "goals-scale: {name}: first question of a new process: {:.0} ms",
        began.elapsed().as_secs_f64() * 1_000.0
    );
    let mut times = Vec::new();
    for _ in 0..scale {
        let began = Instant::now();
        assert_eq!(next().await.unwrap(), first);
        times.push(began.elapsed());
    }
    told(&format!("{name}: 50 ready tasks"), &mut times, "p99 ≤ 5 ms");
    let (mut random, mut times) = (Random::new(4), Vec::new());
    while times.len() < scale {
        let (from, to) = (1 + random.below(count as u64) as usize, 1 + random.below(count as u64) as usize);
        let link = Command::Link { from: alias(from), to: alias(to), kind: EdgeKind::Blocks, remove: false };
        let began = Instant::now();
        // Half of them would close a circle; both are answers.
        let _either = goals.write("lab", link, None).await;
        times.push(began.elapsed());
    }
    told(&format!("{name}: edge, durable, one after the other"), &mut times, "p99 ≤ 5 ms");
    claims(&goals, name, scale).await;
    batches(&goals, name, scale / 10).await;
    creates(&goals, name, scale).await;
}

/// Claims that begin every two milliseconds, whatever became of those before.
async fn claims(goals: &Goals, name: &str, count: usize) {
    let start = tokio::time::Instant::now();
    let claim = |at: usize| {
        let goals = goals.clone();
        async move {
            let due = start + Duration::from_millis(2) * u32::try_from(at).unwrap();
            tokio::time::sleep_until(due).await;
            let holder = format!("agent {}", at % 64);
            goals
                .write("lab", Command::Claim(ClaimFilter { holder, lease_ms: 60_000, ..ClaimFilter::default() }), None)
                .await
                .unwrap();
            due.elapsed()
        }
    };
    let running: Vec<_> = (0..count).map(|at| tokio::spawn(claim(at))).collect();
    let mut times: Vec<Duration> = join_all(running).await.into_iter().map(Result::unwrap).collect();
    told(&format!("{name}: claim at 500 a second"), &mut times, "p99 ≤ 10 ms");
}

async fn batches(goals: &Goals, name: &str, count: usize) {
    write(goals, goal()).await;
    let id = goals
        .read(|state| Ok(state.goals_newest_first().next().map(|slot| (slot.row.id.clone(), state.counters().task))))
        .await;
    let (goal, last) = id.unwrap().unwrap();
    write(goals, Command::BreakDown { goal, tasks: many(10), expected_version: None }).await;
    let mut times = Vec::new();
    for at in 0..count.max(10) {
        let status = if at % 2 == 0 { TaskStatus::InProgress } else { TaskStatus::Pending };
        let changes = (1..=10).map(|task| StatusChange {
            task: alias(usize::try_from(last).unwrap() + task),
            status,
            ..StatusChange::default()
        });
        times.push(write(goals, Command::SetStatuses { changes: changes.collect(), best_effort: false }).await);
    }
    told(&format!("{name}: batch of 10, durable"), &mut times, "≤ 5 ms");
}

async fn creates(goals: &Goals, name: &str, count: usize) {
    for together in [1, 16] {
        let began = Instant::now();
        let each = count.max(together) / together;
        join_all((0..together).map(|_| async {
            for _ in 0..each {
                write(goals, goal()).await;
            }
        }))
        .await;
        let rate = (each * together) as f64 / began.elapsed().as_secs_f64();
        eprintln!("goals-scale: {name}: {rate:.0} goals a second, durable, {together} at once (≥ 1 000)");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn g_05_very_many_tasks() {
    let (count, edge_count) = sizes();
    let edges = edges(count, edge_count, &mut Random::new(2));
    let (state, mut times) = grown(count, &edges);
    told(&format!("edge {edge_count} of {count} tasks, decided"), &mut times, "p99 ≤ 5 ms");
    of_state(&state);
    let (small, few) = (count.min(10_000), edge_count.min(30_000));
    let (plan, _) = grown(small, &self::edges(small, few, &mut Random::new(3)));
    let began = Instant::now();
    let phases = Graph::of(&plan, plan.find_goal("GOAL-0001").unwrap()).plan().total_phases;
    eprintln!(
        "goals-scale: plan of {small} tasks, all of it: {:.1} ms, {phases} phases (≤ 100 ms)",
        began.elapsed().as_secs_f64() * 1_000.0
    );
    let rows = state.rows();
    drop(state);
    let parts = parts(rows);
    of_store(Base::file(), "SQLite", &parts, count).await;
    if let Some(base) = Base::postgres().await {
        of_store(base, "PostgreSQL", &parts, count).await;
    }
}

/// Rows as several imports, since one is one transaction.
fn parts(rows: Rows) -> Vec<Bundle> {
    let mut parts = vec![Bundle { goals: rows.goals, ..Bundle::default() }];
    parts.extend(rows.tasks.chunks(IMPORTED).map(|tasks| Bundle { tasks: tasks.to_vec(), ..Bundle::default() }));
    parts.extend(rows.edges.chunks(IMPORTED).map(|edges| Bundle { edges: edges.to_vec(), ..Bundle::default() }));
    parts
}

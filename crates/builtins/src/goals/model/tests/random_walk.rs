//! G-01: random operations of eight actors against the naive model: the same answers, the same
//! state; and the log says the same once more. `cargo xtask lab goals-model` walks a million.

use super::naive::Naive;
use super::world::{World, alias, finish, set};
use crate::goals::model::random::Random;
use crate::goals::model::{
    Act, Bundle, Change, ClaimFilter, Command, Dependents, EdgeKind, GateChange, GateKind, GateState, GoalChange,
    GoalStatus, NewGoal, NewTask, Priority, Reference, State, StatusChange, TaskStatus,
};

/// Operations of the test; the lab says more.
const STEPS: u64 = 20_000;
/// Tasks and goals that are kept at a time: few enough that they meet.
const TASKS_MAX: usize = 40;
const GOALS_MAX: usize = 12;

fn steps() -> u64 {
    std::env::var("SWITCHBOARD_LAB_MODEL").ok().and_then(|steps| steps.parse().ok()).unwrap_or(STEPS)
}

const STATUSES: [TaskStatus; 6] = [
    TaskStatus::Pending,
    TaskStatus::InProgress,
    TaskStatus::Completed,
    TaskStatus::Failed,
    TaskStatus::Blocked,
    TaskStatus::Cancelled,
];

fn one<T: Copy>(random: &mut Random, of: &[T]) -> T {
    of[random.below(of.len() as u64) as usize]
}

/// A task that is there, mostly.
fn task(random: &mut Random, naive: &Naive) -> u64 {
    let there: Vec<u64> = naive.tasks.keys().copied().collect();
    if there.is_empty() || random.below(30) == 0 { 999_999 } else { one(random, &there) }
}

fn goal(random: &mut Random, naive: &Naive) -> String {
    let there: Vec<u64> = naive.goals.keys().copied().collect();
    let goal = if there.is_empty() || random.below(30) == 0 { 999_999 } else { one(random, &there) };
    format!("GOAL-{goal:04}")
}

fn token(random: &mut Random, naive: &Naive, task: u64) -> u64 {
    let held = naive.tasks.get(&task).and_then(|work| work.claim).map(|claim| claim.0);
    held.filter(|_| random.below(4) > 0).unwrap_or_else(|| random.below(naive.last.2 + 2))
}

fn break_down(random: &mut Random, naive: &Naive) -> Command {
    let count = 1 + random.below(4);
    let tasks = (0..count)
        .map(|_| NewTask {
            description: "x".into(),
            priority: one(random, &[Priority::High, Priority::Medium, Priority::Low]),
            dependencies: (0..random.below(3))
                .map(|_| match random.below(3) {
                    0 => Reference::Name(alias(task(random, naive))),
                    _ => {
                        let too_far = u64::from(random.below(20) == 0);
                        Reference::Index(random.below(count + too_far) as usize)
                    }
                })
                .collect(),
            defer_until: (random.below(8) == 0).then(|| 1_800_000_000_000 + random.below(5_000_000) as i64),
            attempts_max: (random.below(2) == 0).then(|| 1 + random.below(3) as u32),
            ..NewTask::default()
        })
        .collect();
    Command::BreakDown { goal: goal(random, naive), tasks, expected_version: None }
}

fn status_change(random: &mut Random, naive: &Naive) -> StatusChange {
    let at = task(random, naive);
    let token = naive.tasks.get(&at).and_then(|work| work.claim).filter(|_| random.below(3) > 0).map(|claim| claim.0);
    let token = token.or_else(|| (random.below(20) == 0).then(|| random.below(50)));
    StatusChange { task: alias(at), status: one(random, &STATUSES), token, ..StatusChange::default() }
}

fn gate(random: &mut Random, naive: &Naive, now: i64) -> Command {
    let kind = one(random, &[GateKind::Human, GateKind::Time, GateKind::Goal, GateKind::Ci]);
    let soon = |random: &mut Random| now + random.below(40_000) as i64 - 10_000;
    Command::SetGate(GateChange {
        task: alias(task(random, naive)),
        kind: Some(kind),
        state: one(random, &[None, Some(GateState::Open), Some(GateState::Refused), Some(GateState::Waiting)]),
        opens_at: (random.below(2) == 0).then(|| soon(random)),
        goal: (kind == GateKind::Goal && random.below(4) > 0).then(|| goal(random, naive)),
        expires_at: (random.below(4) == 0).then(|| soon(random)),
        remove: random.below(3) == 0,
        ..GateChange::default()
    })
}

fn command(random: &mut Random, naive: &Naive, now: i64) -> Command {
    let dependents = one(random, &[Dependents::Refuse, Dependents::Detach, Dependents::Cascade]);
    let full = naive.tasks.len() > TASKS_MAX;
    match random.below(100) {
        0..4 if naive.goals.len() > GOALS_MAX => {
            Command::DeleteGoal { goal: goal(random, naive), dependents, expected_version: None }
        }
        0..4 => Command::CreateGoal(Box::new(NewGoal { description: "g".into(), ..NewGoal::default() })),
        4..14 if !full => break_down(random, naive),
        4..20 => Command::DeleteTask { task: alias(task(random, naive)), dependents, expected_version: None },
        20..22 => Command::DeleteGoal { goal: goal(random, naive), dependents, expected_version: None },
        22..26 => Command::UpdateGoal(Box::new(GoalChange {
            goal: goal(random, naive),
            status: Some(one(
                random,
                &[GoalStatus::Planned, GoalStatus::InProgress, GoalStatus::Completed, GoalStatus::Cancelled],
            )),
            ..GoalChange::default()
        })),
        26..46 => Command::Claim(ClaimFilter {
            holder: format!("actor {}", random.below(8)),
            task: (random.below(4) == 0).then(|| alias(task(random, naive))),
            goal: (random.below(4) == 0).then(|| goal(random, naive)),
            lease_ms: 1_000 + random.below(20_000) as i64,
            ..ClaimFilter::default()
        }),
        46..62 => {
            let at = task(random, naive);
            let token = token(random, naive, at);
            finish(at, token, one(random, &[Act::Heartbeat, Act::Complete, Act::Retry, Act::Fail, Act::Release]))
        }
        62..70 => Command::SetStatus(status_change(random, naive)),
        70..73 => Command::SetStatuses {
            changes: (0..1 + random.below(4)).map(|_| status_change(random, naive)).collect(),
            best_effort: random.below(2) == 0,
        },
        73..77 => gate(random, naive, now),
        77..79 => set(task(random, naive), TaskStatus::Pending),
        79..80 => Command::Sweep,
        _ => Command::Link {
            from: alias(task(random, naive)),
            to: alias(task(random, naive)),
            kind: one(random, &EdgeKind::ALL),
            remove: random.below(3) == 0,
        },
    }
}

fn compare(world: &World, naive: &Naive, command: &Command) {
    let state = &world.state;
    let told = || format!("after {command:?}");
    assert_eq!((state.goal_count(), state.task_count()), (naive.goals.len(), naive.tasks.len()), "{}", told());
    for slot in state.goals_newest_first() {
        let (status, at) = naive.goals[&slot.row.number];
        assert_eq!((slot.row.status, slot.row.completed_at), (status, at), "{} {}", slot.row.alias(), told());
    }
    let mut ready = Vec::new();
    for slot in state.all_tasks() {
        let (row, work) = (&slot.row, &naive.tasks[&slot.row.number]);
        let claim = slot.claim.as_ref().map(|claim| (claim.token, claim.expires_at, claim.lease_ms));
        let real = (row.status, row.attempts, row.poisoned, claim);
        assert_eq!(real, (work.status, work.attempts, work.poisoned, work.claim), "{} {}", row.alias(), told());
        let is_ready = naive.is_ready(row.number);
        assert_eq!(state.is_ready(state.find_task(&row.id).unwrap()), is_ready, "{} {}", row.alias(), told());
        ready.extend(is_ready.then_some(row.number));
    }
    assert_eq!(state.ready_count(), ready.len());
    let counters = state.counters();
    assert_eq!((counters.goal, counters.task, counters.token), naive.last, "{}", told());
    assert_eq!(state.all_tasks().map(|slot| slot.outs.len()).sum::<usize>(), naive.edges.len(), "{}", told());
}

/// Moves a state through the log as another process reads it.
fn replay(state: &mut State, world: &World) {
    for event in &world.log {
        let (entity, _) = event.change.key();
        let change = Change::read(entity.word(), &event.change.body().unwrap()).unwrap();
        state.apply(&change).unwrap();
    }
    state.tick(world.now);
}

#[test]
fn g_01_the_model_is_as_the_naive_one_says_whatever_is_asked() {
    let mut world = World::new(1);
    let mut naive = Naive::default();
    let mut random = Random::new(2);
    let (mut other, mut events) = (State::default(), 0);
    let (mut kept, mut refused) = (0_u64, 0_u64);
    for step in 0..steps() {
        world.now += match random.below(12) {
            0 => random.below(30_000) as i64,
            1 if random.below(10) == 0 => 7 * 24 * 3_600_000,
            // The clock of the store never goes back; a state that is told so stays where it was.
            2 => -500,
            _ => random.below(50) as i64,
        };
        let command = command(&mut random, &naive, world.now);
        let before = (step % 64 == 0).then(|| world.rows());
        let (real, simple) = (world.run(&command), naive.run(&command, world.now));
        match (&real, &simple) {
            (Ok(answer), Ok(claimed)) => {
                kept += 1;
                if let (Command::Claim(_), Some(task)) = (&command, claimed) {
                    assert_eq!(answer["task"]["id"], alias(*task), "{command:?}");
                }
            }
            (Err(refusal), Err(kind)) => {
                refused += 1;
                assert_eq!(refusal.kind, *kind, "{command:?}: {refusal:?}");
                if let Some(before) = before {
                    assert_eq!(world.rows(), before, "a refusal changed something: {command:?}");
                }
            }
            _ => panic!("step {step}: {command:?}: {real:?}, but naively {simple:?}"),
        }
        compare(&world, &naive, &command);
        if step % 512 == 0 {
            replay(&mut other, &world);
            events += world.log.len();
            world.log.clear();
            assert_eq!(other.rows(), world.rows());
            let loaded = State::load(world.rows(), world.now).unwrap();
            assert_eq!(loaded.rows(), world.rows());
            assert!(
                loaded
                    .ready(None)
                    .map(|at| &loaded.task(at).unwrap().row.id)
                    .eq(world.state.ready(None).map(|at| &world.state.task(at).unwrap().row.id))
            );
            let again = Command::Import(Box::<Bundle>::default());
            assert!(world.run(&again).is_ok());
            // Any command ends the leases that are over.
            assert!(naive.run(&Command::Sweep, world.now).is_ok());
        }
    }
    assert!(kept > steps() / 4 && refused > steps() / 20, "{kept} kept, {refused} refused");
    eprintln!(
        "goals-model: {kept} operations done and {refused} refused as the naive model says; {} events",
        events + world.log.len()
    );
}

//! Small stories, one promise each.

use super::world::{World, alias, claim, finish, link, set};
use crate::goals::model::graph::Graph;
use crate::goals::model::random::Random;
use crate::goals::model::schedule::WhatIf;
use crate::goals::model::{
    Act, ClaimFilter, Command, Dependents, EdgeKind, Estimate, Finish, GateChange, GateKind, GateState, GoalChange,
    GoalStatus, LEASE_GRACE_MS, NewGoal, NewTask, Priority, Reference, RefusalKind, StatusChange, TaskChange,
    TaskStatus, explain,
};
use serde_json::json;

/// The phases of the only goal, as places in the list of its tasks.
fn phases(world: &World, first: u64) -> Vec<Vec<u64>> {
    let graph = Graph::of(&world.state, world.state.find_goal("GOAL-0001").unwrap());
    let number = |id: &String| id[5..].parse::<u64>().unwrap() - first;
    graph
        .plan()
        .execution_phases
        .iter()
        .map(|phase| phase.tasks.iter().map(|task| number(&task.id)).collect())
        .collect()
}

/// Breaks a goal down in the given order of listing; gives its phases as places in the example.
fn shuffled(example: &[&[usize]], order: &[usize]) -> Vec<Vec<usize>> {
    let mut world = World::new(5);
    let goal = world.ok(&Command::CreateGoal(Box::new(NewGoal { description: "g".into(), ..NewGoal::default() })));
    let tasks = order
        .iter()
        .map(|at| NewTask {
            reference: Some(format!("t{at}")),
            description: format!("task {at}"),
            dependencies: example[*at].iter().map(|before| Reference::Name(format!("t{before}"))).collect(),
            ..NewTask::default()
        })
        .collect();
    world.ok(&Command::BreakDown { goal: goal["id"].as_str().unwrap().into(), tasks, expected_version: None });
    let phases = phases(&world, 1);
    phases
        .into_iter()
        .map(|phase| {
            let mut phase: Vec<usize> = phase.into_iter().map(|listed| order[listed as usize]).collect();
            phase.sort_unstable();
            phase
        })
        .collect()
}

#[test]
fn s0_01_the_examples_of_the_predecessors_have_four_and_five_phases_however_they_are_listed() {
    // Research, design, backend and frontend, tests.
    let five: [&[usize]; 5] = [&[], &[0], &[1], &[1], &[2, 3]];
    // The README's rate limiting: design, middleware, its configuration, tests and docs, release.
    let six: [&[usize]; 6] = [&[], &[0], &[1], &[2], &[2], &[3, 4]];
    let mut random = Random::new(9);
    for _ in 0..200 {
        let mut order: Vec<usize> = (0..6).collect();
        for at in (1..6).rev() {
            order.swap(at, random.below(at as u64 + 1) as usize);
        }
        assert_eq!(shuffled(&six, &order), [vec![0], vec![1], vec![2], vec![3, 4], vec![5]], "{order:?}");
        order.retain(|at| *at < 5);
        assert_eq!(shuffled(&five, &order), [vec![0], vec![1], vec![2, 3], vec![4]], "{order:?}");
    }
}

#[test]
fn s0_04_unknown_dependencies_and_circles_are_refused_and_named() {
    let mut world = World::new(1);
    let first = world.goal_with(&[&[], &[0]]);
    let tasks = vec![
        NewTask {
            reference: Some("build".into()),
            description: "b".into(),
            dependencies: vec![Reference::Name("ship".into())],
            ..NewTask::default()
        },
        NewTask {
            reference: Some("ship".into()),
            description: "s".into(),
            dependencies: vec![Reference::Name("build".into())],
            ..NewTask::default()
        },
    ];
    let refusal = world.refused(&Command::BreakDown { goal: "GOAL-0001".into(), tasks, expected_version: None });
    assert!(refusal.message.contains("ship → build → ship"), "{}", refusal.message);
    let unknown = vec![NewTask {
        description: "x".into(),
        dependencies: vec![Reference::Name("TASK-0099".into())],
        ..NewTask::default()
    }];
    let refusal =
        world.refused(&Command::BreakDown { goal: "GOAL-0001".into(), tasks: unknown, expected_version: None });
    assert_eq!(
        (refusal.kind, refusal.message.contains("TASK-0099")),
        (RefusalKind::Unknown, true),
        "{}",
        refusal.message
    );
    let refusal = world.refused(&link(first + 1, first, EdgeKind::Blocks));
    assert!(refusal.message.contains("TASK-0001 → TASK-0002 → TASK-0001"), "{}", refusal.message);
    // A number that was refused is given again.
    assert_eq!(world.goal_with(&[&[]]), first + 2);
}

#[test]
fn s0_11_a_goal_follows_its_tasks_and_reopening_one_reopens_it() {
    let mut world = World::new(1);
    let first = world.goal_with(&[&[], &[0]]);
    assert_eq!(world.goal_word(1), "in_progress");
    world.ok(&set(first, TaskStatus::Completed));
    world.ok(&set(first + 1, TaskStatus::Cancelled));
    assert_eq!(world.goal_word(1), "completed");
    world.ok(&set(first, TaskStatus::Pending));
    assert_eq!((world.goal_word(1), world.task(first).completed_at), ("in_progress", None));
    let goal = world.state.goal(world.state.find_goal("goal-1").unwrap()).unwrap().row.clone();
    assert_eq!(goal.completed_at, None);
    world.ok(&set(first, TaskStatus::Failed));
    assert_eq!(world.goal_word(1), "in_progress");
    let refusal = world.refused(&set(first, TaskStatus::Completed));
    assert!(refusal.message.contains("failed") && refusal.next.contains("pending"), "{refusal:?}");
    let done = |status| {
        Command::UpdateGoal(Box::new(GoalChange {
            goal: "GOAL-0001".into(),
            status: Some(status),
            ..GoalChange::default()
        }))
    };
    assert!(world.refused(&done(GoalStatus::Completed)).message.contains("1 of its 2 tasks"));
    world.ok(&done(GoalStatus::Cancelled));
    assert!(world.ready().is_empty());
}

#[test]
fn s0_06_what_is_waited_for_is_not_deleted_unless_it_is_said_what_becomes_of_the_rest() {
    let mut world = World::new(1);
    let first = world.goal_with(&[&[], &[0], &[1]]);
    let delete = |dependents| Command::DeleteTask { task: alias(first), dependents, expected_version: None };
    let refusal = world.refused(&delete(Dependents::Refuse));
    assert!(refusal.message.contains("TASK-0002") && refusal.next.contains("cascade"), "{refusal:?}");
    let answer = world.ok(&delete(Dependents::Detach));
    assert_eq!(answer["dependent_tasks"], json!(["TASK-0002"]));
    assert_eq!(world.ready(), [first + 1]);
    let cascade =
        Command::DeleteTask { task: alias(first + 1), dependents: Dependents::Cascade, expected_version: None };
    assert_eq!(world.ok(&cascade)["deleted_tasks"], 2);
    assert_eq!(world.state.task_count(), 0);
}

#[test]
fn g_03_a_holder_who_comes_too_late_changes_nothing() {
    let mut world = World::new(1);
    let task = world.goal_with(&[&[]]);
    let token = world.ok(&claim("slow"))["token"].as_u64().unwrap();
    world.now += 10_000 + LEASE_GRACE_MS;
    // Within the grace it is still honoured.
    world.ok(&finish(task, token, Act::Heartbeat));
    world.now += 10_000 + LEASE_GRACE_MS + 1;
    let second = world.ok(&claim("quick"));
    assert_eq!((second["task"]["id"].as_str(), world.task(task).attempts), (Some("TASK-0001"), 1));
    for act in [Act::Heartbeat, Act::Complete, Act::Fail, Act::Retry, Act::Release] {
        let refusal = world.refused(&finish(task, token, act));
        assert_eq!(refusal.kind, RefusalKind::Conflict);
        assert!(refusal.message.contains("`quick` holds it") && refusal.current.is_some(), "{refusal:?}");
    }
    let late = StatusChange {
        task: alias(task),
        status: TaskStatus::Completed,
        token: Some(token),
        ..StatusChange::default()
    };
    world.refused(&Command::SetStatus(late));
    assert!(second["token"].as_u64().unwrap() > token);
    world.refused(&set(task, TaskStatus::Completed));
    world.ok(&finish(task, second["token"].as_u64().unwrap(), Act::Complete));
    assert_eq!(world.status(task), TaskStatus::Completed);
}

#[test]
fn a_task_that_fails_too_often_is_left_to_a_person() {
    let mut world = World::new(1);
    let task = world.goal_with(&[&[]]);
    for attempt in 1..=3 {
        let token = world.ok(&claim("a"))["token"].as_u64().unwrap();
        if attempt == 2 {
            world.now += 60_000;
            world.ok(&Command::Sweep);
        } else {
            world.ok(&finish(task, token, Act::Retry));
        }
        assert_eq!(world.task(task).attempts, attempt);
    }
    let row = world.task(task);
    assert_eq!((row.status, row.poisoned), (TaskStatus::Failed, true));
    assert_eq!(world.ok(&claim("a"))["claimed"], false);
    let why = explain(&world.state, world.state.find_task(&alias(task)).unwrap()).summary();
    assert!(why.contains("3 attempts"), "{why}");
    world.ok(&set(task, TaskStatus::Pending));
    assert_eq!((world.task(task).attempts, world.ready()), (0, vec![task]));
}

#[test]
fn versions_are_checked_and_a_conflict_shows_what_is_there() {
    let mut world = World::new(1);
    let task = world.goal_with(&[&[]]);
    let edit = |version| {
        Command::EditTask(Box::new(TaskChange {
            task: alias(task),
            expected_version: Some(version),
            jira_ticket: Some("PROJ-101".into()),
            ..TaskChange::default()
        }))
    };
    world.ok(&edit(1));
    let refusal = world.refused(&Command::EditTask(Box::new(TaskChange {
        task: alias(task),
        expected_version: Some(1),
        ..TaskChange::default()
    })));
    let current = refusal.current.unwrap();
    assert_eq!((current["version"].as_u64(), current["jira_ticket"].as_str()), (Some(2), Some("PROJ-101")));
    assert!(refusal.next.contains("merge"));
}

#[test]
fn edges_of_each_type_hold_up_what_they_should() {
    let mut world = World::new(1);
    let a = world.goal_with(&[&[], &[], &[], &[], &[], &[]]);
    let [b, c, d, e, f] = [a + 1, a + 2, a + 3, a + 4, a + 5];
    world.ok(&link(a, b, EdgeKind::OnFailure));
    world.ok(&link(c, a, EdgeKind::Parent));
    world.ok(&link(a, d, EdgeKind::WaitsAll));
    world.ok(&link(a, e, EdgeKind::WaitsAny));
    world.ok(&link(f, e, EdgeKind::WaitsAny));
    world.ok(&link(a, f, EdgeKind::Relates));
    world.ok(&link(f, a, EdgeKind::Relates));
    assert_eq!(world.ready(), [a, f]);
    world.ok(&set(f, TaskStatus::Failed));
    assert_eq!(world.ready(), [a, e]);
    world.ok(&set(a, TaskStatus::Failed));
    assert_eq!(world.ready(), [b, d, e]);
    world.ok(&set(a, TaskStatus::Pending));
    world.ok(&set(a, TaskStatus::Completed));
    assert_eq!((world.ready(), world.status(b)), (vec![c, d, e], TaskStatus::Cancelled));
    world.ok(&set(a, TaskStatus::InProgress));
    assert_eq!((world.status(b), world.ready()), (TaskStatus::Pending, vec![e]));
}

#[test]
fn gates_hold_until_they_open_and_time_opens_its_own() {
    let mut world = World::new(1);
    let task = world.goal_with(&[&[]]);
    let other = world.goal_with(&[&[]]);
    let gate = |kind, state, opens_at, goal: Option<&str>| {
        Command::SetGate(GateChange {
            task: alias(task),
            kind: Some(kind),
            state,
            opens_at,
            goal: goal.map(str::to_owned),
            ..GateChange::default()
        })
    };
    let opens = world.now + 60_000;
    world.ok(&gate(GateKind::Time, None, Some(opens), None));
    world.ok(&gate(GateKind::Human, None, None, None));
    world.ok(&gate(GateKind::Goal, None, None, Some("GOAL-0002")));
    let why = explain(&world.state, world.state.find_task(&alias(task)).unwrap());
    assert_eq!(why.holds.iter().map(|hold| hold.by).collect::<Vec<_>>(), ["gate"; 3]);
    world.ok(&gate(GateKind::Human, Some(GateState::Open), None, None));
    world.ok(&set(other, TaskStatus::Completed));
    assert!(world.ready().is_empty());
    world.now = opens;
    world.ok(&Command::Sweep);
    assert_eq!(world.ready(), [task]);
    // A goal that waits for itself, and two that wait for each other, are circles too.
    let refusal = world.refused(&gate(GateKind::Goal, None, None, Some("GOAL-0001")));
    assert!(refusal.message.contains("GOAL-0001"), "{}", refusal.message);
    let back = Command::SetGate(GateChange {
        task: alias(other),
        kind: Some(GateKind::Goal),
        goal: Some("GOAL-0001".into()),
        ..GateChange::default()
    });
    assert!(world.refused(&back).message.contains("circle"));
    assert!(
        world
            .refused(&Command::DeleteGoal {
                goal: "GOAL-0002".into(),
                dependents: Dependents::Refuse,
                expected_version: None
            })
            .message
            .contains("TASK-0001")
    );
}

#[test]
fn done_needs_its_checks_or_a_reason() {
    let mut world = World::new(1);
    world.ok(&Command::CreateGoal(Box::new(NewGoal { description: "g".into(), ..NewGoal::default() })));
    let tasks = vec![NewTask {
        description: "x".into(),
        checks: vec!["tests pass".into(), "docs".into()],
        ..NewTask::default()
    }];
    world.ok(&Command::BreakDown { goal: "GOAL-0001".into(), tasks, expected_version: None });
    let done = |checks: &[&str], reason: Option<&str>| {
        Command::SetStatus(StatusChange {
            task: alias(1),
            status: TaskStatus::Completed,
            checks_passed: checks.iter().map(|check| (*check).to_owned()).collect(),
            override_reason: reason.map(str::to_owned),
            ..StatusChange::default()
        })
    };
    assert!(world.refused(&done(&["tests pass"], None)).message.contains("`docs`"));
    assert_eq!(world.refused(&done(&["nonsense"], None)).kind, RefusalKind::Invalid);
    assert!(world.refused(&done(&[], Some("  "))).message.contains("checks"));
    world.ok(&done(&["tests pass"], Some("there is nothing to document")));
    let row = world.task(1);
    assert_eq!(row.override_reason.as_deref(), Some("there is nothing to document"));
    assert_eq!(row.checks[0].passed_by.as_deref(), Some("tester"));
    assert_eq!(row.checks[1].passed_at, None);
}

#[test]
fn a_batch_is_all_or_nothing_unless_asked_otherwise() {
    let mut world = World::new(1);
    let first = world.goal_with(&[&[], &[]]);
    let changes = |ids: &[u64]| {
        ids.iter()
            .map(|id| StatusChange { task: alias(*id), status: TaskStatus::Completed, ..StatusChange::default() })
            .collect()
    };
    let refusal = world.refused(&Command::SetStatuses { changes: changes(&[first, 99]), best_effort: false });
    assert!(refusal.message.starts_with("TASK-0099"), "{}", refusal.message);
    assert_eq!(world.status(first), TaskStatus::Pending);
    let answer = world.ok(&Command::SetStatuses { changes: changes(&[first, 99]), best_effort: true });
    assert_eq!(
        (answer["successful"][0]["task_id"].as_str(), answer["failed"][0]["task_id"].as_str()),
        (Some("TASK-0001"), Some("TASK-0099"))
    );
    assert_eq!(world.status(first), TaskStatus::Completed);
}

#[test]
fn nobody_waits_for_ever_and_what_unblocks_most_goes_first() {
    let mut world = World::new(1);
    world.ok(&Command::CreateGoal(Box::new(NewGoal { description: "g".into(), ..NewGoal::default() })));
    let task = |priority| NewTask { description: "x".into(), priority, ..NewTask::default() };
    let add = |world: &mut World, tasks| {
        world.ok(&Command::BreakDown { goal: "GOAL-0001".into(), tasks, expected_version: None })
    };
    add(&mut world, vec![task(Priority::Low), task(Priority::Medium), task(Priority::High), task(Priority::High)]);
    world.ok(&link(4, 1, EdgeKind::WaitsAny));
    world.ok(&Command::Link { from: alias(4), to: alias(1), kind: EdgeKind::WaitsAny, remove: true });
    world.ok(&link(4, 2, EdgeKind::Blocks));
    assert_eq!(world.ready(), [4, 3, 1]);
    // Fifteen days later a new high one comes: the old low one has waited long enough.
    world.now += 15 * 24 * 3_600_000;
    add(&mut world, vec![task(Priority::High)]);
    assert_eq!(world.ready(), [4, 3, 1, 5]);
}

#[test]
fn who_cannot_do_it_is_not_given_it() {
    let mut world = World::new(1);
    world.ok(&Command::CreateGoal(Box::new(NewGoal { description: "g".into(), ..NewGoal::default() })));
    let tasks = vec![NewTask { description: "x".into(), capabilities: vec!["rust".into()], ..NewTask::default() }];
    world.ok(&Command::BreakDown { goal: "GOAL-0001".into(), tasks, expected_version: None });
    assert_eq!(world.ok(&claim("poet"))["claimed"], false);
    let able = ClaimFilter {
        holder: "smith".into(),
        capabilities: vec!["iron".into(), "rust".into()],
        lease_ms: 5_000,
        ..ClaimFilter::default()
    };
    assert_eq!(world.ok(&Command::Claim(able))["claimed"], true);
    let report = Finish {
        task: alias(1),
        token: 1,
        act: Act::Heartbeat,
        result: None,
        progress: Some("half".into()),
        checks_passed: Vec::new(),
        override_reason: None,
    };
    assert_eq!(world.ok(&Command::Finish(report))["claim"]["progress"], "half");
}

#[test]
fn the_critical_path_slack_and_what_if_are_right() {
    let mut world = World::new(1);
    let first = world.goal_with(&[&[], &[0], &[0], &[1, 2], &[]]);
    for (task, hours) in [(first, 2.0), (first + 1, 5.0), (first + 2, 1.0), (first + 3, 3.0), (first + 4, 4.0)] {
        let estimate = Some(Estimate { p50: hours, p90: hours * 2.0 });
        world.ok(&Command::EditTask(Box::new(TaskChange { task: alias(task), estimate, ..TaskChange::default() })));
    }
    let graph = Graph::of(&world.state, world.state.find_goal("GOAL-0001").unwrap());
    let now = graph.schedule(None, 7);
    assert_eq!(now, graph.schedule(None, 7));
    assert_eq!(now.critical_path, ["TASK-0001", "TASK-0002", "TASK-0004"]);
    assert_eq!((now.critical_hours, now.work_hours, now.parallelism_max), (10.0, 15.0, 3));
    let slack = |id: &str| now.tasks.iter().find(|task| task.id == id).unwrap().slack_hours;
    assert_eq!((slack("TASK-0002"), slack("TASK-0003"), slack("TASK-0005")), (0.0, 4.0, 6.0));
    assert!(now.finish_p50_hours >= 9.0 && now.finish_p90_hours > now.finish_p50_hours * 1.2, "{now:?}");
    let alone = graph.schedule(Some(1), 7);
    assert!(alone.finish_p50_hours > 14.0, "{alone:?}");
    let what_if = WhatIf { without: vec![first + 1], hours: [(first + 4, 1.0)].into_iter().collect() };
    let then = graph.with(&what_if).schedule(None, 7);
    assert_eq!((then.critical_hours, then.critical_path.len(), then.open_tasks), (6.0, 3, 4));
}

#[test]
fn what_waits_is_explained_down_to_the_root() {
    let mut world = World::new(1);
    let first = world.goal_with(&[&[], &[0], &[1], &[1]]);
    let token = world.ok(&claim("worker"))["token"].as_u64().unwrap();
    let why = explain(&world.state, world.state.find_task(&alias(first + 2)).unwrap());
    assert!(!why.ready && why.summary().contains("TASK-0002"), "{why:?}");
    assert_eq!(why.roots.len(), 1);
    let root = &why.roots[0];
    assert_eq!((root.task_id.as_str(), root.unblocks, root.holder.as_deref()), ("TASK-0001", 3, Some("worker")));
    world.ok(&finish(first, token, Act::Complete));
    let why = explain(&world.state, world.state.find_task(&alias(first + 1)).unwrap());
    assert!(why.ready && why.holds.is_empty() && why.unblocks == 2, "{why:?}");
}

#[test]
fn ids_and_aliases_name_the_same_and_mistyped_ones_are_told() {
    let mut world = World::new(1);
    let task = world.goal_with(&[&[]]);
    let id = world.task(task).id;
    for name in [id.as_str(), &id.to_uppercase(), " TASK-1 ", "task-0001", "Task-00001"] {
        assert!(world.state.find_task(name).is_ok(), "{name}");
    }
    let mut wrong = id.clone();
    let last = wrong.pop().unwrap();
    wrong.push(if last == '0' { '1' } else { '0' });
    assert!(world.state.find_task(&wrong).unwrap_err().message.contains("mistyped"));
    for name in ["", "TASK-", "TASK-x", "GOAL-0001", "TASK-0002", "TÄSK-0001", "TASK-99999999999999999999"] {
        assert!(world.state.find_task(name).is_err(), "{name}");
    }
}

#[test]
fn texts_that_are_empty_or_too_long_are_refused() {
    let mut world = World::new(1);
    let goal = |description: String| Command::CreateGoal(Box::new(NewGoal { description, ..NewGoal::default() }));
    assert_eq!(world.refused(&goal(" \n".into())).kind, RefusalKind::Invalid);
    assert_eq!(world.refused(&goal("x".repeat(20_000))).kind, RefusalKind::Limit);
    world.ok(&goal("x".into()));
    // S0-03: the check holds for a change as well.
    let change = GoalChange { goal: "GOAL-0001".into(), description: Some(" ".into()), ..GoalChange::default() };
    assert_eq!(world.refused(&Command::UpdateGoal(Box::new(change))).kind, RefusalKind::Invalid);
    let metadata = |value| Some([("key".to_owned(), value)].into_iter().collect());
    let change = |value| {
        Command::UpdateGoal(Box::new(GoalChange {
            goal: "GOAL-0001".into(),
            metadata: metadata(value),
            ..GoalChange::default()
        }))
    };
    // S0-02: members are merged and kept.
    assert_eq!(world.ok(&change(json!(1)))["metadata"], json!({ "key": 1 }));
    assert_eq!(world.ok(&change(json!(null)))["metadata"], json!({}));
}

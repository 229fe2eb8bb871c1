//! A state with a clock and a source of chance, and short words for what is asked of it.

use crate::goals::model::random::Random;
use crate::goals::model::{
    Act, ClaimFilter, Command, EdgeKind, Event, Finish, Moment, Ms, NewGoal, NewTask, Reference, Refusal, Rows, State,
    StatusChange, TaskStatus, decide,
};
use serde_json::Value;

/// A state, its log, its clock.
pub(super) struct World {
    pub(super) state: State,
    pub(super) log: Vec<Event>,
    pub(super) now: Ms,
    pub(super) random: Random,
}

impl World {
    pub(super) fn new(seed: u64) -> Self {
        Self { state: State::default(), log: Vec::new(), now: 1_800_000_000_000, random: Random::new(seed) }
    }

    pub(super) fn run(&mut self, command: &Command) -> Result<Value, Refusal> {
        let moment = Moment { now: self.now, actor: "tester", random: &mut self.random };
        let decided = decide(&mut self.state, command, moment)?;
        self.log.extend(decided.events);
        Ok(decided.answer)
    }

    pub(super) fn ok(&mut self, command: &Command) -> Value {
        self.run(command).unwrap_or_else(|refusal| panic!("{command:?}: {refusal:?}"))
    }

    pub(super) fn refused(&mut self, command: &Command) -> Refusal {
        let before = self.rows();
        let refusal = self.run(command).expect_err("a refusal");
        assert_eq!(self.rows(), before, "a refusal changed something");
        refusal
    }

    pub(super) fn rows(&self) -> Rows {
        self.state.rows()
    }

    /// A goal with one task for each list of what it waits for; the number of the first task.
    pub(super) fn goal_with(&mut self, waits: &[&[usize]]) -> u64 {
        let goal =
            self.ok(&Command::CreateGoal(Box::new(NewGoal { description: "a goal".into(), ..NewGoal::default() })));
        let tasks = waits
            .iter()
            .map(|waits| NewTask {
                description: "a task".into(),
                dependencies: waits.iter().map(|at| Reference::Index(*at)).collect(),
                ..NewTask::default()
            })
            .collect();
        let goal = goal["id"].as_str().unwrap().to_owned();
        let first = self.state.counters().task + 1;
        self.ok(&Command::BreakDown { goal, tasks, expected_version: None });
        first
    }

    pub(super) fn ready(&self) -> Vec<u64> {
        self.state.ready(None).map(|at| self.state.task(at).unwrap().row.number).collect()
    }

    pub(super) fn status(&self, task: u64) -> TaskStatus {
        self.task(task).status
    }

    pub(super) fn task(&self, task: u64) -> crate::goals::model::Task {
        (*self.state.task(self.state.find_task(&alias(task)).unwrap()).unwrap().row).clone()
    }

    pub(super) fn goal_word(&self, goal: u64) -> &'static str {
        let at = self.state.find_goal(&format!("GOAL-{goal:04}")).unwrap();
        self.state.goal(at).unwrap().row.status.word()
    }
}

pub(super) fn alias(task: u64) -> String {
    format!("TASK-{task:04}")
}

pub(super) fn set(task: u64, status: TaskStatus) -> Command {
    Command::SetStatus(StatusChange { task: alias(task), status, ..StatusChange::default() })
}

pub(super) fn claim(holder: &str) -> Command {
    Command::Claim(ClaimFilter { holder: holder.into(), lease_ms: 10_000, ..ClaimFilter::default() })
}

pub(super) fn finish(task: u64, token: u64, act: Act) -> Command {
    Command::Finish(Finish {
        task: alias(task),
        token,
        act,
        result: None,
        progress: None,
        checks_passed: Vec::new(),
        override_reason: None,
    })
}

pub(super) fn link(from: u64, to: u64, kind: EdgeKind) -> Command {
    Command::Link { from: alias(from), to: alias(to), kind, remove: false }
}

//! The same model, as simply as it can be said: every question is a scan over everything, nothing
//! is kept up to date. It is what the real one is compared with.

use crate::goals::model::{
    Act, ClaimFilter, Command, Dependents, EdgeKind, Finish, GateChange, GateKind, GateState, GoalStatus, Ms, Priority,
    Reference, RefusalKind, StatusChange, TaskStatus,
};
use std::collections::{BTreeMap, BTreeSet};

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Work {
    pub(super) goal: u64,
    pub(super) status: TaskStatus,
    priority: Priority,
    created: Ms,
    pub(super) attempts: u32,
    attempts_max: u32,
    pub(super) poisoned: bool,
    defer: Option<Ms>,
    skipped_by: Option<u64>,
    /// Token, end of the lease, its length.
    pub(super) claim: Option<(u64, Ms, Ms)>,
}

#[derive(Clone, Debug, PartialEq)]
struct Door {
    kind: GateKind,
    state: GateState,
    opens: Option<Ms>,
    expires: Option<Ms>,
    goal: Option<u64>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Naive {
    pub(super) goals: BTreeMap<u64, (GoalStatus, Option<Ms>)>,
    pub(super) tasks: BTreeMap<u64, Work>,
    pub(super) edges: BTreeSet<(u64, u64, EdgeKind)>,
    gates: BTreeMap<(u64, String), Door>,
    /// Greatest numbers of goals, tasks, tokens.
    pub(super) last: (u64, u64, u64),
    now: Ms,
}

type Answer = Result<Option<u64>, RefusalKind>;
use RefusalKind::{Conflict, Invalid, Unknown};

fn number(name: &str) -> u64 {
    name[5..].parse().unwrap()
}

fn done(status: TaskStatus) -> bool {
    status == TaskStatus::Completed || status == TaskStatus::Cancelled
}

impl Naive {
    pub(super) fn run(&mut self, command: &Command, now: Ms) -> Answer {
        self.now = self.now.max(now);
        let before = self.clone();
        self.sweep();
        let answer = self.carry_out(command);
        if answer.is_err() {
            *self = before;
        }
        answer
    }

    fn sweep(&mut self) {
        let over: Vec<u64> = self
            .tasks
            .iter()
            .filter(|(_, task)| task.claim.is_some_and(|claim| claim.1 < self.now - 2_000))
            .map(|(number, _)| *number)
            .collect();
        over.into_iter().for_each(|task| self.attempt_over(task, TaskStatus::Pending));
    }

    fn attempt_over(&mut self, task: u64, status: TaskStatus) {
        let work = self.tasks.get_mut(&task).unwrap();
        let attempts = work.attempts + 1;
        let poisoned = status == TaskStatus::Pending && attempts >= work.attempts_max;
        self.put(task, if poisoned { TaskStatus::Failed } else { status });
        let work = self.tasks.get_mut(&task).unwrap();
        (work.attempts, work.poisoned) = (attempts, poisoned);
    }

    fn carry_out(&mut self, command: &Command) -> Answer {
        match command {
            Command::CreateGoal(_) => {
                self.last.0 += 1;
                self.goals.insert(self.last.0, (GoalStatus::Planned, None));
                Ok(Some(self.last.0))
            }
            Command::UpdateGoal(change) => self.update_goal(number(&change.goal), change.status.unwrap()),
            Command::DeleteGoal { goal, dependents, .. } => self.delete_goal(number(goal), *dependents),
            Command::BreakDown { goal, tasks, .. } => {
                let goal = number(goal);
                if self.goals.get(&goal).ok_or(Unknown)?.0 == GoalStatus::Cancelled {
                    return Err(Conflict);
                }
                let first = self.last.1 + 1;
                for new in tasks {
                    self.last.1 += 1;
                    let work = Work {
                        goal,
                        status: TaskStatus::Pending,
                        priority: new.priority,
                        created: self.now,
                        attempts: 0,
                        attempts_max: new.attempts_max.unwrap_or(3),
                        poisoned: false,
                        defer: new.defer_until,
                        skipped_by: None,
                        claim: None,
                    };
                    self.tasks.insert(self.last.1, work);
                }
                for (new, at) in tasks.iter().zip(first..) {
                    for dependency in &new.dependencies {
                        let from = match dependency {
                            Reference::Index(index) if *index < tasks.len() => first + *index as u64,
                            Reference::Index(_) => return Err(Invalid),
                            Reference::Name(name) => number(name),
                        };
                        self.link(from, at, EdgeKind::Blocks)?;
                    }
                }
                self.derive(goal);
                Ok(None)
            }
            Command::SetStatus(change) => self.set_status(change),
            Command::SetStatuses { changes, best_effort } => {
                for change in changes {
                    let before = self.clone();
                    if let Err(kind) = self.set_status(change) {
                        if !best_effort {
                            return Err(kind);
                        }
                        *self = before;
                    }
                }
                Ok(None)
            }
            Command::DeleteTask { task, dependents, .. } => self.delete_task(number(task), *dependents),
            Command::Claim(filter) => self.claim(filter),
            Command::Finish(finish) => self.finish(finish),
            Command::Link { from, to, kind, remove } => {
                let (from, to) = (number(from), number(to));
                if !self.tasks.contains_key(&from) || !self.tasks.contains_key(&to) {
                    return Err(Unknown);
                }
                if *remove {
                    self.edges.remove(&(from, to, *kind));
                    return Ok(None);
                }
                self.link(from, to, *kind)
            }
            Command::SetGate(change) => self.set_gate(change),
            Command::Sweep => Ok(None),
            Command::EditTask(_) | Command::Undo { .. } | Command::Import(_) => unreachable!("not walked"),
        }
    }

    fn link(&mut self, from: u64, to: u64, kind: EdgeKind) -> Answer {
        if !self.tasks.contains_key(&from) || !self.tasks.contains_key(&to) {
            return Err(Unknown);
        }
        if self.edges.contains(&(from, to, kind)) {
            return Ok(None);
        }
        if from == to {
            return Err(Conflict);
        }
        self.edges.insert((from, to, kind));
        if self.has_circle() {
            return Err(Conflict);
        }
        if kind == EdgeKind::OnFailure && self.tasks[&from].status == TaskStatus::Completed {
            self.skip(from);
        }
        Ok(None)
    }

    /// Who waits for whom: a task for a task, a goal for its tasks, a task for a goal by a gate.
    /// Tasks are even, goals odd.
    fn arcs(&self) -> Vec<(u64, u64)> {
        let mut arcs: Vec<_> = self.tasks.iter().map(|(task, work)| (task * 2, work.goal * 2 + 1)).collect();
        for (from, to, kind) in &self.edges {
            match kind {
                EdgeKind::Blocks | EdgeKind::OnFailure | EdgeKind::WaitsAll | EdgeKind::WaitsAny => {
                    arcs.push((from * 2, to * 2));
                }
                EdgeKind::Parent => arcs.push((to * 2, from * 2)),
                _ => {}
            }
        }
        arcs.extend(self.gates.iter().filter_map(|((task, _), door)| Some((door.goal? * 2 + 1, task * 2))));
        arcs
    }

    fn has_circle(&self) -> bool {
        let mut arcs = self.arcs();
        loop {
            let ends: BTreeSet<u64> = arcs.iter().map(|arc| arc.1).collect();
            let left: Vec<_> = arcs.iter().copied().filter(|arc| ends.contains(&arc.0)).collect();
            if left.len() == arcs.len() {
                return !left.is_empty();
            }
            arcs = left;
        }
    }

    pub(super) fn is_ready(&self, task: u64) -> bool {
        let work = &self.tasks[&task];
        let goal = self.goals[&work.goal].0;
        let open = goal == GoalStatus::Planned || goal == GoalStatus::InProgress;
        if !open || work.status != TaskStatus::Pending || work.claim.is_some() || work.defer.unwrap_or(0) > self.now {
            return false;
        }
        let ended = |status| done(status) || status == TaskStatus::Failed;
        let (mut any, mut any_met) = (false, false);
        for (from, to, kind) in &self.edges {
            let met = match kind {
                EdgeKind::Blocks if *to == task => done(self.tasks[from].status),
                EdgeKind::Parent if *from == task => done(self.tasks[to].status),
                EdgeKind::OnFailure if *to == task => self.tasks[from].status == TaskStatus::Failed,
                EdgeKind::WaitsAll if *to == task => ended(self.tasks[from].status),
                EdgeKind::WaitsAny if *to == task => {
                    any = true;
                    any_met |= ended(self.tasks[from].status);
                    true
                }
                _ => true,
            };
            if !met {
                return false;
            }
        }
        (!any || any_met)
            && self.gates.iter().filter(|((of, _), _)| *of == task).all(|(_, door)| {
                let end = door.expires.unwrap_or(Ms::MAX);
                door.state == GateState::Open
                    || (door.state == GateState::Waiting
                        && match door.kind {
                            GateKind::Time => door.opens.is_some_and(|opens| opens <= self.now && opens <= end),
                            GateKind::Goal => {
                                let (status, at) = self.goals[&door.goal.unwrap()];
                                status == GoalStatus::Completed && at.unwrap() <= end
                            }
                            _ => false,
                        })
            })
    }

    fn set_status(&mut self, change: &StatusChange) -> Answer {
        let task = number(&change.task);
        let work = self.tasks.get(&task).ok_or(Unknown)?;
        let free_to_cancel = change.status == TaskStatus::Cancelled && change.token.is_none();
        if !free_to_cancel && work.claim.map(|claim| claim.0) != change.token {
            return Err(Conflict);
        }
        self.become_status(task, change.status)
    }

    fn become_status(&mut self, task: u64, status: TaskStatus) -> Answer {
        use TaskStatus::{Blocked, Cancelled, Completed, Failed, InProgress, Pending};
        let was = self.tasks[&task].status;
        let refused = match was {
            Pending | InProgress => false,
            Blocked => status == Completed,
            Completed => [Failed, Blocked, Cancelled].contains(&status),
            Failed => [Completed, Blocked].contains(&status),
            Cancelled => status != Pending && status != Cancelled,
        };
        if refused {
            return Err(Conflict);
        }
        if was != status {
            self.put(task, status);
        }
        Ok(None)
    }

    fn put(&mut self, task: u64, status: TaskStatus) {
        let work = self.tasks.get_mut(&task).unwrap();
        let was = std::mem::replace(&mut work.status, status);
        work.skipped_by = None;
        let ended = |status| done(status) || status == TaskStatus::Failed;
        if ended(was) && !ended(status) {
            (work.attempts, work.poisoned) = (0, false);
        }
        if status != TaskStatus::InProgress {
            work.claim = None;
        }
        let goal = work.goal;
        if status == TaskStatus::Completed {
            self.skip(task);
        }
        if was == TaskStatus::Completed {
            let wanted = self.remedies(task, |work| work.skipped_by == Some(task));
            wanted.into_iter().for_each(|other| self.put(other, TaskStatus::Pending));
        }
        self.derive(goal);
    }

    fn remedies(&self, task: u64, wanted: impl Fn(&Work) -> bool) -> Vec<u64> {
        let ties = self.edges.iter().filter(|(from, _, kind)| *from == task && *kind == EdgeKind::OnFailure);
        ties.map(|(_, to, _)| *to).filter(|to| wanted(&self.tasks[to])).collect()
    }

    fn skip(&mut self, task: u64) {
        let open = |work: &Work| work.status == TaskStatus::Pending || work.status == TaskStatus::Blocked;
        for other in self.remedies(task, open) {
            self.put(other, TaskStatus::Cancelled);
            self.tasks.get_mut(&other).unwrap().skipped_by = Some(task);
        }
    }

    fn derive(&mut self, goal: u64) {
        let all: Vec<TaskStatus> =
            self.tasks.values().filter(|work| work.goal == goal).map(|work| work.status).collect();
        let Some((status, at)) = self.goals.get_mut(&goal) else { return };
        if all.is_empty() || *status == GoalStatus::Cancelled {
            return;
        }
        let reached = all.iter().all(|status| done(*status)) && all.contains(&TaskStatus::Completed);
        if reached != (*status == GoalStatus::Completed) {
            *at = reached.then_some(self.now);
        }
        *status = if reached { GoalStatus::Completed } else { GoalStatus::InProgress };
    }

    fn update_goal(&mut self, goal: u64, wanted: GoalStatus) -> Answer {
        let was = self.goals.get(&goal).ok_or(Unknown)?.0;
        if was == wanted {
            return Ok(None);
        }
        let all: Vec<TaskStatus> =
            self.tasks.values().filter(|work| work.goal == goal).map(|work| work.status).collect();
        let open = all.iter().any(|status| !done(*status));
        let refused = match wanted {
            GoalStatus::Completed => open,
            GoalStatus::Planned => !all.is_empty() && was != GoalStatus::Cancelled,
            GoalStatus::InProgress => !open && all.contains(&TaskStatus::Completed),
            GoalStatus::Cancelled => false,
        };
        if refused {
            return Err(Conflict);
        }
        self.goals.insert(goal, (wanted, (wanted == GoalStatus::Completed).then_some(self.now)));
        self.derive(goal);
        Ok(None)
    }

    fn claim(&mut self, filter: &ClaimFilter) -> Answer {
        let goal = filter.goal.as_deref().map(number);
        if goal.is_some_and(|goal| !self.goals.contains_key(&goal)) {
            return Err(Unknown);
        }
        let best = match &filter.task {
            Some(task) => {
                let task = number(task);
                self.tasks.get(&task).ok_or(Unknown)?;
                if !self.is_ready(task) {
                    return Err(Conflict);
                }
                Some(task)
            }
            None => {
                let of_goal = |task: &u64| goal.is_none_or(|goal| self.tasks[task].goal == goal);
                let ready = self.tasks.keys().copied().filter(of_goal).filter(|task| self.is_ready(*task));
                ready.min_by_key(|task| self.urgency(*task))
            }
        };
        if let Some(task) = best {
            self.last.2 += 1;
            let claim = (self.last.2, self.now + filter.lease_ms, filter.lease_ms);
            self.put(task, TaskStatus::InProgress);
            self.tasks.get_mut(&task).unwrap().claim = Some(claim);
        }
        Ok(best)
    }

    fn urgency(&self, task: u64) -> (i64, i64, u64) {
        let work = &self.tasks[&task];
        let waiting = self.edges.iter().filter(|(from, to, kind)| match kind {
            EdgeKind::Blocks | EdgeKind::OnFailure | EdgeKind::WaitsAll | EdgeKind::WaitsAny => *from == task,
            EdgeKind::Parent => *to == task,
            _ => false,
        });
        let hour = work.created / 3_600_000;
        (hour + work.priority as i64 * 7 * 24, -(waiting.count() as i64), task)
    }

    fn finish(&mut self, finish: &Finish) -> Answer {
        let task = number(&finish.task);
        let claim =
            self.tasks.get(&task).ok_or(Unknown)?.claim.filter(|claim| claim.0 == finish.token).ok_or(Conflict)?;
        match finish.act {
            Act::Heartbeat => {
                self.tasks.get_mut(&task).unwrap().claim = Some((claim.0, self.now + claim.2, claim.2));
                Ok(None)
            }
            Act::Complete => self.become_status(task, TaskStatus::Completed),
            Act::Release => self.become_status(task, TaskStatus::Pending),
            Act::Retry | Act::Fail => {
                let status = if finish.act == Act::Retry { TaskStatus::Pending } else { TaskStatus::Failed };
                self.attempt_over(task, status);
                Ok(None)
            }
        }
    }

    fn set_gate(&mut self, change: &GateChange) -> Answer {
        let task = number(&change.task);
        self.tasks.get(&task).ok_or(Unknown)?;
        let kind = change.kind.unwrap();
        let key = (task, kind.word().to_owned());
        if change.remove {
            self.gates.remove(&key);
            return Ok(None);
        }
        let goal = change.goal.as_deref().map(number);
        if goal.is_some_and(|goal| !self.goals.contains_key(&goal)) {
            return Err(Unknown);
        }
        let new = Door { kind, state: GateState::Waiting, opens: None, expires: None, goal: None };
        let mut door = self.gates.get(&key).cloned().unwrap_or(new);
        door.goal = goal.or(door.goal);
        door.opens = change.opens_at.or(door.opens);
        door.expires = change.expires_at.or(door.expires);
        if (kind == GateKind::Time && door.opens.is_none()) || (kind == GateKind::Goal && door.goal.is_none()) {
            return Err(Invalid);
        }
        let over = door.expires.is_some_and(|end| end <= self.now);
        if change.state == Some(GateState::Open) && door.state == GateState::Waiting && over {
            return Err(Conflict);
        }
        door.state = change.state.unwrap_or(door.state);
        self.gates.insert(key, door);
        if self.has_circle() { Err(Conflict) } else { Ok(None) }
    }

    fn waiting(&self, gone: &BTreeSet<u64>) -> BTreeSet<u64> {
        let waits = |kind: &EdgeKind| {
            [EdgeKind::Blocks, EdgeKind::OnFailure, EdgeKind::WaitsAll, EdgeKind::WaitsAny].contains(kind)
        };
        let ties =
            self.edges.iter().filter(|(from, to, kind)| gone.contains(from) && !gone.contains(to) && waits(kind));
        ties.map(|(_, to, _)| *to).collect()
    }

    fn remove(&mut self, mut gone: BTreeSet<u64>, cascade: bool) {
        loop {
            let more = self.waiting(&gone);
            if more.is_empty() || !cascade {
                break;
            }
            gone.extend(more);
        }
        self.edges.retain(|(from, to, _)| !gone.contains(from) && !gone.contains(to));
        self.gates.retain(|(task, _), _| !gone.contains(task));
        let goals: BTreeSet<u64> = gone.iter().map(|task| self.tasks.remove(task).unwrap().goal).collect();
        goals.into_iter().for_each(|goal| self.derive(goal));
    }

    fn delete_task(&mut self, task: u64, dependents: Dependents) -> Answer {
        self.tasks.get(&task).ok_or(Unknown)?;
        let gone = BTreeSet::from([task]);
        if dependents == Dependents::Refuse && !self.waiting(&gone).is_empty() {
            return Err(Conflict);
        }
        self.remove(gone, dependents == Dependents::Cascade);
        Ok(None)
    }

    fn delete_goal(&mut self, goal: u64, dependents: Dependents) -> Answer {
        self.goals.get(&goal).ok_or(Unknown)?;
        let of_goal = |task: &u64| self.tasks[task].goal == goal;
        let mut gone: BTreeSet<u64> = self.tasks.keys().copied().filter(of_goal).collect();
        let mut waiting = self.waiting(&gone);
        let watching = self.gates.iter().filter(|(_, door)| door.goal == Some(goal)).map(|((task, _), _)| *task);
        waiting.extend(watching.filter(|task| !gone.contains(task)));
        if dependents == Dependents::Refuse && !waiting.is_empty() {
            return Err(Conflict);
        }
        if dependents == Dependents::Cascade {
            gone.extend(waiting);
        }
        self.remove(gone, dependents == Dependents::Cascade);
        self.gates.retain(|_, door| door.goal != Some(goal));
        self.goals.remove(&goal);
        Ok(None)
    }
}

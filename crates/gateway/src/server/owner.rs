//! The owner of one server: what is wanted of it, its instances, and what it shows to calls. It leads
//! instances and waits for none of them; what one does in its life is `instance.rs`.

use super::desired::{BY_A_PERSON, Wishes};
use super::echoes::Echoes;
use super::goal::{Goal, Order, Wish};
use super::inbox::Command;
use super::instance::{Instance, Report};
use super::lanes::{Lane, Lanes};
use super::sleep::{Use, Verdict};
use super::state::{Admission, ServerState};
use super::watched::{Change, Watched};
use super::{Cause, Core, Environment, Fact, InstanceStatus, Server, Status};
use crate::catalog::{Kind, ServerCatalog};
use crate::upstream::Wanted;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use supervisor::State;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, sleep_until};

const REPORTS_MAX: usize = 64;

/// One instance as its owner sees it.
struct Slot {
    orders: watch::Sender<Order>,
    status: InstanceStatus,
    lane: Option<Arc<Lane>>,
    /// What is not as it should be with its lists.
    degraded: Option<String>,
    /// What is wrong with what it needs.
    trouble: Option<String>,
    /// Whether it was ready once, or failed to be.
    settled: bool,
    /// When it came to be in its state.
    moved: Instant,
    /// How often it had been told to start anew when it was ready.
    restarts: u64,
}

impl Slot {
    /// Whether it ended as it liked, and has not been told since to start anew.
    fn is_done(&self) -> bool {
        self.status.cause == Cause::Done && self.orders.borrow().restarts == self.restarts
    }
}

struct Owner {
    server: Arc<Core>,
    entry: Arc<config::Server>,
    environment: Environment,
    goal: Goal,
    slots: Vec<Slot>,
    reports: mpsc::Receiver<Report>,
    /// What somebody wants to be told about.
    wanted: watch::Receiver<Wanted>,
    /// How much it is used, while it is ready and may sleep.
    usage: Option<Use>,
    look_at: Instant,
    watched: Watched,
    /// Changes that it seems to make itself.
    echoes: Echoes,
    /// Who waits until it is stopped, and until it has ended.
    downs: Vec<oneshot::Sender<()>>,
    ends: Vec<oneshot::Sender<()>>,
}

/// Leads the life of `server` until it is told to end. `former` has its name, and ends first.
pub(super) async fn run(
    server: Arc<Core>,
    entry: Arc<config::Server>,
    environment: Environment,
    goal: Goal,
    former: Option<Arc<Server>>,
) {
    let (sender, reports) = mpsc::channel(REPORTS_MAX);
    let mut wanted = server.wanted.subscribe();
    // It may have been said before this task had its first turn.
    wanted.mark_changed();
    let watched = Watched::start(&entry, &server);
    let echoes = Echoes::new(entry.max_restarts, entry.restart_window);
    let mut slots = Vec::new();
    let mut instances = Vec::new();
    for index in 0..entry.replicas {
        let (orders, receiver) = watch::channel(Order::new(goal));
        instances.push(Instance::new((&server, &entry, &environment), index, receiver, sender.clone()));
        let status = InstanceStatus::new(index);
        slots.push(Slot {
            orders,
            status,
            lane: None,
            degraded: None,
            trouble: None,
            settled: false,
            moved: Instant::now(),
            restarts: 0,
        });
    }
    drop(sender);
    let owner = Owner {
        server,
        entry,
        environment,
        goal,
        slots,
        reports,
        wanted,
        usage: None,
        look_at: Instant::now(),
        watched,
        echoes,
        downs: Vec::new(),
        ends: Vec::new(),
    };
    owner.lead(instances, former).await;
}

impl Owner {
    async fn lead(mut self, instances: Vec<Instance>, former: Option<Arc<Server>>) {
        if let Some(former) = former {
            // Two of the same must not run side by side: they may share files and ports.
            tokio::select! {
                () = former.stop() => {}
                () = self.server.inbox.hastens() => former.end().await,
            }
        }
        for instance in instances {
            tokio::spawn(instance.run());
        }
        if self.goal != Goal::Up {
            // Nothing will be listed now; nobody must wait for it.
            self.listed().await;
        }
        let server = self.server.clone();
        loop {
            tokio::select! {
                command = server.inbox.next() => self.obey(command),
                report = self.reports.recv() => match report {
                    Some(report) => self.hear(report).await,
                    None => break,
                },
                Ok(()) = self.wanted.changed() => self.want(),
                change = self.watched.changed() => self.file_changed(&change),
                () = sleep_until(self.look_at), if self.usage.is_some() => self.look(),
            }
        }
        server.inbox.close();
        server.publish(Status::resting(ServerState::Stopped, Goal::Ended, ""));
        for done in self.downs.into_iter().chain(self.ends) {
            // Whoever asked may have left.
            let _ = done.send(());
        }
    }

    // === what it is told

    fn obey(&mut self, command: Command) {
        match command {
            Command::Wake => self.wish(Wish::Wake),
            Command::Start => {
                self.wishes().set(&self.entry.name, false);
                self.wish(Wish::Start);
                self.start_anew("started by a person", |state| {
                    matches!(state, State::Backoff | State::CrashLoop | State::Failed)
                });
            }
            Command::Down(done) => {
                self.wishes().set(&self.entry.name, true);
                self.wish(Wish::Down);
                self.downs.push(done);
                self.settle();
            }
            Command::Restart => {
                self.wishes().set(&self.entry.name, false);
                self.wish(Wish::Start);
                self.start_anew("restarted by a person", |state| state != State::Stopped && state != State::Asleep);
            }
            Command::TryAgain(why) => {
                let down = |state| matches!(state, State::Backoff | State::CrashLoop | State::Failed);
                if self.goal == Goal::Up && self.slots.iter().any(|slot| down(slot.status.state)) {
                    self.server.log.remark(format!("tried again: {why}"));
                    self.start_anew(why, down);
                }
            }
            Command::Recover { instance, reason } => {
                if let Some(slot) = self.slots.get(instance).filter(|slot| slot.lane.is_some()) {
                    slot.orders.send_modify(|order| {
                        order.recoveries += 1;
                        order.sick_why = reason.into();
                    });
                }
            }
            Command::SignInChanged => self.order_all(|order| order.sign_ins += 1),
            Command::Refresh => self.order_first(|order| order.refreshes += 1),
            Command::Stop { done, hasty } => {
                self.ends.push(done);
                self.order_all(|order| order.hasty |= hasty);
                self.wish(Wish::End);
            }
        }
    }

    fn wishes(&self) -> &Wishes {
        &self.environment.wishes
    }

    fn wish(&mut self, wish: Wish) {
        let goal = self.goal.after(wish);
        if goal != self.goal {
            self.head_for(goal);
            self.publish(false);
            // Whoever waits for a stop that is taken back may see no other change.
            self.settle();
        }
    }

    /// Orders the goal. Who was done while another goal stood may see no difference: it is told to start.
    fn head_for(&mut self, goal: Goal) {
        self.goal = goal;
        for slot in &self.slots {
            slot.orders.send_modify(|order| {
                order.goal = goal;
                if goal == Goal::Up && slot.status.cause == Cause::Done {
                    order.restarts += 1;
                    order.restart_why = "".into();
                }
            });
        }
    }

    /// Has instances in such a state started anew.
    fn start_anew(&self, why: &str, fits: impl Fn(State) -> bool) {
        for slot in self.slots.iter().filter(|slot| fits(slot.status.state)) {
            slot.orders.send_modify(|order| {
                order.restarts += 1;
                order.restart_why = why.into();
            });
        }
    }

    fn order_all(&self, change: impl Fn(&mut Order)) {
        self.slots.iter().for_each(|slot| slot.orders.send_modify(&change));
    }

    /// To the instance that speaks for the server.
    fn order_first(&self, change: impl FnOnce(&mut Order)) {
        if let Some(slot) = self.slots.iter().find(|slot| slot.lane.is_some()) {
            slot.orders.send_modify(change);
        }
    }

    /// What somebody wants to be told about has changed.
    fn want(&mut self) {
        let wanted = self.wanted.borrow_and_update().clone();
        if wanted != Wanted::default() {
            self.wish(Wish::Wake);
        }
        if let Some(lane) = self.slots.iter().find_map(|slot| slot.lane.as_ref()) {
            lane.link.subscribe(wanted);
        }
    }

    /// A file of whoever develops it has changed: whatever it was, it is started with that; unless it
    /// is what changes its files.
    fn file_changed(&mut self, change: &Change) {
        if self.goal != Goal::Up {
            return;
        }
        let path = change.path.display();
        let busy = self.slots.iter().any(|slot| slot.status.state == State::Starting);
        let moved = self.slots.iter().map(|slot| slot.moved).max().filter(|_| !busy);
        if self.echoes.heed(change.at, moved, &path) {
            self.start_anew(&format!("a file changed: {path}"), |_| true);
        } else if let Some(says) = self.echoes.says() {
            self.server.log.remark(says);
        }
        self.publish(false);
    }

    // === what it hears of its instances

    async fn hear(&mut self, report: Report) {
        if let Report::Moved(status) | Report::Up { status, .. } = &report
            && self.slots.len() > 1
        {
            let why = status.reason.as_deref().map(|reason| format!(": {reason}")).unwrap_or_default();
            self.server.log.remark(format!("instance {}: {}{why}", status.index + 1, status.state));
        }
        match report {
            Report::Moved(status) => {
                let failed = matches!(status.state, State::Backoff | State::CrashLoop | State::Failed);
                let Some(slot) = self.slots.get_mut(status.index) else { return };
                let down = failed || status.cause == Cause::Done;
                // Whoever rests must be waited for again when all of them start.
                slot.settled =
                    down || (slot.settled && status.state != State::Stopped && status.state != State::Asleep);
                (slot.status, slot.moved) = (*status, Instant::now());
                let was_ready = slot.lane.take().is_some();
                if self.goal == Goal::Up && self.slots.iter().all(Slot::is_done) {
                    self.head_for(Goal::Asleep);
                }
                // Pinned callers may have waited for this one to settle.
                self.publish(was_ready || down);
                if failed {
                    self.listed().await;
                }
                self.settle();
            }
            Report::Up { status, lane, catalog, degraded } => {
                let index = status.index;
                let Some(slot) = self.slots.get_mut(index) else { return };
                let restarts = slot.orders.borrow().restarts;
                *slot = Slot {
                    status: *status,
                    lane: Some(lane),
                    degraded,
                    trouble: None,
                    settled: true,
                    moved: Instant::now(),
                    restarts,
                    orders: slot.orders.clone(),
                };
                self.list(index, *catalog);
                self.publish(true);
                self.listed().await;
            }
            Report::Troubled { index, trouble } => {
                let Some(slot) = self.slots.get_mut(index) else { return };
                slot.trouble = trouble;
                self.publish(false);
            }
            Report::Listed { index, catalog } => {
                if self.list(index, *catalog) {
                    self.listed().await;
                }
            }
        }
    }

    /// Takes over what an instance lists, when it speaks for the server; whether it does.
    fn list(&mut self, index: usize, catalog: ServerCatalog) -> bool {
        let speaks = self.slots.iter().position(|slot| slot.lane.is_some()) == Some(index);
        let known = self.server.catalog();
        let catalog = catalog.steady(&known);
        if speaks {
            self.server.catalog.store(Arc::new(catalog));
            self.server.listed.store(true, Ordering::Release);
            return true;
        }
        let differs = Kind::ALL.into_iter().find(|kind| known.items(*kind) != catalog.items(*kind));
        if let (Some(kind), Some(slot)) = (differs, self.slots.get_mut(index)) {
            let remark = format!("instance {} answers {} otherwise than the first one", index + 1, kind.method());
            self.server.log.remark(remark.clone());
            slot.degraded = Some(remark);
        }
        false
    }

    async fn listed(&self) {
        let _ = self.environment.facts.send(Fact::Listed(self.server.name.clone())).await;
    }

    /// Answers those who wait for it to be stopped, when it is, or is not to be any more.
    fn settle(&mut self) {
        if self.goal != Goal::Stopped || self.slots.iter().all(|slot| slot.status.state == State::Stopped) {
            for done in self.downs.drain(..) {
                // Whoever asked may have left.
                let _ = done.send(());
            }
        }
    }

    // === what it shows

    /// Shows how things are; first the lanes, where they changed, so that whoever sees the status
    /// finds them.
    fn publish(&mut self, lanes_changed: bool) {
        if lanes_changed {
            self.publish_lanes();
        }
        let status = self.status();
        self.server.publish(status);
    }

    fn publish_lanes(&mut self) {
        // A pinned caller's first instance must not depend on which was ready first.
        let complete = self.entry.pin == config::Pin::None || self.slots.iter().all(|slot| slot.settled);
        let lanes: Vec<_> = self.slots.iter().filter_map(|slot| slot.lane.clone()).filter(|_| complete).collect();
        if let Some(first) = lanes.first() {
            first.link.subscribe(self.wanted.borrow().clone());
        }
        match (lanes.is_empty(), self.entry.idle_timeout) {
            (false, Some(idle)) if self.usage.is_none() => {
                let (calls, now) = (self.server.counters.calls.load(Ordering::Relaxed), Instant::now());
                let usage = Use::new(idle, calls, now);
                self.look_at = usage.next_look(now);
                self.usage = Some(usage);
            }
            (true, _) => self.usage = None,
            _ => {}
        }
        self.server.lanes.store(Lanes::new(lanes, self.entry.pin).map(Arc::new));
    }

    fn status(&self) -> Status {
        let instances: Vec<InstanceStatus> = self.slots.iter().map(|slot| slot.status.clone()).collect();
        let up = self.goal == Goal::Up;
        let state = ServerState::of(Admission::Active, up, instances.iter().map(InstanceStatus::part));
        let alike =
            || instances.iter().filter(|status| ServerState::of(Admission::Active, up, [status.part()]) == state);
        let says = alike().find(|status| status.reason.is_some()).or_else(|| alike().next());
        let reason = says.and_then(|status| status.reason.as_deref()).map(str::to_owned);
        Status {
            state,
            goal: self.goal,
            reason: if state == ServerState::Stopped && self.goal == Goal::Stopped {
                Some(self.environment.wishes.why_stopped(&self.server.name).unwrap_or(BY_A_PERSON).to_owned())
            } else {
                reason
            },
            hint: says.and_then(|status| status.hint.as_deref()).map(str::to_owned),
            cause: says.map(|status| status.cause).unwrap_or_default(),
            since: says.map_or_else(std::time::SystemTime::now, |status| status.since),
            next_try: alike().filter_map(|status| status.next_try).min(),
            pid: alike().find_map(|status| status.pid),
            degraded: (state == ServerState::Ready).then(|| self.degraded()).flatten(),
            instances,
        }
    }

    /// What is not as it should be with a server that is ready.
    fn degraded(&self) -> Option<String> {
        let down = |slot: &&Slot| !matches!(slot.status.state, State::Ready | State::Starting);
        let mut downs = self.slots.iter().filter(down);
        if let Some(first) = downs.next() {
            let (count, all) = (1 + downs.count(), self.slots.len());
            let verb = if count == 1 { "is" } else { "are" };
            let why = first.status.reason.as_deref().unwrap_or_else(|| first.status.state.as_str());
            return Some(format!("{count} of {all} instances {verb} down: {why}"));
        }
        let of_one = self.slots.iter().find_map(|slot| slot.trouble.clone().or_else(|| slot.degraded.clone()));
        of_one.or_else(|| self.echoes.says().map(str::to_owned))
    }

    // === sleep

    fn look(&mut self) {
        let Some(usage) = &mut self.usage else { return };
        let server = &self.server;
        let on_lanes = self.slots.iter().filter_map(|slot| slot.lane.as_ref()).any(|lane| lane.calls() > 0);
        let wanted = *self.wanted.borrow() != Wanted::default();
        let held = self.environment.needs.is_held(&server.name);
        let waiting = server.waiting.load(Ordering::Relaxed) > 0;
        let busy = on_lanes || wanted || waiting || held || !server.tasks.is_empty();
        match usage.look(server.counters.calls.load(Ordering::Relaxed), busy, Instant::now()) {
            Verdict::Sleep => {
                self.usage = None;
                self.wish(Wish::Sleep);
            }
            Verdict::LookAt(at) => self.look_at = at,
        }
    }
}

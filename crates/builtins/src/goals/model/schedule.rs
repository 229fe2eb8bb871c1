//! How long the rest of a goal takes: the critical path with slack, how many can work at once with
//! use, and by chance of the estimates when it is finished (Monte Carlo, seeded).
//!
//! It deliberately knows hours of work and no calendar, and changes nothing: a what-if is a
//! calculation on a copy.

use super::graph::{Graph, Node};
use super::random::Random;
use super::rows::Estimate;
use schemars::JsonSchema;
use serde::Serialize;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

/// Runs of the simulation.
const RUNS_MAX: usize = 1_000;
/// Fewer runs tell nothing.
const RUNS_MIN: usize = 50;
/// Tasks simulated in all runs together.
const STEPS_MAX: usize = 5_000_000;
/// How far the nine-of-ten mark of the normal distribution is from its middle.
const P90_DEVIATION: f64 = 1.281_551_565_544_6;
/// Tasks whose times are told one by one.
const TASKS_SHOWN_MAX: usize = 200;

/// What would be different.
#[derive(Debug, Clone, Default)]
pub(crate) struct WhatIf {
    /// Tasks that are left out, by number.
    pub(crate) without: Vec<u64>,
    /// How long tasks take, hours, by number.
    pub(crate) hours: BTreeMap<u64, f64>,
}

/// How long the rest of a goal takes.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub(crate) struct Schedule {
    pub(crate) goal_id: String,
    /// Tasks that are not done.
    pub(crate) open_tasks: usize,
    /// Those of them of which nobody said how long they take; an hour is assumed.
    pub(crate) assumed_tasks: usize,
    /// All their work, hours.
    pub(crate) work_hours: f64,
    /// The longest chain, hours.
    pub(crate) critical_hours: f64,
    /// Its tasks in order.
    pub(crate) critical_path: Vec<String>,
    /// Hours until the end that half of the simulated runs keep, with so many agents.
    pub(crate) finish_p50_hours: f64,
    /// Hours until the end that nine of ten keep.
    pub(crate) finish_p90_hours: f64,
    pub(crate) agents: usize,
    /// More than so many at once are of no use.
    pub(crate) parallelism_max: usize,
    /// The capability with the most work, and its hours.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) bottleneck: Option<Bottleneck>,
    /// When each can start and how long it can wait, hours; those without slack first.
    pub(crate) tasks: Vec<Timed>,
}

/// A capability and the work that needs it.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub(crate) struct Bottleneck {
    pub(crate) capability: String,
    pub(crate) hours: f64,
}

/// When a task can start.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub(crate) struct Timed {
    pub(crate) id: String,
    pub(crate) start_hours: f64,
    pub(crate) hours: f64,
    pub(crate) slack_hours: f64,
}

/// Times of the open nodes with typical durations.
#[derive(Debug, Clone, Default)]
pub(crate) struct Times {
    /// Nodes that are not done, each after what it waits for.
    pub(crate) order: Vec<u32>,
    /// When each can start.
    pub(crate) start: Vec<f64>,
    /// From its start to the end of the longest chain that begins with it.
    pub(crate) tail: Vec<f64>,
    /// The longest chain.
    pub(crate) length: f64,
}

// === impl Times ===

impl Times {
    /// The times of the nodes that are open in `graph`.
    #[must_use]
    pub(crate) fn of(graph: &Graph) -> Self {
        let is_open = |node: u32| graph.nodes.get(node as usize).is_some_and(Node::is_open);
        let order: Vec<u32> = graph.levels().into_iter().map(|(node, _)| node).filter(|node| is_open(*node)).collect();
        let hours: Vec<f64> =
            graph.nodes.iter().map(|node| if node.is_open() { node.estimate.p50 } else { 0.0 }).collect();
        let start = starts(graph, &order, &hours);
        let mut tail = vec![0.0_f64; graph.nodes.len()];
        for node in order.iter().rev() {
            let rest = graph.after[*node as usize].iter().map(|later| tail[*later as usize]).fold(0.0, f64::max);
            tail[*node as usize] = rest + hours[*node as usize];
        }
        let length = order.iter().map(|node| tail[*node as usize]).fold(0.0, f64::max);
        Self { order, start, tail, length }
    }

    /// How long a node can wait without moving the end.
    #[must_use]
    pub(crate) fn slack(&self, node: u32) -> f64 {
        let slack = self.length - self.start[node as usize] - self.tail[node as usize];
        if slack.abs() < 1e-9 { 0.0 } else { slack }
    }

    /// The longest chain; of several, the one whose tasks have the lowest numbers.
    #[must_use]
    pub(crate) fn critical_path(&self, graph: &Graph) -> Vec<u32> {
        let mut path = Vec::new();
        let mut at = self
            .order
            .iter()
            .copied()
            .filter(|node| self.start[*node as usize] == 0.0 && self.slack(*node) == 0.0)
            .min();
        while let Some(node) = at {
            path.push(node);
            let end = self.start[node as usize] + graph.nodes[node as usize].estimate.p50;
            let later = graph.after[node as usize].iter().copied();
            at = later
                .filter(|next| graph.nodes[*next as usize].is_open())
                .filter(|next| self.slack(*next) == 0.0 && (self.start[*next as usize] - end).abs() < 1e-9)
                .min();
        }
        path
    }
}

/// When each node of `order` can start if each takes so long.
fn starts(graph: &Graph, order: &[u32], hours: &[f64]) -> Vec<f64> {
    let mut start = vec![0.0_f64; graph.nodes.len()];
    for node in order {
        let end = start[*node as usize] + hours[*node as usize];
        for later in &graph.after[*node as usize] {
            let begins = &mut start[*later as usize];
            *begins = begins.max(end);
        }
    }
    start
}

// === impl Node ===

impl Node {
    fn is_open(&self) -> bool {
        !self.status.is_done()
    }
}

// === impl Graph ===

impl Graph {
    /// This goal as it would be.
    #[must_use]
    pub(crate) fn with(mut self, what_if: &WhatIf) -> Self {
        for node in &mut self.nodes {
            if what_if.without.contains(&node.row.number) {
                node.status = super::words::TaskStatus::Cancelled;
            }
            if let Some(hours) = what_if.hours.get(&node.row.number) {
                (node.estimate, node.is_assumed) = (Estimate { p50: *hours, p90: *hours }, false);
            }
        }
        self
    }

    /// How long the rest takes.
    #[must_use]
    pub(crate) fn schedule(&self, agents: Option<usize>, seed: u64) -> Schedule {
        let times = Times::of(self);
        let parallelism_max = parallelism(self, &times);
        let agents = agents.unwrap_or(parallelism_max).clamp(1, parallelism_max.max(1));
        let (p50, p90) = self.simulate(&times, (agents < parallelism_max).then_some(agents), seed);
        let open = || times.order.iter().filter_map(|node| self.nodes.get(*node as usize));
        let mut tasks: Vec<Timed> = times.order.iter().map(|node| self.timed(&times, *node)).collect();
        tasks.sort_by(|one, other| {
            one.slack_hours.total_cmp(&other.slack_hours).then(one.start_hours.total_cmp(&other.start_hours))
        });
        tasks.truncate(TASKS_SHOWN_MAX);
        let path = times.critical_path(self);
        Schedule {
            goal_id: self.goal.clone(),
            open_tasks: times.order.len(),
            assumed_tasks: open().filter(|node| node.is_assumed).count(),
            work_hours: round(open().map(|node| node.estimate.p50).sum()),
            critical_hours: round(times.length),
            critical_path: path.into_iter().map(|node| self.nodes[node as usize].alias()).collect(),
            finish_p50_hours: round(p50),
            finish_p90_hours: round(p90),
            agents,
            parallelism_max,
            bottleneck: bottleneck(open()),
            tasks,
        }
    }

    fn timed(&self, times: &Times, node: u32) -> Timed {
        let row = &self.nodes[node as usize];
        Timed {
            id: row.alias(),
            start_hours: round(times.start[node as usize]),
            hours: round(row.estimate.p50),
            slack_hours: round(times.slack(node)),
        }
    }

    /// When half and nine of ten simulated runs are at their end.
    fn simulate(&self, times: &Times, agents: Option<usize>, seed: u64) -> (f64, f64) {
        if times.order.is_empty() {
            return (0.0, 0.0);
        }
        let runs = (STEPS_MAX / times.order.len()).clamp(RUNS_MIN, RUNS_MAX);
        let mut random = Random::new(seed);
        let mut hours = vec![0.0_f64; self.nodes.len()];
        let mut ends: Vec<f64> = (0..runs)
            .map(|_| {
                for node in &times.order {
                    hours[*node as usize] = drawn(self.nodes[*node as usize].estimate, &mut random);
                }
                match agents {
                    Some(agents) => self.worked_off(times, &hours, agents),
                    None => {
                        let start = starts(self, &times.order, &hours);
                        times.order.iter().map(|node| start[*node as usize] + hours[*node as usize]).fold(0.0, f64::max)
                    }
                }
            })
            .collect();
        ends.sort_by(f64::total_cmp);
        (ends[runs / 2], ends[runs * 9 / 10])
    }

    /// When so many agents are done, each taking the ready task with the longest chain behind it.
    fn worked_off(&self, times: &Times, hours: &[f64], agents: usize) -> f64 {
        let is_open = |node: &&u32| self.nodes[**node as usize].is_open();
        let mut left: Vec<usize> = self.before.iter().map(|before| before.iter().filter(is_open).count()).collect();
        let key = |node: u32| (bits(times.tail[node as usize]), Reverse(node));
        let mut ready: BinaryHeap<(u64, Reverse<u32>)> =
            times.order.iter().filter(|node| left[**node as usize] == 0).map(|node| key(*node)).collect();
        let mut busy: BinaryHeap<Reverse<(u64, u32)>> = BinaryHeap::new();
        let mut now = 0.0;
        loop {
            while let Some((_, Reverse(node))) = (busy.len() < agents).then(|| ready.pop()).flatten() {
                busy.push(Reverse((bits(now + hours[node as usize]), node)));
            }
            let Some(Reverse((end, node))) = busy.pop() else { return now };
            now = f64::from_bits(end);
            for later in self.after[node as usize].iter().filter(is_open) {
                left[*later as usize] -= 1;
                if left[*later as usize] == 0 {
                    ready.push(key(*later));
                }
            }
        }
    }
}

/// The bits of a number that is not negative: they are in the order of the numbers.
fn bits(number: f64) -> u64 {
    number.max(0.0).to_bits()
}

/// A duration by chance: log-normal, through the two marks of the estimate.
fn drawn(estimate: Estimate, random: &mut Random) -> f64 {
    if estimate.p90 <= estimate.p50 || estimate.p50 <= 0.0 {
        return estimate.p50;
    }
    let deviation = (estimate.p90 / estimate.p50).ln() / P90_DEVIATION;
    estimate.p50 * (random.normal() * deviation).exp()
}

/// How many are worked on at once at most, if each starts as soon as it can.
fn parallelism(graph: &Graph, times: &Times) -> usize {
    let mut steps: Vec<(f64, bool)> = Vec::with_capacity(times.order.len() * 2);
    for node in &times.order {
        let hours = graph.nodes[*node as usize].estimate.p50;
        if hours > 0.0 {
            let start = times.start[*node as usize];
            steps.push((start, true));
            steps.push((start + hours - 1e-9, false));
        }
    }
    steps.sort_by(|one, other| one.0.total_cmp(&other.0).then(one.1.cmp(&other.1)));
    let (mut now, mut most) = (0_usize, usize::from(!times.order.is_empty()));
    for (_, begins) in steps {
        now = if begins { now + 1 } else { now.saturating_sub(1) };
        most = most.max(now);
    }
    most
}

fn bottleneck<'a>(open: impl Iterator<Item = &'a Node>) -> Option<Bottleneck> {
    let mut hours: BTreeMap<&str, f64> = BTreeMap::new();
    for node in open {
        for capability in &node.row.capabilities {
            *hours.entry(capability).or_default() += node.estimate.p50;
        }
    }
    let most = hours.into_iter().max_by(|one, other| one.1.total_cmp(&other.1))?;
    Some(Bottleneck { capability: most.0.to_owned(), hours: round(most.1) })
}

/// To the hundredth of an hour.
fn round(hours: f64) -> f64 {
    (hours * 100.0).round() / 100.0
}

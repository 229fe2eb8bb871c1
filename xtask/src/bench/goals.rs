//! What a run is judged by: the figures of the benchmark's must and aim columns.

use super::report::shown;
use super::scenario::Scenario::{self, Http, Http50, Stdio};
use super::scenario::{LARGE_16, LIST, SMALL_64};
use super::table::{CPU, Get, P50, P99, RPS, Table, median};
use std::fmt::Write;

/// A goal: a figure and its two thresholds.
struct Goal {
    figure: &'static str,
    value: Option<f64>,
    unit: &'static str,
    must: f64,
    aim: f64,
    more_is_better: bool,
}

impl Goal {
    /// At most `must`, better at most `aim`.
    fn most(figure: &'static str, unit: &'static str, must: f64, aim: f64, value: Option<f64>) -> Self {
        Self { figure, value, unit, must, aim, more_is_better: false }
    }

    /// At least `must`, better at least `aim`.
    fn least(figure: &'static str, unit: &'static str, must: f64, aim: f64, value: Option<f64>) -> Self {
        Self { figure, value, unit, must, aim, more_is_better: true }
    }

    fn verdict(&self) -> &'static str {
        let meets = |value: f64, wanted: f64| {
            if self.more_is_better { value >= wanted } else { value <= wanted }
        };
        match self.value {
            None => "no data",
            Some(value) if meets(value, self.aim) => "aim",
            Some(value) if meets(value, self.must) => "must",
            Some(_) => "**missed**",
        }
    }
}

/// Writes the table of goals and which of them are met.
pub(super) fn render(text: &mut String, table: &Table<'_>) {
    let _ = writeln!(text, "\n### Goals\n\n| figure | switchboard | must | aim | met |\n|---|--:|--:|--:|---|");
    for goal in goal_list(table) {
        let sign = if goal.more_is_better { "≥" } else { "≤" };
        let _ = writeln!(
            text,
            "| {} | {}{} | {sign} {} | {sign} {} | {} |",
            goal.figure,
            shown(goal.value),
            if goal.value.is_some() { goal.unit } else { "" },
            goal.must,
            goal.aim,
            goal.verdict()
        );
    }
}

fn goal_list(table: &Table<'_>) -> Vec<Goal> {
    let mut goals = cpu_goals(table);
    goals.extend(call_goals(table));
    goals.extend(standing_goals(table));
    goals
}

fn over_floor(table: &Table<'_>, scenario: Scenario, name: &str, get: Get) -> Option<f64> {
    table.cell_ratio(scenario, name, "switchboard", "floor", get)
}

/// What a call costs in CPU.
fn cpu_goals(table: &Table<'_>) -> Vec<Goal> {
    let cells = [
        ("CPU per call at 64 connections, HTTP", Http, SMALL_64),
        ("CPU per call at 64 connections, stdio", Stdio, SMALL_64),
        ("CPU per call, 64 KiB result, HTTP", Http, LARGE_16),
        ("CPU per call, 64 KiB result, stdio", Stdio, LARGE_16),
    ];
    let goal = |(figure, scenario, name)| {
        let value = over_floor(table, scenario, name, CPU);
        Goal::most(figure, " × floor", 1.8, 1.3, value)
    };
    cells.map(goal).into()
}

/// What a caller sees.
fn call_goals(table: &Table<'_>) -> Vec<Goal> {
    let direct = table.cell_ratio(Http, SMALL_64, "switchboard", "direct", RPS);
    let piped = over_floor(table, Stdio, SMALL_64, RPS);
    let (p50, p99) = (table.added(P50), table.added(P99));
    let list = over_floor(table, Http50, LIST, P50);
    let figure = "tools/list p50, 50 backends, 400 tools";
    vec![
        Goal::least("calls/s at 64 connections, HTTP", " × direct", 0.30, 0.38, direct),
        Goal::least("calls/s at 64 connections, stdio", " × floor", 0.6, 0.8, piped),
        Goal::most("added p50 at 1 connection", " × floor's", 1.3, 1.0, p50),
        Goal::most("added p99 at 1 connection", " × floor's", 1.5, 1.1, p99),
        Goal::most(figure, " × floor", 2.5, 1.3, list),
    ]
}

/// Memory, start and processes.
fn standing_goals(table: &Table<'_>) -> Vec<Goal> {
    let idle = |scenario| table.median_of("switchboard", scenario, |row| row.idle_mib.map(|(all, _)| all));
    let cold = |scenario| table.ratio(scenario, "switchboard", "floor", |row| median(row.cold_ms.clone()));
    let processes = table.median_of("switchboard", Stdio, |row| row.processes.map(|count| count as f64));
    let (one, fifty) = ("RSS idle, 1 backend, with the guard", "RSS idle, 50 backends, with the guard");
    let shared = "processes of one shared stdio server, 64 sessions";
    vec![
        Goal::most(one, " MiB", 12.0, 8.0, idle(Http)),
        Goal::most(fifty, " MiB", 20.0, 12.0, idle(Http50)),
        Goal::most("cold start to the full list, 1 backend", " × floor", 3.0, 1.5, cold(Http)),
        Goal::most("cold start to the full list, 50 backends", " × floor", 3.0, 1.5, cold(Http50)),
        Goal::most(shared, "", 1.0, 1.0, processes),
    ]
}

#[cfg(test)]
mod tests {
    use super::Goal;

    #[test]
    fn a_value_meets_the_aim_the_must_or_neither() {
        let most = |value| Goal::most("", "", 1.8, 1.3, Some(value)).verdict();
        assert_eq!([most(1.0), most(1.5), most(2.0)], ["aim", "must", "**missed**"]);
        let least = |value| Goal::least("", "", 0.3, 0.38, value).verdict();
        assert_eq!([least(Some(0.35)), least(None)], ["must", "no data"]);
    }
}

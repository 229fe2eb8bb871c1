//! Looking things up in the rows of a run: medians over the rounds, and ratios within them.

use super::rig::{Measured, Row};
use super::scenario::{SMALL_1, Scenario};

/// The rows of a run.
pub(super) struct Table<'a>(pub(super) &'a [Row]);

/// Takes one figure out of a cell.
pub(super) type Get = fn(&Measured) -> Option<f64>;

pub(super) const RPS: Get = |cell| Some(cell.rps);
pub(super) const P50: Get = |cell| Some(cell.p50_us);
pub(super) const P99: Get = |cell| Some(cell.p99_us);
pub(super) const CPU: Get = |cell| cell.cpu_us;

impl Table<'_> {
    pub(super) fn rows(&self, who: &str, scenario: Scenario) -> impl Iterator<Item = &Row> {
        self.0.iter().filter(move |row| row.contender == who && row.scenario == scenario)
    }

    pub(super) fn median_of(&self, who: &str, scenario: Scenario, get: impl Fn(&Row) -> Option<f64>) -> Option<f64> {
        median(self.rows(who, scenario).filter_map(get).collect())
    }

    pub(super) fn cell(&self, who: &str, scenario: Scenario, name: &str, get: Get) -> Option<f64> {
        self.median_of(who, scenario, |row| row.cells.get(name).and_then(get))
    }

    /// The median over rounds of something of ours over something of `base`, in the same round.
    pub(super) fn ratio(
        &self,
        scenario: Scenario,
        who: &str,
        base: &str,
        get: impl Fn(&Row) -> Option<f64>,
    ) -> Option<f64> {
        let ratios = self.rows(who, scenario).filter_map(|row| {
            let other = self.rows(base, scenario).find(|other| other.round == row.round)?;
            let (upper, lower) = (get(row)?, get(other)?);
            (lower > 0.0).then(|| upper / lower)
        });
        median(ratios.collect())
    }

    pub(super) fn cell_ratio(&self, scenario: Scenario, name: &str, who: &str, base: &str, get: Get) -> Option<f64> {
        self.ratio(scenario, who, base, |row| row.cells.get(name).and_then(get))
    }

    /// What we add to direct over what the floor adds, at one connection.
    pub(super) fn added(&self, get: Get) -> Option<f64> {
        let of = |row: &Row| row.cells.get(SMALL_1).and_then(get);
        self.ratio(Scenario::Http, "switchboard", "floor", |row| {
            let mut direct = self.rows("direct", row.scenario).filter(|other| other.round == row.round);
            Some(of(row)? - of(direct.next()?)?)
        })
    }
}

/// The middle one, or the mean of the two in the middle.
pub(super) fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => None,
        odd if odd % 2 == 1 => Some(values[middle]),
        _ => Some(f64::midpoint(values[middle - 1], values[middle])),
    }
}

#[cfg(test)]
mod tests {
    use super::median;

    #[test]
    fn the_median_of_odd_even_and_nothing() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(vec![1.0, 2.0]), Some(1.5));
        assert_eq!(median(Vec::new()), None);
    }
}

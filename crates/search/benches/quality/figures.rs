//! Figures of retrieval, each a mean over queries, in percent.

use crate::Ranked;
use crate::sets::Query;
use std::collections::BTreeSet;

/// Sums over queries.
#[derive(Debug, Default, Clone)]
pub(crate) struct Figures {
    count: f64,
    recall: [f64; 3],
    gain: [f64; 2],
    reciprocal: f64,
    server: [f64; 2],
}

impl Figures {
    pub(crate) fn of<'a>(answers: impl Iterator<Item = (&'a Query, Ranked)>) -> Self {
        let mut figures = Self::default();
        answers.for_each(|(query, ranked)| figures.add(query, &ranked));
        figures
    }

    pub(crate) fn add(&mut self, query: &Query, ranked: &Ranked) {
        self.count += 1.0;
        for (sum, depth) in self.recall.iter_mut().zip([1, 5, 10]) {
            let first: BTreeSet<&String> = ranked.tools.iter().take(depth).collect();
            let found = query.groups.iter().filter(|group| group.iter().any(|id| first.contains(id))).count();
            *sum += found as f64 / query.groups.len().max(1) as f64;
        }
        for (sum, depth) in self.gain.iter_mut().zip([5, 10]) {
            *sum += gain(query, &ranked.tools, depth);
        }
        let rank = ranked.tools.iter().position(|id| query.relevant.contains(id));
        self.reciprocal += rank.map_or(0.0, |rank| 1.0 / (rank + 1) as f64);
        for (sum, depth) in self.server.iter_mut().zip([1, 3]) {
            let right = ranked.servers.iter().take(depth).any(|server| query.servers.contains(server));
            *sum += f64::from(right);
        }
    }

    pub(crate) fn cells(&self) -> String {
        let sums = self.recall.iter().chain(&self.gain).chain([&self.reciprocal]).chain(&self.server);
        sums.map(|sum| format!("{:.1}", 100.0 * sum / self.count)).collect::<Vec<_>>().join(" | ")
    }
}

/// Discounted gain over that of the best order there is.
fn gain(query: &Query, tools: &[String], depth: usize) -> f64 {
    let grade = |id: &String| match query.grades.get(id) {
        Some(grade) => *grade,
        None => f64::from(query.relevant.contains(id)),
    };
    let discounted = |grades: &[f64]| -> f64 {
        grades.iter().take(depth).enumerate().map(|(at, grade)| (grade.exp2() - 1.0) / (at as f64 + 2.0).log2()).sum()
    };
    let mut best: Vec<f64> = query.relevant.iter().map(grade).collect();
    best.sort_by(|one, other| other.total_cmp(one));
    let found: Vec<f64> = tools.iter().map(grade).collect();
    discounted(&found) / discounted(&best).max(1e-9)
}

//! Which servers fit: from their tools, never from their descriptions first, and the fewest that
//! have to be woken.

use crate::answer::{Band, Query, Reason, ServerHit};
use crate::rank::{Candidate, Ranking};
use crate::rules::Ruled;
use std::sync::Arc;

/// How many servers an answer lists.
const SERVERS_MAX: usize = 10;

/// How many of them are chosen at most.
const CHOSEN_MAX: usize = 5;

/// A server is chosen when it is this near to the best one.
const CHOSEN_WITHIN: f32 = 0.85;

/// How much a server's second and third best tools count beside the best one.
const NEXT_TOOLS: [f32; 2] = [0.3, 0.1];

/// What stands for a tool that a small server does not have: this much of the one before it.
const MISSING_TOOL: f32 = 0.75;

/// How many servers, in the order of their best tools, are looked at closely.
const CANDIDATES: usize = 32;

/// How many tools of a server are listed.
const TOOLS_SHOWN: usize = 3;

struct Of<'a> {
    name: &'a Arc<str>,
    tools: Vec<&'a Candidate<'a>>,
    score: f32,
}

/// The servers of a ranking, best first.
pub(crate) fn rank(ranking: &Ranking<'_>, band: Band) -> Vec<ServerHit> {
    let mut servers: Vec<Of<'_>> = Vec::new();
    for candidate in &ranking.candidates {
        let name = &candidate.entry.server;
        match servers.iter().position(|known| Arc::ptr_eq(known.name, name)) {
            Some(at) => servers[at].tools.push(candidate),
            None if servers.len() < CANDIDATES => servers.push(Of { name, tools: vec![candidate], score: 0.0 }),
            None => {}
        }
    }
    for server in &mut servers {
        let ruled = ranking.ruled.iter().find(|ruled| ruled.server == &**server.name);
        server.score = score(&server.tools) + ruled.map_or(0.0, |ruled| ruled.bonus);
    }
    servers.sort_by(|one, other| other.score.total_cmp(&one.score).then_with(|| one.name.cmp(other.name)));
    let chosen = chosen(&servers, ranking, band);
    let most = servers.first().map_or(1.0, |first| first.score).max(1.0);
    let hits = servers.iter().enumerate().filter(|(at, server)| *at < SERVERS_MAX || chosen.contains(&&**server.name));
    let mut hits: Vec<ServerHit> = hits
        .map(|(_, server)| ServerHit {
            server: server.name.to_string(),
            score: (server.score / most).clamp(0.0, 1.0),
            tools: server.tools.iter().take(TOOLS_SHOWN).map(|tool| tool.entry.id.to_string()).collect(),
            chosen: chosen.contains(&&**server.name),
            reasons: server.reasons(ranking),
        })
        .collect();
    let listed: Vec<ServerHit> = of_rules(ranking.query, &ranking.ruled);
    hits.extend(listed.into_iter().filter(|rule| servers.iter().all(|server| **server.name != *rule.server)));
    hits
}

/// The servers that only rules name, with no tool known.
pub(crate) fn of_rules(query: &Query<'_>, ruled: &[Ruled<'_>]) -> Vec<ServerHit> {
    let asked = ruled.iter().filter(|ruled| query.server.is_none_or(|server| server == ruled.server));
    let hits = asked.map(|ruled| ServerHit {
        server: ruled.server.to_owned(),
        score: ruled.bonus,
        tools: Vec::new(),
        chosen: true,
        reasons: rules(ruled).collect(),
    });
    hits.collect()
}

fn rules<'a>(ruled: &'a Ruled<'_>) -> impl Iterator<Item = Reason> + use<'a> {
    ruled.rules.iter().map(|rule| Reason::Rule { rule: (*rule).to_owned() })
}

/// The weighted mean of a server's three best tools.
fn score(tools: &[&Candidate<'_>]) -> f32 {
    let mut before = tools.first().map_or(0.0, |tool| tool.fit);
    let mut sum = before;
    for (at, share) in NEXT_TOOLS.iter().enumerate() {
        before = tools.get(at + 1).map_or(MISSING_TOOL * before, |tool| tool.fit);
        sum += share * before;
    }
    sum / (1.0 + NEXT_TOOLS.iter().sum::<f32>())
}

/// The names of the servers to wake: about as good as the best, the best for each step, what rules
/// name; none when nothing fits.
fn chosen<'a>(servers: &[Of<'a>], ranking: &Ranking<'_>, band: Band) -> Vec<&'a str> {
    let mut chosen: Vec<&str> = Vec::new();
    if band == Band::Nothing {
        return chosen;
    }
    let ruled = |name: &str| ranking.ruled.iter().any(|ruled| ruled.server == name);
    let best = servers.first().map_or(0.0, |first| first.score);
    chosen.extend(servers.iter().filter(|server| ruled(server.name)).map(|server| &**server.name));
    for part in 0..ranking.parts.len() {
        let of_part = servers.iter().flat_map(|server| server.tools.iter().map(move |tool| (server, tool)));
        let of_part = of_part.filter(|(_, tool)| tool.part == Some(part));
        let first = of_part.max_by(|one, other| one.1.fit.total_cmp(&other.1.fit));
        chosen.extend(first.map(|(server, _)| &**server.name));
    }
    chosen.extend(servers.iter().filter(|server| server.score >= CHOSEN_WITHIN * best).map(|server| &**server.name));
    let mut seen: Vec<&str> = Vec::new();
    chosen.retain(|name| {
        !seen.contains(name) && {
            seen.push(name);
            true
        }
    });
    chosen.truncate(CHOSEN_MAX);
    chosen
}

impl Of<'_> {
    /// What rules say, then why its best tool fits.
    fn reasons(&self, ranking: &Ranking<'_>) -> Vec<Reason> {
        let ruled = ranking.ruled.iter().find(|ruled| ruled.server == &**self.name);
        let rules = ruled.into_iter().flat_map(rules);
        let of_tool = self.tools.first().map(|tool| ranking.reasons(tool)).unwrap_or_default();
        rules.chain(of_tool.into_iter().filter(|reason| !matches!(reason, Reason::Rule { .. }))).collect()
    }
}

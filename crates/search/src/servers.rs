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

/// What stands for a tool that a small server does not have: this much of its best one.
const MISSING_TOOL: f32 = 0.75;

/// How much a server's own title and description count beside its tools.
const MEANING_SHARE: f32 = 0.1;

/// How many servers, in the order of their best tools, are looked at closely.
const CANDIDATES: usize = 32;

/// How many tools of a server are listed.
const TOOLS_SHOWN: usize = 3;

struct Of<'a> {
    name: &'a Arc<str>,
    tools: Vec<&'a Candidate<'a>>,
    meaning: f32,
    score: f32,
}

/// The servers of a ranking, best first.
pub(crate) fn rank(ranking: &Ranking<'_>, band: Band) -> Vec<ServerHit> {
    let mut servers: Vec<Of<'_>> = Vec::new();
    for candidate in &ranking.candidates {
        let name = &candidate.entry.server;
        match servers.iter().position(|known| Arc::ptr_eq(known.name, name)) {
            Some(at) => servers[at].tools.push(candidate),
            None if servers.len() < CANDIDATES => servers.push(Of::new(name, candidate, ranking)),
            None => {}
        }
    }
    score(&mut servers);
    for server in &mut servers {
        let ruled = ranking.ruled.iter().find(|ruled| ruled.server == &**server.name);
        server.score += ruled.map_or(0.0, |ruled| ruled.bonus);
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

fn score(servers: &mut [Of<'_>]) {
    let range = |(low, high): (f32, f32), server: &Of<'_>| (low.min(server.meaning), high.max(server.meaning));
    let (low, high) = servers.iter().fold((f32::MAX, f32::MIN), range);
    let span = (high - low).max(1e-9);
    for server in servers {
        let best = server.tools.first().map_or(0.0, |tool| tool.score);
        let next = |at: usize| server.tools.get(at + 1).map_or(MISSING_TOOL * best, |tool| tool.score);
        let next: f32 = NEXT_TOOLS.iter().enumerate().map(|(at, share)| share * next(at)).sum();
        let tools = (best + next) / (1.0 + NEXT_TOOLS.iter().sum::<f32>());
        server.score = tools + MEANING_SHARE * (server.meaning - low) / span;
    }
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
        let first = of_part.max_by(|one, other| one.1.score.total_cmp(&other.1.score));
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

impl<'a> Of<'a> {
    fn new(name: &'a Arc<str>, best: &'a Candidate<'a>, ranking: &Ranking<'_>) -> Self {
        let server = ranking.index.server(name);
        let meaning = server.map_or(0.0, |server| ranking.whole.nearness(&server.row.0, server.row.1));
        Self { name, tools: vec![best], meaning, score: 0.0 }
    }

    fn reasons(&self, ranking: &Ranking<'_>) -> Vec<Reason> {
        let ruled = ranking.ruled.iter().find(|ruled| ruled.server == &**self.name);
        let mut reasons: Vec<Reason> = ruled.into_iter().flat_map(rules).collect();
        if self.meaning > 0.0 {
            reasons.push(Reason::Meaning { cosine: self.meaning.min(1.0) });
        }
        reasons
    }
}

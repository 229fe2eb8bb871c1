//! Which servers fit: from their tools, never from their descriptions first, and the fewest that
//! have to be woken.

use crate::answer::{Band, Query, Reason, ServerHit};
use crate::rank::{Candidate, Ranking};
use crate::rules::Ruled;
use std::collections::BTreeMap;

/// How many servers an answer lists.
const SERVERS_MAX: usize = 10;

/// How many of them are chosen at most.
const CHOSEN_MAX: usize = 5;

/// A server is chosen when it is this near to the best one.
const CHOSEN_WITHIN: f32 = 0.85;

/// How much a server's best tools count, the best one first.
const TOOLS: [f32; 3] = [1.0, 0.5, 0.25];

/// How much a server's own texts count beside its tools.
const MEANING_SHARE: f32 = 0.3;
const WORDS_SHARE: f32 = 0.1;

/// How many tools of a server are listed.
const TOOLS_SHOWN: usize = 3;

struct Of<'a> {
    name: &'a str,
    tools: Vec<&'a Candidate<'a>>,
    meaning: f32,
    words: f32,
    score: f32,
}

/// The servers of a ranking, best first.
pub(crate) fn rank(ranking: &Ranking<'_>, band: Band) -> Vec<ServerHit> {
    let mut by_name: BTreeMap<&str, Vec<&Candidate<'_>>> = BTreeMap::new();
    for candidate in &ranking.candidates {
        by_name.entry(&candidate.entry.server).or_default().push(candidate);
    }
    let mut servers: Vec<Of<'_>> = by_name.into_iter().map(|(name, tools)| Of::new(name, tools, ranking)).collect();
    score(&mut servers);
    for server in &mut servers {
        let ruled = ranking.ruled.iter().find(|ruled| ruled.server == server.name);
        server.score += ruled.map_or(0.0, |ruled| ruled.bonus);
    }
    servers.sort_by(|one, other| other.score.total_cmp(&one.score).then_with(|| one.name.cmp(other.name)));
    let chosen = chosen(&servers, ranking, band);
    let most = servers.first().map_or(1.0, |first| first.score).max(1.0);
    let hits = servers.iter().enumerate().filter(|(at, server)| *at < SERVERS_MAX || chosen.contains(&server.name));
    let mut hits: Vec<ServerHit> = hits
        .map(|(_, server)| ServerHit {
            server: server.name.to_owned(),
            score: (server.score / most).clamp(0.0, 1.0),
            tools: server.tools.iter().take(TOOLS_SHOWN).map(|tool| tool.entry.id.to_string()).collect(),
            chosen: chosen.contains(&server.name),
            reasons: server.reasons(ranking),
        })
        .collect();
    let listed: Vec<ServerHit> = of_rules(ranking.query, &ranking.ruled);
    hits.extend(listed.into_iter().filter(|rule| servers.iter().all(|server| server.name != rule.server)));
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
    let range = |(low, high): (f32, f32), value: f32| (low.min(value), high.max(value));
    let of = |get: fn(&Of<'_>) -> f32, servers: &[Of<'_>]| {
        let (low, high) = servers.iter().map(get).fold((f32::MAX, f32::MIN), range);
        (low, (high - low).max(1e-9))
    };
    let meaning = of(|server| server.meaning, servers);
    let words = of(|server| server.words, servers);
    for server in servers {
        let tools: f32 = TOOLS.iter().zip(&server.tools).map(|(share, tool)| share * tool.score).sum();
        server.score = tools / TOOLS.iter().sum::<f32>()
            + MEANING_SHARE * (server.meaning - meaning.0) / meaning.1
            + WORDS_SHARE * (server.words - words.0) / words.1;
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
    chosen.extend(servers.iter().filter(|server| ruled(server.name)).map(|server| server.name));
    for part in 0..ranking.parts.len() {
        let of_part = servers.iter().flat_map(|server| server.tools.iter().map(move |tool| (server, tool)));
        let of_part = of_part.filter(|(_, tool)| tool.part == Some(part));
        let first = of_part.max_by(|one, other| one.1.score.total_cmp(&other.1.score));
        chosen.extend(first.map(|(server, _)| server.name));
    }
    chosen.extend(servers.iter().filter(|server| server.score >= CHOSEN_WITHIN * best).map(|server| server.name));
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
    fn new(name: &'a str, tools: Vec<&'a Candidate<'a>>, ranking: &Ranking<'_>) -> Self {
        let mut new = Self { name, tools, meaning: 0.0, words: 0.0, score: 0.0 };
        if let Some(server) = ranking.index.server(name) {
            new.meaning = ranking.whole.nearness(&server.row.0, server.row.1);
            for (term, _) in &ranking.whole.terms {
                let weight = server.terms.get(*term).map_or(0, |[weight, _]| weight);
                new.words += ranking.index.idf(*term) * f32::from(weight);
            }
        }
        new
    }

    fn reasons(&self, ranking: &Ranking<'_>) -> Vec<Reason> {
        let ruled = ranking.ruled.iter().find(|ruled| ruled.server == self.name);
        let mut reasons: Vec<Reason> = ruled.into_iter().flat_map(rules).collect();
        if self.meaning > 0.0 {
            reasons.push(Reason::Meaning { cosine: self.meaning.min(1.0) });
        }
        reasons
    }
}

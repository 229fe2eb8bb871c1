//! How tools are ranked for a text: words and meaning for each tool, fused, then what is known
//! outside of texts (names written out, rules, uses).

use crate::answer::{Answer, Band, Hit, LIMIT_MAX, Query, Reason};
use crate::band;
use crate::entry::{Entry, exact_key};
use crate::index::Index;
use crate::parts;
use crate::rules::Ruled;
use crate::scores::{Gist, Scores};
use crate::servers;
use crate::uses::Used;
use crate::vector::{TEXT_BYTES_MAX, embed, head};
use crate::words::{Stems, Term, plain_name};

/// How much the best step of a text counts beside the whole text, and what the best tool of a step
/// gains: a task of several steps needs a tool for each.
const STEP_SHARE: f32 = 0.3;
const STEP_BONUS: f32 = 0.12;

/// What puts a tool whose name is written out before all others.
const NAMED: f32 = 16.0;

/// A longer text is no name (bytes).
const NAME_BYTES_MAX: usize = 256;

/// How many of the best tools are looked at closely.
const CANDIDATES: usize = 128;

/// A tool below this meaning and without a common word matches nothing.
const MATCH_MIN: f32 = 0.15;

/// A tool that may be part of the answer.
pub(crate) struct Candidate<'a> {
    pub(crate) entry: &'a Entry,
    /// The name that the text has in full.
    exact: Option<String>,
    /// How well it fits, above 0; a named one has [`NAMED`] more.
    pub(crate) fit: f32,
    /// The step it fits best, when that beats the whole text.
    pub(crate) part: Option<usize>,
    used: Option<Used>,
}

impl Index {
    /// The tools and servers that fit the query, with reasons. Some ten microseconds for a thousand
    /// tools; it waits for nothing.
    #[must_use]
    pub fn search(&self, query: &Query<'_>) -> Answer {
        let text = head(query.text.trim(), TEXT_BYTES_MAX);
        let mut stems = Stems::new();
        let whole = Gist::of(text, self, &mut stems);
        let steps = if self.is_empty() { Vec::new() } else { parts::split(text) };
        let ruled = query.rules.matching(text, &mut stems);
        if whole.is_empty() || self.is_empty() {
            let servers = servers::of_rules(query, &ruled);
            return Answer { band: Band::Nothing, tools: Vec::new(), servers, parts: Vec::new() };
        }
        let gists: Vec<Gist> = steps.iter().map(|step| Gist::of(step, self, &mut stems)).collect();
        let mut ranking = Ranking::of(self, query, text, whole, &steps, gists, ruled);
        let band = ranking.band(text);
        let servers = servers::rank(&ranking, band);
        let limit = query.limit.clamp(1, LIMIT_MAX);
        ranking.candidates.truncate(limit);
        let tools = ranking.candidates.iter().map(|candidate| ranking.hit(candidate)).collect();
        Answer { band, tools, servers, parts: steps.into_iter().map(str::to_owned).collect() }
    }

    fn exact_slots(&self, key: Term) -> impl Iterator<Item = usize> {
        let postings = self.postings.of(key).iter();
        postings.filter(|posting| posting.weight() == 0).map(|posting| posting.slot())
    }
}

/// Everything about one search.
pub(crate) struct Ranking<'a> {
    pub(crate) index: &'a Index,
    pub(crate) query: &'a Query<'a>,
    pub(crate) whole: Gist,
    pub(crate) scores: Scores,
    /// The same for each step.
    part_scores: Vec<Scores>,
    pub(crate) steps: &'a [&'a str],
    /// The steps, compared.
    pub(crate) parts: Vec<Gist>,
    pub(crate) ruled: Vec<Ruled<'a>>,
    /// Best first, only what the asker may see.
    pub(crate) candidates: Vec<Candidate<'a>>,
}

impl<'a> Ranking<'a> {
    fn of(
        index: &'a Index,
        query: &'a Query<'a>,
        text: &str,
        whole: Gist,
        steps: &'a [&'a str],
        parts: Vec<Gist>,
        ruled: Vec<Ruled<'a>>,
    ) -> Self {
        let mut part_scores = index.scores(parts.iter().chain([&whole]));
        let scores = part_scores.pop().unwrap_or_default();
        let mut ranking =
            Self { index, query, whole, scores, part_scores, steps, parts, ruled, candidates: Vec::new() };
        let mut fits = ranking.scores.fused.clone();
        let part_of = ranking.add_steps(&mut fits);
        let uses = ranking.add_known(&mut fits);
        let exact = exact_names(index, text);
        exact.iter().for_each(|(slot, _)| fits[*slot] += NAMED);
        ranking.candidates = ranking.choose(&fits, &part_of, uses, exact);
        ranking
    }

    /// Weighs in the steps; gives the step (from 1) that each slot fits better than the whole.
    fn add_steps(&self, fits: &mut [f32]) -> Vec<u8> {
        if self.parts.is_empty() {
            return Vec::new();
        }
        let whole = &self.scores.fused;
        let mut part_of = vec![0_u8; fits.len()];
        let mut firsts = Vec::new();
        for (at, part) in self.part_scores.iter().enumerate() {
            let number = at as u8 + 1;
            for ((fit, part_of), score) in fits.iter_mut().zip(&mut part_of).zip(&part.fused) {
                // Without branches, since this is done for every tool.
                *part_of = if score > fit { number } else { *part_of };
                *fit = fit.max(*score);
            }
            firsts.extend(self.first_of(whole, &part.fused).map(|slot| (slot, number)));
        }
        for (fit, whole) in fits.iter_mut().zip(whole) {
            *fit = STEP_SHARE * *fit + (1.0 - STEP_SHARE) * whole;
        }
        firsts.sort_unstable();
        firsts.dedup_by_key(|(slot, _)| *slot);
        for (slot, number) in firsts {
            fits[slot] += STEP_BONUS;
            part_of[slot] = number;
        }
        part_of
    }

    /// The visible tool with the largest sum of scores.
    fn first_of(&self, whole: &[f32], part: &[f32]) -> Option<usize> {
        let id = |slot: usize| self.index.entry(slot).map(|entry| &*entry.id);
        let mut first: Option<(f32, usize)> = None;
        for (slot, (whole, part)) in whole.iter().zip(part).enumerate() {
            let sum = whole + part;
            let (best, known) = first.unwrap_or((0.0, slot));
            if (sum > best || (sum == best && id(slot) < id(known))) && self.wanted(slot) {
                first = Some((sum, slot));
            }
        }
        first.map(|(_, slot)| slot)
    }

    /// Whether a tool may be part of the answer.
    fn wanted(&self, slot: usize) -> bool {
        let of_server = |entry: &Entry| self.query.server.is_none_or(|server| *entry.server == *server);
        self.index.entry(slot).is_some_and(|entry| of_server(entry)) && self.visible(slot)
    }

    /// Adds what rules and uses say; gives the uses by slot.
    fn add_known(&self, fits: &mut [f32]) -> Vec<(usize, Used)> {
        for ruled in &self.ruled {
            let slots = self.index.server(ruled.server).map(|server| &*server.slots);
            for slot in slots.unwrap_or_default() {
                fits[*slot as usize] += ruled.bonus;
            }
        }
        let mut by_slot = Vec::new();
        let Some(uses) = self.query.uses.filter(|uses| !uses.is_empty()) else { return by_slot };
        for (tool, used) in uses.boosts(&embed(self.query.text), self.query.now_ms) {
            let slot = self.index.exact_slots(exact_key(&plain_name(tool)));
            let slot = slot.into_iter().find(|slot| self.index.entry(*slot).is_some_and(|entry| &*entry.id == tool));
            if let Some(slot) = slot.filter(|slot| self.matches(*slot)) {
                fits[slot] += used.boost;
                by_slot.push((slot, used));
            }
        }
        by_slot
    }

    /// Whether a tool has anything to do with the text.
    fn matches(&self, slot: usize) -> bool {
        self.scores.words[slot] > 0.0 || self.scores.meaning[slot] >= MATCH_MIN
    }

    fn choose(
        &self,
        fits: &[f32],
        part_of: &[u8],
        uses: Vec<(usize, Used)>,
        exact: Vec<(usize, String)>,
    ) -> Vec<Candidate<'a>> {
        let mut order: Vec<Placed> = match self.query.server {
            Some(server) => {
                let slots = self.index.server(server).map(|server| &*server.slots).unwrap_or_default();
                slots.iter().map(|slot| placed(*slot, fits)).collect()
            }
            None => (0..fits.len() as u32).map(|slot| placed(slot, fits)).collect(),
        };
        order.retain(|placed| *placed >= 1 << 32);
        let visible = |placed: &Placed| {
            let slot = *placed as u32;
            self.visible(slot as usize).then_some(slot)
        };
        let mut chosen: Vec<u32> = best(&mut order, CANDIDATES, self.index).iter().filter_map(visible).collect();
        if chosen.len() < self.query.limit.clamp(1, LIMIT_MAX) && order.len() > CANDIDATES {
            chosen = best(&mut order, usize::MAX, self.index).iter().filter_map(visible).collect();
        }
        chosen.truncate(CANDIDATES);
        let candidates = chosen.into_iter().filter_map(|slot| {
            let slot = slot as usize;
            let named = exact.iter().find(|(known, _)| *known == slot).map(|(_, name)| name.clone());
            Some(Candidate {
                entry: self.index.entry(slot)?,
                fit: fits[slot],
                exact: named,
                part: part_of.get(slot).and_then(|part| usize::from(*part).checked_sub(1)),
                used: uses.iter().find(|(known, _)| *known == slot).map(|(_, used)| used.clone()),
            })
        });
        candidates.collect()
    }

    fn visible(&self, slot: usize) -> bool {
        self.index.entry(slot).is_some_and(|entry| self.query.only.is_none_or(|only| only(&entry.id)))
    }

    fn band(&self, text: &str) -> Band {
        let named = self.candidates.first().is_some_and(|first| first.exact.is_some());
        if named || self.ruled.iter().any(|ruled| self.query.server.is_none_or(|server| server == ruled.server)) {
            return Band::Confident;
        }
        if self.whole.terms.is_empty() || band::is_talk(text) {
            return Band::Nothing;
        }
        let near = self.candidates.iter().map(|one| self.whole.cosine(&one.entry.told));
        band::band(&self.whole.meaning, near.fold(0.0, f32::max), self.index.len())
    }

    fn hit(&self, candidate: &Candidate<'_>) -> Hit {
        let (id, server) = (candidate.entry.id.to_string(), candidate.entry.server.to_string());
        Hit { id, server, score: self.score(candidate.fit), reasons: self.reasons(candidate) }
    }

    /// A fit as a share of the largest one that is no name's, when that is above 1.
    fn score(&self, fit: f32) -> f32 {
        let unnamed = self.candidates.iter().find(|candidate| candidate.exact.is_none());
        (fit / unnamed.map_or(1.0, |best| best.fit.max(1.0))).min(1.0)
    }

    /// Why a tool fits.
    pub(crate) fn reasons(&self, candidate: &Candidate<'_>) -> Vec<Reason> {
        let mut reasons = Vec::new();
        if let Some(what) = &candidate.exact {
            reasons.push(Reason::Exact { what: what.clone() });
        }
        let ruled = self.ruled.iter().filter(|ruled| ruled.server == &*candidate.entry.server);
        let rules = ruled.flat_map(|ruled| ruled.rules.iter());
        reasons.extend(rules.map(|rule| Reason::Rule { rule: (*rule).to_owned() }));
        let terms = self.common_words(candidate.entry);
        if !terms.is_empty() {
            reasons.push(Reason::Terms { terms });
        }
        let cosine = self.whole.cosine(&candidate.entry.told);
        if cosine >= MATCH_MIN {
            reasons.push(Reason::Meaning { cosine });
        }
        if let Some(used) = &candidate.used {
            if used.times > 0 {
                reasons.push(Reason::Use { similarity: used.similarity, times: used.times });
            }
            reasons.extend(used.after.iter().map(|after| Reason::HandOff { after: after.to_string() }));
        }
        let step = candidate.part.and_then(|part| self.steps.get(part));
        reasons.extend(step.map(|step| Reason::Part { text: (*step).to_owned() }));
        reasons
    }

    /// The words that the text and a tool have in common, those that tell most first.
    fn common_words(&self, entry: &Entry) -> Vec<String> {
        let common = self.whole.terms.iter().filter_map(|asked| {
            let [weight, _] = entry.terms.get(asked.term)?;
            Some((asked.tells * f32::from(weight), &asked.word))
        });
        let mut common: Vec<(f32, &String)> = common.collect();
        common.sort_by(|one, other| other.0.total_cmp(&one.0).then_with(|| one.1.cmp(other.1)));
        common.into_iter().take(TERMS_SHOWN).map(|(_, word)| word.clone()).collect()
    }
}

/// A slot (the lower half) with its fit (the upper half: the bits of a number that is not negative are
/// in its order), so that choosing the best compares plain numbers.
type Placed = u64;

fn placed(slot: u32, fits: &[f32]) -> Placed {
    let fit = fits[slot as usize];
    u64::from(if fit > 0.0 { fit.to_bits() } else { 0 }) << 32 | u64::from(slot)
}

/// About the `wanted` best slots in order: what fits better first, then by id.
fn best<'a>(order: &'a mut [Placed], wanted: usize, index: &Index) -> &'a [Placed] {
    let mut count = order.len();
    if wanted < count {
        order.select_nth_unstable_by(wanted, |one, other| other.cmp(one));
        // Those that are as good as the last one stay, so that the id decides and not the slot.
        let last = order[wanted] >> 32;
        count = wanted;
        for at in wanted..order.len() {
            if order[at] >> 32 >= last {
                order.swap(at, count);
                count += 1;
            }
        }
    }
    let id = |placed: Placed| index.entry(placed as u32 as usize).map(|entry| &*entry.id);
    let best = &mut order[..count];
    best.sort_unstable_by(|one, other| (other >> 32).cmp(&(one >> 32)).then_with(|| id(*one).cmp(&id(*other))));
    best
}

/// How many common words a reason lists.
const TERMS_SHOWN: usize = 6;

/// The tools whose name the text has in full: the text is nothing else, or the name is written as
/// no word is (with `_`, `:` and the like inside, or between quotes).
fn exact_names(index: &Index, text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut add = |name: &str| {
        let plain = plain_name(name);
        if !plain.is_empty() {
            found.extend(index.exact_slots(exact_key(&plain)).map(|slot| (slot, name.to_owned())));
        }
    };
    if text.len() <= NAME_BYTES_MAX {
        add(text);
    }
    for word in text.split_whitespace() {
        let bare = word.trim_matches(|c: char| !c.is_alphanumeric());
        let quoted = word.len() > bare.len() && word.starts_with(['`', '"']);
        if bare.len() < text.len() && (quoted || bare.contains(['_', ':', '/', '-', '.'])) {
            add(bare);
        }
    }
    found
}

//! How tools are ranked for a text: words and meaning for each tool, fused, then what is known
//! outside of texts (names written out, rules, uses).

use crate::answer::{Answer, Band, Hit, LIMIT_MAX, Query, Reason};
use crate::entry::{Entry, K1, exact_key};
use crate::index::{BLOCK, Index};
use crate::parts;
use crate::rules::Ruled;
use crate::servers;
use crate::table::{self, DIM};
use crate::uses::Used;
use crate::vector::{TEXT_BYTES_MAX, dot, embed, head, quantised, widened};
use crate::words::{Stems, Term, plain_name};
use std::cmp::Ordering;

/// How much words count; meaning counts the rest.
const WORDS_SHARE: f32 = 0.3;

/// How many of the best tools are looked at closely.
const CANDIDATES: usize = 200;

/// A tool below this meaning and without a common word matches nothing.
const MATCH_MIN: f32 = 0.15;

/// A text (or a step of one) as the index compares it.
pub(crate) struct Gist {
    pub(crate) terms: Vec<(Term, String)>,
    wide: [i16; DIM],
    step: f32,
}

/// What each slot scores for a gist.
pub(crate) struct Scores {
    /// BM25F.
    pub(crate) words: Vec<f32>,
    /// Product of vectors.
    pub(crate) meaning: Vec<f32>,
    pub(crate) fused: Vec<f32>,
}

/// A tool that may be part of the answer.
pub(crate) struct Candidate<'a> {
    pub(crate) entry: &'a Entry,
    pub(crate) slot: usize,
    /// The name that the text has in full.
    exact: Option<String>,
    pub(crate) score: f32,
    /// The step it fits best, when that beats the whole text.
    pub(crate) part: Option<usize>,
    used: Option<Used>,
}

impl Gist {
    pub(crate) fn of(text: &str, stems: &mut Stems) -> Self {
        let mut terms: Vec<(Term, String)> = Vec::new();
        stems.terms(text, |term, word| {
            if !terms.iter().any(|(known, _)| *known == term) {
                terms.push((term, word.to_owned()));
            }
        });
        let (row, step) = quantised(&table::embed(text));
        Self { terms, wide: widened(&row), step }
    }

    fn is_empty(&self) -> bool {
        self.terms.is_empty() && self.step <= 0.0
    }

    pub(crate) fn nearness(&self, row: &[u8; DIM], step: f32) -> f32 {
        dot(&self.wide, row) as f32 * self.step * step
    }
}

impl Index {
    /// The tools and servers that fit the query, with reasons. Some ten microseconds for a thousand
    /// tools; it waits for nothing.
    #[must_use]
    pub fn search(&self, query: &Query<'_>) -> Answer {
        let text = head(query.text.trim(), TEXT_BYTES_MAX);
        let mut stems = Stems::new();
        let whole = Gist::of(text, &mut stems);
        let steps = if self.is_empty() { Vec::new() } else { parts::split(text) };
        let ruled = query.rules.matching(text, &mut stems);
        if whole.is_empty() || self.is_empty() {
            let servers = servers::of_rules(query, &ruled);
            return Answer { band: Band::Nothing, tools: Vec::new(), servers, parts: Vec::new() };
        }
        let gists: Vec<Gist> = steps.iter().map(|step| Gist::of(step, &mut stems)).collect();
        let mut ranking = Ranking::of(self, query, text, whole, gists, ruled);
        let band = ranking.band();
        let servers = servers::rank(&ranking, band);
        let limit = query.limit.clamp(1, LIMIT_MAX);
        ranking.candidates.truncate(limit);
        let tools = ranking.candidates.iter().map(|candidate| ranking.hit(candidate, &steps)).collect();
        Answer { band, tools, servers, parts: steps.into_iter().map(str::to_owned).collect() }
    }

    /// BM25F and products of vectors for all tools.
    pub(crate) fn scores(&self, gist: &Gist) -> Scores {
        let mut words = vec![0.0_f32; self.slots()];
        for (term, _) in &gist.terms {
            let idf = self.idf(*term);
            for posting in self.postings.of(*term) {
                if let Some(score) = words.get_mut(posting.slot()) {
                    *score += idf * (K1 + 1.0) / 255.0 * f32::from(posting.weight());
                }
            }
        }
        let mut meaning = vec![0.0_f32; self.slots()];
        for (block, meaning) in self.blocks.iter().zip(meaning.chunks_exact_mut(BLOCK)) {
            for ((row, step), meaning) in block.rows.iter().zip(&block.steps).zip(meaning) {
                *meaning = gist.nearness(row, *step);
            }
        }
        let fused = fuse(&words, &meaning);
        Scores { words, meaning, fused }
    }

    /// How much a term tells: the fewer tools have it, the more.
    pub(crate) fn idf(&self, term: Term) -> f32 {
        let (all, having) = (self.len() as f32, self.postings.of(term).len() as f32);
        (1.0 + (all - having + 0.5) / (having + 0.5)).ln()
    }

    fn exact_slots(&self, key: Term) -> impl Iterator<Item = usize> {
        let postings = self.postings.of(key).iter();
        postings.filter(|posting| posting.weight() == 0).map(|posting| posting.slot())
    }
}

fn fuse(words: &[f32], meaning: &[f32]) -> Vec<f32> {
    let most = words.iter().fold(0.0_f32, |most, score| most.max(*score)).max(1e-9);
    let range = |(low, high): (f32, f32), score: &f32| (low.min(*score), high.max(*score));
    let (low, high) = meaning.iter().fold((f32::MAX, f32::MIN), range);
    let span = (high - low).max(1e-9);
    let fused = words.iter().zip(meaning);
    fused.map(|(word, near)| WORDS_SHARE * word / most + (1.0 - WORDS_SHARE) * (near - low) / span).collect()
}

/// Everything about one search.
pub(crate) struct Ranking<'a> {
    pub(crate) index: &'a Index,
    pub(crate) query: &'a Query<'a>,
    pub(crate) whole: Gist,
    pub(crate) scores: Scores,
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
        parts: Vec<Gist>,
        ruled: Vec<Ruled<'a>>,
    ) -> Self {
        let scores = index.scores(&whole);
        let mut ranking = Self { index, query, whole, scores, parts, ruled, candidates: Vec::new() };
        let mut fits = ranking.scores.fused.clone();
        let mut part_of: Vec<u8> = Vec::new();
        if !ranking.parts.is_empty() {
            part_of = vec![0; fits.len()];
            for (at, part) in ranking.parts.iter().enumerate() {
                for (slot, score) in index.scores(part).fused.into_iter().enumerate() {
                    if score > fits[slot] {
                        (fits[slot], part_of[slot]) = (score, at as u8 + 1);
                    }
                }
            }
            for (fit, whole) in fits.iter_mut().zip(&ranking.scores.fused) {
                *fit = 0.5 * *fit + 0.5 * whole;
            }
        }
        let uses = ranking.add_known(&mut fits);
        let exact = exact_names(index, text);
        ranking.candidates = ranking.choose(&fits, &part_of, uses, exact);
        ranking
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
        let mut order: Vec<u32> = match self.query.server {
            Some(server) => self.index.server(server).map(|server| server.slots.to_vec()).unwrap_or_default(),
            None => (0..fits.len() as u32).collect(),
        };
        let is_exact = |slot: u32| exact.iter().any(|(known, _)| *known == slot as usize);
        let rank = |one: &u32, other: &u32| self.before((*one, is_exact(*one)), (*other, is_exact(*other)), fits);
        let mut wanted = CANDIDATES;
        let mut sorted = 0;
        let mut chosen: Vec<u32> = Vec::new();
        while sorted < order.len() && chosen.len() < self.query.limit.clamp(1, CANDIDATES) {
            let rest = &mut order[sorted..];
            let best = wanted.min(rest.len());
            if best < rest.len() {
                rest.select_nth_unstable_by(best, rank);
            }
            rest[..best].sort_unstable_by(rank);
            chosen.extend(rest[..best].iter().filter(|slot| self.visible(**slot as usize)));
            (sorted, wanted) = (sorted + best, usize::MAX);
        }
        chosen.truncate(CANDIDATES);
        let candidates = chosen.into_iter().filter_map(|slot| {
            let slot = slot as usize;
            let named = exact.iter().find(|(known, _)| *known == slot).map(|(_, name)| name.clone());
            Some(Candidate {
                entry: self.index.entry(slot)?,
                slot,
                score: if named.is_some() { 1.0 } else { fits[slot].clamp(0.0, 1.0) },
                exact: named,
                part: part_of.get(slot).and_then(|part| usize::from(*part).checked_sub(1)),
                used: uses.iter().find(|(known, _)| *known == slot).map(|(_, used)| used.clone()),
            })
        });
        candidates.collect()
    }

    /// Best first: named tools, then what fits better, then by id.
    fn before(&self, one: (u32, bool), other: (u32, bool), fits: &[f32]) -> Ordering {
        let fit = |slot: u32| fits.get(slot as usize).copied().unwrap_or_default();
        let id = |slot: u32| self.index.entry(slot as usize).map(|entry| &*entry.id);
        let better = other.1.cmp(&one.1).then_with(|| fit(other.0).total_cmp(&fit(one.0)));
        better.then_with(|| id(one.0).cmp(&id(other.0)))
    }

    fn visible(&self, slot: usize) -> bool {
        self.index.entry(slot).is_some_and(|entry| self.query.only.is_none_or(|only| only(&entry.id)))
    }

    fn band(&self) -> Band {
        let nearest = self.candidates.iter().map(|one| self.scores.meaning[one.slot]).fold(0.0, f32::max);
        let named = self.candidates.first().is_some_and(|first| first.exact.is_some());
        if named || nearest >= 0.35 {
            Band::Confident
        } else if nearest >= 0.25 || !self.ruled.is_empty() {
            Band::Weak
        } else {
            Band::Nothing
        }
    }

    fn hit(&self, candidate: &Candidate<'_>, steps: &[&str]) -> Hit {
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
        let cosine = self.scores.meaning[candidate.slot].clamp(-1.0, 1.0);
        if cosine >= MATCH_MIN {
            reasons.push(Reason::Meaning { cosine });
        }
        if let Some(used) = &candidate.used {
            if used.times > 0 {
                reasons.push(Reason::Use { similarity: used.similarity, times: used.times });
            }
            reasons.extend(used.after.iter().map(|after| Reason::HandOff { after: after.to_string() }));
        }
        let step = candidate.part.and_then(|part| steps.get(part));
        reasons.extend(step.map(|step| Reason::Part { text: (*step).to_owned() }));
        let (id, server) = (candidate.entry.id.to_string(), candidate.entry.server.to_string());
        Hit { id, server, score: candidate.score, reasons }
    }

    /// The words that the text and a tool have in common, those that tell most first.
    fn common_words(&self, entry: &Entry) -> Vec<String> {
        let common = self.whole.terms.iter().filter_map(|(term, word)| {
            let [weight, _] = entry.terms.get(*term)?;
            Some((self.index.idf(*term) * f32::from(weight), word))
        });
        let mut common: Vec<(f32, &String)> = common.collect();
        common.sort_by(|one, other| other.0.total_cmp(&one.0).then_with(|| one.1.cmp(other.1)));
        common.into_iter().take(TERMS_SHOWN).map(|(_, word)| word.clone()).collect()
    }
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
    add(text);
    for word in text.split_whitespace() {
        let bare = word.trim_matches(|c: char| !c.is_alphanumeric());
        let quoted = word.len() > bare.len() && word.starts_with(['`', '"']);
        if bare.len() < text.len() && (quoted || bare.contains(['_', ':', '/', '-', '.'])) {
            add(bare);
        }
    }
    found
}

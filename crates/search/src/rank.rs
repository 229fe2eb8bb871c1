//! How tools are ranked for a text: words and meaning for each tool, fused, then what is known
//! outside of texts (names written out, rules, uses).

use crate::band::{OfText, Signs, band};
use crate::answer::{Answer, Band, Hit, LIMIT_MAX, Query, Reason};
use crate::entry::{Entry, K1, Row, exact_key, row};
use crate::index::{BLOCK, Index};
use crate::parts;
use crate::rules::Ruled;
use crate::servers;
use crate::table;
use crate::thesaurus;
use crate::uses::Used;
use crate::vector::{TEXT_BYTES_MAX, Wide, dot, embed, head};
use crate::words::{Stems, Term, plain_name};

/// How much words and meaning count. Fitted on sets other than the one that judged.
const WORDS_SHARE: f32 = 0.14;
const MEANING_SHARE: f32 = 0.86;

/// How much a word of the thesaurus counts beside one that was written, as a word and in meaning.
const ADDED_WORD: f32 = 0.3;
const ADDED_MEANING: f32 = 0.2;

/// How much the steps of a text count beside the text.
const STEP_SHARE: f32 = 0.4;

/// What puts a tool whose name is written out before all others.
const NAMED: f32 = 16.0;

/// A longer text is no name (bytes).
const NAME_BYTES_MAX: usize = 256;

/// How many of the best tools are looked at closely.
const CANDIDATES: usize = 128;

/// A tool below this meaning and without a common word matches nothing.
const MATCH_MIN: f32 = 0.15;

/// A text (or a step of one) as the index compares it.
pub(crate) struct Gist {
    /// Each with the word it comes from and how much it tells.
    pub(crate) terms: Vec<Asked>,
    row: Row,
}

/// A word of a text.
pub(crate) struct Asked {
    pub(crate) term: Term,
    pub(crate) word: String,
    /// Its inverse document frequency, less when the thesaurus added it.
    pub(crate) tells: f32,
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
    pub(crate) fn of(text: &str, index: &Index, stems: &mut Stems) -> Self {
        let mut terms: Vec<Asked> = Vec::new();
        stems.terms(text, |term, word| {
            if !terms.iter().any(|known| known.term == term) {
                terms.push(Asked { term, word: word.to_owned(), tells: index.idf(term) });
            }
        });
        let mut values = table::embed(text);
        let added = thesaurus::added(text, stems);
        if !added.is_empty() {
            let words: Vec<&str> = added.iter().map(|(_, word)| word.as_str()).collect();
            let more = table::embed(&words.join(" "));
            values.iter_mut().zip(more).for_each(|(value, more)| *value += ADDED_MEANING * more);
            let length = values.iter().map(|value| value * value).sum::<f32>().sqrt().max(1e-9);
            values.iter_mut().for_each(|value| *value /= length);
        }
        let more = added.into_iter().map(|(term, word)| Asked { term, word, tells: ADDED_WORD * index.idf(term) });
        terms.extend(more);
        Self { terms, row: row(&values) }
    }

    fn is_empty(&self) -> bool {
        self.terms.is_empty() && self.row.1 <= 0.0
    }

    pub(crate) fn nearness(&self, row: &Wide, step: f32) -> f32 {
        dot(&self.row.0, row) as f32 * self.row.1 * step
    }
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
        let mut ranking = Ranking::of(self, query, text, whole, gists, ruled);
        let band = ranking.band(text);
        let servers = servers::rank(&ranking, band);
        let limit = query.limit.clamp(1, LIMIT_MAX);
        ranking.candidates.truncate(limit);
        let tools = ranking.candidates.iter().map(|candidate| ranking.hit(candidate, &steps)).collect();
        Answer { band, tools, servers, parts: steps.into_iter().map(str::to_owned).collect() }
    }

    /// BM25F and products of vectors for all tools.
    pub(crate) fn scores(&self, gist: &Gist) -> Scores {
        let mut words = vec![0.0_f32; self.slots()];
        for asked in &gist.terms {
            let unit = asked.tells * (K1 + 1.0) / 255.0;
            for posting in self.postings.of(asked.term) {
                if let Some(score) = words.get_mut(posting.slot()) {
                    *score += unit * f32::from(posting.weight());
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

/// One score out of words and meaning, each scaled to the range it has among all tools. A tool without
/// any known word has no meaning, and an empty slot has neither.
fn fuse(words: &[f32], meaning: &[f32]) -> Vec<f32> {
    let most = words.iter().fold(0.0_f32, |most, score| most.max(*score)).max(1e-9);
    let range = |(low, high): (f32, f32), score: &f32| (low.min(*score), high.max(*score));
    let (low, high) = meaning.iter().fold((0.0, 0.0), range);
    let (of_word, of_meaning) = (WORDS_SHARE / most, MEANING_SHARE / (high - low).max(1e-9));
    let fused = words.iter().zip(meaning);
    let scaled = |near: f32| if near == 0.0 { 0.0 } else { of_meaning * (near - low) };
    fused.map(|(word, near)| of_word * word + scaled(*near)).collect()
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
                let number = at as u8 + 1;
                for ((fit, part_of), score) in fits.iter_mut().zip(&mut part_of).zip(index.scores(part).fused) {
                    // Without branches, since this is done for every tool.
                    *part_of = if score > *fit { number } else { *part_of };
                    *fit = fit.max(score);
                }
            }
            for (fit, whole) in fits.iter_mut().zip(&ranking.scores.fused) {
                *fit = STEP_SHARE * *fit + (1.0 - STEP_SHARE) * whole;
            }
        }
        let uses = ranking.add_known(&mut fits);
        let exact = exact_names(index, text);
        exact.iter().for_each(|(slot, _)| fits[*slot] += NAMED);
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
        order.retain(|slot| fits[*slot as usize] > 0.0);
        let visible = |slot: &u32| self.visible(*slot as usize);
        let mut chosen: Vec<u32> =
            best(&mut order, CANDIDATES, fits, self.index).iter().copied().filter(visible).collect();
        if chosen.len() < self.query.limit.clamp(1, LIMIT_MAX) && order.len() > CANDIDATES {
            chosen = best(&mut order, usize::MAX, fits, self.index).iter().copied().filter(visible).collect();
        }
        chosen.truncate(CANDIDATES);
        let candidates = chosen.into_iter().filter_map(|slot| {
            let slot = slot as usize;
            let named = exact.iter().find(|(known, _)| *known == slot).map(|(_, name)| name.clone());
            Some(Candidate {
                entry: self.index.entry(slot)?,
                slot,
                score: fits[slot].clamp(0.0, 1.0),
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
        if self.candidates.first().is_some_and(|first| first.exact.is_some()) {
            return Band::Confident;
        }
        let best = |score: &[f32]| self.candidates.iter().map(|one| score[one.slot]).fold(0.0, f32::max);
        let total: f32 = self.whole.terms.iter().map(|asked| asked.tells).sum::<f32>().max(1e-9);
        let covered = |candidate: &Candidate<'_>| -> f32 {
            let has = self.whole.terms.iter().filter(|asked| candidate.entry.terms.get(asked.term).is_some());
            has.map(|asked| asked.tells).sum::<f32>() / total
        };
        let signs = Signs {
            nearest: best(&self.scores.meaning),
            covered: self.candidates.iter().take(5).map(covered).fold(0.0, f32::max),
            words: best(&self.scores.words) / ((K1 + 1.0) * total),
            tools: self.index.len(),
            text: OfText::of(text),
        };
        let band = band(&signs);
        if band == Band::Nothing && !self.ruled.is_empty() { Band::Weak } else { band }
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
        let common = self.whole.terms.iter().filter_map(|asked| {
            let [weight, _] = entry.terms.get(asked.term)?;
            Some((asked.tells * f32::from(weight), &asked.word))
        });
        let mut common: Vec<(f32, &String)> = common.collect();
        common.sort_by(|one, other| other.0.total_cmp(&one.0).then_with(|| one.1.cmp(other.1)));
        common.into_iter().take(TERMS_SHOWN).map(|(_, word)| word.clone()).collect()
    }
}

/// About the `wanted` best slots in order: what fits better first, then by id.
fn best<'a>(order: &'a mut [u32], wanted: usize, fits: &[f32], index: &Index) -> &'a [u32] {
    let fit = |slot: u32| fits[slot as usize];
    let mut count = order.len();
    if wanted < count {
        order.select_nth_unstable_by(wanted, |one, other| fit(*other).total_cmp(&fit(*one)));
        // Those that are as good as the last one stay, so that the id decides and not the slot.
        let last = fit(order[wanted]);
        count = wanted;
        for at in wanted..order.len() {
            if fit(order[at]) >= last {
                order.swap(at, count);
                count += 1;
            }
        }
    }
    let id = |slot: u32| index.entry(slot as usize).map(|entry| &*entry.id);
    let best = &mut order[..count];
    best.sort_unstable_by(|one, other| fit(*other).total_cmp(&fit(*one)).then_with(|| id(*one).cmp(&id(*other))));
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

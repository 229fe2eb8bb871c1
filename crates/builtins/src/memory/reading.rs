//! Memories that are read: searched by words and meaning, listed page by page, looked at one by one. Every
//! answer has an end.

use super::book::{Memories, one};
use super::content::{self, Content};
use super::meaning::{Meanings, Near};
use super::ranking::{COMPLETIONS_MAX, FREQUENT, Known, Plan, Question, SAMPLE};
use super::said::{Get, List, Page, Search, Shown, ShownLink};
use super::snippet::snippet;
use super::trouble::Trouble;
use super::who::{SpaceName, Who, shared_name};
use super::{MemoryId, time};
use protocol::tools::Failure;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use store::Tx;
use store::memories::{self, LinkEnd, Memory, Ranked, Space};

/// Memories that a search gives unless asked otherwise, and at most.
const SEARCH_DEFAULT: u32 = 3;
const SEARCH_MAX: u32 = 50;
/// Memories on a page of all, unless asked otherwise, and at most.
const LIST_DEFAULT: u32 = 50;
const LIST_MAX: u32 = 200;
/// Characters of text on a page; a longer first memory makes a page alone.
const PAGE_LETTERS_MAX: i64 = 50_000;
/// What a search shows of each text, in bytes.
const SNIPPET_BYTES_MAX: usize = 400;
/// Of the best by their rarer words, so many are ordered by all.
const REFINED_MAX: u32 = 128;
/// Ranked memories read more than asked for, since some may have expired.
const SPARE: u32 = 32;
/// Links shown of one memory in each direction, and the characters of the text at their end.
const LINKS_MAX: u32 = 100;
const LINK_LETTERS: u32 = 80;

/// A search, read.
struct Wanted {
    space: SpaceName,
    question: Question,
    /// What it means, and what is known of the memories.
    meaning: Option<(search::Vector, Arc<Meanings>)>,
    tags: Vec<Vec<u8>>,
    offset: u32,
    limit: u32,
}

/// What a search found.
#[derive(Default)]
struct Found {
    memories: Vec<(Memory, i64)>,
    total: i64,
    /// Where the next page begins, if there is one.
    next: Option<u32>,
}

// === impl Memories ===

impl Memories {
    /// `search_memories`.
    pub(crate) async fn search(self, who: Who, asked: Search) -> Result<Page, Failure> {
        let Some(question) = Question::of(&asked.query) else {
            let failure = Failure::validation("`query` has no words");
            return Err(failure.next("say what to look for, or use get_all_memories"));
        };
        let wanted = Arc::new(Wanted {
            space: self.space(&who, asked.namespace.as_deref())?,
            question,
            meaning: self.meanings.clone().map(|meanings| (search::embed(&asked.query), meanings)),
            tags: tag_words(&asked.tags)?,
            offset: cursor(asked.cursor.as_deref())?.unwrap_or(0),
            limit: limit(asked.limit, SEARCH_DEFAULT, SEARCH_MAX)?,
        });
        let sought = Arc::clone(&wanted);
        let found = self.store.read("memory.search", move |tx| {
            let sought = Arc::clone(&sought);
            Box::pin(async move { sought.find(tx).await })
        });
        let found: Found = found.await.map_err(Trouble::into_failure)?;
        let words: BTreeSet<String> = wanted.question.words.iter().cloned().collect();
        let shown = found.memories.iter().map(|(memory, score)| {
            let mut shown = shown(memory, &wanted.space);
            if let Some(part) = snippet(&memory.text, &words, SNIPPET_BYTES_MAX) {
                shown.text = part;
                shown.truncated = Some(true);
            }
            // Two digits tell apart what a reader can.
            shown.score = Some((*score as f64 / 10.0).round() / 100.0);
            shown
        });
        let memories: Vec<Shown> = shown.collect();
        let next_cursor = found.next.map(|next| next.to_string());
        Ok(Page { count: memories.len(), memories, total: found.total, next_cursor })
    }

    /// `get_all_memories`.
    pub(crate) async fn list(self, who: Who, list: List) -> Result<Page, Failure> {
        let space = self.space(&who, list.namespace.as_deref())?;
        let tags = tag_words(&list.tags)?;
        let limit = limit(list.limit, LIST_DEFAULT, LIST_MAX)?;
        let before = match list.cursor.as_deref().map(str::trim).filter(|cursor| !cursor.is_empty()) {
            None => i64::MAX,
            Some(cursor) => MemoryId::parse(cursor).ok_or_else(bad_cursor)?.0,
        };
        let asked = Arc::new((space.clone(), tags));
        let listed = self.store.read("memory.list", move |tx| {
            let asked = Arc::clone(&asked);
            Box::pin(async move { page(tx, &asked.0, &asked.1, before, limit).await })
        });
        let (memories, total, next): (Vec<Memory>, i64, Option<i64>) = listed.await.map_err(Trouble::into_failure)?;
        let memories: Vec<Shown> = memories.iter().map(|memory| shown(memory, &space)).collect();
        let next_cursor = next.map(|id| MemoryId(id).to_string());
        Ok(Page { count: memories.len(), memories, total, next_cursor })
    }

    /// `get_memory`.
    pub(crate) async fn get(self, who: Who, get: Get) -> Result<Shown, Failure> {
        let id = content::id(&get.memory_id)?;
        let asked = Arc::new((self.clone(), who.clone()));
        let found = self.store.read("memory.get", move |tx| {
            let asked = Arc::clone(&asked);
            Box::pin(async move {
                let space = asked.0.space_of(tx, &asked.1, id).await?;
                let memory = one(tx, id).await?;
                let now_ms = tx.now_ms();
                let links = memories::links_from(tx, id.0, now_ms, LINK_LETTERS, LINKS_MAX).await?;
                let linked_from = memories::links_to(tx, id.0, now_ms, LINK_LETTERS, LINKS_MAX).await?;
                Ok::<_, Trouble>((space, memory, links, linked_from))
            })
        });
        let (space, memory, links, linked_from) = found.await.map_err(Trouble::into_failure)?;
        let seen = |ends: Vec<LinkEnd>| -> Option<Vec<ShownLink>> {
            let ends: Vec<_> = ends.into_iter().filter(|end| who.sees(&end.space)).map(shown_link).collect();
            (!ends.is_empty()).then_some(ends)
        };
        Ok(Shown { links: seen(links), linked_from: seen(linked_from), ..shown(&memory, &space) })
    }
}

// === impl Wanted ===

impl Wanted {
    async fn find(&self, tx: &mut Tx) -> Result<Found, Trouble> {
        let Some(space) = memories::find_space(tx, self.space.as_str()).await? else { return Ok(Found::default()) };
        let now_ms = tx.now_ms();
        let mut found = Found { total: living(tx, &space, now_ms).await?, ..Found::default() };
        let plan = Plan::new(u64::try_from(space.memories).unwrap_or(0), self.known(tx, &space).await?);
        let near = match &self.meaning {
            Some((vector, meanings)) => meanings.near(tx, &space, vector).await?,
            None => Vec::new(),
        };
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        let mut offset = self.offset;
        loop {
            let ranked = self.ranked(tx, &space, (&plan, &near), offset).await?;
            let ids: Vec<i64> = ranked.iter().map(|ranked| ranked.id).collect();
            let living = memories::get(tx, &ids, now_ms).await?;
            let mut living: HashMap<i64, Memory> = living.into_iter().map(|memory| (memory.id, memory)).collect();
            for ranked in &ranked {
                if found.memories.len() == limit {
                    found.next = Some(offset);
                    return Ok(found);
                }
                offset += 1;
                let living = living.remove(&ranked.id).filter(|memory| self.has_tags(memory));
                found.memories.extend(living.map(|memory| (memory, ranked.score)));
            }
            if ranked.is_empty() {
                return Ok(found);
            }
        }
    }

    /// The next of all that fit, best first.
    async fn ranked(
        &self,
        tx: &mut Tx,
        space: &Space,
        (plan, near): (&Plan, &[Near]),
        offset: u32,
    ) -> Result<Vec<Ranked>, Trouble> {
        let corpus = (space.id, space.words / space.memories.max(1));
        let count = |memories: &[Ranked]| u32::try_from(memories.len()).unwrap_or(u32::MAX);
        if near.is_empty() && (plan.refining.is_empty() || offset >= REFINED_MAX) {
            let page = (offset, self.limit + SPARE);
            return Ok(memories::rank(tx, corpus, &plan.leading, &self.tags, page).await?);
        }
        let mut best = memories::rank(tx, corpus, &plan.leading, &self.tags, (0, REFINED_MAX)).await?;
        let by_words = count(&best);
        memories::refine(tx, corpus, &plan.refining, &mut best).await?;
        add(&mut best, near);
        if offset >= count(&best) && by_words == REFINED_MAX {
            let page = (REFINED_MAX + offset - count(&best), self.limit + SPARE);
            let mut more = memories::rank(tx, corpus, &plan.leading, &self.tags, page).await?;
            // They were shown for their meaning; their places count nevertheless.
            let known = |id: i64| near.iter().any(|near| near.id == id);
            more.iter_mut().filter(|one| known(one.id)).for_each(|one| one.id = 0);
            return Ok(more);
        }
        let passed = usize::try_from(offset).unwrap_or(usize::MAX).min(best.len());
        Ok(best.split_off(passed))
    }

    fn has_tags(&self, memory: &Memory) -> bool {
        let has = |tags: Vec<String>| {
            let words: Vec<Vec<u8>> = tags.iter().map(|tag| content::tag_word(tag)).collect();
            self.tags.iter().all(|tag| words.contains(tag))
        };
        self.tags.is_empty() || has(Content::of(memory).tags)
    }

    /// The words of the question that the space has, and those that unfinished ones begin.
    async fn known(&self, tx: &mut Tx, space: &Space) -> Result<Vec<Known>, Trouble> {
        let mut known = Vec::new();
        let mut sample = None;
        for (index, word) in self.question.words.iter().enumerate() {
            let memories = estimate(tx, space, word.as_bytes(), &mut sample).await?;
            if memories > 0 {
                known.push(Known { word: word.clone(), memories, whole: true });
            }
            if !self.question.is_unfinished(index, memories) {
                continue;
            }
            // No byte of UTF-8 is greater than this one.
            let end: Vec<u8> = word.bytes().chain([0xff]).collect();
            let mut after = word.clone().into_bytes();
            for _ in 0..COMPLETIONS_MAX {
                let Some(next) = memories::next_word(tx, space.id, &after, &end).await? else { break };
                let memories = estimate(tx, space, &next, &mut sample).await?;
                let word = String::from_utf8_lossy(&next).into_owned();
                known.push(Known { word, memories, whole: false });
                after = next;
            }
        }
        Ok(known)
    }
}

/// Adds what meaning is worth to what words are, and orders anew, the newer first among equals.
fn add(best: &mut Vec<Ranked>, near: &[Near]) {
    for near in near {
        match best.iter_mut().find(|one| one.id == near.id) {
            Some(one) => one.score += near.worth,
            None => best.push(Ranked { id: near.id, score: near.worth }),
        }
    }
    best.sort_by(|left, right| right.score.cmp(&left.score).then(right.id.cmp(&left.id)));
}

/// How many memories have a word: counted where few have it, else judged by the newest, whose first
/// is `sample` once it is known.
async fn estimate(tx: &mut Tx, space: &Space, word: &[u8], sample: &mut Option<i64>) -> Result<u64, Trouble> {
    let frequent = i64::try_from(FREQUENT).unwrap_or(i64::MAX);
    let counted = memories::count(tx, space.id, word, frequent).await?;
    if counted < frequent {
        return Ok(u64::try_from(counted).unwrap_or(0));
    }
    let first = match *sample {
        Some(first) => first,
        None => *sample.insert(memories::sample(tx, space.id, SAMPLE).await?),
    };
    let there = memories::count_since(tx, space.id, word, first).await?;
    let all = space.memories.saturating_mul(there) / i64::from(SAMPLE);
    Ok(u64::try_from(all).unwrap_or(0).max(FREQUENT))
}

/// Memories of a space newest first, how many there are, and where the next page begins.
async fn page(
    tx: &mut Tx,
    name: &SpaceName,
    tags: &[Vec<u8>],
    before: i64,
    limit: u32,
) -> Result<(Vec<Memory>, i64, Option<i64>), Trouble> {
    let Some(space) = memories::find_space(tx, name.as_str()).await? else { return Ok((Vec::new(), 0, None)) };
    let now_ms = tx.now_ms();
    let total = living(tx, &space, now_ms).await?;
    let there = memories::newest(tx, space.id, before, tags, now_ms, limit + 1).await?;
    let mut letters = 0;
    let mut ids = Vec::new();
    for (id, length) in there.iter().take(usize::try_from(limit).unwrap_or(usize::MAX)) {
        letters += length;
        if letters > PAGE_LETTERS_MAX && !ids.is_empty() {
            break;
        }
        ids.push(*id);
    }
    let next = ids.last().copied().filter(|_| ids.len() < there.len());
    let mut memories = memories::get(tx, &ids, now_ms).await?;
    memories.sort_by_key(|memory| std::cmp::Reverse(memory.id));
    Ok((memories, total, next))
}

async fn living(tx: &mut Tx, space: &Space, now_ms: i64) -> Result<i64, Trouble> {
    Ok(space.memories - memories::count_expired(tx, space.id, now_ms).await?)
}

// === what comes in ===

fn limit(asked: Option<u32>, default: u32, most: u32) -> Result<u32, Failure> {
    match asked.unwrap_or(default) {
        0 => Err(Failure::validation("`limit` must be at least 1")),
        limit => Ok(limit.min(most)),
    }
}

fn cursor(asked: Option<&str>) -> Result<Option<u32>, Failure> {
    let asked = asked.map(str::trim).filter(|cursor| !cursor.is_empty());
    asked.map(|cursor| cursor.parse().map_err(|_| bad_cursor())).transpose()
}

fn bad_cursor() -> Failure {
    Failure::validation("`cursor` is none that was given").next("leave it out, or pass next_cursor as it came")
}

fn tag_words(tags: &[String]) -> Result<Vec<Vec<u8>>, Failure> {
    Ok(content::tags(tags)?.iter().map(|tag| content::tag_word(tag)).collect())
}

// === what goes out ===

fn shown(memory: &Memory, space: &SpaceName) -> Shown {
    let Content { text, tags, source } = Content::of(memory);
    Shown {
        id: MemoryId(memory.id).to_string(),
        text,
        tags,
        created_at: time::rfc3339(memory.created_at),
        updated_at: time::rfc3339(memory.updated_at),
        expires_at: memory.expires_at.map(time::rfc3339),
        version: memory.version,
        namespace: shared_name(space.as_str()),
        source,
        ..Shown::default()
    }
}

fn shown_link(end: LinkEnd) -> ShownLink {
    let text = content::beginning(&end.text, usize::try_from(LINK_LETTERS).unwrap_or(0));
    ShownLink { id: MemoryId(end.id).to_string(), kind: end.kind, text }
}

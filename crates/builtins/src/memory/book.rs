//! Memories that change: saved, updated, deleted. One transaction each, with the space locked, so
//! that any number of processes may write at once.
//!
//! Reading is in `reading.rs`, graphs of another server in `import.rs`.

use super::content::{self, Content, Index};
use super::meaning::Meanings;
use super::said::{Delete, DeleteAll, Save, Saved, Source, Update};
use super::trouble::Trouble;
use super::who::{SpaceName, Who};
use super::{MemoryId, Options, said::Deleted, time};
use protocol::tools::{Failure, FailureKind};
use std::sync::Arc;
use store::memories::{self, Memory, Space};
use store::{Store, Tx};

/// Expired memories that a change of their space takes away with it.
const SWEPT_MAX: u32 = 64;
/// Memories with some tags that one transaction deletes.
const DELETED_AT_ONCE: u32 = 256;
/// Attempts to find a free id; two are equal once in two million, and only in one millisecond.
const ID_ATTEMPTS: usize = 8;
/// What the answer says of the text, in characters.
const ECHO_LETTERS: usize = 100;
/// The longest that a memory may be told to stay, in seconds: a hundred years.
const TTL_MAX_S: u64 = 100 * 366 * 86_400;

/// The memories of everybody.
#[derive(Debug, Clone)]
pub(crate) struct Memories {
    pub(super) store: Store,
    pub(super) options: Arc<Options>,
    /// What they mean, where they are found by that too.
    pub(super) meanings: Option<Arc<Meanings>>,
}

/// A memory to be kept.
#[derive(Debug, Clone)]
pub(super) struct New {
    pub(super) content: Content,
    pub(super) expires_at: Option<i64>,
}

/// What became of a new memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Kept {
    pub(super) memory: Memory,
    /// `false` when the very text was there.
    pub(super) is_new: bool,
}

/// What is to change in a memory.
#[derive(Debug, Clone)]
struct Change {
    id: MemoryId,
    text: Option<String>,
    tags: Option<Vec<String>>,
    ttl: Option<u64>,
    links: Vec<(MemoryId, String)>,
    unlink: Vec<MemoryId>,
    version: Option<i64>,
}

// === impl Memories ===

impl Memories {
    pub(crate) fn new(store: Store, options: Options) -> Self {
        let meanings = options.meaning.then(Arc::default);
        Self { store, options: Arc::new(options), meanings }
    }

    /// `save_memory`.
    pub(crate) async fn save(self, who: Who, save: Save) -> Result<Saved, Failure> {
        let space = self.space(&who, save.namespace.as_deref())?;
        let source = Source { principal: who.principal.clone(), client: who.client.clone(), entity: None };
        let text = content::text(&save.text, &self.options)?;
        let content = Content { text, tags: content::tags(&save.tags)?, source };
        let links = content::links(&save.links)?;
        let ttl = save.ttl.map(ttl_ms).transpose()?.flatten();
        let asked = Arc::new((self.clone(), who, space, content, links));
        let kept = self.store.write("memory.save", move |tx| {
            let asked = Arc::clone(&asked);
            Box::pin(async move {
                let (memories, who, space, content, links) = &*asked;
                let mut space = memories.enter(tx, space).await?;
                let new = New { content: content.clone(), expires_at: ttl.map(|ttl| tx.now_ms() + ttl) };
                let kept = memories.keep(tx, &mut space, new).await?;
                link_all(tx, who, kept.memory.id, links).await?;
                Ok::<_, Trouble>(kept)
            })
        });
        let kept = kept.await.map_err(Trouble::into_failure)?;
        let status = if kept.is_new { "saved" } else { "known" };
        Ok(saved(&kept.memory, status))
    }

    /// `update_memory`.
    pub(crate) async fn update(self, who: Who, update: Update) -> Result<Saved, Failure> {
        let change = Change {
            id: content::id(&update.memory_id)?,
            text: update.text.map(|text| content::text(&text, &self.options)).transpose()?,
            tags: update.tags.map(|tags| content::tags(&tags)).transpose()?,
            ttl: update.ttl,
            links: content::links(&update.links)?,
            unlink: update.unlink.iter().map(|id| content::id(id)).collect::<Result<_, _>>()?,
            version: update.version,
        };
        change.ttl.map(ttl_ms).transpose()?;
        let meanings = self.meanings.clone();
        let asked = Arc::new((self.clone(), who, change));
        let changed = self.store.write("memory.update", move |tx| {
            let asked = Arc::clone(&asked);
            Box::pin(async move {
                let (memories, who, change) = &*asked;
                let space = memories.space_of(tx, who, change.id).await?;
                let space = memories.enter(tx, &space).await?;
                let old = one(tx, change.id).await?;
                let new = change.applied(&old, tx.now_ms())?;
                memories.check_room(&space, [0, growth(&old, &new)])?;
                put(tx, &old, new.clone()).await?;
                link_all(tx, who, new.id, &change.links).await?;
                for other in &change.unlink {
                    memories::unlink(tx, new.id, other.0).await?;
                }
                Ok::<_, Trouble>(new)
            })
        });
        let changed = changed.await.map_err(Trouble::into_failure)?;
        if let Some(meanings) = meanings {
            meanings.changed(changed.space);
        }
        Ok(saved(&changed, "updated"))
    }

    /// `delete_memory`.
    pub(crate) async fn delete(self, who: Who, delete: Delete) -> Result<Deleted, Failure> {
        let id = content::id(&delete.memory_id)?;
        let asked = Arc::new((self.clone(), who));
        let deleted = self.store.write("memory.delete", move |tx| {
            let asked = Arc::clone(&asked);
            Box::pin(async move {
                let (memories, who) = &*asked;
                let space = memories.space_of(tx, who, id).await?;
                memories.enter(tx, &space).await?;
                let memory = one(tx, id).await?;
                take_out(tx, &memory).await?;
                Ok::<_, Trouble>(memory)
            })
        });
        let text = content::beginning(&deleted.await.map_err(Trouble::into_failure)?.text, ECHO_LETTERS);
        Ok(Deleted { success: true, deleted: 1, message: format!("Deleted {id}: {text}") })
    }

    /// `delete_all_memories`.
    pub(crate) async fn delete_all(self, who: Who, all: DeleteAll) -> Result<Deleted, Failure> {
        let space = self.space(&who, all.namespace.as_deref())?;
        let tags: Vec<Vec<u8>> = content::tags(&all.tags)?.iter().map(|tag| content::tag_word(tag)).collect();
        let asked = Arc::new((self.clone(), space, tags));
        let mut deleted = 0;
        loop {
            let asked = Arc::clone(&asked);
            let part = self.store.write("memory.delete_all", move |tx| {
                let asked = Arc::clone(&asked);
                Box::pin(async move {
                    let (memories, space, tags) = &*asked;
                    memories.delete_some(tx, space, tags).await
                })
            });
            let part = part.await.map_err(Trouble::into_failure)?;
            deleted += part;
            if asked_is_done(part, &all.tags) {
                break;
            }
        }
        let which = if all.tags.is_empty() { String::new() } else { format!(" with {}", all.tags.join(", ")) };
        Ok(Deleted { success: true, deleted, message: format!("Deleted {deleted} memories{which}") })
    }

    /// Those with `tags`, at most [`DELETED_AT_ONCE`]; without tags, all.
    async fn delete_some(&self, tx: &mut Tx, space: &SpaceName, tags: &[Vec<u8>]) -> Result<u64, Trouble> {
        let space = self.enter(tx, space).await?;
        if tags.is_empty() {
            memories::clear(tx, space.id).await?;
            return Ok(u64::try_from(space.memories).unwrap_or(0));
        }
        let now_ms = tx.now_ms();
        let found = memories::newest(tx, space.id, i64::MAX, tags, now_ms, DELETED_AT_ONCE).await?;
        let ids: Vec<i64> = found.into_iter().map(|(id, _)| id).collect();
        let gone = memories::get(tx, &ids, now_ms).await?;
        for memory in &gone {
            take_out(tx, memory).await?;
        }
        Ok(u64::try_from(gone.len()).unwrap_or(0))
    }

    /// Locks a space and sweeps it.
    pub(super) async fn enter(&self, tx: &mut Tx, name: &SpaceName) -> Result<Space, Trouble> {
        let mut space = memories::lock_space(tx, name.as_str()).await?;
        let now_ms = tx.now_ms();
        for memory in memories::expired(tx, space.id, now_ms, SWEPT_MAX).await? {
            take_out(tx, &memory).await?;
            space.memories -= 1;
            space.words -= memory.words;
            space.bytes -= bytes(&memory);
        }
        Ok(space)
    }

    /// Keeps a new memory in a locked space; where the very text is there, that one learns the tags.
    pub(super) async fn keep(&self, tx: &mut Tx, space: &mut Space, new: New) -> Result<Kept, Trouble> {
        let now_ms = tx.now_ms();
        if let Some(old) = find(tx, space.id, content::text_word(&new.content.text)).await? {
            let mut content = Content::of(&old);
            content.tags.extend(new.content.tags);
            content.tags = content::tags(&content.tags).map_err(Trouble::Failure)?;
            let expires_at = new.expires_at.or(old.expires_at);
            let memory = changed(&old, &content, expires_at, now_ms);
            put(tx, &old, memory.clone()).await?;
            return Ok(Kept { memory, is_new: false });
        }
        self.check_room(space, [1, bytes_of(&new.content.text)])?;
        let memory = insert(tx, space.id, new).await?;
        space.memories += 1;
        space.bytes += bytes(&memory);
        Ok(Kept { memory, is_new: true })
    }

    /// The space that a memory is in, if the caller may see it.
    pub(super) async fn space_of(&self, tx: &mut Tx, who: &Who, id: MemoryId) -> Result<SpaceName, Trouble> {
        let now_ms = tx.now_ms();
        let name = memories::space_of(tx, id.0, now_ms).await?;
        name.as_deref().and_then(|name| who.entered(name)).ok_or_else(|| not_found(id))
    }

    pub(super) fn space(&self, who: &Who, namespace: Option<&str>) -> Result<SpaceName, Failure> {
        let space = who.space(namespace)?;
        if space != who.own() && !self.options.shared {
            let message = "spaces shared by name are switched off here (`shared = false` in the options)";
            return Err(Failure::new(FailureKind::Denied, message).next("leave out `namespace`"));
        }
        Ok(space)
    }

    /// Refuses what makes a space larger than it may be.
    pub(super) fn check_room(&self, space: &Space, [memories, bytes]: [i64; 2]) -> Result<(), Trouble> {
        let Options { memories_max, bytes_max, .. } = *self.options;
        let full = |now: i64, more: i64, max: u64| more > 0 && u64::try_from(now + more).is_ok_and(|now| now > max);
        let what = if full(space.memories, memories, memories_max) {
            format!("the space has {} memories, at most {memories_max}", space.memories)
        } else if full(space.bytes, bytes, bytes_max) {
            format!("the space has {} bytes, at most {bytes_max}", space.bytes)
        } else {
            return Ok(());
        };
        let failure = Failure::new(FailureKind::Quota, what);
        Err(Trouble::Failure(failure.next("delete some, or raise memories_max or bytes_max in the server's options")))
    }
}

// === impl Change ===

impl Change {
    fn applied(&self, old: &Memory, now_ms: i64) -> Result<Memory, Trouble> {
        if self.version.is_some_and(|version| version != old.version) {
            let message = format!("{} is at version {} by now", self.id, old.version);
            let failure = Failure::new(FailureKind::Conflict, message).next("read it again and repeat the change");
            let failure = failure.detail("version", old.version).detail("text", old.text.as_str());
            return Err(Trouble::Failure(failure));
        }
        let mut content = Content::of(old);
        content.text = self.text.clone().unwrap_or(content.text);
        content.tags = self.tags.clone().unwrap_or(content.tags);
        let expires_at = match self.ttl {
            None => old.expires_at,
            Some(ttl) => ttl_ms(ttl).map_err(Trouble::Failure)?.map(|ttl| now_ms + ttl),
        };
        let mut new = changed(old, &content, expires_at, now_ms);
        if new == *old && !(self.links.is_empty() && self.unlink.is_empty()) {
            new.version += 1;
            new.updated_at = now_ms;
        }
        Ok(new)
    }
}

// === rows ===

/// The memory with a mark or word, the newest of several.
pub(super) async fn find(tx: &mut Tx, space: i64, word: Vec<u8>) -> Result<Option<Memory>, Trouble> {
    let now_ms = tx.now_ms();
    let found = memories::newest(tx, space, i64::MAX, &[word], now_ms, 1).await?;
    let ids: Vec<i64> = found.into_iter().map(|(id, _)| id).collect();
    Ok(memories::get(tx, &ids, now_ms).await?.pop())
}

/// Writes a new memory under a free id.
pub(super) async fn insert(tx: &mut Tx, space: i64, new: New) -> Result<Memory, Trouble> {
    let Index { postings, words } = new.content.index();
    let now_ms = tx.now_ms();
    let mut memory = Memory {
        id: 0,
        space,
        text: new.content.text.clone(),
        tags: new.content.tags_json(),
        origin: new.content.origin_json(),
        words,
        version: 1,
        created_at: now_ms,
        updated_at: now_ms,
        expires_at: new.expires_at,
    };
    for _ in 0..ID_ATTEMPTS {
        memory.id = MemoryId::new(now_ms, getrandom::u32().map_err(Trouble::chance)?).0;
        if memories::insert(tx, &memory, &postings).await? {
            return Ok(memory);
        }
    }
    Err(Trouble::Failure(Failure::new(FailureKind::Unavailable, "no free id was found").next("try again")))
}

/// Writes `new` over `old`, if anything is different.
pub(super) async fn put(tx: &mut Tx, old: &Memory, new: Memory) -> Result<(), Trouble> {
    if *old == new {
        return Ok(());
    }
    let (before, after) = (Content::of(old).index(), Content::of(&new).index());
    memories::replace(tx, (old, &before.postings), (&new, &after.postings)).await?;
    Ok(())
}

/// `old` with other content: one version further if that makes a difference.
pub(super) fn changed(old: &Memory, content: &Content, expires_at: Option<i64>, now_ms: i64) -> Memory {
    let mut new = Memory {
        text: content.text.clone(),
        tags: content.tags_json(),
        origin: content.origin_json(),
        words: content.index().words,
        expires_at,
        ..old.clone()
    };
    if new != *old {
        new.version += 1;
        new.updated_at = now_ms;
    }
    new
}

async fn take_out(tx: &mut Tx, memory: &Memory) -> Result<(), Trouble> {
    let postings = Content::of(memory).index().postings;
    Ok(memories::remove(tx, memory, &postings).await?)
}

pub(super) async fn one(tx: &mut Tx, id: MemoryId) -> Result<Memory, Trouble> {
    let now_ms = tx.now_ms();
    memories::get(tx, &[id.0], now_ms).await?.pop().ok_or_else(|| not_found(id))
}

async fn link_all(tx: &mut Tx, who: &Who, from: i64, links: &[(MemoryId, String)]) -> Result<(), Trouble> {
    let now_ms = tx.now_ms();
    for (to, kind) in links {
        let space = memories::space_of(tx, to.0, now_ms).await?;
        if !space.is_some_and(|space| who.sees(&space)) {
            return Err(not_found(*to));
        }
        memories::link(tx, from, to.0, kind).await?;
    }
    Ok(())
}

fn not_found(id: MemoryId) -> Trouble {
    let failure = Failure::new(FailureKind::NotFound, format!("there is no memory {id}"));
    Trouble::Failure(failure.next("search_memories and get_all_memories give the ids that there are"))
}

/// Whether there is nothing left to delete after a part was.
fn asked_is_done(part: u64, tags: &[String]) -> bool {
    tags.is_empty() || part < u64::from(DELETED_AT_ONCE)
}

/// Seconds as milliseconds; none for 0, which is for ever.
fn ttl_ms(seconds: u64) -> Result<Option<i64>, Failure> {
    if seconds > TTL_MAX_S {
        let message = format!("`ttl` is {seconds} seconds, at most {TTL_MAX_S}");
        return Err(Failure::validation(message).next("leave it out to keep the memory for ever"));
    }
    Ok(i64::try_from(seconds * 1000).ok().filter(|ms| *ms > 0))
}

fn growth(old: &Memory, new: &Memory) -> i64 {
    bytes(new) - bytes(old)
}

fn bytes(memory: &Memory) -> i64 {
    bytes_of(&memory.text)
}

fn bytes_of(text: &str) -> i64 {
    i64::try_from(text.len()).unwrap_or(i64::MAX)
}

fn saved(memory: &Memory, status: &'static str) -> Saved {
    let id = MemoryId(memory.id);
    let said = match status {
        "known" => "Known already as",
        "updated" => "Updated",
        _ => "Saved as",
    };
    let text = content::beginning(&memory.text, ECHO_LETTERS);
    Saved {
        success: true,
        id: id.to_string(),
        status,
        message: format!("{said} {id}: {text}"),
        version: memory.version,
        expires_at: memory.expires_at.map(time::rfc3339),
    }
}

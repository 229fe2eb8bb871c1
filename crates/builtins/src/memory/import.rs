//! Puts the knowledge graph of `server-memory` among the memories: each entity becomes one, its type a
//! tag, its observations the lines of its text, each relation a link. Importing again adds only what
//! is new.
//!
//! How the file looks is known in `graph.rs`.

use super::book::{Memories, New, changed, find, insert, put};
use super::content::{self, Content, TAG_BYTES_MAX};
use super::graph::{self, Entity, Graph};
use super::said::{EntitySource, Import, Imported, Source};
use super::trouble::Trouble;
use super::who::{SpaceName, Who};
use protocol::tools::Failure;
use std::collections::HashMap;
use std::sync::Arc;
use store::Tx;
use store::memories::{self, Memory, Space};

/// The largest graph that one call takes, in bytes; the command sends a larger file in parts.
pub(crate) const GRAPH_BYTES_MAX: usize = 1024 * 1024;
/// The kind of link from the further memories of a large entity to its first.
const CONTINUES: &str = "continues";

/// An import under way.
struct Importing<'a> {
    memories: &'a Memories,
    who: &'a Who,
    space: Space,
    /// The memories of the entities that were met.
    ids: HashMap<String, i64>,
    done: Imported,
}

// === impl Memories ===

impl Memories {
    /// `import_memories`.
    pub(crate) async fn import(self, who: Who, import: Import) -> Result<Imported, Failure> {
        let space = self.space(&who, import.namespace.as_deref())?;
        if import.graph.len() > GRAPH_BYTES_MAX {
            let message = format!("`graph` is {} bytes, at most {GRAPH_BYTES_MAX}", import.graph.len());
            let failure = Failure::validation(message);
            return Err(failure.next("send its lines in parts, entities first; `switchboard memory import` does that"));
        }
        let graph = Graph::parse(&import.graph.replace('\0', "\u{fffd}")).map_err(|unreadable| {
            let message = format!("line {} of `graph`: {}", unreadable.line, unreadable.why);
            Failure::validation(message).next("nothing was imported; mend the line and import again")
        })?;
        let asked = Arc::new((self.clone(), who, space, graph));
        let done = self.store.write("memory.import", move |tx| {
            let asked = Arc::clone(&asked);
            Box::pin(async move {
                let (memories, who, space, graph) = &*asked;
                let importing = Importing::new(tx, memories, who, space).await?;
                importing.all(tx, graph).await
            })
        });
        done.await.map_err(Trouble::into_failure)
    }
}

// === impl Importing ===

impl<'a> Importing<'a> {
    async fn new(tx: &mut Tx, memories: &'a Memories, who: &'a Who, space: &SpaceName) -> Result<Self, Trouble> {
        let space = memories.enter(tx, space).await?;
        Ok(Self { memories, who, space, ids: HashMap::new(), done: Imported::default() })
    }

    async fn all(mut self, tx: &mut Tx, graph: &Graph) -> Result<Imported, Trouble> {
        for entity in &graph.entities {
            self.entity(tx, entity).await?;
        }
        for relation in &graph.relations {
            let from = self.named(tx, &relation.from).await?;
            let to = self.named(tx, &relation.to).await?;
            self.done.links += usize::from(memories::link(tx, from, to, &relation.relation_type).await?);
        }
        let Imported { created, updated, unchanged, links, .. } = self.done;
        let message = format!("{created} memories created, {updated} updated, {unchanged} unchanged, {links} links");
        Ok(Imported { success: true, message, ..self.done })
    }

    /// Keeps an entity, or what is new of it.
    async fn entity(&mut self, tx: &mut Tx, entity: &Entity) -> Result<(), Trouble> {
        let first = find(tx, self.space.id, content::entity_word(&entity.name)).await?;
        let mut parts = Vec::new();
        if let Some(first) = first {
            parts = self.further(tx, &first).await?;
            parts.insert(0, first);
        }
        let known: Vec<String> = parts.iter().flat_map(|part| graph::observations(&part.text)).collect();
        let kind = parts.first().and_then(|first| Content::of(first).source.entity).and_then(|entity| entity.kind);
        let mut merged = entity.merged(&known);
        // A type that is known stays; only a relation's end has none.
        merged.entity_type = kind.clone().unwrap_or(merged.entity_type);
        if !parts.is_empty() && kind.is_some() && merged.observations == known {
            self.done.unchanged += 1;
            return Ok(());
        }
        let texts = merged.texts(self.memories.options.text_bytes_max).ok_or_else(|| too_long(entity))?;
        self.done.updated += usize::from(!parts.is_empty());
        self.write(tx, &merged, &texts, &parts).await
    }

    /// Writes the memories of an entity over those that there are, and new ones for the rest.
    async fn write(&mut self, tx: &mut Tx, entity: &Entity, texts: &[String], old: &[Memory]) -> Result<(), Trouble> {
        let now_ms = tx.now_ms();
        let mut first = None;
        for (index, text) in texts.iter().enumerate() {
            let content = self.content(entity, text, (texts.len() > 1).then_some(index + 1));
            let id = match old.get(index) {
                Some(old) => {
                    // What a person added to it stays.
                    let known = Content::of(old);
                    let tags: Vec<String> = known.tags.iter().chain(&content.tags).cloned().collect();
                    let tags = content::tags(&tags).map_err(Trouble::Failure)?;
                    let content = Content { tags, ..content };
                    put(tx, old, changed(old, &content, old.expires_at, now_ms)).await?;
                    old.id
                }
                None => self.create(tx, content).await?,
            };
            let first = *first.get_or_insert(id);
            if index > 0 {
                memories::link(tx, id, first, CONTINUES).await?;
            }
        }
        self.ids.extend(first.map(|first| (entity.name.clone(), first)));
        Ok(())
    }

    async fn create(&mut self, tx: &mut Tx, content: Content) -> Result<i64, Trouble> {
        let bytes = i64::try_from(content.text.len()).unwrap_or(i64::MAX);
        self.memories.check_room(&self.space, [1, bytes])?;
        let memory = insert(tx, self.space.id, New { content, expires_at: None }).await?;
        self.space.memories += 1;
        self.space.bytes += bytes;
        self.done.created += 1;
        Ok(memory.id)
    }

    /// The memory of the entity called `name`; a relation may name one that the file does not have.
    async fn named(&mut self, tx: &mut Tx, name: &str) -> Result<i64, Trouble> {
        if let Some(id) = self.ids.get(name) {
            return Ok(*id);
        }
        let known = find(tx, self.space.id, content::entity_word(name)).await?;
        let id = match known {
            Some(memory) => memory.id,
            None => {
                let only_name = Entity { name: name.to_owned(), entity_type: String::new(), observations: Vec::new() };
                let texts = only_name.texts(self.memories.options.text_bytes_max);
                let text = texts.and_then(|texts| texts.into_iter().next()).ok_or_else(|| too_long(&only_name))?;
                let mut content = self.content(&only_name, &text, None);
                content.source.entity = Some(EntitySource { name: name.to_owned(), kind: None, part: None });
                self.create(tx, content).await?
            }
        };
        self.ids.insert(name.to_owned(), id);
        Ok(id)
    }

    /// The further memories of a large entity, in order.
    async fn further(&self, tx: &mut Tx, first: &Memory) -> Result<Vec<Memory>, Trouble> {
        let now_ms = tx.now_ms();
        let ends = memories::links_to(tx, first.id, now_ms, 1, u32::MAX).await?;
        let ids: Vec<i64> = ends.iter().filter(|end| end.kind == CONTINUES).map(|end| end.id).collect();
        let part = |memory: &Memory| Content::of(memory).source.entity.and_then(|entity| entity.part);
        let mut parts = memories::get(tx, &ids, now_ms).await?;
        parts.retain(|memory| memory.space == self.space.id && part(memory).is_some());
        parts.sort_by_key(|memory| part(memory));
        Ok(parts)
    }

    fn content(&self, entity: &Entity, text: &str, part: Option<usize>) -> Content {
        let kind = entity.entity_type.trim();
        let fits = !kind.is_empty() && kind.len() <= TAG_BYTES_MAX && !kind.chars().any(char::is_control);
        let entity = EntitySource { name: entity.name.clone(), kind: Some(entity.entity_type.clone()), part };
        Content {
            text: text.to_owned(),
            tags: fits.then(|| kind.to_owned()).into_iter().collect(),
            source: Source {
                principal: self.who.principal.clone(),
                client: self.who.client.clone(),
                entity: Some(entity),
            },
        }
    }
}

fn too_long(entity: &Entity) -> Trouble {
    let name = content::beginning(&entity.name, 40);
    let failure = Failure::validation(format!("an observation of the entity {name:?} is too long for a memory"));
    Trouble::Failure(failure.next("raise text_bytes_max in the options of the server memory; nothing was imported"))
}

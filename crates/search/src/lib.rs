//! Which tool or server fits a text: offline, in microseconds, with reasons.
//!
//! An [`Index`] holds the words (BM25F over six fields) and the meaning (a compiled-in table of word
//! vectors) of every tool; [`Index::search`] answers with tools, servers and how sure it is. What a
//! person configured ([`Rules`]) and what an asker used before ([`Uses`]) come on top, capped.
//! It deliberately knows no transport and no storage: texts and bytes go in, values come out.

mod answer;
mod band;
mod bytes;
mod entry;
mod index;
mod parts;
mod postings;
mod praise;
mod rank;
mod rules;
mod scores;
mod servers;
mod table;
mod texts;
mod thesaurus;
mod tool;
mod uses;
mod vector;
mod words;

pub use answer::{Answer, Band, Hit, LIMIT, LIMIT_MAX, Query, Reason, ServerHit};
pub use index::Index;
pub use rules::{BadRule, Rules};
pub use texts::Texts;
pub use tool::{Param, Tool};
pub use uses::Uses;
pub use vector::{Vector, embed};

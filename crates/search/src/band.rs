//! How sure an answer is: signs of the best tools and of the text, weighed to a chance that a tool is
//! wanted at all.
//!
//! It decides nothing but the band; tools are listed in any case.

use crate::answer::Band;

/// What is looked at.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Signs {
    /// The best product of vectors of a tool the asker may see, about 0 to 1.
    pub(crate) nearest: f32,
    /// How much of the text's telling words the best tools have, 0 to 1.
    pub(crate) covered: f32,
    /// The best BM25 over what a tool with every word in full would have, 0 to 1.
    pub(crate) words: f32,
    /// How many tools there are.
    pub(crate) tools: usize,
    pub(crate) text: OfText,
}

/// Signs of the text alone.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct OfText {
    pub(crate) count: usize,
    pub(crate) asks: bool,
    pub(crate) writes: bool,
    pub(crate) chats: bool,
}

pub(crate) fn band(signs: &Signs) -> Band {
    if std::env::var_os("DUMP").is_some() {
        let Signs { nearest, covered, words, tools, text } = signs;
        println!("DUMP {nearest} {covered} {words} {tools} {} {} {} {}", text.count, text.asks as u8, text.writes as u8, text.chats as u8);
    }
    if signs.nearest >= 0.35 { Band::Confident } else { Band::Weak }
}

const ASKS: &[&str] = &["are", "can", "did", "do", "does", "how", "is", "should", "was", "what", "when", "where", "which", "who", "why", "would"];
const WRITES: &[&str] = &["answer", "article", "choice", "describe", "essay", "explain", "haiku", "joke", "letter", "lyrics", "name", "names", "novel", "options", "paragraph", "passage", "poem", "question", "rewrite", "script", "sentence", "sentences", "song", "speech", "story", "summary", "tale", "topic", "tweet", "words"];
const CHATS: &[&str] = &["continue", "good", "great", "hello", "hey", "hi", "love", "morning", "ok", "okay", "perfect", "sorry", "sure", "thank", "thanks", "yes"];

impl OfText {
    pub(crate) fn of(text: &str) -> Self {
        let mut s = Self::default();
        crate::words::words(text, &mut |w| {
            if s.count == 0 && ASKS.contains(&w) { s.asks = true }
            if WRITES.contains(&w) { s.writes = true }
            if s.count < 3 && CHATS.contains(&w) { s.chats = true }
            s.count += 1;
        });
        s
    }
}

//! How sure an answer is: how near the nearest tool is, and how much the text sounds like something
//! to do with a tool, weighed to one number.
//!
//! The weights are `model/band.txt`, fitted by `model/band.py` on prompts with and without tools, on
//! other sets than the one that judged. It decides nothing but the band; tools are listed in any case.

use crate::answer::Band;
use crate::table::DIM;
use crate::words::words;
use std::collections::HashMap;
use std::sync::OnceLock;

static NUMBERS: &str = include_str!("../model/band.txt");

/// The nearest of more tools is nearer by chance; between these counts that is taken off.
const TOOLS: (usize, usize) = (50, 5000);

/// Words of people who want nothing: a text of nothing else needs no tool.
const TALK: &[&str] = &[
    "again", "ahead", "awesome", "bye", "continue", "cool", "evening", "go", "good", "goodbye", "great", "hello",
    "hey", "hi", "keep", "lot", "lots", "morning", "much", "nice", "night", "no", "ok", "okay", "on", "perfect", "so",
    "sorry", "sure", "thank", "thanks", "that", "that's", "there", "very", "welcome", "well", "yeah", "yep", "yes",
    "you",
];

struct Weights {
    cosine: f32,
    wish: f32,
    bias: f32,
    size: f32,
    size_at: f32,
    nothing: f32,
    confident: f32,
    wish_bias: f32,
    wish_row: Vec<f32>,
}

impl Weights {
    fn get() -> &'static Self {
        static WEIGHTS: OnceLock<Weights> = OnceLock::new();
        WEIGHTS.get_or_init(|| Self::read(NUMBERS))
    }

    fn read(text: &str) -> Self {
        let lines = text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once(' '));
        let lines: HashMap<&str, Vec<f32>> = lines
            .map(|(name, numbers)| (name, numbers.split(' ').filter_map(|one| one.parse().ok()).collect()))
            .collect();
        let one = |name| lines.get(name).and_then(|numbers| numbers.first()).copied().unwrap_or_default();
        Self {
            cosine: one("cosine"),
            wish: one("wish"),
            bias: one("bias"),
            size: one("size"),
            size_at: one("size_at").max(1.0),
            nothing: one("nothing"),
            confident: one("confident"),
            wish_bias: one("wish_bias"),
            wish_row: lines.get("wish_row").cloned().unwrap_or_default(),
        }
    }
}

/// The band of a text (or a step) that is `nearest` to its nearest of `tools` tools, by cosine; `meaning`
/// is its own vector, at length 1.
pub(crate) fn band(meaning: &[f32; DIM], nearest: f32, tools: usize) -> Band {
    let weights = Weights::get();
    let tools = tools.clamp(TOOLS.0, TOOLS.1) as f32;
    let nearest = nearest - weights.size * (tools / weights.size_at).ln();
    let wish: f32 = weights.wish_row.iter().zip(meaning).map(|(weight, value)| weight * value).sum();
    let sure = weights.cosine * nearest + weights.wish * (wish + weights.wish_bias) + weights.bias;
    match sure {
        sure if sure < weights.nothing => Band::Nothing,
        sure if sure >= weights.confident => Band::Confident,
        _ => Band::Weak,
    }
}

/// Whether a text is a greeting, thanks or "go on", and nothing else.
pub(crate) fn is_talk(text: &str) -> bool {
    let mut talk = true;
    words(text, &mut |word| talk &= TALK.binary_search(&word).is_ok());
    talk
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::embed;

    #[test]
    fn the_weights_are_read() {
        let weights = Weights::get();
        assert_eq!(weights.wish_row.len(), DIM);
        assert!(weights.cosine > 0.0 && weights.nothing < weights.confident);
        assert!(TALK.is_sorted());
    }

    #[test]
    fn nearer_is_surer_and_among_more_tools_less_sure() {
        let wish = embed("open an issue");
        let bands = |tools| [0.0, 0.2, 0.4, 0.6, 0.8, 1.0].map(|nearest| band(&wish, nearest, tools));
        let (few, many) = (bands(50), bands(5000));
        assert!(few.windows(2).all(|pair| pair[0] >= pair[1]));
        assert_eq!((few[0], few[5]), (Band::Nothing, Band::Confident));
        assert!(few.iter().zip(&many).all(|(few, many)| few <= many));
    }

    #[test]
    fn talk_is_told_apart() {
        assert!(["thanks, that's perfect", "hi there", "ok go on", "Good morning!"].into_iter().all(is_talk));
        assert!(["hello world program", "continue the deployment"].into_iter().all(|text| !is_talk(text)));
    }
}

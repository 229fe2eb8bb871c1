//! What of a result goes to the model: values only.
//!
//! - Texts (blocks `text`, and texts of embedded resources) are taken one after the other until they are
//!   too much; the one that does not fit is cut after a line, a sentence or a word, later ones are left out.
//! - Images, sounds, links and embedded blobs stay as they are: they are not read as text.
//! - `structuredContent` stays whole if it alone fits. Else its longest texts are cut and its longest lists
//!   are shortened, so that it still has the shape that the tool's output schema says: clients refuse a
//!   result without it. Bounds of lengths in a schema are not looked at.
//! - The rest, to be read on, is the texts that were left out; where there are none, all of the structured
//!   content as JSON.

use protocol::{Object, Raw};
use serde_json::Value;

/// A result that was cut, without its sentence.
#[derive(Debug)]
pub(super) struct Cut {
    /// The result; its `content` is yet to be set.
    pub(super) result: Object,
    /// What is left of its content.
    pub(super) content: Vec<Raw>,
    /// What was left out.
    pub(super) rest: String,
}

/// Bounds of a structured content that is too long, tried one after the other: bytes of a text, items of a
/// list.
const SHAPES: [(usize, usize); 10] = [
    (16_384, usize::MAX),
    (4_096, 1_024),
    (1_024, 512),
    (512, 256),
    (256, 128),
    (256, 32),
    (128, 16),
    (128, 8),
    (64, 3),
    (32, 1),
];

/// How texts between two blocks of the rest are kept apart.
const APART: &str = "\n\n";

/// Cuts `result`, if its texts or its structured content are more than `tokens_max`, to `room` tokens. None
/// if it fits as it is.
pub(super) fn cut(result: &Object, tokens_max: usize, room: usize) -> Option<Cut> {
    let content: Vec<Raw> = result.get("content").and_then(|content| content.read().ok()).unwrap_or_default();
    let blocks: Vec<Block> = content.into_iter().map(Block::of).collect();
    let texts_fit = fits(&blocks, tokens_max);
    let structured = result.get("structuredContent").filter(|raw| !tokens::fits(raw.as_str(), tokens_max));
    if texts_fit && structured.is_none() {
        return None;
    }
    let has_texts = blocks.iter().any(|block| !block.text.is_empty());
    let (content, mut rest) = if texts_fit { (whole(blocks), String::new()) } else { shorten(blocks, room) };
    let mut result = result.clone();
    if let Some(raw) = structured {
        if !has_texts {
            raw.as_str().clone_into(&mut rest);
        }
        result.set("structuredContent", shaped(raw, room));
    }
    Some(Cut { result, content, rest })
}

/// A block of content.
struct Block {
    raw: Raw,
    /// Its text; empty where it has none.
    text: String,
    /// Whether the text is that of an embedded resource.
    embedded: bool,
}

impl Block {
    fn of(raw: Raw) -> Self {
        let object = Object::of(&raw).unwrap_or_default();
        let (text, embedded) = match object.text("type").as_deref() {
            Some("text") => (object.text("text"), false),
            Some("resource") => (object.object("resource").and_then(|resource| resource.text("text")), true),
            _ => (None, false),
        };
        Self { text: text.map(|text| text.to_string()).unwrap_or_default(), embedded, raw }
    }

    /// The same with another text.
    fn with(&self, text: &str) -> Raw {
        let mut object = Object::of(&self.raw).unwrap_or_default();
        if self.embedded {
            let mut resource = object.object("resource").unwrap_or_default();
            resource.set_json("text", text);
            object.set("resource", resource.to_raw());
        } else {
            object.set_json("text", text);
        }
        object.to_raw()
    }
}

fn fits(blocks: &[Block], tokens_max: usize) -> bool {
    let mut left = tokens_max;
    blocks.iter().all(|block| match tokens::count_within(&block.text, left) {
        Some(tokens) => {
            left -= tokens;
            true
        }
        None => false,
    })
}

fn whole(blocks: Vec<Block>) -> Vec<Raw> {
    blocks.into_iter().map(|block| block.raw).collect()
}

/// As many texts as fit into `room`, and what was left out.
fn shorten(blocks: Vec<Block>, room: usize) -> (Vec<Raw>, String) {
    let (mut content, mut rest) = (Vec::new(), String::new());
    let mut left = Some(room);
    for block in blocks {
        if block.text.is_empty() {
            content.push(block.raw);
            continue;
        }
        let fitting = left.and_then(|room| tokens::count_within(&block.text, room));
        if let (Some(room), Some(tokens)) = (left, fitting) {
            left = Some(room - tokens);
            content.push(block.raw);
            continue;
        }
        let end = left.take().map_or(0, |room| tokens::cut(&block.text, room));
        let (kept, out) = block.text.split_at_checked(end).unwrap_or(("", &block.text));
        if !kept.is_empty() {
            content.push(block.with(kept));
        }
        if !rest.is_empty() {
            rest.push_str(APART);
        }
        rest.push_str(out);
    }
    (content, rest)
}

/// Structured content in the same shape, of at most `room` tokens if any of [`SHAPES`] is.
fn shaped(raw: &Raw, room: usize) -> Raw {
    let Ok(whole) = raw.read::<Value>() else { return raw.clone() };
    let mut shaped = raw.clone();
    for (bytes, items) in SHAPES {
        let mut value = whole.clone();
        bound(&mut value, bytes, items);
        shaped = Raw::of(&value);
        if tokens::fits(shaped.as_str(), room) {
            break;
        }
    }
    shaped
}

/// Cuts texts to `bytes` and lists to `items`.
fn bound(value: &mut Value, bytes: usize, items: usize) {
    match value {
        Value::String(text) if text.len() > bytes => {
            text.truncate(text.floor_char_boundary(bytes));
            text.push('…');
        }
        Value::Array(list) => {
            list.truncate(items);
            list.iter_mut().for_each(|item| bound(item, bytes, items));
        }
        Value::Object(members) => members.values_mut().for_each(|member| bound(member, bytes, items)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn object(value: &Value) -> Object {
        Object::of(&Raw::of(value)).unwrap()
    }

    fn lines(count: usize) -> String {
        (1..=count).map(|number| format!("line {number} of the log\n")).collect()
    }

    fn read(cut: &Cut) -> Vec<Value> {
        cut.content.iter().map(|block| block.read().unwrap()).collect()
    }

    #[test]
    fn what_fits_is_left_alone() {
        let small = json!({ "content": [{ "type": "text", "text": "a b c" }], "structuredContent": { "a": 1 } });
        assert!(cut(&object(&small), 10, 5).is_none());
        let image = json!({ "content": [{ "type": "image", "data": "A".repeat(90_000), "mimeType": "image/png" }] });
        assert!(cut(&object(&image), 10, 5).is_none(), "images are not read as text");
        assert!(cut(&object(&json!({})), 10, 5).is_none());
    }

    #[test]
    fn a_text_is_cut_after_a_line_and_nothing_is_lost() {
        let text = lines(500);
        let result = json!({ "content": [
            { "type": "text", "text": text, "annotations": { "priority": 1 } },
            { "type": "image", "data": "AAAA", "mimeType": "image/png" },
            { "type": "text", "text": "after" },
        ], "isError": true, "other": 1 });
        let cut = cut(&object(&result), 200, 150).unwrap();
        let blocks = read(&cut);
        let kept = blocks[0]["text"].as_str().unwrap();
        assert!(kept.ends_with('\n') && tokens::count(kept) <= 150 && tokens::count(kept) > 100, "{kept:?}");
        assert_eq!(format!("{kept}{}", cut.rest), format!("{text}\n\nafter"));
        assert_eq!((blocks.len(), &blocks[0]["annotations"]["priority"]), (2, &json!(1)));
        assert_eq!(blocks[1]["type"], "image");
        assert!(cut.result.get("other").is_some() && cut.result.get("isError").is_some());
    }

    #[test]
    fn texts_of_resources_are_cut_and_blobs_are_not() {
        let result = json!({ "content": [
            { "type": "resource", "resource": { "uri": "a://1", "text": lines(500) } },
            { "type": "resource", "resource": { "uri": "a://2", "blob": "A".repeat(90_000) } },
        ] });
        let cut = cut(&object(&result), 200, 150).unwrap();
        let blocks = read(&cut);
        assert_eq!(blocks[0]["resource"]["uri"], "a://1");
        assert!(tokens::count(blocks[0]["resource"]["text"].as_str().unwrap()) <= 150);
        assert_eq!(blocks[1], result["content"][1]);
    }

    #[test]
    fn structured_content_keeps_its_shape() {
        let rows: Vec<Value> = (0..2_000).map(|n| json!({ "id": n, "text": "word ".repeat(40) })).collect();
        let structured = json!({ "rows": rows, "total": 2_000, "next": null });
        let cut_one = |content: Value| {
            cut(&object(&json!({ "content": content, "structuredContent": structured })), 1_000, 800).unwrap()
        };
        let alone = cut_one(json!([]));
        let shaped: Value = alone.result.get("structuredContent").unwrap().read().unwrap();
        assert!(tokens::fits(&shaped.to_string(), 800));
        let shown = shaped["rows"].as_array().unwrap();
        assert!(!shown.is_empty() && shown[0]["id"] == 0 && shown[0]["text"].is_string());
        assert_eq!((&shaped["total"], &shaped["next"]), (&json!(2_000), &Value::Null));
        assert_eq!(alone.rest, Raw::of(&structured).as_str(), "all of it can be read on");
        let both = cut_one(json!([{ "type": "text", "text": structured.to_string() }]));
        assert!(tokens::count(read(&both)[0]["text"].as_str().unwrap()) <= 800);
        assert!(structured.to_string().ends_with(&both.rest), "the text says the same, and its rest is enough");
    }
}

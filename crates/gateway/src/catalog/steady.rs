//! Lists that say the same keep the same bytes: a server that writes the members of its objects or the
//! items of its lists in another order than before has changed nothing, and breaks no prompt cache.
//!
//! What is different is different by one byte: nothing is put into a form of our own.

use super::{Kind, ServerCatalog};
use protocol::{Object, Raw, Text};
use serde_json::Value;
use std::collections::HashMap;

impl ServerCatalog {
    /// Takes over the bytes and the order of `former` where the items mean the same.
    #[must_use]
    pub fn steady(mut self, former: &Self) -> Self {
        for kind in Kind::ALL {
            steady(kind, former.items(kind), self.items_mut(kind));
        }
        self
    }
}

fn steady(kind: Kind, former: &[Raw], items: &mut Vec<Raw>) {
    if former == items.as_slice() {
        return;
    }
    let before: HashMap<Text, &Raw> = former.iter().filter_map(|item| Some((name_of(kind, item)?, item))).collect();
    for item in items.iter_mut() {
        let known = name_of(kind, item).and_then(|name| before.get(&name).copied());
        if let Some(known) = known.filter(|known| *known != item && means_the_same(known, item)) {
            *item = known.clone();
        }
    }
    // A name that stands twice is left as the server says it.
    let all_known = |item: &Raw| name_of(kind, item).and_then(|name| before.get(&name).copied()) == Some(item);
    if before.len() == former.len() && items.len() == former.len() && items.iter().all(all_known) {
        let mut names: Vec<Option<Text>> = items.iter().map(|item| name_of(kind, item)).collect();
        names.sort();
        names.dedup();
        if names.len() == former.len() {
            *items = former.to_vec();
        }
    }
}

fn name_of(kind: Kind, item: &Raw) -> Option<Text> {
    let key = match kind {
        Kind::Tools | Kind::Prompts => "name",
        Kind::Resources => "uri",
        Kind::Templates => "uriTemplate",
    };
    Object::of(item).ok()?.text(key)
}

/// Whether two values differ only in the order of members and in blanks.
fn means_the_same(left: &Raw, right: &Raw) -> bool {
    match (left.read::<Value>(), right.read::<Value>()) {
        (Ok(left), Ok(right)) => left == right,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn catalog(tools: &[&'static str]) -> ServerCatalog {
        let tools = tools.iter().map(|tool| Raw::from_static(tool)).collect();
        ServerCatalog { tools, ..ServerCatalog::empty(String::new()) }
    }

    const A: &str = r#"{"name":"a","inputSchema":{"type":"object","properties":{"x":{},"y":{}}}}"#;
    const A_OTHERWISE: &str = r#"{ "inputSchema":{"properties":{"y":{},"x":{}},"type":"object"},"name":"a"}"#;
    const A_CHANGED: &str = r#"{"name":"a","inputSchema":{"type":"object","properties":{"x":{},"z":{}}}}"#;
    const B: &str = r#"{"name":"b"}"#;
    const C: &str = r#"{"name":"c"}"#;

    #[test]
    fn another_order_is_no_change_and_another_word_is() {
        let former = catalog(&[A, B]);
        let check = |now: &[&'static str], kept: &[&'static str]| {
            assert_eq!(catalog(now).steady(&former).tools, catalog(kept).tools, "{now:?}");
        };
        check(&[A, B], &[A, B]);
        check(&[B, A], &[A, B]);
        check(&[B, A_OTHERWISE], &[A, B]);
        check(&[B, A_CHANGED], &[B, A_CHANGED]);
        check(&[C, A_OTHERWISE], &[C, A]);
        check(&[A_OTHERWISE, B, C], &[A, B, C]);
        check(&[A, A], &[A, A]);
        check(&[], &[]);
    }
}

//! The resources that tools name as their apps (protocol.md section 1.17): who is asked for them,
//! though no list has them.
//!
//! URIs stay as they are (DESIGN.md section 14). One that two servers use belongs to the first:
//! the other's tool is offered without its app, since a person must never see another server's.

use protocol::{Object, Raw, Text};
use std::collections::HashMap;
use std::sync::Arc;

/// `_meta.ui.resourceUri`, and the deprecated name of the same.
const UI: &str = "ui";
const RESOURCE: &str = "resourceUri";
const FLAT: &str = "ui/resourceUri";

/// Where URIs lead.
pub(super) struct Owners<'a> {
    /// Those that a server lists.
    pub(super) listed: &'a HashMap<Text, Arc<str>>,
    /// Those that only tools name; added to.
    pub(super) linked: &'a mut HashMap<Text, Arc<str>>,
}

impl Owners<'_> {
    /// Notes that `tool` of `server` names an app, or takes out a name that leads to another
    /// server; returns what was taken out, and whose it is.
    pub(super) fn link(&mut self, tool: &mut Object, server: &Arc<str>) -> Option<(Text, Arc<str>)> {
        let marked = |meta: &&Raw| memchr::memmem::find(meta.as_bytes(), RESOURCE.as_bytes()).is_some();
        tool.get("_meta").filter(marked)?;
        let mut meta = tool.object("_meta")?;
        let mut ui = meta.object(UI).unwrap_or_default();
        let uris = [ui.text(RESOURCE), meta.text(FLAT)];
        let mut lost = None;
        for uri in uris.into_iter().flatten() {
            let owner = self.listed.get(&uri).or_else(|| self.linked.get(&uri)).cloned();
            match owner {
                None => {
                    self.linked.insert(uri, server.clone());
                }
                Some(owner) if owner == *server => {}
                Some(owner) => lost = Some((uri, owner)),
            }
        }
        if lost.is_some() {
            ui.remove(RESOURCE);
            if meta.get(UI).is_some() {
                meta.set(UI, ui.to_raw());
            }
            meta.remove(FLAT);
            tool.set("_meta", meta.to_raw());
        }
        lost
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOOL: &str = r#"{"name":"t","_meta":{"ui":{"resourceUri":"ui://app","visibility":["app"]},"ui/resourceUri":"ui://app","x":1}}"#;

    fn tool() -> Object {
        Object::of(&Raw::from_static(TOOL)).unwrap()
    }

    #[test]
    fn the_first_server_keeps_its_app_and_another_shows_none() {
        let (listed, mut linked) = (HashMap::new(), HashMap::new());
        let mut owners = Owners { listed: &listed, linked: &mut linked };
        let (mut first, mut second) = (tool(), tool());
        assert_eq!(owners.link(&mut first, &"a".into()), None);
        assert_eq!(first.to_raw().as_str(), TOOL, "untouched");
        assert_eq!(owners.link(&mut second, &"b".into()), Some(("ui://app".into(), "a".into())));
        assert_eq!(second.to_raw().as_str(), r#"{"name":"t","_meta":{"ui":{"visibility":["app"]},"x":1}}"#);
        assert_eq!(linked.get(&Text::from_static("ui://app")), Some(&"a".into()));
    }
}

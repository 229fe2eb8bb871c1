//! A view with less in it and with other names and texts: what a profile makes of one. Routes stay what
//! they are, so that whoever calls by another name gets the same tool under the same rules.

use super::{Hidden, Kind, Listing, Route, View};
use crate::policy::ToolRules;
use config::ToolTexts;
use protocol::{Object, Raw, Text};
use serde_json::json;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// Under which key of `_meta` a tool says what of it a profile changed.
const OVERRIDE: &str = "switchboard/override";

/// A narrowed view, and what its tools are called elsewhere.
pub(crate) struct Narrowed {
    pub(crate) view: View,
    /// Public names of tools that have another name here, by that name.
    pub(crate) originals: HashMap<Text, Text>,
}

impl View {
    /// What of this view `rules` let through (nothing, without any), with `texts` in place of what the
    /// servers say. Both speak of public names.
    pub(crate) fn narrowed(&self, rules: Option<&ToolRules>, texts: &BTreeMap<String, ToolTexts>) -> Narrowed {
        let mut view = self.clone();
        let offers = |name: &Text| rules.is_some_and(|rules| rules.offers(name));
        view.prompts.retain(|name, _| offers(name));
        let prompts = self.list(Kind::Prompts).rows("name").filter(|(name, _)| offers(name));
        view.lists[Kind::Prompts as usize] = Listing::sorted(prompts.collect());
        let names = shown_names(self, &offers, texts, &mut view.hidden);
        view.lists[Kind::Tools as usize] = told(self.list(Kind::Tools), &names, texts);
        view.tools_with_tasks = self.tools_with_tasks.as_ref().map(|listing| told(listing, &names, texts));
        let routes = names.iter().filter_map(|(public, shown)| Some((shown.clone(), self.tools.get(public)?.clone())));
        view.tools = routes.collect();
        let originals = names.into_iter().filter(|(public, shown)| public != shown);
        Narrowed { view, originals: originals.map(|(public, shown)| (shown, public)).collect() }
    }
}

/// What the tools that are let through are called, by public name. One that keeps its name keeps it
/// against one that is given it.
fn shown_names(
    view: &View,
    offers: &impl Fn(&Text) -> bool,
    texts: &BTreeMap<String, ToolTexts>,
    hidden: &mut Vec<Hidden>,
) -> HashMap<Text, Text> {
    let other = |public: &Text| texts.get(public.as_str()).and_then(|texts| texts.name.as_deref()).map(Text::from);
    let mut routes: Vec<(&Text, &Arc<Route>)> = view.tools.iter().filter(|(public, _)| offers(public)).collect();
    routes.sort_by_key(|(public, _)| (other(public).is_some(), *public));
    let mut taken: HashMap<Text, &Text> = HashMap::new();
    let mut names = HashMap::new();
    for (public, route) in routes {
        let shown = other(public).unwrap_or_else(|| public.clone());
        match taken.get(&shown) {
            Some(first) => hidden.push(Hidden {
                server: route.server.to_string(),
                kind: Kind::Tools.member(),
                own: route.own.to_string(),
                why: format!("the profile calls it `{shown}`, which is already the name of `{first}`"),
            }),
            None => {
                taken.insert(shown.clone(), public);
                names.insert(public.clone(), shown);
            }
        }
    }
    names
}

/// The tools of `listing` that have one of `names`, under it and with what `texts` say.
fn told(listing: &Listing, names: &HashMap<Text, Text>, texts: &BTreeMap<String, ToolTexts>) -> Listing {
    let rows = listing.rows("name").filter_map(|(public, definition)| {
        let shown = names.get(&public)?;
        let definition = match texts.get(public.as_str()) {
            Some(said) => overridden(&definition, &public, shown, said),
            None => definition,
        };
        Some((shown.clone(), definition))
    });
    Listing::sorted(rows.collect())
}

/// The definition with what `said` says, marked.
fn overridden(definition: &Raw, public: &Text, shown: &Text, said: &ToolTexts) -> Raw {
    let Ok(mut tool) = Object::of(definition) else { return definition.clone() };
    let mut changed = Vec::new();
    let mut set = |key: &'static str, text: Option<&str>| {
        if let Some(text) = text {
            tool.set_json(key, text);
            changed.push(key);
        }
    };
    set("name", said.name.as_ref().map(|_| shown.as_str()));
    set("title", said.title.as_deref());
    set("description", said.description.as_deref());
    if changed.is_empty() {
        return definition.clone();
    }
    let mut meta = tool.object("_meta").unwrap_or_default();
    meta.set_json(OVERRIDE, &json!({ "name": public.as_str(), "changed": changed }));
    tool.set("_meta", meta.to_raw());
    tool.to_raw()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{ServerCatalog, ServerInput};
    use config::Prefix;

    fn view() -> View {
        let mut catalog = ServerCatalog::empty(String::new());
        let tool =
            |name: &str| Raw::of(&json!({"name": name, "description": "d", "inputSchema": {}, "_meta": {"x": 1}}));
        catalog.tools = ["a", "b", "c"].map(tool).into();
        catalog.prompts = ["a", "q"].map(|name| Raw::of(&json!({"name": name}))).into();
        let rules = ToolRules::default();
        let input = ServerInput {
            name: "s",
            reduced: "s",
            prefix: Prefix::Always,
            rules: &rules,
            group: None,
            catalog: &catalog,
        };
        View::build(&[input], false, 46)
    }

    fn named(name: &str) -> ToolTexts {
        ToolTexts { name: Some(name.to_owned()), ..ToolTexts::default() }
    }

    #[test]
    fn less_is_shown_under_other_names_and_the_route_is_the_same() {
        let all = view();
        let rules = ToolRules::compile(&[], &["s__c".to_owned(), "*__q".to_owned()]).unwrap();
        let texts = ToolTexts { description: Some("other".to_owned()), ..named("new") };
        let Narrowed { view, originals } = all.narrowed(Some(&rules), &[("s__b".to_owned(), texts)].into());
        let listed = view.list(Kind::Tools).pages[0].as_str();
        let expected = r#"[{"name":"new","description":"other","inputSchema":{},"_meta":{"x":1,"switchboard/override":{"name":"s__b","changed":["name","description"]}}},{"name":"s__a","description":"d","inputSchema":{},"_meta":{"x":1}}]"#;
        assert_eq!(listed, expected);
        assert_eq!(view.tool(&"new".into()), all.tool(&"s__b".into()));
        assert!(view.tool(&"s__b".into()).is_none() && view.tool(&"s__c".into()).is_none());
        assert_eq!(view.prompt_names(), [&Text::from("s__a")]);
        assert_eq!(originals, HashMap::from([("new".into(), "s__b".into())]));
        assert_eq!(all.narrowed(None, &BTreeMap::new()).view.list(Kind::Tools).count, 0);
    }

    #[test]
    fn who_keeps_a_name_keeps_it_and_the_other_is_hidden_with_the_reason() {
        let texts = [("s__a".to_owned(), named("s__b")), ("s__c".to_owned(), named("s__b"))];
        let narrowed = view().narrowed(Some(&ToolRules::default()), &texts.into());
        assert_eq!(&*narrowed.view.tool(&"s__b".into()).unwrap().own, "b");
        let hidden: Vec<_> =
            narrowed.view.hidden.iter().map(|hidden| (hidden.own.as_str(), hidden.why.as_str())).collect();
        let why = "the profile calls it `s__b`, which is already the name of `s__b`";
        assert_eq!(hidden, [("a", why), ("c", why)]);
    }

    #[test]
    fn two_tools_may_swap_names() {
        let texts = [("s__a".to_owned(), named("s__b")), ("s__b".to_owned(), named("s__a"))];
        let narrowed = view().narrowed(Some(&ToolRules::default()), &texts.into());
        assert_eq!(&*narrowed.view.tool(&"s__b".into()).unwrap().own, "a");
        assert!(narrowed.view.hidden.is_empty());
    }
}

//! The merged tools, prompts, resources and templates: built once per change, swapped whole,
//! sorted, byte-stable. Building is pure: what the servers said goes in, views come out.

pub mod names;

mod steady;
mod template;
mod ui;

mod stored;
pub use stored::{Kind, ServerCatalog, StoredCatalog};

mod view;
pub(crate) use view::Narrowed;
pub use view::{Capabilities, Hidden, Listing, Member, PAGE_ITEMS_MAX, Route, View};

use crate::exposure::Shown;
use crate::policy::ToolRules;
use config::{Membership, Prefix};
use protocol::Text;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What one server contributes.
#[derive(Debug, Clone, Copy)]
pub struct ServerInput<'a> {
    /// Declared name.
    pub name: &'a str,
    /// Reduced name.
    pub reduced: &'a str,
    /// Whether public names carry it.
    pub prefix: Prefix,
    /// Which tools are offered.
    pub rules: &'a ToolRules,
    /// Whom it stands in for.
    pub group: Option<&'a Membership>,
    /// What it said.
    pub catalog: &'a ServerCatalog,
}

/// The whole catalog at one moment.
#[derive(Debug, Default)]
pub struct Catalog {
    /// Everything, under public names.
    pub all: Arc<View>,
    /// Each server alone, under own names, by reduced name.
    pub single: BTreeMap<String, Arc<View>>,
    /// What profiles show, by name.
    pub profiles: BTreeMap<String, Arc<Shown>>,
    /// The profile `default`, where there is one.
    pub(crate) main: Option<Arc<Shown>>,
}

impl ServerInput<'_> {
    fn public_name(&self, own: &str, length_max: usize) -> Text {
        names::public_name(self.shared_name(), own, self.prefix, length_max)
    }

    /// The name that its public names begin with: that of its group, where it has one.
    fn shared_name(&self) -> &str {
        self.group.map_or(self.reduced, |group| &group.name)
    }

    /// Members of a group come one after the other, the best first.
    fn order(&self) -> (&str, u32, &str) {
        (self.group.map_or(self.name, |group| &group.name), self.group.map_or(0, |group| group.priority), self.name)
    }

    fn is_of_the_group_of(&self, other: &Self) -> bool {
        self.group.zip(other.group).is_some_and(|(own, other)| own.name == other.name)
    }

    fn member(&self) -> Member {
        let (priority, weight) = self.group.map_or((0, 1), |group| (group.priority, group.weight));
        Member { server: self.name.into(), priority, weight }
    }
}

impl Catalog {
    /// Builds the catalog of `servers`.
    #[must_use]
    pub fn build(servers: &[ServerInput<'_>], name_length_max: usize) -> Self {
        let single = servers
            .iter()
            .map(|server| (server.reduced.to_owned(), Arc::new(View::build(&[*server], true, name_length_max))));
        let all = Arc::new(View::build(servers, false, name_length_max));
        Self { all, single: single.collect(), ..Self::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::Raw;

    fn catalog(tools: &[&str]) -> ServerCatalog {
        let mut catalog = ServerCatalog::empty(String::new());
        catalog.tools =
            tools.iter().map(|name| Raw::of(&serde_json::json!({"name": name, "inputSchema": {}, "x": 1.0}))).collect();
        catalog
    }

    fn view(servers: &[(&'static str, Prefix, &ServerCatalog)]) -> View {
        let rules = ToolRules::default();
        let inputs: Vec<_> = servers
            .iter()
            .map(|&(name, prefix, catalog)| ServerInput {
                name,
                reduced: name,
                prefix,
                rules: &rules,
                group: None,
                catalog,
            })
            .collect();
        View::build(&inputs, false, 46)
    }

    #[test]
    fn is_sorted_and_the_same_whatever_the_order_of_servers() {
        let (a, b) = (catalog(&["z", "y"]), catalog(&["k"]));
        let one = view(&[("b", Prefix::Always, &b), ("a", Prefix::Always, &a)]);
        let two = view(&[("a", Prefix::Always, &a), ("b", Prefix::Always, &b)]);
        assert_eq!(one.list(Kind::Tools), two.list(Kind::Tools));
        let names: Vec<_> = one.tool_routes().iter().map(|(name, _)| name.to_string()).collect();
        assert_eq!(names, ["a__y", "a__z", "b__k"]);
        assert!(one.list(Kind::Tools).pages[0].as_str().starts_with(r#"[{"name":"a__y","inputSchema":{},"x":1.0}"#));
    }

    #[test]
    fn adding_a_server_renames_nothing_and_a_taken_name_is_hidden_with_the_reason() {
        let (a, b) = (catalog(&["same", "own"]), catalog(&["same"]));
        let both = view(&[("a", Prefix::Never, &a), ("b", Prefix::Never, &b)]);
        assert_eq!(&*both.tool(&"same".into()).unwrap().server, "a");
        assert_eq!(both.hidden.len(), 1);
        assert!(both.hidden[0].why.contains("`a`"), "{:?}", both.hidden);
    }

    #[test]
    fn a_group_is_offered_once_and_led_to_whoever_has_it() {
        let (a, b, c) = (catalog(&["find", "only_a"]), catalog(&["find", "only_b"]), catalog(&["find"]));
        let rules = ToolRules::default();
        let group = |priority| Membership { name: "search".to_owned(), priority, weight: 1 };
        let groups = [group(200), group(100)];
        let input = |name, group, catalog| ServerInput {
            name,
            reduced: name,
            prefix: Prefix::Always,
            rules: &rules,
            group,
            catalog,
        };
        let inputs = [input("a", Some(&groups[0]), &a), input("b", Some(&groups[1]), &b), input("c", None, &c)];
        let built = Catalog::build(&inputs, 46);
        let names: Vec<_> = built.all.tool_routes().iter().map(|(name, _)| name.to_string()).collect();
        assert_eq!(names, ["c__find", "search__find", "search__only_a", "search__only_b"]);
        assert!(built.all.hidden.is_empty(), "{:?}", built.all.hidden);
        let find = built.all.tool(&"search__find".into()).unwrap();
        let members: Vec<_> = find.members.iter().map(|member| (&*member.server, member.priority)).collect();
        assert_eq!((&*find.server, members), ("b", vec![("b", 100), ("a", 200)]));
        let only = built.all.tool(&"search__only_a".into()).unwrap();
        assert!(&*only.server == "a" && only.members.is_empty());
        assert!(built.single["a"].tool(&"find".into()).is_some_and(|route| route.members.is_empty()));
    }

    #[test]
    fn long_lists_come_in_pages() {
        let names: Vec<String> = (0..PAGE_ITEMS_MAX + 5).map(|n| format!("t{n}")).collect();
        let many = catalog(&names.iter().map(String::as_str).collect::<Vec<_>>());
        let view = view(&[("a", Prefix::Always, &many)]);
        assert_eq!(view.list(Kind::Tools).pages.len(), 2);
        let listing = view.list(Kind::Tools);
        assert_eq!(listing.count, PAGE_ITEMS_MAX + 5);
        let found: Vec<_> = listing.rows("name").map(|(name, _)| name).collect();
        assert!(found.len() == listing.count && found.is_sorted());
        for name in &found {
            assert!(listing.named(name).is_some_and(|item| item.as_str().contains(&format!("\"{name}\""))), "{name}");
        }
        assert!(listing.named("a__t99999").is_none() && listing.item(listing.count).is_none());
    }
}

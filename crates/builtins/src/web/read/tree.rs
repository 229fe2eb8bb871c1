//! HTML as a tree, read as browsers read it, within bounds: nesting, elements, time.
//!
//! A page beyond them stops being read there and says so; what costs more than linear work is
//! only done on trees within them. It deliberately changes nothing after parsing.

use html5ever::tendril::{StrTendril, TendrilSink};
use html5ever::tokenizer::TokenizerOpts;
use html5ever::tree_builder::{ElemName, ElementFlags, NodeOrText, QuirksMode, TreeBuilderOpts, TreeSink};
use html5ever::{Attribute, LocalName, Namespace, ParseOpts, QualName, parse_document};
use std::borrow::Cow;
use std::cell::RefCell;
use std::time::{Duration, Instant};

/// The deepest nesting that is read as a tree.
const DEPTH_MAX: u32 = 400;
/// The most nodes.
const NODES_MAX: usize = 400_000;
/// How long reading may take: some inputs cost more than their length.
const TIME_MAX: Duration = Duration::from_secs(2);
/// How much is read between looking at the bounds, in bytes.
const STEP_BYTES: usize = 8 * 1024;

/// A node of a [`Tree`].
pub(super) type Id = usize;

/// A page.
#[derive(Debug)]
pub(super) struct Tree {
    nodes: Vec<Node>,
    over: bool,
}

#[derive(Debug)]
struct Node {
    kind: Kind,
    parent: Option<Id>,
    previous: Option<Id>,
    next: Option<Id>,
    first: Option<Id>,
    last: Option<Id>,
    depth: u32,
}

#[derive(Debug)]
enum Kind {
    /// The document, the contents of a template, a comment: nothing to see.
    Hidden,
    Text(StrTendril),
    Element(QualName, Vec<Attribute>),
}

// === impl Tree ===

impl Tree {
    /// Reads a page.
    pub(super) fn parse(html: &str) -> Self {
        let options = ParseOpts {
            tokenizer: TokenizerOpts::default(),
            tree_builder: TreeBuilderOpts { scripting_enabled: false, ..TreeBuilderOpts::default() },
        };
        let sink = Sink { tree: RefCell::new(Self { nodes: vec![Node::new(Kind::Hidden)], over: false }) };
        let mut parser = parse_document(sink, options);
        let began = Instant::now();
        let mut rest = html;
        while !rest.is_empty() {
            let (step, further) = rest.split_at(rest.floor_char_boundary(STEP_BYTES.min(rest.len())).max(1));
            parser.process(StrTendril::from_slice(step));
            rest = further;
            let mut tree = parser.tokenizer.sink.sink.tree.borrow_mut();
            if tree.over || began.elapsed() > TIME_MAX {
                tree.over = true;
                break;
            }
        }
        parser.finish()
    }

    /// Whether the page was left because it goes beyond the bounds.
    pub(super) fn is_over(&self) -> bool {
        self.over
    }

    /// The document itself.
    pub(super) const fn root() -> Id {
        0
    }

    /// How many nodes there are: the bound of every id.
    pub(super) fn len(&self) -> usize {
        self.nodes.len()
    }

    /// The name of an element, lower case; none of anything else.
    pub(super) fn name(&self, id: Id) -> Option<&str> {
        match &self.nodes[id].kind {
            Kind::Element(name, _) => Some(&name.local),
            _ => None,
        }
    }

    /// The text of a text node.
    pub(super) fn text(&self, id: Id) -> Option<&str> {
        match &self.nodes[id].kind {
            Kind::Text(text) => Some(text),
            _ => None,
        }
    }

    /// An attribute of an element.
    pub(super) fn attribute(&self, id: Id, name: &str) -> Option<&str> {
        match &self.nodes[id].kind {
            Kind::Element(_, attributes) => {
                attributes.iter().find(|attribute| &*attribute.name.local == name).map(|attribute| &*attribute.value)
            }
            _ => None,
        }
    }

    /// What a node is in.
    pub(super) fn parent(&self, id: Id) -> Option<Id> {
        self.nodes[id].parent
    }

    /// What comes after a node, in the same parent.
    pub(super) fn next(&self, id: Id) -> Option<Id> {
        self.nodes[id].next
    }

    /// What is in a node, in order.
    pub(super) fn children(&self, id: Id) -> impl Iterator<Item = Id> + '_ {
        std::iter::successors(self.nodes[id].first, |child| self.nodes[*child].next)
    }

    /// A node and all below it for which `enter` says yes, in order.
    pub(super) fn below<'a>(&'a self, id: Id, enter: impl Fn(Id) -> bool + 'a) -> impl Iterator<Item = Id> + 'a {
        let mut stack = vec![id];
        std::iter::from_fn(move || {
            loop {
                let here = stack.pop()?;
                if !enter(here) {
                    continue;
                }
                stack.extend(std::iter::successors(self.nodes[here].last, |child| self.nodes[*child].previous));
                return Some(here);
            }
        })
    }

    /// The first element of this name.
    pub(super) fn find(&self, name: &str) -> Option<Id> {
        self.below(Self::root(), |_| true).find(|id| self.name(*id) == Some(name))
    }

    fn add(&mut self, kind: Kind) -> Id {
        self.over |= self.nodes.len() >= NODES_MAX;
        self.nodes.push(Node::new(kind));
        self.nodes.len() - 1
    }

    fn detach(&mut self, id: Id) {
        let Node { parent, previous, next, .. } = self.nodes[id];
        match (previous, parent) {
            (Some(previous), _) => self.nodes[previous].next = next,
            (None, Some(parent)) => self.nodes[parent].first = next,
            (None, None) => {}
        }
        match (next, parent) {
            (Some(next), _) => self.nodes[next].previous = previous,
            (None, Some(parent)) => self.nodes[parent].last = previous,
            (None, None) => {}
        }
        let node = &mut self.nodes[id];
        (node.parent, node.previous, node.next) = (None, None, None);
    }

    fn append(&mut self, parent: Id, child: Id) {
        self.detach(child);
        let last = self.nodes[parent].last;
        let depth = self.nodes[parent].depth + 1;
        self.over |= depth > DEPTH_MAX;
        let node = &mut self.nodes[child];
        (node.parent, node.previous, node.depth) = (Some(parent), last, depth);
        match last {
            Some(last) => self.nodes[last].next = Some(child),
            None => self.nodes[parent].first = Some(child),
        }
        self.nodes[parent].last = Some(child);
    }

    fn insert(&mut self, before: Id, child: Id) {
        self.detach(child);
        let Node { parent, previous, depth, .. } = self.nodes[before];
        let node = &mut self.nodes[child];
        (node.parent, node.previous, node.next, node.depth) = (parent, previous, Some(before), depth);
        match (previous, parent) {
            (Some(previous), _) => self.nodes[previous].next = Some(child),
            (None, Some(parent)) => self.nodes[parent].first = Some(child),
            (None, None) => {}
        }
        self.nodes[before].previous = Some(child);
    }

    /// Text joins the text before it.
    fn extend(&mut self, previous: Option<Id>, text: &StrTendril) -> bool {
        match previous.map(|id| &mut self.nodes[id].kind) {
            Some(Kind::Text(before)) => {
                before.push_tendril(text);
                true
            }
            _ => false,
        }
    }
}

impl Node {
    fn new(kind: Kind) -> Self {
        Self { kind, parent: None, previous: None, next: None, first: None, last: None, depth: 0 }
    }
}

/// The tree while the parser builds it.
struct Sink {
    tree: RefCell<Tree>,
}

/// The name of an element, as the parser asks for it.
#[derive(Debug)]
struct Name(QualName);

impl ElemName for Name {
    fn ns(&self) -> &Namespace {
        &self.0.ns
    }

    fn local_name(&self) -> &LocalName {
        &self.0.local
    }
}

impl TreeSink for Sink {
    type Handle = Id;
    type Output = Tree;
    type ElemName<'a> = Name;

    fn finish(self) -> Tree {
        self.tree.into_inner()
    }

    fn parse_error(&self, _message: Cow<'static, str>) {}

    fn get_document(&self) -> Id {
        Tree::root()
    }

    fn elem_name<'a>(&'a self, target: &'a Id) -> Name {
        match &self.tree.borrow().nodes[*target].kind {
            Kind::Element(name, _) => Name(name.clone()),
            // The parser asks for elements alone.
            _ => Name(QualName::new(None, html5ever::ns!(html), html5ever::local_name!(""))),
        }
    }

    fn create_element(&self, name: QualName, attributes: Vec<Attribute>, _flags: ElementFlags) -> Id {
        self.tree.borrow_mut().add(Kind::Element(name, attributes))
    }

    fn create_comment(&self, _text: StrTendril) -> Id {
        self.tree.borrow_mut().add(Kind::Hidden)
    }

    fn create_pi(&self, _target: StrTendril, _data: StrTendril) -> Id {
        self.tree.borrow_mut().add(Kind::Hidden)
    }

    fn append(&self, parent: &Id, child: NodeOrText<Id>) {
        let mut tree = self.tree.borrow_mut();
        match child {
            NodeOrText::AppendNode(child) => tree.append(*parent, child),
            NodeOrText::AppendText(text) => {
                let last = tree.nodes[*parent].last;
                if !tree.extend(last, &text) {
                    let child = tree.add(Kind::Text(text));
                    tree.append(*parent, child);
                }
            }
        }
    }

    fn append_based_on_parent_node(&self, element: &Id, previous: &Id, child: NodeOrText<Id>) {
        if self.tree.borrow().nodes[*element].parent.is_some() {
            self.append_before_sibling(element, child);
        } else {
            self.append(previous, child);
        }
    }

    fn append_doctype_to_document(&self, _name: StrTendril, _public: StrTendril, _system: StrTendril) {}

    /// What is in a template is not shown: a node of its own, which hangs nowhere.
    fn get_template_contents(&self, _target: &Id) -> Id {
        self.tree.borrow_mut().add(Kind::Hidden)
    }

    fn same_node(&self, one: &Id, other: &Id) -> bool {
        one == other
    }

    fn set_quirks_mode(&self, _mode: QuirksMode) {}

    fn append_before_sibling(&self, sibling: &Id, child: NodeOrText<Id>) {
        let mut tree = self.tree.borrow_mut();
        match child {
            NodeOrText::AppendNode(child) => tree.insert(*sibling, child),
            NodeOrText::AppendText(text) => {
                let previous = tree.nodes[*sibling].previous;
                if !tree.extend(previous, &text) {
                    let child = tree.add(Kind::Text(text));
                    tree.insert(*sibling, child);
                }
            }
        }
    }

    fn add_attrs_if_missing(&self, target: &Id, attributes: Vec<Attribute>) {
        if let Kind::Element(_, own) = &mut self.tree.borrow_mut().nodes[*target].kind {
            for attribute in attributes {
                if !own.iter().any(|one| one.name == attribute.name) {
                    own.push(attribute);
                }
            }
        }
    }

    fn remove_from_parent(&self, target: &Id) {
        self.tree.borrow_mut().detach(*target);
    }

    fn reparent_children(&self, node: &Id, new_parent: &Id) {
        let mut tree = self.tree.borrow_mut();
        while let Some(child) = tree.nodes[*node].first {
            tree.append(*new_parent, child);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(tree: &Tree) -> String {
        tree.below(Tree::root(), |_| true)
            .filter_map(|id| tree.name(id).or_else(|| tree.text(id)))
            .collect::<Vec<_>>()
            .join(" ")
    }

    #[test]
    fn it_is_the_tree_that_browsers_build() {
        let tree = Tree::parse("<p>a<b>b<p>c</b><table>x<tr><td>d</table><!-- no --><template><i>e</template>");
        assert_eq!(shown(&tree), "html head body p a b b p b c x table tbody tr td d template");
        assert!(!tree.is_over());
        let tree = Tree::parse("<a href=x class=y>z</a>");
        let link = tree.find("a").unwrap();
        assert_eq!((tree.attribute(link, "href"), tree.attribute(link, "id")), (Some("x"), None));
    }

    #[test]
    fn what_goes_beyond_the_bounds_is_left_early() {
        let deep = format!("start{}", "<div>".repeat(1_000_000));
        let tree = Tree::parse(&deep);
        assert!(tree.is_over() && tree.len() < 10_000);
        assert!(shown(&tree).contains("start"));
        let many = Tree::parse(&"<br>".repeat(NODES_MAX + 10_000));
        assert!(many.is_over());
    }

    #[test]
    fn attributes_without_end_cost_bounded_time() {
        let mut html = String::from("<p>text<div ");
        for index in 0..600_000 {
            html.push_str(&format!("a{index} "));
        }
        let began = Instant::now();
        drop(Tree::parse(&html));
        assert!(began.elapsed() < Duration::from_secs(30));
    }
}

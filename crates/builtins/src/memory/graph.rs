//! The knowledge graph of the reference server `server-memory`: its file read, its entities written
//! as memories, and read back out of them.
//!
//! The file has a JSON object on each line, an entity or a relation. It deliberately knows no
//! store; `import.rs` puts there what is read here.

use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// The longest name of a relation, in bytes.
pub(crate) const RELATION_BYTES_MAX: usize = 512;

const ITEM: &str = "- ";
/// Before the further lines of an observation, so that none looks like the next one.
const WITHIN: &str = "\n  ";

/// A graph as it stands in the file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub(crate) struct Graph {
    #[serde(default)]
    pub(crate) entities: Vec<Entity>,
    #[serde(default)]
    pub(crate) relations: Vec<Relation>,
}

/// Something that the graph knows about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Entity {
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) entity_type: String,
    #[serde(default)]
    pub(crate) observations: Vec<String>,
}

/// How two of them belong together.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Relation {
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) relation_type: String,
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum Line {
    Entity(Entity),
    Relation(Relation),
}

/// A line that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unreadable {
    /// Counted from 1.
    pub(crate) line: usize,
    pub(crate) why: String,
}

// === impl Graph ===

impl Graph {
    /// Reads the server's file, or a whole graph as its `read_graph` answers. One unreadable line
    /// refuses all: nothing is left behind unnoticed.
    pub(crate) fn parse(text: &str) -> Result<Self, Unreadable> {
        if let Some(whole) = serde_json::from_str::<serde_json::Value>(text).ok().filter(is_graph) {
            return serde_json::from_value(whole).map_err(|error| Unreadable { line: 1, why: error.to_string() });
        }
        let mut graph = Self::default();
        for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let unreadable = |why: String| Unreadable { line: index + 1, why };
            match serde_json::from_str(line).map_err(|error| unreadable(error.to_string()))? {
                Line::Entity(entity) => graph.entities.push(entity),
                Line::Relation(relation) if relation.relation_type.len() > RELATION_BYTES_MAX => {
                    let length = relation.relation_type.len();
                    return Err(unreadable(format!("the relation is {length} bytes, at most {RELATION_BYTES_MAX}")));
                }
                Line::Relation(relation) => graph.relations.push(relation),
            }
        }
        Ok(graph)
    }
}

fn is_graph(whole: &serde_json::Value) -> bool {
    whole.get("entities").is_some_and(serde_json::Value::is_array)
}

// === impl Entity ===

impl Entity {
    /// The texts of the memories that hold it, each at most `bytes_max` bytes: one, unless there are
    /// very many observations. Nothing when a single observation is too long.
    pub(crate) fn texts(&self, bytes_max: usize) -> Option<Vec<String>> {
        let heading = if self.entity_type.is_empty() {
            within(&self.name)
        } else {
            within(&format!("{} ({})", self.name, self.entity_type))
        };
        let mut texts = vec![heading.clone()];
        for observation in &self.observations {
            let item = format!("\n{ITEM}{}", within(observation));
            if texts.last().is_some_and(|text| text.len() + item.len() > bytes_max) {
                texts.push(heading.clone());
            }
            if let Some(text) = texts.last_mut() {
                text.push_str(&item);
            }
        }
        texts.iter().all(|text| text.len() <= bytes_max).then_some(texts)
    }

    /// This one with what `known` has and it has not, which comes first.
    pub(crate) fn merged(&self, known: &[String]) -> Self {
        let mut seen: BTreeSet<&String> = known.iter().collect();
        let fresh: Vec<&String> = self.observations.iter().filter(|observation| seen.insert(observation)).collect();
        let observations = known.iter().chain(fresh).cloned().collect();
        Self { observations, ..self.clone() }
    }
}

/// The observations that a memory's text holds.
pub(crate) fn observations(text: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for line in text.split('\n').skip(1) {
        match (line.strip_prefix(ITEM), found.last_mut()) {
            (Some(item), _) => found.push(item.to_owned()),
            (None, Some(last)) => {
                last.push('\n');
                last.push_str(line.strip_prefix("  ").unwrap_or(line));
            }
            // The further lines of the heading.
            (None, None) => {}
        }
    }
    found
}

fn within(text: &str) -> String {
    text.replace('\n', WITHIN)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const FILE: &str = concat!(
        r#"{"type":"entity","name":"John_Smith","entityType":"person","observations":["Speaks fluent Spanish","Graduated in 2019"]}"#,
        "\n\n",
        r#"{"type":"entity","name":"Anthropic","entityType":"organization","observations":[]}"#,
        "\n",
        r#"{"type":"relation","from":"John_Smith","to":"Anthropic","relationType":"works_at"}"#,
    );

    #[test]
    fn the_file_of_the_reference_server_is_read() {
        let graph = Graph::parse(FILE).unwrap();
        assert_eq!(graph.entities.len(), 2);
        assert_eq!(graph.relations[0].relation_type, "works_at");
        let texts = graph.entities[0].texts(1_000).unwrap();
        assert_eq!(texts, ["John_Smith (person)\n- Speaks fluent Spanish\n- Graduated in 2019"]);
    }

    #[test]
    fn a_whole_graph_is_read_too() {
        let text = r#"{"entities":[{"name":"a","entityType":"b","observations":["c"]}],"relations":[]}"#;
        assert_eq!(Graph::parse(text).unwrap().entities[0].observations, ["c"]);
    }

    #[test]
    fn an_unreadable_line_is_named() {
        let wrong = format!("{FILE}\n{{\"type\":\"entity\"}}");
        assert_eq!(Graph::parse(&wrong).unwrap_err().line, 5);
        let unknown = Graph::parse(r#"{"type":"thing","name":"x"}"#).unwrap_err();
        assert!(unknown.why.contains("thing"), "{}", unknown.why);
        let long = serde_json::json!({"type": "relation", "from": "a", "to": "b", "relationType": "x".repeat(600)});
        assert!(Graph::parse(&long.to_string()).unwrap_err().why.contains("600"));
    }

    #[test]
    fn what_two_files_say_of_one_entity_is_joined() {
        let entity = Entity { name: "a".into(), entity_type: "t".into(), observations: vec!["2".into(), "3".into()] };
        assert_eq!(entity.merged(&["1".into(), "2".into()]).observations, ["1", "2", "3"]);
    }

    proptest! {
        #[test]
        fn no_observation_is_lost(
            name in ".{1,10}",
            entity_type in ".{0,10}",
            observations in proptest::collection::vec("(.|\n){0,20}", 0..8),
            bytes_max in 64_usize..200,
        ) {
            let entity = Entity { name, entity_type, observations };
            if let Some(texts) = entity.texts(bytes_max) {
                let back: Vec<String> = texts.iter().flat_map(|text| super::observations(text)).collect();
                prop_assert_eq!(back, entity.observations);
            }
        }
    }
}

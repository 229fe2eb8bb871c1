//! A goal's tasks as a picture: a tree in text, DOT, or Mermaid.
//!
//! It deliberately takes strangers' texts for texts: each format's own letters are escaped.

use super::text_in;
use crate::printer::one_line;
use serde_json::Value;
use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;

/// Characters of a text in a picture.
const TEXT_CHARS_MAX: usize = 60;
/// How deep the tree goes; what is deeper is said in one line.
const DEPTH_MAX: usize = 64;

/// As what a goal is drawn.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Drawn {
    /// A tree: under each task what waits for it
    #[default]
    Tree,
    /// Graphviz
    Dot,
    /// Mermaid
    Mermaid,
}

/// Draws a plan.
pub(super) fn drawn(plan: &Value, format: Drawn) -> String {
    let phases = plan["execution_phases"].as_array().into_iter().flatten();
    let tasks: Vec<&Value> = phases.flat_map(|phase| phase["tasks"].as_array().into_iter().flatten()).collect();
    match format {
        Drawn::Tree => tree(plan, &tasks),
        Drawn::Dot => dot(plan, &tasks),
        Drawn::Mermaid => mermaid(&tasks),
    }
}

fn before(task: &Value) -> impl Iterator<Item = &str> {
    task["dependencies"].as_array().into_iter().flatten().filter_map(Value::as_str)
}

fn label(task: &Value) -> String {
    format!(
        "{} {}: {}",
        text_in(task, "id"),
        text_in(task, "status"),
        one_line(text_in(task, "description"), TEXT_CHARS_MAX)
    )
}

fn tree(plan: &Value, tasks: &[&Value]) -> String {
    let mut waiting: HashMap<&str, Vec<&Value>> = HashMap::new();
    for task in tasks {
        for other in before(task) {
            waiting.entry(other).or_default().push(task);
        }
    }
    let mut text =
        format!("{} {}\n", text_in(plan, "goal_id"), one_line(text_in(plan, "goal_description"), TEXT_CHARS_MAX));
    let roots: Vec<&Value> = tasks.iter().copied().filter(|task| before(task).next().is_none()).collect();
    branches(&roots, &waiting, "", &mut HashSet::new(), 0, &mut text);
    text
}

/// Draws tasks and what waits for them; a task that was drawn already is named again, without what
/// waits for it.
fn branches<'a>(
    tasks: &[&'a Value],
    waiting: &HashMap<&str, Vec<&'a Value>>,
    indent: &str,
    drawn: &mut HashSet<&'a str>,
    depth: usize,
    text: &mut String,
) {
    for (at, task) in tasks.iter().enumerate() {
        let (branch, deeper) = if at + 1 == tasks.len() { ("└─ ", "   ") } else { ("├─ ", "│  ") };
        let id = text_in(task, "id");
        let next = waiting.get(id).map(Vec::as_slice).unwrap_or_default();
        let is_new = drawn.insert(id);
        let more = if !is_new && !next.is_empty() { " (see above)" } else { "" };
        // Writing to memory cannot fail.
        let _ = writeln!(text, "{indent}{branch}{}{more}", label(task));
        if is_new && depth < DEPTH_MAX {
            branches(next, waiting, &format!("{indent}{deeper}"), drawn, depth + 1, text);
        } else if is_new && !next.is_empty() {
            let _ = writeln!(text, "{indent}{deeper}… deeper; see --format dot");
        }
    }
}

fn dot(plan: &Value, tasks: &[&Value]) -> String {
    let quoted = |text: &str| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
    let mut text = format!("digraph {} {{\n  rankdir=LR;\n  node [shape=box];\n", quoted(text_in(plan, "goal_id")));
    for task in tasks {
        let id = quoted(text_in(task, "id"));
        let _ = writeln!(text, "  {id} [label={}];", quoted(&label(task)));
        for other in before(task) {
            let _ = writeln!(text, "  {} -> {id};", quoted(other));
        }
    }
    text.push_str("}\n");
    text
}

fn mermaid(tasks: &[&Value]) -> String {
    let mut text = "graph LR\n".to_owned();
    for task in tasks {
        let id = text_in(task, "id");
        let _ = writeln!(text, "  {id}[\"{}\"]", entities(&label(task)));
        for other in before(task) {
            let _ = writeln!(text, "  {other} --> {id}");
        }
    }
    text
}

/// Mermaid reads some letters in a label as markup; as entities they are letters.
fn entities(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        if letter.is_alphanumeric() || " .,:_-".contains(letter) {
            escaped.push(letter);
        } else {
            let _ = write!(escaped, "#{};", u32::from(letter));
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn plan() -> Value {
        let task = |id: &str, text: &str, before: &[&str]| json!({ "id": id, "description": text, "status": "pending", "dependencies": before });
        json!({ "goal_id": "GOAL-0001", "goal_description": "a \"goal\"", "execution_phases": [
            { "tasks": [task("TASK-0001", "first", &[])] },
            { "tasks": [task("TASK-0002", "left\u{1b}[2J", &["TASK-0001"]), task("TASK-0003", "a\"b]|", &["TASK-0001"])] },
            { "tasks": [task("TASK-0004", "last", &["TASK-0002", "TASK-0003"]), task("TASK-0005", "x", &["TASK-0004"])] },
        ] })
    }

    #[test]
    fn a_tree_draws_each_task_once_in_full() {
        let text = drawn(&plan(), Drawn::Tree);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "GOAL-0001 a \"goal\"");
        assert_eq!(lines[1], "└─ TASK-0001 pending: first");
        assert!(lines[2].starts_with("   ├─ TASK-0002 pending: left") && !text.contains('\u{1b}'), "{text}");
        assert_eq!(lines[3], "   │  └─ TASK-0004 pending: last");
        assert_eq!(lines[4], "   │     └─ TASK-0005 pending: x");
        assert_eq!(lines[6], "      └─ TASK-0004 pending: last (see above)");
        assert_eq!(lines.len(), 7);
    }

    #[test]
    fn pictures_escape_what_strangers_wrote() {
        let dot = drawn(&plan(), Drawn::Dot);
        assert!(dot.contains("\"TASK-0003\" [label=\"TASK-0003 pending: a\\\"b]|\"];"), "{dot}");
        assert!(dot.contains("\"TASK-0002\" -> \"TASK-0004\";") && dot.ends_with("}\n"), "{dot}");
        let mermaid = drawn(&plan(), Drawn::Mermaid);
        assert!(mermaid.contains("TASK-0003[\"TASK-0003 pending: a#34;b#93;#124;\"]"), "{mermaid}");
        assert!(mermaid.contains("TASK-0001 --> TASK-0002"), "{mermaid}");
    }
}

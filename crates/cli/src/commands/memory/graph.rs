//! The file of `server-memory`, sent to `import_memories` in parts that fit a call: entities first, so
//! that no relation comes before what it joins. What a line means is deliberately not known here.

use crate::report::Report;
use crate::tools_inside::Tools;
use builtins::memory::IMPORT_BYTES_MAX;
use serde_json::{Value, json};
use std::path::Path;

/// The largest file that is read, in bytes.
const FILE_BYTES_MAX: u64 = 1 << 30;
/// What is added up over the parts.
const COUNTED: [&str; 4] = ["created", "updated", "unchanged", "links"];

/// Sends all of a file; gives the sums.
pub(super) async fn import(file: &Path, namespace: Option<&str>, tools: &mut Tools<'_>) -> Result<Value, Report> {
    let unreadable =
        |error: std::io::Error| Report::usage(format!("the file {} cannot be read", file.display())).cause(error);
    if std::fs::metadata(file).map_err(unreadable)?.len() > FILE_BYTES_MAX {
        return Err(Report::usage(format!("the file {} has more than {FILE_BYTES_MAX} bytes", file.display())));
    }
    let text = std::fs::read_to_string(file).map_err(unreadable)?;
    let mut sums = [0_u64; COUNTED.len()];
    for part in parts(&lines(&text)?, IMPORT_BYTES_MAX) {
        let mut asked = json!({ "graph": part });
        if let Some(namespace) = namespace {
            asked["namespace"] = json!(namespace);
        }
        let done = tools.call("import_memories", &asked).await?;
        for (sum, counted) in sums.iter_mut().zip(COUNTED) {
            *sum += done[counted].as_u64().unwrap_or(0);
        }
    }
    let [created, updated, unchanged, links] = sums;
    let message = format!("{created} memories created, {updated} updated, {unchanged} unchanged, {links} links");
    Ok(json!({
        "success": true, "created": created, "updated": updated, "unchanged": unchanged, "links": links,
        "message": message,
    }))
}

/// Entities, then relations, each on a line; of a whole graph in one document too.
fn lines(text: &str) -> Result<Vec<String>, Report> {
    if let Ok(mut whole) = serde_json::from_str::<Value>(text)
        && whole["entities"].is_array()
    {
        let mut lines = Vec::new();
        for (kind, key) in [("entity", "entities"), ("relation", "relations")] {
            for mut one in whole[key].as_array_mut().map(std::mem::take).unwrap_or_default() {
                one["type"] = json!(kind);
                lines.push(one.to_string());
            }
        }
        return Ok(lines);
    }
    let (mut entities, mut others) = (Vec::new(), Vec::new());
    for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let read: Value = serde_json::from_str(line).map_err(|error| {
            let message = format!("line {} is no JSON: nothing was imported", index + 1);
            Report::usage(message).cause(error).hint("mend the line and import again")
        })?;
        if read["type"] == "entity" { &mut entities } else { &mut others }.push(line.to_owned());
    }
    entities.extend(others);
    Ok(entities)
}

/// Lines joined to parts of at most `bytes_max` bytes; a longer line is a part alone.
fn parts(lines: &[String], bytes_max: usize) -> Vec<String> {
    let mut parts: Vec<String> = Vec::new();
    for line in lines {
        match parts.last_mut() {
            Some(part) if part.len() + 1 + line.len() <= bytes_max => {
                part.push('\n');
                part.push_str(line);
            }
            _ => parts.push(line.clone()),
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entities_come_before_relations() {
        let text = "{\"type\":\"relation\",\"from\":\"a\"}\n\n{\"type\":\"entity\",\"name\":\"a\"}\n";
        assert_eq!(
            lines(text).unwrap(),
            ["{\"type\":\"entity\",\"name\":\"a\"}", "{\"type\":\"relation\",\"from\":\"a\"}"]
        );
        let whole = r#"{"relations":[{"from":"a"}],"entities":[{"name":"a"}]}"#;
        assert_eq!(lines(whole).unwrap(), [r#"{"name":"a","type":"entity"}"#, r#"{"from":"a","type":"relation"}"#]);
        assert!(lines("x").unwrap_err().message.contains("line 1"));
    }

    #[test]
    fn parts_fit_and_lose_nothing() {
        let lines: Vec<String> = ["aaa", "bb", "cccccccc", "d"].map(str::to_owned).to_vec();
        assert_eq!(parts(&lines, 6), ["aaa\nbb", "cccccccc", "d"]);
    }
}

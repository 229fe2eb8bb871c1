//! Many tools of many servers: lists for `mcp-catalog`, made of the routing data beside the repository
//! where that is, or of nothing. It judges no ranking: `cargo xtask bench search` does.

use crate::programs::{built, tell};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;

/// The parts of the routing data whose names can be offered as they are.
const REAL: [&str; 2] = ["mcp-registry", "mcpproxy-golden"];
/// In both parts; one of them is enough.
const TWICE: &str = "sequential-thinking";
/// What made servers are about.
const PLACES: [&str; 25] = [
    "bakery",
    "harbour",
    "orchard",
    "museum",
    "clinic",
    "theatre",
    "brewery",
    "airport",
    "nursery",
    "quarry",
    "stadium",
    "library",
    "vineyard",
    "foundry",
    "aquarium",
    "dairy",
    "observatory",
    "sawmill",
    "hostel",
    "garage",
    "archive",
    "pharmacy",
    "bakehouse",
    "ferry",
    "kennel",
];
/// What their tools work on.
const THINGS: [(&str, &str); 8] = [
    ("booking", "who comes, when, and for how long"),
    ("invoice", "an amount of money that somebody owes"),
    ("shipment", "goods on their way to a customer"),
    ("ticket", "a problem that somebody reported"),
    ("member", "a person with a name, an address and a role"),
    ("photo", "a picture with its caption"),
    ("schedule", "the hours of each day of a week"),
    ("sensor", "a device that measures something every minute"),
];
/// What their tools do.
const DEEDS: [(&str, &str); 4] = [
    ("create", "Creates"),
    ("get", "Gets the details of"),
    ("update", "Changes some fields of"),
    ("delete", "Deletes, for good,"),
];

/// A list of tools, a row each.
#[derive(Debug, Clone, Default)]
pub struct Many {
    rows: Vec<Value>,
    /// Prompts with the tools that fit them, as `server:tool`.
    questions: Vec<(String, Vec<String>)>,
}

// === impl Many ===

impl Many {
    /// 50 servers as people have them, with their real definitions: about 800 tools. Nothing, with a line
    /// that says so, where the routing data is not beside the repository.
    ///
    /// # Panics
    /// The data is there and cannot be read.
    #[must_use]
    pub fn real() -> Option<Self> {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let folder = here.ancestors().map(|folder| folder.join("shared/routing/data")).find(|data| data.is_dir());
        let Some(folder) = folder else {
            tell("no shared/routing/data in any folder above: definitions are made up");
            return None;
        };
        let read = |part: &str, name: &str| -> Vec<Value> {
            let path = folder.join(part).join(name);
            let text = fs::read_to_string(&path).unwrap_or_else(|why| panic!("{}: {why}", path.display()));
            text.lines().map(|line| serde_json::from_str(line).expect("expected an object a line")).collect()
        };
        let mut rows: Vec<Value> = REAL.iter().flat_map(|part| read(part, "tools.jsonl")).collect();
        rows.retain(|row| row["server"] != TWICE);
        let question = |row: Value| {
            let relevant = row["relevant"].as_array().cloned().unwrap_or_default();
            let relevant = relevant.iter().filter_map(|id| id.as_str().map(str::to_owned)).collect();
            (row["text"].as_str().unwrap_or_default().to_owned(), relevant)
        };
        Some(Self { rows, questions: read(REAL[0], "queries.jsonl").into_iter().map(question).collect() })
    }

    /// So many servers with 32 made tools each.
    #[must_use]
    pub fn made(servers: usize) -> Self {
        let name = |number: usize| match number / PLACES.len() {
            0 => PLACES[number].to_owned(),
            round => format!("{}-{}", PLACES[number % PLACES.len()], round + 1),
        };
        let rows: Vec<Value> = (0..servers).map(name).flat_map(|server| made_tools(&server)).collect();
        let asked = |row: &Value| (row["description"].as_str().unwrap_or_default().to_owned(), vec![id_of(row)]);
        let questions = rows.iter().step_by(THINGS.len() * DEEDS.len() + 1).map(asked).collect();
        Self { rows, questions }
    }

    /// More than a thousand tools: real ones where they are to be had, and made ones.
    #[must_use]
    pub fn thousand() -> Self {
        match Self::real() {
            Some(real) => real.and(Self::made(10)),
            None => Self::made(40),
        }
    }

    /// These and those of others, of other servers.
    #[must_use]
    pub fn and(mut self, others: Self) -> Self {
        self.rows.extend(others.rows);
        self.questions.extend(others.questions);
        self
    }

    /// Those of the first so many servers.
    #[must_use]
    pub fn of_first(mut self, servers: usize) -> Self {
        let kept: Vec<String> = self.servers().into_iter().take(servers).collect();
        self.rows.retain(|row| row["server"].as_str().is_some_and(|server| kept.iter().any(|name| name == server)));
        let ids: Vec<String> = self.rows.iter().map(id_of).collect();
        self.questions.retain(|(_, fits)| fits.iter().any(|id| ids.contains(id)));
        self
    }

    /// How many tools there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.rows.len()
    }

    /// The servers, in the order of the list.
    #[must_use]
    pub fn servers(&self) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for row in &self.rows {
            let name = row["server"].as_str().unwrap_or_default();
            if names.last().is_none_or(|last| last != name) {
                names.push(name.to_owned());
            }
        }
        names
    }

    /// Prompts with the tools that fit them, as `server:tool`.
    #[must_use]
    pub fn questions(&self) -> &[(String, Vec<String>)] {
        &self.questions
    }

    /// What a server says about itself.
    #[must_use]
    pub fn about(&self, server: &str) -> String {
        let row = self.rows.iter().find(|row| row["server"] == server);
        row.and_then(|row| row["server_description"].as_str()).unwrap_or(server).to_owned()
    }

    /// Writes the list for `mcp-catalog`.
    ///
    /// # Panics
    /// When the disk does not want to.
    pub fn write(&self, list: &Path) {
        let lines: Vec<String> = self.rows.iter().map(Value::to_string).collect();
        fs::write(list, lines.join("\n")).expect("expected to write a list of tools");
    }

    /// The words that start a server of a list.
    #[must_use]
    pub fn words(list: &Path, server: &str) -> [String; 3] {
        [built("mcp-catalog").display().to_string(), list.display().to_string(), server.to_owned()]
    }

    /// An entry of the configuration for each server, with `keys` in those of `special` servers.
    #[must_use]
    pub fn entries(&self, list: &Path, special: &[(&str, &str)]) -> String {
        let entry = |name: &String| {
            let [program, list, server] = Self::words(list, name);
            let keys = special.iter().filter(|(of, _)| of == name).map(|(_, keys)| *keys);
            let keys: String = keys.collect();
            format!("[servers.{name}]\ncommand = {program:?}\nargs = {:?}\n{keys}\n", [list, server])
        };
        self.servers().iter().map(entry).collect()
    }
}

/// `server:tool`.
fn id_of(row: &Value) -> String {
    let text = |key: &str| row[key].as_str().unwrap_or_default();
    format!("{}:{}", text("server"), text("name"))
}

fn made_tools(server: &str) -> Vec<Value> {
    let about = format!("Runs the {server}: its bookings, invoices, shipments, people and devices.");
    let row = |(thing, means): &(&str, &str), (verb, does): &(&str, &str)| {
        let id = json!({"name": format!("{thing}_id"), "description": format!("Which {thing}, as a number")});
        let fields = json!({"name": "fields", "description": format!("What is known about the {thing}: {means}")});
        json!({
            "server": server, "server_title": server, "server_description": about,
            "name": format!("{verb}_{thing}"),
            "description": format!("{does} a {thing} of the {server} ({means})."),
            "params": if *verb == "create" { vec![fields] } else { vec![id, fields] },
        })
    };
    THINGS.iter().flat_map(|thing| DEEDS.iter().map(move |deed| row(thing, deed))).collect()
}

//! `switchboard memory`: what models were told to remember, from the command line.

mod graph;

use crate::context::Context;
use crate::printer::{Printer, harmless, one_line};
use crate::report::Report;
use crate::tools_inside::Tools;
use serde_json::{Map, Value, json};
use std::io::Read as _;
use std::path::PathBuf;
use std::time::Duration;

/// Save, find and forget memories
///
/// They are those of the server `memory` inside this program. Through the daemon where one runs; else
/// on the same state, without it. Each principal has memories of its own; --namespace names a
/// space that everybody shares.
///
/// Examples:
///   switchboard memory save "I prefer Python for AI" --tag taste
///   switchboard memory search python
///   switchboard memory import ~/memory.jsonl
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Remember a text; `-` reads it from stdin
    #[command(visible_alias = "store")]
    Save {
        /// The text
        #[arg(required = true)]
        text: Vec<String>,

        #[command(flatten)]
        which: Which,

        /// Forget it after this time, such as 90d or 12h
        #[arg(long, value_name = "TIME", value_parser = time)]
        ttl: Option<Duration>,

        /// Link it to another memory
        #[arg(long = "link", value_name = "ID[:KIND]")]
        links: Vec<String>,
    },
    /// Find memories by their words, best first
    #[command(visible_alias = "find")]
    Search {
        /// What to look for
        #[arg(required = true)]
        query: Vec<String>,

        #[command(flatten)]
        which: Which,

        /// How many at most
        #[arg(short = 'n', long, default_value_t = 5, value_name = "N")]
        limit: u32,
    },
    /// List memories, newest first
    #[command(visible_alias = "all")]
    List {
        #[command(flatten)]
        which: Which,

        /// How many at most
        #[arg(short = 'n', long, default_value_t = 50, value_name = "N")]
        limit: u32,

        /// Go on from here: what the list before ended with
        #[arg(long, value_name = "CURSOR")]
        cursor: Option<String>,
    },
    /// Show a memory with its links
    Show {
        /// Its id
        id: String,
    },
    /// Forget memories
    Delete {
        /// Their ids
        #[arg(required_unless_present = "all", conflicts_with = "all", value_name = "ID")]
        ids: Vec<String>,

        /// All of them; with --tag, all with these tags
        #[arg(long)]
        all: bool,

        #[command(flatten)]
        which: Which,
    },
    /// Add the knowledge graph of server-memory: its memory.json or memory.jsonl
    Import {
        /// The file
        file: PathBuf,

        #[command(flatten)]
        which: Namespace,
    },
}

/// Which memories are meant.
#[derive(Debug, clap::Args)]
struct Which {
    /// With this tag; several times, with all of them
    #[arg(long = "tag", value_name = "TAG")]
    tags: Vec<String>,

    #[command(flatten)]
    namespace: Namespace,
}

#[derive(Debug, clap::Args)]
struct Namespace {
    /// In this shared space instead of one's own
    #[arg(long, value_name = "NAME")]
    namespace: Option<String>,
}

/// Characters of a text in a list.
const LISTED_CHARS_MAX: usize = 80;

/// Does it, and prints what came of it.
///
/// # Errors
/// What the server `memory` says.
pub(crate) fn run(args: &Args, context: &Context) -> Result<(), Report> {
    let tools = &mut Tools::new("memory", context)?;
    let printer = &context.printer;
    context.block_on(async {
        match &args.what {
            What::Save { text, which, ttl, links } => {
                let mut asked = which.asked();
                asked.insert("text".to_owned(), json!(text_of(text)?));
                asked.insert("links".to_owned(), links.iter().map(|link| link_of(link)).collect());
                if let Some(ttl) = ttl {
                    asked.insert("ttl".to_owned(), json!(ttl.as_secs().max(1)));
                }
                let saved = tools.call("save_memory", &Value::Object(asked)).await?;
                printed(printer, &saved, |printer| printer.line(&harmless(text_in(&saved, "message"))));
            }
            What::Search { query, which, limit } => {
                let mut asked = which.asked();
                asked.insert("query".to_owned(), json!(query.join(" ")));
                asked.insert("limit".to_owned(), json!(limit));
                let page = tools.call("search_memories", &Value::Object(asked)).await?;
                printed(printer, &page, |printer| table(printer, &page, "nothing was found"));
            }
            What::List { which, limit, cursor } => {
                let mut asked = which.asked();
                asked.insert("limit".to_owned(), json!(limit));
                asked.extend(cursor.iter().map(|cursor| ("cursor".to_owned(), json!(cursor))));
                let page = tools.call("get_all_memories", &Value::Object(asked)).await?;
                printed(printer, &page, |printer| table(printer, &page, "there are no memories"));
            }
            What::Show { id } => {
                let memory = tools.call("get_memory", &json!({ "memory_id": id })).await?;
                printed(printer, &memory, |printer| show(printer, &memory));
            }
            What::Delete { ids, all, which } => delete(printer, tools, ids, *all, which).await?,
            What::Import { file, which } => {
                let file = context.environment.cwd.join(file);
                let done = graph::import(&file, which.namespace.as_deref(), tools).await?;
                printed(printer, &done, |printer| printer.line(&harmless(text_in(&done, "message"))));
            }
        }
        Ok(())
    })
}

async fn delete(
    printer: &Printer,
    tools: &mut Tools<'_>,
    ids: &[String],
    all: bool,
    which: &Which,
) -> Result<(), Report> {
    if all {
        let deleted = tools.call("delete_all_memories", &Value::Object(which.asked())).await?;
        printed(printer, &deleted, |printer| printer.line(&harmless(text_in(&deleted, "message"))));
        return Ok(());
    }
    let mut deleted = Vec::new();
    for id in ids {
        let one = tools.call("delete_memory", &json!({ "memory_id": id })).await?;
        if !printer.json {
            printer.line(&harmless(text_in(&one, "message")));
        }
        deleted.push(id);
    }
    if printer.json {
        printer.document(&json!({ "success": true, "deleted": deleted.len(), "ids": deleted }));
    }
    Ok(())
}

// === impl Which ===

impl Which {
    fn asked(&self) -> Map<String, Value> {
        let mut asked = Map::new();
        asked.insert("tags".to_owned(), json!(self.tags));
        asked.extend(self.namespace.namespace.iter().map(|name| ("namespace".to_owned(), json!(name))));
        asked
    }
}

fn text_of(words: &[String]) -> Result<String, Report> {
    let text = words.join(" ");
    if text != "-" {
        return Ok(text);
    }
    let mut text = String::new();
    let read = std::io::stdin().lock().read_to_string(&mut text);
    read.map_err(|error| Report::usage("stdin cannot be read").cause(error))?;
    Ok(text.trim_end_matches('\n').to_owned())
}

fn link_of(link: &str) -> Value {
    match link.split_once(':') {
        Some((to, kind)) => json!({ "to": to, "kind": kind }),
        None => json!({ "to": link }),
    }
}

fn time(text: &str) -> Result<Duration, String> {
    config::parse_duration(text).ok_or_else(|| "write a time such as 90d, 12h or 30m".to_owned())
}

fn text_in<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

fn printed(printer: &Printer, document: &Value, for_people: impl FnOnce(&Printer)) {
    match printer.json {
        true => printer.document(document),
        false => for_people(printer),
    }
}

fn table(printer: &Printer, page: &Value, nothing: &str) {
    let memories = page["memories"].as_array().map(Vec::as_slice).unwrap_or_default();
    if memories.is_empty() {
        printer.say(nothing);
        return;
    }
    let row = |memory: &Value| {
        let day = text_in(memory, "created_at").split('T').next().unwrap_or_default().to_owned();
        let text = one_line(text_in(memory, "text"), LISTED_CHARS_MAX);
        vec![text_in(memory, "id").to_owned(), day, tags(memory), text]
    };
    let rows: Vec<Vec<String>> = memories.iter().map(row).collect();
    printer.table(&["ID", "CREATED", "TAGS", "TEXT"], &rows);
    if let Some(cursor) = page["next_cursor"].as_str() {
        printer.say(&format!("{} of {}; go on with --cursor {cursor}", memories.len(), page["total"]));
    }
}

fn show(printer: &Printer, memory: &Value) {
    printer.line(&harmless(text_in(memory, "text")));
    printer.line("");
    let fact = |name: &str, value: &str| {
        if !value.is_empty() {
            printer.line(&format!("{name:<10} {}", one_line(value, 200)));
        }
    };
    fact("id", text_in(memory, "id"));
    fact("tags", &tags(memory));
    for key in ["namespace", "created_at", "updated_at", "expires_at"] {
        fact(key, text_in(memory, key));
    }
    let source = &memory["source"];
    fact("from", &[text_in(source, "principal"), text_in(source, "client")].join(" "));
    for (key, way) in [("links", "to"), ("linked_from", "from")] {
        for link in memory[key].as_array().into_iter().flatten() {
            fact(way, &format!("{} {}: {}", text_in(link, "id"), text_in(link, "kind"), text_in(link, "text")));
        }
    }
}

fn tags(memory: &Value) -> String {
    let tags = memory["tags"].as_array().into_iter().flatten().filter_map(Value::as_str);
    tags.collect::<Vec<_>>().join(", ")
}

//! `switchboard goal`: goals and their tasks, from the command line.

mod graph;
mod show;

use crate::context::Context;
use crate::printer::{Printer, harmless};
use crate::report::Report;
use crate::tools_inside::Tools;
use serde_json::{Map, Value, json};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Make, plan and work off goals
///
/// They are those of the server `goals` inside this program. Through the daemon where one runs; else
/// on the same state, without it.
///
/// Examples:
///   switchboard goal new "Add rate limiting" --task design --task build --task test
///   switchboard goal next
///   switchboard goal claim --as me && switchboard goal done TASK-0001 --token 1
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// List goals, newest first
    List {
        /// Those that are about this, best first
        #[arg(value_name = "TEXT")]
        about: Vec<String>,

        /// Only these: planned, in_progress, completed, cancelled
        #[arg(long, value_name = "STATUS")]
        status: Option<String>,

        /// Only these: high, medium, low
        #[arg(long, value_name = "PRIORITY")]
        priority: Option<String>,

        /// How many at most
        #[arg(short = 'n', long, default_value_t = 50, value_name = "N")]
        limit: u32,
    },
    /// Show a goal with its tasks, or a task and why it waits
    Show {
        /// Its id, such as GOAL-0001 or TASK-0001
        id: String,
    },
    /// Make a goal
    New {
        /// What is wanted
        #[arg(required = true)]
        description: Vec<String>,

        /// high, medium or low
        #[arg(long, value_name = "PRIORITY")]
        priority: Option<String>,

        /// A task of it; several times, each after the one before
        #[arg(long = "task", value_name = "TEXT")]
        tasks: Vec<String>,
    },
    /// Add a task to a goal
    Add {
        /// The goal
        goal: String,

        /// What is to be done
        #[arg(required = true)]
        description: Vec<String>,

        /// It waits for this task; several times
        #[arg(long = "after", value_name = "TASK")]
        after: Vec<String>,

        /// high, medium or low
        #[arg(long, value_name = "PRIORITY")]
        priority: Option<String>,

        /// How long it takes, such as 3d or 5h
        #[arg(long, value_name = "TIME")]
        effort: Option<String>,
    },
    /// Say in which order a goal's tasks can be done, and how long that takes
    Plan {
        /// The goal
        goal: String,

        /// How many work at once; else as many as are of use
        #[arg(long, value_name = "N")]
        agents: Option<u32>,
    },
    /// List the tasks that are ready
    Next {
        /// Only of this goal
        goal: Option<String>,

        /// How many at most
        #[arg(short = 'n', long, default_value_t = 10, value_name = "N")]
        limit: u32,
    },
    /// Take a task for a time
    Claim {
        /// This one; else the best that is ready
        task: Option<String>,

        /// One of this goal
        #[arg(long, value_name = "GOAL")]
        goal: Option<String>,

        /// Who takes it
        #[arg(long = "as", value_name = "NAME")]
        holder: Option<String>,

        /// What they can do; several times
        #[arg(long = "can", value_name = "CAPABILITY")]
        capabilities: Vec<String>,

        /// For how long, such as 5m
        #[arg(long, value_name = "TIME", value_parser = time)]
        lease: Option<Duration>,
    },
    /// Say that a task is done
    Done {
        /// The task
        task: String,

        /// The token that its claim gave
        #[arg(long, value_name = "N")]
        token: Option<u64>,

        /// What came of it
        #[arg(long, value_name = "TEXT")]
        result: Option<String>,

        /// A check that passed; several times
        #[arg(long = "check", value_name = "TEXT")]
        checks: Vec<String>,

        /// Why it counts as done though a check did not pass
        #[arg(long = "override", value_name = "REASON")]
        reason: Option<String>,
    },
    /// Draw a goal's tasks and what waits for what
    Graph {
        /// The goal
        goal: String,

        /// As what
        #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
        format: graph::Drawn,
    },
    /// Write goals as JSON lines to stdout
    Export {
        /// Only this one
        goal: Option<String>,
    },
    /// Add goals of an export, or of another system's file
    Import {
        /// The file; `-` is stdin
        file: PathBuf,

        /// Who wrote it
        #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
        format: Format,
    },
}

#[derive(Debug, Clone, Copy, Default, clap::ValueEnum)]
enum Format {
    /// We did
    #[default]
    Switchboard,
    /// claude-task-master: tasks.json
    TaskMaster,
    /// beads: .beads/issues.jsonl
    Beads,
}

/// The largest file that is read, in bytes.
const FILE_BYTES_MAX: u64 = 64 << 20;

/// Does it, and prints what came of it.
///
/// # Errors
/// What the server `goals` says.
pub(crate) fn run(args: &Args, context: &Context) -> Result<(), Report> {
    let tools = &mut Tools::new("goals", context)?;
    context.block_on(async {
        match &args.what {
            What::Export { .. } | What::Import { .. } => exchange(&args.what, tools, context).await,
            What::Claim { .. } | What::Done { .. } | What::Next { .. } => {
                work(&args.what, tools, &context.printer).await
            }
            _ => goals(&args.what, tools, &context.printer).await,
        }
    })
}

async fn goals(what: &What, tools: &mut Tools<'_>, printer: &Printer) -> Result<(), Report> {
    match what {
        What::List { about, status, priority, limit } => {
            let query = (!about.is_empty()).then(|| about.join(" "));
            let which = [("status", json!(status)), ("priority", json!(priority)), ("query", json!(query))];
            let asked = asked(&[which.as_slice(), &[("limit", json!(limit))]].concat());
            let page = tools.call("list_goals", &asked).await?;
            printed(printer, &page, |printer| show::goals(printer, &page));
        }
        What::Show { id } if is_task(id) => {
            let task = tools.call("get_task", &json!({ "task_id": id })).await?;
            let why = tools.call("explain_task", &json!({ "task_id": id })).await?;
            let both = json!({ "task": task, "why": why });
            printed(printer, &both, |printer| show::task(printer, &both["task"], &both["why"]));
        }
        What::Show { id } => {
            let goal = tools.call("get_goal", &json!({ "goal_id": id })).await?;
            printed(printer, &goal, |printer| show::goal(printer, &goal));
        }
        What::New { description, priority, tasks } => {
            let new = asked(&[("description", json!(description.join(" "))), ("priority", json!(priority))]);
            let mut goal = tools.call("create_goal", &new).await?;
            if !tasks.is_empty() {
                let task = |(at, text): (usize, &String)| match at {
                    0 => json!({ "description": text }),
                    _ => json!({ "description": text, "dependencies": [at - 1] }),
                };
                let tasks: Vec<Value> = tasks.iter().enumerate().map(task).collect();
                goal = tools.call("break_down_goal", &json!({ "goal_id": goal["id"], "subtasks": tasks })).await?;
            }
            printed(printer, &goal, |printer| show::goal(printer, &goal));
        }
        What::Add { goal, description, after, priority, effort } => {
            let task = asked(&[
                ("description", json!(description.join(" "))),
                ("dependencies", json!(after)),
                ("priority", json!(priority)),
                ("estimated_effort", json!(effort)),
            ]);
            let goal = tools.call("break_down_goal", &json!({ "goal_id": goal, "subtasks": [task] })).await?;
            let task = goal["task_details"].as_array().and_then(|tasks| tasks.last()).cloned().unwrap_or_default();
            printed(printer, &task, |printer| show::tasks(printer, std::slice::from_ref(&task)));
        }
        What::Plan { goal, agents } => {
            let plan = tools.call("generate_execution_plan", &json!({ "goal_id": goal })).await?;
            let times = asked(&[("goal_id", json!(goal)), ("agents", json!(agents))]);
            let times = tools.call("schedule_goal", &times).await?;
            let both = json!({ "plan": plan, "schedule": times });
            printed(printer, &both, |printer| show::plan(printer, &both["plan"], &both["schedule"]));
        }
        What::Graph { goal, format } => {
            let plan = tools.call("generate_execution_plan", &json!({ "goal_id": goal })).await?;
            printed(printer, &plan, |printer| printer.data(&graph::drawn(&plan, *format)));
        }
        _ => {}
    }
    Ok(())
}

async fn work(what: &What, tools: &mut Tools<'_>, printer: &Printer) -> Result<(), Report> {
    match what {
        What::Next { goal, limit } => {
            let asked = asked(&[("goal_id", json!(goal)), ("limit", json!(limit))]);
            let next = tools.call("get_next_tasks", &asked).await?;
            let tasks = next["tasks"].as_array().map(Vec::as_slice).unwrap_or_default();
            printed(printer, &next["tasks"], |printer| match tasks {
                [] => printer.say("nothing is ready; `switchboard goal show TASK` says why one waits"),
                tasks => show::tasks(printer, tasks),
            });
        }
        What::Claim { task, goal, holder, capabilities, lease } => {
            let asked = asked(&[
                ("task_id", json!(task)),
                ("goal_id", json!(goal)),
                ("holder", json!(holder)),
                ("capabilities", json!(capabilities)),
                ("lease_seconds", json!(lease.map(|lease| lease.as_secs()))),
            ]);
            let claim = tools.call("claim_task", &asked).await?;
            if claim["claimed"] != true {
                let report = Report::failed("no task that fits is ready");
                return Err(
                    report.hint("`switchboard goal next` lists what is ready, `goal show TASK` says why one waits")
                );
            }
            printed(printer, &claim, |printer| show::claim(printer, &claim));
        }
        What::Done { task, token, result, checks, reason } => {
            let asked = asked(&[
                ("task_id", json!(task)),
                ("status", json!("completed")),
                ("token", json!(token)),
                ("result", json!(result)),
                ("checks_passed", json!(checks)),
                ("override_reason", json!(reason)),
            ]);
            let task = tools.call("update_task_status", &asked).await?;
            printed(printer, &task, |printer| show::tasks(printer, std::slice::from_ref(&task)));
        }
        _ => {}
    }
    Ok(())
}

async fn exchange(what: &What, tools: &mut Tools<'_>, context: &Context) -> Result<(), Report> {
    let printer = &context.printer;
    match what {
        What::Export { goal } => {
            let copy = tools.call("save_state_to_cache", &asked(&[("goal_id", json!(goal))])).await?;
            printer.data(text_in(&copy, "state_json"));
        }
        What::Import { file, format } => {
            let text = text_of(&context.environment.cwd.join(file), file)?;
            let format = match format {
                Format::Switchboard => "switchboard",
                Format::TaskMaster => "task-master",
                Format::Beads => "beads",
            };
            let done = tools.call("restore_state_from_cache", &json!({ "state_json": text, "format": format })).await?;
            for warning in done["warnings"].as_array().into_iter().flatten().filter_map(Value::as_str) {
                printer.warn(&harmless(warning), None);
            }
            printed(printer, &done, |printer| {
                let counted = ["goals", "tasks", "edges", "gates"].map(|name| format!("{} {name}", done[name]));
                printer.line(&format!("{} added; {} were here already", counted.join(", "), done["already_here"]));
            });
        }
        _ => {}
    }
    Ok(())
}

/// Arguments without those that nobody gave.
fn asked(arguments: &[(&str, Value)]) -> Value {
    let given = arguments.iter().filter(|(_, value)| !value.is_null());
    Value::Object(given.map(|(name, value)| ((*name).to_owned(), value.clone())).collect::<Map<_, _>>())
}

/// Whether an id is that of a task: an alias, or an id of ours.
fn is_task(id: &str) -> bool {
    id.trim().starts_with(['t', 'T'])
}

fn text_of(path: &Path, named: &Path) -> Result<String, Report> {
    let unreadable = |error: std::io::Error| Report::usage(format!("{} cannot be read", named.display())).cause(error);
    let mut text = String::new();
    let read = if named == Path::new("-") {
        std::io::stdin().lock().take(FILE_BYTES_MAX + 1).read_to_string(&mut text)
    } else {
        std::fs::File::open(path).and_then(|file| file.take(FILE_BYTES_MAX + 1).read_to_string(&mut text))
    };
    read.map_err(unreadable)?;
    if text.len() as u64 > FILE_BYTES_MAX {
        return Err(Report::usage(format!("{} has more than {FILE_BYTES_MAX} bytes", named.display())));
    }
    Ok(text)
}

fn time(text: &str) -> Result<Duration, String> {
    config::parse_duration(text).ok_or_else(|| "write a time such as 5m or 1h".to_owned())
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

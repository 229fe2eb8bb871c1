//! G-08: files of other systems come in without loss of what we know of them, and only once.

use super::*;
use crate::goals::model::{Command, EdgeKind, Moment, State, TaskStatus, decide, view};
use serde_json::json;

fn import(state: &mut State, bundle: Bundle) -> Value {
    let moment = Moment { now: 1_800_000_000_000, actor: "tester", random: &mut Random::new(1) };
    decide(state, &Command::Import(Box::new(bundle)), moment).unwrap().answer
}

fn task(state: &State, system: &str, name: &str) -> Value {
    let found = state.all_tasks().find(|slot| slot.row.external_refs.get(system).is_some_and(|own| own == name));
    view::value(view::task(state, state.find_task(&found.unwrap().row.id).unwrap()))
}

#[test]
fn g_08_task_master_files_come_in_whole_and_once() {
    let file = json!({
        "master": {
            "tasks": [
                { "id": 1, "title": "Set up", "description": "the repository", "status": "done", "priority": "high",
                  "dependencies": [], "details": "git init", "testStrategy": "it builds", "complexity": 3,
                  "subtasks": [] },
                { "id": 2, "title": "Build", "description": "", "status": "in-progress", "priority": "medium",
                  "dependencies": [1], "details": "", "testStrategy": "",
                  "subtasks": [
                    { "id": 1, "title": "Parser", "status": "done", "dependencies": [], "details": "nom" },
                    { "id": 2, "title": "Printer", "status": "pending", "dependencies": [1, "9.9"] },
                  ] },
                { "id": 3, "title": "Ship", "status": "deferred", "priority": "low", "dependencies": ["2.2", 3] },
            ],
            "metadata": { "created": "2026-01-02T03:04:05.678Z", "updated": "2026-02-03T00:00:00Z", "description": "Main work" },
        },
        "side": { "tasks": [{ "id": 1, "title": "Other", "status": "review", "dependencies": [] }], "metadata": {} },
    });
    let bundle = read(&file.to_string(), Format::TaskMaster).unwrap();
    let mut state = State::default();
    let answer = import(&mut state, bundle.clone());
    assert_eq!((answer["goals"].as_u64(), answer["tasks"].as_u64()), (Some(2), Some(6)), "{answer}");
    let warnings = answer["warnings"].to_string();
    assert!(warnings.contains("9.9") && warnings.contains("circle"), "{warnings}");
    let parser = task(&state, "task-master", "master/2.1");
    let printer = task(&state, "task-master", "master/2.2");
    assert_eq!(printer["dependencies"], json!([parser["id"]]));
    assert_eq!((&printer["ready"], &parser["status"]), (&json!(true), &json!("completed")));
    let build = task(&state, "task-master", "master/2");
    assert_eq!(build["links"][0]["type"], "parent");
    let first = task(&state, "task-master", "master/1");
    assert_eq!(first["description"], "Set up\n\nthe repository");
    let kept = &first["metadata"]["task-master"];
    assert_eq!(
        (&kept["details"], &kept["testStrategy"], &kept["complexity"]),
        (&json!("git init"), &json!("it builds"), &json!(3))
    );
    let ship = task(&state, "task-master", "master/3");
    assert_eq!(
        (&ship["status"], &ship["priority"], &ship["labels"]),
        (&json!("blocked"), &json!("low"), &json!(["deferred"]))
    );
    let main = state.goals_newest_first().find(|slot| slot.row.description == "Main work").unwrap();
    assert_eq!(view::moment(main.row.created_at), "2026-01-02T03:04:05.678Z");
    // Once more adds nothing; a file without tags is the same as the tag `master`.
    let answer = import(&mut state, bundle);
    assert_eq!(
        (answer["goals"].as_u64(), answer["tasks"].as_u64(), answer["edges"].as_u64()),
        (Some(0), Some(0), Some(0))
    );
    let old = json!({ "tasks": [{ "id": 1, "title": "Set up", "status": "done" }, { "id": 7, "title": "New", "status": "pending" }] });
    let answer = import(&mut state, read(&old.to_string(), Format::TaskMaster).unwrap());
    assert_eq!((answer["goals"].as_u64(), answer["tasks"].as_u64()), (Some(0), Some(1)), "{answer}");
    for nonsense in ["", "1", "{\"a\":1}", "{\"tasks\":{}}", "[[", "{\"a\":{\"tasks\":1}}"] {
        assert!(read(nonsense, Format::TaskMaster).is_err(), "{nonsense}");
    }
}

#[test]
fn g_08_beads_files_come_in_whole_and_once() {
    let issue = |id: &str, more: Value| {
        let mut issue = json!({ "id": id, "title": format!("Issue {id}"), "status": "open", "priority": 2, "issue_type": "task",
            "created_at": "2026-01-02T03:04:05.123456-08:00", "updated_at": "2026-01-03T00:00:00Z" });
        issue.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        issue.to_string()
    };
    let on = |this: &str, that: &str, kind: &str| json!({ "issue_id": this, "depends_on_id": that, "type": kind, "created_at": "2026-01-02T03:04:05Z" });
    let lines = [
        issue(
            "app-1",
            json!({ "issue_type": "epic", "priority": 0, "labels": ["ui", "now"], "external_ref": "gh-12", "design": "d", "notes": "n" }),
        ),
        issue(
            "app-2",
            json!({ "dependencies": [on("app-2", "app-1", "parent-child"), on("app-2", "app-3", "blocks")], "estimated_minutes": 90, "assignee": "me" }),
        ),
        issue("app-3", json!({ "status": "closed", "closed_at": "2026-01-04T00:00:00Z", "close_reason": "done well" })),
        issue(
            "app-4",
            json!({ "status": "deferred", "dependencies": [on("app-4", "app-2", "conditional-blocks"), on("app-4", "app-3", "discovered-from"), on("app-4", "app-2", "replies-to")] }),
        ),
        issue(
            "app-5",
            json!({ "status": "custom", "dependencies": [on("app-5", "gone-1", "blocks"), on("app-5", "app-2", "waits-for")] }),
        ),
    ];
    let text = format!("\u{feff}{}\n\n", lines.join("\n"));
    let mut state = State::default();
    let answer = import(&mut state, read(&text, Format::Beads).unwrap());
    assert_eq!((answer["tasks"].as_u64(), answer["edges"].as_u64()), (Some(5), Some(5)), "{answer}");
    let warnings = answer["warnings"].to_string();
    assert!(["gone-1", "replies-to", "custom"].iter().all(|word| warnings.contains(word)), "{warnings}");
    let two = task(&state, "beads", "app-2");
    let three = task(&state, "beads", "app-3");
    assert_eq!(
        (&two["dependencies"], &two["estimate"]["p50"], &two["ready"]),
        (&json!([three["id"]]), &json!(1.5), &json!(true))
    );
    assert_eq!(
        (&three["completed_at"], &three["result"]["close_reason"]),
        (&json!("2026-01-04T00:00:00.000Z"), &json!("done well"))
    );
    let one = task(&state, "beads", "app-1");
    assert_eq!(
        (&one["priority"], &one["type"], &one["labels"]),
        (&json!("high"), &json!("epic"), &json!(["ui", "now"]))
    );
    assert_eq!(
        (&one["external_refs"]["external"], &one["created_at"]),
        (&json!("gh-12"), &json!("2026-01-02T11:04:05.123Z"))
    );
    // What we have no field for is there as it was.
    for (line, name) in lines.iter().zip(["app-1", "app-2", "app-3", "app-4", "app-5"]) {
        assert_eq!(task(&state, "beads", name)["metadata"]["beads"], serde_json::from_str::<Value>(line).unwrap());
    }
    let again = import(&mut state, read(&text, Format::Beads).unwrap());
    assert_eq!(
        (again["tasks"].as_u64(), again["edges"].as_u64(), again["already_here"].as_u64()),
        (Some(0), Some(0), Some(11)),
        "{again}"
    );
    assert!(read("{}", Format::Beads).is_err() && read("not json", Format::Beads).is_err());
}

#[test]
fn an_export_is_the_same_bytes_wherever_it_is_taken_in() {
    let file = json!({ "tasks": [{ "id": 1, "title": "a", "status": "pending" }, { "id": 2, "title": "b\u{0}\u{1b}[2J", "dependencies": [1] }] });
    let mut state = State::default();
    import(&mut state, read(&file.to_string(), Format::TaskMaster).unwrap());
    let text = export(&state, None);
    let mut other = State::default();
    let answer = import(&mut other, read(&text, Format::Switchboard).unwrap());
    assert_eq!(
        (answer["goals"].as_u64(), answer["tasks"].as_u64(), answer["edges"].as_u64()),
        (Some(1), Some(2), Some(1))
    );
    assert_eq!(export(&other, None), text);
    let answer = import(&mut other, read(&text, Format::Switchboard).unwrap());
    assert_eq!(answer["already_here"].as_u64(), Some(4), "{answer}");
    // What was changed here stays as it is, and is told.
    let moment = Moment { now: 1_800_000_000_000, actor: "tester", random: &mut Random::new(2) };
    let change = crate::goals::model::StatusChange {
        task: "TASK-0001".into(),
        status: TaskStatus::Completed,
        ..Default::default()
    };
    decide(&mut other, &Command::SetStatus(change), moment).unwrap();
    let answer = import(&mut other, read(&text, Format::Switchboard).unwrap());
    assert_eq!(answer["differing"], json!(["TASK-0001"]));
    assert_eq!(other.all_tasks().filter(|slot| slot.ins.iter().any(|(_, kind)| *kind == EdgeKind::Blocks)).count(), 1);
    for wrong in ["", "{}", "{\"header\":{\"format\":\"switchboard-goals\",\"version\":2}}", "{\"goal\":{}}"] {
        assert!(read(wrong, Format::Switchboard).is_err(), "{wrong}");
    }
    assert_eq!(export(&state, state.find_goal("GOAL-0001").ok()), text);
}

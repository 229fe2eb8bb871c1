//! Which servers inside are there: four without an entry, until a file, a variable or an entry of the
//! same name says otherwise; and what an entry tells one.

use e2e::{Client as _, Home, run};
use serde_json::{Value, json};
use std::time::Duration;

const SOON: Duration = Duration::from_secs(30);

/// The names of the declared servers, as one sees them who set nothing up.
fn declared(config: &str) -> Vec<String> {
    let home = Home::new(config);
    let mut list = home.command();
    list.env_remove("SWITCHBOARD_BUILTINS").arg("--config").arg(home.config()).args(["list", "--json"]);
    let listed = run(&mut list, SOON).json();
    let servers = listed["servers"].as_array().unwrap_or_else(|| panic!("expected servers: {listed}"));
    servers.iter().map(|server| server["name"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn servers_inside_are_there_until_somebody_says_otherwise() {
    assert_eq!(declared(""), ["cache", "goals", "memory", "web"]);
    assert_eq!(declared("builtins = [\"memory\"]"), ["memory"]);
    assert_eq!(declared("builtins = []"), [""; 0]);
    let own = "[servers.memory]\ncommand = \"my-memory\"\nenabled = false\n";
    assert_eq!(declared(own), ["cache", "goals", "memory", "web"]);
    let home = Home::new(own).offering("cache,memory");
    let board = home.start();
    board.server_in("cache", "ready");
    let tools = board.modern().request("tools/list", json!({})).1["result"]["tools"].clone();
    let names: Vec<&str> = tools.as_array().unwrap().iter().filter_map(|tool| tool["name"].as_str()).collect();
    assert!(names.contains(&"cache_set"), "{names:?}");
    assert!(!names.iter().any(|name| name.contains("memory")), "the entry of that name is disabled: {names:?}");
}

#[test]
fn an_entry_tells_a_server_inside_how_to_behave() {
    let wrong = "[servers.files]\nbuiltin = \"files\"\noptions = { rots = [\"~\"] }\nrestart = \"never\"\n";
    let board = Home::new(wrong).start();
    let said: Value = board.server_in("files", "failed");
    let reason = said["reason"].as_str().unwrap_or_default();
    assert!(reason.contains("options") && reason.contains("rots") && reason.contains("roots"), "{said}");
    let home = Home::new("");
    std::fs::create_dir(home.place("notes")).unwrap();
    std::fs::write(home.place("notes/one.txt"), "the sea").unwrap();
    home.write_config("[servers.files]\nbuiltin = \"files\"\noptions = { roots = [\"~/notes\"] }\n");
    let board = home.start();
    board.server_in("files", "ready");
    let read = board.modern().call("files__read_file", json!({"file_path": "one.txt"}));
    assert_eq!(read["structuredContent"]["content"], "the sea", "{read}");
}

//! `switchboard limits`.

use crate::sandbox::Sandbox;

#[test]
fn the_limits_in_force_are_shown() {
    let sandbox = Sandbox::new();
    sandbox.configure("[limits]\nsessions_max = 7\n");
    let row = |sandbox: &Sandbox| {
        let limits = sandbox.json(&["limits"]);
        let rows = limits["limits"].as_array().unwrap().clone();
        rows.into_iter().find(|row| row["name"] == "sessions_max").unwrap()["value"].clone()
    };
    assert_eq!(row(&sandbox), "7", "from the files");
    let _daemon = sandbox.daemon();
    sandbox.configure("");
    assert_eq!(sandbox.run(&["limits"]).code, Some(0));
}

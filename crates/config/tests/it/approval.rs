//! What a person approves holds everything that runs, goes somewhere, or stands between the two: an
//! entry of a project that differs in any of it waits again.

use config::Approval;

use crate::fixture::Fixture;

/// Keys of a server that may change without a person: they decide neither what runs nor where it goes.
const HARMLESS: &[&str] = &[
    "enabled",
    "disabled",
    "description",
    "tags",
    "startup_timeout",
    "request_timeout",
    "request_timeout_max",
    "stop_timeout",
    "connect_timeout",
    "install_timeout",
    "restart",
    "restart_delay",
    "restart_delay_max",
    "max_restarts",
    "restart_window",
    "stable_after",
    "start",
    "idle_timeout",
    "watch",
    "health",
    "max_concurrent",
    "response_max",
    "rate_limit",
    "breaker",
    "retry",
    "cache",
    "record_arguments",
    "record_results",
];

/// Keys that a person must see: key, lines before, lines after.
const SEEN: &[(&str, &str, &str)] = &[
    ("type", "command = 'x'\ntype = 'stdio'", "command = 'x'\ntype = 'local'"),
    ("command", "command = 'x'", "command = 'y'"),
    ("args", "command = 'x'", "command = 'x'\nargs = ['y']"),
    ("env", "command = 'x'", "command = 'x'\nenv = { A = 'b' }"),
    ("cwd", "command = 'x'", "command = 'x'\ncwd = '/'"),
    ("inherit_env", "command = 'x'", "command = 'x'\ninherit_env = ['SECRET']"),
    ("env_file", "command = 'x'", "command = 'x'\nenv_file = 'words.env'"),
    ("url", "url = 'http://127.0.0.1:1/'", "url = 'http://127.0.0.1:2/'"),
    ("headers", "url = 'http://127.0.0.1:1/'", "url = 'http://127.0.0.1:1/'\nheaders = { A = 'b' }"),
    ("auth", "url = 'http://127.0.0.1:1/'", "url = 'http://127.0.0.1:1/'\nauth = 'none'"),
    ("oauth", "url = 'http://127.0.0.1:1/'", "url = 'http://127.0.0.1:1/'\noauth.scopes = ['x']"),
    ("builtin", "command = 'x'", "builtin = 'switchboard'"),
    ("options", "builtin = 'files'", "builtin = 'files'\noptions = { roots = ['/'] }"),
    ("allow_changes", "builtin = 'switchboard'", "builtin = 'switchboard'\nallow_changes = true"),
    ("replicas", "command = 'x'", "command = 'x'\nreplicas = 2"),
    ("pin", "command = 'x'\nreplicas = 2", "command = 'x'\nreplicas = 2\npin = 'session'"),
    ("resources", "command = 'x'\nresources.memory = '64MiB'", "command = 'x'"),
    ("port", "command = 'x'", "command = 'x'\nport = 7777"),
    ("install", "command = 'x'", "command = 'x'\ninstall = 'touch evil'"),
    ("data", "command = 'x'", "command = 'x'\ndata = ['/etc']"),
    ("tools", "command = 'x'", "command = 'x'\ntools.safe = ['*']"),
    ("tools", "command = 'x'\ntools.deny = ['*_delete']", "command = 'x'"),
    ("prefix", "command = 'x'", "command = 'x'\nprefix = 'never'"),
    ("era", "command = 'x'", "command = 'x'\nera = 'legacy'"),
    ("isolation", "command = 'x'", "command = 'x'\nisolation = 'session'"),
    ("health_check", "command = 'x'", "command = 'x'\nhealth_check.command = ['evil']"),
    ("image", "image = 'x'", "image = 'y'"),
    ("container", "image = 'x'", "image = 'x'\ncontainer.volumes = ['/:/host']"),
    ("depends_on", "command = 'x'", "command = 'x'\ndepends_on = ['s']"),
    ("group", "command = 'x'", "command = 'x'\ngroup = 'g'"),
    ("priority", "command = 'x'\ngroup = 'g'", "command = 'x'\ngroup = 'g'\npriority = 1"),
    ("weight", "command = 'x'\ngroup = 'g'", "command = 'x'\ngroup = 'g'\nweight = 9"),
];

fn project(lines: &str) -> Fixture {
    Fixture::new().file("switchboard.toml", &text(lines)).file("words.env", "A=b\n")
}

fn text(lines: &str) -> String {
    format!("[servers.a]\n{lines}\n[services.s]\ncommand = 's'\n")
}

#[test]
fn every_key_is_harmless_or_seen_by_a_person() {
    let schema = config::json_schema();
    let keys = schema["$defs"]["server"]["properties"].as_object().expect("the keys");
    assert!(keys.len() > 50);
    for key in keys.keys() {
        let (harmless, seen) = (HARMLESS.contains(&key.as_str()), SEEN.iter().any(|(name, ..)| name == key));
        assert!(harmless != seen, "`{key}`: may it change without a person? it stands in both lists or in none");
    }
}

#[test]
fn what_decides_what_runs_and_where_it_goes_waits_again() {
    for (key, before, after) in SEEN {
        let mut fixture = project(before);
        fixture.approve_all();
        assert_eq!(fixture.good().config.servers["a"].approval, Approval::Approved, "{key}: {before}");
        let fixture = fixture.file("switchboard.toml", &text(after));
        let server = &fixture.good().config.servers["a"];
        assert_eq!(server.approval, Approval::Pending, "{key}: {before} → {after}");
        assert!(!server.changed.is_empty() && !server.is_active(), "{key}: the difference is shown");
    }
}

#[test]
fn what_is_harmless_does_not_wait() {
    let harmless = "enabled = true\ndescription = 'x'\ntags = ['x']\nstartup_timeout = 9\nrequest_timeout = 9\n\
        request_timeout_max = 10\nstop_timeout = 9\nconnect_timeout = 9\ninstall_timeout = 9\nrestart = 'never'\n\
        restart_delay = 9\nrestart_delay_max = 10\nmax_restarts = 1\nrestart_window = 9\nstable_after = 9\nstart = 'lazy'\n\
        idle_timeout = 9\nwatch = ['x']\nhealth.interval = 9\nmax_concurrent = 9\nresponse_max = '1MiB'\n\
        rate_limit.burst = 9\nbreaker.failures = 9\nretry.attempts = 9\ncache.tools = ['x']\n\
        record_arguments = true\nrecord_results = true\n";
    let named = HARMLESS.iter().filter(|key| **key != "disabled");
    assert!(named.clone().all(|key| harmless.contains(key)), "every harmless key is changed here");
    let mut fixture = project("command = 'x'");
    fixture.approve_all();
    let fixture = fixture.file("switchboard.toml", &text(&format!("command = 'x'\n{harmless}")));
    assert!(fixture.good().config.servers["a"].is_active(), "{:?}", fixture.said());
}

#[test]
fn files_of_what_installs_checks_and_serves_count() {
    let cases = ["command = 'x'\ninstall = './own.sh --now'", "command = 'x'\nhealth_check.command = ['sh', 'own.sh']"];
    let hosted = "command = './own.sh'\ntype = 'http'\nport = 7777";
    let service = "command = 'x'\ndepends_on = ['s', 'own']\n[services.own]\ncommand = './own.sh'";
    let checked = "command = 'x'\ndepends_on = ['own']\n[services.own]\nready.command = ['./own.sh']";
    for lines in cases.into_iter().chain([hosted, service, checked]) {
        let mut fixture = project(lines).file("own.sh", "one");
        fixture.approve_all();
        assert!(fixture.good().config.servers["a"].is_active(), "{lines}: {:?}", fixture.said());
        let fixture = fixture.file("own.sh", "two");
        let waits = fixture.good().config.servers["a"].waits().unwrap_or_default();
        assert!(waits.contains("own.sh: sha256 "), "{lines}: {waits}");
    }
}

#[test]
fn a_service_of_a_project_is_approved_with_the_server_that_needs_it() {
    let lines = |image: &str| {
        format!(
            "command = 'x'\ndepends_on = ['web']\n[services.web]\ncommand = 'w'\ndepends_on = ['db']\n[services.db]\nimage = '{image}'"
        )
    };
    let mut fixture = project(&lines("pg:1"));
    let approvals = |fixture: &Fixture| {
        let services = fixture.good().config.services;
        ["db", "web", "s"].map(|name| services[name].approval)
    };
    assert_eq!(approvals(&fixture), [Approval::Pending; 3]);
    let shown = config::approvable(&fixture.sources, &[]).remove(0).subject.expect("what is approved").lines();
    for line in ["services.web.command: w", "services.db.image: pg:1"] {
        assert!(shown.iter().any(|one| one == line), "expected {line}: {shown:?}");
    }
    fixture.approve_all();
    let expected = [Approval::Approved, Approval::Approved, Approval::Pending];
    assert_eq!(approvals(&fixture), expected, "nobody needs the third");
    let fixture = fixture.file("switchboard.toml", &text(&lines("evil:1")));
    assert_eq!(approvals(&fixture), [Approval::Pending; 3]);
    let waits = fixture.good().config.servers["a"].waits().unwrap_or_default();
    assert!(waits.contains("services.db.image: pg:1 → evil:1"), "{waits}");
    let steering = text("command = 'x'\ndepends_on = ['t']\n[services.t]\ncommand = 't'\nenv = { LD_PRELOAD = 'x' }");
    let fixture = fixture.file("switchboard.toml", &steering);
    assert!(!fixture.good().config.services.contains_key("t"));
    assert!(fixture.said().iter().any(|line| line.contains("LD_PRELOAD")), "{:?}", fixture.said());
}

#[test]
fn a_project_does_not_say_who_runs_containers_and_what_servers_may_read() {
    let text = "roots = ['file:///']\ncontainer_engine = 'tcp://evil:1'\n";
    let fixture = Fixture::new().file("switchboard.toml", text);
    let config = fixture.good().config;
    assert!(config.roots.is_empty() && config.container_engine.is_none());
    assert_eq!(
        fixture.said(),
        ["warning: `roots` of a project is not used", "warning: `container_engine` of a project is not used"]
    );
}

//! Services, what depends on them, and servers that are containers: read, resolved, refused.

use config::{Check, PublishedPort, Pull, Reach, ServiceKind};
use std::time::Duration;

use crate::fixture::Fixture;

fn said(text: &str) -> Vec<String> {
    Fixture::named("switchboard.toml", text).said()
}

#[test]
fn each_kind_of_service_is_read() {
    let fixture = Fixture::named(
        "switchboard.toml",
        "[services.db]\nimage = 'pg:1'\nargs = ['-c', 'x']\nports = ['5432:5432', '0.0.0.0:80:8080']\n\
         volumes = ['./data:/data:ro', 'named:/var']\npull = 'never'\nready = { tcp = 'localhost:5432', timeout = 5 }\n\
         [services.queue]\ncommand = 'queue'\nargs = ['${NAME}']\ncwd = 'work'\nready = { log_line = 'up' }\n\
         [services.web]\nready = { http = 'http://web.test/' }\n\
         [servers.a]\ncommand = 'a'\ndepends_on = ['db', 'b']\n[servers.b]\ncommand = 'b'\n",
    )
    .var("NAME", "value");
    let config = fixture.good().config;
    let ServiceKind::Container(db) = &config.services["db"].kind else { panic!("expected a container") };
    assert_eq!((db.name.as_deref(), db.pull), (Some("switchboard-db"), Pull::Never));
    assert_eq!(db.command, ["-c", "x"]);
    assert_eq!(db.volumes[0], format!("{}:/data:ro", fixture.path("data").display()));
    assert_eq!(db.volumes[1], "named:/var");
    let ports = ["127.0.0.1:5432", "0.0.0.0:80"].map(|address| address.parse::<std::net::SocketAddr>().unwrap());
    let port = |at: usize, container| PublishedPort { ip: ports[at].ip(), host: ports[at].port(), container };
    assert_eq!(db.ports, [port(0, 5432), port(1, 8080)]);
    assert_eq!(config.services["db"].ready.check, Some(Check::Tcp("localhost:5432".to_owned())));
    assert_eq!(config.services["db"].ready.timeout, Duration::from_secs(5));
    let ServiceKind::Command { args, cwd, .. } = &config.services["queue"].kind else { panic!("expected a program") };
    assert_eq!(
        (args.as_slice(), cwd.as_deref()),
        (["value".to_owned()].as_slice(), Some(fixture.path("work").as_path()))
    );
    assert_eq!(config.services["web"].kind.as_str(), "external");
    assert_eq!(config.servers["a"].depends_on, ["db", "b"]);
}

#[test]
fn a_circle_is_named_and_unknown_names_get_a_proposal() {
    let circle = "[servers.a]\ncommand = 'a'\ndepends_on = ['b']\n[servers.b]\ncommand = 'b'\ndepends_on = ['a']\n";
    assert_eq!(said(circle), ["error: `depends_on` goes in a circle: a → b → a"]);
    let services = "[services.x]\ncommand = 'x'\ndepends_on = ['y']\n[services.y]\ncommand = 'y'\ndepends_on = ['x']\n";
    assert_eq!(said(services), ["error: `depends_on` goes in a circle: x → y → x"]);
    let own = "[servers.a]\ncommand = 'a'\ndepends_on = ['a']\n";
    assert_eq!(said(own), ["error: `depends_on` goes in a circle: a → a"]);
    let unknown = Fixture::named(
        "switchboard.toml",
        "[servers.a]\ncommand = 'a'\ndepends_on = ['postgers']\n[services.postgres]\ncommand = 'p'\n",
    );
    let rendered = unknown.rendered();
    assert!(rendered.contains("there is no service or server of that name"), "{rendered}");
    assert!(rendered.contains("did you mean `postgres`?"), "{rendered}");
    let on_server = "[services.x]\ncommand = 'x'\ndepends_on = ['a']\n[servers.a]\ncommand = 'a'\n";
    assert_eq!(said(on_server), ["error: service `x` depends on `a`, and there is no service of that name"]);
}

#[test]
fn what_makes_no_sense_is_refused() {
    let cases = [
        ("[services.x]\n", "service `x`: it has neither `image` nor `command`, and nothing in `ready` to check"),
        (
            "[services.x]\nready = { log_line = 'up' }\n",
            "service `x`: `ready.log_line` needs output that can be read: `image` or `command`",
        ),
        (
            "[services.x]\ncommand = 'x'\nready = { tcp = 'nowhere' }\n",
            "service `x`: `ready.tcp` is no host with a port",
        ),
        (
            "[services.x]\ncommand = 'x'\nready = { tcp = 'a:1', http = 'http://a/' }\n",
            "service `x`: `ready` holds more than one check",
        ),
        ("[services.x]\nimage = 'x'\nports = ['x']\n", "service `x`: this is no pair of ports"),
        ("[services.x]\nimage = 'x'\nvolumes = ['x']\n", "service `x`: this is no volume"),
        ("[services.x]\ncommand = 'x'\nports = ['1:1']\n", "service `x`: `ports` goes with `image`"),
        ("[servers.x]\nimage = 'x'\nurl = 'http://a/'\n", "server `x`: `url` does not go with `image`"),
        ("[servers.x]\ncommand = 'x'\ncontainer = { cpu = 1 }\n", "server `x`: `container` goes with `image`"),
        ("[servers.x]\nimage = 'x'\ntype = 'http'\n", "server `x`: the type `http` needs `container.port`"),
        ("[servers.x]\nimage = 'x'\ntype = 'ws'\n", "server `x`: a container speaks stdio or streamable HTTP"),
        (
            "[servers.x]\nimage = 'x'\ncontainer = { port = 80, network = 'none' }\n",
            "server `x`: a container without a network cannot be reached over HTTP",
        ),
        ("[services.x]\ncommand = 'x'\n[servers.x]\ncommand = 'x'\n", "`x` is a service and a server"),
        (
            "[services.'a b']\ncommand = 'x'\n[services.a-b]\ncommand = 'x'\n",
            "the services `a b` and `a-b` have the same name `a-b` after reduction",
        ),
        ("[services.x]\ncomand = 'x'\nready = { tcp = 'a:1' }\n", "unknown key `services.x.comand`"),
    ];
    for (text, expected) in cases {
        assert_eq!(said(text), [format!("error: {expected}")], "{text}");
    }
}

#[test]
fn a_server_can_be_a_container() {
    let text = "[servers.a]\nimage = 'a:1'\nargs = ['x']\nenv = { KEY = 'secret-value' }\n\
                container = { memory = '64MiB', cpu = 50, pids = 9, read_only = true, network = 'none' }\n\
                [servers.b]\nimage = 'b:1'\ncontainer = { port = 80, path = 'in' }\n";
    let config = Fixture::named("switchboard.toml", text).good().config;
    let Reach::Container { container, endpoint: None } = &config.servers["a"].reach else { panic!("expected stdio") };
    let limits = (container.memory_bytes, container.cpu_percent, container.pids, container.read_only);
    assert_eq!(limits, (64 << 20, 50, 9, true));
    assert!(!format!("{config:?}").contains("secret-value") && !config::show(&config).contains("secret-value"));
    let Reach::Container { endpoint: Some(endpoint), .. } = &config.servers["b"].reach else { panic!("expected http") };
    assert_eq!((endpoint.port, endpoint.path.as_str()), (80, "/in"));
    let changed = Fixture::named("switchboard.toml", &text.replace("pids = 9", "pids = 8")).good().config;
    assert_eq!(config::changes(&config, &changed).changed, ["a"]);
}

#[test]
fn a_service_of_a_project_is_pending() {
    let fixture = Fixture::new().file("switchboard.toml", "[services.db]\ncommand = 'evil'\n");
    let config = fixture.load().config;
    assert_eq!(config.services["db"].approval, config::Approval::Pending);
}

//! Services with fakes around them and a clock that stands still: order, counting, failures.

use std::collections::VecDeque;
use std::net::SocketAddr;

use futures_util::future::BoxFuture;

use super::*;
use crate::spawner::{ExitHow, SpawnError, SpawnRequest, Spawned, Spawner, Wish, steered};

/// Runs "containers" that obey at once, and writes down what happens.
#[derive(Default)]
struct World {
    events: Mutex<Vec<String>>,
    /// What goes wrong with the next starts, by entry.
    failures: Mutex<BTreeMap<String, VecDeque<ContainerError>>>,
    /// Ends a running one from outside.
    kill: watch::Sender<String>,
    /// Which checks fail.
    sick: Mutex<Vec<String>>,
}

struct NoPrograms;

impl Spawner for NoPrograms {
    fn spawn(&self, request: SpawnRequest) -> BoxFuture<'_, Result<Spawned, SpawnError>> {
        Box::pin(async move { Err(SpawnError::GuardDied { program: request.program }) })
    }
}

struct Fake(Arc<World>);

impl Containers for Fake {
    fn start(&self, request: ContainerRequest) -> BoxFuture<'_, Result<StartedContainer, ContainerError>> {
        let world = self.0.clone();
        Box::pin(async move {
            let failure = world.failures.lock().unwrap().get_mut(&request.entry).and_then(VecDeque::pop_front);
            if let Some(failure) = failure {
                return Err(failure);
            }
            world.note("start", &request.entry);
            let (handle, mut steering) = steered(false);
            let mut kill = world.kill.subscribe();
            tokio::spawn(async move {
                let name = request.entry.clone();
                let how = tokio::select! {
                    wish = steering.wish() => if wish == Wish::Kill { ExitHow::Signal(9) } else { ExitHow::Code(0) },
                    _ = kill.wait_for(|killed| *killed == name) => ExitHow::Code(7),
                };
                world.note("end", &request.entry);
                steering.ended(how);
            });
            let ports: Vec<(u16, SocketAddr)> = Vec::new();
            let (stdin, stdout, stderr) =
                (Box::new(tokio::io::sink()), Box::new(tokio::io::empty()), Box::new(tokio::io::empty()));
            Ok(StartedContainer { stdin, stdout, stderr, ports, handle })
        })
    }
}

impl Probe for Fake {
    fn http<'a>(&'a self, url: &'a str) -> BoxFuture<'a, Result<(), String>> {
        let sick = self.0.sick.lock().unwrap().iter().any(|one| url.contains(one));
        Box::pin(async move { if sick { Err("HTTP 503".to_owned()) } else { Ok(()) } })
    }
}

impl World {
    fn note(&self, what: &str, who: &str) {
        self.events.lock().unwrap().push(format!("{what} {who}"));
    }

    fn events(&self) -> Vec<String> {
        self.events.lock().unwrap().clone()
    }

    fn at(&self, event: &str) -> usize {
        let events = self.events();
        events.iter().position(|one| one == event).unwrap_or_else(|| panic!("no `{event}` in {events:?}"))
    }
}

fn services(text: &str) -> BTreeMap<String, Service> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("switchboard.toml");
    std::fs::write(&file, text).unwrap();
    let loaded = config::load(&config::Sources { files: vec![file], ..config::Sources::default() });
    assert!(!loaded.has_errors(), "{}", config::render(&loaded.diagnostics, false));
    loaded.config.services
}

fn needs(text: &str) -> (Arc<World>, Needs) {
    let world = Arc::new(World::default());
    let tools = Tools {
        spawner: Arc::new(NoPrograms),
        containers: Arc::new(Fake(world.clone())),
        probe: Arc::new(Fake(world.clone())),
        process: Arc::default(),
        logs: None,
    };
    (world, Needs::new(&services(text), tools))
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(ToString::to_string).collect()
}

fn quiet(_: String) {}

async fn until(needs: &Needs, name: &str, state: State) -> ServiceStatus {
    loop {
        let found = needs.status().into_iter().find(|one| one.name == name).unwrap();
        if found.state == state {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

const DIAMOND: &str = "
[services.top]\nimage = 'x'\ndepends_on = ['left', 'right']\nlinger = 0
[services.left]\nimage = 'x'\ndepends_on = ['base']\nlinger = 0
[services.right]\nimage = 'x'\ndepends_on = ['base']\nlinger = 0
[services.base]\nimage = 'x'\nlinger = 0
";

#[tokio::test(start_paused = true)]
async fn what_is_needed_starts_first_and_stops_last() {
    let (world, needs) = needs(DIAMOND);
    let lease = needs.acquire("server", &names(&["top"]), &quiet).await.unwrap();
    for (before, after) in [("base", "left"), ("base", "right"), ("left", "top"), ("right", "top")] {
        assert!(world.at(&format!("start {before}")) < world.at(&format!("start {after}")));
    }
    assert_eq!(until(&needs, "base", State::Ready).await.needed_by, ["left", "right"]);
    drop(lease);
    until(&needs, "base", State::Stopped).await;
    for (before, after) in [("top", "left"), ("top", "right"), ("left", "base"), ("right", "base")] {
        assert!(world.at(&format!("end {before}")) < world.at(&format!("end {after}")));
    }
    assert_eq!(world.events().len(), 8, "each once: {:?}", world.events());
}

#[tokio::test(start_paused = true)]
async fn a_service_is_shared_and_lingers_after_the_last_who_needs_it() {
    let (world, needs) = needs("[services.db]\nimage = 'x'\nlinger = '3s'\n");
    let first = needs.acquire("a", &names(&["db"]), &quiet).await.unwrap();
    let second = needs.acquire("b", &names(&["db", "no-service"]), &quiet).await.unwrap();
    assert_eq!(until(&needs, "db", State::Ready).await.needed_by, ["a", "b"]);
    drop(first);
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(world.events(), ["start db"]);
    drop(second);
    tokio::time::sleep(Duration::from_secs(2)).await;
    let again = needs.acquire("c", &names(&["db"]), &quiet).await.unwrap();
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(world.events(), ["start db"], "it was needed again in time");
    drop(again);
    until(&needs, "db", State::Stopped).await;
    assert_eq!(world.events(), ["start db", "end db"]);
}

#[tokio::test(start_paused = true)]
async fn a_service_that_dies_comes_back_and_its_holders_hear_of_it() {
    let (world, needs) = needs("[services.db]\nimage = 'x'\n");
    let lease = needs.acquire("a", &names(&["db"]), &quiet).await.unwrap();
    assert_eq!(lease.trouble(), None);
    let mut changes = lease.changes();
    changes.mark_unchanged();
    world.kill.send_replace("db".to_owned());
    changes.changed().await.unwrap();
    let trouble = lease.trouble().unwrap();
    assert!(trouble.contains("`db`") && trouble.contains("status 7"), "{trouble}");
    world.kill.send_replace(String::new());
    let back = until(&needs, "db", State::Ready).await;
    assert_eq!((lease.trouble(), back.restarts), (None, 1));
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_had_says_why_and_is_tried_again_when_asked() {
    let (world, needs) = needs("[services.db]\nimage = 'x'\n");
    let absent = ContainerError { reason: "no image `x`".into(), hint: Some("docker pull x".into()), can_pass: false };
    world.failures.lock().unwrap().insert("db".to_owned(), VecDeque::from([absent]));
    let unmet = needs.acquire("a", &names(&["db"]), &quiet).await.unwrap_err();
    assert_eq!(unmet.ending, Ending::Hopeless);
    assert!(unmet.reason.contains("waits for `db`") && unmet.reason.contains("no image `x`"), "{unmet:?}");
    assert_eq!(unmet.hint.as_deref(), Some("docker pull x"));
    assert_eq!(until(&needs, "db", State::Failed).await.needed_by, Vec::<String>::new());
    let lease = needs.acquire("a", &names(&["db"]), &quiet).await.unwrap();
    assert_eq!(lease.trouble(), None);
}

#[tokio::test(start_paused = true)]
async fn whoever_waits_is_told_for_what_and_how_long() {
    let (world, needs) = needs("[services.web]\nready = { http = 'http://web.test/health', timeout = '20s' }\n");
    world.sick.lock().unwrap().push("web.test".to_owned());
    let told = Arc::new(Mutex::new(Vec::new()));
    let (hears, needs) = (told.clone(), Arc::new(needs));
    let waiting = needs.clone();
    let waiting = tokio::spawn(async move {
        waiting.acquire("a", &names(&["web"]), &move |text| hears.lock().unwrap().push(text)).await
    });
    tokio::time::sleep(Duration::from_secs(12)).await;
    world.sick.lock().unwrap().clear();
    let lease = waiting.await.unwrap().unwrap();
    let told = told.lock().unwrap().clone();
    assert!(told.iter().any(|text| text.contains("waits for `web` (11 s): HTTP 503")), "{told:?}");
    // What others run is looked at while it is needed.
    world.sick.lock().unwrap().push("web.test".to_owned());
    until(&needs, "web", State::Backoff).await;
    assert!(lease.trouble().unwrap().contains("HTTP 503"));
}

#[tokio::test(start_paused = true)]
async fn a_changed_entry_is_started_anew_and_others_are_not() {
    let text = "[services.db]\nimage = 'x'\n[services.other]\nimage = 'x'\n";
    let (world, needs) = needs(text);
    let _lease = needs.acquire("a", &names(&["db", "other"]), &quiet).await.unwrap();
    needs.apply(&services(&text.replacen("'x'", "'y'", 1)));
    loop {
        let events = world.events();
        if events.iter().filter(|event| *event == "start db").count() == 2 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    until(&needs, "db", State::Ready).await;
    assert!(!world.events().contains(&"end other".to_owned()), "{:?}", world.events());
}

#[tokio::test(start_paused = true)]
async fn at_the_end_everything_is_stopped_at_once() {
    let (world, needs) = needs("[services.db]\nimage = 'x'\nlinger = '1h'\n");
    drop(needs.acquire("a", &names(&["db"]), &quiet).await.unwrap());
    let before = Instant::now();
    needs.close().await;
    assert_eq!(world.events(), ["start db", "end db"]);
    assert!(before.elapsed() < Duration::from_secs(1));
}

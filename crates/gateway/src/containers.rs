//! Containers as the supervisor wants them, out of what the engine's API offers: labels, limits,
//! streams, the end. It decides neither when one is started nor what runs in it.
//!
//! A container is the engine's child and not the guard's, so the guard cannot kill it. It removes
//! itself when it ends; one that speaks on stdin ends with our connection; whatever else an ended
//! daemon left behind is found by its labels and removed before the first start of the next one.

use config::{Container, Pull};
use futures_util::future::BoxFuture;
use outbound::engine::{Attached, Ending, Engine, EngineError};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use supervisor::services::{ContainerError, ContainerRequest, Containers, StartedContainer};
use supervisor::{ExitHow, Steering, Wish, steered};
use tokio::sync::OnceCell;
use tokio::time::{sleep, timeout};

/// Whose a container is: a hash of the data folder, by path and number.
const LABEL_DATA: &str = "dev.switchboard.data";
/// The server or service that it belongs to.
const LABEL_ENTRY: &str = "dev.switchboard.entry";
/// The process that started it.
const LABEL_PROCESS: &str = "dev.switchboard.process";
/// How often a name of ours that is still taken is tried again, and how far apart.
const NAME_TRIES: u32 = 50;
const NAME_PAUSE: Duration = Duration::from_millis(100);
/// How long a container that must go is tried to be removed, and how far apart.
const REMOVE_TIME_MAX: Duration = Duration::from_secs(20);
const REMOVE_PAUSE: Duration = Duration::from_millis(500);
/// How long the end of a container may take that was removed.
const END_TIME_MAX: Duration = Duration::from_secs(10);

/// The engine of this machine.
pub(crate) struct MachineEngine(Arc<Inner>);

struct Inner {
    /// As the configuration or the environment says.
    place: Option<String>,
    /// Where engines usually are.
    usual: Vec<PathBuf>,
    data: String,
    process: String,
    cleaned: OnceCell<()>,
    left: Left,
}

/// Containers that are over and could not be removed: they go before the next one is started.
#[derive(Debug, Clone, Default)]
struct Left(Arc<Mutex<BTreeSet<String>>>);

/// Where the engine of this machine listens: what `place` names, else `DOCKER_HOST`, else a usual
/// place. Whether anybody answers there is not asked.
///
/// # Errors
/// There is none, or it is no Unix socket; with what to do.
pub fn engine_socket(place: Option<&str>, environment: &config::Environment) -> Result<PathBuf, ContainerError> {
    let (place, usual) = places(place, environment);
    socket(place.as_deref(), &usual)
}

/// What names the engine, and where it is looked for where nothing does.
fn places(place: Option<&str>, environment: &config::Environment) -> (Option<String>, Vec<PathBuf>) {
    let variable = |name: &str| environment.vars.get(name).filter(|value| !value.is_empty()).cloned();
    let mut usual = vec![PathBuf::from("/var/run/docker.sock")];
    usual.extend(variable("XDG_RUNTIME_DIR").map(|folder| Path::new(&folder).join("podman/podman.sock")));
    usual.push(PathBuf::from("/run/podman/podman.sock"));
    (place.map(str::to_owned).or_else(|| variable("DOCKER_HOST")), usual)
}

fn socket(place: Option<&str>, usual: &[PathBuf]) -> Result<PathBuf, ContainerError> {
    let hint = || Some("start Docker or Podman, or name its socket: container_engine = \"unix:///path\"".to_owned());
    match place {
        Some(place) => {
            let path = place.strip_prefix("unix://").unwrap_or(place);
            if path.starts_with('/') {
                return Ok(PathBuf::from(path));
            }
            let reason = format!("the container engine `{place}` is no Unix socket, and only those are spoken to");
            Err(failed(reason, hint(), false))
        }
        None => match usual.iter().find(|path| path.exists()) {
            Some(path) => Ok(path.clone()),
            None => Err(failed("no container engine was found on this machine".to_owned(), hint(), true)),
        },
    }
}

// === impl MachineEngine ===

impl MachineEngine {
    /// The engine that `place` names, else the one of `DOCKER_HOST` or a usual place. Containers are
    /// marked as belonging to the data folder.
    pub(crate) fn new(place: Option<&str>, environment: &config::Environment, data: &Path) -> Self {
        let (place, usual) = places(place, environment);
        let mut digest = Sha256::new_with_prefix(data.as_os_str().as_encoded_bytes());
        // Beside the engine's socket, several containers may have a folder of that name, and each another.
        digest.update(std::fs::metadata(data).map_or(0, |data| data.ino()).to_be_bytes());
        let digest = digest.finalize();
        let own = std::process::id();
        Self(Arc::new(Inner {
            place,
            usual,
            data: digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect(),
            process: format!("{own}-{}", started(own).unwrap_or_default()),
            cleaned: OnceCell::new(),
            left: Left::default(),
        }))
    }

    /// Removes what an ended process left behind, in the background.
    pub(crate) fn clean(&self) {
        let inner = self.0.clone();
        tokio::spawn(async move {
            // An engine that does not answer says so again when it is needed.
            let _ = inner.engine_cleaned().await;
        });
    }
}

impl Containers for MachineEngine {
    fn start(&self, request: ContainerRequest) -> BoxFuture<'_, Result<StartedContainer, ContainerError>> {
        let inner = self.0.clone();
        // A task of its own: whoever stops waiting must not leave half a container behind.
        let starting = tokio::spawn(async move { inner.start(request).await });
        Box::pin(async move {
            starting.await.unwrap_or_else(|_| Err(failed("starting the container failed".to_owned(), None, true)))
        })
    }
}

// === impl Inner ===

impl Inner {
    fn engine(&self) -> Result<Engine, ContainerError> {
        socket(self.place.as_deref(), &self.usual).map(Engine::at)
    }

    async fn engine_cleaned(&self) -> Result<Engine, ContainerError> {
        let engine = self.engine()?;
        let cleaning = async {
            for id in engine.labelled(&format!("{LABEL_DATA}={}", self.data)).await? {
                let known = engine.inspect(&id).await.unwrap_or_default();
                let process = known["Config"]["Labels"][LABEL_PROCESS].as_str().unwrap_or_default();
                if process != self.process && !is_alive(process) {
                    tracing::info!(container = %id, "a container that an ended switchboard left behind is removed");
                    engine.remove(&id).await?;
                }
            }
            Ok(())
        };
        self.cleaned.get_or_try_init(|| cleaning).await.map_err(of_engine)?;
        Ok(engine)
    }

    async fn start(&self, request: ContainerRequest) -> Result<StartedContainer, ContainerError> {
        let engine = self.engine_cleaned().await?;
        self.left.remove_from(&engine).await.map_err(of_engine)?;
        fetch(&engine, &request.container).await?;
        let id = self.create(&engine, &request).await?;
        match begin(&engine, &id, &request).await {
            Ok((attached, ending)) => {
                let ports = ports(&engine, &id, &request.container).await;
                let (handle, steering) = steered(request.stdin);
                let Attached { stdin, stdout, stderr } = attached;
                let left = self.left.clone();
                let (ours, theirs): (_, Box<dyn tokio::io::AsyncWrite + Send + Unpin>) =
                    if request.stdin { (None, stdin) } else { (Some(stdin), Box::new(tokio::io::sink())) };
                tokio::spawn(async move {
                    follow(engine, id, ending, steering, left).await;
                    // The connection is closed when it has ended, not before.
                    drop(ours);
                });
                let (stdout, stderr) = (Box::new(stdout), Box::new(stderr));
                Ok(StartedContainer { stdin: theirs, stdout, stderr, ports, handle })
            }
            Err(error) => {
                // What was created must not stay; the error is what is worth telling.
                let _ = engine.remove(&id).await;
                Err(of_engine(error))
            }
        }
    }

    /// Creates it; a name that one of ours still has, which is about to go, is waited for.
    async fn create(&self, engine: &Engine, request: &ContainerRequest) -> Result<String, ContainerError> {
        let body = self.body(request);
        let name = request.container.name.as_deref();
        for _ in 0..NAME_TRIES {
            let error = match engine.create(name, &body).await {
                Ok(id) => return Ok(id),
                Err(error) => error,
            };
            let (true, Some(name)) = (error.is_conflict(), name) else { return Err(of_engine(error)) };
            let known = engine.inspect(name).await.unwrap_or_default();
            let labels = &known["Config"]["Labels"];
            if !known.is_null() && (labels[LABEL_DATA] != self.data || labels[LABEL_ENTRY] != request.entry) {
                let hint = format!("remove it (docker rm -f {name}), or give `{}` another `name`", request.entry);
                let reason = format!("there is a container `{name}` already, and it is not ours");
                return Err(failed(reason, Some(hint), false));
            }
            engine.remove(name).await.map_err(of_engine)?;
            sleep(NAME_PAUSE).await;
        }
        Err(failed(format!("the container `{}` does not go away", name.unwrap_or_default()), None, true))
    }

    /// What the engine is told of it (`ContainerCreate`).
    fn body(&self, request: &ContainerRequest) -> Value {
        let ContainerRequest { container, entry, stdin } = request;
        let mut exposed = Map::new();
        let mut bindings = Map::new();
        for port in &container.ports {
            let key = format!("{}/tcp", port.container);
            exposed.insert(key.clone(), json!({}));
            let binding = json!({ "HostIp": port.ip.to_string(), "HostPort": port.host.to_string() });
            if let Value::Array(list) = bindings.entry(key).or_insert_with(|| json!([])) {
                list.push(binding);
            }
        }
        let some = |number: u64| (number > 0).then_some(number);
        json!({
            "Image": container.image,
            "Cmd": (!container.command.is_empty()).then_some(&container.command),
            "Env": config::container_environment(container),
            "Labels": { LABEL_DATA: self.data, LABEL_ENTRY: entry, LABEL_PROCESS: self.process },
            "AttachStdin": stdin,
            "AttachStdout": true,
            "AttachStderr": true,
            "OpenStdin": stdin,
            // It ends with the connection that writes to it.
            "StdinOnce": stdin,
            "Tty": false,
            "ExposedPorts": exposed,
            "HostConfig": {
                "AutoRemove": true,
                "Binds": container.volumes,
                "PortBindings": bindings,
                "NetworkMode": container.network,
                "ReadonlyRootfs": container.read_only,
                "Memory": some(container.memory_bytes),
                // As much as memory: no swap beside it.
                "MemorySwap": some(container.memory_bytes),
                "NanoCpus": some(container.cpu_percent * 10_000_000),
                "PidsLimit": some(container.pids),
                // What it prints goes into our log; a second copy would grow without end.
                "LogConfig": { "Type": "none" },
            },
        })
    }
}

/// Makes sure that its image is there.
async fn fetch(engine: &Engine, container: &Container) -> Result<(), ContainerError> {
    let image = &container.image;
    let there = match container.pull {
        Pull::Always => false,
        Pull::Missing | Pull::Never => engine.has_image(image).await.map_err(of_engine)?,
    };
    if there {
        return Ok(());
    }
    let hint = || Some(format!("get or build it: docker pull {image}"));
    if container.pull == Pull::Never {
        return Err(failed(format!("the image `{image}` is not on this machine, and pull = \"never\""), hint(), false));
    }
    engine.pull(image).await.map_err(|error| match error {
        EngineError::Refused { message, .. } => {
            failed(format!("the image `{image}` cannot be fetched: {message}"), hint(), true)
        }
        error => of_engine(error),
    })
}

async fn begin(engine: &Engine, id: &str, request: &ContainerRequest) -> Result<(Attached, Ending), EngineError> {
    let attached = engine.attach(id, request.stdin).await?;
    let ending = engine.wait(id).await?;
    engine.start(id).await?;
    Ok((attached, ending))
}

/// Does what the handle wants until the container has ended; nothing of it is left then, as far as the
/// engine does what it is told.
async fn follow(engine: Engine, id: String, ending: Ending, mut steering: Steering, left: Left) {
    let status = ending.status();
    tokio::pin!(status);
    let ended = loop {
        let wish = tokio::select! {
            status = &mut status => break status.ok(),
            wish = steering.wish() => wish,
        };
        if wish == Wish::Kill {
            removed(&engine, &id, &left).await;
            // The end comes with the removal; nothing else is left to wish.
            break timeout(END_TIME_MAX, status).await.ok().and_then(Result::ok);
        }
        let told = engine.signal(&id, &stop_signal(&engine, &id).await).await;
        if let Err(error) = told {
            // It may have ended by itself; its end tells.
            tracing::debug!(container = %id, %error, "the container was not told to end");
        }
    };
    if ended.is_none() {
        // An engine that hung up may let it run, and the next one must not run beside it.
        removed(&engine, &id, &left).await;
    }
    steering.ended(ended.map_or(ExitHow::EngineGone, how));
}

/// Removes a container, again and again for a while; what is still there then is left to the next start.
async fn removed(engine: &Engine, id: &str, left: &Left) {
    let removing = async {
        while let Err(error) = engine.remove(id).await {
            tracing::debug!(container = %id, %error, "the container could not be removed: {error}");
            sleep(REMOVE_PAUSE).await;
        }
    };
    if timeout(REMOVE_TIME_MAX, removing).await.is_err() {
        tracing::warn!(container = %id, "a container could not be removed; it is before the next one is started");
        left.lock().insert(id.to_owned());
    }
}

// === impl Left ===

impl Left {
    async fn remove_from(&self, engine: &Engine) -> Result<(), EngineError> {
        loop {
            let Some(id) = self.lock().first().cloned() else { return Ok(()) };
            engine.remove(&id).await?;
            self.lock().remove(&id);
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What tells its main process to end: the image may say so.
async fn stop_signal(engine: &Engine, id: &str) -> String {
    let known = engine.inspect(id).await.unwrap_or_default();
    let own = known["Config"]["StopSignal"].as_str().filter(|signal| !signal.is_empty());
    own.unwrap_or("SIGTERM").to_owned()
}

/// Statuses above 128 are signals, as shells and engines have it.
fn how(code: i64) -> ExitHow {
    let code = i32::try_from(code).unwrap_or(i32::MAX);
    if (129..=192).contains(&code) { ExitHow::Signal(code - 128) } else { ExitHow::Code(code) }
}

/// Where this machine finds the ports of the container.
async fn ports(engine: &Engine, id: &str, container: &Container) -> Vec<(u16, SocketAddr)> {
    if container.network == "host" {
        let own = |port: &config::PublishedPort| {
            (port.container, SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port.container))
        };
        return container.ports.iter().map(own).collect();
    }
    if container.ports.is_empty() {
        return Vec::new();
    }
    // It may have ended already; that is told by its end.
    let known = engine.inspect(id).await.unwrap_or_default();
    let found = known["NetworkSettings"]["Ports"].as_object().into_iter().flatten();
    let read = |(key, bindings): (&String, &Value)| {
        let port = key.split('/').next()?.parse().ok()?;
        let binding = bindings.as_array()?.first()?;
        let ip: IpAddr = binding["HostIp"].as_str()?.parse().ok()?;
        Some((port, SocketAddr::new(ip, binding["HostPort"].as_str()?.parse().ok()?)))
    };
    found.filter_map(read).collect()
}

fn failed(reason: String, hint: Option<String>, can_pass: bool) -> ContainerError {
    ContainerError { reason, hint, can_pass }
}

fn of_engine(error: EngineError) -> ContainerError {
    let (hint, can_pass) = match &error {
        EngineError::Unreachable { .. } => {
            (Some("is it running, and may you open its socket? see: docker info".to_owned()), true)
        }
        EngineError::Refused { status: 400 | 404, .. } => {
            (Some("mend the entry; the engine says what it does not like".to_owned()), false)
        }
        EngineError::Refused { .. } | EngineError::Broken { .. } => (None, true),
    };
    failed(error.to_string(), hint, can_pass)
}

/// Whether the process that a label names still runs.
fn is_alive(process: &str) -> bool {
    let Some((pid, start)) = process.split_once('-') else { return false };
    pid.parse().ok().and_then(started).is_some_and(|now| now == start)
}

/// When a process was started, in the system's own count; nothing where there is no such process.
#[cfg(target_os = "linux")]
fn started(pid: u32) -> Option<String> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name is in brackets and may hold anything, brackets included.
    stat.rsplit_once(')')?.1.split_whitespace().nth(19).map(str::to_owned)
}

/// Elsewhere the number alone must do.
#[cfg(not(target_os = "linux"))]
fn started(pid: u32) -> Option<String> {
    let pid = rustix::process::Pid::from_raw(i32::try_from(pid).ok()?)?;
    rustix::process::test_kill_process(pid).ok().map(|()| String::new())
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    #[test]
    fn we_are_alive_and_an_earlier_process_of_our_number_is_not() {
        let engine = MachineEngine::new(None, &config::Environment::default(), Path::new("/data"));
        assert!(is_alive(&engine.0.process));
        assert!(!is_alive(&format!("{}-1", std::process::id())));
        assert!(!is_alive(""));
    }

    #[test]
    fn a_status_above_128_is_a_signal() {
        assert_eq!([how(0), how(137), how(255)], [ExitHow::Code(0), ExitHow::Signal(9), ExitHow::Code(255)]);
    }

    #[tokio::test]
    async fn an_engine_elsewhere_is_refused_with_what_to_do() {
        let engine = MachineEngine::new(Some("tcp://10.0.0.1:2375"), &config::Environment::default(), Path::new("/d"));
        let error = engine.0.engine().unwrap_err();
        assert!(error.reason.contains("tcp://10.0.0.1:2375") && error.hint.unwrap().contains("container_engine"));
    }

    /// An engine whose answer to `wait` breaks off, and which removes only when it is told again.
    async fn forgetful(socket: &Path) -> Arc<Mutex<Vec<String>>> {
        let listener = tokio::net::UnixListener::bind(socket).unwrap();
        let asked: Arc<Mutex<Vec<String>>> = Arc::default();
        let heard = asked.clone();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut request = vec![0; 4096];
                let count = stream.read(&mut request).await.unwrap();
                let line = String::from_utf8_lossy(&request[..count]).lines().next().unwrap_or_default().to_owned();
                let removals = {
                    let mut asked = heard.lock().unwrap();
                    asked.push(line.clone());
                    asked.iter().filter(|line| line.starts_with("DELETE")).count()
                };
                let answer = match line.as_str() {
                    line if line.contains("/wait") => "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{",
                    _ if removals < 2 => "HTTP/1.1 500 Busy\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
                    _ => "HTTP/1.1 204 Gone\r\nConnection: close\r\n\r\n",
                };
                let _ = stream.write_all(answer.as_bytes()).await;
            }
        });
        asked
    }

    #[tokio::test]
    async fn what_an_engine_that_hung_up_may_let_run_is_removed_before_it_counts_as_ended() {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("engine.sock");
        let asked = forgetful(&socket).await;
        let engine = Engine::at(&socket);
        let ending = engine.wait("one").await.unwrap();
        let (handle, steering) = steered(true);
        let left = Left::default();
        left.lock().insert("old".to_owned());
        follow(engine.clone(), "one".to_owned(), ending, steering, left.clone()).await;
        assert_eq!(handle.wait().await.how, ExitHow::EngineGone);
        left.remove_from(&engine).await.unwrap();
        assert!(left.lock().is_empty());
        let asked = asked.lock().unwrap();
        let removed =
            |id: &str| asked.iter().filter(|line| line.starts_with(&format!("DELETE /containers/{id}?"))).count();
        assert_eq!((removed("one"), removed("old")), (2, 1), "{asked:?}");
    }
}

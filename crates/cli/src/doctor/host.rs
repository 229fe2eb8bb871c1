//! What the host allows: open files, the address to listen on, runtimes that servers need.

use super::Finding;
use config::{Config, Reach};
use rustix::process::{Resource, getrlimit};
use std::net::{SocketAddr, TcpListener};
use supervisor::port_holder;

/// Descriptors that a server takes: three pipes, and some for its clients.
const FILES_PER_SERVER: u64 = 8;
/// Descriptors that the daemon takes by itself.
const FILES_OWN: u64 = 64;

pub(super) fn examine(config: &Config) -> Vec<Finding> {
    let mut findings = Vec::new();
    findings.extend(open_files(config));
    findings.extend(memory_of_pipes());
    if let Some(runtime) = proc_file_system() {
        findings.push(runtime);
    }
    findings
}

fn open_files(config: &Config) -> Option<Finding> {
    let soft = getrlimit(Resource::Nofile).current?;
    let servers = config.servers.values().filter(|server| server.is_active()).count() as u64;
    let wanted = FILES_OWN + servers * FILES_PER_SERVER + config.limits.connections_max as u64;
    (soft < wanted).then(|| {
        let message = format!("{soft} files may be open at once; {servers} servers and the clients may need {wanted}");
        Finding::warning("open files", message, format!("ulimit -n {wanted}, or lower limits.connections_max"))
    })
}

/// Ordinary users have a limit of memory for pipes; beyond it pipes are small and slow.
fn memory_of_pipes() -> Option<Finding> {
    let pages: u64 = std::fs::read_to_string("/proc/sys/fs/pipe-user-pages-soft").ok()?.trim().parse().ok()?;
    (pages > 0 && pages < 1024).then(|| {
        let message = format!("only {pages} pages of memory for pipes: messages to servers go in small pieces");
        Finding::warning("pipes", message, "sysctl fs.pipe-user-pages-soft=16384")
    })
}

/// What a killed server leaves behind is found through `/proc`.
fn proc_file_system() -> Option<Finding> {
    let whole = std::path::Path::new("/proc/self/stat").exists();
    (cfg!(target_os = "linux") && !whole).then(|| {
        let message = "/proc is not mounted: processes that a server leaves behind cannot be found";
        Finding::error("processes", message, "mount -t proc proc /proc")
    })
}

/// Whether the address of the listener is free; only asked when no daemon of ours has it.
pub(super) fn address(config: &Config) -> Option<Finding> {
    in_use(config.listen.address, "--listen 127.0.0.1:0")
}

/// The same of the plain TCP listener, and the ports that servers of this machine are to listen on.
pub(super) fn ports(config: &Config) -> Vec<Finding> {
    let own = config.listen.tcp.and_then(|address| in_use(address, "listen.tcp"));
    let servers = config.servers.values().filter(|server| server.is_active());
    let taken = servers.filter_map(|server| {
        let port = server.listens_on()?;
        let holder = port_holder::in_the_way(port)?;
        let message = format!("the server `{}` is to listen on port {port}, and {holder} does", server.name);
        Some(Finding::error("ports", message, format!("end that, or set another `port` at {}", server.origin)))
    });
    own.into_iter().chain(taken).collect()
}

fn in_use(address: SocketAddr, choose: &str) -> Option<Finding> {
    let error = TcpListener::bind(address).err()?;
    let who = match port_holder::find(address) {
        Some(holder) => format!("{} (process {}) listens there", holder.name, holder.pid),
        None => error.to_string(),
    };
    Some(Finding::error(
        "address",
        format!("{address} cannot be listened on: {who}"),
        format!("end it, or choose another: {choose}"),
    ))
}

/// Remote servers on this machine that nothing listens for.
pub(super) fn unreachable(config: &Config) -> Vec<Finding> {
    let mut findings = Vec::new();
    for server in config.servers.values().filter(|server| server.is_active()) {
        let missing = match &server.reach {
            Reach::Unix { path } if !path.exists() => format!("its socket {} is not there", path.display()),
            _ => continue,
        };
        let message = format!("the server `{}` cannot be reached: {missing}", server.name);
        findings.push(Finding::error("servers", message, format!("start it, or mend its url at {}", server.origin)));
    }
    findings
}

//! Who holds a TCP port, from `/proc`: the listening socket's inode, then the process that has it
//! open. Elsewhere than on Linux, and for processes of other people, the answer is nobody.

use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;

/// A process that listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// Its process id.
    pub pid: u32,
    /// What it calls itself.
    pub name: String,
}

/// The state of listening sockets in `/proc/net/tcp`.
const LISTENING: &str = "0A";

/// The process that listens on the port of `address`.
pub fn find(address: SocketAddr) -> Option<Holder> {
    let inodes: Vec<u64> = ["/proc/net/tcp", "/proc/net/tcp6"]
        .iter()
        .filter_map(|table| std::fs::read_to_string(table).ok())
        .flat_map(|table| listening_inodes(&table, address.port()))
        .collect();
    if inodes.is_empty() {
        return None;
    }
    let wanted: Vec<String> = inodes.iter().map(|inode| format!("socket:[{inode}]")).collect();
    let processes = std::fs::read_dir("/proc").ok()?.flatten();
    let numbered = processes.filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path())));
    let (pid, _) = numbered.into_iter().find(|(_, process): &(u32, _)| holds(process, &wanted))?;
    Some(named(pid))
}

/// The process of this id, with what it calls itself; an empty name where that is not told.
pub fn named(pid: u32) -> Holder {
    let name = std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    Holder { pid, name: name.trim().to_owned() }
}

/// Who listens on `port` of loopback, in words; nothing when it is free.
pub fn in_the_way(port: u16) -> Option<String> {
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    match TcpListener::bind(address) {
        Err(error) if error.kind() == ErrorKind::AddrInUse => Some(match find(address) {
            Some(Holder { pid, name }) => format!("process {pid} (`{name}`)"),
            None => "another process".to_owned(),
        }),
        // What else there may be, the program will say better.
        _ => None,
    }
}

/// The inodes of sockets in `table` that listen on `port`.
fn listening_inodes(table: &str, port: u16) -> Vec<u64> {
    let wanted = format!(":{port:04X}");
    let lines = table.lines().skip(1).map(|line| line.split_whitespace().collect::<Vec<_>>());
    let found = lines.filter(|fields| fields.get(1).is_some_and(|local| local.ends_with(&wanted)));
    found.filter(|fields| fields.get(3) == Some(&LISTENING)).filter_map(|fields| fields.get(9)?.parse().ok()).collect()
}

fn holds(process: &Path, sockets: &[String]) -> bool {
    let Ok(descriptors) = std::fs::read_dir(process.join("fd")) else { return false };
    descriptors.flatten().any(|descriptor| {
        let target = std::fs::read_link(descriptor.path()).unwrap_or_default();
        sockets.iter().any(|socket| target.as_os_str() == socket.as_str())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_sockets_is_read() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
            0: 0100007F:1CFC 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 4242 1 0 100 0 0 10 0\n\
            1: 0100007F:1CFC 0100007F:9999 01 00000000:00000000 00:00000000 00000000  1000        0 4243 1 0 20 4 30 10 -1\n";
        assert_eq!(listening_inodes(table, 7420), [4242]);
        assert!(listening_inodes(table, 7421).is_empty());
    }

    #[test]
    fn a_listener_of_this_process_is_found() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let holder = find(listener.local_addr().unwrap()).unwrap();
        assert_eq!(holder.pid, std::process::id());
        let port = listener.local_addr().unwrap().port();
        assert!(in_the_way(port).unwrap().contains(&std::process::id().to_string()));
        drop(listener);
        assert_eq!(in_the_way(port), None);
    }
}

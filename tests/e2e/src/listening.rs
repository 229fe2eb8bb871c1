//! A server of others on a socket, started for a test. Only that it listens is known here, nothing
//! of what it says.

use crate::processes::{Process, Tree};
use crate::waiting::{SOON, await_some};
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::sync_channel;
use std::thread;

/// A server that listens. Killed when dropped, with all that it started.
#[derive(Debug)]
pub struct Listening {
    child: Child,
    address: SocketAddr,
}

impl Listening {
    /// Starts a server that prints `listening on ADDRESS` on stdout.
    ///
    /// # Panics
    /// When it cannot be started, or ends or takes long without having said so.
    #[must_use]
    #[track_caller]
    pub fn start(mut command: Command) -> Self {
        let mut child = spawn(command.stdout(Stdio::piped()));
        let output = child.stdout.take().expect("expected its stdout");
        let (sender, found) = sync_channel(1);
        // To the end, since what it prints later must not fill the pipe and stop it.
        thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                let address = line.strip_prefix("listening on ").and_then(|address| address.trim().parse().ok());
                // Only the first is waited for.
                let _ = address.map(|address| sender.try_send(address));
            }
        });
        // Held already, so that it is killed if it never says anything.
        let mut listening = Self { child, address: (Ipv4Addr::LOCALHOST, 0).into() };
        listening.address =
            found.recv_timeout(SOON).unwrap_or_else(|_| panic!("expected {command:?} to say where it listens"));
        listening
    }

    /// Starts a server that was told to listen on this port of loopback.
    ///
    /// # Panics
    /// When it cannot be started, or does not take connections soon.
    #[must_use]
    #[track_caller]
    pub fn start_at(mut command: Command, port: u16) -> Self {
        let child = spawn(command.stdout(Stdio::null()));
        let listening = Self { child, address: (Ipv4Addr::LOCALHOST, port).into() };
        let what = format!("{command:?} to take connections");
        await_some(SOON, &what, || TcpStream::connect(listening.address).ok());
        listening
    }

    /// Starts a server that was told to make a Unix socket there; it has no address.
    ///
    /// # Panics
    /// When it cannot be started, or does not take connections soon.
    #[must_use]
    #[track_caller]
    pub fn start_at_path(mut command: Command, path: &Path) -> Self {
        let child = spawn(command.stdout(Stdio::null()));
        let listening = Self { child, address: (Ipv4Addr::LOCALHOST, 0).into() };
        await_some(SOON, &format!("{command:?} to take connections"), || UnixStream::connect(path).ok());
        listening
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL for clients.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}/mcp", self.address)
    }

    /// What descends from it now; not the server itself.
    #[must_use]
    pub fn tree(&self) -> Tree {
        Tree::of(self.child.id())
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        // A server that forks leaves its children to others when it goes.
        let tree = self.tree();
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
        tree.alive().iter().for_each(Process::kill);
    }
}

#[track_caller]
fn spawn(command: &mut Command) -> Child {
    let child = command.stdin(Stdio::null()).stderr(Stdio::null()).spawn();
    child.unwrap_or_else(|error| panic!("expected to start {command:?}: {error}"))
}

//! The guard: a process between the daemon and its children which outlives the daemon by exactly
//! the time it needs to kill them. It has one thread, no runtime and no memory of what a server
//! is; it starts, signals, reaps and reports. It restarts nothing.
//!
//! It leads a session of its own (so ctrl-C and a closed terminal do not reach it), survives TERM,
//! INT and HUP, and is the subreaper of everything below it: what a child leaves behind becomes
//! the guard's child, and stays findable.

pub(crate) mod wire;

mod launch;
mod resolve;

pub(crate) mod processes;
pub(crate) mod program;
mod trees;

pub use resolve::SpawnFailure;

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::{RecvFlags, recv};
use rustix::process::{WaitOptions, getpid, setsid, wait};
use signal_hook::consts::{SIGCHLD, SIGHUP, SIGINT, SIGTERM};

use program::Program;
use trees::{Gone, Trees};
use wire::{Inbox, Launch, Report, Request, TreeSignal};

/// The environment variable by which a tree is found again: `<guard's token>-<number>`.
pub const MARKER_VARIABLE: &str = "SWITCHBOARD_INSTANCE";
/// The first argument of the binary that makes it a guard.
pub(crate) const GUARD_ARGUMENT: &str = "__guard";
/// How often a tree that must go is looked at when no child's end wakes us earlier.
const SWEEP_INTERVAL: Timespec = Timespec { tv_sec: 0, tv_nsec: 20_000_000 };
/// After stdin, stdout and stderr.
const FIRST_INHERITED_FD: i32 = 3;
/// How long a guard without a daemon tries to kill before it leaves.
const FAREWELL_MAX: Duration = Duration::from_secs(10);

/// The guard's whole life. The binary calls it, before any runtime or thread exists, when its
/// first argument is `__guard`; stdin is then the socket to the daemon.
pub fn main() -> ExitCode {
    match Guard::run() {
        Ok(()) => ExitCode::SUCCESS,
        // Nobody can read an explanation any more: the daemon sees the closed socket.
        Err(_) => ExitCode::FAILURE,
    }
}

struct Guard<'fd> {
    socket: BorrowedFd<'fd>,
    child_ended: UnixStream,
    inbox: Inbox,
    trees: Trees,
    daemon_gone: bool,
}

impl Guard<'_> {
    fn run() -> io::Result<()> {
        // Fails only where we lead a session already.
        let _ = setsid();
        become_subreaper()?;
        // What the shell or service manager that started the daemon left open is not for children.
        close_fds::set_fds_cloexec(FIRST_INHERITED_FD, &[]);
        for signal in [SIGTERM, SIGINT, SIGHUP] {
            // A handler, unlike "ignore", is not inherited by the children.
            signal_hook::flag::register(signal, Arc::new(AtomicBool::new(false)))?;
        }
        let (child_ended, wakes) = UnixStream::pair()?;
        signal_hook::low_level::pipe::register(SIGCHLD, wakes)?;
        let token = std::env::args_os().nth(2).unwrap_or_default();
        if let Some(limit) = std::env::args().nth(3).and_then(|limit| limit.parse().ok()) {
            crate::descriptors::restore(limit);
        }
        let stdin = io::stdin();
        let mut guard = Guard {
            socket: stdin.as_fd(),
            child_ended,
            inbox: Inbox::default(),
            trees: Trees::new(getpid(), &token.to_string_lossy()),
            daemon_gone: false,
        };
        while !guard.daemon_gone {
            guard.turn()?;
        }
        guard.farewell()
    }

    /// Waits for one event and does everything that follows from it.
    fn turn(&mut self) -> io::Result<()> {
        let timeout = self.trees.unfinished().then_some(&SWEEP_INTERVAL);
        let mut events =
            [PollFd::from_borrowed_fd(self.socket, PollFlags::IN), PollFd::new(&self.child_ended, PollFlags::IN)];
        match poll(&mut events, timeout) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let [from_daemon, from_children] = events.map(|event| !event.revents().is_empty());
        if from_children {
            self.reap();
        }
        if from_daemon {
            self.read_requests();
        }
        if self.trees.unfinished() {
            for gone in self.trees.sweep() {
                self.report(&exited(&gone));
            }
        }
        Ok(())
    }

    fn reap(&mut self) {
        let mut drain = [0; 64];
        while matches!(recv(&self.child_ended, &mut drain, RecvFlags::DONTWAIT), Ok((1.., _))) {}
        while let Ok(Some((pid, status))) = wait(WaitOptions::NOHANG) {
            self.trees.reaped(pid, status);
        }
    }

    /// Serves what has arrived. A closed socket or a garbled frame both mean: no daemon any more.
    fn read_requests(&mut self) {
        match self.inbox.fill(self.socket) {
            Ok(0) => self.daemon_gone = true,
            Ok(_) => {}
            Err(error) => {
                let again = [io::ErrorKind::WouldBlock, io::ErrorKind::Interrupted];
                self.daemon_gone = !again.contains(&error.kind());
                return;
            }
        }
        loop {
            match self.inbox.next() {
                Ok(Some(request)) => self.serve(request),
                Ok(None) => return,
                Err(_) => {
                    self.daemon_gone = true;
                    return;
                }
            }
        }
    }

    fn serve(&mut self, request: Request) {
        match request {
            Request::Spawn(launch) => {
                let report = self.spawn(&launch);
                self.report(&report);
                self.trees.settle(launch.id);
            }
            Request::Signal { id, signal: TreeSignal::Term } => self.trees.terminate(id),
            Request::Signal { id, signal: TreeSignal::Kill } => self.trees.kill(id),
        }
    }

    fn spawn(&mut self, request: &Launch) -> Report {
        let id = request.id;
        let Some(stdio) = self.inbox.take_fds() else {
            let reason = "its pipes did not arrive (out of file descriptors?)".to_owned();
            let program = request.program.clone();
            return Report::Failed { id, failure: SpawnFailure::System { program, reason } };
        };
        let mut program = None;
        let started = self.trees.start(id, request.limits, |marker| {
            let (pid, path) = launch::launch(request, marker, stdio)?;
            program = Program::at(&path);
            Ok(pid)
        });
        let (group, not_enforced) = match started {
            Ok(group) => (group.unified().map(Path::to_owned), group.not_enforced().to_vec()),
            Err(failure) => return Report::Failed { id, failure },
        };
        let pid = self.trees.main(id).map_or(0, |pid| pid.as_raw_pid().unsigned_abs());
        Report::Started { id, pid, group, not_enforced, program }
    }

    fn report(&mut self, report: &Report) {
        let sent = wire::encode(report).and_then(|frame| wire::send_all(self.socket, &frame));
        if sent.is_err() {
            self.daemon_gone = true;
        }
    }

    /// The daemon is gone: everything below us goes too.
    fn farewell(&mut self) -> io::Result<()> {
        let since = Instant::now();
        while self.trees.kill_everything() && since.elapsed() < FAREWELL_MAX {
            let mut events = [PollFd::new(&self.child_ended, PollFlags::IN)];
            match poll(&mut events, Some(&SWEEP_INTERVAL)) {
                Ok(_) | Err(rustix::io::Errno::INTR) => self.reap(),
                Err(error) => return Err(error.into()),
            }
        }
        self.trees.remove_groups();
        Ok(())
    }
}

fn exited(gone: &Gone) -> Report {
    Report::Exited {
        id: gone.id,
        code: gone.status.and_then(rustix::process::WaitStatus::exit_status),
        signal: gone.status.and_then(rustix::process::WaitStatus::terminating_signal),
        killed: gone.killed,
        left: gone.left,
        out_of_memory: gone.out_of_memory,
    }
}

/// Makes this process the parent of every orphan below it.
#[cfg(target_os = "linux")]
pub(crate) fn become_subreaper() -> io::Result<()> {
    Ok(rustix::process::set_child_subreaper(Some(getpid()))?)
}

/// Only Linux has subreapers; elsewhere the process group is all we have.
#[cfg(not(target_os = "linux"))]
pub(crate) fn become_subreaper() -> io::Result<()> {
    Ok(())
}

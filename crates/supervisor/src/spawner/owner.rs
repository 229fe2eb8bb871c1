//! The one task that owns the socket to the guard: requests go down, reports come up. When the
//! guard dies it kills what that guard ran, says so to everyone who waits, and starts a new guard
//! with the next request.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::process::Child;

use rustix::net::SendFlags;
use tokio::io::Interest;
use tokio::net::UnixStream;
use tokio::sync::{mpsc, oneshot, watch};

use super::handle::{ExitHow, ExitReport, ProcessHandle};
use super::orphans::kill_orphans;
use super::process::GuardProcess;
use super::{SpawnError, SpawnRequest};
use crate::guard::wire::{Inbox, Launch, Report, Request, TreeSignal, encode, send};
use crate::usage::Meter;

type SpawnReply = oneshot::Sender<Result<(u32, ProcessHandle), SpawnError>>;

/// What handles ask of the owner.
#[derive(Debug)]
pub(super) enum Command {
    Spawn { request: SpawnRequest, stdio: Stdio, reply: SpawnReply },
    Signal { id: u64, signal: TreeSignal },
    Close { done: oneshot::Sender<()> },
}

/// One end each of a child's three pipes.
#[derive(Debug)]
pub(super) struct Stdio {
    pub(super) stdin: OwnedFd,
    pub(super) stdout: OwnedFd,
    pub(super) stderr: OwnedFd,
}

/// The guard that runs now.
struct Link {
    token: String,
    child: Child,
    socket: UnixStream,
    inbox: Inbox,
    outgoing: VecDeque<Frame>,
}

/// A frame on its way.
struct Frame {
    bytes: Vec<u8>,
    sent: usize,
    stdio: Option<Stdio>,
}

/// A request that the guard has not answered.
struct Pending {
    program: String,
    reply: SpawnReply,
}

/// A child that runs.
struct Instance {
    pid: u32,
    exit: watch::Sender<Option<ExitReport>>,
}

pub(super) struct Owner {
    exe: PathBuf,
    link: Option<Link>,
    queue: mpsc::Receiver<Command>,
    /// For the handles. Weak, so that the queue closes when all of them are gone.
    commands: mpsc::WeakSender<Command>,
    next_id: u64,
    pending: HashMap<u64, Pending>,
    instances: HashMap<u64, Instance>,
}

enum Step {
    Command(Option<Command>),
    Exchanged(io::Result<()>),
}

impl Owner {
    pub(super) fn new(
        process: GuardProcess,
        commands: mpsc::WeakSender<Command>,
        queue: mpsc::Receiver<Command>,
    ) -> io::Result<Owner> {
        Ok(Owner {
            exe: process.exe.clone(),
            link: Some(Link::try_new(process)?),
            queue,
            commands,
            next_id: 1,
            pending: HashMap::new(),
            instances: HashMap::new(),
        })
    }

    pub(super) async fn run(mut self) {
        loop {
            let step = match &mut self.link {
                None => Step::Command(self.queue.recv().await),
                Some(link) => tokio::select! {
                    // One frame at a time: who asks faster than the guard reads waits in the queue.
                    command = self.queue.recv(), if link.outgoing.is_empty() => Step::Command(command),
                    done = exchange(&link.socket, &mut link.inbox, &mut link.outgoing) => Step::Exchanged(done),
                },
            };
            match step {
                Step::Command(None) => return self.end(ExitHow::GuardClosed).await,
                Step::Command(Some(Command::Close { done })) => {
                    self.queue.close();
                    self.end(ExitHow::GuardClosed).await;
                    // Who asked may have left.
                    let _ = done.send(());
                    return;
                }
                Step::Command(Some(Command::Spawn { request, stdio, reply })) => {
                    self.spawn(request, stdio, reply);
                }
                Step::Command(Some(Command::Signal { id, signal })) => self.signal(id, signal),
                Step::Exchanged(Ok(())) => self.read_reports().await,
                Step::Exchanged(Err(error)) => self.guard_died(&error).await,
            }
        }
    }

    fn spawn(&mut self, request: SpawnRequest, stdio: Stdio, reply: SpawnReply) {
        let SpawnRequest { program, args, env, cwd, limits } = request;
        let id = self.next_id;
        self.next_id += 1;
        let launch = Launch { id, program: program.clone(), args, env, cwd, limits };
        let result = match encode(&Request::Spawn(launch)) {
            Err(source) => Err(SpawnError::Preparation { program: program.clone(), source }),
            Ok(bytes) => self.living_guard().map(|link| (link, bytes)),
        };
        match result {
            Err(error) => drop(reply.send(Err(error))),
            Ok((link, bytes)) => {
                link.outgoing.push_back(Frame { bytes, sent: 0, stdio: Some(stdio) });
                self.pending.insert(id, Pending { program, reply });
            }
        }
    }

    /// The guard; a new one where the last has died.
    fn living_guard(&mut self) -> Result<&mut Link, SpawnError> {
        let link = match self.link.take() {
            Some(link) => link,
            None => GuardProcess::launch(&self.exe)
                .and_then(Link::try_new)
                .map_err(|error| SpawnError::NoGuard { reason: error.to_string() })?,
        };
        Ok(self.link.insert(link))
    }

    fn signal(&mut self, id: u64, signal: TreeSignal) {
        let Some(link) = self.link.as_mut().filter(|_| self.instances.contains_key(&id)) else {
            return;
        };
        match encode(&Request::Signal { id, signal }) {
            Ok(bytes) => link.outgoing.push_back(Frame { bytes, sent: 0, stdio: None }),
            Err(error) => {
                tracing::error!(%error, "A signal for a process could not be written down")
            }
        }
    }

    async fn read_reports(&mut self) {
        loop {
            let next = match &mut self.link {
                Some(link) => link.inbox.next(),
                None => return,
            };
            match next {
                Ok(Some(report)) => self.take_report(report),
                Ok(None) => return,
                Err(error) => return self.guard_died(&error).await,
            }
        }
    }

    fn take_report(&mut self, report: Report) {
        match report {
            Report::Started { id, pid, group, not_enforced, program } => {
                self.started(id, pid, Meter::new(pid, group, not_enforced).of_program(program));
            }
            Report::Failed { id, failure } => {
                if let Some(pending) = self.pending.remove(&id) {
                    // Who asked may have left.
                    let _ = pending.reply.send(Err(failure.into()));
                }
            }
            Report::Exited { id, code, signal, killed, left, out_of_memory } => {
                let how = match (code, signal) {
                    (Some(code), _) => ExitHow::Code(code),
                    (None, Some(signal)) => ExitHow::Signal(signal),
                    (None, None) => ExitHow::Unkillable,
                };
                if let Some(instance) = self.instances.remove(&id) {
                    instance.exit.send_replace(Some(ExitReport { how, killed, left, out_of_memory }));
                }
            }
        }
    }

    fn started(&mut self, id: u64, pid: u32, meter: Meter) {
        let (exit, exited) = watch::channel(None);
        self.instances.insert(id, Instance { pid, exit });
        let reply = self.pending.remove(&id).map(|pending| pending.reply);
        match (reply, self.commands.upgrade()) {
            (Some(reply), Some(commands)) => {
                // Where nobody waits any more, the handle comes back, is dropped, and kills.
                let _ = reply.send(Ok((pid, ProcessHandle::new(id, commands, exited, meter))));
            }
            _ => self.signal(id, TreeSignal::Kill),
        }
    }

    async fn guard_died(&mut self, error: &io::Error) {
        let trees = self.instances.len();
        tracing::error!(%error, trees, "The guard process died; its processes are killed");
        self.end(ExitHow::GuardDied).await;
    }

    /// Closes the socket, which ends a guard that still lives, waits until guard and trees are
    /// gone, and tells everyone who waits.
    async fn end(&mut self, how: ExitHow) {
        let Some(link) = self.link.take() else {
            return;
        };
        let Link { token, mut child, socket, .. } = link;
        drop(socket);
        let mains: Vec<i32> = self.instances.values().filter_map(|instance| i32::try_from(instance.pid).ok()).collect();
        let buried = tokio::task::spawn_blocking(move || {
            if how == ExitHow::GuardDied {
                // It may live and have lost its senses; gone already is as good.
                let _ = child.kill();
            }
            let waited = child.wait();
            kill_orphans(&token, &mains);
            waited
        });
        match buried.await {
            Ok(Ok(status)) => tracing::debug!(%status, "The guard process is gone"),
            Ok(Err(error)) => tracing::warn!(%error, "The end of the guard process was not seen"),
            Err(error) => tracing::warn!(%error, "The end of the guard process was not waited for"),
        }
        for (_, instance) in self.instances.drain() {
            instance.exit.send_replace(Some(ExitReport::of(how)));
        }
        for (_, pending) in self.pending.drain() {
            let _ = pending.reply.send(Err(SpawnError::GuardDied { program: pending.program }));
        }
    }
}

impl Link {
    fn try_new(process: GuardProcess) -> io::Result<Link> {
        let socket = std::os::unix::net::UnixStream::from(process.socket);
        socket.set_nonblocking(true)?;
        Ok(Link {
            token: process.token,
            child: process.child,
            socket: UnixStream::from_std(socket)?,
            inbox: Inbox::default(),
            outgoing: VecDeque::new(),
        })
    }
}

/// Sends what waits and reads what comes, until something has come or all is sent. May be dropped
/// at any point without losing a byte.
async fn exchange(socket: &UnixStream, inbox: &mut Inbox, outgoing: &mut VecDeque<Frame>) -> io::Result<()> {
    loop {
        let done = tokio::select! {
            ready = socket.writable(), if !outgoing.is_empty() => {
                ready?;
                let sent = socket.try_io(Interest::WRITABLE, || send_first(socket, outgoing));
                sent.map(|()| outgoing.is_empty())
            }
            ready = socket.readable() => {
                ready?;
                match socket.try_io(Interest::READABLE, || inbox.fill(socket)) {
                    Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                    received => received.map(|_| true),
                }
            }
        };
        match done {
            Ok(true) => return Ok(()),
            Ok(false) => {}
            Err(error) => match error.kind() {
                io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted => {}
                _ => return Err(error),
            },
        }
    }
}

/// Sends what the socket takes of the first frame; a frame that is sent whole is dropped, and with
/// it our copies of the child's descriptors.
fn send_first(socket: &UnixStream, outgoing: &mut VecDeque<Frame>) -> io::Result<()> {
    let Some(frame) = outgoing.front_mut() else {
        return Ok(());
    };
    let bytes = &frame.bytes[frame.sent..];
    let flags = SendFlags::DONTWAIT;
    let sent = match &frame.stdio {
        Some(Stdio { stdin, stdout, stderr }) => {
            let fds = [stdin.as_fd(), stdout.as_fd(), stderr.as_fd()];
            send(socket.as_fd(), bytes, &fds, flags)?
        }
        None => send(socket.as_fd(), bytes, &[], flags)?,
    };
    frame.stdio = None;
    frame.sent += sent;
    if frame.sent == frame.bytes.len() {
        outgoing.pop_front();
    }
    Ok(())
}

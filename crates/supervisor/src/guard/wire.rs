//! What the daemon and its guard say to each other: one JSON document per frame, with a
//! four-byte length before it, over a socket pair. Descriptors travel beside the first byte of the
//! frame they belong to. It moves bytes only; it decides nothing and never blocks when told not to.

use std::collections::VecDeque;
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;

use rustix::cmsg_space;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, recvmsg, sendmsg,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::program::Program;
use super::resolve::SpawnFailure;
use crate::limits::ProcessLimits;

/// The longest frame, in bytes: more than the kernel accepts as arguments and environment.
pub(crate) const FRAME_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Descriptors that come with a spawn request: the child's stdin, stdout and stderr.
pub(crate) const FDS_PER_SPAWN: usize = 3;
const READ_BYTES: usize = 64 * 1024;
const LENGTH_BYTES: usize = 4;

/// From the daemon to the guard.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub(crate) enum Request {
    /// Start a child; its three descriptors come with this frame.
    Spawn(Launch),
    /// Send a signal to everything the child started.
    Signal { id: u64, signal: TreeSignal },
}

/// How to start one child.
#[derive(Serialize, Deserialize)]
pub(crate) struct Launch {
    pub(crate) id: u64,
    pub(crate) program: String,
    pub(crate) args: Vec<String>,
    pub(crate) env: Vec<(String, String)>,
    pub(crate) cwd: Option<PathBuf>,
    pub(crate) limits: ProcessLimits,
}

/// Shows neither arguments nor values of the environment: both hold secrets.
impl std::fmt::Debug for Launch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Launch")
            .field("id", &self.id)
            .field("program", &self.program)
            .field("cwd", &self.cwd)
            .finish_non_exhaustive()
    }
}

/// The signals a whole tree can get.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum TreeSignal {
    /// Ask to end.
    Term,
    /// End, repeated until nothing is left.
    Kill,
}

/// From the guard to the daemon.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(crate) enum Report {
    /// The child runs; `group` is its cgroup of v2, and `not_enforced` what of its limits holds
    /// nobody back here; `program` is the file that it was started from.
    Started { id: u64, pid: u32, group: Option<PathBuf>, not_enforced: Vec<String>, program: Option<Program> },
    /// The child was not started.
    Failed { id: u64, failure: SpawnFailure },
    /// The child ended and nothing of its tree is left (or `left` processes that cannot be killed).
    /// `out_of_memory` is the limit in bytes, where the kernel killed somebody for going over it.
    Exited { id: u64, code: Option<i32>, signal: Option<i32>, killed: u32, left: u32, out_of_memory: Option<u64> },
}

/// One frame, ready to be sent.
pub(crate) fn encode<T: Serialize>(message: &T) -> io::Result<Vec<u8>> {
    let mut frame = vec![0; LENGTH_BYTES];
    serde_json::to_writer(&mut frame, message)?;
    let length = frame.len() - LENGTH_BYTES;
    match u32::try_from(length) {
        Ok(short) if length <= FRAME_BYTES_MAX => {
            frame[..LENGTH_BYTES].copy_from_slice(&short.to_le_bytes());
            Ok(frame)
        }
        _ => Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("a message to the guard has {length} bytes; the limit is {FRAME_BYTES_MAX}"),
        )),
    }
}

/// Sends what the socket takes of `bytes`, with `fds` beside the first byte. Returns the bytes sent.
pub(crate) fn send(
    socket: BorrowedFd<'_>,
    bytes: &[u8],
    fds: &[BorrowedFd<'_>],
    flags: SendFlags,
) -> io::Result<usize> {
    let mut space = [MaybeUninit::uninit(); cmsg_space!(ScmRights(FDS_PER_SPAWN))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    if !fds.is_empty() && !ancillary.push(SendAncillaryMessage::ScmRights(fds)) {
        return Err(io::Error::other("too many descriptors for one message"));
    }
    let flags = flags | no_sigpipe();
    loop {
        match sendmsg(socket, &[IoSlice::new(bytes)], &mut ancillary, flags) {
            Err(rustix::io::Errno::INTR) => {}
            sent => return Ok(sent?),
        }
    }
}

#[cfg(not(target_vendor = "apple"))]
fn no_sigpipe() -> SendFlags {
    SendFlags::NOSIGNAL
}

#[cfg(target_vendor = "apple")]
fn no_sigpipe() -> SendFlags {
    SendFlags::empty()
}

/// Sends a whole frame, waiting where the socket is full.
pub(crate) fn send_all(socket: BorrowedFd<'_>, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        let sent = send(socket, bytes, &[], SendFlags::empty())?;
        bytes = &bytes[sent..];
    }
    Ok(())
}

/// Bytes and descriptors that have arrived and are not yet understood.
#[derive(Debug, Default)]
pub(crate) struct Inbox {
    bytes: Vec<u8>,
    /// One for each frame that came with descriptors; none where they did not all arrive.
    fds: VecDeque<Option<[OwnedFd; FDS_PER_SPAWN]>>,
}

impl Inbox {
    /// Reads once, without waiting. 0 means that the other side is gone.
    pub(crate) fn fill(&mut self, socket: impl AsFd) -> io::Result<usize> {
        let mut space = [MaybeUninit::uninit(); cmsg_space!(ScmRights(FDS_PER_SPAWN))];
        let mut ancillary = RecvAncillaryBuffer::new(&mut space);
        let start = self.bytes.len();
        self.bytes.resize(start + READ_BYTES, 0);
        let received =
            recvmsg(socket, &mut [IoSliceMut::new(&mut self.bytes[start..])], &mut ancillary, receive_flags());
        self.bytes.truncate(start + received.as_ref().map_or(0, |message| message.bytes));
        let mut arrived = Vec::new();
        for message in ancillary.drain() {
            if let RecvAncillaryMessage::ScmRights(fds) = message {
                arrived.extend(fds);
            }
        }
        let received = received?;
        // The system keeps back what we have no room for. The next frame must not get what is left.
        if !arrived.is_empty() || received.flags.contains(ReturnFlags::CTRUNC) {
            self.fds.push_back(arrived.try_into().ok());
        }
        Ok(received.bytes)
    }

    /// The next whole frame, if there is one.
    pub(crate) fn next<T: DeserializeOwned>(&mut self) -> io::Result<Option<T>> {
        let Some(prefix) = self.bytes.first_chunk::<LENGTH_BYTES>() else {
            return Ok(None);
        };
        let length = u32::from_le_bytes(*prefix) as usize;
        if length > FRAME_BYTES_MAX {
            return Err(io::Error::other("the other side sent a frame over the limit"));
        }
        let end = LENGTH_BYTES + length;
        let Some(body) = self.bytes.get(LENGTH_BYTES..end) else {
            return Ok(None);
        };
        let message = serde_json::from_slice(body)?;
        self.bytes.drain(..end);
        Ok(Some(message))
    }

    /// The descriptors of the spawn request that was just read.
    pub(crate) fn take_fds(&mut self) -> Option<[OwnedFd; FDS_PER_SPAWN]> {
        self.fds.pop_front().flatten()
    }
}

#[cfg(target_os = "linux")]
fn receive_flags() -> RecvFlags {
    RecvFlags::DONTWAIT | RecvFlags::CMSG_CLOEXEC
}

#[cfg(not(target_os = "linux"))]
fn receive_flags() -> RecvFlags {
    RecvFlags::DONTWAIT
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};

    fn pair() -> (OwnedFd, OwnedFd) {
        socketpair(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None).unwrap()
    }

    #[test]
    fn frames_survive_every_split() {
        let (ours, theirs) = pair();
        let signal = |id| Request::Signal { id, signal: TreeSignal::Kill };
        let mut bytes = encode(&signal(1)).unwrap();
        bytes.extend(encode(&signal(2)).unwrap());
        for split in 1..bytes.len() {
            let mut inbox = Inbox::default();
            let mut ids = Vec::new();
            for part in [&bytes[..split], &bytes[split..]] {
                send_all(ours.as_fd(), part).unwrap();
                inbox.fill(&theirs).unwrap();
                while let Some(request) = inbox.next::<Request>().unwrap() {
                    let Request::Signal { id, .. } = request else { panic!("wrong kind") };
                    ids.push(id);
                }
            }
            assert_eq!(ids, [1, 2], "split at {split}");
        }
    }

    #[test]
    fn descriptors_come_with_their_frame() {
        let (ours, theirs) = pair();
        let (reader, writer) = std::io::pipe().unwrap();
        let fds = [reader.as_fd(), writer.as_fd(), writer.as_fd()];
        send(ours.as_fd(), b"x", &fds, SendFlags::empty()).unwrap();
        let mut inbox = Inbox::default();
        assert_eq!(inbox.fill(&theirs).unwrap(), 1);
        assert!(inbox.take_fds().is_some());
        assert!(inbox.take_fds().is_none());
    }

    #[test]
    fn descriptors_that_did_not_all_arrive_are_not_taken_for_those_of_the_next_frame() {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
        let (ours, theirs) = pair();
        let (reader, writer) = std::io::pipe().unwrap();
        let fds = [reader.as_fd(), writer.as_fd(), writer.as_fd()];
        for _ in 0..2 {
            send(ours.as_fd(), b"x", &fds, SendFlags::empty()).unwrap();
        }
        let mut inbox = Inbox::default();
        let usual = getrlimit(Resource::Nofile);
        // Room for one more: the first free number.
        let next = std::os::fd::AsRawFd::as_raw_fd(&reader.try_clone().unwrap());
        let little = Rlimit { current: Some(u64::try_from(next).unwrap() + 1), ..usual };
        setrlimit(Resource::Nofile, little).unwrap();
        let first = inbox.fill(&theirs);
        setrlimit(Resource::Nofile, usual).unwrap();
        assert_eq!(first.unwrap(), 1);
        assert_eq!(inbox.fill(&theirs).unwrap(), 1);
        assert!(inbox.take_fds().is_none(), "not all of the first arrived");
        assert!(inbox.take_fds().is_some() && inbox.take_fds().is_none());
    }

    #[test]
    fn a_closed_socket_reads_as_zero_and_a_huge_frame_is_refused() {
        let (ours, theirs) = pair();
        send_all(ours.as_fd(), &u32::MAX.to_le_bytes()).unwrap();
        drop(ours);
        let mut inbox = Inbox::default();
        inbox.fill(&theirs).unwrap();
        assert!(inbox.next::<Request>().is_err());
        assert_eq!(inbox.fill(&theirs).unwrap(), 0);
    }

    #[test]
    fn debug_shows_no_secret() {
        let launch = Launch {
            id: 1,
            program: "p".into(),
            args: vec!["--token=hunter2".into()],
            env: vec![("KEY".into(), "hunter2".into())],
            cwd: None,
            limits: ProcessLimits::default(),
        };
        assert!(!format!("{launch:?}").contains("hunter2"));
    }
}

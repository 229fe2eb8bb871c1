//! The event streams of one legacy session: numbered, and kept for a while, so that a client that
//! lost a connection can come back for what it missed (protocol.md section 2.2, row 17).
//!
//! Every stream has one writer and at most one reader; a later reader takes the place of the
//! earlier one. What has been said is kept in one ring for the whole session. This file knows
//! neither calls nor HTTP.

use bytes::Bytes;
use protocol::{Error, ErrorKind, Message, Output};
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

/// The stream of what the session is told outside of its calls.
pub(super) const OUTSIDE: u64 = 0;

/// How many events wait for a reader before the writer waits for it.
const UNREAD_MAX: usize = 32;
/// How soon a client comes back after a connection broke, in milliseconds.
const RETRY_MS: u64 = 1000;

/// The streams of a session and what was said on them.
pub(super) struct Log {
    kept: Mutex<Kept>,
    events_max: usize,
    bytes_max: usize,
}

#[derive(Default)]
pub(super) struct Kept {
    ring: VecDeque<Event>,
    bytes: usize,
    streams: HashMap<u64, Track>,
    streams_opened: u64,
    readers_opened: u64,
}

struct Event {
    stream: u64,
    number: u64,
    frame: Bytes,
}

/// What is known of a stream that goes on, or of which something is kept.
#[derive(Default)]
struct Track {
    /// Number of the last event.
    last: u64,
    ended: bool,
    in_ring: usize,
    reader: Option<Unread>,
    /// Who waits for the reader to catch up.
    writer: Option<Waker>,
}

struct Unread {
    reader: u64,
    frames: VecDeque<Bytes>,
    waker: Option<Waker>,
}

/// The writing end; dropping it ends the stream.
pub(super) struct Writer {
    log: Arc<Log>,
    stream: u64,
}

/// The reading end; dropping it leaves the stream as it is.
pub(super) struct Reader {
    log: Arc<Log>,
    stream: u64,
    reader: u64,
}

/// The message as one event.
pub(super) fn frame(id: Option<(u64, u64)>, message: &Message) -> Bytes {
    let mut written = Output::with_capacity(512);
    message.write(&mut written);
    // A line break between tokens would end the field.
    let written = protocol::framing::one_line(written.into_bytes());
    let mut frame = Vec::with_capacity(written.len() + 64);
    if let Some((stream, number)) = id {
        frame.extend_from_slice(format!("id: {stream}-{number}\n").as_bytes());
    }
    frame.extend_from_slice(b"event: message\ndata: ");
    frame.extend_from_slice(&written);
    frame.extend_from_slice(b"\n\n");
    frame.into()
}

/// Says nothing but where the stream stands, so that a client can come back to it.
pub(super) fn priming(stream: u64, number: u64) -> Bytes {
    format!("id: {stream}-{number}\nretry: {RETRY_MS}\ndata: \n\n").into()
}

/// The stream and number in an event id of ours.
///
/// # Errors
/// When it is none.
pub(super) fn parse_id(id: &str) -> Result<(u64, u64), Error> {
    let parts = id.split_once('-').and_then(|(stream, number)| Some((stream.parse().ok()?, number.parse().ok()?)));
    parts.ok_or_else(|| unknown(id))
}

fn unknown(id: &str) -> Error {
    let shown: String = id.chars().filter(|character| !character.is_control()).take(64).collect();
    let message = format!("nothing is kept of the stream of the event `{shown}`, or there never was one");
    Error::new(ErrorKind::InvalidRequest, message)
        .hint("open a stream without Last-Event-ID, or send the request again")
}

// === impl Log ===

impl Log {
    /// Keeps at most so many events, and at most so many bytes of them.
    pub(super) fn new(events_max: usize, bytes_max: usize) -> Arc<Self> {
        let mut kept = Kept::default();
        kept.streams.insert(OUTSIDE, Track::default());
        Arc::new(Self { kept: Mutex::new(kept), events_max, bytes_max })
    }

    /// Opens a stream with its first reader, which is told where it stands when `primed`.
    pub(super) fn open(self: &Arc<Self>, primed: bool) -> (Writer, Reader) {
        let mut kept = self.lock();
        kept.streams_opened += 1;
        let stream = kept.streams_opened;
        kept.streams.insert(stream, Track::default());
        let frames = if primed { [priming(stream, 0)].into() } else { VecDeque::new() };
        let reader = self.attach(&mut kept, stream, frames);
        (Writer { log: self.clone(), stream }, reader)
    }

    /// A reader of what came after event `number` of `stream`, and of what will come. When the
    /// oldest of that is gone, it begins with what is left.
    ///
    /// # Errors
    /// For a stream or an event that there is not (any more).
    pub(super) fn resume(self: &Arc<Self>, stream: u64, number: u64) -> Result<Reader, Error> {
        let mut kept = self.lock();
        let frames = kept.after(stream, number)?;
        Ok(self.attach(&mut kept, stream, frames))
    }

    fn attach(self: &Arc<Self>, kept: &mut Kept, stream: u64, frames: VecDeque<Bytes>) -> Reader {
        kept.readers_opened += 1;
        let reader = kept.readers_opened;
        if let Some(track) = kept.streams.get_mut(&stream) {
            let before = track.reader.replace(Unread { reader, frames, waker: None });
            // It sees that it is over.
            before.and_then(|before| before.waker).into_iter().for_each(Waker::wake);
        }
        Reader { log: self.clone(), stream, reader }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says `message` on `stream` and returns it as the event it has become.
    pub(super) fn append(&self, kept: &mut Kept, stream: u64, message: &Message) -> Bytes {
        let Some(track) = kept.streams.get_mut(&stream) else { return frame(None, message) };
        track.last += 1;
        track.in_ring += 1;
        let number = track.last;
        let frame = frame(Some((stream, number)), message);
        if let Some(unread) = &mut track.reader {
            unread.frames.push_back(frame.clone());
            unread.waker.take().into_iter().for_each(Waker::wake);
        }
        kept.bytes += frame.len();
        kept.ring.push_back(Event { stream, number, frame: frame.clone() });
        while kept.ring.len() > 1 && (kept.ring.len() > self.events_max || kept.bytes > self.bytes_max) {
            kept.evict();
        }
        frame
    }
}

// === impl Kept ===

impl Kept {
    /// Number of the last event of `stream`.
    pub(super) fn last(&self, stream: u64) -> u64 {
        self.streams.get(&stream).map_or(0, |track| track.last)
    }

    /// What is kept of `stream` after event `number`.
    ///
    /// # Errors
    /// For a stream or an event that there is not (any more).
    pub(super) fn after(&self, stream: u64, number: u64) -> Result<VecDeque<Bytes>, Error> {
        let known = self.streams.get(&stream).is_some_and(|track| number <= track.last);
        if !known {
            return Err(unknown(&format!("{stream}-{number}")));
        }
        let events = self.ring.iter().filter(|event| event.stream == stream && event.number > number);
        Ok(events.map(|event| event.frame.clone()).collect())
    }

    fn evict(&mut self) {
        let Some(event) = self.ring.pop_front() else { return };
        self.bytes -= event.frame.len();
        if let Some(track) = self.streams.get_mut(&event.stream) {
            track.in_ring -= 1;
        }
        self.forget(event.stream);
    }

    /// Forgets a stream that is over and of which nothing is kept.
    fn forget(&mut self, stream: u64) {
        let over = self
            .streams
            .get(&stream)
            .is_some_and(|track| track.ended && track.in_ring == 0 && track.reader.is_none() && stream != OUTSIDE);
        if over {
            self.streams.remove(&stream);
        }
    }
}

// === impl Writer ===

impl Writer {
    /// Says `message`.
    pub(super) fn say(&self, message: &Message) {
        let mut kept = self.log.lock();
        self.log.append(&mut kept, self.stream, message);
    }

    /// Whether somebody reads.
    pub(super) fn is_read(&self) -> bool {
        self.log.lock().streams.get(&self.stream).is_some_and(|track| track.reader.is_some())
    }

    /// Waits for a slow reader; without one there is always room.
    pub(super) fn poll_room(&self, context: &Context<'_>) -> Poll<()> {
        let mut kept = self.log.lock();
        let Some(track) = kept.streams.get_mut(&self.stream) else { return Poll::Ready(()) };
        if track.reader.as_ref().is_none_or(|unread| unread.frames.len() < UNREAD_MAX) {
            return Poll::Ready(());
        }
        track.writer = Some(context.waker().clone());
        Poll::Pending
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        let mut kept = self.log.lock();
        if let Some(track) = kept.streams.get_mut(&self.stream) {
            track.ended = true;
            track.reader.as_mut().and_then(|unread| unread.waker.take()).into_iter().for_each(Waker::wake);
        }
        kept.forget(self.stream);
    }
}

// === impl Reader ===

impl Reader {
    /// The next event; `None` when the stream is over or another reader has taken its place.
    pub(super) fn poll(&self, context: &Context<'_>) -> Poll<Option<Bytes>> {
        let mut kept = self.log.lock();
        let Some(track) = kept.streams.get_mut(&self.stream) else { return Poll::Ready(None) };
        let Some(unread) = track.reader.as_mut().filter(|unread| unread.reader == self.reader) else {
            return Poll::Ready(None);
        };
        if let Some(frame) = unread.frames.pop_front() {
            track.writer.take().into_iter().for_each(Waker::wake);
            return Poll::Ready(Some(frame));
        }
        if track.ended {
            return Poll::Ready(None);
        }
        unread.waker = Some(context.waker().clone());
        Poll::Pending
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let mut kept = self.log.lock();
        let Some(track) = kept.streams.get_mut(&self.stream) else { return };
        if track.reader.as_ref().is_some_and(|unread| unread.reader == self.reader) {
            track.reader = None;
            track.writer.take().into_iter().for_each(Waker::wake);
            kept.forget(self.stream);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::Notification;

    fn message(step: u64) -> Message {
        let mut params = protocol::Object::new();
        params.set_json("step", &step);
        Message::Notification(Notification::new("notifications/progress", Some(params)))
    }

    fn read(reader: &Reader) -> Vec<String> {
        let context = Context::from_waker(Waker::noop());
        let frames = std::iter::from_fn(|| match reader.poll(&context) {
            Poll::Ready(Some(frame)) => Some(String::from_utf8(frame.to_vec()).unwrap()),
            _ => None,
        });
        frames.map(|frame| frame.lines().next().unwrap().to_owned()).collect()
    }

    #[test]
    fn the_ring_is_bounded_in_events_and_bytes_and_keeps_the_newest() {
        let log = Log::new(3, 1 << 20);
        let (first, reader) = log.open(true);
        (1..=4).for_each(|step| first.say(&message(step)));
        assert_eq!(read(&reader), ["id: 1-0", "id: 1-1", "id: 1-2", "id: 1-3", "id: 1-4"], "a reader loses nothing");
        drop(reader);
        assert_eq!(read(&log.resume(1, 0).unwrap()), ["id: 1-2", "id: 1-3", "id: 1-4"], "what is left");
        assert_eq!(read(&log.resume(1, 3).unwrap()), ["id: 1-4"]);
        assert!(log.resume(1, 5).is_err() && log.resume(2, 0).is_err());
        drop(first);
        let (second, _reader) = log.open(false);
        (1..=3).for_each(|step| second.say(&message(step)));
        assert!(log.resume(1, 4).is_err(), "a stream that is over and evicted is forgotten");
        assert_eq!(log.lock().streams.len(), 2, "ours and the one outside of calls");
        let tight = Log::new(100, 10);
        let (writer, _reader) = tight.open(false);
        (1..=3).for_each(|step| writer.say(&message(step)));
        assert_eq!(tight.lock().ring.len(), 1);
    }

    #[test]
    fn the_later_reader_takes_over_and_the_writer_waits_for_a_slow_one() {
        let log = Log::new(256, 1 << 20);
        let (writer, early) = log.open(false);
        let context = Context::from_waker(Waker::noop());
        for step in 0..UNREAD_MAX as u64 {
            assert!(writer.poll_room(&context).is_ready());
            writer.say(&message(step));
        }
        assert!(writer.poll_room(&context).is_pending());
        let late = log.resume(1, 30).unwrap();
        assert_eq!(read(&early), Vec::<String>::new());
        assert!(matches!(early.poll(&context), Poll::Ready(None)));
        drop(early);
        assert_eq!(read(&late), ["id: 1-31", "id: 1-32"]);
        assert!(writer.poll_room(&context).is_ready());
        drop(writer);
        assert!(matches!(late.poll(&context), Poll::Ready(None)));
    }
}

//! One sight on what happens, with everybody who has it: each text is written once and all of them get
//! it. A reader that does not keep up finds its place taken and asks for a new snapshot; nobody waits
//! for it. The last frames are kept for readers that come back.

use super::frame::Frame;
use super::topic::{Sight, Topic, Topics};
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::broadcast;
use tokio::time::{Duration, Instant};

/// Frames that a reader may be behind.
const BEHIND_MAX: usize = 64;
/// Frames that are kept for who comes back.
const KEPT_MAX: usize = 128;
/// Bytes of those frames.
const KEPT_BYTES_MAX: usize = 256 * 1024;
/// How long a view is kept up for a reader that may come back.
pub(crate) const LINGER: Duration = Duration::from_secs(30);

/// How many readers want each topic.
type Counts = Arc<[AtomicUsize; Topic::ALL.len()]>;

/// A sight and its readers.
pub(crate) struct View {
    pub(crate) sight: Sight,
    frames: broadcast::Sender<Frame>,
    counts: Counts,
    /// When each topic was wanted last, and since which frame it has been kept up.
    kept_up: [Option<(Instant, u64)>; Topic::ALL.len()],
    last: VecDeque<Frame>,
    last_bytes: usize,
    /// The greatest number of a frame that is not kept any more.
    forgotten: u64,
}

/// That a reader is there; it is not any more when this is dropped.
#[derive(Debug)]
pub(crate) struct Interest {
    topics: Topics,
    counts: Counts,
}

// === impl View ===

impl View {
    pub(crate) fn new(sight: Sight, seq: u64) -> Self {
        Self {
            sight,
            frames: broadcast::Sender::new(BEHIND_MAX),
            counts: Counts::default(),
            kept_up: [None; Topic::ALL.len()],
            last: VecDeque::new(),
            last_bytes: 0,
            forgotten: seq,
        }
    }

    /// A reader comes, after the frame `seq`.
    pub(crate) fn join(&mut self, topics: Topics, seq: u64, now: Instant) -> (broadcast::Receiver<Frame>, Interest) {
        for topic in topics.iter() {
            self.counts[topic as usize].fetch_add(1, Ordering::Relaxed);
            let since = self.kept_up[topic as usize].map_or(seq, |(_, since)| since);
            self.kept_up[topic as usize] = Some((now, since));
        }
        (self.frames.subscribe(), Interest { topics, counts: self.counts.clone() })
    }

    /// The topics that somebody wants, or wanted a moment ago.
    pub(crate) fn wanted(&mut self, now: Instant) -> Topics {
        let mut wanted = Topics::default();
        for topic in Topic::ALL {
            let kept_up = &mut self.kept_up[topic as usize];
            if self.counts[topic as usize].load(Ordering::Relaxed) > 0 {
                *kept_up = kept_up.map(|(_, since)| (now, since));
            } else if kept_up.is_some_and(|(last, _)| now.saturating_duration_since(last) >= LINGER) {
                *kept_up = None;
            }
            if kept_up.is_some() {
                wanted.add(topic);
            }
        }
        wanted
    }

    /// Whether somebody reads.
    pub(crate) fn is_read(&self) -> bool {
        self.frames.receiver_count() > 0
    }

    /// What came after the frame `after`, where that is still known of all these topics.
    pub(crate) fn since(&self, topics: Topics, after: u64) -> Option<Vec<Frame>> {
        let known = |topic: Topic| self.kept_up[topic as usize].is_some_and(|(_, since)| since <= after);
        let is_known = after >= self.forgotten && topics.iter().all(known);
        let missed = |frame: &&Frame| frame.seq > after && topics.has(frame.topic);
        is_known.then(|| self.last.iter().filter(missed).cloned().collect())
    }

    /// Everybody gets it.
    pub(crate) fn send(&mut self, frame: Frame) {
        self.last_bytes += frame.text.len();
        self.last.push_back(frame.clone());
        while self.last.len() > KEPT_MAX || self.last_bytes > KEPT_BYTES_MAX {
            let Some(oldest) = self.last.pop_front() else { break };
            self.last_bytes -= oldest.text.len();
            self.forgotten = oldest.seq;
        }
        // An error says that nobody reads now: it is kept for who comes back.
        let _ = self.frames.send(frame);
    }
}

impl Drop for Interest {
    fn drop(&mut self) {
        for topic in self.topics.iter() {
            self.counts[topic as usize].fetch_sub(1, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::live::topic::Subscription;

    fn view() -> View {
        View::new(Subscription::default().read(None).unwrap().1, 10)
    }

    fn topics(wanted: &[Topic]) -> Topics {
        let mut topics = Topics::default();
        wanted.iter().for_each(|topic| topics.add(*topic));
        topics
    }

    fn frame(seq: u64, topic: Topic) -> Frame {
        Frame::delta(seq, topic, "\"items\":[]")
    }

    #[tokio::test(start_paused = true)]
    async fn who_comes_back_soon_gets_what_was_missed_and_nothing_else() {
        let mut view = view();
        let wanted = topics(&[Topic::Calls]);
        let (reader, interest) = view.join(wanted, 10, Instant::now());
        view.send(frame(11, Topic::Calls));
        drop((reader, interest));
        assert!(!view.is_read() && view.wanted(Instant::now()).has(Topic::Calls));
        view.send(frame(12, Topic::Calls));
        view.send(frame(13, Topic::Logs));
        let seqs = |frames: Option<Vec<Frame>>| frames.map(|frames| frames.iter().map(|frame| frame.seq).collect());
        assert_eq!(seqs(view.since(wanted, 11)), Some(vec![12]));
        assert_eq!(seqs(view.since(wanted, 9)), None, "before anybody was there");
        assert_eq!(seqs(view.since(topics(&[Topic::Logs]), 11)), None, "not kept up");
        tokio::time::advance(LINGER).await;
        assert!(!view.wanted(Instant::now()).has(Topic::Calls));
        assert_eq!(seqs(view.since(wanted, 11)), None, "too late");
    }

    #[tokio::test]
    async fn a_reader_that_does_not_read_loses_its_place_and_holds_up_nobody() {
        let mut view = view();
        let wanted = topics(&[Topic::Calls]);
        let (mut slow, _one) = view.join(wanted, 10, Instant::now());
        for number in 0..1000 {
            view.send(frame(11 + number, Topic::Calls));
        }
        assert!(matches!(slow.recv().await, Err(broadcast::error::RecvError::Lagged(_))));
        assert!(view.last.len() <= KEPT_MAX && view.since(wanted, 11).is_none());
        assert_eq!(view.since(wanted, 1009).unwrap().len(), 1);
    }
}

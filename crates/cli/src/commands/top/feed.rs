//! News of the daemon for as long as somebody looks: a stream of events, opened again whenever it
//! ends, and the log that is looked at. What news mean is not known here.

mod frame;

mod stream;

use self::frame::Frame;
use self::stream::Events;
use super::facts::News;
use super::state::Event;
use crate::client::{Client, encoded};
use crate::report::Report;
use control::said::LogLine;
use http_body_util::BodyExt as _;
use std::time::Duration;
use tokio::sync::mpsc::Sender;

/// After the connection is lost it is tried again after this time, which doubles each time.
const AGAIN_FIRST: Duration = Duration::from_secs(1);
/// The longest time until it is tried again.
const AGAIN_MAX: Duration = Duration::from_secs(30);
/// Lines of a log to begin with.
const LINES: usize = 500;
/// A line of a log that is longer than this many bytes is no line of ours.
const LINE_BYTES_MAX: usize = 1 << 20;
/// What is listened to.
const EVENTS: &str = "/api/events?topics=overview,servers,calls,catalog";

/// Nobody looks any more.
struct Left;

/// Tells what is new until nobody looks any more.
pub(super) async fn run(client: &Client, told: &Sender<Event>) {
    let mut again = AGAIN_FIRST;
    loop {
        let mut was_live = false;
        let why = match live(client, told, &mut was_live).await {
            Ok(Left) => return,
            Err(report) => report.message,
        };
        if was_live {
            again = AGAIN_FIRST;
        }
        if told.send(Event::News(News::Lost { why, again })).await.is_err() {
            return;
        }
        tokio::time::sleep(again).await;
        again = longer(again);
    }
}

/// Listens until the daemon is gone.
async fn live(client: &Client, told: &Sender<Event>, was_live: &mut bool) -> Result<Left, Report> {
    let mut body = client.stream(EVENTS).await?;
    let mut events = Events::default();
    while let Some(part) = body.frame().await {
        let Ok(part) = part else { break };
        for data in events.push(&part.into_data().unwrap_or_default())? {
            let Some(news) = serde_json::from_slice::<Frame>(&data).ok().and_then(Frame::news) else { continue };
            *was_live = true;
            if told.send(Event::News(news)).await.is_err() {
                return Ok(Left);
            }
        }
    }
    Err(Report::failed("the daemon hung up"))
}

/// Reads the log of a server, or of all, and tells its lines under `number`.
pub(super) async fn log(client: &Client, server: Option<&str>, number: u64, told: &Sender<Event>) {
    let of_server = server.map(|server| format!("s/{}", encoded(server))).unwrap_or_default();
    let path = format!("/api/log{of_server}?n={LINES}&follow=1");
    let mut again = AGAIN_FIRST;
    loop {
        if let Ok(mut body) = client.stream(&path).await {
            again = AGAIN_FIRST;
            if told.send(Event::News(News::LogBegins(number))).await.is_err() {
                return;
            }
            let mut rest: Vec<u8> = Vec::new();
            while let Some(Ok(part)) = body.frame().await {
                rest.extend_from_slice(&part.into_data().unwrap_or_default());
                let lines = lines(&mut rest);
                if rest.len() > LINE_BYTES_MAX {
                    break;
                }
                if !lines.is_empty() && told.send(Event::News(News::LogGoesOn(number, lines))).await.is_err() {
                    return;
                }
            }
        }
        tokio::time::sleep(again).await;
        again = longer(again);
    }
}

/// The whole lines of what came; what is no line of a log is left out.
fn lines(rest: &mut Vec<u8>) -> Vec<LogLine> {
    let end = rest.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
    let whole: Vec<u8> = rest.drain(..end).collect();
    whole.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect()
}

fn longer(again: Duration) -> Duration {
    (again * 2).min(AGAIN_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_tried_again_after_twice_the_time_up_to_a_limit() {
        let waits = std::iter::successors(Some(AGAIN_FIRST), |again| Some(longer(*again)));
        let times: Vec<u64> = waits.take(7).map(|wait| wait.as_secs()).collect();
        assert_eq!(times, [1, 2, 4, 8, 16, 30, 30]);
    }

    #[test]
    fn lines_are_taken_whole() {
        let mut rest = br#"{"at":"1","stream":"stderr","text":"a"}
nonsense
{"at":"2","stream":"stderr","text":"b"}
{"at":"3","#
            .to_vec();
        let texts: Vec<String> = lines(&mut rest).into_iter().map(|line| line.text).collect();
        assert_eq!(
            (texts.as_slice(), rest.as_slice()),
            (["a".to_owned(), "b".to_owned()].as_slice(), &br#"{"at":"3","#[..])
        );
    }
}

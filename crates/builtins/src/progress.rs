//! Telling a client that work goes on, so that it does not give up waiting. It says nothing to who
//! did not ask for it, and measures no progress.

use protocol::{CallContext, Notification, Raw};
use std::time::Duration;
use tokio::time::MissedTickBehavior;

/// How often it is said. Well below the shortest time that a gateway waits for a sign of life.
const INTERVAL: Duration = Duration::from_secs(5);

/// The progress of one call.
#[derive(Debug)]
pub(crate) struct Progress {
    context: CallContext,
    said: u64,
}

// === impl Progress ===

impl Progress {
    pub(crate) fn of(context: CallContext) -> Progress {
        Progress { context, said: 0 }
    }

    /// Says what is being done. The number only grows, as the specification wants it.
    pub(crate) fn say(&mut self, message: &str) {
        let Some(token) = &self.context.progress_token else { return };
        self.said += 1;
        let params =
            [("progressToken", token.clone()), ("progress", Raw::of(&self.said)), ("message", Raw::of(&message))];
        self.context.notifier.send(Notification::new("notifications/progress", Some(params.into_iter().collect())));
    }

    /// Waits for `work`, and says again and again that `message` is being done.
    pub(crate) async fn during<W: Future>(&mut self, message: &str, work: W) -> W::Output {
        let mut work = std::pin::pin!(work);
        let mut ticks = tokio::time::interval(INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                done = &mut work => return done,
                _ = ticks.tick() => self.say(message),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::{Notifier, Principal};

    #[tokio::test(start_paused = true)]
    async fn who_asked_hears_that_it_goes_on() {
        let context = CallContext {
            notifier: Notifier::bounded(10),
            progress_token: Some(Raw::of(&"t")),
            ..CallContext::internal(Principal::new("test"))
        };
        let notifier = context.notifier.clone();
        let mut progress = Progress::of(context);
        progress.during("it runs", tokio::time::sleep(Duration::from_secs(12))).await;
        let said = std::iter::from_fn(|| notifier.take());
        let numbers: Vec<_> =
            said.map(|said| said.params.unwrap().get("progress").unwrap().as_str().to_owned()).collect();
        assert_eq!(numbers, ["1", "2", "3"]);
        let mut nobody = Progress::of(CallContext::internal(Principal::new("test")));
        nobody.say("it runs");
        assert_eq!(nobody.said, 0);
    }
}

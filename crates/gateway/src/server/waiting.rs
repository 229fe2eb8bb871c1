//! Calls that find no instance ready: they wait for one, within their own deadline, wake the server
//! where it sleeps, or are told why there is no use in waiting.

use super::lanes::Entered;
use super::state::ServerState;
use super::status::Patience;
use super::{Command, Core};
use protocol::{CallContext, Error, ErrorKind, Principal};
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::time::{Instant, timeout_at};

/// A call that waits for its server; gives its place back, however it ends.
struct Waiting<'a>(&'a AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Core {
    /// Another process may have signed in, with nobody there to tell: who asks now may not see it
    /// yet, the next one does.
    pub(crate) fn look_for_sign_in(&self) {
        if self.status.borrow().state == ServerState::NeedsAuth {
            self.tell(Command::SignInChanged);
        }
    }

    pub(super) async fn wait_to_enter(&self, context: &CallContext) -> Result<Entered, Error> {
        let _waiting = Waiting(&self.waiting);
        if self.waiting.fetch_add(1, Ordering::Relaxed) >= self.waiting_max {
            let message = format!(
                "{} calls already wait for the server `{}` (limit `calls_waiting_max`)",
                self.waiting_max, self.name
            );
            return Err(Error::new(ErrorKind::Overloaded, message)
                .refused()
                .hint(format!("see why it is not ready: switchboard logs {}", self.name)));
        }
        let entered = self.until_ready(context).await;
        if entered.is_ok() {
            context.came.enters();
        }
        entered
    }

    /// Waits until some instance is ready, waking the server where it sleeps.
    pub(super) async fn until_up(&self) -> Result<(), Error> {
        let context = CallContext::internal(Principal::new("switchboard"));
        self.until_ready(&context).await.map(drop)
    }

    async fn until_ready(&self, context: &CallContext) -> Result<Entered, Error> {
        let deadline = Instant::now() + self.wait_max;
        let mut status = self.status.subscribe();
        loop {
            let seen = status.borrow_and_update().clone();
            // After the look at the status: whoever changes the lanes tells so afterwards.
            if let Some(entered) = self.enter(context) {
                return Ok(entered);
            }
            self.look_for_sign_in();
            match seen.patience(deadline) {
                Patience::Wait => {}
                Patience::Wake => self.tell(Command::Wake),
                Patience::Refuse => return Err(seen.refusal(&self.name)),
            }
            match timeout_at(deadline, status.changed()).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) => return Err(seen.refusal(&self.name)),
                Err(_) => return Err(self.status().refusal(&self.name)),
            }
        }
    }
}

//! A job: what somebody wants done in one transaction, with its place for the answer.
//!
//! When and how often it runs is decided by the databases' owners.

use crate::{Error, Running, Tx};
use futures_util::FutureExt as _;
use std::panic::AssertUnwindSafe;
use tokio::sync::oneshot;

/// A job in the queue of the writer.
pub(crate) trait Job: Send {
    /// Runs it; says whether its changes are kept.
    fn run<'t>(&'t mut self, tx: &'t mut Tx) -> Running<'t, bool>;
    /// Hands over what it returned, or the failure in place of that.
    fn answer(self: Box<Self>, failure: Option<Error>);
    /// Whether nobody waits for the answer any more.
    fn is_abandoned(&self) -> bool;
}

/// A function and who waits for its result.
pub(crate) struct Asked<F, T, E> {
    function: F,
    result: Option<Result<T, E>>,
    asker: oneshot::Sender<Result<T, E>>,
}

impl<F, T, E> Asked<F, T, E> {
    pub(crate) fn new(function: F) -> (Self, oneshot::Receiver<Result<T, E>>) {
        let (asker, answer) = oneshot::channel();
        (Self { function, result: None, asker }, answer)
    }
}

impl<F, T, E> Job for Asked<F, T, E>
where
    F: for<'t> FnMut(&'t mut Tx) -> Running<'t, Result<T, E>> + Send,
    T: Send,
    E: From<Error> + Send,
{
    fn run<'t>(&'t mut self, tx: &'t mut Tx) -> Running<'t, bool> {
        Box::pin(async move {
            let result = guarded(&mut self.function, tx).await;
            let kept = result.is_ok();
            self.result = Some(result);
            kept
        })
    }

    fn answer(self: Box<Self>, failure: Option<Error>) {
        let result = match (failure, self.result) {
            (Some(failure), _) => Err(E::from(failure)),
            (None, Some(result)) => result,
            (None, None) => Err(E::from(Error::Closed)),
        };
        // Who asked may have gone away.
        let _ = self.asker.send(result);
    }

    fn is_abandoned(&self) -> bool {
        self.asker.is_closed()
    }
}

/// Runs a function of the store's users. A job whose statement failed is a failed job, whatever it
/// returns; one that panics takes only itself down.
pub(crate) async fn guarded<F, T, E>(function: &mut F, tx: &mut Tx) -> Result<T, E>
where
    F: for<'t> FnMut(&'t mut Tx) -> Running<'t, Result<T, E>>,
    E: From<Error>,
{
    let result = AssertUnwindSafe(function(tx)).catch_unwind().await;
    match (result, tx.failure()) {
        (Ok(Ok(_)), Some(failure)) => Err(E::from(failure.clone())),
        (Ok(result), _) => result,
        (Err(_panic), _) => Err(E::from(tx.other("a job panicked"))),
    }
}

//! The requests on a pipe that wait for their answers.

use crate::upstream::core::Route;
use protocol::{Notification, Reply};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use tokio::sync::oneshot;

/// Requests by id; nothing is taken any more once the pipe has ended.
#[derive(Debug)]
pub(super) struct Waiting {
    requests: Mutex<Option<HashMap<u64, Waiter>>>,
}

/// One request.
#[derive(Debug)]
pub(super) struct Waiter {
    pub(super) answer: oneshot::Sender<Reply>,
    /// Absent for requests of our own.
    pub(super) route: Option<Route>,
}

impl Default for Waiting {
    fn default() -> Self {
        Self { requests: Mutex::new(Some(HashMap::new())) }
    }
}

impl Waiting {
    fn with<T>(&self, act: impl FnOnce(&mut Option<HashMap<u64, Waiter>>) -> T) -> T {
        act(&mut self.requests.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Returns whether the pipe still lives.
    pub(super) fn insert(&self, id: u64, waiter: Waiter) -> bool {
        self.with(|requests| match requests {
            Some(requests) => {
                requests.insert(id, waiter);
                true
            }
            None => false,
        })
    }

    pub(super) fn remove(&self, id: u64) -> Option<Waiter> {
        self.with(|requests| requests.as_mut()?.remove(&id))
    }

    /// The pipe has ended: every request is dropped, which its caller sees.
    pub(super) fn end(&self) {
        let ended = self.with(Option::take);
        drop(ended);
    }

    /// Passes progress to the request it belongs to; says whether there is one.
    pub(super) fn progress(&self, id: u64, notification: Notification) -> bool {
        self.with(|requests| {
            let route = requests.as_ref().and_then(|requests| requests.get(&id)?.route.as_ref());
            route.map(|route| route.progress(notification)).is_some()
        })
    }

    /// Passes a log message to the only call in flight; gives it back when there is not just one.
    pub(super) fn log(&self, notification: Notification) -> Option<Notification> {
        self.with(|requests| {
            let mut routes = requests.iter().flat_map(HashMap::values).filter_map(|waiter| waiter.route.as_ref());
            match (routes.next(), routes.next()) {
                (Some(route), None) => {
                    route.log(notification);
                    None
                }
                _ => Some(notification),
            }
        })
    }

    /// Takes the only request out, when there is just one: what cannot be attributed is its.
    pub(super) fn take_only(&self) -> Option<Waiter> {
        self.with(|requests| {
            let requests = requests.as_mut()?;
            let mut calls = requests.iter().filter(|(_, waiter)| waiter.route.is_some());
            let (Some((&id, _)), None) = (calls.next(), calls.next()) else {
                return None;
            };
            requests.remove(&id)
        })
    }
}

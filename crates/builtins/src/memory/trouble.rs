//! Why a transaction was given up: a failure that the caller is told, or one of the store.

use protocol::tools::{Failure, FailureKind};
use store::Error;

/// Why nothing happened.
#[derive(Debug, Clone)]
pub(crate) enum Trouble {
    /// The call cannot be done.
    Failure(Failure),
    /// The store could not do it.
    Store(Error),
}

// === impl Trouble ===

impl Trouble {
    /// No random number was to be had.
    pub(crate) fn chance(error: getrandom::Error) -> Self {
        Self::Failure(Failure::new(FailureKind::Unavailable, format!("the system gives no random numbers: {error}")))
    }

    /// What the caller is told.
    pub(crate) fn into_failure(self) -> Failure {
        match self {
            Self::Failure(failure) => failure,
            Self::Store(error) => {
                let kind = match &error {
                    Error::Busy { .. } => FailureKind::Timeout,
                    Error::Unreachable { .. } | Error::UnknownOutcome { .. } => FailureKind::Connection,
                    Error::Conflict { .. } => FailureKind::Conflict,
                    _ => FailureKind::Unavailable,
                };
                Failure::new(kind, error.to_string()).next(error.hint())
            }
        }
    }
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Self::Store(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failing_store_says_what_to_do() {
        let busy = Error::Busy { place: "db".into(), waited_ms: 5, detail: "x".into() };
        let failure = Trouble::from(busy).into_failure();
        assert_eq!(failure.kind, FailureKind::Timeout);
        assert!(failure.message.contains("db was busy") && failure.next.is_some());
        let full = Error::Full { place: "db".into(), detail: "x".into() };
        assert_eq!(Trouble::from(full).into_failure().kind, FailureKind::Unavailable);
    }
}

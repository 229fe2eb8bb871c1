//! The stores of a process: the local one, a file of the data folder, for what is true of this
//! machine only, and the shared one, for what `state.url` moves to a database.
//!
//! What is in the tables is said by the crate `store` and by the files beside this one.

mod documents;
pub(crate) use documents::{Catalog, carry, read_approved_tools, read_catalog, read_desired, write};

mod moved;

use crate::context::Context;
use crate::data_folder::DataFolder;
use crate::report::Report;
use config::{Approvals, Config};
use store::{Options, Place, Store};
use tokio::runtime::Handle;

/// What lasts.
#[derive(Debug, Clone)]
pub(crate) struct State {
    /// `state.db` of the data folder: approvals, what people want of servers, the stored catalog.
    pub(crate) local: Store,
    /// Goals, memories, records of calls, the audit: the same store where no URL says otherwise.
    pub(crate) shared: Store,
}

// === impl State ===

impl State {
    /// Opens both. The data folder is made where there is none.
    ///
    /// # Errors
    /// A store that is damaged, newer than this program, read-only or not to be reached.
    pub(crate) async fn open(data: &DataFolder, config: &Config) -> Result<Self, Report> {
        let local = local(data).await?;
        let shared = match &config.state.url {
            None => local.clone(),
            Some(url) => {
                let place = Place::Url(url.clone());
                Store::open(place, Options::default()).await.map_err(|error| failed(&error))?
            }
        };
        Ok(Self { local, shared })
    }

    /// Ends both, after what was asked before is done.
    pub(crate) async fn close(&self) {
        self.shared.close().await;
        self.local.close().await;
    }
}

/// Opens the local store. What an earlier version kept in files is in it then.
///
/// # Errors
/// Those of [`State::open`].
pub(crate) async fn local(data: &DataFolder) -> Result<Store, Report> {
    data.create()?;
    let store = Store::open(Place::File(data.state()), Options::default()).await.map_err(|error| failed(&error))?;
    moved::bring(data, &store).await.map_err(|error| failed(&error))?;
    Ok(store)
}

/// What a person approved on this machine, for commands that look only: nothing is made or moved
/// where no daemon was yet.
///
/// # Errors
/// Those of [`State::open`].
pub(crate) fn read_approvals(data: &DataFolder) -> Result<Approvals, Report> {
    if !data.state().exists() {
        return Ok(moved::old_approvals(data));
    }
    let read = || {
        let failed_to_start = |error| Report::failed("the runtime cannot be started").cause(error);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed_to_start)?;
        runtime.block_on(async {
            let store = local(data).await?;
            let approvals = documents::read_approvals(&store).await;
            store.close().await;
            approvals.map_err(|error| failed(&error))
        })
    };
    if Handle::try_current().is_err() {
        return read();
    }
    // Who asks is in a runtime already, and a thread has one at a time.
    let asked = std::thread::scope(|scope| scope.spawn(read).join());
    asked.unwrap_or_else(|_| Err(Report::failed("what was approved cannot be read")))
}

/// Changes what a person approved on this machine, whoever else changes it meanwhile. Not to be
/// called in a runtime.
///
/// # Errors
/// Those of [`State::open`].
pub(crate) fn change<T: Send + 'static>(
    context: &Context,
    change: impl FnMut(&mut Approvals) -> T + Send + 'static,
) -> Result<T, Report> {
    let data = context.data_folder()?;
    context.block_on(async {
        let store = local(&data).await?;
        let changed = documents::change_approvals(&store, change).await;
        store.close().await;
        changed.map_err(|error| failed(&error))
    })
}

/// Does something with both stores, for a command. Not to be called in a runtime.
///
/// # Errors
/// Those of [`State::open`] and of `work`.
pub(crate) fn with<T>(context: &Context, work: impl AsyncFnOnce(&State) -> Result<T, Report>) -> Result<T, Report> {
    let data = context.data_folder()?;
    // What is wrong with the files is no business of who only wants to know where the state is.
    let config = config::load(&context.sources()).config;
    context.block_on(async {
        let state = State::open(&data, &config).await?;
        let done = work(&state).await;
        state.close().await;
        done
    })
}

/// The same for who only looks: where no state was ever kept, there is nothing, and none is made.
///
/// # Errors
/// Those of [`State::open`] and of `work`.
pub(crate) fn look<T: Default>(
    context: &Context,
    work: impl AsyncFnOnce(&Store) -> Result<T, store::Error>,
) -> Result<T, Report> {
    let moved_out = config::load(&context.sources()).config.state.url.is_some();
    if !moved_out && !context.data_folder()?.state().exists() {
        return Ok(T::default());
    }
    with(context, async |state| work(&state.shared).await.map_err(|error| failed(&error)))
}

/// What a person approved, for a daemon, which has the store open.
///
/// # Errors
/// Those of the store.
pub(crate) async fn approvals_now(store: &Store) -> Result<Approvals, store::Error> {
    documents::read_approvals(store).await
}

/// A failure of a store, with what to do about it.
pub(crate) fn failed(error: &store::Error) -> Report {
    Report::failed(error.to_string()).hint(error.hint())
}

#[cfg(test)]
mod tests {
    use super::*;
    use config::Environment;

    #[tokio::test]
    async fn approvals_can_be_read_from_within_a_runtime() {
        let folder = tempfile::tempdir().unwrap();
        let data = DataFolder::new(folder.path().to_owned(), &Environment::default());
        assert_eq!(read_approvals(&data).unwrap(), Approvals::default());
        assert!(!data.state().exists(), "a look makes nothing");
        local(&data).await.unwrap().close().await;
        assert_eq!(read_approvals(&data).unwrap(), Approvals::default());
    }
}

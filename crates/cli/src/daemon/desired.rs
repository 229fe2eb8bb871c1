//! What people want of servers beyond their configuration, kept in a file of the data folder: what a
//! person stopped stays stopped over a restart of ours. Nothing here decides what follows from it.

use crate::data_folder::DataFolder;
use crate::store_files::replace;
use gateway::Gateway;
use gateway::server::Desired;
use std::io;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// What was wanted at the end of an earlier run; nothing where that cannot be read.
pub(super) fn read(data: &DataFolder) -> Desired {
    let path = data.desired();
    let bytes = match std::fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Desired::default(),
        Err(error) => {
            tracing::warn!(%error, "{} cannot be read: {error}; every server is started", path.display());
            return Desired::default();
        }
    };
    serde_json::from_slice(&bytes).unwrap_or_else(|error| {
        tracing::warn!(%error, "{} is damaged: {error}; every server is started", path.display());
        Desired::default()
    })
}

/// Writes what is wanted whenever it differs from what is on disk (`written`), until the end. People
/// change it, one at a time: it is written at once.
pub(super) async fn keep(
    gateway: std::sync::Arc<Gateway>,
    data: DataFolder,
    mut written: Desired,
    ended: CancellationToken,
) {
    let mut desired: watch::Receiver<Desired> = gateway.desired();
    loop {
        let now = desired.borrow_and_update().clone();
        if now != written {
            let (data, wanted) = (data.clone(), now.clone());
            // A disk that fails is reported where it is written to.
            let _ = tokio::task::spawn_blocking(move || write(&data, &wanted)).await;
            written = now;
        }
        tokio::select! {
            told = desired.changed() => if told.is_err() {
                return;
            },
            () = ended.cancelled() => {
                // It may have changed at this very moment.
                if !desired.has_changed().unwrap_or(false) {
                    return;
                }
            }
        }
    }
}

fn write(data: &DataFolder, desired: &Desired) {
    let path = data.desired();
    let written = serde_json::to_vec(desired).map_err(io::Error::other).and_then(|bytes| replace(&path, &bytes));
    if let Err(error) = written {
        tracing::warn!(%error, "{} cannot be written: {error}; what was stopped starts again with us", path.display());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_back_and_damage_is_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let data = DataFolder::new(folder.path().to_owned(), &config::Environment::default());
        assert_eq!(read(&data), Desired::default());
        let desired = Desired { stopped: ["db".to_owned()].into() };
        write(&data, &desired);
        assert_eq!(read(&data), desired);
        std::fs::write(data.desired(), "{").unwrap();
        assert_eq!(read(&data), Desired::default());
    }
}

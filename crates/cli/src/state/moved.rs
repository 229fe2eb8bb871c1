//! What earlier versions kept in files of the data folder: it is read once, written into the local
//! store, and the files are kept beside under another name.
//!
//! What is in the store already is newer and stays.

use super::documents::{Catalog, Change, ONLY, body, kind};
use crate::data_folder::DataFolder;
use config::Approvals;
use gateway::catalog::StoredCatalog;
use gateway::guards::ApprovedTools;
use gateway::server::Desired;
use serde::de::DeserializeOwned;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use store::documents::{self, Expected};
use store::{Error, Store};

const CATALOG: &str = "catalog.json";
const APPROVED_TOOLS: &str = "approved-tools.json";
const DESIRED: &str = "desired.json";
const APPROVALS: &str = "approvals.json";

/// Brings what is in old files into the store. Killed half-way, it is done again.
///
/// # Errors
/// Those of the store.
pub(super) async fn bring(data: &DataFolder, store: &Store) -> Result<(), Error> {
    let files = [CATALOG, APPROVED_TOOLS, DESIRED, APPROVALS].map(|name| data.root.join(name));
    if !files.iter().any(|file| file.exists()) {
        return Ok(());
    }
    let changes: Arc<[Change]> = read(&files).into();
    store
        .write("old files", move |tx| {
            let changes = Arc::clone(&changes);
            Box::pin(async move {
                for (kind, key, body) in changes.iter() {
                    let Some(body) = body else { continue };
                    match documents::put(tx, kind, key, Expected::Absent, body).await {
                        Ok(_) | Err(Error::Conflict { .. }) => {}
                        Err(error) => return Err(error),
                    }
                }
                Ok(())
            })
        })
        .await?;
    for file in files {
        aside(&file, "moved");
    }
    Ok(())
}

/// What was approved with an earlier version that has not been replaced yet.
pub(super) fn old_approvals(data: &DataFolder) -> Approvals {
    // It is damaged or not there: nothing counts as approved, as it was then.
    let text = std::fs::read(data.root.join(APPROVALS)).unwrap_or_default();
    serde_json::from_slice(&text).unwrap_or_default()
}

fn read([catalog, approved, desired, approvals]: &[PathBuf; 4]) -> Vec<Change> {
    let now = Catalog {
        stored: parsed::<StoredCatalog>(catalog).unwrap_or_default(),
        approved: parsed::<ApprovedTools>(approved).unwrap_or_default(),
        desired: parsed::<Desired>(desired).unwrap_or_default(),
    };
    let mut changes = now.changes(&Catalog::default());
    let approvals = parsed::<Approvals>(approvals);
    changes.extend(approvals.map(|approvals| (kind::APPROVALS, ONLY.to_owned(), body(&approvals))));
    changes
}

/// What a file says; one that is damaged is kept aside.
fn parsed<T: DeserializeOwned>(file: &Path) -> Option<T> {
    let problem = match std::fs::read(file) {
        Ok(bytes) => match serde_json::from_slice(&bytes) {
            Ok(parsed) => return Some(parsed),
            Err(error) => error.to_string(),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
        Err(error) => error.to_string(),
    };
    tracing::warn!("{} is not used, it is kept aside as .damaged: {problem}", file.display());
    aside(file, "damaged");
    None
}

fn aside(file: &Path, word: &str) {
    let mut name = file.as_os_str().to_owned();
    name.push(format!(".{word}"));
    match std::fs::rename(file, name) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            tracing::warn!(%error, "{} cannot be renamed: {error}", file.display());
        }
        // Another process may have been faster.
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state;
    use config::Environment;

    /// As a build wrote them before there was a store.
    const OLD: [(&str, &str); 4] = [
        (
            CATALOG,
            r#"{"servers":{"time":{"definition":"d1","era":"legacy","capabilities":{"tools":{}},"server_info":{"name":"mcp-time","version":"1"},"instructions":null,"tools":[{"name":"get_current_time","inputSchema":{"type":"object"}}],"prompts":[],"resources":[],"templates":[],"ttl_ms":0}}}"#,
        ),
        (APPROVED_TOOLS, r#"{"servers":{"time":{"definition":"d1","tools":{"get_current_time":"00ff"}}}}"#),
        (DESIRED, r#"{"stopped":["db"]}"#),
        (
            APPROVALS,
            "{\n  \"entries\": [\n    {\n      \"name\": \"brought\",\n      \"file\": \"/p/.mcp.json\",\n      \"found\": true,\n      \"subject\": {\n        \"keys\": {\n          \"command\": \"./server.sh\"\n        },\n        \"files\": []\n      }\n    }\n  ]\n}",
        ),
    ];

    fn folder() -> (tempfile::TempDir, DataFolder) {
        let folder = tempfile::tempdir().unwrap();
        let data = DataFolder::new(folder.path().to_owned(), &Environment::default());
        (folder, data)
    }

    #[tokio::test]
    async fn what_an_older_build_wrote_is_in_the_store_and_its_files_stay_beside() {
        let (folder, data) = folder();
        for (name, text) in OLD {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        assert_eq!(old_approvals(&data).entries.len(), 1, "a command sees them before any start");
        let store = state::local(&data).await.unwrap();
        let catalog = state::read_catalog(&store).await.unwrap();
        assert_eq!(catalog.servers["time"].tools.len(), 1);
        assert_eq!(serde_json::to_string(&catalog).unwrap(), OLD[0].1, "nothing was lost on the way");
        assert_eq!(state::read_approved_tools(&store).await.unwrap().servers["time"].tools["get_current_time"], "00ff");
        assert!(state::read_desired(&store).await.unwrap().stopped.contains("db"));
        assert_eq!(state::approvals_now(&store).await.unwrap().entries[0].name, "brought");
        for (name, text) in OLD {
            assert!(!folder.path().join(name).exists(), "{name}");
            assert_eq!(std::fs::read_to_string(folder.path().join(format!("{name}.moved"))).unwrap(), text);
        }
    }

    #[tokio::test]
    async fn what_is_in_the_store_already_stays_and_damage_is_kept_aside() {
        let (folder, data) = folder();
        let store = state::local(&data).await.unwrap();
        let put = |approvals: &mut Approvals| approvals.entries.clear();
        state::documents::change_approvals(&store, put).await.unwrap();
        store.close().await;
        std::fs::write(folder.path().join(APPROVALS), OLD[3].1).unwrap();
        std::fs::write(folder.path().join(DESIRED), "{").unwrap();
        let store = state::local(&data).await.unwrap();
        assert_eq!(state::approvals_now(&store).await.unwrap(), Approvals::default());
        assert!(folder.path().join("desired.json.damaged").exists());
        assert_eq!(state::read_desired(&store).await.unwrap(), Desired::default());
    }
}

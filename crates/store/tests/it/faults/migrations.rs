//! F-30: a migration that is killed anywhere leaves the old tables or the new ones. And both ways.

use crate::base::{Base, on_each, read, skipped, write};
use crate::hammer::{Acknowledged, Hammer, named};
use store::documents::{self, Expected};
use store::{Error, Store};

/// A word that a file holds, in the first version of the tables.
async fn put(store: &Store) {
    write(store, |tx| Box::pin(documents::put(tx, "d", "a", Expected::Any, "kept"))).await.unwrap();
}

async fn is_there(store: &Store) -> bool {
    read(store, |tx| Box::pin(documents::get(tx, "d", "a"))).await.unwrap().is_some()
}

fn copies(base: &Base) -> Vec<String> {
    let names = std::fs::read_dir(base.folder.path()).unwrap().map(|entry| entry.unwrap().file_name());
    names.map(|name| name.to_string_lossy().into_owned()).filter(|name| name.contains(".before-")).collect()
}

#[tokio::test]
async fn tables_go_down_and_up_again() {
    on_each(|base| async move {
        let store = base.open().await;
        put(&store).await;
        store.close().await;
        store::migrate(base.place.clone(), 0).await.unwrap();
        store::migrate(base.place.clone(), 0).await.unwrap();
        let store = base.open().await;
        assert!(!is_there(&store).await, "version 0 has no tables");
        put(&store).await;
        store.close().await;
        let none = store::migrate(base.place.clone(), store::LATEST + 1).await;
        assert!(matches!(none, Err(Error::Other { .. })), "{none:?}");
        assert!(is_there(&base.open().await).await);
    })
    .await;
}

#[tokio::test]
async fn a_file_is_copied_before_its_tables_change() {
    let base = Base::file();
    for _ in 0..3 {
        let store = base.open().await;
        put(&store).await;
        store.close().await;
        store::migrate(base.place.clone(), 0).await.unwrap();
    }
    let copies = copies(&base);
    assert!((1..=3).contains(&copies.len()), "{copies:?}");
    let copy =
        base.folder.path().join(copies.iter().find(|name| name.contains(&format!("from-{}", store::LATEST))).unwrap());
    let store = base.open().await;
    store.restore_from(&copy).await.unwrap();
    assert!(is_there(&store).await);
}

#[tokio::test]
async fn f_30_a_migration_killed_at_any_call_is_whole_or_not_at_all() {
    let calls = "write,pwrite64,fsync,fdatasync,ftruncate,unlink";
    for nth in [1, 2, 3, 4, 5, 7, 9, 12, 15, 19, 24, 30] {
        let base = Base::file();
        let path = named(&base.place);
        let trace = format!("trace={calls}");
        let inject = format!("inject={calls}:signal=KILL:when={nth}");
        let paths = [path.clone(), format!("{path}-wal"), format!("{path}-journal")];
        let mut strace: Vec<String> =
            ["strace", "-f", "-qq", "-o", "/dev/null", "-e", &trace, "-e", &inject].map(str::to_owned).to_vec();
        strace.extend(paths.iter().flat_map(|path| ["-P".to_owned(), path.clone()]));
        let mut said = Acknowledged::default();
        // Making the tables.
        let made = Hammer::start(&strace, &["load", &path, "0", "1"]).end(&mut said);
        if nth == 1 && made {
            return skipped("killing at a call", "strace is not there or may not trace");
        }
        let store = base.try_open().await.unwrap_or_else(|error| panic!("call {nth}: {error}"));
        assert_eq!(store.verify().await.unwrap().problems, Vec::<String>::new(), "call {nth}");
        put(&store).await;
        store.close().await;
        // Unmaking them.
        Hammer::start(&strace, &["migrate", &path, "0"]).end(&mut said);
        let store = base.try_open().await.unwrap_or_else(|error| panic!("call {nth}: {error}"));
        assert_eq!(store.verify().await.unwrap().problems, Vec::<String>::new(), "call {nth}");
        let kept = is_there(&store).await;
        assert!(kept || !copies(&base).is_empty(), "call {nth}: gone without a copy");
        put(&store).await;
        store.close().await;
    }
}

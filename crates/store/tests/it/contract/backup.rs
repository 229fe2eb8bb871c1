//! F-54: a copy shows one moment and comes back whole, into either database.

use crate::base::{Base, on_each, read, write};
use std::os::unix::fs::PermissionsExt as _;
use store::documents::{self, Document, Expected};
use store::log::{self, NewEvent, Verified};
use store::records::{self, NewPage};
use store::{Error, Store};

async fn put(store: &Store, key: &'static str) {
    write(store, move |tx| Box::pin(documents::put(tx, "d", key, Expected::Any, "ä\u{1f600}"))).await.unwrap();
}

async fn documents(store: &Store) -> Vec<Document> {
    read(store, |tx| Box::pin(documents::list(tx, "d", "", 100))).await.unwrap()
}

async fn append(store: &Store, count: usize) -> i64 {
    write(store, move |tx| {
        Box::pin(async move {
            let head = tx.lock_stream("s").await?;
            let event = NewEvent { entity: "e".to_owned(), run: Some("r".to_owned()), ..NewEvent::default() };
            Ok(log::append(tx, head, vec![event; count]).await?.0.seq)
        })
    })
    .await
    .unwrap()
}

async fn record(store: &Store) -> Vec<i64> {
    write(store, move |tx| {
        Box::pin(async move {
            let page = NewPage { from_ms: 1, to_ms: 2, records: 1, failed: 0, body: String::new() };
            records::insert(tx, &page).await?;
            let found = records::pages(tx, None, 0, 10).await?;
            Ok::<_, Error>(found.into_iter().map(|found| found.id).collect())
        })
    })
    .await
    .unwrap()
}

#[tokio::test]
async fn a_copy_of_either_comes_back_into_either() {
    on_each(|from| async move {
        let store = from.open().await;
        put(&store, "a").await;
        assert_eq!(append(&store, 1300).await, 1300);
        let ids = [record(&store).await, record(&store).await].concat();
        // More than is carried over at once, with keys of several columns.
        for at in 0..1100_u32 {
            let key = format!("{at}");
            write(&store, move |tx| {
                let key = key.clone();
                Box::pin(async move {
                    documents::put(tx, if at % 2 == 0 { "e" } else { "f" }, &key, Expected::Any, "").await
                })
            })
            .await
            .unwrap();
        }
        let kept = documents(&store).await;
        let copy = from.folder.path().join("copy.db");
        std::fs::write(&copy, "what was there before").unwrap();
        store.backup_to(&copy).await.unwrap();
        assert_eq!(std::fs::metadata(&copy).unwrap().permissions().mode() & 0o777, 0o600);
        let findings = store::verify_file(&copy).await.unwrap();
        assert_eq!((findings.events, findings.problems.len()), (1300, 0));
        for to in [Some(Base::file()), Base::postgres().await].into_iter().flatten() {
            let bytes = std::fs::read(&copy).unwrap();
            let store = to.open().await;
            put(&store, "b").await;
            append(&store, 7).await;
            store.restore_from(&copy).await.unwrap();
            assert_eq!(documents(&store).await, kept);
            for kind in ["e", "f"] {
                let found = read(&store, |tx| Box::pin(documents::list(tx, kind, "", 2000))).await.unwrap();
                assert_eq!(found.len(), 550);
            }
            assert_eq!(store.verify().await.unwrap(), findings);
            assert_eq!(append(&store, 1).await, 1301);
            let now = record(&store).await;
            assert!(now.len() == 3 && now[0] > ids[0].max(ids[1]), "{ids:?} {now:?}");
            assert_eq!(std::fs::read(&copy).unwrap(), bytes, "the copy was changed");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_shows_one_moment_while_others_write() {
    on_each(|base| async move {
        let store = base.open().await;
        append(&store, 1).await;
        let (end, ended) = tokio::sync::watch::channel(false);
        let writer = tokio::spawn({
            let store = store.clone();
            async move {
                while !*ended.borrow() {
                    append(&store, 2).await;
                }
            }
        });
        for at in 0..5 {
            let copy = base.folder.path().join(format!("{at}.db"));
            let before = read(&store, |tx| Box::pin(log::head(tx, "s"))).await.unwrap().seq;
            store.backup_to(&copy).await.unwrap();
            let findings = store::verify_file(&copy).await.unwrap();
            assert_eq!(findings.problems, Vec::<String>::new());
            assert!(findings.events >= before && findings.events % 2 == 1, "{} after {before}", findings.events);
        }
        end.send(true).unwrap();
        writer.await.unwrap();
        let verified = read(&store, |tx| Box::pin(log::verify(tx, "s"))).await.unwrap();
        assert!(matches!(verified, Verified::Whole { .. }));
    })
    .await;
}

#[tokio::test]
async fn what_is_no_copy_is_refused_and_changes_nothing() {
    on_each(|base| async move {
        let store = base.open().await;
        put(&store, "a").await;
        let path = base.folder.path().join("no-copy");
        let missing = store.restore_from(&path).await;
        assert!(matches!(missing, Err(Error::Other { .. })), "{missing:?}");
        assert!(!path.exists());
        std::fs::write(&path, "").unwrap();
        assert!(matches!(store.restore_from(&path).await, Err(Error::Foreign { .. })));
        std::fs::write(&path, "no database at all, but long enough to have a head").unwrap();
        let refused = store.restore_from(&path).await;
        assert!(matches!(refused, Err(Error::Corrupt { .. })), "{refused:?}");
        let newer = Base::file();
        newer.open().await.close().await;
        newer.tamper("INSERT INTO schema_migrations (step, name) VALUES (99, 'x')").await;
        assert!(matches!(store.restore_from(&newer.path()).await, Err(Error::Newer { found: 99, .. })));
        let full = base.folder.path().join("not/there/copy.db");
        assert!(store.backup_to(&full).await.is_err());
        assert_eq!(documents(&store).await.len(), 1);
    })
    .await;
}

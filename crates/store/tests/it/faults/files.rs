//! F-29 and F-53: a file that is damaged, read-only, somebody else's or of the future is named, with
//! what to do, and left as it is.

use crate::base::{Base, skipped, write};
use crate::cluster::{is_root, tool};
use std::path::{Path, PathBuf};
use store::documents::{self, Expected};
use store::{Error, Options, Place, Store};

async fn refused(path: &Path) -> Error {
    let before = std::fs::read(path).unwrap();
    let opened = Store::open(Place::File(path.to_owned()), Options::default()).await;
    assert_eq!(std::fs::read(path).unwrap(), before, "it was changed");
    opened.err().unwrap()
}

async fn filled(base: &Base) -> PathBuf {
    let store = base.open().await;
    for at in 0..50 {
        let body = "x".repeat(2000);
        write(&store, move |tx| {
            let body = body.clone();
            Box::pin(async move { documents::put(tx, "d", &at.to_string(), Expected::Any, &body).await })
        })
        .await
        .unwrap();
    }
    store.close().await;
    base.path()
}

#[tokio::test]
async fn f_29_a_damaged_file_is_named_and_kept() {
    let base = Base::file();
    let path = filled(&base).await;
    let whole = std::fs::read(&path).unwrap();
    let mut headless = whole.clone();
    headless[..100].fill(b'?');
    std::fs::write(&path, &headless).unwrap();
    let error = refused(&path).await;
    assert!(matches!(error, Error::Corrupt { .. }), "{error}");
    assert!(error.to_string().contains("state.db") && error.hint().contains("restore"));
    std::fs::write(&path, "these are my notes").unwrap();
    assert!(matches!(refused(&path).await, Error::Corrupt { .. }));
    // What is damaged further in is found by looking.
    let mut torn = whole;
    let middle = torn.len() / 2;
    torn[middle..middle + 8192].fill(0xa5);
    std::fs::write(&path, &torn).unwrap();
    let found = match base.try_open().await {
        Ok(store) => store.verify().await.map_or(1, |findings| findings.problems.len()),
        Err(_) => 1,
    };
    assert!(found > 0);
    let aside = store::set_aside(&path).unwrap();
    assert!(aside.exists() && !path.exists());
    base.open().await.close().await;
}

#[tokio::test]
async fn f_53_a_file_of_the_future_is_refused_politely() {
    let base = Base::file();
    let path = filled(&base).await;
    base.tamper("INSERT INTO schema_migrations (step, name) VALUES (99, 'flying cars')").await;
    let error = refused(&path).await;
    assert!(matches!(error, Error::Newer { found: 99, .. }), "{error}");
    if let Some(server) = Base::postgres().await {
        server.open().await.close().await;
        server.tamper("INSERT INTO schema_migrations (step, name) VALUES (99, 'flying cars')").await;
        let error = server.try_open().await.unwrap_err();
        assert!(matches!(error, Error::Newer { found: 99, known, .. } if known == store::LATEST), "{error}");
    }
}

#[tokio::test]
async fn a_database_of_another_program_is_left_alone() {
    let base = Base::file();
    std::fs::write(base.path(), "").unwrap();
    base.tamper("CREATE TABLE recipes (name TEXT)").await;
    let error = refused(&base.path()).await;
    assert!(matches!(error, Error::Foreign { .. }), "{error}");
}

#[tokio::test]
async fn f_29_a_read_only_file_is_named() {
    if !is_root() {
        return skipped("a read-only folder", "only root can mount one");
    }
    let base = Base::file();
    let path = filled(&base).await;
    let folder = base.folder.path();
    let mount = |arguments: &[&str]| tool("mount").args(arguments).arg(folder).status().unwrap().success();
    let from = folder.to_str().unwrap();
    if !mount(&["--bind", from]) || !mount(&["-o", "remount,bind,ro"]) {
        return skipped("a read-only folder", "mounting is not allowed here");
    }
    let opened = base.try_open().await;
    assert!(tool("umount").arg("-l").arg(folder).status().unwrap().success());
    let error = opened.err().unwrap();
    assert!(matches!(&error, Error::ReadOnly { place, .. } if place.contains("state.db")), "{error}");
    assert!(path.exists());
    base.open().await.close().await;
}

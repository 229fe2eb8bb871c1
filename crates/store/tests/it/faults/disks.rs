//! F-26 and F-27: a full disk, and a disk that fails at the n-th call.

use crate::base::{Base, read, skipped, write};
use crate::cluster::{is_root, tool};
use crate::hammer::{Acknowledged, Hammer, named};
use std::path::Path;
use std::process::Stdio;
use store::documents::{self, Expected};
use store::{Error, Store};

/// A small disk, taken away at the end.
struct Disk<'a>(&'a Path);

impl<'a> Disk<'a> {
    fn mount(folder: &'a Path, size: &str) -> Option<Self> {
        let options = format!("size={size}");
        let mut mount = tool("mount");
        mount.args(["-t", "tmpfs", "-o", &options, "none"]).arg(folder).stderr(Stdio::null());
        let mounted = is_root() && mount.status().unwrap().success();
        mounted.then_some(Self(folder))
    }
}

impl Drop for Disk<'_> {
    fn drop(&mut self) {
        let _ = tool("umount").arg("-l").arg(self.0).status();
    }
}

async fn put(store: &Store, at: usize) -> Result<i64, Error> {
    write(store, move |tx| {
        let body = "x".repeat(8000);
        Box::pin(async move { documents::put(tx, "d", &format!("{at:06}"), Expected::Any, &body).await })
    })
    .await
}

#[tokio::test]
async fn f_26_a_full_disk_fails_writes_cleanly_and_is_survived() {
    let base = Base::file();
    let Some(_disk) = Disk::mount(base.folder.path(), "2m") else {
        return skipped("a full disk", "mounting is not allowed here");
    };
    let filler = base.folder.path().join("filler");
    std::fs::write(&filler, vec![0; 600_000]).unwrap();
    let store = base.open().await;
    let mut kept = 0;
    let error = loop {
        match put(&store, kept).await {
            Ok(_) => kept += 1,
            Err(error) => break error,
        }
        assert!(kept < 1000, "the disk is never full");
    };
    assert!(matches!(error, Error::Full { .. }), "{error:?}");
    assert!(put(&store, kept).await.is_err());
    let list = |store: Store| async move {
        read(&store, |tx| Box::pin(documents::list(tx, "d", "", 10_000))).await.unwrap().len()
    };
    assert_eq!(list(store.clone()).await, kept, "reads go on");
    std::fs::remove_file(&filler).unwrap();
    let goes_on = put(&store, kept).await;
    assert!(goes_on.is_ok(), "writing goes on by itself when there is room: {goes_on:?}");
    assert_eq!(list(store.clone()).await, kept + 1);
    assert_eq!(store.verify().await.unwrap().problems, Vec::<String>::new());
    store.close().await;
    assert_eq!(list(base.open().await).await, kept + 1);
}

#[tokio::test]
async fn f_27_a_disk_that_fails_at_the_nth_call_loses_nothing_acknowledged() {
    for (error, calls) in [("EIO", "fsync,fdatasync"), ("EIO", "write,pwrite64"), ("ENOSPC", "write,pwrite64")] {
        for nth in [3, 9, 17] {
            let base = Base::file();
            // The tables are there before the disk fails: making them is the business of F-30.
            base.open().await.close().await;
            let file = named(&base.place);
            let inject = format!("inject={calls}:error={error}:when={nth}");
            let trace = format!("trace={calls}");
            let log = format!("{file}-wal");
            let trace_file = format!("{file}.trace");
            let strace =
                ["strace", "-f", "-qq", "-o", &trace_file, "-e", &trace, "-e", &inject, "-P", &file, "-P", &log];
            let strace = strace.map(str::to_owned);
            let mut acknowledged = Acknowledged::default();
            let ended = Hammer::start(&strace, &["load", &file, "0", "240"]).end(&mut acknowledged);
            if !ended && acknowledged.numbers.is_empty() && acknowledged.failures.is_empty() {
                return skipped("a failing disk", "strace is not there or may not trace");
            }
            assert!(ended, "{inject}: {acknowledged:?}");
            assert_eq!(acknowledged.numbers.len(), 240, "{inject}");
            acknowledged.check(&base).await;
            let traced = std::fs::read_to_string(trace_file).unwrap();
            assert!(traced.contains("(INJECTED)"), "{inject}: no call failed");
        }
    }
}

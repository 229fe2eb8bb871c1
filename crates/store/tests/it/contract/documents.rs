//! Documents: whole, versioned, in the order of their keys.

use crate::base::{on_each, read, write};
use store::Error;
use store::documents::{self, Expected};

#[tokio::test]
async fn a_document_is_read_as_it_was_written() {
    on_each(|base| async move {
        let store = base.open().await;
        let body = "{\"text\":\"ä\u{1f600}' -- \\\\\"}";
        let version = write(&store, move |tx| Box::pin(documents::put(tx, "pin", "a", Expected::Any, body))).await;
        assert_eq!(version.unwrap(), 1);
        let again = write(&store, |tx| Box::pin(documents::put(tx, "pin", "a", Expected::Version(1), "2"))).await;
        assert_eq!(again.unwrap(), 2);
        drop(store);
        let store = base.open().await;
        let found = read(&store, |tx| Box::pin(documents::get(tx, "pin", "a"))).await.unwrap().unwrap();
        assert_eq!((found.body.as_str(), found.version), ("2", 2));
        assert!(found.updated_ms > 1_700_000_000_000);
    })
    .await;
}

#[tokio::test]
async fn who_is_late_is_told_which_version_there_is() {
    on_each(|base| async move {
        let store = base.open().await;
        let put = |expected, body: &'static str| {
            write(&store, move |tx| Box::pin(documents::put(tx, "pin", "a", expected, body)))
        };
        let found = |error: Error| if let Error::Conflict { found, .. } = error { found } else { panic!("{error}") };
        assert_eq!(found(put(Expected::Version(1), "x").await.unwrap_err()), 0);
        put(Expected::Absent, "1").await.unwrap();
        assert_eq!(found(put(Expected::Absent, "x").await.unwrap_err()), 1);
        put(Expected::Version(1), "2").await.unwrap();
        assert_eq!(found(put(Expected::Version(1), "x").await.unwrap_err()), 2);
        let delete = |expected| write(&store, move |tx| Box::pin(documents::delete(tx, "pin", "a", expected)));
        assert_eq!(found(delete(Expected::Version(1)).await.unwrap_err()), 2);
        assert!(delete(Expected::Version(2)).await.unwrap());
        assert!(!delete(Expected::Version(2)).await.unwrap());
    })
    .await;
}

#[tokio::test]
async fn keys_are_listed_in_the_order_of_their_bytes() {
    on_each(|base| async move {
        let store = base.open().await;
        for key in ["b", "B", "ä", "a", "Z"] {
            write(&store, move |tx| Box::pin(documents::put(tx, "k", key, Expected::Any, ""))).await.unwrap();
        }
        let list =
            |after: &'static str, limit| read(&store, move |tx| Box::pin(documents::list(tx, "k", after, limit)));
        let keys = |found: Vec<documents::Document>| found.into_iter().map(|found| found.key).collect::<Vec<_>>();
        assert_eq!(keys(list("", 10).await.unwrap()), ["B", "Z", "a", "b", "ä"]);
        assert_eq!(keys(list("Z", 2).await.unwrap()), ["a", "b"]);
    })
    .await;
}

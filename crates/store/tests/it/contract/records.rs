//! Records: newest first, and never more than is kept.

use crate::base::{on_each, read, write};
use store::records::{self, Filter, Keep, NewRecord};

fn record(at: i64) -> NewRecord {
    NewRecord {
        at_ms: at,
        principal: "me".to_owned(),
        server: format!("s{}", at % 2),
        name: "tool".to_owned(),
        outcome: "ok".to_owned(),
        body: "x".repeat(100),
    }
}

#[tokio::test]
async fn records_are_paged_from_the_newest_back() {
    on_each(|base| async move {
        let store = base.open().await;
        let all = (0..150).map(record).collect::<Vec<_>>();
        assert_eq!(write(&store, move |tx| Box::pin(records::insert(tx, all.clone()))).await.unwrap(), 150);
        let page = |filter: Filter, before| {
            let store = store.clone();
            async move {
                let filter = &filter;
                let found = store
                    .read("page", move |tx| {
                        let filter = filter.clone();
                        Box::pin(async move { records::page(tx, &filter, before, 3).await })
                    })
                    .await;
                found.map_err(|error: store::Error| error).unwrap()
            }
        };
        let first = page(Filter::default(), None).await;
        assert_eq!(first.iter().map(|found| found.record.at_ms).collect::<Vec<_>>(), [149, 148, 147]);
        let next = page(Filter::default(), Some(first[2].id)).await;
        assert_eq!(next[0].record, record(146));
        let odd = page(Filter { server: Some("s0".to_owned()), ..Filter::default() }, None).await;
        assert_eq!(odd.iter().map(|found| found.record.at_ms).collect::<Vec<_>>(), [148, 146, 144]);
        let none = page(Filter { principal: Some("you".to_owned()), ..Filter::default() }, None).await;
        assert!(none.is_empty());
    })
    .await;
}

#[tokio::test]
async fn old_records_and_too_many_go() {
    on_each(|base| async move {
        let store = base.open().await;
        let all = (0..100).map(record).collect::<Vec<_>>();
        write(&store, move |tx| Box::pin(records::insert(tx, all.clone()))).await.unwrap();
        let retain =
            |after_ms, bytes_max| write(&store, move |tx| Box::pin(records::retain(tx, Keep { after_ms, bytes_max })));
        assert_eq!(retain(40, i64::MAX).await.unwrap(), 40);
        // 64 + 2 + 2 + 4 + 2 + 100 bytes each.
        assert_eq!(retain(0, 174 * 10).await.unwrap(), 50);
        assert_eq!(retain(0, 174 * 10).await.unwrap(), 0);
        let left = read(&store, |tx| Box::pin(async { records::page(tx, &Filter::default(), None, 100).await })).await;
        assert_eq!(left.unwrap().iter().map(|found| found.record.at_ms).min(), Some(90));
    })
    .await;
}

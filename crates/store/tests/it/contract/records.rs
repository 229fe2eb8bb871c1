//! Records: pages, the newest first, and never more than is kept.

use crate::base::{on_each, read, write};
use store::records::{self, Keep, Kept, NewPage};

fn page(at: i64) -> NewPage {
    NewPage { from_ms: at - 5, to_ms: at, records: 2, failed: 1, body: "x".repeat(100) }
}

#[tokio::test]
async fn records_are_paged_from_the_newest_back() {
    on_each(|base| async move {
        let store = base.open().await;
        for at in 0..50 {
            write(&store, move |tx| Box::pin(async move { records::insert(tx, &page(at)).await })).await.unwrap();
        }
        let pages =
            |before, since| read(&store, move |tx| Box::pin(async move { records::pages(tx, before, since, 3).await }));
        let first = pages(None, 0).await.unwrap();
        assert_eq!(first.iter().map(|found| found.page.to_ms).collect::<Vec<_>>(), [49, 48, 47]);
        let next = pages(Some(first[2].id), 0).await.unwrap();
        assert_eq!(next[0].page, page(46));
        assert_eq!(pages(None, 48).await.unwrap().len(), 2);
        assert_eq!(pages(None, 50).await.unwrap(), []);
    })
    .await;
}

#[tokio::test]
async fn old_records_and_too_many_go() {
    on_each(|base| async move {
        let store = base.open().await;
        assert_eq!(read(&store, |tx| Box::pin(records::kept(tx))).await.unwrap(), Kept::default());
        for at in 0..100 {
            write(&store, move |tx| Box::pin(async move { records::insert(tx, &page(at)).await })).await.unwrap();
        }
        let retain =
            |after_ms, bytes_max| write(&store, move |tx| Box::pin(records::retain(tx, Keep { after_ms, bytes_max })));
        // 64 + 100 bytes each.
        assert_eq!(retain(40, i64::MAX).await.unwrap(), Kept { oldest_ms: Some(40), bytes: 60 * 164 });
        assert_eq!(retain(0, 10 * 164).await.unwrap(), Kept { oldest_ms: Some(90), bytes: 10 * 164 });
        assert_eq!(retain(100, i64::MAX).await.unwrap(), Kept::default());
    })
    .await;
}

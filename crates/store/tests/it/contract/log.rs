//! Streams: in order, without gaps, chained, and never two writers at one number.

use crate::base::{Base, on_each, read, write};
use store::log::{self, NewEvent, Verified};
use store::{Error, Store};

fn event(entity: &str, body: &str) -> NewEvent {
    let entity = entity.to_owned();
    let body = body.to_owned();
    NewEvent { actor: "me".to_owned(), entity, kind: "changed".to_owned(), body, ..NewEvent::default() }
}

async fn append(store: &Store, stream: &'static str, events: Vec<NewEvent>) -> Result<i64, Error> {
    write(store, move |tx| {
        let events = events.clone();
        Box::pin(async move {
            let head = tx.lock_stream(stream).await?;
            Ok(log::append(tx, head, events).await?.0.seq)
        })
    })
    .await
}

#[tokio::test]
async fn events_are_read_in_order_after_a_number() {
    on_each(|base| async move {
        let store = base.open().await;
        let many = (0..100).map(|at| event(&format!("e{}", at % 2), &at.to_string())).collect();
        assert_eq!(append(&store, "s", many).await.unwrap(), 100);
        let full = NewEvent {
            run: Some("r".to_owned()),
            cause: Some("c".to_owned()),
            key: Some("k".to_owned()),
            ..event("last", "\u{1f600}")
        };
        assert_eq!(append(&store, "s", vec![full.clone()]).await.unwrap(), 101);
        assert_eq!(append(&store, "other", vec![full.clone()]).await.unwrap(), 1);
        let events = read(&store, |tx| Box::pin(log::read(tx, "s", 98, 10))).await.unwrap();
        assert_eq!(events.iter().map(|event| event.seq).collect::<Vec<_>>(), [99, 100, 101]);
        assert_eq!(events[2].event, full);
        assert!(events[0].at_ms <= events[2].at_ms);
        let events = read(&store, |tx| Box::pin(log::read_entity(tx, "s", "e1", 90, 100))).await.unwrap();
        assert_eq!(events.iter().map(|event| event.seq).collect::<Vec<_>>(), [92, 94, 96, 98, 100]);
        let head = read(&store, |tx| Box::pin(log::head(tx, "s"))).await.unwrap();
        assert_eq!((head.seq, head.cut_seq), (101, 0));
        assert_eq!(read(&store, |tx| Box::pin(log::streams(tx))).await.unwrap(), ["other", "s"]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn writers_of_one_stream_come_one_after_the_other() {
    on_each(|base| async move {
        let stores = [base.open().await, base.open().await];
        let mut writers = Vec::new();
        for at in 0..40 {
            let store = stores[at % 2].clone();
            writers.push(tokio::spawn(async move {
                append(&store, "s", vec![event("e", "1"), event("e", "2")]).await.unwrap()
            }));
        }
        let mut seqs = Vec::new();
        for writer in writers {
            seqs.push(writer.await.unwrap());
        }
        seqs.sort_unstable();
        assert_eq!(seqs, (1..=40).map(|at| at * 2).collect::<Vec<i64>>());
        let verified = read(&stores[0], |tx| Box::pin(log::verify(tx, "s"))).await.unwrap();
        assert_eq!(verified, Verified::Whole { events: 80 });
    })
    .await;
}

#[tokio::test]
async fn a_head_that_is_too_old_appends_nothing() {
    on_each(|base| async move {
        let store = base.open().await;
        let old = read(&store, |tx| Box::pin(log::head(tx, "s"))).await.unwrap();
        append(&store, "s", vec![event("e", "")]).await.unwrap();
        let late = write(&store, move |tx| Box::pin(log::append(tx, old.clone(), vec![event("e", "")]))).await;
        assert!(matches!(late, Err(Error::Conflict { expected: 0, found: 1, .. })), "{late:?}");
        let head = read(&store, |tx| Box::pin(log::head(tx, "s"))).await.unwrap();
        assert_eq!(head.seq, 1);
    })
    .await;
}

#[tokio::test]
async fn what_was_changed_behind_our_back_is_found() {
    on_each(|base| async move {
        for (sql, broken) in [
            ("UPDATE events SET body = 'x' WHERE seq = 3", 3),
            ("DELETE FROM events WHERE seq = 4", 5),
            ("DELETE FROM events WHERE seq = 6", 5),
            ("UPDATE events SET actor = 'you' WHERE seq = 1", 1),
        ] {
            let base = if base.raw_postgres().await.is_some() { Base::postgres().await.unwrap() } else { Base::file() };
            let store = base.open().await;
            append(&store, "s", (0..6).map(|at| event("e", &at.to_string())).collect()).await.unwrap();
            base.tamper(sql).await;
            let verified = read(&store, |tx| Box::pin(log::verify(tx, "s"))).await.unwrap();
            assert!(matches!(verified, Verified::Broken { seq, .. } if seq == broken), "{sql}: {verified:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_cut_stream_is_whole_from_there_on() {
    on_each(|base| async move {
        let store = base.open().await;
        append(&store, "s", (0..10).map(|at| event("e", &at.to_string())).collect()).await.unwrap();
        assert_eq!(write(&store, |tx| Box::pin(log::cut(tx, "s", 7))).await.unwrap(), 7);
        assert_eq!(append(&store, "s", vec![event("e", "")]).await.unwrap(), 11);
        let verified = read(&store, |tx| Box::pin(log::verify(tx, "s"))).await.unwrap();
        assert_eq!(verified, Verified::Whole { events: 4 });
        let head = read(&store, |tx| Box::pin(log::head(tx, "s"))).await.unwrap();
        assert_eq!((head.seq, head.cut_seq), (11, 7));
        assert_eq!(write(&store, |tx| Box::pin(log::cut(tx, "s", 99))).await.unwrap(), 4);
        assert_eq!(append(&store, "s", vec![event("e", "")]).await.unwrap(), 12);
        let verified = read(&store, |tx| Box::pin(log::verify(tx, "s"))).await.unwrap();
        assert_eq!(verified, Verified::Whole { events: 1 });
    })
    .await;
}

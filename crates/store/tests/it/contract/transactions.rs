//! Transactions: all or nothing, alone or together, and the answer only afterwards.

use crate::base::{on_each, read, write};
use std::time::Duration;
use store::documents::{self, Expected};
use store::idempotency::{self, Seen};
use store::{Error, Options, Store};

async fn bodies(store: &Store) -> Vec<String> {
    let found = read(store, |tx| Box::pin(documents::list(tx, "d", "", 1000))).await.unwrap();
    found.into_iter().map(|found| found.key).collect()
}

async fn put(store: &Store, key: String, fails: bool) -> Result<(), Error> {
    write(store, move |tx| {
        let key = key.clone();
        Box::pin(async move {
            documents::put(tx, "d", &key, Expected::Absent, "").await?;
            if fails { Err(Error::Closed) } else { Ok(()) }
        })
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_job_that_fails_takes_nobody_with_it() {
    on_each(|base| async move {
        let store = base.open().await;
        let mut jobs = Vec::new();
        for at in 0..60 {
            let store = store.clone();
            jobs.push(tokio::spawn(async move { put(&store, format!("{at:02}"), at % 3 == 0).await }));
        }
        for (at, job) in jobs.into_iter().enumerate() {
            assert_eq!(job.await.unwrap().is_err(), at % 3 == 0);
        }
        let expected: Vec<_> = (0..60).filter(|at| at % 3 != 0).map(|at| format!("{at:02}")).collect();
        assert_eq!(bodies(&store).await, expected);
    })
    .await;
}

#[tokio::test]
async fn a_job_whose_statement_failed_is_undone_even_if_it_says_otherwise() {
    on_each(|base| async move {
        let store = base.open().await;
        put(&store, "a".to_owned(), false).await.unwrap();
        base.tamper("DROP TABLE idempotency").await;
        let swallowed = write(&store, |tx| {
            Box::pin(async move {
                documents::put(tx, "d", "b", Expected::Any, "").await?;
                assert!(idempotency::find(tx, "s", "k", b"").await.is_err());
                Ok(())
            })
        })
        .await;
        assert!(matches!(swallowed, Err(Error::Other { .. })), "{swallowed:?}");
        let panicked: Result<(), _> = write(&store, |tx| {
            Box::pin(async move {
                documents::put(tx, "d", "c", Expected::Any, "").await?;
                panic!("on purpose")
            })
        })
        .await;
        assert!(matches!(panicked, Err(Error::Other { .. })), "{panicked:?}");
        put(&store, "e".to_owned(), false).await.unwrap();
        assert_eq!(bodies(&store).await, ["a", "e"]);
    })
    .await;
}

#[tokio::test]
async fn a_reader_sees_one_picture_and_changes_nothing() {
    on_each(|base| async move {
        let store = base.open().await;
        put(&store, "a".to_owned(), false).await.unwrap();
        let other = store.clone();
        let seen = read(&store, move |tx| {
            let other = other.clone();
            Box::pin(async move {
                let before = documents::list(tx, "d", "", 10).await?.len();
                put(&other, "b".to_owned(), false).await?;
                Ok((before, documents::list(tx, "d", "", 10).await?.len()))
            })
        })
        .await;
        assert_eq!(seen.unwrap(), (1, 1));
        let written = read(&store, |tx| Box::pin(documents::put(tx, "d", "c", Expected::Any, ""))).await;
        assert!(written.is_err());
        assert_eq!(bodies(&store).await, ["a", "b"]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_same_key_happens_once() {
    on_each(|base| async move {
        let stores = [base.open().await, base.open().await];
        let mut askers = Vec::new();
        for at in 0..20 {
            let store = stores[at % 2].clone();
            askers.push(tokio::spawn(async move {
                write(&store, move |tx| {
                    Box::pin(async move {
                        match idempotency::find(tx, "me", "key", b"digest").await? {
                            Seen::Answered(answer) => return Ok((false, answer)),
                            Seen::Other => panic!("it was the same request"),
                            Seen::New => {}
                        }
                        let answer = format!("{at}");
                        documents::put(tx, "d", &answer, Expected::Absent, "").await?;
                        idempotency::keep(tx, "me", "key", b"digest", &answer).await?;
                        Ok((true, answer))
                    })
                })
                .await
                .unwrap()
            }));
        }
        let mut answers = Vec::new();
        for asker in askers {
            answers.push(asker.await.unwrap());
        }
        assert_eq!(answers.iter().filter(|(new, _)| *new).count(), 1);
        assert_eq!(bodies(&stores[0]).await, [answers[0].1.clone()]);
        assert!(answers.iter().all(|(_, answer)| *answer == answers[0].1));
        let other = write(&stores[0], |tx| Box::pin(idempotency::find(tx, "me", "key", b"another"))).await;
        assert_eq!(other.unwrap(), Seen::Other);
        let forgotten = write(&stores[0], |tx| Box::pin(idempotency::forget(tx, i64::MAX))).await;
        assert_eq!(forgotten.unwrap(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_closed_store_says_so_and_has_done_what_was_asked() {
    on_each(|base| async move {
        let store = base.open().await;
        let (done, ()) = tokio::join!(put(&store, "a".to_owned(), false), async {
            tokio::task::yield_now().await;
            store.close().await;
        });
        done.unwrap();
        assert!(put(&store, "b".to_owned(), false).await.is_err());
        let store = base.open().await;
        assert_eq!(bodies(&store).await, ["a"]);
    })
    .await;
}

#[tokio::test]
async fn a_job_that_never_ends_holds_nobody_up_for_ever() {
    on_each(|base| async move {
        let hasty = Options { deadline: Duration::from_secs(2), ..Options::default() };
        base.open().await.close().await;
        let store = Store::open(base.place.clone(), hasty).await.unwrap();
        let endless: Result<(), _> = write(&store, |tx| {
            Box::pin(async move {
                tx.lock_stream("s").await?;
                documents::put(tx, "d", "a", Expected::Any, "").await?;
                std::future::pending().await
            })
        })
        .await;
        assert!(matches!(endless, Err(Error::Busy { .. })), "{endless:?}");
        let patient = base.open().await;
        let next = write(&patient, |tx| {
            Box::pin(async move {
                tx.lock_stream("s").await?;
                documents::put(tx, "d", "b", Expected::Any, "").await
            })
        })
        .await;
        next.unwrap();
        assert_eq!(bodies(&patient).await, ["b"]);
    })
    .await;
}

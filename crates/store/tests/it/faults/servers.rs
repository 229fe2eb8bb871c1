//! F-31: PostgreSQL ends connections, has none left, stops answering, or comes back.

use crate::base::{Base, write};
use crate::cluster::Cluster;
use sqlx::{Connection as _, PgConnection};
use std::time::Duration;
use store::documents::{self, Expected};
use store::{Error, Options, Store};

async fn put(store: &Store, key: &'static str) -> Result<i64, Error> {
    write(store, move |tx| Box::pin(documents::put(tx, "d", key, Expected::Any, ""))).await
}

async fn opened(cluster: &Cluster, deadline: Duration) -> Store {
    Store::open(cluster.place(), Options { deadline, ..Options::default() }).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f_31_connections_that_are_ended_are_made_again() {
    let Some(base) = Base::postgres().await else { return };
    let store = base.open().await;
    let mut raw = base.raw_postgres().await.unwrap();
    for round in 1..=10 {
        let writes = (0..8).map(|_| {
            let store = store.clone();
            tokio::spawn(async move { put(&store, "a").await })
        });
        let writes: Vec<_> = writes.collect();
        let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
             WHERE application_name = 'switchboard' AND datname = current_database()";
        sqlx::raw_sql(end).execute(&mut raw).await.unwrap();
        for write in writes {
            write.await.unwrap().unwrap();
        }
        let found = store.read("get", |tx| Box::pin(documents::get(tx, "d", "a"))).await;
        let version = found.map_err(|error: Error| error).unwrap().unwrap().version;
        assert_eq!(version, round * 8, "each write happened once");
    }
}

#[tokio::test]
async fn f_31_a_server_without_a_free_connection_is_waited_for() {
    let Some(cluster) = Cluster::start(&["max_connections=6", "superuser_reserved_connections=0"]) else { return };
    let store = opened(&cluster, Duration::from_secs(20)).await;
    put(&store, "a").await.unwrap();
    store.close().await;
    let mut others = Vec::new();
    while let Ok(other) = PgConnection::connect(&cluster.address()).await {
        others.push(other);
    }
    let address = cluster.place();
    let hasty = Options { deadline: Duration::from_millis(300), ..Options::default() };
    let error = Store::open(address, hasty).await.unwrap_err();
    assert!(matches!(&error, Error::Unreachable { .. } | Error::Busy { .. }), "{error}");
    let patient = tokio::spawn(Store::open(cluster.place(), Options::default()));
    tokio::task::yield_now().await;
    for other in others {
        other.close().await.unwrap();
    }
    put(&patient.await.unwrap().unwrap(), "b").await.unwrap();
}

#[tokio::test]
async fn f_31_a_server_that_stops_answering_holds_nobody_beyond_the_deadline() {
    let Some(cluster) = Cluster::start(&[]) else { return };
    let store = opened(&cluster, Duration::from_millis(600)).await;
    put(&store, "a").await.unwrap();
    cluster.signal_all("STOP");
    let began = std::time::Instant::now();
    let error = put(&store, "a").await.unwrap_err();
    let waited = began.elapsed();
    cluster.signal_all("CONT");
    assert!(matches!(error, Error::Busy { .. } | Error::Unreachable { .. } | Error::UnknownOutcome { .. }), "{error}");
    assert!(waited < Duration::from_secs(10), "{waited:?}");
    let store = opened(&cluster, Duration::from_secs(10)).await;
    put(&store, "a").await.unwrap();
}

#[tokio::test]
async fn a_server_that_is_not_there_is_named_without_its_password() {
    let place = store::Place::Url("postgres://me:hunter2@127.0.0.1:1/none".to_owned().into());
    let hasty = Options { deadline: Duration::from_millis(100), ..Options::default() };
    let error = Store::open(place, hasty).await.unwrap_err();
    assert!(matches!(&error, Error::Unreachable { place, .. } if place == "postgres://127.0.0.1:1/none"), "{error}");
    assert!(!format!("{error:?}").contains("hunter2"));
}

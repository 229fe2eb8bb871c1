//! F-31: the connection breaks while a commit is on its way, before it or behind it. Either way it
//! happens once, and whoever asked is told the truth.

use crate::base::{Base, on_each, write};
use secrecy::{ExposeSecret as _, SecretString};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use store::documents::{self, Expected};
use store::{Place, Store};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

const PASS: u8 = 0;
const CUT_BEFORE: u8 = 1;
const CUT_BEHIND: u8 = 2;

/// What a commit looks like on its way to the server.
const COMMIT: &[u8] = b"COMMIT\0";

/// Carries connections to a server and cuts the one with the next commit, if told to.
async fn start(server: String) -> (u16, Arc<AtomicU8>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let order = Arc::new(AtomicU8::new(PASS));
    let orders = Arc::clone(&order);
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let link = TcpStream::connect(&server).await.unwrap();
            tokio::spawn(carry(client, link, Arc::clone(&orders)));
        }
    });
    (port, order)
}

async fn carry(mut client: TcpStream, mut server: TcpStream, order: Arc<AtomicU8>) {
    let (mut up, mut down) = ([0; 16384], [0; 16384]);
    loop {
        tokio::select! {
            count = client.read(&mut up) => {
                let Some(said) = up.get(..count.unwrap_or(0)).filter(|said| !said.is_empty()) else { return };
                let commits = said.windows(COMMIT.len()).any(|window| window == COMMIT);
                match if commits { order.swap(PASS, Ordering::SeqCst) } else { PASS } {
                    CUT_BEFORE => return,
                    CUT_BEHIND => {
                        server.write_all(said).await.unwrap();
                        // The answer is there, and nobody gets it.
                        let _answer = server.read(&mut down).await.unwrap();
                        return;
                    }
                    _ => server.write_all(said).await.unwrap(),
                }
            }
            count = server.read(&mut down) => {
                let Some(said) = down.get(..count.unwrap_or(0)).filter(|said| !said.is_empty()) else { return };
                if client.write_all(said).await.is_err() {
                    return;
                }
            }
        }
    }
}

#[tokio::test]
async fn f_31_a_commit_without_an_answer_happens_once() {
    on_each(|base| async move {
        let Place::Url(url) = &base.place else { return };
        let url = url.expose_secret().to_owned();
        let (start_of_it, rest) = url.split_once('@').unwrap();
        let (server, name) = rest.split_once('/').unwrap();
        let (port, order) = start(server.to_owned()).await;
        let place = Place::Url(SecretString::from(format!("{start_of_it}@127.0.0.1:{port}/{name}")));
        let through = Base { place, folder: Arc::clone(&base.folder) };
        let store: Store = through.open().await;
        let mut expected = 0;
        for cut in [CUT_BEHIND, CUT_BEFORE, CUT_BEHIND, PASS, CUT_BEFORE] {
            order.store(cut, Ordering::SeqCst);
            let put = write(&store, |tx| Box::pin(documents::put(tx, "d", "a", Expected::Any, ""))).await;
            expected += 1;
            let version = put.unwrap();
            let there = write(&base.open().await, |tx| Box::pin(documents::get(tx, "d", "a"))).await;
            assert_eq!((version, there.unwrap().unwrap().version), (expected, expected), "cut {cut}");
            assert_eq!(order.load(Ordering::SeqCst), PASS, "nothing was cut");
        }
    })
    .await;
}

//! F-21: killed at any moment, nothing acknowledged is lost and nothing happens twice.

use crate::base::{Base, on_each, say};
use crate::cluster::Cluster;
use crate::hammer::{Acknowledged, Hammer, done};
use std::sync::Arc;

/// How often; `cargo xtask lab store-kills` says more.
fn kills() -> u64 {
    std::env::var("SWITCHBOARD_LAB_STORE_KILLS").map_or(4, |count| count.parse().unwrap())
}

/// A number from 1 to `at_most` that differs from round to round.
fn dice(round: u64, at_most: u64) -> usize {
    let number = (round + 1).wrapping_mul(6_364_136_223_846_793_005).rotate_left(29);
    usize::try_from(number % at_most).unwrap() + 1
}

#[tokio::test]
async fn f_21_a_killed_writer_loses_nothing_that_it_acknowledged() {
    on_each(|base| async move {
        let mut acknowledged = Acknowledged::default();
        for round in 0..kills() {
            let mut hammer = Hammer::load(&base.place, acknowledged.next(), 1_000_000);
            hammer.hear(dice(round, 40), &mut acknowledged);
            hammer.kill(&mut acknowledged);
            // Looking at everything each time would take longer than everything else.
            if round % 25 == 0 || round + 1 == kills() {
                acknowledged.check(&base).await;
            }
        }
        let kept = acknowledged.numbers.len();
        say(&format!("store-kills: {} kills on {}, {kept} writes kept", kills(), base.kind()));
    })
    .await;
}

#[tokio::test]
async fn f_31_a_server_that_crashes_loses_nothing_and_repeats_nothing() {
    let Some(mut cluster) = Cluster::start(&[]) else { return };
    let base = Base { place: cluster.place(), folder: Arc::new(tempfile::tempdir().unwrap()) };
    let mut acknowledged = Acknowledged::default();
    let mut hammer = Hammer::load(&base.place, 0, 1_000_000);
    let crashes = kills().div_ceil(4).max(2);
    for round in 0..crashes {
        assert!(hammer.hear(dice(round, 60), &mut acknowledged), "it ended by itself");
        cluster.crash();
        cluster.go();
    }
    assert!(hammer.hear(60, &mut acknowledged), "it ended by itself");
    hammer.kill(&mut acknowledged);
    acknowledged.check(&base).await;
    let (kept, failures) = (acknowledged.numbers.len(), acknowledged.failures.len());
    say(&format!(
        "store-crashes: {crashes} crashes of the server, {kept} writes kept, {failures} told and asked again"
    ));
}

#[tokio::test]
async fn sixty_four_processes_write_one_file() {
    on_each(|base| async move {
        // One makes the tables of a server first; a file is made by all at once.
        let each = 3;
        let hammers: Vec<_> = (0..64).map(|at| Hammer::load(&base.place, at * 100, each)).collect();
        let mut acknowledged = Acknowledged::default();
        for hammer in hammers {
            assert!(hammer.end(&mut acknowledged));
        }
        assert_eq!(acknowledged.failures, Vec::<String>::new());
        assert_eq!(acknowledged.numbers.len(), 64 * usize::try_from(each).unwrap());
        acknowledged.check(&base).await;
        assert_eq!(done(&base.open().await).await.len(), acknowledged.numbers.len());
    })
    .await;
}

//! Many clients call many servers for long, some of which crash now and then: processes, memory and
//! descriptors stay flat, and servers that do not crash fail no call.

use super::{count, drowsy, leave_alone, ms};
use e2e::{Burden, LINE, Line, SOON, Seen, Switchboard, eventually, misbehave, tell, text_of, zombies};
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// One in so many servers crashes, each time after so many calls.
const ONE_IN: usize = 5;
const CRASH: &str = "exit-after=100";
/// Looks at the process while calls go on.
const LOOKS: u32 = 10;
/// Memory that may come and go.
const SLACK_KIB: u64 = 12 * 1024;

/// Calls every server in turn until it is told to stop; gives what went wrong with those that are well.
fn client(
    board: &Switchboard,
    servers: usize,
    stop: &Arc<AtomicBool>,
    crashes: &Arc<AtomicU64>,
) -> thread::JoinHandle<Seen> {
    let (line, stop, crashes) = (Line::of(board), stop.clone(), crashes.clone());
    thread::spawn(move || {
        let mut seen = Seen::default();
        for turn in 0.. {
            if stop.load(Ordering::Relaxed) {
                break;
            }
            let number = turn % servers;
            let text = turn.to_string();
            let begun = Instant::now();
            let answer = line.call(&format!("s{number}__echo"), json!({"text": text}));
            let crashing = number % ONE_IN == ONE_IN - 1;
            match text_of(&answer) {
                Some(said) if said == text => seen.micros.push(u64::try_from(begun.elapsed().as_micros()).unwrap()),
                None if crashing => drop(crashes.fetch_add(1, Ordering::Relaxed)),
                _ => seen.failures.push(format!("s{number}: {answer}")),
            }
            thread::park_timeout(Duration::from_millis(2));
        }
        line.check();
        seen
    })
}

#[test]
fn soak() {
    let seconds = count("SWITCHBOARD_LAB_SOAK", 4);
    let (clients, servers) = if std::env::var("SWITCHBOARD_LAB_SOAK").is_ok() { (10, 30) } else { (3, 5) };
    let server = |number: usize| {
        let mode = if number % ONE_IN == ONE_IN - 1 { CRASH } else { "ok" };
        misbehave(&format!("s{number}"), mode, "dual") + drowsy()
    };
    let board = Switchboard::start(&(LINE.to_owned() + &(0..servers).map(server).collect::<String>()));
    let (stop, crashes) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let threads: Vec<_> = (0..clients).map(|_| client(&board, servers, &stop, &crashes)).collect();
    let look = || (Burden::of_daemon(board.pid()), board.tree().processes().len());
    let mut looks = Vec::new();
    for _ in 0..LOOKS {
        leave_alone(Duration::from_secs(seconds as u64) / LOOKS);
        looks.push(look());
    }
    stop.store(true, Ordering::Relaxed);
    let seen = threads.into_iter().map(|thread| thread.join().unwrap()).fold(Seen::default(), |mut all, one| {
        all.failures.extend(one.failures);
        all.micros.extend(one.micros);
        all
    });
    assert!(
        seen.failures.is_empty(),
        "expected 0 calls to fail, {} did: {:?}",
        seen.failures.len(),
        seen.failures.first()
    );
    // The first looks are of what is still warming up.
    let (early, late) = (looks[2].0, looks[LOOKS as usize - 1].0);
    let most = looks.iter().map(|(_, processes)| *processes).max().unwrap_or(0);
    assert!(most <= servers + 1, "expected the guard and {servers} servers at most, there were {most}");
    assert!(late.resident_kib <= early.resident_kib + SLACK_KIB, "expected flat memory: {looks:?}");
    assert!(late.descriptors <= early.descriptors + 2 * 3, "expected flat descriptors: {looks:?}");
    eventually(SOON, "0 zombies", || zombies(board.pid()).is_empty());
    tell(&format!(
        "soak: {clients} clients, {servers} servers, {seconds} s: {} calls, 0 failed, {} met a crash; p50 {}, p99 {}; at most {most} processes; {} KiB and {} descriptors early, {} KiB and {} late",
        seen.micros.len(),
        crashes.load(Ordering::Relaxed),
        ms(seen.percentile(50)),
        ms(seen.percentile(99)),
        early.resident_kib,
        early.descriptors,
        late.resident_kib,
        late.descriptors
    ));
}

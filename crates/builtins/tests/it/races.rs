//! Files while somebody else renames what leads to them: nothing outside is read or written.

use crate::world::World;
use rustix::fs::{CWD, RenameFlags, renameat_with};
use serde_json::json;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// How often each race is run.
const ROUNDS: usize = 400;

/// Swaps two names again and again while `work` runs; how often it did.
async fn swapping<W: Future>(one: &Path, other: &Path, work: W) -> usize {
    let (done, swaps) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let swapper = {
        let (one, other, done, swaps) = (one.to_owned(), other.to_owned(), Arc::clone(&done), Arc::clone(&swaps));
        std::thread::spawn(move || {
            while !done.load(Ordering::Relaxed) {
                renameat_with(CWD, &one, CWD, &other, RenameFlags::EXCHANGE).unwrap();
                swaps.fetch_add(1, Ordering::Relaxed);
            }
        })
    };
    work.await;
    done.store(true, Ordering::Relaxed);
    swapper.join().unwrap();
    swaps.load(Ordering::Relaxed)
}

fn world() -> World {
    let world = World::files(json!({}));
    std::fs::create_dir(world.outside.join("elsewhere")).unwrap();
    std::fs::write(world.outside.join("elsewhere/file"), "secret").unwrap();
    world.write("folder/file", "inside");
    symlink(world.outside.join("elsewhere"), world.root.join("link")).unwrap();
    world
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_that_becomes_a_link_lets_nobody_out() {
    let world = world();
    let (folder, link) = (world.root.join("folder"), world.root.join("link"));
    let (mut read, mut refused) = (0, 0);
    let swaps = swapping(&folder, &link, async {
        for _ in 0..ROUNDS {
            let result = world.call("read_file", json!({ "file_path": "folder/file" })).await;
            assert!(!result.to_string().contains("secret"), "{result}");
            match result.get("isError") {
                None => read += 1,
                Some(_) => refused += 1,
            }
        }
    });
    let swaps = swaps.await;
    assert!(read > 0 && refused > 0 && swaps > ROUNDS, "the race was none: {read} {refused} {swaps}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_written_stays_inside_while_folders_are_swapped() {
    let world = world();
    let (folder, link) = (world.root.join("folder"), world.root.join("link"));
    let mut written = 0;
    swapping(&folder, &link, async {
        // On a busy machine it may take more rounds until a write meets the folder as it is.
        for number in 0.. {
            if number >= ROUNDS / 4 && written > 0 {
                break;
            }
            let path = format!("folder/new-{number}/x");
            let result = world.call("write_file", json!({ "file_path": path, "content": "x" })).await;
            written += usize::from(result.get("isError").is_none());
            let listed = world.call("list_directory", json!({ "dir_path": "folder", "recursive": true })).await;
            assert!(!listed.to_string().contains("elsewhere"), "{listed}");
        }
    })
    .await;
    let outside: Vec<_> = std::fs::read_dir(world.outside.join("elsewhere")).unwrap().collect();
    assert_eq!(outside.len(), 1, "only what was there before: {outside:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_is_whole_for_every_reader() {
    let world = World::files(json!({}));
    let (one, other) = ("a".repeat(200_000), "b".repeat(300_000));
    world.write("f", &one);
    let path = world.root.join("f");
    let done = Arc::new(AtomicBool::new(false));
    let reader = {
        let done = Arc::clone(&done);
        std::thread::spawn(move || {
            let mut seen = 0;
            while !done.load(Ordering::Relaxed) {
                let text = std::fs::read_to_string(&path).unwrap();
                let whole = (text.len() == 200_000 && text.starts_with('a'))
                    || (text.len() == 300_000 && text.starts_with('b'));
                assert!(whole, "{} bytes", text.len());
                seen += 1;
            }
            seen
        })
    };
    for round in 0..20 {
        let content = if round % 2 == 0 { &other } else { &one };
        world.ok("write_file", json!({ "file_path": "f", "content": content })).await;
    }
    done.store(true, Ordering::Relaxed);
    assert!(reader.join().unwrap() > 0);
}

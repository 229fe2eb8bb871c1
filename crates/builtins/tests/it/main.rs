//! What the servers inside promise, through their door: calls with JSON, real files, real processes.
#![expect(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a step that fails is a test that fails")]

mod world;

mod attacks;
mod cache;
mod files;
mod races;
mod runner;
mod shell;

// The file that ships: what is tested here is how the program starts processes.
#[path = "../../../cli/src/programs.rs"]
mod programs;

/// The guard of these tests is this very program, started as `it __guard TOKEN LIMIT`: the harness
/// takes that for names of tests, and finds this one.
#[test]
fn __guard() {
    let mut arguments = std::env::args().skip(1);
    let is_guard = arguments.next().as_deref() == Some("__guard");
    if is_guard && arguments.next().is_some_and(|token| !token.starts_with('-')) {
        let ended = supervisor::guard::main();
        std::process::exit(i32::from(ended != std::process::ExitCode::SUCCESS));
    }
}

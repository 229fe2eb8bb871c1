//! A daemon with nothing but a guard, for the tests of this crate: `guard_only daemon SCRIPT`
//! starts a guard and one shell with that script, prints its process id, and waits to be killed;
//! `guard_only cycles COUNT` starts and kills so many children and prints how many descriptors it
//! had open before and after. It is no part of the product.

use std::error::Error;
use std::process::ExitCode;

use supervisor::{Guard, ProcessLimits, SpawnRequest, Spawner};

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let done = match (args.next().as_deref(), args.next()) {
        (Some("__guard"), _) => return supervisor::guard::main(),
        (Some("daemon"), Some(script)) => daemon(&script),
        (Some("cycles"), Some(count)) => cycles(&count),
        _ => return ExitCode::from(2),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

#[tokio::main(flavor = "current_thread")]
async fn daemon(script: &str) -> Result<(), Box<dyn Error>> {
    let guard = Guard::start(&std::env::current_exe()?)?;
    let spawned = guard.spawn(shell(script)?).await?;
    announce(&spawned.pid.to_string());
    spawned.handle.wait().await;
    Ok(())
}

#[tokio::main(flavor = "current_thread")]
async fn cycles(count: &str) -> Result<(), Box<dyn Error>> {
    let guard = Guard::start(&std::env::current_exe()?)?;
    let first = guard.spawn(shell("cat")?).await?;
    let open_fds = || std::fs::read_dir("/proc/self/fd").map(Iterator::count);
    let before = open_fds()?;
    for _ in 0..count.parse()? {
        let spawned = guard.spawn(shell("sleep 1000 & exec sleep 1000")?).await?;
        spawned.handle.kill().await;
        spawned.handle.wait().await;
    }
    announce(&format!("{before} {}", open_fds()?));
    drop(first);
    Ok(())
}

fn shell(script: &str) -> Result<SpawnRequest, Box<dyn Error>> {
    Ok(SpawnRequest {
        program: "sh".into(),
        args: vec!["-c".into(), script.into()],
        env: vec![("PATH".into(), std::env::var("PATH")?)],
        cwd: None,
        limits: ProcessLimits::default(),
    })
}

#[expect(clippy::print_stdout, reason = "the test reads it")]
fn announce(line: &str) {
    println!("{line}");
}

//! Asking once whether a service is ready. When and how often is its owner's business.

use std::time::Duration;

use config::{Check, Service};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::seams::Tools;
use crate::spawner::{ExitHow, SpawnRequest};

/// How long one check may take.
const CHECK_TIME_MAX: Duration = Duration::from_secs(10);
/// What of the output of a check is kept, in bytes: the last line says why it failed.
const WORDS_BYTES_MAX: usize = 4096;

/// Why a check failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NotReady {
    pub(super) reason: String,
    pub(super) hint: Option<String>,
}

/// Checks once. A line of the log is not checked here: the owner reads along.
pub(super) async fn check(check: &Check, service: &Service, tools: &Tools) -> Result<(), NotReady> {
    let asked = async {
        match check {
            Check::Tcp(address) => match TcpStream::connect(address.as_str()).await {
                Ok(_) => Ok(()),
                Err(error) => Err(plain(format!("nothing listens at {address}: {error}"))),
            },
            Check::Http(url) => tools.probe.http(url).await.map_err(plain),
            Check::Command(words) => command(words, service, tools).await,
            Check::LogLine(text) => Err(plain(format!("no line of its output holds `{text}` yet"))),
        }
    };
    match timeout(CHECK_TIME_MAX, asked).await {
        Ok(result) => result,
        Err(_) => Err(plain(format!("its check was not answered within {} s", CHECK_TIME_MAX.as_secs()))),
    }
}

fn plain(reason: String) -> NotReady {
    NotReady { reason, hint: None }
}

async fn command(words: &[String], service: &Service, tools: &Tools) -> Result<(), NotReady> {
    let Some((program, args)) = words.split_first() else {
        return Err(plain("its check names no program".to_owned()));
    };
    let request = SpawnRequest {
        program: program.clone(),
        args: args.to_vec(),
        env: config::service_environment(service, &tools.process),
        cwd: None,
        limits: crate::ProcessLimits::default(),
    };
    let spawned = match tools.spawner.spawn(request).await {
        Ok(spawned) => spawned,
        Err(error) => {
            let hint = error.hint();
            return Err(NotReady { reason: format!("its check cannot be run: {error}"), hint });
        }
    };
    drop(spawned.stdin);
    let (out, err, exit) = tokio::join!(last_words(spawned.stdout), last_words(spawned.stderr), spawned.handle.wait());
    if exit.how == ExitHow::Code(0) {
        return Ok(());
    }
    let said = [err, out].into_iter().find(|words| !words.is_empty());
    let said = said.map(|words| format!(": {words}")).unwrap_or_default();
    Err(plain(format!("its check `{program}` {exit}{said}")))
}

/// Reads to the end, and gives the last line that says something.
async fn last_words(mut from: impl AsyncRead + Unpin) -> String {
    let mut kept: Vec<u8> = Vec::new();
    let mut piece = [0; 1024];
    while let Ok(count @ 1..) = from.read(&mut piece).await {
        kept.extend_from_slice(&piece[..count]);
        let over = kept.len().saturating_sub(WORDS_BYTES_MAX);
        kept.drain(..over);
    }
    let text = String::from_utf8_lossy(&kept);
    text.lines().rev().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default().to_owned()
}

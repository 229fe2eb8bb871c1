//! The daemon in the background: started without a shell in a session of its own, and waited for
//! until it listens or has said why it cannot. What it says goes to a file of the data folder.

use crate::client::Client;
use crate::context::Context;
use crate::data_folder::{DataFolder, create_private};
use crate::printer::harmless;
use crate::report::Report;
use config::{Loaded, Log};
use control::said::Status;
use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long a daemon may take until it listens: it waits for no server.
const LISTEN_MAX: Duration = Duration::from_secs(60);
/// How often it is looked whether it listens.
const LOOK_EVERY: Duration = Duration::from_millis(25);
/// How much of its log is shown when it fails.
const LAST_WORDS_BYTES_MAX: u64 = 4096;

/// A daemon that answers.
pub(crate) struct Running {
    pub(crate) status: Status,
    /// Whether it ran before.
    pub(crate) already: bool,
    /// Whether clients have to show a token.
    pub(crate) token: bool,
    /// What it says.
    pub(crate) log: PathBuf,
}

/// Sees to it that a daemon runs on the data folder.
///
/// # Errors
/// Why it cannot run.
pub(crate) fn ensure(context: &Context) -> Result<Running, Report> {
    let client = context.client()?;
    let log = client.data.daemon_log();
    if let Some(status) = context.block_on(client.try_get("/api/overview"))? {
        return Ok(Running { status, already: true, token: false, log });
    }
    // What is wrong with the configuration is said here and not only in a file.
    let Loaded { config, .. } = context.load()?;
    client.data.create()?;
    let data = client.data.clone();
    let (child, begin) = spawn(context, &data, &config.log)?;
    let own = child.id();
    let status =
        context.block_on(context.printer.progress("starting the daemon", listening(&client, child, &data, begin)))?;
    Ok(Running { already: status.pid != own, status, token: config.listen.token.is_some(), log })
}

/// Starts it; gives where its words begin in the log.
fn spawn(context: &Context, data: &DataFolder, said: &Log) -> Result<(Child, u64), Report> {
    let failed = |error: std::io::Error| Report::failed("the daemon cannot be started").cause(error);
    create_private(&data.logs()).map_err(failed)?;
    let path = data.daemon_log();
    // A long log of earlier daemons is put aside.
    if std::fs::metadata(&path).is_ok_and(|log| log.len() > said.file_bytes_max as u64) {
        supervisor::rotate(&path, u32::try_from(said.files_max).unwrap_or(u32::MAX)).map_err(failed)?;
    }
    let log = OpenOptions::new().create(true).append(true).mode(0o600).open(&path).map_err(failed)?;
    let begin = log.metadata().map_err(failed)?.len();
    let settings = &context.settings;
    let exe = crate::daemon::program().map_err(failed)?;
    #[expect(clippy::disallowed_methods, reason = "the daemon is no server: it outlives us and is not supervised")]
    let mut command = Command::new(exe);
    command.args(["run", "--detached"]);
    settings.data.iter().for_each(|folder| {
        command.arg("--data").arg(folder);
    });
    settings.config.iter().for_each(|file| {
        command.arg("--config").arg(file);
    });
    settings.listen.iter().for_each(|address| {
        command.arg("--listen").arg(address);
    });
    command.args((0..settings.verbose).map(|_| "-v"));
    command.stdin(Stdio::null()).stdout(log.try_clone().map_err(failed)?).stderr(log);
    Ok((command.spawn().map_err(failed)?, begin))
}

async fn listening(client: &Client, mut child: Child, data: &DataFolder, begin: u64) -> Result<Status, Report> {
    let deadline = Instant::now() + LISTEN_MAX;
    loop {
        let ended = child.try_wait().map_err(|error| Report::failed("the daemon cannot be watched").cause(error))?;
        // One that gave way to another that was started at the same moment is waited for no less.
        if let Some(ended) = ended.filter(|_| !data.is_held()) {
            let mut report =
                Report::failed(format!("the daemon ended at once: {ended}")).cause(last_words(data, begin));
            report.exit = ended.code().and_then(|code| u8::try_from(code).ok()).filter(|code| *code > 0).unwrap_or(1);
            return Err(report.hint(format!("all that it said: {}", data.daemon_log().display())));
        }
        if let Ok(Some(status)) = client.try_get::<Status>("/api/overview").await
            && (status.pid == child.id() || ended.is_some())
        {
            return Ok(status);
        }
        if Instant::now() > deadline {
            let message = format!("the daemon (process {}) does not listen yet", child.id());
            return Err(Report::failed(message).hint(format!("see what it says: {}", data.daemon_log().display())));
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// The end of what it said.
fn last_words(data: &DataFolder, begin: u64) -> String {
    let read = || -> std::io::Result<String> {
        let mut file = File::open(data.daemon_log())?;
        let end = file.metadata()?.len();
        file.seek(SeekFrom::Start(begin.max(end.saturating_sub(LAST_WORDS_BYTES_MAX))))?;
        let mut text = Vec::new();
        file.take(LAST_WORDS_BYTES_MAX).read_to_end(&mut text)?;
        Ok(String::from_utf8_lossy(&text).trim().to_owned())
    };
    match read() {
        Ok(text) if text.is_empty() => "it said nothing".to_owned(),
        Ok(text) => harmless(&text),
        Err(error) => format!("what it said cannot be read: {error}"),
    }
}

//! Servers behind a byte stream: a child's stdin and stdout, or anything like it
//! (protocol.md section 1.4).
//!
//! Starting, watching and stopping the process is not done here; whoever does hands in the pipes.

mod chatter;
mod link;
mod outbox;
mod reader;
mod waiting;

pub(in crate::upstream) use link::DuplexLink;

use super::connection::Link;
use super::core::Core;
use super::discover::{self, Verdict};
use super::{ConnectError, ConnectOptions, Connection, EraChoice, Handshake, UpstreamEvent, wire};
use outbox::Outbox;
use protocol::{Era, Notification, Object, Reply};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use waiting::Waiting;

/// How much may wait for a server that does not read its input, in bytes.
pub(in crate::upstream) const QUEUE_BYTES_MAX: usize = 8 * 1024 * 1024;
/// How long a server may be silent about `server/discover`, cold package runners included.
const SILENCE_MAX: Duration = Duration::from_secs(10);
/// How long it may be silent about it once it has said anything at all.
const SILENCE_AFTER_LIFE_MAX: Duration = Duration::from_secs(5);

/// Shakes hands over a pipe, finding out the era where it is not declared.
///
/// # Errors
/// Why there is no connection; the pipe is closed then.
pub async fn connect_duplex<R, W>(
    reader: R,
    writer: W,
    options: ConnectOptions,
    events: mpsc::Sender<UpstreamEvent>,
) -> Result<Connection, ConnectError>
where
    R: AsyncRead + Send + Unpin + 'static,
    W: AsyncWrite + Send + Unpin + 'static,
{
    connect_known(reader, writer, options, events, |_| {}).await
}

/// The same; `known` is shown the link before anything is written, by whoever carries its messages
/// and has to tell of those that did not get through.
pub(in crate::upstream) async fn connect_known<R, W>(
    reader: R,
    writer: W,
    options: ConnectOptions,
    events: mpsc::Sender<UpstreamEvent>,
    known: impl FnOnce(&Arc<DuplexLink>),
) -> Result<Connection, ConnectError>
where
    R: AsyncRead + Send + Unpin + 'static,
    W: AsyncWrite + Send + Unpin + 'static,
{
    let limit = options.startup_timeout;
    let link = Arc::new(DuplexLink {
        core: Core::new(options, events),
        outbox: Outbox::new(Box::new(writer), QUEUE_BYTES_MAX),
        waiting: Waiting::default(),
        first_output: OnceLock::new(),
        gone: CancellationToken::new(),
    });
    tokio::spawn(reader::read(link.clone(), reader));
    known(&link);
    let opening = Opening(Some(link.clone()));
    let agreed =
        timeout(limit, agree(&link)).await.unwrap_or(Err(ConnectError::Timeout { seconds: limit.as_secs().max(1) }))?;
    opening.done();
    Ok(Connection::new(Link::Duplex(link), agreed))
}

/// Closes a pipe whose handshake failed or was given up.
struct Opening(Option<Arc<DuplexLink>>);

impl Opening {
    fn done(mut self) {
        self.0 = None;
    }
}

impl Drop for Opening {
    fn drop(&mut self) {
        if let Some(link) = &self.0 {
            link.close();
        }
    }
}

async fn agree(link: &DuplexLink) -> Result<Handshake, ConnectError> {
    let handshake = match (link.core.options.era, link.core.options.remembered) {
        (EraChoice::Legacy, _) => initialize(link, false).await?,
        (EraChoice::Modern, _) => declared_modern(link).await?,
        (EraChoice::Auto, Some(Era::Legacy)) => match initialize(link, false).await {
            Err(ConnectError::Handshake { message }) => match declared_modern(link).await {
                Ok(handshake) => handshake,
                Err(_) => return Err(ConnectError::Handshake { message }),
            },
            agreed => agreed?,
        },
        (EraChoice::Auto, remembered) => detect(link, remembered.is_some()).await?,
    };
    link.core.agree(&handshake);
    if handshake.era == Era::Legacy {
        link.notify(&Notification::new("notifications/initialized", None));
    }
    Ok(handshake)
}

/// Asks `server/discover`, and falls back to `initialize` on the same pipe.
async fn detect(link: &DuplexLink, known_modern: bool) -> Result<Handshake, ConnectError> {
    let mut asked = probe(link)?;
    let reply = match known_modern {
        true => Some((&mut asked).await),
        false => unless_silent(link, &mut asked).await,
    };
    let silent = reply.is_none();
    if let Some(reply) = reply {
        match discover::judge(&reply.map_err(|_| ConnectError::ExitedDuringProbe)?, None) {
            Verdict::Modern(handshake) => return Ok(handshake),
            Verdict::Refused(error) => return Err(error),
            Verdict::Legacy => {}
        }
    }
    match initialize(link, true).await {
        // Slow, but modern: the answer to the probe came after all.
        Err(error) if silent => match asked.try_recv().map(|reply| discover::judge(&reply, None)) {
            Ok(Verdict::Modern(handshake)) => Ok(handshake),
            _ => Err(error),
        },
        agreed => agreed,
    }
}

fn probe(link: &DuplexLink) -> Result<oneshot::Receiver<Reply>, ConnectError> {
    // Until the handshake is done the link writes the legacy way, so the context goes in here.
    let out_params = wire::modern_params(&link.core.own);
    link.ask("server/discover", &out_params).map_err(|_| ConnectError::ExitedDuringProbe)
}

/// The answer to the probe, or nothing when the server stays silent for too long.
async fn unless_silent(
    link: &DuplexLink,
    asked: &mut oneshot::Receiver<Reply>,
) -> Option<Result<Reply, oneshot::error::RecvError>> {
    // Half of a short start is left for `initialize`.
    let half = link.core.options.startup_timeout / 2;
    let mut until = Instant::now() + SILENCE_MAX.min(half);
    loop {
        tokio::select! {
            biased;
            reply = &mut *asked => return Some(reply),
            () = sleep_until(until) => {}
        }
        let later = link.first_output.get().map(|first| *first + SILENCE_AFTER_LIFE_MAX.min(half));
        match later {
            Some(later) if later > until => until = later,
            _ => return None,
        }
    }
}

async fn declared_modern(link: &DuplexLink) -> Result<Handshake, ConnectError> {
    let ended = || ConnectError::unreachable("it ended before it answered `server/discover`");
    let reply = probe(link).map_err(|_| ended())?.await.map_err(|_| ended())?;
    match discover::judge(&reply, None) {
        Verdict::Modern(handshake) => Ok(handshake),
        Verdict::Refused(error) => Err(error),
        Verdict::Legacy => Err(ConnectError::handshake("it does not answer `server/discover` as a modern server does")),
    }
}

async fn initialize(link: &DuplexLink, probed: bool) -> Result<Handshake, ConnectError> {
    let ended = || match probed {
        true => ConnectError::ExitedDuringProbe,
        false => ConnectError::unreachable("it ended before it answered `initialize`"),
    };
    let params: Object = wire::initialize_params(link.core.options.kinds);
    let reply = link.ask("initialize", &params).map_err(|_| ended())?.await.map_err(|_| ended())?;
    discover::initialized(reply)
}

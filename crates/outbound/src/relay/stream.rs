//! A TCP stream, with TLS where the target wants it.

use super::{RelayError, Target};
use rustix::net::sockopt::{set_socket_keepalive, set_tcp_keepidle};
use rustls::pki_types::ServerName;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::OnceCell;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// How long a silent connection is trusted before the system asks whether the other end is there.
const KEEPALIVE: Duration = Duration::from_secs(60);

/// Has the system find out when the other end of a connection went away without a word: it would be
/// taken for a silent one. Where the system does not offer that, nothing is done.
pub fn watch(stream: &TcpStream) {
    let _ = set_socket_keepalive(stream, true).and_then(|()| set_tcp_keepidle(stream, KEEPALIVE));
}

/// Bytes to and from a server, with nothing said on them yet.
#[derive(Debug)]
pub struct Stream(Kind);

#[derive(Debug)]
enum Kind {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// The machine's trust store, read when the first `https` target is called.
static TLS: OnceCell<Arc<rustls::ClientConfig>> = OnceCell::const_new();

impl Stream {
    /// Connects to the host of `target`, with TLS where its URL says so.
    ///
    /// # Errors
    /// When there is no connection within the time of the target; nothing was sent then.
    pub async fn connect(target: &Target) -> Result<Self, RelayError> {
        let connecting = Self::connect_slowly(target);
        match tokio::time::timeout(target.connect_max, connecting).await {
            Ok(connected) => connected,
            Err(_) => Err(RelayError::connect(
                &target.authority,
                format_args!("no connection within {} s (`connect_timeout`)", target.connect_max.as_secs_f32()),
            )),
        }
    }

    async fn connect_slowly(target: &Target) -> Result<Self, RelayError> {
        let tcp = TcpStream::connect((target.host.as_str(), target.port))
            .await
            .map_err(|error| RelayError::connect(&target.authority, error))?;
        Self::over(tcp, target).await
    }

    /// The stream to `target` over a connection that stands.
    pub(crate) async fn over(tcp: TcpStream, target: &Target) -> Result<Self, RelayError> {
        tcp.set_nodelay(true).map_err(|error| RelayError::connect(&target.authority, error))?;
        watch(&tcp);
        if !target.tls {
            return Ok(Self(Kind::Plain(tcp)));
        }
        let config =
            TLS.get_or_try_init(client_config).await.map_err(|reason| RelayError::tls(&target.authority, reason))?;
        let name =
            ServerName::try_from(target.host.clone()).map_err(|error| RelayError::tls(&target.authority, error))?;
        let tls = TlsConnector::from(config.clone())
            .connect(name, tcp)
            .await
            .map_err(|error| RelayError::tls(&target.authority, error))?;
        Ok(Self(Kind::Tls(Box::new(tls))))
    }
}

async fn client_config() -> Result<Arc<rustls::ClientConfig>, String> {
    let loaded =
        tokio::task::spawn_blocking(rustls_native_certs::load_native_certs).await.map_err(|error| error.to_string())?;
    let mut roots = rustls::RootCertStore::empty();
    let (added, _) = roots.add_parsable_certificates(loaded.certs);
    if added == 0 {
        let why = loaded.errors.first().map(|error| format!(": {error}")).unwrap_or_default();
        return Err(format!("this machine has no trusted certificates{why}"));
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().0 {
            Kind::Plain(stream) => Pin::new(stream).poll_read(context, buffer),
            Kind::Tls(stream) => Pin::new(stream).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match &mut self.get_mut().0 {
            Kind::Plain(stream) => Pin::new(stream).poll_write(context, bytes),
            Kind::Tls(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match &mut self.get_mut().0 {
            Kind::Plain(stream) => Pin::new(stream).poll_write_vectored(context, slices),
            Kind::Tls(stream) => Pin::new(stream).poll_write_vectored(context, slices),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match &self.0 {
            Kind::Plain(stream) => stream.is_write_vectored(),
            Kind::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().0 {
            Kind::Plain(stream) => Pin::new(stream).poll_flush(context),
            Kind::Tls(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().0 {
            Kind::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            Kind::Tls(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}

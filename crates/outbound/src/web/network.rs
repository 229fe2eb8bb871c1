//! The seam to names and sockets, so that tests see every connection before it exists.
//!
//! It deliberately judges nothing: what it is told to open was judged by [`super::Rules`].

use crate::relay::{RelayError, Stream, Target};
use futures_util::future::BoxFuture;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};

/// Bytes both ways.
pub trait Pipe: AsyncRead + AsyncWrite + Send + Unpin {}

impl<P: AsyncRead + AsyncWrite + Send + Unpin> Pipe for P {}

/// Names and connections.
pub trait Network: fmt::Debug + Send + Sync {
    /// The addresses of a name.
    fn resolve<'a>(&'a self, host: &'a str, port: u16) -> BoxFuture<'a, io::Result<Vec<SocketAddr>>>;

    /// A connection to exactly this address, with TLS where the target wants it.
    fn open<'a>(&'a self, address: SocketAddr, target: &'a Target) -> BoxFuture<'a, Result<Box<dyn Pipe>, RelayError>>;
}

/// The names and sockets of this machine.
#[derive(Debug, Clone, Copy)]
pub struct SystemNetwork;

impl Network for SystemNetwork {
    fn resolve<'a>(&'a self, host: &'a str, port: u16) -> BoxFuture<'a, io::Result<Vec<SocketAddr>>> {
        Box::pin(async move { Ok(lookup_host((host, port)).await?.collect()) })
    }

    fn open<'a>(&'a self, address: SocketAddr, target: &'a Target) -> BoxFuture<'a, Result<Box<dyn Pipe>, RelayError>> {
        Box::pin(async move {
            let failed = |error: io::Error| RelayError::connect(target.authority(), error);
            let tcp = TcpStream::connect(address).await.map_err(failed)?;
            let stream = Stream::over(tcp, target).await?;
            Ok(Box::new(stream) as Box<dyn Pipe>)
        })
    }
}

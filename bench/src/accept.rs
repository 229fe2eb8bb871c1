//! The accept loop of the HTTP programs.
//!
//! Loopback only: these programs have no authentication and are for one machine.

use crate::Failure;
use hyper::body::{Body, Incoming};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use std::future::Future;
use std::net::SocketAddr;
use tokio::net::TcpListener;

/// What a handler answers with.
pub type Served<B> = Result<Response<B>, hyper::Error>;

/// Serves HTTP/1.1 on `address` until the process ends; `handler` is cloned for each connection.
///
/// # Errors
/// The address is not loopback or cannot be bound, or the listener broke.
pub async fn serve<H, F, B>(address: SocketAddr, handler: H) -> Result<(), Failure>
where
    H: Fn(Request<Incoming>) -> F + Clone + Send + 'static,
    F: Future<Output = Served<B>> + Send + 'static,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Failure>,
{
    if !address.ip().is_loopback() {
        return Err(format!("{address} is not a loopback address").into());
    }
    let listener = TcpListener::bind(address).await.map_err(|why| format!("cannot listen on {address}: {why}"))?;
    loop {
        let (stream, _) = listener.accept().await?;
        // Without it a reply waits for the peer's delayed acknowledgement.
        let _ = stream.set_nodelay(true);
        let handler = handler.clone();
        tokio::spawn(async move {
            let service = hyper::service::service_fn(handler);
            // A connection that breaks is the client's to notice.
            let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

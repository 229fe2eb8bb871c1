//! One contract for every transport, on both sides: what must hold of a link to a server, and of a
//! listener, however its bytes travel. The table at the end has a row for each transport.
//!
//! What a transport does beyond that (headers, handshakes, sessions) is tested beside it.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "what the tests set up must stand")]

mod board;
mod half_close;
mod http_peer;
mod http_wire;
mod listener;
mod signed_handshake;
mod sse_wire;
mod transports;
mod upgrade;
mod upstream;
mod wire;

use board::Board;
use futures_util::future::BoxFuture;
use gateway::upstream::{ConnectError, ConnectOptions, Connection, UpstreamEvent};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use wire::Wire;

/// The longest message in these tests, in bytes.
const FRAME_BYTES_MAX: usize = 1 << 20;

/// How a test gets hold of the far end of a listener.
pub(crate) trait Listens: Sync {
    /// Listens before `board`; the test plays clients.
    fn listen<'a>(&'a self, board: &'a Board) -> BoxFuture<'a, Listening>;

    /// What becomes of a link on which a message was too long.
    fn after_oversize(&self) -> AfterOversize {
        AfterOversize::GoesOn
    }

    /// What becomes of the calls of a client that ends its side.
    fn after_end(&self) -> AfterEnd {
        AfterEnd::Answered
    }
}

/// How a test gets hold of both far ends of a transport.
pub(crate) trait Transport: Listens {
    /// Connects as to a server, which the test plays at the other end.
    fn connect(&self, options: ConnectOptions) -> BoxFuture<'_, Link>;
}

/// What becomes of a link on which a message was too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AfterOversize {
    /// The next message is heard.
    GoesOn,
    /// It ends, and says why where the transport has words for it.
    Ends,
}

/// What becomes of the calls of a client that ends its side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AfterEnd {
    /// It still reads.
    Answered,
    /// Its side is both sides.
    Cancelled,
}

/// A connection in the making, and the server that the test plays.
pub(crate) struct Link {
    pub(crate) connecting: JoinHandle<Result<Connection, ConnectError>>,
    pub(crate) peer: Box<dyn Wire>,
    pub(crate) events: mpsc::Receiver<UpstreamEvent>,
}

/// A listener.
pub(crate) struct Listening {
    /// Opens one client's connection.
    pub(crate) dial: Box<dyn Fn() -> BoxFuture<'static, Box<dyn Wire>> + Send + Sync>,
    pub(crate) shutdown: CancellationToken,
    /// Ends when the listener has.
    pub(crate) serving: JoinHandle<()>,
}

macro_rules! contract {
    (
        a stream of messages: { $($row:ident: $transport:path,)* }
        an exchange for each message: { $($single:ident: $exchanges:path,)* }
    ) => {
        $(mod $row {
            contract!(@upstream $transport);
            contract!(@listener $transport);
        })*
        $(mod $single {
            contract!(@upstream_exchanges $exchanges);
            contract!(@listener $exchanges);
        })*
    };
    (@upstream $transport:path) => {
        contract!(@side upstream, $transport:
            calls_are_answered_out_of_order, a_dropped_call_is_cancelled, a_message_too_long_fails_its_call,
            garbage_is_noise, the_peers_end_fails_what_waits, a_peer_that_does_not_read_fills_a_bounded_queue,
            closing_is_seen_by_the_peer);
    };
    // There is no one stream that could be garbled, closed or filled.
    (@upstream_exchanges $transport:path) => {
        contract!(@side upstream, $transport:
            calls_are_answered_out_of_order, a_dropped_call_is_cancelled, a_message_too_long_fails_its_call,
            an_exchange_that_ends_fails_its_call_alone, closing_lets_calls_in_flight_end);
    };
    (@listener $transport:path) => {
        contract!(@side listener, $transport:
            calls_are_answered_out_of_order, a_cancelled_call_is_not_answered, a_message_too_long_is_refused,
            garbage_is_answered_and_the_link_lives, a_client_that_ends_its_side_is_answered_where_it_can_read,
            a_client_that_is_gone_cancels_its_calls, a_client_that_does_not_read_holds_nobody_up,
            draining_answers_what_is_in_flight);
    };
    (@side $side:ident, $transport:path: $($scenario:ident),*) => {
        mod $side {$(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $scenario() {
                let work = crate::$side::$scenario(&$transport);
                tokio::time::timeout(std::time::Duration::from_secs(30), work).await.expect("it is done by now");
            }
        )*}
    };
}

contract! {
    a stream of messages: {
        pipe: crate::transports::Pipe,
        tcp: crate::transports::Tcp,
        unix: crate::transports::Unix,
        websocket: crate::transports::WebSocket,
        sse: crate::transports::HttpSse,
    }
    an exchange for each message: {
        http: crate::transports::StreamableHttp,
    }
}

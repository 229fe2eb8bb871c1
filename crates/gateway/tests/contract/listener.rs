//! What must hold of a listener.

use crate::board::{BIG_BYTES, Board};
use crate::wire::{Heard, Wire};
use crate::{AfterEnd, AfterOversize, FRAME_BYTES_MAX, Listening, Listens};
use serde_json::{Value, json};

async fn open(transport: &impl Listens) -> (Board, Listening, Box<dyn Wire>) {
    let board = Board::start().await;
    let listening = transport.listen(&board).await;
    let client = (listening.dial)().await;
    (board, listening, client)
}

fn text(answer: &Value) -> &str {
    answer["result"]["content"][0]["text"].as_str().unwrap_or_else(|| panic!("expected a result: {answer}"))
}

/// One call from end to end.
async fn works(client: &mut dyn Wire, id: u64) {
    client.call(id, "echo", "hello").await;
    let answer = client.next().await;
    assert_eq!((answer["id"].as_u64(), text(&answer)), (Some(id), "hello"));
}

async fn hold(client: &mut dyn Wire, board: &mut Board, id: u64) {
    let before = *board.held.borrow();
    client.call(id, "hold", "").await;
    board.held.wait_for(|held| *held > before).await.unwrap();
}

pub(crate) async fn calls_are_answered_out_of_order(transport: &impl Listens) {
    let (mut board, _listening, mut client) = open(transport).await;
    hold(&mut *client, &mut board, 1).await;
    for id in 2..50 {
        client.call(id, "echo", &format!("t{id}")).await;
    }
    for _ in 2..50 {
        let answer = client.next().await;
        assert_eq!(text(&answer), format!("t{}", answer["id"]));
    }
    board.release();
    let answer = client.next().await;
    assert_eq!((&answer["id"], text(&answer)), (&json!(1), "held"));
}

pub(crate) async fn a_cancelled_call_is_not_answered(transport: &impl Listens) {
    let (mut board, _listening, mut client) = open(transport).await;
    hold(&mut *client, &mut board, 1).await;
    let params = json!({"requestId": 1});
    client.send(json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": params}).to_string()).await;
    board.cancelled.wait_for(|cancelled| *cancelled == 1).await.unwrap();
    works(&mut *client, 2).await;
}

pub(crate) async fn a_message_too_long_is_refused(transport: &impl Listens) {
    let (_board, listening, mut client) = open(transport).await;
    works(&mut *client, 1).await;
    client.call(2, "echo", &"x".repeat(FRAME_BYTES_MAX)).await;
    let refused = client.next().await;
    assert_eq!((&refused["id"], &refused["error"]["data"]["kind"]), (&Value::Null, &json!("too_large")), "{refused}");
    match transport.after_oversize() {
        AfterOversize::GoesOn => works(&mut *client, 3).await,
        AfterOversize::Ends => {
            let reason = client.hear().await;
            assert_eq!(reason, Heard::Ended(format!("a message is larger than {FRAME_BYTES_MAX} bytes")));
            works(&mut *(listening.dial)().await, 3).await;
        }
    }
}

pub(crate) async fn garbage_is_answered_and_the_link_lives(transport: &impl Listens) {
    let (_board, _listening, mut client) = open(transport).await;
    works(&mut *client, 1).await;
    for (garbage, code) in [("hello?", -32700), ("{", -32700), ("[]", -32600), (r#"{"jsonrpc":"1.0"}"#, -32600)] {
        client.send(garbage.to_owned()).await;
        assert_eq!(client.next().await["error"]["code"], code, "{garbage}");
    }
    works(&mut *client, 2).await;
}

pub(crate) async fn a_client_that_ends_its_side_is_answered_where_it_can_read(transport: &impl Listens) {
    let (mut board, listening, mut client) = open(transport).await;
    works(&mut *client, 1).await;
    hold(&mut *client, &mut board, 2).await;
    client.end().await;
    match transport.after_end() {
        AfterEnd::Answered => {
            // That the end was heard is seen by nobody; calls of others go on meanwhile.
            works(&mut *(listening.dial)().await, 3).await;
            board.release();
            let answer = client.next().await;
            assert_eq!((&answer["id"], text(&answer)), (&json!(2), "held"));
            assert_eq!(*board.cancelled.borrow(), 0);
        }
        AfterEnd::Cancelled => {
            board.cancelled.wait_for(|cancelled| *cancelled == 1).await.unwrap();
        }
    }
    assert_eq!(client.ended().await, "");
    works(&mut *(listening.dial)().await, 4).await;
}

pub(crate) async fn a_client_that_is_gone_cancels_its_calls(transport: &impl Listens) {
    let (mut board, listening, mut client) = open(transport).await;
    hold(&mut *client, &mut board, 1).await;
    // Over TCP only an answer that nobody takes tells a client that is gone from one that listens.
    client.call(2, "echo", "unheard").await;
    drop(client);
    board.cancelled.wait_for(|cancelled| *cancelled == 1).await.unwrap();
    works(&mut *(listening.dial)().await, 3).await;
}

pub(crate) async fn a_client_that_does_not_read_holds_nobody_up(transport: &impl Listens) {
    let (_board, listening, mut deaf) = open(transport).await;
    // More than the buffers of any socket hold.
    for id in 0..64 {
        deaf.call(id, "big", "").await;
    }
    let mut other = (listening.dial)().await;
    for id in 0..64 {
        works(&mut *other, id).await;
    }
    for _ in 0..64 {
        assert_eq!(text(&deaf.next().await).len(), BIG_BYTES);
    }
    works(&mut *deaf, 99).await;
}

pub(crate) async fn draining_answers_what_is_in_flight(transport: &impl Listens) {
    let (mut board, listening, mut client) = open(transport).await;
    hold(&mut *client, &mut board, 1).await;
    listening.shutdown.cancel();
    board.release();
    let answer = client.next().await;
    assert_eq!((&answer["id"], text(&answer)), (&json!(1), "held"));
    assert_eq!(client.hear().await, Heard::Ended(String::new()));
    drop(client);
    listening.serving.await.unwrap();
}

//! Cell C: a modern server asks while a legacy client calls. The rounds are run by the switchboard;
//! the client sees requests on the stream of its call and answers them.

use e2e::{Legacy, Listening, Switchboard, built, command, entry_at, send};
use serde_json::{Value, json};

/// A legacy client that answers.
struct Answering {
    board: Switchboard,
    headers: Vec<(String, String)>,
    _fixture: Listening,
}

impl Answering {
    fn start(capabilities: &Value) -> Self {
        let mut fixture = command(built("mcp-fixture"));
        fixture.args(["http", "--port", "0", "--era", "modern"]);
        let fixture = Listening::start(fixture);
        let board = Switchboard::start(&(entry_at("fixture", &fixture.url()) + "prefix = \"never\"\n"));
        let mut headers = Legacy::bare_headers();
        let mut hello = Legacy::hello("2025-11-25");
        hello["params"]["capabilities"] = capabilities.clone();
        let answer = send(board.address(), "POST", "/mcp", &headers, hello.to_string().as_bytes());
        let session = answer.header("mcp-session-id").unwrap().to_owned();
        assert_eq!(answer.last().0, 200);
        headers.push(("Mcp-Session-Id".to_owned(), session));
        headers.push(("MCP-Protocol-Version".to_owned(), "2025-11-25".to_owned()));
        Self { board, headers, _fixture: fixture }
    }

    fn post(&self, message: &Value) -> e2e::Answer {
        send(self.board.address(), "POST", "/mcp", &self.headers, message.to_string().as_bytes())
    }

    /// Calls a tool and answers whatever it asks; gives the methods asked and the response.
    fn call(&self, method: &str, name: &str) -> (Vec<String>, Value) {
        let params = json!({"name": name, "arguments": {}});
        let mut answer = self.post(&json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}));
        if !answer.is_stream() {
            return (Vec::new(), answer.last().1);
        }
        let mut asked = Vec::new();
        loop {
            let message = answer.event_that("a question or the response", |message| message.get("id").is_some());
            let Some(question) = message["method"].as_str() else { return (asked, message) };
            let result = match question {
                "elicitation/create" => {
                    let content = json!({"name": "Ada", "color": "blue", "ok": true, "context": "tests"});
                    json!({"action": "accept", "content": content})
                }
                "sampling/createMessage" => {
                    let content = json!({"type": "text", "text": "Paris"});
                    json!({"role": "assistant", "content": content, "model": "m", "stopReason": "endTurn"})
                }
                _ => json!({"roots": [{"uri": "file:///work"}]}),
            };
            let response = json!({"jsonrpc": "2.0", "id": message["id"], "result": result});
            assert_eq!(self.post(&response).status, 202, "expected the answer to be accepted");
            asked.push(question.to_owned());
        }
    }
}

#[test]
fn a_modern_server_asks_a_legacy_client() {
    let client = Answering::start(&json!({"elicitation": {}, "sampling": {}, "roots": {}}));
    let (elicitation, sampling, roots) = ("elicitation/create", "sampling/createMessage", "roots/list");
    let tools: [(&str, &[&str], &str); 6] = [
        ("elicitation", &[elicitation], "Hello, Ada!"),
        ("sampling", &[sampling], "Paris"),
        ("list_roots", &[roots], "file:///work"),
        ("request_state", &[elicitation], "state-ok"),
        ("multiple_inputs", &[elicitation, sampling, roots], "all three arrived"),
        ("multi_round", &[elicitation, elicitation], "Ada likes a colour"),
    ];
    for (tool, questions, text) in tools {
        let (mut asked, response) = client.call("tools/call", &format!("test_input_required_result_{tool}"));
        asked.sort();
        let mut wanted = questions.to_vec();
        wanted.sort_unstable();
        assert_eq!(asked, wanted, "expected the questions of {tool}: {response}");
        let said = response["result"]["content"][0]["text"].as_str().unwrap_or_default();
        assert!(said.contains(text), "expected {text:?} of {tool}: {response}");
        assert!(response["result"].get("resultType").is_none(), "expected a legacy result: {response}");
    }
    let (asked, response) = client.call("prompts/get", "test_input_required_result_prompt");
    assert_eq!(asked, [elicitation]);
    assert!(response["result"]["messages"].to_string().contains("context of tests"), "{response}");
}

#[test]
fn a_client_that_declared_nothing_is_not_asked() {
    let client = Answering::start(&json!({}));
    let (asked, response) = client.call("tools/call", "test_input_required_result_elicitation");
    assert!(asked.is_empty(), "{asked:?}");
    let text = response.to_string();
    assert!(response["result"]["isError"] == true && text.contains("elicitation"), "expected a refusal: {response}");
}

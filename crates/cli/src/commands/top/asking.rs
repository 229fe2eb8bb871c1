//! What is done about effects: each is a task that asks the daemon and tells what came. It keeps no
//! state of the application but the tasks.

use super::facts::News;
use super::feed;
use super::pages::{self, Line};
use super::state::{Effect, Event, Subject};
use crate::client::{Client, encoded};
use crate::commands::turn::{self, Way};
use crate::report::Report;
use bytes::Bytes;
use control::said::{Capabilities, Reasons, Server, Tools};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::Sender;
use tokio::task::{AbortHandle, JoinSet};

/// How long the daemon may wait for a server to be as it is wanted.
const TURN_WAIT: Duration = Duration::from_secs(60);

/// The tasks.
pub(super) struct Asking {
    client: Arc<Client>,
    told: Sender<Event>,
    tasks: JoinSet<()>,
    log: Option<AbortHandle>,
}

// === impl Asking ===

impl Asking {
    /// Begins to tell what is new.
    pub(super) fn new(client: Arc<Client>, told: Sender<Event>) -> Self {
        let mut tasks = JoinSet::new();
        let (asked, hearer) = (client.clone(), told.clone());
        tasks.spawn(async move { feed::run(&asked, &hearer).await });
        Self { client, told, tasks, log: None }
    }

    /// Does what is to be done.
    pub(super) fn act(&mut self, effect: Effect) {
        let client = self.client.clone();
        match effect {
            // Whoever runs the loop ends it.
            Effect::Quit => {}
            Effect::FollowNothing => self.follow_nothing(),
            Effect::Follow { number, server } => {
                self.follow_nothing();
                let told = self.told.clone();
                let log = async move { feed::log(&client, server.as_deref(), number, &told).await };
                self.log = Some(self.tasks.spawn(log));
            }
            Effect::Ask(subject) => self.tell(async move {
                let page = page(&client, &subject).await.map_err(|report| said(&report));
                Event::Page(subject, page)
            }),
            Effect::AskTools => self.tell(async move {
                match client.get::<Tools>("/api/tools").await {
                    Ok(Tools { tools }) => Event::News(News::Tools(tools)),
                    Err(report) => Event::Done(Err(said(&report))),
                }
            }),
            Effect::Turn { way, server } => self
                .tell(async move { Event::Done(turned(&client, way, &server).await.map_err(|report| said(&report))) }),
        }
    }

    /// Waits for a task that broke: a bug of ours, after which the terminal is not ours any more.
    pub(super) async fn broken(&mut self) -> Report {
        loop {
            match self.tasks.join_next().await {
                Some(Err(error)) if error.is_panic() => return Report::failed("a part of `top` broke").cause(error),
                Some(_) => {}
                None => std::future::pending().await,
            }
        }
    }

    /// Does `work` beside everything else and tells what came of it.
    fn tell(&mut self, work: impl Future<Output = Event> + Send + 'static) {
        let told = self.told.clone();
        self.tasks.spawn(async move {
            // Where nobody looks any more, nobody wants to know.
            let _ = told.send(work.await).await;
        });
    }

    fn follow_nothing(&mut self) {
        if let Some(log) = self.log.take() {
            log.abort();
        }
    }
}

async fn turned(client: &Client, way: Way, server: &str) -> Result<String, Report> {
    let path = format!("/api/servers/{}/{}?wait={}", encoded(server), way.word(), TURN_WAIT.as_millis());
    let now: Server = client.post(&path, Bytes::new()).await?;
    Ok(turn::shown(way, &now, TURN_WAIT))
}

async fn page(client: &Client, subject: &Subject) -> Result<Vec<Line>, Report> {
    match subject {
        Subject::Server(name) => {
            let server: Server = client.get(&format!("/api/servers/{}", encoded(name))).await?;
            let Reasons { reasons } = client.get(&format!("/api/why?name={}", encoded(name))).await?;
            let able: Capabilities = client.get("/api/capabilities").await?;
            Ok(pages::server(&server, &reasons, able.servers.iter().find(|able| able.name == *name)))
        }
        Subject::Config(name) => Ok(pages::config(&client.get("/api/config").await?, name)),
        // These are made of what is known already.
        Subject::Call(_) | Subject::Tool(_) | Subject::Help => Ok(Vec::new()),
    }
}

/// A failure on one line: what happened, why, and what to do next.
fn said(report: &Report) -> String {
    let cause = report.cause.as_ref().map(|cause| format!(": {cause}")).unwrap_or_default();
    let hint = report.hints.first().map(|hint| format!("; {hint}")).unwrap_or_default();
    format!("{}{cause}{hint}", report.message)
}

//! Who is measured, and how each is configured and started.

use super::process::command;
use super::rig::Site;
use super::scenario::Scenario;
use anyhow::Result;
use std::fmt::Write;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

/// Something that stands between the client and the backends, or nothing.
#[derive(Debug)]
pub(super) enum Contender {
    /// The client calls the backend itself.
    Direct,
    /// Our floor gateway.
    Floor,
    /// The product, with its defaults: filters, metrics and call records on.
    Switchboard,
    /// An earlier build of it, to see what a change costs.
    Before(PathBuf),
    /// A plain HTTP hop.
    Nginx(PathBuf),
    /// The fastest peer.
    McpProxy(PathBuf),
}

impl Contender {
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Floor => "floor",
            Self::Switchboard => "switchboard",
            Self::Before(_) => "before",
            Self::Nginx(_) => "nginx",
            Self::McpProxy(_) => "mcp-proxy",
        }
    }

    /// Whether it is somebody else's: its failure is a note, not ours.
    pub(super) fn is_peer(&self) -> bool {
        matches!(self, Self::Nginx(_) | Self::McpProxy(_))
    }

    pub(super) fn takes_part_in(&self, scenario: Scenario) -> bool {
        match self {
            // A plain hop merges nothing and starts nothing.
            Self::Nginx(_) => scenario == Scenario::Http,
            _ => true,
        }
    }

    /// Whether it serves clients of the modern era.
    pub(super) fn speaks_modern(&self) -> bool {
        !matches!(self, Self::McpProxy(_))
    }

    /// Where its endpoint is.
    pub(super) fn url(&self, site: &Site) -> String {
        match self {
            Self::Direct => site.backend_url(0),
            Self::McpProxy(_) => format!("http://127.0.0.1:{}/", site.port),
            _ => format!("http://127.0.0.1:{}/mcp", site.port),
        }
    }

    /// The command that starts it, its configuration written; `None` when there is none.
    pub(super) fn command(&self, site: &Site) -> Result<Option<Command>> {
        let listen = format!("127.0.0.1:{}", site.port);
        let mut started = match self {
            Self::Direct => return Ok(None),
            Self::Floor => {
                let mut floor = command(site.bin.join("bench-floor"));
                floor.args(["--listen", &listen]);
                if site.scenario == Scenario::Stdio {
                    floor.arg("--").args(site.stdio_backend());
                } else {
                    let count = site.scenario.backends().to_string();
                    floor.args(["--http", &count, "--base", &site.base.to_string()]);
                }
                floor
            }
            Self::Switchboard | Self::Before(_) => {
                let config = site.folder.join("switchboard.toml");
                fs::write(&config, switchboard_config(site)?)?;
                let mut switchboard = match self {
                    Self::Before(program) => command(program),
                    _ => command(site.bin.join("switchboard")),
                };
                switchboard.arg("run").arg("--config").arg(config);
                switchboard.arg("--data").arg(site.data());
                switchboard.args(["--listen", &listen, "-q"]);
                switchboard
            }
            Self::Nginx(program) => {
                let config = site.folder.join("nginx.conf");
                fs::write(&config, nginx_config(site))?;
                let mut nginx = command(program);
                nginx.arg("-p").arg(&site.folder).arg("-c").arg(config);
                nginx
            }
            Self::McpProxy(program) => {
                let config = site.folder.join("proxy.toml");
                fs::write(&config, mcp_proxy_config(site)?)?;
                let mut proxy = command(program);
                proxy.arg("--config").arg(config);
                proxy
            }
        };
        started.current_dir(&site.folder);
        Ok(Some(started))
    }
}

/// A TOML string or array of them; JSON's are written the same way.
fn toml(value: &impl serde::Serialize) -> Result<String> {
    Ok(serde_json::to_string(value)?)
}

fn switchboard_config(site: &Site) -> Result<String> {
    let mut text = String::new();
    for index in 0..site.scenario.backends() {
        writeln!(text, "[servers.b{index}]")?;
        if site.scenario == Scenario::Stdio {
            let backend = site.stdio_backend();
            writeln!(text, "command = {}", toml(&backend[0])?)?;
            writeln!(text, "args = {}", toml(&&backend[1..])?)?;
        } else {
            writeln!(text, "url = {}", toml(&site.backend_url(index))?)?;
        }
        // No contender has a limit of calls at once.
        writeln!(text, "max_concurrent = 1024")?;
    }
    Ok(text)
}

fn mcp_proxy_config(site: &Site) -> Result<String> {
    let mut text = format!("[proxy]\nname = \"bench\"\n[proxy.listen]\nhost = \"127.0.0.1\"\nport = {}\n", site.port);
    for index in 0..site.scenario.backends() {
        write!(text, "\n[[backends]]\nname = \"b{index}\"\n")?;
        if site.scenario == Scenario::Stdio {
            let backend = site.stdio_backend();
            writeln!(text, "transport = \"stdio\"\ncommand = {}", toml(&backend[0])?)?;
            writeln!(text, "args = {}", toml(&&backend[1..])?)?;
        } else {
            let url = toml(&site.backend_url(index))?;
            writeln!(text, "transport = \"http\"\nurl = {url}")?;
        }
    }
    // Its logging at error, as every peer's: that favours it.
    text.push_str("\n[observability]\nlog_level = \"error\"\n");
    Ok(text)
}

fn nginx_config(site: &Site) -> String {
    let folder = site.folder.display();
    format!(
        "daemon off;
worker_processes 2;
pid {folder}/nginx.pid;
error_log stderr error;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  keepalive_requests 100000000;
  client_max_body_size 16m;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  proxy_buffers 32 16k;
  upstream backend {{
    server 127.0.0.1:{base};
    keepalive 256;
    keepalive_requests 100000000;
  }}
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass http://backend;
      proxy_http_version 1.1;
      proxy_set_header Connection \"\";
    }}
  }}
}}
",
        base = site.base,
        port = site.port,
    )
}

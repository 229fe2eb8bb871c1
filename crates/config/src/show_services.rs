//! What `show` says of services and of containers: the keys as they would stand in a file, the
//! values of variables hidden.

use serde_json::{Map, Value, json};

use crate::config::{Approval, Config, Server};
use crate::quantity::{show_bytes, show_duration};
use crate::service::{Check, Container, ContainerEndpoint, Pull, Service, ServiceKind};
use crate::show::HIDDEN;

/// Every service by name.
pub(crate) fn services(config: &Config) -> Value {
    let services = config.services.values();
    Value::Object(services.map(|service| (service.name.clone(), shown(service))).collect())
}

fn shown(service: &Service) -> Value {
    let mut shown = match &service.kind {
        ServiceKind::Container(container) => json!({
            "image": container.image,
            "name": container.name,
            "env": hidden(container.env.keys()),
            "ports": container.ports.iter().map(|port| format!("{}:{}:{}", port.ip, port.host, port.container)).collect::<Vec<_>>(),
            "volumes": container.volumes,
            "pull": pull(container.pull),
            "network": container.network,
        }),
        ServiceKind::Command { command, env, cwd, .. } => json!({
            "command": command,
            "env": hidden(env.keys()),
            "cwd": cwd.as_ref().map(|cwd| cwd.to_string_lossy()),
        }),
        ServiceKind::External => json!({}),
    };
    let (key, value) = match &service.ready.check {
        Some(Check::Tcp(address)) => ("tcp", json!(address)),
        Some(Check::Http(url)) => ("http", json!(url.split('?').next())),
        Some(Check::Command(words)) => ("command", json!(words.iter().take(1).collect::<Vec<_>>())),
        Some(Check::LogLine(text)) => ("log_line", json!(text)),
        None => ("tcp", Value::Null),
    };
    shown["depends_on"] = json!(service.depends_on);
    shown["ready"] = json!({
        "timeout": show_duration(service.ready.timeout),
        "interval": show_duration(service.ready.interval),
    });
    if !value.is_null() {
        shown["ready"][key] = value;
    }
    shown["stop_timeout"] = show_duration(service.stop_timeout).into();
    shown["linger"] = show_duration(service.linger).into();
    if service.approval == Approval::Pending {
        shown["pending"] = true.into();
    }
    shown
}

/// The keys of a server that is a container.
pub(crate) fn container_of_server(
    server: &Server,
    container: &Container,
    endpoint: &Option<ContainerEndpoint>,
) -> Value {
    json!({
        "image": server.written.image,
        "command": server.written.command,
        "args": server.written.args,
        "env": hidden(container.env.keys()),
        "container": {
            "network": container.network,
            "read_only": container.read_only,
            "volumes": container.volumes,
            "pull": pull(container.pull),
            "memory": show_bytes(container.memory_bytes),
            "cpu": container.cpu_percent,
            "pids": container.pids,
            "port": endpoint.as_ref().map(|endpoint| endpoint.port),
            "path": endpoint.as_ref().map(|endpoint| &endpoint.path),
        },
    })
}

fn pull(pull: Pull) -> &'static str {
    match pull {
        Pull::Missing => "missing",
        Pull::Never => "never",
        Pull::Always => "always",
    }
}

fn hidden<'a>(names: impl Iterator<Item = &'a String>) -> Map<String, Value> {
    names.map(|name| (name.clone(), HIDDEN.into())).collect()
}

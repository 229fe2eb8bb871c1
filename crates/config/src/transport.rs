//! What a way to a server is called, where a sign-in to it is asked for, and what of it may be shown.

use std::fmt;

use crate::config::{HttpDialect, Reach};

// === impl Reach ===

impl Reach {
    /// The name of the transport, as `type` has it.
    #[must_use]
    pub fn transport(&self) -> &'static str {
        match self {
            Reach::Stdio { .. } => "stdio",
            Reach::Http { dialect: HttpDialect::Sse, .. } => "sse",
            Reach::Http { .. } => "http",
            Reach::WebSocket { .. } => "websocket",
            Reach::Tcp { .. } => "tcp",
            Reach::Unix { .. } => "unix",
            Reach::Builtin { .. } => "in-process",
            Reach::Container { endpoint: None, .. } => "stdio",
            Reach::Container { .. } => "http",
        }
    }

    /// The URL that a sign-in to it is for: that of the endpoint, as HTTP has it. `None` where
    /// nothing asks for one.
    #[must_use]
    pub fn sign_in_url(&self) -> Option<String> {
        match self {
            Reach::Http { url, .. } => Some(url.clone()),
            // A WebSocket begins as a request of HTTP, to an `http` or `https` URL.
            Reach::WebSocket { url, .. } => Some(format!("http{}", url.get(2..)?)),
            Reach::Stdio { .. }
            | Reach::Tcp { .. }
            | Reach::Unix { .. }
            | Reach::Builtin { .. }
            | Reach::Container { .. } => None,
        }
    }
}

impl fmt::Debug for Reach {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reach::Stdio { command, args, env, cwd, inherit_env } => formatter
                .debug_struct("Stdio")
                .field("command", command)
                .field("args", &format_args!("[{} hidden]", args.len()))
                .field("env", &env.keys())
                .field("cwd", cwd)
                .field("inherit_env", inherit_env)
                .finish(),
            Reach::Http { url, headers, .. } | Reach::WebSocket { url, headers } => {
                let host = url.parse::<http::Uri>().ok();
                let host = host.as_ref().and_then(http::Uri::host);
                let names: Vec<&str> = headers.iter().map(|(name, _)| name.as_str()).collect();
                formatter.debug_struct(self.transport()).field("host", &host).field("headers", &names).finish()
            }
            Reach::Tcp { address } => formatter.debug_struct("tcp").field("address", address).finish(),
            Reach::Unix { path } => formatter.debug_struct("unix").field("path", path).finish(),
            Reach::Builtin { builtin, .. } => formatter.debug_struct("builtin").field("name", builtin).finish(),
            Reach::Container { container, .. } => container.fmt(formatter),
        }
    }
}

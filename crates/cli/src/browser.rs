//! Opens a page in the browser of whoever sits at this machine, without a shell.

use crate::context::Context;
use crate::env_vars;
use std::process::Stdio;

/// Opens the page. Whether a browser came up is not known; whether there can be one is.
pub(crate) fn open(url: &str, context: &Context) -> bool {
    let set = |name: &str| context.environment.vars.get(name).is_some_and(|value| !value.is_empty());
    let program = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
    if !cfg!(target_os = "macos") && !set(env_vars::DISPLAY) && !set(env_vars::WAYLAND_DISPLAY) {
        return false;
    }
    #[expect(clippy::disallowed_methods, reason = "the browser is no server: it outlives us and is not supervised")]
    let mut command = std::process::Command::new(program);
    command.arg(url).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().is_ok()
}

//! `switchboard config explain KEY`: one key, its meaning, its value and where that comes from.

use crate::context::Context;
use crate::report::Report;
use config::Explained;

/// Explains `key`.
///
/// # Errors
/// When the configuration is wrong or has no such key.
pub(super) fn run(key: &str, context: &Context) -> Result<(), Report> {
    let config = context.load()?.config;
    let explained = config::explain(&config, key).map_err(|near| {
        let report = Report::usage(format!("there is no key `{key}`"));
        match near {
            Some(near) => report.hint(format!("did you mean `{near}`?")),
            None => report.hint(format!("every key: {}", context.command("config schema"))),
        }
    })?;
    match context.printer.json {
        true => context.printer.document(&explained),
        false => context.printer.line(&text(&explained)),
    }
    Ok(())
}

fn text(explained: &Explained) -> String {
    let mut lines =
        vec![explained.key.clone(), format!("  {}", explained.what), format!("  form     {}", explained.kind)];
    if let Some(default) = &explained.default {
        lines.push(format!("  default  {default}"));
    }
    if explained.keys.is_empty() {
        match (&explained.value, &explained.origin) {
            (Some(value), Some(origin)) => {
                let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                lines.push(format!("  value    {value}  ({origin})"));
            }
            (None, Some(origin)) if origin == "default" => lines.push("  value    nothing  (default)".to_owned()),
            (None, Some(origin)) => lines.push(format!("  set at   {origin}")),
            _ => {}
        }
    } else {
        lines.push(format!("  keys     {}", explained.keys.join(", ")));
    }
    lines.join("\n")
}

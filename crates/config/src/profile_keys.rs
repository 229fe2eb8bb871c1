//! The keys of `profiles`: what a view of the tools shows, under which names, and how much of it at once.
//! One table for each, as in `keys`.

use crate::keys::{Key, Shape, key, text};

/// How a profile shows its tools.
pub(crate) const EXPOSURES: &[&str] = &["all", "search", "auto"];

/// Keys of an entry under `profiles`, without `tools`, whose keys are names.
pub(crate) const PROFILE_KEYS: &[Key] = &[
    key(
        "exposure",
        Shape::Word { words: EXPOSURES, default: Some("all") },
        "What a client is listed: all tools; or pinned tools with search_tools, describe_tool and call_tool; or, with auto, whichever of the two fits context_budget.",
    ),
    key(
        "context_budget",
        Shape::Count { default: 20_000, min: 0, max: BUDGET_MAX },
        "How many tokens the list of all tools may cost before auto chooses search.",
    ),
    key(
        "context_budgets",
        Shape::Object,
        "The same for clients of these names, as they call themselves: a table of numbers.",
    ),
    key("allow", Shape::Texts, "Patterns of public names: the tools and prompts that are shown; all if empty."),
    key("deny", Shape::Texts, "Patterns of public names that are not shown, even if allowed."),
    key("servers", Shape::Texts, "Only what these servers offer. With tags too, what is in either."),
    key("tags", Shape::Texts, "Only what servers with one of these tags offer."),
    key("pin", Shape::Texts, "Patterns of public names of tools that are listed in search too."),
    key(
        "result_tokens_max",
        Shape::Count { default: 0, min: 0, max: BUDGET_MAX },
        "A result of more tokens is cut, and read_result reads on; 0 cuts none.",
    ),
];

/// Keys of an entry under `tools` of a profile.
pub(crate) const OVERRIDE_KEYS: &[Key] = &[
    text("name", None, "Another name for the tool: letters, digits, `_` and `-`, at most 64."),
    text("title", None, "Another title."),
    text("description", None, "Another description."),
];

/// The largest budget, in tokens.
pub(crate) const BUDGET_MAX: u64 = 10_000_000;

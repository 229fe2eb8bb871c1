//! Every key of the configuration is shown to have an effect: it has a row in
//! `tests/e2e/tests/it/effects.rs` and its folder, or a test that is named here looks at what it does.
//!
//! A key without either fails, and so does a row without a key. New keys get a row there, or here.

use crate::files::{none, read};
use serde_json::Value;

/// Where keys have rows with two values.
const ROWS: &[&str] = &[
    "tests/e2e/tests/it/effects.rs",
    "tests/e2e/tests/it/effects/guards.rs",
    "tests/e2e/tests/it/effects/life.rs",
    "tests/e2e/tests/it/effects/limits.rs",
];

/// Tests that look at what a key does: key, file, test; `*` where it is all of the file.
const TESTS: &[(&str, &str, &str)] = &[
    ("listen.address", "tests/e2e/tests/it/bad_input.rs", "an_open_door_is_refused"),
    ("listen.tcp", "tests/e2e/tests/it/sockets.rs", "clients_speak_lines_over_tcp_and_unix_sockets"),
    ("listen.unix", "tests/e2e/tests/it/sockets.rs", "clients_speak_lines_over_tcp_and_unix_sockets"),
    ("listen.token", "tests/e2e/tests/it/bad_input.rs", "a_token_guards_every_door"),
    ("listen.allowed_hosts", "crates/gateway/src/listener/doorkeeper.rs", "only_loopback_and_allowed_names_come_in"),
    ("listen.allowed_origins", "crates/gateway/src/listener/doorkeeper.rs", "only_loopback_and_allowed_names_come_in"),
    (
        "limits.frame_bytes_max",
        "crates/gateway/tests/upstream/duplex.rs",
        "an_oversize_line_is_counted_and_fails_the_only_call",
    ),
    ("limits.rounds_max", "crates/gateway/tests/listener/rounds.rs", "rounds_repeat_up_to_a_limit"),
    ("limits.answer_timeout", "crates/gateway/tests/listener/rounds.rs", "a_question_without_an_answer_has_a_deadline"),
    ("limits.batch_max", "crates/gateway/tests/listener/batches.rs", "bad_batches_are_refused_and_bad_messages_alone"),
    ("limits.session_idle_timeout", "crates/gateway/src/server/pool.rs", "*"),
    ("limits.session_queue_max", "crates/gateway/tests/listener/web.rs", "*"),
    ("limits.session_calls_max", "crates/gateway/tests/listener/web.rs", "*"),
    ("limits.instances_max", "crates/gateway/src/server/pool.rs", "*"),
    ("limits.listens_max", "crates/gateway/src/hub.rs", "*"),
    ("limits.live_clients_max", "tests/e2e/tests/it/live.rs", "readers_have_a_limit_with_a_name"),
    ("limits.list_pages_max", "tests/e2e/tests/it/one_bad_server.rs", "pages_without_end"),
    ("limits.parked_calls_max", "crates/gateway/src/parking/tests.rs", "limits_hold_per_principal_and_in_all"),
    (
        "limits.parked_calls_per_principal_max",
        "crates/gateway/src/parking/tests.rs",
        "limits_hold_per_principal_and_in_all",
    ),
    ("discovery.auto", "tests/e2e/tests/it/found.rs", "discovered_pending_approved_changed_and_pending_again"),
    ("discovery.interval", "tests/e2e/tests/it/found.rs", "the_daemon_says_what_it_found"),
    ("cache.url", "tests/e2e/tests/it/redis.rs", "results_outlive_the_daemon_and_are_forgotten_when_they_are_cleared"),
    ("cache.timeout", "tests/e2e/tests/it/redis.rs", "redis_may_take_as_long_as_the_configuration_says"),
    (
        "cache.entries_max",
        "tests/e2e/tests/it/redis.rs",
        "the_cache_in_this_process_holds_as_much_as_the_configuration_says",
    ),
    (
        "cache.bytes_max",
        "tests/e2e/tests/it/redis.rs",
        "the_cache_in_this_process_holds_as_much_as_the_configuration_says",
    ),
    (
        "profiles.exposure",
        "crates/gateway/tests/gateway/profiles.rs",
        "in_search_the_pinned_tools_are_listed_and_the_others_are_called_through_ours",
    ),
    (
        "profiles.context_budget",
        "crates/gateway/tests/gateway/profiles.rs",
        "auto_looks_at_the_budget_of_the_client_and_stays_with_what_it_chose",
    ),
    (
        "profiles.context_budgets",
        "crates/gateway/tests/gateway/profiles.rs",
        "auto_looks_at_the_budget_of_the_client_and_stays_with_what_it_chose",
    ),
    ("profiles.allow", "crates/gateway/tests/gateway/profiles.rs", "only_those_hear_of_a_change_who_see_it"),
    ("profiles.deny", "tests/e2e/tests/it/profiles.rs", "every_listener_has_them"),
    (
        "profiles.servers",
        "crates/gateway/tests/gateway/finding.rs",
        "what_is_found_is_what_the_asker_sees_under_its_names",
    ),
    ("profiles.tags", "tests/e2e/tests/it/profiles.rs", "every_listener_has_them"),
    (
        "profiles.pin",
        "crates/gateway/tests/gateway/profiles.rs",
        "in_search_the_pinned_tools_are_listed_and_the_others_are_called_through_ours",
    ),
    (
        "profiles.tools",
        "tests/e2e/tests/it/profiles.rs",
        "the_default_one_is_what_mcp_shows_and_the_person_sees_everything",
    ),
    ("profiles.result_tokens_max", "tests/e2e/tests/it/cut.rs", "*"),
    ("roots", "crates/gateway/tests/upstream/duplex.rs", "a_legacy_server_may_ping_and_ask_for_roots"),
    ("builtins", "tests/e2e/tests/it/inside/offered.rs", "servers_inside_are_there_until_somebody_says_otherwise"),
    ("servers.options", "tests/e2e/tests/it/inside/offered.rs", "an_entry_tells_a_server_inside_how_to_behave"),
    ("state.url", "tests/e2e/tests/it/inside/scenarios.rs", "goals_survive_kills_between_clients"),
    ("servers.type", "tests/e2e/tests/it/sse.rs", "a_server_of_others_and_clients_of_others"),
    ("servers.command", "tests/e2e/tests/it/found.rs", "discovered_pending_approved_changed_and_pending_again"),
    ("servers.url", "tests/e2e/tests/it/real_transports.rs", "server_everything_behind_socat_on_a_tcp_port"),
    ("servers.auth", "tests/e2e/tests/it/sign_in.rs", "a_person_signs_in_and_out_and_every_refusal_says_what_to_do"),
    ("servers.restart", "crates/supervisor/src/restart/tests.rs", "*"),
    ("servers.stop_timeout", "tests/e2e/tests/it/guard.rs", "*"),
    ("servers.isolation", "tests/e2e/tests/it/parked.rs", "isolation_decides_who_shares_a_process"),
    (
        "servers.oauth.client_id",
        "crates/outbound/src/oauth/register.rs",
        "what_a_person_registered_comes_first_and_stays_with_its_issuer",
    ),
    (
        "servers.oauth.client_secret",
        "crates/outbound/tests/oauth/rules.rs",
        "clients_are_chosen_in_their_order_and_secrets_go_where_they_are_taken",
    ),
    (
        "servers.oauth.issuer",
        "crates/outbound/tests/oauth/rules.rs",
        "another_authorization_server_never_sees_the_client_of_the_first",
    ),
    (
        "servers.oauth.client_metadata_url",
        "crates/outbound/src/oauth/register.rs",
        "a_document_comes_before_an_earlier_registration_and_that_is_used_only_where_it_fits",
    ),
    (
        "servers.oauth.scopes",
        "crates/outbound/tests/oauth/rules.rs",
        "a_person_is_told_and_what_was_asked_for_is_remembered_for_them",
    ),
    ("servers.oauth.redirect_port", "crates/cli/tests/it/auth.rs", "a_port_of_your_own_that_is_taken_is_not_replaced"),
    (
        "servers.oauth.headless",
        "crates/outbound/tests/oauth/rules.rs",
        "a_sign_in_without_a_browser_says_everything_that_it_must",
    ),
    (
        "catalog.change_quiet",
        "tests/e2e/tests/it/cache_guard.rs",
        "who_works_is_told_when_it_pauses_and_who_is_idle_at_once",
    ),
    (
        "catalog.change_wait_max",
        "crates/gateway/src/cost/patience.rs",
        "who_is_idle_hears_at_once_and_who_works_when_they_pause_or_have_waited_long_enough",
    ),
    ("limits.results_kept_bytes_max", "tests/e2e/tests/it/cut.rs", "what_is_too_much_to_keep_is_cut_all_the_same"),
    (
        "limits.results_kept_per_principal_bytes_max",
        "tests/e2e/tests/it/cut.rs",
        "what_is_too_much_to_keep_is_cut_all_the_same",
    ),
    ("limits.results_kept_time", "tests/e2e/tests/it/cut.rs", "what_is_too_much_to_keep_is_cut_all_the_same"),
    ("limits.probes_max", "tests/e2e/tests/it/health.rs", "so_many_checks_run_at_once_and_no_more"),
    (
        "limits.calls_per_server_max",
        "tests/e2e/tests/it/faults/pipes.rs",
        "f_02_a_server_that_hangs_is_told_to_cancel_and_its_place_is_free_again",
    ),
    (
        "limits.calls_waiting_max",
        "tests/e2e/tests/it/guards.rs",
        "calls_wait_for_a_place_in_their_order_and_no_more_than_may",
    ),
    ("container_engine", "tests/e2e/tests/it/containers.rs", "an_absent_image_and_an_absent_engine_say_what_to_do"),
    ("services", "tests/e2e/tests/it/needs.rs", "each_check_finds_out_that_a_service_is_ready"),
    ("servers.builtin", "tests/e2e/tests/it/why.rs", "an_agent_asks_the_builtin_server"),
    ("servers.allow_changes", "tests/e2e/tests/it/why.rs", "an_agent_asks_the_builtin_server"),
    ("servers.max_restarts", "tests/e2e/tests/it/life.rs", "a_crash_loop_says_why"),
    ("servers.start", "tests/e2e/tests/it/life.rs", "a_lazy_server_is_listed_asleep_and_many_callers_wake_it_once"),
    ("servers.idle_timeout", "tests/e2e/tests/it/life.rs", "an_idle_server_sleeps_and_a_call_wakes_it"),
    ("servers.replicas", "tests/e2e/tests/it/life.rs", "one_of_three_dies_and_nobody_else_notices"),
    ("servers.pin", "tests/e2e/tests/it/life.rs", "a_pinned_caller_stays_where_it_is"),
    ("servers.watch", "tests/e2e/tests/it/life.rs", "a_changed_file_starts_it_anew"),
    (
        "telemetry.otlp_url",
        "tests/e2e/tests/it/traces.rs",
        "a_call_is_the_child_of_its_client_and_the_parent_of_its_server",
    ),
    (
        "telemetry.otlp_headers",
        "tests/e2e/tests/it/traces.rs",
        "a_call_is_the_child_of_its_client_and_the_parent_of_its_server",
    ),
    (
        "telemetry.service_name",
        "tests/e2e/tests/it/traces.rs",
        "a_call_is_the_child_of_its_client_and_the_parent_of_its_server",
    ),
    (
        "telemetry.sample",
        "tests/e2e/tests/it/traces.rs",
        "as_many_are_traced_as_asked_for_and_the_client_decides_for_its_own",
    ),
    ("log.format", "tests/e2e/tests/it/daemon_log.rs", "with_a_file_every_event_is_a_line_of_json_in_it"),
    ("log.file", "tests/e2e/tests/it/daemon_log.rs", "without_a_file_there_is_none_and_a_started_daemon_has_one"),
    ("log.level", "tests/e2e/tests/it/daemon_log.rs", "the_level_is_changed_while_it_runs"),
    ("log.file_bytes_max", "tests/e2e/tests/it/daemon_log.rs", "the_file_is_rotated_and_few_are_kept"),
    ("log.files_max", "tests/e2e/tests/it/daemon_log.rs", "the_file_is_rotated_and_few_are_kept"),
    ("search.feedback", "tests/e2e/tests/it/route.rs", "keys_of_search_do_what_they_say"),
    ("search.rules", "tests/e2e/tests/it/route.rs", "the_rules_of_the_prompt_router_count"),
    ("search.server_keywords", "tests/e2e/tests/it/route.rs", "keys_of_search_do_what_they_say"),
    ("search.task_patterns", "tests/e2e/tests/it/route.rs", "keys_of_search_do_what_they_say"),
    ("search.default_limits.response_timeout", "tests/e2e/tests/it/route.rs", "keys_of_search_do_what_they_say"),
    (
        "search.default_limits.max_retries",
        "crates/control/src/routes/route/choice.rs",
        "only_what_did_nothing_is_tried_again",
    ),
    ("search.default_limits.startup_wait", "tests/e2e/tests/it/route.rs", "keys_of_search_do_what_they_say"),
    ("records.keep", "tests/e2e/tests/it/state.rs", "records_go_when_they_are_older_than_keep_says"),
    (
        "servers.data",
        "tests/e2e/tests/it/backup.rs",
        "f_54_what_was_backed_up_under_load_is_there_again_after_everything_was_lost",
    ),
    ("servers.resources.memory", "tests/e2e/tests/it/host.rs", "who_wants_too_much_memory_is_ended_and_told_so"),
    ("servers.resources.cpu", "tests/e2e/tests/it/host.rs", "the_processor_is_shared_out"),
    ("servers.resources.processes", "tests/e2e/tests/it/host.rs", "a_fork_bomb_ends_at_its_limit"),
    ("servers.port", "tests/e2e/tests/it/host.rs", "a_port_that_is_taken_is_found_before_the_start"),
    ("servers.install", "tests/e2e/tests/it/host.rs", "what_is_to_be_installed_is_installed_once"),
    (
        "servers.tools.safe",
        "tests/e2e/tests/it/guards.rs",
        "a_safe_call_survives_the_end_of_its_instance_and_an_unsafe_one_does_not",
    ),
    ("servers.health.degraded_at", "tests/e2e/tests/it/health.rs", "a_slow_server_is_degraded_and_left_alone"),
    ("servers.health.recover", "tests/e2e/tests/it/health.rs", "a_program_says_how_well_a_server_is"),
    ("servers.health_check.command", "tests/e2e/tests/it/health.rs", "a_program_says_how_well_a_server_is"),
    ("servers.health_check.http", "tests/e2e/tests/it/health.rs", "a_page_and_a_tool_say_how_well_a_server_is"),
    ("servers.health_check.tool", "tests/e2e/tests/it/health.rs", "a_page_and_a_tool_say_how_well_a_server_is"),
    ("servers.image", "tests/e2e/tests/it/containers.rs", "a_server_in_a_container_speaks_on_its_stdin_and_stdout"),
    (
        "servers.container.network",
        "tests/e2e/tests/it/containers.rs",
        "a_server_in_a_container_speaks_on_its_stdin_and_stdout",
    ),
    (
        "servers.container.read_only",
        "tests/e2e/tests/it/containers.rs",
        "a_server_in_a_container_speaks_on_its_stdin_and_stdout",
    ),
    (
        "servers.container.volumes",
        "tests/e2e/tests/it/containers.rs",
        "a_server_in_a_container_speaks_on_its_stdin_and_stdout",
    ),
    (
        "servers.container.memory",
        "tests/e2e/tests/it/containers.rs",
        "a_server_in_a_container_speaks_on_its_stdin_and_stdout",
    ),
    (
        "servers.container.cpu",
        "tests/e2e/tests/it/containers.rs",
        "a_server_in_a_container_speaks_on_its_stdin_and_stdout",
    ),
    (
        "servers.container.pids",
        "tests/e2e/tests/it/containers.rs",
        "a_server_in_a_container_speaks_on_its_stdin_and_stdout",
    ),
    (
        "servers.container.pull",
        "tests/e2e/tests/it/containers.rs",
        "an_absent_image_and_an_absent_engine_say_what_to_do",
    ),
    (
        "servers.container.port",
        "tests/e2e/tests/it/containers.rs",
        "a_server_in_a_container_speaks_http_and_a_service_is_one_too",
    ),
    (
        "servers.container.path",
        "tests/e2e/tests/it/containers.rs",
        "a_server_in_a_container_speaks_http_and_a_service_is_one_too",
    ),
    ("servers.depends_on", "tests/e2e/tests/it/needs.rs", "a_slow_dependency_is_named_while_it_is_waited_for"),
    (
        "servers.connect_timeout",
        "tests/e2e/tests/it/guards.rs",
        "a_server_that_does_not_finish_its_connection_is_told_from_a_slow_one",
    ),
    (
        "servers.max_concurrent",
        "tests/e2e/tests/it/guards.rs",
        "calls_wait_for_a_place_in_their_order_and_no_more_than_may",
    ),
    ("servers.response_max", "tests/e2e/tests/it/guards.rs", "a_result_that_is_too_large_fails_alone"),
    (
        "servers.breaker.failures",
        "tests/e2e/tests/it/guards.rs",
        "a_breaker_opens_after_failures_and_closes_after_successes",
    ),
    (
        "servers.breaker.pause",
        "tests/e2e/tests/it/guards.rs",
        "a_breaker_opens_after_failures_and_closes_after_successes",
    ),
    ("servers.retry.delay", "crates/gateway/src/guards/retry.rs", "pauses_double_and_what_the_server_asks_for_is_kept"),
    (
        "servers.retry.delay_max",
        "crates/gateway/src/guards/retry.rs",
        "pauses_double_and_what_the_server_asks_for_is_kept",
    ),
    ("servers.cache.tools", "tests/e2e/tests/it/guards.rs", "results_are_kept_and_given_again_until_they_are_cleared"),
    ("servers.group", "tests/e2e/tests/it/guards.rs", "a_group_is_one_server_and_its_members_stand_in_for_each_other"),
    (
        "servers.priority",
        "tests/e2e/tests/it/guards.rs",
        "a_group_is_one_server_and_its_members_stand_in_for_each_other",
    ),
    (
        "servers.oauth.allow_private",
        "crates/outbound/src/guard.rs",
        "loopback_and_private_networks_are_opened_each_by_its_own_reason",
    ),
];

/// Keys that are read (`keys.rs` says so) and whose effect no test looks at: never one more.
const UNSEEN: &[&str] = &["limits.session_events_max", "limits.session_event_bytes_max", "limits.records_queue_max"];

#[test]
fn every_key_has_a_test_that_looks_at_its_effect() {
    let keys = keys();
    assert!(keys.len() > 60, "only {} keys were found", keys.len());
    let rows: String = ROWS.iter().map(read).collect();
    let mut problems = Vec::new();
    for key in &keys {
        let row = rows.contains(&format!("\"{key}\""));
        let test = TESTS.iter().any(|(named, ..)| named == key);
        let unseen = UNSEEN.contains(&key.as_str());
        match (row || test, unseen) {
            (false, false) => problems.push(format!("`{key}`: no row in {}, no test here", ROWS[0])),
            (true, true) => problems.push(format!("`{key}` is looked at now: take it out of UNSEEN")),
            _ => {}
        }
    }
    for (key, file, test) in TESTS {
        let known = keys.iter().any(|one| one == key);
        let last = key.rsplit('.').next().unwrap_or(key);
        let text = read(file);
        if !known {
            problems.push(format!("`{key}` is not a key"));
        } else if *test != "*" && !text.contains(&format!("fn {test}(")) {
            problems.push(format!("`{key}`: {file} has no test {test}"));
        } else if !text.to_lowercase().contains(last) && *key != "roots" {
            problems.push(format!("`{key}`: {file} does not speak of `{last}`"));
        }
    }
    let stale = UNSEEN.iter().filter(|key| !keys.iter().any(|one| one == *key));
    problems.extend(stale.map(|key| format!("`{key}` is not a key")));
    none("a key that is not shown to change anything", &problems);
}

/// Every key with a dot for each section; `defaults` as one, its keys are those of servers.
fn keys() -> Vec<String> {
    let schema = config::json_schema();
    let mut keys = Vec::new();
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        match name.as_str() {
            "servers" | "profiles" | "mcpServers" | "mcp_servers" => {}
            "defaults" => keys.push(name.clone()),
            _ => collect(name, property, &mut keys),
        }
    }
    for (name, property) in schema["$defs"]["server"]["properties"].as_object().into_iter().flatten() {
        collect(&format!("servers.{name}"), property, &mut keys);
    }
    for (name, property) in schema["$defs"]["profile"]["properties"].as_object().into_iter().flatten() {
        collect(&format!("profiles.{name}"), property, &mut keys);
    }
    keys
}

fn collect(path: &str, property: &Value, keys: &mut Vec<String>) {
    match property["properties"].as_object() {
        Some(inner) => inner.iter().for_each(|(name, property)| collect(&format!("{path}.{name}"), property, keys)),
        None => keys.push(path.to_owned()),
    }
}

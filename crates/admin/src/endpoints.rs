//! The endpoints: where they are, what they take, who answers.

use std::fmt::Write as _;

use crate::handlers::{
    certs, clusters, config_dump, control, home, hosts, listeners, logging, reasons, reload, runtime, server,
    stats, unsupported, why,
};
use crate::http::{Reply, Request};
use crate::state::Admin;

/// An endpoint.
pub(crate) struct Endpoint {
    pub(crate) path: &'static str,
    /// Where it stands on the page.
    pub(crate) group: Group,
    pub(crate) text: &'static str,
    pub(crate) params: &'static [Param],
    pub(crate) access: Access,
    pub(crate) handler: fn(&Admin, &Request) -> Reply,
}

/// Whether an endpoint changes anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// It does not.
    Reads,
    /// It does; it has to be asked by POST.
    Changes,
    /// POST does, anything else does not.
    Both,
}

/// What an endpoint is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Group {
    Watch,
    Configure,
    Measure,
    Log,
    Stop,
    /// What is hardly ever asked for, or is not supported.
    Rest,
}

/// A parameter of an endpoint.
pub(crate) struct Param {
    pub(crate) name: &'static str,
    pub(crate) text: &'static str,
    pub(crate) kind: ParamKind,
}

/// What a parameter may be.
pub(crate) enum ParamKind {
    /// There or not.
    Flag,
    /// Any text.
    Text,
    /// One of these.
    Choice(&'static [&'static str]),
}

const fn flag(name: &'static str, text: &'static str) -> Param {
    Param { name, text, kind: ParamKind::Flag }
}

const fn text(name: &'static str, text: &'static str) -> Param {
    Param { name, text, kind: ParamKind::Text }
}

const fn choice(name: &'static str, text: &'static str, choices: &'static [&'static str]) -> Param {
    Param { name, text, kind: ParamKind::Choice(choices) }
}

const FORMAT: Param = choice("format", "form of the answer", &["text", "json"]);
const LANGUAGE: Param = choice("lang", "language of the texts", &["en", "ko"]);
const ENABLE: Param = choice("enable", "whether to start or to stop", &["y", "n"]);
const STAT_FILTER: Param = text("filter", "regular expression for names of statistics");
const USED_ONLY: Param = flag("usedonly", "only statistics that were ever written");
const INVERT: Param = flag("invert_filter", "only statistics that the filter does not match");

/// All endpoints, sorted by path.
pub(crate) const ENDPOINTS: &[Endpoint] = &[
    Endpoint {
        path: "/",
        group: Group::Rest,
        text: "this server's own page",
        params: &[],
        access: Access::Reads,
        handler: home::home,
    },
    Endpoint {
        path: "/allocprofiler",
        group: Group::Rest,
        text: "start or stop profiling allocations (not supported)",
        params: &[ENABLE],
        access: Access::Changes,
        handler: unsupported::alloc_profiler,
    },
    Endpoint {
        path: "/certs",
        group: Group::Watch,
        text: "certificates in use, and when they expire",
        params: &[],
        access: Access::Reads,
        handler: certs::certs,
    },
    Endpoint {
        path: "/clusters",
        group: Group::Watch,
        text: "clusters and their hosts: limits, health, counters",
        params: &[text("filter", "regular expression for names of clusters"), FORMAT],
        access: Access::Reads,
        handler: clusters::clusters,
    },
    Endpoint {
        path: "/config_dump",
        group: Group::Configure,
        text: "the configuration in force",
        params: &[
            text("resource", "only the elements of this field, such as static_clusters"),
            text("mask", "only these fields, separated by commas; with a resource, of each element"),
            text("name_regex", "only resources whose whole name matches"),
            flag("include_eds", "the endpoints too"),
        ],
        access: Access::Reads,
        handler: config_dump::config_dump,
    },
    Endpoint {
        path: "/contention",
        group: Group::Rest,
        text: "contention of locks (not traced)",
        params: &[],
        access: Access::Reads,
        handler: unsupported::contention,
    },
    Endpoint {
        path: "/cpuprofiler",
        group: Group::Rest,
        text: "start or stop profiling (not supported)",
        params: &[ENABLE],
        access: Access::Changes,
        handler: unsupported::cpu_profiler,
    },
    Endpoint {
        path: "/drain_listeners",
        group: Group::Stop,
        text: "stop listening",
        params: &[
            flag("graceful", "ask clients to go during the drain time, and stop listening behind it"),
            flag("skip_exit", "ask clients to go, and go on listening"),
            flag("inboundonly", "only listeners with traffic_direction INBOUND"),
        ],
        access: Access::Changes,
        handler: control::drain_listeners,
    },
    Endpoint {
        path: "/healthcheck/fail",
        group: Group::Stop,
        text: "tell health checkers that this server is not to be used",
        params: &[],
        access: Access::Changes,
        handler: control::fail_health_checks,
    },
    Endpoint {
        path: "/healthcheck/ok",
        group: Group::Stop,
        text: "tell health checkers that this server is to be used again",
        params: &[],
        access: Access::Changes,
        handler: control::pass_health_checks,
    },
    Endpoint {
        path: "/heap_dump",
        group: Group::Rest,
        text: "the heap (not supported)",
        params: &[],
        access: Access::Reads,
        handler: unsupported::heap_dump,
    },
    Endpoint {
        path: "/heapprofiler",
        group: Group::Rest,
        text: "start or stop profiling the heap (not supported)",
        params: &[ENABLE],
        access: Access::Changes,
        handler: unsupported::heap_profiler,
    },
    Endpoint {
        path: "/help",
        group: Group::Rest,
        text: "this list",
        params: &[],
        access: Access::Reads,
        handler: |_, _| Reply::text(help()),
    },
    Endpoint {
        path: "/hosts",
        group: Group::Watch,
        text: "every host: its last health check and its name's last lookup",
        params: &[text("filter", "regular expression for names of clusters"), LANGUAGE, FORMAT],
        access: Access::Reads,
        handler: hosts::hosts,
    },
    Endpoint {
        path: "/hot_restart_version",
        group: Group::Rest,
        text: "which processes can hand over to each other",
        params: &[],
        access: Access::Reads,
        handler: server::hot_restart_version,
    },
    Endpoint {
        path: "/init_dump",
        group: Group::Rest,
        text: "what the start still waits for",
        params: &[text("mask", "accepted, without effect")],
        access: Access::Reads,
        handler: |_, _| Reply::json("{}\n"),
    },
    Endpoint {
        path: "/listeners",
        group: Group::Watch,
        text: "listeners and their addresses",
        params: &[FORMAT],
        access: Access::Reads,
        handler: listeners::listeners,
    },
    Endpoint {
        path: "/logging",
        group: Group::Log,
        text: "levels of the application log, and changing them",
        params: &[
            text("paths", "levels of several loggers: name1:level1,name2:level2"),
            choice(
                "level",
                "level of all loggers",
                &["", "trace", "debug", "info", "warning", "error", "critical", "off"],
            ),
        ],
        access: Access::Changes,
        handler: logging::logging,
    },
    Endpoint {
        path: "/memory",
        group: Group::Measure,
        text: "memory of the process",
        params: &[],
        access: Access::Reads,
        handler: server::memory,
    },
    Endpoint {
        path: "/memory/tcmalloc",
        group: Group::Rest,
        text: "memory, in the allocator's words (not supported)",
        params: &[],
        access: Access::Reads,
        handler: unsupported::tcmalloc,
    },
    Endpoint {
        path: "/peak_heap_dump",
        group: Group::Rest,
        text: "the heap at its largest (not supported)",
        params: &[],
        access: Access::Reads,
        handler: unsupported::heap_dump,
    },
    Endpoint {
        path: "/quitquitquit",
        group: Group::Stop,
        text: "end the process",
        params: &[],
        access: Access::Changes,
        handler: control::quit,
    },
    Endpoint {
        path: "/ready",
        group: Group::Watch,
        text: "the state of the process; 200 where it is LIVE, else 503",
        params: &[],
        access: Access::Reads,
        handler: server::ready,
    },
    Endpoint {
        path: "/reasons",
        group: Group::Watch,
        text: "why requests failed: each reason with its count, what it means and what to do",
        params: &[flag("all", "reasons that did not happen too"), LANGUAGE, FORMAT],
        access: Access::Reads,
        handler: reasons::reasons,
    },
    Endpoint {
        path: "/reload",
        group: Group::Configure,
        text: "POST loads the configuration again; GET tells what the last reload did",
        params: &[FORMAT],
        access: Access::Both,
        handler: reload::reload,
    },
    Endpoint {
        path: "/reload/status",
        group: Group::Configure,
        text: "what the last reload did",
        params: &[FORMAT],
        access: Access::Reads,
        handler: reload::status,
    },
    Endpoint {
        path: "/reopen_logs",
        group: Group::Log,
        text: "open log files anew, after they were moved away",
        params: &[],
        access: Access::Changes,
        handler: control::reopen_logs,
    },
    Endpoint {
        path: "/reset_counters",
        group: Group::Measure,
        text: "let all counters start at zero",
        params: &[],
        access: Access::Changes,
        handler: control::reset_counters,
    },
    Endpoint {
        path: "/runtime",
        group: Group::Configure,
        text: "runtime values",
        params: &[],
        access: Access::Reads,
        handler: runtime::runtime,
    },
    Endpoint {
        path: "/runtime_modify",
        group: Group::Configure,
        text: "set runtime values: ?key1=value1&key2=value2; an empty value takes an earlier one back",
        params: &[],
        access: Access::Changes,
        handler: runtime::modify,
    },
    Endpoint {
        path: "/server_info",
        group: Group::Configure,
        text: "version, state and options of the process",
        params: &[],
        access: Access::Reads,
        handler: server::server_info,
    },
    Endpoint {
        path: "/stats",
        group: Group::Measure,
        text: "statistics",
        params: &[
            USED_ONLY,
            STAT_FILTER,
            INVERT,
            choice("format", "form of the answer", &["html", "text", "json", "prometheus"]),
            choice(
                "type",
                "kind of statistics",
                &["All", "Counters", "Histograms", "Gauges", "TextReadouts"],
            ),
            choice(
                "histogram_buckets",
                "what is told of histograms",
                &["summary", "cumulative", "disjoint", "detailed"],
            ),
        ],
        access: Access::Reads,
        handler: stats::stats,
    },
    Endpoint {
        path: "/stats/prometheus",
        group: Group::Measure,
        text: "statistics for Prometheus",
        params: &[
            USED_ONLY,
            STAT_FILTER,
            INVERT,
            choice("histogram_buckets", "what is told of histograms", &["cumulative", "summary"]),
        ],
        access: Access::Reads,
        handler: stats::prometheus,
    },
    Endpoint {
        path: "/stats/recentlookups",
        group: Group::Rest,
        text: "statistics looked up by name (none ever are)",
        params: &[],
        access: Access::Reads,
        handler: stats::recent_lookups,
    },
    Endpoint {
        path: "/stats/recentlookups/clear",
        group: Group::Rest,
        text: "forget them",
        params: &[],
        access: Access::Changes,
        handler: |_, _| Reply::ok(),
    },
    Endpoint {
        path: "/stats/recentlookups/disable",
        group: Group::Rest,
        text: "stop recording them",
        params: &[],
        access: Access::Changes,
        handler: |_, _| Reply::ok(),
    },
    Endpoint {
        path: "/stats/recentlookups/enable",
        group: Group::Rest,
        text: "start recording them (not supported)",
        params: &[],
        access: Access::Changes,
        handler: unsupported::recent_lookups,
    },
    Endpoint {
        path: "/why",
        group: Group::Watch,
        text: "what failed lately and why: causes with their rates, the last failures, or one (/why/ID)",
        params: &[
            text("id", "number of a failure (%WHY_ID%), or x-request-id"),
            text("last", "how many failures, 20 where nothing is said"),
            text("code", "only failures of this code or reason"),
            text("cluster", "only failures of this cluster"),
            text("since", "only failures of this time: 10m, 2h, or 2026-11-20T16:17:33Z"),
            LANGUAGE,
            choice("format", "form of the answer", &["text", "json", "html"]),
        ],
        access: Access::Reads,
        handler: why::why,
    },
];

/// The endpoint at a path.
pub(crate) fn find(path: &str) -> Option<&'static Endpoint> {
    ENDPOINTS.iter().find(|endpoint| endpoint.path == path)
}

/// The endpoint that a path asks, with the id that stands behind the path of one that takes an `id`: `/why/ID`.
pub(crate) fn resolve(path: &str) -> Option<(&'static Endpoint, Option<&str>)> {
    if let Some(endpoint) = find(path) {
        return Some((endpoint, None));
    }
    let (front, id) = path.rsplit_once('/')?;
    let endpoint = find(front)?;
    let takes_id = endpoint.params.iter().any(|param| param.name == "id");
    (takes_id && !id.is_empty()).then_some((endpoint, Some(id)))
}

/// The list of endpoints, in Envoy's form.
pub(crate) fn help() -> String {
    let mut out = String::from("admin commands are:\n");
    for endpoint in ENDPOINTS {
        let post = if endpoint.access == Access::Changes { " (POST)" } else { "" };
        let _ = writeln!(out, "  {}{post}: {}", endpoint.path, endpoint.text);
        for param in endpoint.params {
            let _ = write!(out, "      {}: {}", param.name, param.text);
            if let ParamKind::Choice(choices) = param.kind {
                let _ = write!(out, "; One of ({})", choices.join(", "));
            }
            out.push('\n');
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Paths of Envoy 1.40's `/help`.
    const ENVOYS: &[&str] = &[
        "/",
        "/allocprofiler",
        "/certs",
        "/clusters",
        "/config_dump",
        "/contention",
        "/cpuprofiler",
        "/drain_listeners",
        "/healthcheck/fail",
        "/healthcheck/ok",
        "/heap_dump",
        "/heapprofiler",
        "/help",
        "/hot_restart_version",
        "/init_dump",
        "/listeners",
        "/logging",
        "/memory",
        "/memory/tcmalloc",
        "/peak_heap_dump",
        "/quitquitquit",
        "/ready",
        "/reopen_logs",
        "/reset_counters",
        "/runtime",
        "/runtime_modify",
        "/server_info",
        "/stats",
        "/stats/prometheus",
        "/stats/recentlookups",
        "/stats/recentlookups/clear",
        "/stats/recentlookups/disable",
        "/stats/recentlookups/enable",
    ];

    #[test]
    fn every_endpoint_of_envoys_is_there_and_the_list_is_sorted() {
        for path in ENVOYS {
            assert!(find(path).is_some(), "{path}");
        }
        assert!(ENDPOINTS.is_sorted_by_key(|endpoint| endpoint.path));
    }

    #[test]
    fn help_has_envoys_form() {
        let help = help();
        assert!(help.starts_with("admin commands are:\n  /: "));
        assert!(help.contains("\n  /healthcheck/fail (POST): "));
        assert!(help.contains("\n  /listeners: listeners and their addresses\n      format: form of the answer; One of (text, json)\n"));
    }
}

//! Every option of the command line, in one table.
//!
//! Scripts that start Envoy start Causeway: all of Envoy's options are known. Each either does the same
//! here, or changes nothing and says why, or is refused and says why.

/// An option.
pub(super) struct Flag {
    /// Its name, without `--`.
    pub(super) long: &'static str,
    pub(super) short: Option<char>,
    pub(super) value: Value,
    pub(super) meaning: Meaning,
    pub(super) help: &'static str,
}

/// What comes behind an option.
pub(super) enum Value {
    /// Nothing.
    Switch,
    /// A text; its name in the help.
    Text(&'static str),
    /// A number; its name in the help.
    Number(&'static str),
    /// A text, each time the option is given; its name in the help.
    Texts(&'static str),
}

/// What an option does here.
pub(super) enum Meaning {
    /// What the help says.
    Here,
    /// The same, but only Causeway has it.
    Ours,
    /// Nothing; why.
    None(&'static str),
    /// It is refused, unless its value is this one; why.
    Refused { unless: &'static str, why: &'static str },
}

use Meaning::{Here, Ours, Refused};
use Value::{Number, Switch, Text, Texts};

const NO_HANDOVER: &str =
    "there is no hot restart: a reload (SIGHUP) replaces the configuration in this process";
const NO_DYNAMIC: &str = "there is no dynamic configuration";

const fn flag(long: &'static str, value: Value, meaning: Meaning, help: &'static str) -> Flag {
    Flag { long, short: None, value, meaning, help }
}

const fn without_meaning(long: &'static str, value: Value, why: &'static str) -> Flag {
    Flag { long, short: None, value, meaning: Meaning::None(why), help: why }
}

/// The options of `causeway` without a command: those that serve a configuration.
pub(super) const FLAGS: &[Flag] = &[
    Flag {
        long: "config-path",
        short: Some('c'),
        value: Text("FILE"),
        meaning: Here,
        help: "The configuration: YAML or JSON, or protobuf where the name ends in .pb",
    },
    flag("config-yaml", Text("YAML"), Here, "YAML or JSON that is merged over the file, or stands for it"),
    flag(
        "mode",
        Text("MODE"),
        Here,
        "serve (the default), validate or init_only: validate checks the configuration and ends",
    ),
    flag("concurrency", Number("N"), Here, "Number of workers; the number of processors unless given"),
    Flag {
        long: "log-level",
        short: Some('l'),
        value: Text("LEVEL"),
        meaning: Here,
        help: "Level of the application log: trace, debug, info (the default), warning, error, critical or off",
    },
    flag(
        "component-log-level",
        Text("LIST"),
        Here,
        "Levels of single components, such as upstream:debug,config:trace",
    ),
    flag("log-path", Text("FILE"), Here, "File of the application log; standard error unless given"),
    flag("log-format", Text("FORMAT"), Here, "Form of its lines, in Envoy's flags"),
    flag(
        "log-format-escaped",
        Switch,
        Here,
        "Writes line ends and other control characters of messages as \\n and the like",
    ),
    flag(
        "file-flush-interval-msec",
        Number("MS"),
        Here,
        "Access logs are written after this time at most; 1000 unless given",
    ),
    flag(
        "drain-time-s",
        Number("S"),
        Here,
        "How long /drain_listeners?graceful asks connections to end before listeners close; 600 unless given",
    ),
    flag(
        "drain-strategy",
        Text("STRATEGY"),
        Here,
        "gradual (the default) or immediate: whether connections end one after the other within that time, or all at once",
    ),
    flag(
        "shutdown-timeout-s",
        Number("S"),
        Ours,
        "How long requests may take to end when the process is told to; 30 unless given",
    ),
    flag("admin-address-path", Text("FILE"), Here, "File that the address of the admin server is written to"),
    flag(
        "local-address-ip-version",
        Text("VERSION"),
        Here,
        "v4 (the default) or v6: which of this machine's addresses stands for it in x-forwarded-for",
    ),
    flag("service-node", Text("NAME"), Here, "Replaces node.id"),
    flag("service-cluster", Text("NAME"), Here, "Replaces node.cluster"),
    flag("service-zone", Text("NAME"), Here, "Replaces node.locality.zone"),
    flag(
        "allow-unsupported",
        Switch,
        Ours,
        "Leaves out what Causeway does not implement, with warnings, unless that were dangerous",
    ),
    flag("allow-unknown-static-fields", Switch, Here, "Leaves out fields that nobody knows, with warnings"),
    flag("allow-unknown-fields", Switch, Here, "The same, by its older name"),
    flag("skip-deprecated-logs", Switch, Here, "Does not log that a field is about to go"),
    flag(
        "reason-header",
        Switch,
        Ours,
        "Sends x-causeway-reason, the name of the reason, in answers to requests that failed",
    ),
    flag(
        "reason-trusted",
        Texts("CIDR"),
        Ours,
        "Tells clients that connect from there all about it, evidence too, in x-causeway-why; implies --reason-header",
    ),
    flag(
        "reason-token-path",
        Text("FILE"),
        Ours,
        "Tells the same to requests whose x-causeway-token is the first line of the file; implies --reason-header",
    ),
    flag(
        "failures-kept",
        Number("N"),
        Ours,
        "How many failures of each worker are kept for `causeway why`, some 2 KiB each; 1024 unless given, 0 only counts them",
    ),
    flag("hot-restart-version", Switch, Here, "Prints `disabled`: there is no hot restart"),
    flag("version", Switch, Here, "Prints the version"),
    flag(
        "restart-epoch",
        Number("N"),
        Refused { unless: "0", why: NO_HANDOVER },
        "Only 0 is possible: there is no hot restart",
    ),
    flag(
        "stats-tag",
        Texts("TAG:VALUE"),
        Refused { unless: "", why: "tags for all metrics are not implemented" },
        "Not implemented",
    ),
    flag(
        "disable-extensions",
        Text("LIST"),
        Refused {
            unless: "",
            why: "extensions can't be disabled; what a configuration does not name is not used",
        },
        "Not implemented",
    ),
    without_meaning("base-id", Number("N"), NO_HANDOVER),
    without_meaning("use-dynamic-base-id", Switch, NO_HANDOVER),
    without_meaning("base-id-path", Text("FILE"), NO_HANDOVER),
    without_meaning("skip-hot-restart-on-no-parent", Switch, NO_HANDOVER),
    without_meaning("skip-hot-restart-parent-stats", Switch, NO_HANDOVER),
    without_meaning("parent-shutdown-time-s", Number("S"), NO_HANDOVER),
    without_meaning("disable-hot-restart", Switch, NO_HANDOVER),
    without_meaning("socket-path", Text("PATH"), NO_HANDOVER),
    without_meaning("socket-mode", Text("MODE"), NO_HANDOVER),
    without_meaning("reject-unknown-dynamic-fields", Switch, NO_DYNAMIC),
    without_meaning("ignore-unknown-dynamic-fields", Switch, NO_DYNAMIC),
    without_meaning(
        "file-flush-min-size-kb",
        Number("KIB"),
        "lines are written when there are 16 KiB of them, or time is up",
    ),
    without_meaning(
        "cpuset-threads",
        Switch,
        "workers are counted by the processors this process may use in any case",
    ),
    without_meaning("enable-mutex-tracing", Switch, "there are no mutexes on the way of a request"),
    without_meaning("enable-core-dump", Switch, "whether there are core dumps is the system's to say"),
    without_meaning("enable-fine-grain-logging", Switch, "levels are set by component"),
    without_meaning("log-stacktrace-single-entry", Switch, "no stack traces are logged"),
];

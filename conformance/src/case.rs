//! One case: a configuration, back-ends, and what is done with them.

use std::future::Future;
use std::pin::Pin;

use causeway_testkit::{DnsAnswer, Script, TlsServer};
use serde_json::Value;

use crate::config::Config;
use crate::run::Run;
use crate::text::{indent, path_of, yaml};

/// Something that is done during a case, once for each proxy.
pub trait Step: Send + Sync {
    /// Does it, and notes what is seen.
    fn perform<'a>(&'a self, run: &'a mut Run) -> Pin<Box<dyn Future<Output = ()> + 'a>>;
}

impl<F: AsyncFn(&mut Run) + Send + Sync> Step for F {
    fn perform<'a>(&'a self, run: &'a mut Run) -> Pin<Box<dyn Future<Output = ()> + 'a>> {
        Box::pin(self(run))
    }
}

/// A case in the making. The pieces of configuration are YAML, with `{{listen}}` and `{{admin}}` for
/// the proxy's ports, `{{name}}` for the port of a back-end and `{{dir}}` for the directory of the
/// run; see [`yaml`] for how they are indented.
///
/// Nothing said means: one back-end `app` that echoes, one route for everything to it, one line in
/// the access log for each request.
pub struct Case {
    pub(crate) name: &'static str,
    pub(crate) config: Config,
    pub(crate) backends: Vec<(String, Option<Script>)>,
    /// Back-ends that speak TLS, and how.
    pub(crate) secure: Vec<(String, fn() -> TlsServer)>,
    pub(crate) steps: Vec<Box<dyn Step>>,
    pub(crate) differs: Vec<Difference>,
    pub(crate) refused: Option<Refusal>,
    pub(crate) mask_log: Option<fn(&str) -> String>,
    pub(crate) sort_log: bool,
    pub(crate) files: Vec<(&'static str, String)>,
    pub(crate) names: Vec<(&'static str, DnsAnswer)>,
    pub(crate) workers: usize,
}

/// A part of the observations that is not equal, on purpose.
#[derive(Clone, Debug)]
pub(crate) struct Difference {
    pub(crate) id: &'static str,
    pub(crate) path: String,
    pub(crate) instead: Value,
}

/// A configuration that Envoy takes and Causeway refuses.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Refusal {
    pub(crate) id: &'static str,
    /// What the diagnostic says.
    pub(crate) says: &'static str,
}

impl Case {
    /// A case with a name that says what is true.
    #[must_use]
    pub fn new(name: &'static str) -> Self {
        Self {
            name,
            config: Config::default(),
            backends: Vec::new(),
            secure: Vec::new(),
            steps: Vec::new(),
            differs: Vec::new(),
            refused: None,
            mask_log: None,
            sort_log: false,
            files: Vec::new(),
            names: Vec::new(),
            workers: 1,
        }
    }

    /// A back-end, and a cluster of the same name that leads to it.
    #[must_use]
    pub fn backend(mut self, name: &str, script: impl Into<Script>) -> Self {
        self.config.cluster(name);
        self.endpoint(name, script)
    }

    /// Back-ends that echo, each with its cluster.
    #[must_use]
    pub fn echoes(self, names: &[&str]) -> Self {
        names.iter().fold(self, |case, name| case.backend(name, Script::echo()))
    }

    /// Back-ends that answer with their name, for cases about who is asked; each with its cluster.
    #[must_use]
    pub fn named(self, names: &[&str]) -> Self {
        names.iter().fold(self, |case, name| case.backend(name, causeway_testkit::Reply::ok(*name)))
    }

    /// A back-end without a cluster of its own.
    #[must_use]
    pub fn endpoint(mut self, name: &str, script: impl Into<Script>) -> Self {
        self.backends.push((name.into(), Some(script.into())));
        self
    }

    /// The back-end of that name speaks TLS.
    #[must_use]
    pub fn secure(mut self, name: &str, tls: fn() -> TlsServer) -> Self {
        self.secure.push((name.into(), tls));
        self
    }

    /// A port that refuses connections, and a cluster of the same name that leads to it.
    #[must_use]
    pub fn dead(mut self, name: &str) -> Self {
        self.config.cluster(name);
        self.backends.push((name.into(), None));
        self
    }

    /// More fields of a cluster, which is made if there is none of that name.
    #[must_use]
    pub fn cluster(mut self, name: &str, fields: &str) -> Self {
        self.config.cluster(name).options.push(yaml(fields));
        self
    }

    /// A cluster with these back-ends.
    #[must_use]
    pub fn pool(mut self, name: &str, endpoints: &[&str]) -> Self {
        self.config.cluster(name).endpoints = Some(endpoints.iter().map(|&e| e.into()).collect());
        self
    }

    /// Clusters as list items, for what the other methods cannot say.
    #[must_use]
    pub fn more_clusters(mut self, items: &str) -> Self {
        self.config.more_clusters.push(yaml(items));
        self
    }

    /// More fields at the top of the file.
    #[must_use]
    pub fn bootstrap(mut self, fields: &str) -> Self {
        self.config.bootstrap.push(yaml(fields));
        self
    }

    /// More fields of the listener.
    #[must_use]
    pub fn listener(mut self, fields: &str) -> Self {
        self.config.listener.push(yaml(fields));
        self
    }

    /// More fields of the only filter chain.
    #[must_use]
    pub fn chain(mut self, fields: &str) -> Self {
        self.config.chain.push(yaml(fields));
        self
    }

    /// More fields of the HTTP connection manager.
    #[must_use]
    pub fn hcm(mut self, fields: &str) -> Self {
        self.config.hcm.push(yaml(fields));
        self
    }

    /// HTTP filters before the router, as list items.
    #[must_use]
    pub fn filters(mut self, items: &str) -> Self {
        self.config.filters.push(yaml(items));
        self
    }

    /// More fields of the router.
    #[must_use]
    pub fn router(mut self, fields: &str) -> Self {
        self.config.router.push(yaml(fields));
        self
    }

    /// More fields of the route configuration.
    #[must_use]
    pub fn route_config(mut self, fields: &str) -> Self {
        self.config.route_config.push(yaml(fields));
        self
    }

    /// More fields of the only virtual host.
    #[must_use]
    pub fn virtual_host(mut self, fields: &str) -> Self {
        self.config.virtual_host.push(yaml(fields));
        self
    }

    /// Virtual hosts in place of the only one, as list items.
    #[must_use]
    pub fn virtual_hosts(mut self, items: &str) -> Self {
        self.config.virtual_hosts.push(yaml(items));
        self
    }

    /// Routes of the only virtual host, as list items.
    #[must_use]
    pub fn routes(mut self, items: &str) -> Self {
        self.config.routes.push(yaml(items));
        self
    }

    /// Another format for the access log: operators, or fields of the logger if it contains a colon
    /// before a space, or a list of loggers if it begins with `-`.
    #[must_use]
    pub fn log(mut self, format: &str) -> Self {
        let format = yaml(format);
        let is_yaml = format.starts_with('-') || format.lines().next().is_some_and(is_field);
        self.config.log = Some(if format.is_empty() || is_yaml {
            format
        } else {
            // A block needs no escapes, and ends with the new line that a format must have.
            format!("log_format:\n  text_format_source:\n    inline_string: |\n{}", indent(&format, 6))
        });
        self
    }

    /// No access log, for cases in which chance decides.
    #[must_use]
    pub fn without_log(mut self) -> Self {
        self.config.log = Some(String::new());
        self
    }

    /// The whole file.
    #[must_use]
    pub fn file(mut self, text: &str) -> Self {
        self.config.whole = Some(yaml(text));
        self
    }

    /// A name server that knows these names. Its port is `{{dns}}`; a step changes what it says through
    /// [`Run::dns`].
    #[must_use]
    pub fn names(mut self, names: &[(&'static str, DnsAnswer)]) -> Self {
        self.names.extend(names.iter().cloned());
        self
    }

    /// A file in the directory of the run, for configurations that name one.
    #[must_use]
    pub fn with_file(mut self, name: &'static str, text: &str) -> Self {
        self.files.push((name, text.into()));
        self
    }

    /// The number of workers, or threads as Envoy calls them; one if nothing is said.
    #[must_use]
    pub const fn workers(mut self, workers: usize) -> Self {
        self.workers = workers;
        self
    }

    /// Changes each line of the access log before it is compared, for what differs between two runs.
    #[must_use]
    pub fn mask_log(mut self, mask: fn(&str) -> String) -> Self {
        self.mask_log = Some(mask);
        self
    }

    /// The lines of the access log may come in any order.
    #[must_use]
    pub fn sort_log(mut self) -> Self {
        self.sort_log = true;
        self
    }

    /// Something of one's own.
    #[must_use]
    pub fn step(mut self, step: impl Step + 'static) -> Self {
        self.steps.push(Box::new(step));
        self
    }

    /// Causeway differs here on purpose: the row of `docs/differences.md`, the place in the
    /// observations, and what Causeway shows there instead ([`Value::Null`] for nothing, `<any>` in a
    /// text for any text). The case fails if it shows anything else, and also if it shows what Envoy does:
    /// then the row is out of date.
    #[must_use]
    pub fn differs(mut self, id: &'static str, path: &[&str], instead: impl Into<Value>) -> Self {
        self.differs.push(Difference { id, path: path_of(path), instead: instead.into() });
        self
    }

    /// Causeway does not have what this case is about: the row of `docs/differences.md`, and a part of
    /// the diagnostic with which it must refuse the configuration. The case fails if it refuses it in other
    /// words, and also if it takes it: then the row is out of date.
    #[must_use]
    pub const fn refused(mut self, id: &'static str, says: &'static str) -> Self {
        self.refused = Some(Refusal { id, says });
        self
    }

    /// Fills in what was not said.
    pub(crate) fn complete(mut self) -> Self {
        if self.backends.is_empty() && self.config.clusters.is_empty() && self.config.whole.is_none() {
            self = self.backend("app", Script::echo());
        }
        self
    }
}

/// Whether a line is `key: …` or `key:` rather than text of a log format.
fn is_field(line: &str) -> bool {
    line.split_once(':').is_some_and(|(key, rest)| {
        key.chars().all(|c| c.is_ascii_lowercase() || c == '_') && (rest.is_empty() || rest.starts_with(' '))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use causeway_testkit::Answer;

    #[test]
    fn log_formats_are_told_from_fields() {
        assert!(is_field("log_format:") && is_field("path: /dev/null"));
        assert!(!is_field("%REQ(:METHOD)% x") && !is_field("code:%RESPONSE_CODE%"));
    }

    #[test]
    fn a_case_without_back_ends_has_one() {
        let case = Case::new("x").complete();
        assert_eq!(case.backends.len(), 1);
        assert!(Case::new("x").dead("d").backend("e", Answer::close()).complete().backends.len() == 2);
    }
}

//! Names of scopes, with the tags that Prometheus wants taken out of them.

/// Name of a scope: `cluster.backend` with the tag `envoy.cluster_name=backend`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ScopeName {
    path: String,
    tagless: String,
    tags: Vec<(&'static str, String)>,
}

impl ScopeName {
    /// The scope without a name: `server.live` stands in `ScopeName::root().then("server")`.
    #[must_use]
    pub fn root() -> Self {
        Self::default()
    }

    /// Adds an element that is part of the metric's name.
    #[must_use]
    pub fn then(mut self, element: &str) -> Self {
        push(&mut self.path, element);
        push(&mut self.tagless, element);
        self
    }

    /// Adds an element that is the value of a tag. As Envoy does, `:` becomes `_`, since `:` separates
    /// the parts of a statsd line.
    #[must_use]
    pub fn tagged(mut self, tag: &'static str, value: &str) -> Self {
        let value = value.replace(':', "_");
        push(&mut self.path, &value);
        self.tags.push((tag, value));
        self
    }

    /// Adds elements whose first is the value of a tag, as it is: of `www.a.test`, `www` is the value, and
    /// the rest stays in the metric's name. `outer` puts the tag in front of those that are there already.
    #[must_use]
    pub fn tagged_to_dot(mut self, tag: &'static str, value: &str, outer: bool) -> Self {
        push(&mut self.path, value);
        let (first, rest) = value.split_once('.').unwrap_or((value, ""));
        push(&mut self.tagless, rest);
        let at = if outer { 0 } else { self.tags.len() };
        self.tags.insert(at, (tag, first.to_owned()));
        self
    }

    /// Adds an element like `worker_0`: a prefix, which stays in the metric's name, and the value of a tag, with
    /// which Envoy takes the dot behind it out.
    #[must_use]
    pub fn tagged_with_prefix(mut self, prefix: &str, tag: &'static str, value: &str) -> Self {
        push(&mut self.path, &format!("{prefix}{value}"));
        push(&mut self.tagless, prefix);
        self.tags.push((tag, value.to_owned()));
        self
    }

    /// Adds elements that name the value of a tag and are no part of the metric's name: `versions.v1` for the version
    /// 1. The tag comes in front of those that are there already.
    #[must_use]
    pub fn named_for(mut self, elements: &str, tag: &'static str, value: &str) -> Self {
        push(&mut self.path, elements);
        self.tags.insert(0, (tag, value.to_owned()));
        self
    }

    /// The name as Envoy's `/stats` has it, without a dot at the end.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The name without the values of tags, which is the first part of the Prometheus name.
    #[must_use]
    pub fn tagless(&self) -> &str {
        &self.tagless
    }

    /// Tags, in the order of their place in the name: Envoy's tag name and the value.
    #[must_use]
    pub fn tags(&self) -> &[(&'static str, String)] {
        &self.tags
    }
}

fn push(path: &mut String, element: &str) {
    if !path.is_empty() && !element.is_empty() {
        path.push('.');
    }
    path.push_str(element);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_may_end_at_the_first_dot() {
        let name = ScopeName::root()
            .then("vhost")
            .tagged_to_dot("envoy.virtual_host", "a:b.test.x", false)
            .then("route")
            .tagged_to_dot("envoy.route", "r", true);
        assert_eq!(name.path(), "vhost.a:b.test.x.route.r");
        assert_eq!(name.tagless(), "vhost.test.x.route");
        let tags: Vec<_> = name.tags().iter().map(|(tag, value)| (*tag, value.as_str())).collect();
        assert_eq!(tags, [("envoy.route", "r"), ("envoy.virtual_host", "a:b")]);
    }

    #[test]
    fn tags_are_left_out_of_the_metric_name() {
        let name = ScopeName::root()
            .then("listener")
            .tagged("envoy.listener_address", "[::1]:80")
            .tagged_with_prefix("worker_", "envoy.worker_id", "0");
        assert_eq!(name.path(), "listener.[__1]_80.worker_0");
        // Envoy 1.40: `envoy_listener_worker_downstream_cx_total{envoy_worker_id="0",…}`.
        assert_eq!(name.tagless(), "listener.worker_");
        assert_eq!(name.tags().len(), 2);
    }
}

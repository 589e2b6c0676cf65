//! HTTP options of a cluster, changed where they are written: in the message of their own, in the fields of the cluster that
//! it took the place of, or, where there is none yet, in a new message. What stands beside the field stays.

use causeway_envoy::Spot;
use causeway_model::{Cluster, HttpOptionsForm};

use crate::finding::{Fix, under};
use crate::said::Said;

/// The message of their own, below the cluster.
const MESSAGE: &str =
    "typed_extension_protocol_options[\"envoy.extensions.upstreams.http.v3.HttpProtocolOptions\"]";
const TYPE: &str = "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions";

/// Where they are written, or would be.
pub(crate) fn spot(cluster: &Cluster) -> Spot {
    match &cluster.http.written {
        HttpOptionsForm::Message(position) => Spot::Under(position.clone(), String::new()),
        HttpOptionsForm::Cluster | HttpOptionsForm::Unset => under(&cluster.position, MESSAGE),
    }
}

/// Where a field of `common_http_protocol_options` is written, or would be.
pub(crate) fn common(cluster: &Cluster, field: &str) -> Spot {
    let path = format!("common_http_protocol_options.{field}");
    match &cluster.http.written {
        HttpOptionsForm::Message(position) => under(position, &path),
        HttpOptionsForm::Cluster => under(&cluster.position, &path),
        HttpOptionsForm::Unset => under(&cluster.position, MESSAGE),
    }
}

/// A field of `common_http_protocol_options` that gets a value.
pub(crate) fn set_common(what: Said, cluster: &Cluster, field: &str, value: &str) -> Fix {
    let value = match &cluster.http.written {
        HttpOptionsForm::Message(_) | HttpOptionsForm::Cluster => value.to_owned(),
        HttpOptionsForm::Unset => {
            let more = format!("\ncommon_http_protocol_options:\n  {field}: {value}");
            message("http_protocol_options") + &more
        }
    };
    Fix::set(what, common(cluster, field), value)
}

/// HTTP/2 in place of HTTP/1.1.
pub(crate) fn speak_http2(what: Said, cluster: &Cluster) -> Fix {
    match &cluster.http.written {
        HttpOptionsForm::Message(position) => {
            Fix::set(what, under(position, "explicit_http_config"), "{http2_protocol_options: {}}")
        }
        HttpOptionsForm::Cluster => Fix::set(what, under(&cluster.position, "http2_protocol_options"), "{}"),
        HttpOptionsForm::Unset => {
            Fix::set(what, under(&cluster.position, MESSAGE), message("http2_protocol_options"))
        }
    }
}

/// HTTP/1.1 in place of HTTP/2.
pub(crate) fn speak_http1(what: Said, cluster: &Cluster) -> Fix {
    match &cluster.http.written {
        HttpOptionsForm::Message(position) => {
            Fix::set(what, under(position, "explicit_http_config"), "{http_protocol_options: {}}")
        }
        HttpOptionsForm::Cluster | HttpOptionsForm::Unset => {
            Fix::manual(what).and_remove(under(&cluster.position, "http2_protocol_options"))
        }
    }
}

/// The message with this protocol.
fn message(protocol: &str) -> String {
    format!("\"@type\": {TYPE}\nexplicit_http_config:\n  {protocol}: {{}}")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use causeway_envoy::{LoadOptions, Source, load};
    use causeway_model::UpstreamProtocol;
    use causeway_reason::Condition;

    use super::*;
    use crate::finding::{Evidence, Finding, Severity};
    use crate::mend;
    use crate::report::Report;

    /// The cluster of a file with these fields in it.
    fn read(source: &Source) -> Arc<Cluster> {
        let loaded = load(source, &LoadOptions::default());
        let bootstrap = loaded.bootstrap.unwrap_or_else(|| panic!("{}", loaded.diagnostics.render(false)));
        Arc::clone(&bootstrap.clusters[0])
    }

    /// The cluster as the fix leaves it, and the lines of the patch.
    fn fixed(fields: &str, fix: impl Fn(&Cluster) -> Fix) -> (Arc<Cluster>, String) {
        let text =
            format!("static_resources:\n  clusters:\n  - name: app\n    connect_timeout: 1s\n{fields}");
        let source = Source::new("envoy.yaml", text);
        let words = || Said::plain("x");
        let finding =
            Finding::new(Condition::KeepaliveTooLong, Severity::Warning, words(), Evidence::file(words()))
                .fix(fix(&read(&source)));
        let mut report = Report { findings: vec![finding], ..Report::default() };
        report.locate(&source, &LoadOptions::default());
        let mended = mend::mend(&source, &report, &[Condition::KeepaliveTooLong.into()]).unwrap();
        assert_eq!(mended.refused, [], "{fields}");
        (read(&mended.source), mend::difference(&source, &mended.source))
    }

    const FORMS: &[&str] = &[
        "",
        "    http2_protocol_options: {initial_stream_window_size: 70000}\n",
        "    common_http_protocol_options: {max_headers_count: 7}\n",
        "    typed_extension_protocol_options:\n      envoy.extensions.upstreams.http.v3.HttpProtocolOptions:\n        \"@type\": \
         type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions\n        common_http_protocol_options: \
         {max_headers_count: 7}\n        explicit_http_config: {http2_protocol_options: {initial_stream_window_size: 70000}}\n",
        "    typed_extension_protocol_options: {envoy.upstreams.http.http_protocol_options: {\"@type\": \
         type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions, explicit_http_config: \
         {http_protocol_options: {}}}}\n",
    ];

    #[test]
    fn a_common_field_is_set_and_all_others_stay() {
        for fields in FORMS {
            let (after, patch) =
                fixed(fields, |cluster| set_common(Said::plain("x"), cluster, "idle_timeout", "4s"));
            assert_eq!(after.http.idle_timeout.map(|time| time.as_secs()), Some(4), "{fields}");
            let is_http2 = matches!(after.http.protocol, UpstreamProtocol::Http2(_));
            assert_eq!(is_http2, fields.contains("http2"), "{fields}\n{patch}");
            let window = after.http.protocol.http2().map(|http2| http2.initial_stream_window_size);
            assert_eq!(window, fields.contains("70000").then_some(70000), "{fields}\n{patch}");
            let most = after.http.max_headers_count;
            assert_eq!(most == 7, fields.contains("count: 7"), "{fields}\n{patch}");
        }
    }

    #[test]
    fn the_protocol_is_changed_where_it_is_written() {
        for fields in FORMS {
            let (after, patch) = fixed(fields, |cluster| speak_http2(Said::plain("x"), cluster));
            assert!(matches!(after.http.protocol, UpstreamProtocol::Http2(_)), "{fields}\n{patch}");
            assert_eq!(after.http.max_headers_count == 7, fields.contains("count: 7"), "{fields}\n{patch}");
            if fields.contains("http2") {
                let (after, patch) = fixed(fields, |cluster| speak_http1(Said::plain("x"), cluster));
                assert_eq!(after.http.protocol, UpstreamProtocol::Http1, "{fields}\n{patch}");
            }
        }
    }
}

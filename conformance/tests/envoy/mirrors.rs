//! Copies of requests that go to another cluster.

use std::time::Duration;

use causeway_conformance::{Answer, Case, Reply, Request, Run, Script, eventually};
use serde_json::{Value, json};

/// What is counted of a mirror, and of the request itself.
const COUNTED: &[&str] = &[
    "cluster.mirror.upstream_rq_total",
    "cluster.mirror.upstream_rq_active",
    "cluster.mirror.upstream_rq_completed",
    "cluster.mirror.upstream_rq_2xx",
    "cluster.mirror.upstream_rq_5xx",
    "cluster.mirror.upstream_rq_503",
    "cluster.mirror.upstream_rq_504",
    "cluster.mirror.internal.upstream_rq_completed",
    "cluster.mirror.internal.upstream_rq_5xx",
    "cluster.mirror.external.upstream_rq_completed",
    "cluster.mirror.upstream_rq_timeout",
    "cluster.mirror.upstream_rq_pending_overflow",
    "cluster.mirror.upstream_rq_active_overflow",
    "cluster.mirror.upstream_cx_none_healthy",
    "cluster.mirror.retry_or_shadow_abandoned",
    "cluster.app.upstream_rq_total",
    "cluster.app.upstream_rq_2xx",
    "cluster.app.retry_or_shadow_abandoned",
    "http.async-client.rq_total",
];

/// A route to `app` with these policies.
fn mirrored(policies: &str) -> String {
    format!("- match: {{prefix: /}}\n  route: {{cluster: app, request_mirror_policies: [{policies}]}}")
}

fn mirror(name: &'static str, policies: &str) -> Case {
    Case::new(name).echoes(&["app", "mirror"]).routes(&mirrored(policies))
}

/// What the mirror was asked: method, path, body and all fields but those that chance makes.
fn note_copies(case: Case, count: usize) -> Case {
    case.step(async move |run: &mut Run| {
        let all = async || run.backend("mirror").received().len() >= count;
        eventually(Duration::from_secs(5), all).await;
        let label = run.label("copies");
        let copies = run.backend("mirror").received();
        let copies = copies.iter().map(|copy| {
            let fields = copy.headers.iter().filter(|(name, _)| *name != "x-request-id");
            let fields: Vec<Value> = fields.map(|(name, value)| json!(format!("{name}: {value}"))).collect();
            json!([copy.method, copy.target, String::from_utf8_lossy(&copy.body), fields])
        });
        let copies: Vec<Value> = copies.collect();
        run.note(label, json!(copies));
    })
}

pub(crate) fn cases() -> Vec<Case> {
    vec![
        note_copies(
            mirror("a_copy_is_what_the_back_end_gets", "{cluster: mirror}")
                .routes(
                    "- match: {prefix: /}\n  request_headers_to_add: [{header: {key: x-added, value: '1'}}]\n  \
                     route: {cluster: app, prefix_rewrite: /new/, host_rewrite_literal: re.test:81, timeout: 3s, \
                     request_mirror_policies: [{cluster: mirror}]}",
                )
                .send(Request::post("/x?q=1", "body").header("x-a", "1").header("te", "trailers")),
            1,
        )
        .stats(COUNTED),
        note_copies(
            mirror(
                "a_copy_may_be_changed",
                "{cluster: mirror, request_headers_mutations: [{append: {header: {key: x-m, value: 'of %REQ(:path)%'}}}, \
                 {remove: x-a}], host_rewrite_literal: 'other.test:82'}",
            )
            .send(Request::get("/x").header("x-a", "1")),
            1,
        ),
        note_copies(
            mirror("the_suffix_can_be_left_out", "{cluster: mirror, disable_shadow_host_suffix_append: true}")
                .send(Request::get("/x").host("a.test:80")),
            1,
        ),
        note_copies(
            mirror("hosts_of_copies", "{cluster: mirror}")
                .get("/1")
                .send(Request::get("/2").host("[::1]:80")),
            2,
        )
        .without_log(),
        note_copies(
            mirror("the_request_may_name_the_mirror", "{cluster_header: x-mirror}")
                .get("/none")
                .send(Request::get("/unknown").header("x-mirror", "nobody"))
                .send(Request::get("/known").header("x-mirror", "mirror")),
            1,
        )
        .more_clusters("- {name: unused}")
        .stats(COUNTED),
        note_copies(
            mirror("the_host_may_name_the_mirror", "{cluster_header: ':authority'}")
                .send(Request::get("/none").host("nobody"))
                .send(Request::get("/known").host("mirror")),
            1,
        )
        .more_clusters("- {name: unused}"),
        mirror("a_share_of_nothing", "{cluster: mirror, runtime_fraction: {default_value: {numerator: 0}}}")
            .get("/")
            .pause(Duration::from_millis(100))
            .asked("mirror"),
        note_copies(
            mirror(
                "the_runtime_has_the_last_word",
                "{cluster: mirror, runtime_fraction: {default_value: {numerator: 0}, runtime_key: share}}",
            )
            .bootstrap("layered_runtime: {layers: [{name: l, static_layer: {share: 100}}]}")
            .get("/"),
            1,
        ),
        note_copies(
            Case::new("the_most_specific_place_counts")
                .echoes(&["app", "mirror", "other"])
                .route_config("request_mirror_policies: [{cluster: other}]")
                .virtual_host("request_mirror_policies: [{cluster: mirror}]")
                .routes(
                    "
                    - match: {prefix: /own}
                      route: {cluster: app, request_mirror_policies: [{cluster: other}]}
                    - match: {prefix: /}
                      route: {cluster: app}",
                )
                .get("/own")
                .get("/host"),
            1,
        )
        .asked("other"),
        note_copies(
            mirror("chunks_are_copied", "{cluster: mirror}").raw(
                "POST /x HTTP/1.1\r\nhost: a.test\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
            ),
            1,
        )
        .without_log(),
        mirror("a_large_body_is_copied", "{cluster: mirror}")
            .listener("per_connection_buffer_limit_bytes: 32768")
            .send(Request::post("/x", "z".repeat(300_000)))
            .step(async |run: &mut Run| {
                let whole = async || !run.backend("mirror").received().is_empty();
                assert!(eventually(Duration::from_secs(5), whole).await);
                let copies = run.backend("mirror").received();
                run.note("bytes", json!(copies[0].body.len()));
            })
            .stats(COUNTED),
        fails("a_mirror_that_fails_is_not_heard", Reply::status(500).into()),
        fails("a_mirror_that_closes_is_not_heard", Answer::close()),
        fails("a_mirror_that_says_nonsense_is_not_heard", Answer::raw("what?\r\n\r\n")),
        fails("a_mirror_that_hangs_runs_out_of_time", Answer::hang()),
        mirror("a_mirror_whose_trailers_are_too_large_is_given_up", "{cluster: mirror}")
            .backend(
                "mirror",
                Answer::raw(format!(
                    "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\nx: {}\r\n\r\n",
                    "y".repeat(70_000)
                )),
            )
            .get("/")
            .get("/")
            .stats(&[
                "cluster.mirror.upstream_rq_total",
                "cluster.mirror.upstream_cx_protocol_error",
                "cluster.mirror.upstream_cx_total",
                "cluster.mirror.upstream_cx_active",
            ]),
        Case::new("a_mirror_that_is_down_is_not_heard")
            .echoes(&["app"])
            .dead("mirror")
            .routes(&mirrored("{cluster: mirror}"))
            .get("/1")
            .send(Request::post("/2", "body"))
            .stats(COUNTED),
        Case::new("a_mirror_without_hosts")
            .echoes(&["app"])
            .pool("mirror", &[])
            .routes(&mirrored("{cluster: mirror}"))
            .get("/1")
            .stats(COUNTED),
        mirror("a_mirror_has_its_own_breakers", "{cluster: mirror}")
            .cluster("mirror", "circuit_breakers: {thresholds: [{max_requests: 0}]}")
            .get("/1")
            .stats(COUNTED),
        note_copies(
            Case::new("a_request_that_is_sent_again_is_copied_once")
                .echoes(&["mirror"])
                .backend("app", Script::in_turn([Reply::status(503), Reply::ok("fine")]))
                .routes(
                    "- match: {prefix: /}\n  route: {cluster: app, retry_policy: {retry_on: 5xx}, \
                     request_mirror_policies: [{cluster: mirror}]}",
                )
                .send(Request::post("/x", "body")),
            1,
        )
        .stats(COUNTED),
        note_copies(
            Case::new("a_mirror_may_speak_http_2")
                .echoes(&["app"])
                .routes(&mirrored("{cluster: mirror}"))
                .backend("mirror", Script::echo().http2())
                .cluster("mirror", "http2_protocol_options: {}")
                .send(Request::post("/x", "body"))
                .get("/y"),
            2,
        )
        .stats(COUNTED),
        mirror("nothing_is_copied_where_no_back_end_is_asked", "{cluster: mirror}")
            .pool("app", &[])
            .get("/x")
            .pause(Duration::from_millis(100))
            .asked("mirror"),
        mirror("copies_have_lines_in_the_routers_log", "{cluster: mirror}")
            .filters(
                "
                - name: envoy.filters.http.router
                  typed_config:
                    '@type': type.googleapis.com/envoy.extensions.filters.http.router.v3.Router
                    upstream_log:
                    - name: log
                      typed_config:
                        '@type': type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog
                        path: '{{dir}}/access.log'
                        log_format: {text_format_source: {inline_string: \"up %REQ(:AUTHORITY)% %REQ(:PATH)% \
                 %RESPONSE_CODE% %RESPONSE_FLAGS% %UPSTREAM_CLUSTER% %UPSTREAM_HOST% %BYTES_RECEIVED%\\n\"}}",
            )
            .send(Request::post("/x", "body"))
            .step(async |run: &mut Run| assert!(run.backend("mirror").wait_for_requests(1).await))
            .pause(Duration::from_millis(100))
            .sort_log(),
        note_copies(
            Case::new("a_mirror_gets_what_the_back_end_does_not")
                .echoes(&["mirror"])
                .dead("app")
                .routes(&mirrored("{cluster: mirror}"))
                .send(Request::post("/x", "body")),
            1,
        )
        .stats(COUNTED),
        slow(),
        Case::new("a_mirror_of_several_clusters_has_the_host_looked_at_that_failed")
            .backend("app", Reply::ok("app"))
            .endpoint("bad", Reply::status(500))
            .endpoint("good", Reply::ok("good"))
            .more_clusters(&member("first", "bad"))
            .more_clusters(&member("second", "good"))
            .more_clusters(
                "
                - name: mirror
                  connect_timeout: 1s
                  lb_policy: CLUSTER_PROVIDED
                  cluster_type:
                    name: envoy.clusters.aggregate
                    typed_config:
                      '@type': type.googleapis.com/envoy.extensions.clusters.aggregate.v3.ClusterConfig
                      clusters: [first, second]",
            )
            .routes(&mirrored("{cluster: mirror}"))
            .get("/1")
            .wait_for("/clusters", "health_flags::/failed_outlier_check")
            .get("/2")
            .pause(Duration::from_millis(300))
            .stats(&[
                "cluster.first.outlier_detection.ejections_active",
                "cluster.first.upstream_rq_total",
                "cluster.second.outlier_detection.ejections_active",
                "cluster.second.upstream_rq_total",
                "cluster.mirror.upstream_rq_total",
                "cluster.mirror.upstream_rq_5xx",
            ]),
    ]
}

/// A cluster of one back-end, which is ejected with its first failure.
fn member(name: &str, endpoint: &str) -> String {
    format!(
        "
        - name: {name}
          connect_timeout: 1s
          common_lb_config: {{healthy_panic_threshold: {{value: 0}}}}
          outlier_detection: {{interval: 0.2s, consecutive_5xx: 1, max_ejection_percent: 100}}
          load_assignment: {{cluster_name: {name}, endpoints: [{{lb_endpoints: [{{endpoint: {{address: {{socket_address: {{address: 127.0.0.1, port_value: {{{{{endpoint}}}}}}}}}}}}}]}}]}}"
    )
}

/// A mirror that does this; nobody waits for it.
fn fails(name: &'static str, answer: Answer) -> Case {
    Case::new(name)
        .echoes(&["app"])
        .backend("mirror", Script::always(answer))
        .routes(
            "- match: {prefix: /}\n  route: {cluster: app, timeout: 0.3s, request_mirror_policies: [{cluster: mirror}]}",
        )
        .get("/1")
        .send(Request::post("/2", "body"))
        .pause(Duration::from_millis(500))
        .stats(COUNTED)
}

/// A mirror that reads nothing, and a body that is more than all buffers on its way hold.
fn slow() -> Case {
    Case::new("a_mirror_that_does_not_read_holds_nobody_up")
        .endpoint("deaf", Script::echo().greeting(Answer::default().then_pause(Duration::from_secs(9))))
        .backend("app", Reply::ok("done"))
        .pool("mirror", &["deaf"])
        .listener("per_connection_buffer_limit_bytes: 65536")
        .routes(&mirrored("{cluster: mirror}"))
        .without_log()
        .step(async |run: &mut Run| {
            let request = Request::post("/x", "z".repeat(24 << 20));
            let answer = run.connect().await.patience(Duration::from_secs(5)).exchange(&request).await;
            run.note("answer", json!(answer.map_or(0, |answer| answer.status)));
        })
        .differs("D-196", &["answer"], 200)
}

//! Redirects of a back-end that the proxy follows itself.

use causeway_conformance::{Answer, Case, Reply, Request, Run, Script};

/// Sends to `location` for the paths that begin with `/from`, and echoes everything else.
fn redirecting(status: u16, location: &'static str) -> Script {
    Script::by(move |request| {
        if request.path().starts_with("/from") {
            Reply::status(status).header("location", location).header("x-token", "t1").body("moved").into()
        } else {
            Reply::echo().into()
        }
    })
}

const STATS: &[&str] = &[
    "cluster.app.upstream_internal_redirect_succeeded_total",
    "cluster.app.upstream_internal_redirect_failed_total",
    "cluster.app.upstream_rq_total",
    "cluster.app.upstream_rq_302",
    "cluster.app.upstream_rq_200",
    "cluster.app.upstream_rq_completed",
    "cluster.app.upstream_rq_tx_reset",
    "cluster.app.retry_or_shadow_abandoned",
    "cluster.app.upstream_cx_total",
    "cluster.app.upstream_cx_destroy_local_with_active_rq",
    "http.ingress.passthrough_internal_redirect_bad_location",
    "http.ingress.passthrough_internal_redirect_no_route",
    "http.ingress.passthrough_internal_redirect_predicate",
    "http.ingress.passthrough_internal_redirect_too_many_redirects",
    "http.ingress.passthrough_internal_redirect_unsafe_scheme",
    "http.ingress.downstream_rq_total",
    "http.ingress.downstream_rq_http1_total",
    "http.ingress.downstream_rq_completed",
    "http.ingress.downstream_rq_2xx",
    "http.ingress.downstream_rq_3xx",
    "http.ingress.rq_total",
];

const FOLLOW: &str = "
    - match: {prefix: /}
      route: {cluster: app, internal_redirect_policy: {}}";

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new("is_followed")
            .backend("app", redirecting(302, "http://other.test:81/to?x=1#part"))
            .routes(FOLLOW)
            .hcm("use_remote_address: true")
            .log("log_format: {text_format_source: {inline_string: \"%REQ(:METHOD)% %REQ(:PATH)% %REQ(:AUTHORITY)% %REQ(X-ENVOY-ORIGINAL-URL)% %PROTOCOL% %RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS% received=%BYTES_RECEIVED% sent=%BYTES_SENT% wire=%DOWNSTREAM_WIRE_BYTES_RECEIVED%/%UPSTREAM_WIRE_BYTES_SENT%/%UPSTREAM_WIRE_BYTES_RECEIVED% header=%RESP(LOCATION)% %RESP(SERVER)% attempts=%UPSTREAM_REQUEST_ATTEMPT_COUNT% host=%UPSTREAM_HOST% stream=%ACCESS_LOG_TYPE%\\n\"}}")
            .send(Request::get("/from").header("x-a", "1").header("te", "trailers"))
            .asked("app")
            .stats(STATS),
        kept("a_body_within_the_limit_of_the_route", "", "request_body_buffer_limit: 100000"),
        kept("a_body_beyond_the_limit_of_the_route", "", "request_body_buffer_limit: 100"),
        kept("a_body_beyond_the_older_limit_of_the_route", "", "per_request_buffer_limit_bytes: 100"),
        kept(
            "the_older_limit_gives_way",
            "",
            "per_request_buffer_limit_bytes: 100\n  request_body_buffer_limit: 100000",
        ),
        kept("a_body_beyond_the_limit_of_the_virtual_host", "request_body_buffer_limit: 100", ""),
        kept(
            "the_limit_of_the_route_goes_before_that_of_the_virtual_host",
            "request_body_buffer_limit: 100",
            "request_body_buffer_limit: 100000",
        ),
        kept(
            "but_not_the_older_one_of_the_route_before_today_s",
            "request_body_buffer_limit: 100000",
            "per_request_buffer_limit_bytes: 100",
        ),
        kept("a_limit_of_nothing", "request_body_buffer_limit: 0", ""),
        Case::new("without_a_body_the_connection_is_kept")
            .backend(
                "app",
                Script::by(|request| {
                    if request.path() == "/from" {
                        Reply::status(302).header("location", "http://a.test/to").into()
                    } else {
                        Reply::ok("x").into()
                    }
                }),
            )
            .routes(FOLLOW)
            .on_one_connection([Request::get("/from"), Request::get("/next")])
            .asked("app")
            .stats(STATS),
        Case::new("only_those_of_the_list")
            .backend("app", Script::by(|request| {
                match request.path() {
                    "/303" => Reply::status(303).header("location", "http://a.test/to").into(),
                    "/307" => Reply::status(307).header("location", "http://a.test/to").into(),
                    "/302" => Reply::status(302).header("location", "http://a.test/to").into(),
                    _ => Reply::echo().into(),
                }
            }))
            .routes("
                - match: {prefix: /}
                  route: {cluster: app, internal_redirect_policy: {redirect_response_codes: [303, 307, 404]}}")
            .get("/302")
            .get("/303")
            .get("/307")
            .send(Request::post("/303", "body"))
            .send(Request::post("/307", "body"))
            .send(Request::post("/307", "body").chunked())
            .send(Request::post("/303", "body").chunked())
            .send(Request::new("HEAD", "/303"))
            .asked("app")
            .stats(STATS),
        Case::new("bad_locations")
            .backend("app", Script::by(|request| {
                let location = match request.path() {
                    "/relative" => "/to",
                    "/empty" => "",
                    "/junk" => "nonsense",
                    "/https" => "https://a.test/to",
                    "/ftp" => "ftp://a.test/to",
                    "/nopath" => "http://a.test",
                    "/query" => "http://a.test?x=1",
                    "/user" => "http://user@a.test/to",
                    "/upper" => "HTTP://A.Test/To",
                    "/badport" => "http://a.test:99999/to",
                    "/space" => "http://a.test/t o",
                    "/none" => return Reply::status(302).into(),
                    _ => return Reply::echo().into(),
                };
                Reply::status(302).header("location", location).into()
            }))
            .routes(FOLLOW)
            .get("/relative").get("/empty").get("/junk").get("/https").get("/ftp").get("/none").get("/nopath").get("/query").get("/user").get("/upper").get("/badport").get("/space")
            .asked("app")
            .stats(STATS),
        Case::new("so_often_and_no_more")
            .backend("app", redirecting(302, "http://a.test/from"))
            .routes("
                - match: {prefix: /}
                  route: {cluster: app, internal_redirect_policy: {max_internal_redirects: 3}}")
            .get("/from")
            .asked("app")
            .stats(STATS),
        Case::new("not_at_all")
            .backend("app", redirecting(302, "http://a.test/to"))
            .routes("
                - match: {prefix: /}
                  route: {cluster: app, internal_redirect_policy: {max_internal_redirects: 0}}")
            .get("/from")
            .stats(STATS),
        Case::new("no_route_there")
            .backend("app", redirecting(302, "http://b.test/to"))
            .virtual_hosts("
                - name: a
                  domains: [a.test]
                  routes:
                  - match: {prefix: /}
                    route: {cluster: app, internal_redirect_policy: {}}")
            .send(Request::get("/from").host("a.test"))
            .stats(STATS),
        Case::new("to_another_route")
            .backend("app", redirecting(302, "http://b.test/direct"))
            .echoes(&["other"])
            .routes("
                - match: {path: /direct}
                  direct_response: {status: 201, body: {inline_string: here}}
                - match: {path: /moved}
                  redirect: {path_redirect: /again}
                - match: {prefix: /}
                  route: {cluster: app, internal_redirect_policy: {}}")
            .get("/from")
            .stats(STATS),
        Case::new("changes_of_the_first_pass_stay")
            .backend("app", redirecting(302, "http://b.test/to"))
            .virtual_host("
                request_headers_to_add: [{header: {key: x-added, value: '%REQ(:path)%'}}]
                response_headers_to_add: [{header: {key: x-back, value: '%REQ(:path)%'}}]
                include_request_attempt_count: true
                include_attempt_count_in_response: true")
            .routes("
                - match: {prefix: /api}
                  route: {cluster: app, prefix_rewrite: /from, host_rewrite_literal: inside.test, timeout: 3s, internal_redirect_policy: {}}
                - match: {prefix: /}
                  route: {cluster: app, prefix_rewrite: /second/}")
            .send(Request::get("/api/x?q").host("out.test").header("x-envoy-upstream-rq-timeout-ms", "1000"))
            .asked("app"),
        Case::new("fields_of_the_response_are_copied")
            .backend("app", Script::by(|request| {
                if request.path() == "/from" {
                    Reply::status(302).header("location", "http://b.test/to").header("x-one", "1").header("x-one", "2").body("z").into()
                } else {
                    Reply::echo().into()
                }
            }))
            .routes("
                - match: {prefix: /}
                  route: {cluster: app, internal_redirect_policy: {response_headers_to_copy: [x-one, x-gone, x-none]}}")
            .send(Request::get("/from").header("x-one", "client").header("x-gone", "client"))
            .asked("app"),
        Case::new("across_schemes")
            .backend("app", Script::by(|request| {
                match request.path() {
                    "/from" => Reply::status(302).header("location", "https://b.test/to").into(),
                    "/back" => Reply::status(302).header("location", "http://b.test/to").into(),
                    _ => Reply::echo().into(),
                }
            }))
            .routes("
                - match: {prefix: /}
                  route: {cluster: app, internal_redirect_policy: {allow_cross_scheme_redirect: true}}")
            .get("/from")
            .send(Request::get("/back").header("x-forwarded-proto", "https"))
            .send(Request::get("/from").header("x-forwarded-proto", "https"))
            .asked("app")
            .stats(STATS),
        Case::new("predicates")
            .backend("app", Script::by(|request| {
                match request.path() {
                    "/safe/https" => Reply::status(302).header("location", "https://b.test/to").into(),
                    "/safe/http" => Reply::status(302).header("location", "http://b.test/to").into(),
                    "/listed/yes" => Reply::status(302).header("location", "http://b.test/one").into(),
                    "/listed/no" => Reply::status(302).header("location", "http://b.test/two").into(),
                    "/previous/loop" => Reply::status(302).header("location", "http://b.test/previous/loop").into(),
                    "/previous/a" => Reply::status(302).header("location", "http://b.test/other/a").into(),
                    "/other/a" => Reply::status(302).header("location", "http://b.test/previous/a").into(),
                    _ => Reply::echo().into(),
                }
            }))
            .routes(r#"
                - name: safe
                  match: {prefix: /safe}
                  route:
                    cluster: app
                    internal_redirect_policy:
                      allow_cross_scheme_redirect: true
                      predicates:
                      - name: safe
                        typed_config: {"@type": type.googleapis.com/envoy.extensions.internal_redirect.safe_cross_scheme.v3.SafeCrossSchemeConfig}
                - name: listed
                  match: {prefix: /listed}
                  route:
                    cluster: app
                    internal_redirect_policy:
                      predicates:
                      - name: listed
                        typed_config: {"@type": type.googleapis.com/envoy.extensions.internal_redirect.allow_listed_routes.v3.AllowListedRoutesConfig, allowed_route_names: [one, three]}
                - name: previous
                  match: {prefix: /previous}
                  route:
                    cluster: app
                    internal_redirect_policy:
                      max_internal_redirects: 9
                      predicates:
                      - name: previous
                        typed_config: {"@type": type.googleapis.com/envoy.extensions.internal_redirect.previous_routes.v3.PreviousRoutesConfig}
                - name: other
                  match: {prefix: /other}
                  route:
                    cluster: app
                    internal_redirect_policy:
                      max_internal_redirects: 9
                      predicates:
                      - name: previous
                        typed_config: {"@type": type.googleapis.com/envoy.extensions.internal_redirect.previous_routes.v3.PreviousRoutesConfig}
                - name: one
                  match: {path: /one}
                  route: {cluster: app}
                - name: two
                  match: {prefix: /}
                  route: {cluster: app}"#)
            .get("/safe/https")
            .send(Request::get("/safe/https").header("x-forwarded-proto", "https"))
            .send(Request::get("/safe/http").header("x-forwarded-proto", "https"))
            .get("/safe/http")
            .get("/listed/yes")
            .get("/listed/no")
            .get("/previous/loop")
            .get("/previous/a")
            .asked("app")
            .stats(STATS),
        Case::new("the_deprecated_form")
            .backend("app", redirecting(302, "http://b.test/to"))
            .routes("
                - match: {path: /from/1}
                  route: {cluster: app, internal_redirect_action: HANDLE_INTERNAL_REDIRECT}
                - match: {path: /from/2}
                  route: {cluster: app, internal_redirect_action: HANDLE_INTERNAL_REDIRECT, max_internal_redirects: 0}
                - match: {path: /from/3}
                  route: {cluster: app, max_internal_redirects: 3}
                - match: {prefix: /}
                  route: {cluster: app, internal_redirect_action: PASS_THROUGH_INTERNAL_REDIRECT}")
            .get("/from/1").get("/from/2").get("/from/3").get("/from/4")
            .stats(STATS),
        Case::new("a_body_that_is_too_large_to_keep")
            .backend("app", redirecting(307, "http://b.test/to"))
            .listener("per_connection_buffer_limit_bytes: 1000")
            .routes("
                - match: {path: /from/small}
                  route: {cluster: app, internal_redirect_policy: {redirect_response_codes: [307]}}
                - match: {prefix: /}
                  route: {cluster: app, internal_redirect_policy: {redirect_response_codes: [307]}}")
            .send(Request::post("/from", vec![b'x'; 999]))
            .send(Request::post("/from", vec![b'x'; 1000]))
            .send(Request::post("/from", vec![b'x'; 1001]))
            .send(Request::post("/from", vec![b'x'; 50_000]))
            .asked("app")
            .stats(STATS),
        Case::new("an_answer_before_the_request_is_complete_is_not_followed")
            .backend("app", Script::always(
                Answer::from(Reply::status(302).header("location", "http://b.test/to").body("early")).then_close(),
            ).early())
            .routes(FOLLOW)
            .step(async |run: &mut Run| {
                let mut connection = run.connect().await;
                connection.write("POST /from HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab").await;
                let response = connection.response("POST").await;
                run.note_response("early", &response);
            })
            .stats(&[
                "cluster.app.upstream_internal_redirect_succeeded_total",
                "cluster.app.upstream_internal_redirect_failed_total",
                "cluster.app.upstream_rq_302",
                "http.ingress.downstream_rq_total",
            ]),
        Case::new("to_a_dead_cluster")
            .backend("app", redirecting(302, "http://b.test/dead"))
            .dead("dead")
            .routes("
                - match: {path: /dead}
                  route: {cluster: dead}
                - match: {prefix: /}
                  route: {cluster: app, internal_redirect_policy: {}}")
            .get("/from")
            .stats(STATS),
        Case::new("local_answers_are_not_followed")
            .dead("app")
            .routes("
                - match: {prefix: /}
                  route: {cluster: app, internal_redirect_policy: {redirect_response_codes: [303, 503]}}")
            .get("/from")
            .stats(STATS),
    ]
}

/// A body of 5000 bytes on a redirect, where the listener would keep 1024 of it.
fn kept(name: &'static str, of_host: &str, of_route: &str) -> Case {
    Case::new(name)
        .backend("app", redirecting(302, "http://test/to"))
        .listener("per_connection_buffer_limit_bytes: 1024")
        .virtual_host(of_host)
        .routes(&format!(
            "- match: {{prefix: /}}\n  route: {{cluster: app, internal_redirect_policy: {{}}}}\n  {of_route}"
        ))
        .send(Request::post("/from", "x".repeat(5000)))
        .send(Request::post("/from", "x"))
        .stats(&["cluster.app.retry_or_shadow_abandoned"])
}

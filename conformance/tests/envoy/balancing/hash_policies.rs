//! `hash_policy` of routes.

use causeway_conformance::{Case, Request, Run};
use causeway_testkit::Reply;

use super::pool;

/// Four back-ends behind a cluster that hashes, and a route with these rules.
fn hashing(name: &'static str, rules: &str) -> Case {
    Case::new(name)
        .named(&["a", "b", "c", "d"])
        .more_clusters(&pool("abcd", "lb_policy: RING_HASH"))
        .routes(&format!("- match: {{prefix: /}}\n  route:\n    cluster: pool\n    hash_policy:\n{rules}"))
}

pub(crate) fn cases() -> Vec<Case> {
    let case =
        hashing("values_of_a_header_are_hashed_whatever_their_order", "    - header: {header_name: x-key}\n");
    let case = ["", "1", "2", "a b", "ü"]
        .iter()
        .fold(case, |case, key| case.send(Request::get("/").header("x-key", key)));
    let headers = case
        .send(Request::get("/").header("x-key", "1").header("x-key", "2"))
        .send(Request::get("/").header("x-key", "2").header("x-key", "1"))
        .send(Request::get("/").header("x-key", "1,2"))
        .send(Request::get("/").header("x-key", "3").header("x-key", "1").header("x-key", "2"));
    let rewritten = hashing(
        "a_header_can_be_rewritten_before_it_is_hashed",
        "    - header:
        header_name: x-key
        regex_rewrite: {pattern: {regex: '^user-([a-z]+)-.*'}, substitution: 'u\\1'}\n",
    )
    .send(Request::get("/").header("x-key", "user-ab-1"))
    .send(Request::get("/").header("x-key", "user-ab-2"))
    .send(Request::get("/").header("x-key", "uab"))
    .send(Request::get("/").header("x-key", "user-cd-1"))
    .send(Request::get("/").header("x-key", "user-ab-1").header("x-key", "user-cd-7"))
    .send(Request::get("/").header("x-key", "uab").header("x-key", "ucd"))
    .send(Request::get("/").header("x-key", "user-12-1"));
    let changed = ["/old/1", "/old/2", "/old/3", "/old/4"].iter().fold(
        Case::new("what_the_route_makes_of_a_request_is_hashed")
            .named(&["a", "b", "c", "d"])
            .more_clusters(&pool("abcd", "lb_policy: RING_HASH"))
            .routes(
                "
                - match: {prefix: /old/1}
                  request_headers_to_add: [{header: {key: x-key, value: k}, append_action: OVERWRITE_IF_EXISTS_OR_ADD}]
                  route: {cluster: pool, hash_policy: [{header: {header_name: x-key}}]}
                - match: {prefix: /old/}
                  route:
                    cluster: pool
                    prefix_rewrite: /new
                    host_rewrite_literal: new.test
                    hash_policy: [{header: {header_name: ':path'}}, {header: {header_name: ':authority'}}]",
            ),
        |case, path| {
            let keys = ["", "1", "2", "3", "4"].iter();
            keys.fold(case, |case, key| case.send(Request::get(path).header("x-key", key)))
        },
    );
    let pseudo = hashing(
        "parts_of_the_request_line_are_hashed_by_their_names",
        "    - header: {header_name: ':path'}\n    - header: {header_name: ':authority'}\n",
    );
    let pseudo = ["/1", "/2", "/3?x", "/4"].iter().fold(pseudo, |case, path| case.get(path));
    let query = hashing(
        "the_first_value_of_a_parameter_is_hashed_as_it_is_written",
        "    - query_parameter: {name: q}\n      terminal: true\n    - header: {header_name: x-key}\n",
    );
    let query = ["/?q=1", "/?q=a%20b", "/?q=a+b", "/?x=1&q=2&q=3", "/?q", "/?q=", "/?Q=1", "/#q=1"]
        .iter()
        .fold(query, |case, path| case.send(Request::get(path).header("x-key", "k")));
    let combined = hashing(
        "rules_are_combined_up_to_a_terminal_one",
        "    - header: {header_name: x-one}
    - header: {header_name: x-two}
      terminal: true
    - header: {header_name: x-three}\n",
    );
    let mut combined = combined;
    for (one, two, three) in [
        ("1", "1", "1"),
        ("1", "2", "1"),
        ("2", "1", "1"),
        ("1", "", "2"),
        ("", "", "2"),
        ("", "", "3"),
        ("7", "", "3"),
    ] {
        let mut request = Request::get("/");
        for (name, value) in [("x-one", one), ("x-two", two), ("x-three", three)] {
            if !value.is_empty() {
                request = request.header(name, value);
            }
        }
        combined = combined.send(request);
    }
    let source = hashing(
        "the_address_is_the_one_that_is_believed",
        "    - connection_properties: {source_ip: true}\n",
    )
    .hcm("use_remote_address: true\nxff_num_trusted_hops: 1");
    let source = (1..9).fold(source, |case, last| {
        case.send(Request::get("/").header("x-forwarded-for", &format!("10.1.1.1, 10.0.0.{last}")))
    });
    let cookies = hashing("cookies_are_hashed_without_their_quotes", "    - cookie: {name: sess}\n");
    let cookies =
        ["sess=1", "sess=\"1\"", "a=1; sess=2", "a=1;sess=2", "sess=3; sess=4", "SESS=1; sess=5", "sess=\"6"]
            .iter()
            .fold(cookies, |case, cookie| case.send(Request::get("/").header("cookie", cookie)));
    let made = hashing(
        "a_cookie_is_made_where_there_is_none",
        "    - cookie:
        name: sess
        ttl: 61.5s
        path: /p
        attributes: [{name: SameSite, value: Lax}, {name: Secure}]\n",
    )
    .without_log()
    .step(cookie(Request::get("/")))
    .step(cookie(Request::get("/").header("cookie", "sess=")))
    .step(cookie(Request::get("/").header("cookie", "sess=abc")))
    .step(cookie(Request::get("/").header("cookie", "other=abc")));
    let session = hashing("a_cookie_for_a_session_has_no_age", "    - cookie: {name: sess, ttl: 0s}\n")
        .without_log()
        .step(cookie(Request::get("/")))
        .step(async |run: &mut Run| {
            let mut connection = run.connect().await;
            let mut seen = Vec::new();
            for _ in 0..2 {
                let response = connection.exchange(&Request::get("/")).await.expect("a response");
                let cookie = response.headers.get("set-cookie").unwrap_or_default().to_owned();
                let value = cookie.split('"').nth(1).unwrap_or_default().to_owned();
                let mut names = vec![response.text()];
                let again = Request::get("/").header("cookie", &format!("sess={value}"));
                for _ in 0..5 {
                    names.push(run.connect().await.exchange(&again).await.expect("a response").text());
                }
                names.dedup();
                seen.push((value, names.len()));
            }
            let same = seen[0].0 == seen[1].0 && seen[0].0.len() == 16;
            let seen = serde_json::json!([same, seen[0].1, seen[1].1]);
            run.note("the cookie is the connection's, and leads to the same host", seen);
        });
    let around = Case::new("cookies_go_with_responses_of_back_ends_to_clusters_that_hash")
        .named(&["a"])
        .dead("dead")
        .endpoint("late", Reply::status(503))
        .more_clusters(&pool("a", "lb_policy: MAGLEV").replace("pool", "hash"))
        .more_clusters(
            &pool("a", "lb_policy: MAGLEV").replace("pool", "gone").replace("{{a}}", "{{dead}}"),
        )
        .more_clusters(
            &pool("a", "lb_policy: MAGLEV").replace("pool", "late").replace("{{a}}", "{{late}}"),
        )
        .virtual_host("response_headers_to_add: [{header: {key: x-seen, value: '%RESPONSE_CODE%'}}]")
        .routes(
            "
            - match: {prefix: /hash}
              route: {cluster: hash, hash_policy: [{cookie: {name: c, ttl: 5s}}, {cookie: {name: d, ttl: 0s}}]}
            - match: {prefix: /terminal}
              route:
                cluster: hash
                hash_policy: [{cookie: {name: c, ttl: 5s}, terminal: true}, {cookie: {name: d, ttl: 0s}}]
            - match: {prefix: /removed}
              route: {cluster: hash, hash_policy: [{cookie: {name: c, ttl: 5s}}]}
              response_headers_to_remove: [set-cookie]
            - match: {prefix: /dead}
              route: {cluster: gone, hash_policy: [{cookie: {name: c, ttl: 5s}}]}
            - match: {prefix: /again}
              route:
                cluster: late
                hash_policy: [{cookie: {name: c, ttl: 5s}}]
                retry_policy: {retry_on: 5xx, num_retries: 1}
            - match: {prefix: /}
              route: {cluster: a, hash_policy: [{cookie: {name: c, ttl: 5s}}]}",
        )
        .without_log()
        .step(cookie(Request::get("/hash")))
        .step(cookie(Request::get("/terminal")))
        .step(cookie(Request::get("/removed")))
        .step(cookie(Request::get("/dead")))
        .step(cookie(Request::get("/again")))
        .step(cookie(Request::get("/else")));
    let weighted = Case::new("weighted_clusters_can_be_chosen_by_the_hash").named(&["a", "b"]).routes(
        "
            - match: {prefix: /}
              route:
                hash_policy: [{header: {header_name: x-key}}, {cookie: {name: c, ttl: 5s}}]
                weighted_clusters:
                  use_hash_policy: true
                  clusters: [{name: a, weight: 30}, {name: b, weight: 70}]",
    );
    let weighted = ["1", "2", "3", "4", "5", "6", "7", "8", "9"]
        .iter()
        .fold(weighted, |case, key| case.send(Request::get("/").header("x-key", key)));
    vec![
        headers, rewritten, changed, pseudo, query, combined, source, cookies, made, session, around,
        weighted,
    ]
}

/// Sends a request, and notes the cookies that come with the response. Their values are different for each connection.
fn cookie(request: Request) -> impl AsyncFn(&mut Run) + Send + Sync {
    async move |run: &mut Run| {
        let response = run.connect().await.exchange(&request).await.expect("a response");
        let mask = |field: &str| match field.split('"').collect::<Vec<_>>()[..] {
            [name, value, rest] => format!("{name}<{}>{rest}", value.len()),
            _ => field.to_owned(),
        };
        let cookies: Vec<String> = response.headers.all("set-cookie").map(mask).collect();
        let label = run.label(request.target());
        run.note(label, serde_json::json!([response.status, cookies]));
    }
}

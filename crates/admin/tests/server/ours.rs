//! What Envoy does not have, and the parts of `/config_dump` that take thought.

use std::time::{Duration, SystemTime};

use causeway_admin::view::{
    AgentStatus, CheckOutcome, HealthCheckResult, HealthCheckStatus, HealthFlag, HealthFlags, ReloadResult,
};
use causeway_reason::{Language, Reason};
use serde_json::{Value, json};

use crate::fake::{Fake, HttpStat, then};
use crate::wire::{ask, get, post};

#[test]
fn clusters_tell_what_is_wrong() {
    let process = Fake::new();
    let (_server, address) = process.serve();
    let ours = |name: &str| -> Vec<String> {
        let body = get(address, &format!("/clusters?filter={name}")).body;
        body.lines().filter(|line| crate::is_ours(line)).map(str::to_owned).collect()
    };
    assert_eq!(ours("self"), Vec::<String>::new());
    let [line] = &ours("dead")[..] else { panic!() };
    assert!(
        line.starts_with(
            "dead::127.0.0.1:19999::last_health_check::connect_refused at=2026-11-20T16:17:33.021Z ago="
        ),
        "{line}"
    );
    assert!(
        line.contains(" took=1ms evidence=\"connect to 127.0.0.1:19999\" in_a_row=5 next_in=0ms"),
        "{line}"
    );
    let [line] = &ours("nodns")[..] else { panic!() };
    assert!(line.starts_with(
        "nodns::dns::does-not-exist.invalid::dns_name_not_found at=2026-11-20T16:17:33.021Z ago="
    ));
    assert!(
        line.ends_with(" in_a_row=12 last_answer_ago=never next_in=now evidence=\"NXDOMAIN from 10.0.0.2\""),
        "{line}"
    );

    let dead = get(address, "/clusters?filter=dead&format=json").json();
    assert_eq!(
        dead["cluster_statuses"][0]["host_statuses"][0]["causeway"],
        json!({
            "last_health_check": {
                "result": "connect_refused",
                "at": "2026-11-20T16:17:33.021Z",
                "took_ms": 1.5,
                "evidence": "connect to 127.0.0.1:19999",
            },
            "in_a_row": 5,
            "next_health_check": "2026-11-20T16:17:35.021Z",
        })
    );
    let nodns = get(address, "/clusters?filter=nodns&format=json").json();
    assert_eq!(
        nodns["cluster_statuses"][0]["causeway"]["dns"][0],
        json!({
            "name": "does-not-exist.invalid",
            "failure": {
                "reason": "dns_name_not_found",
                "at": "2026-11-20T16:17:33.021Z",
                "in_a_row": 12,
                "evidence": "NXDOMAIN from 10.0.0.2",
            },
            "last_answer": null,
            "next_lookup": null,
        })
    );

    // A host that has recovered still tells of its failure.
    {
        let mut clusters = process.clusters.lock().unwrap();
        let host = &mut clusters[1].hosts[0];
        host.health = HealthFlags::default();
        let check = host.health_check.as_mut().unwrap();
        check.last = Some(HealthCheckResult {
            at: SystemTime::now(),
            took: Duration::from_millis(2),
            outcome: CheckOutcome::Passed { status: Some(200) },
        });
    }
    let lines = ours("dead");
    assert!(
        lines[0].contains("::last_health_check::ok at=")
            && lines[0].contains(" took=2ms status=200 in_a_row=5")
    );
    assert!(lines[1].starts_with("dead::127.0.0.1:19999::last_failed_health_check::connect_refused at="));
}

#[test]
fn agents_are_shown_with_what_they_said() {
    let process = Fake::new();
    let (_server, address) = process.serve();
    let line = |at: usize| {
        let body = get(address, "/clusters?filter=self").body;
        let mut lines = body.lines().filter(|line| line.contains("::agent::")).map(str::to_owned);
        lines.nth(at).unwrap_or_default()
    };
    assert_eq!(line(0), "", "no host has an agent");
    let asked = |outcome: CheckOutcome| HealthCheckStatus {
        last: Some(HealthCheckResult { at: then(), took: Duration::from_micros(1500), outcome }),
        last_failure: None,
        in_a_row: 3,
        next: Some(then() + Duration::from_secs(5)),
    };
    {
        let mut clusters = process.clusters.lock().unwrap();
        let hosts = &mut clusters[0].hosts;
        hosts[0].health = HealthFlags::from_iter([HealthFlag::DownByAgent]);
        hosts[0].agent = Some(AgentStatus {
            percent: 25,
            line: Some("down 25% # \"disk\" is\tfull".into()),
            check: asked(CheckOutcome::Passed { status: None }),
        });
        hosts[1].agent = Some(AgentStatus {
            percent: 100,
            line: None,
            check: asked(CheckOutcome::Failed {
                reason: Reason::ConnectRefused,
                status: None,
                evidence: Some("nobody listens".into()),
            }),
        });
    }
    let (first, second) = (line(0), line(1));
    let said =
        r#"::agent::weight=25% line="down 25% # \"disk\" is\tfull" ok at=2026-11-20T16:17:33.021Z ago="#;
    assert!(first.contains(said), "{first}");
    assert!(first.ends_with(" took=1ms next_in=0ms"), "{first}");
    assert!(second.contains("::agent::weight=100% connect_refused at="), "{second}");
    let body = get(address, "/clusters?filter=self").body;
    assert!(body.contains("::health_flags::/agent_down\n"), "{body}");

    let json = get(address, "/clusters?filter=self&format=json").json();
    assert_eq!(
        json["cluster_statuses"][0]["host_statuses"][0]["causeway_agent"],
        json!({
            "weight_percent": 25,
            "line": "down 25% # \"disk\" is\tfull",
            "last_answer": {"result": "ok", "at": "2026-11-20T16:17:33.021Z", "took_ms": 1.5},
            "next_question": "2026-11-20T16:17:38.021Z",
        })
    );
    let text = get(address, "/hosts?filter=self").body;
    let said = "    agent: 25 % of the weight, said \"down 25% # \\\"disk\\\" is\\tfull\"; last ok, ";
    for line in [
        said,
        "      The agent beside the back-end says that it is down.\n",
        "    agent: 100 % of the weight; last connect_refused, ",
    ] {
        assert!(text.contains(line), "{line}\n---\n{text}");
    }
    let json = get(address, "/hosts?filter=self&format=json&lang=ko").json();
    let host = &json["clusters"][0]["hosts"][0];
    assert_eq!((&host["usable"], &host["health_flags"]), (&json!(false), &json!("/agent_down")));
    assert_eq!(host["agent"]["sentence"], Reason::AgentDown.spec().sentence.get(Language::Korean));
    assert_eq!(json["clusters"][0]["hosts"][1]["agent"]["sentence"], Value::Null);
}

#[test]
fn hosts_explain_themselves() {
    let (_server, address) = Fake::new().serve();
    let text = get(address, "/hosts").body;
    for line in [
        "self: 2 of 3 hosts usable\n  127.0.0.1:9901  healthy\n    no health checks\n",
        "  [::1]:9901 (v6)  /eds_status_draining\n",
        "dead: 0 of 1 hosts usable\n  127.0.0.1:19999 (dead.local)  /failed_active_hc\n    last check: connect_refused, ",
        ", took 1ms, \"connect to 127.0.0.1:19999\", 5 in a row; next in 0ms\n      ",
        " ago  /failed_active_hc  down: connect_refused (connect to 127.0.0.1:19999)\n",
        "nodns: 0 of 0 hosts usable\n  name does-not-exist.invalid: dns_name_not_found, ",
        ", \"NXDOMAIN from 10.0.0.2\"; never answered; next under way\n      ",
    ] {
        assert!(text.contains(line), "{line}\n---\n{text}");
    }
    let korean = get(address, "/hosts?filter=dead&lang=ko");
    assert!(korean.body.chars().any(|c| ('가'..='힣').contains(&c)));
    assert!(!korean.body.contains("nodns"));
    let json = get(address, "/hosts?format=json").json();
    assert_eq!(
        json["clusters"][1]["hosts"][0]["health_check"]["last_health_check"]["result"],
        "connect_refused"
    );
    assert_eq!(json["clusters"][1]["hosts"][0]["usable"], false);
    let history = &json["clusters"][1]["hosts"][0]["history"][0];
    assert_eq!(history["health_flags"], "/failed_active_hc");
    assert_eq!(history["cause"], "down: connect_refused (connect to 127.0.0.1:19999)");
    assert!(json["clusters"][2]["names"][0]["advice"].as_str().unwrap().len() > 10);
    assert_eq!(get(address, "/hosts?filter=(").status, 400);
}

#[test]
fn reasons_are_counted_and_explained() {
    let process = Fake::new();
    let (_server, address) = process.serve();
    assert_eq!(get(address, "/reasons").body, "No request has failed.\n");
    {
        let shards = process.shards.lock().unwrap();
        let _ = HttpStat::RqTotal;
        for _ in 0..3 {
            shards.1.dynamic("reason.no_route").inc();
        }
        shards.1.dynamic("reason.connect_refused").inc();
        shards.1.dynamic("reason.not_a_reason").inc();
        // What a cluster counts of the same requests is not counted twice.
        shards.0.dynamic("reason.connect_refused").inc();
    }
    let text = get(address, "/reasons").body;
    assert!(text.starts_with("3 no_route (404, NR, to act: "), "{text}");
    assert!(text.contains("\n    http.in: 3\n1 connect_refused (503, UF, to act: "), "{text}");
    assert!(!text.contains("not_a_reason"));
    let json = get(address, "/reasons?format=json&lang=ko").json();
    assert_eq!(json["reasons"].as_array().unwrap().len(), 2);
    let first = &json["reasons"][0];
    assert_eq!(
        (&first["reason"], &first["count"], &first["flag"]),
        (&json!("no_route"), &json!(3), &json!("NR"))
    );
    assert_eq!(first["scopes"], json!({"http.in": 3}));
    assert!(first["sentence"].as_str().unwrap().chars().any(|c| ('가'..='힣').contains(&c)));
    let all = get(address, "/reasons?format=json&all").json();
    assert_eq!(all["reasons"].as_array().unwrap().len(), Reason::ALL.len());
}

#[test]
fn a_reload_is_asked_for_by_post_and_told_by_get() {
    let process = Fake::new();
    let (_server, address) = process.serve();
    for target in ["/reload", "/reload/status"] {
        assert_eq!(get(address, target).body, "There was no reload since the start.\n");
    }
    assert_eq!(get(address, "/reload?format=json").json(), json!({"last_reload": null}));
    assert_eq!(process.calls(), Vec::<String>::new());
    let answer = post(address, "/reload");
    assert_eq!(answer.status, 200);
    assert_eq!(process.calls(), ["reload"]);
    assert!(
        answer.body.starts_with("applied: the new configuration is in force\n2026-11-20T16:17:33.021Z, ")
    );
    assert!(
        answer.body.ends_with(
            " ago, took 12ms, asked for by admin\nadded cluster b\n\
         envoy.yaml:12:3: warning: unknown field 'conect_timeout'\n  hint: did you mean 'connect_timeout'?\n"
        ),
        "{}",
        answer.body
    );
    *process.reload_result.lock().unwrap() = ReloadResult::Refused;
    let answer = ask(address, "POST", "/reload?format=json", "", "");
    assert_eq!(answer.status, 422);
    assert_eq!(
        answer.json()["last_reload"],
        json!({
            "result": "refused",
            "at": "2026-11-20T16:17:33.021Z",
            "took_ms": 12,
            "trigger": "admin",
            "changes": [{"kind": "added", "what": "cluster", "name": "b"}],
            "diagnostics": [{
                "severity": "warning",
                "position": {"file": "envoy.yaml", "line": 12, "column": 3},
                "message": "unknown field 'conect_timeout'",
                "hint": "did you mean 'connect_timeout'?",
            }],
        })
    );
    let status = get(address, "/reload/status");
    assert_eq!(status.status, 200);
    assert!(status.body.starts_with("refused: the configuration from before stays in force\n"));
    let reopen = post(address, "/reopen_logs");
    assert_eq!((reopen.status, &*reopen.body), (500, "cannot open '/var/log/access': Permission denied\n"));
}

#[test]
fn the_page_shows_what_matters_and_nothing_gets_out_of_its_quotes() {
    let process = Fake::new();
    let (_server, address) = process.serve();
    let page = get(address, "/");
    assert_eq!(page.header("content-type"), Some("text/html; charset=UTF-8"));
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.starts_with("default-src 'none'; style-src 'self'; form-action 'self';"));
    assert!(!page.body.contains("<script") && !page.body.contains("style=") && !page.body.contains("://"));
    for part in [
        "<span class=\"state live\">LIVE</span>",
        "a&lt;b&gt;",
        "<li class=\"bad\"><a href=\"/hosts\">dead</a>: 0 of 1 hosts usable <span class=\"dim\">connect_refused</span></li>",
        "looking up does-not-exist.invalid failed: dns_name_not_found",
        "<form action=\"/quitquitquit\" method=\"post\">",
        "<form action=\"/stats\" method=\"get\">",
    ] {
        assert!(page.body.contains(part), "{part}");
    }
    assert_eq!(page.body.matches("<form").count(), page.body.matches("</form>").count());
    let style = get(address, "/admin.css");
    assert_eq!((style.status, style.header("content-type")), (200, Some("text/css; charset=UTF-8")));
    process.clusters.lock().unwrap().clear();
    assert!(
        get(address, "/")
            .body
            .contains("Every host is usable, every name resolves, and no request has failed.")
    );
    let stats = get(address, "/stats?format=html&filter=server.live%22%3E%3Cb%3E");
    assert!(stats.body.contains("value=\"server.live&quot;&gt;&lt;b&gt;\""));
}

#[test]
fn the_configuration_is_dumped_as_envoys() {
    let (_server, address) = Fake::new().serve();
    let dump = get(address, "/config_dump");
    assert!(dump.body.starts_with(
        "{\n \"configs\": [\n  {\n   \"@type\": \"type.googleapis.com/envoy.admin.v3.BootstrapConfigDump\",\n   \"bootstrap\": {\n"
    ));
    let types = |dump: &Value| -> Vec<String> {
        let configs = dump["configs"].as_array().unwrap();
        configs
            .iter()
            .map(|config| config["@type"].as_str().unwrap().rsplit('.').next().unwrap().to_owned())
            .collect()
    };
    let all = [
        "BootstrapConfigDump",
        "ClustersConfigDump",
        "ListenersConfigDump",
        "ScopedRoutesConfigDump",
        "RoutesConfigDump",
        "SecretsConfigDump",
    ];
    assert_eq!(types(&dump.json()), all);
    let with_endpoints = get(address, "/config_dump?include_eds").json();
    assert_eq!(types(&with_endpoints)[2], "EndpointsConfigDump");

    // What Envoy 1.40 prints for the same question.
    let chosen =
        get(address, "/config_dump?resource=static_clusters&name_regex=d.*&mask=cluster.name,last_updated");
    assert_eq!(
        chosen.body,
        "{\n \"configs\": [\n  {\n   \"@type\": \"type.googleapis.com/envoy.admin.v3.ClustersConfigDump.StaticCluster\",\n   \
         \"cluster\": {\n    \"@type\": \"type.googleapis.com/envoy.config.cluster.v3.Cluster\",\n    \"name\": \"dead\"\n   },\n   \
         \"last_updated\": \"2026-11-20T16:17:33.021Z\"\n  },\n  {\n   \
         \"@type\": \"type.googleapis.com/envoy.admin.v3.ClustersConfigDump.StaticCluster\",\n   \
         \"cluster\": {\n    \"@type\": \"type.googleapis.com/envoy.config.cluster.v3.Cluster\",\n    \"name\": \"dns\"\n   },\n   \
         \"last_updated\": \"2026-11-20T16:17:33.021Z\"\n  }\n ]\n}\n"
    );
    let node = get(address, "/config_dump?mask=bootstrap.node.cluster").json();
    assert_eq!(
        node,
        json!({"configs": [{"@type": "type.googleapis.com/envoy.admin.v3.BootstrapConfigDump", "bootstrap": {"node": {}}}]})
    );
    let masked = get(address, "/config_dump?mask=static_clusters&name_regex=dns").json();
    assert_eq!(types(&masked), ["ClustersConfigDump"]);
    assert_eq!(masked["configs"][0]["static_clusters"].as_array().unwrap().len(), 1);
    assert_eq!(get(address, "/config_dump?resource=dynamic_listeners").body, "{}\n");
    let endpoint =
        get(address, "/config_dump?include_eds&resource=static_endpoint_configs&name_regex=self").json();
    let assignment = &endpoint["configs"][0]["endpoint_config"];
    assert_eq!(assignment["endpoints"][1]["lb_endpoints"][0]["health_status"], "DEGRADED");
    assert_eq!(assignment["endpoints"][1]["lb_endpoints"][1]["endpoint"]["hostname"], "v6");
    assert_eq!(assignment["endpoints"][1]["priority"], 1);
    assert_eq!(assignment["policy"], json!({"overprovisioning_factor": 140}));

    for (query, status, text) in [
        ("resource=nope", 404, "nope not found in config dump"),
        (
            "resource=bootstrap",
            400,
            "bootstrap is not a repeated field. Use ?mask=bootstrap to get only this field",
        ),
        ("mask=nope", 400, "FieldMask nope could not be successfully applied to any configs."),
        (
            "mask=static_clusters.cluster",
            400,
            "FieldMask static_clusters.cluster could not be successfully applied to any configs.",
        ),
        ("resource=static_clusters&mask=nope", 400, "FieldMask nope could not be successfully used."),
        (
            "resource=static_clusters&mask=cluster.load_assignment.endpoints.priority",
            400,
            "FieldMask cluster.load_assignment.endpoints.priority could not be successfully used.",
        ),
        ("resource=static_endpoint_configs", 404, "static_endpoint_configs not found in config dump"),
        ("name_regex=(", 400, "INVALID_ARGUMENT: Error while parsing name_regex: unclosed group: ("),
    ] {
        let wrong = get(address, &format!("/config_dump?{query}"));
        assert_eq!((wrong.status, &*wrong.body), (status, text), "{query}");
        assert_eq!(wrong.header("content-type"), Some("text/plain"));
    }
}

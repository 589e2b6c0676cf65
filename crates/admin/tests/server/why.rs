//! `/why`.

use std::time::{SystemTime, UNIX_EPOCH};

use causeway_journal::{Attempt, Fact, Outcome, Record, Short};
use causeway_reason::Reason;
use serde_json::{Value, json};

use crate::fake::Fake;
use crate::wire::get;

fn failure(id: u64, reason: Reason, cluster: &str) -> Record {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let mut record = Record::new(id, u64::try_from(now.as_millis()).unwrap(), reason);
    record.status = 503;
    record.took = 3;
    record.attempts = 2;
    let outcome = Outcome::Failed(Reason::ConnectTimeout);
    record.failed_attempts.push(Attempt { outcome, host: Short::of("10.0.0.1:80"), took: 250 });
    for (fact, text) in [
        (Fact::RequestId, "0190-abc"),
        (Fact::Method, "GET"),
        (Fact::Authority, "api.test"),
        (Fact::Path, "/<users>"),
        (Fact::Client, "192.0.2.7"),
        (Fact::Cluster, cluster),
        (Fact::Host, "10.0.0.2:80"),
        (Fact::Route, "envoy.yaml:40"),
        (Fact::Flags, "URX,UF"),
        (Fact::Evidence, "connect to 10.0.0.2:80"),
    ] {
        record.note(fact, text);
    }
    record
}

#[test]
fn nothing_failed() {
    let (_server, address) = Fake::new().serve();
    assert_eq!(get(address, "/why").body, "No request has failed.\n");
    let json = get(address, "/why?format=json").json();
    assert_eq!(json, json!({"total": 0, "kept": 0, "causes": [], "failures": []}));
}

#[test]
fn failures_and_their_causes_are_shown() {
    let process = Fake::new();
    let ring = process.journal.ring();
    ring.write(failure(1, Reason::ConnectRefused, "backend"));
    ring.write(failure(2, Reason::ConnectRefused, "backend"));
    ring.write(failure(3, Reason::RouteTimeout, "slow"));
    let (_server, address) = process.serve();

    let text = get(address, "/why").body;
    assert!(text.starts_with("3 failures since the start.\n"), "{text}");
    let causes: Vec<_> =
        text.lines().filter(|line| line.contains(" cluster=")).map(str::trim_start).collect();
    assert!(
        causes[0].starts_with("2 ")
            && causes[0].ends_with("T201 connect_refused cluster=backend route=envoy.yaml:40"),
        "{text}"
    );
    assert!(causes[1].starts_with("1 ") && causes[1].contains("O801 route_timeout cluster=slow"), "{text}");
    assert!(!get(address, "/why?last=1").body.contains("since the start"), "the causes were not asked for");
    let newest = text.find("O801 route_timeout  503 URX,UF").unwrap();
    assert!(newest < text.find("T201 connect_refused  503").unwrap(), "the newest comes first: {text}");
    for line in [
        "    GET api.test/<users> from 192.0.2.7 after 3 ms\n",
        "    [connect to 10.0.0.2:80]\n",
        "    route        envoy.yaml:40\n",
        "    before that  1. 10.0.0.1:80 after 250 ms: T204 The back-end did not answer",
        "    request id   0190-abc\n",
    ] {
        assert!(text.contains(line), "{line:?} is not in {text}");
    }

    let codes = |path: &str| -> Vec<String> {
        let json = get(address, path).json();
        let all = json["failures"].as_array().unwrap();
        all.iter()
            .map(|failure| {
                format!("{} {}", failure["code"].as_str().unwrap(), failure["id"].as_str().unwrap())
            })
            .collect()
    };
    let (first, second, third) = ("T201 0000000000000001", "T201 0000000000000002", "O801 0000000000000003");
    assert_eq!(codes("/why?format=json"), [third, second, first]);
    assert_eq!(codes("/why?format=json&last=1"), [third]);
    assert_eq!(codes("/why?format=json&code=t201"), [second, first]);
    assert_eq!(codes("/why?format=json&code=route_timeout"), [third]);
    assert_eq!(codes("/why?format=json&cluster=backend&last=1"), [second]);
    assert_eq!(codes("/why?format=json&since=5m"), [third, second, first]);
    assert_eq!(codes("/why?format=json&since=2999-01-01T00:00:00Z"), Vec::<String>::new());
    assert_eq!(codes("/why/0000000000000002?format=json"), [second]);
    assert_eq!(codes("/why/0190-abc?format=json"), [third, second, first]);
    assert_eq!(codes("/why?id=0190-abc&format=json"), [third, second, first]);

    let json = get(address, "/why?format=json&last=1").json();
    let failure = &json["failures"][0];
    assert_eq!(
        failure["failed_attempts"],
        json!([{"host": "10.0.0.1:80", "took_ms": 250, "code": "T204", "status": null}])
    );
    assert_eq!((&failure["route"], &failure["listener"]), (&json!("envoy.yaml:40"), &Value::Null));
    assert_eq!(json["causes"][0]["total"], 2);
    assert_eq!(json["causes"][0]["last_minute"], 2);
}

#[test]
fn a_page_holds_nothing_that_strangers_wrote_as_markup() {
    let process = Fake::new();
    process.journal.ring().write(failure(1, Reason::ConnectRefused, "<script>"));
    let (_server, address) = process.serve();
    let page = get(address, "/why?format=html&cluster=%3Cscript%3E").body;
    assert!(page.contains("api.test/&lt;users&gt;") && page.contains("T201"), "{page}");
    assert!(!page.contains("<users>") && !page.contains("<script>"), "{page}");
    let page = get(address, "/why/0000000000000001?format=html").body;
    assert!(page.contains("connect_refused"), "{page}");
}

#[test]
fn the_texts_are_in_korean_too() {
    let process = Fake::new();
    process.journal.ring().write(failure(1, Reason::ConnectRefused, "a"));
    let (_server, address) = process.serve();
    let text = get(address, "/why?lang=ko").body;
    assert!(text.contains("백엔드 호스트가 연결을 거부했습니다."), "{text}");
}

#[test]
fn what_can_not_be_asked_is_said() {
    let (_server, address) = Fake::new().serve();
    for (path, status, says) in [
        ("/why?code=Z999", 400, "Z999 is no code"),
        ("/why?since=yesterday", 400, "yesterday is no time"),
        ("/why?last=many", 400, "last is no number"),
        ("/why/nobody", 404, "No failure has the number or the request id nobody."),
        ("/why/a/b", 404, "invalid path"),
    ] {
        let reply = get(address, path);
        assert_eq!(reply.status, status, "{path}");
        assert!(reply.body.contains(says), "{path}: {}", reply.body);
    }
}

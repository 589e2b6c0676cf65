//! `/why` as JSON.

use causeway_journal::{Fact, Outcome, Record, Subject, Tally};
use serde_json::{Map, Value, json};

use super::{Page, millis, moment};
use crate::json::pretty;
use crate::time::timestamp;

pub(super) fn page(page: &Page) -> String {
    let failures: Vec<_> = page.records.iter().map(|record| failure(page, record)).collect();
    if page.id.is_some() {
        return pretty(&json!({"failures": failures}));
    }
    let now = millis(page.now);
    let causes: Vec<_> = page.tallies.iter().map(|tally| cause(tally, now)).collect();
    pretty(&json!({
        "total": page.count.0,
        "kept": page.count.1,
        "causes": causes,
        "failures": failures,
    }))
}

fn cause(tally: &Tally, now: u64) -> Value {
    json!({
        "code": tally.reason.code(),
        "reason": tally.reason.key(),
        "cluster": &*tally.cluster,
        "route": &*tally.route,
        "total": tally.total,
        "last_minute": tally.per_minute(now),
        "first": timestamp(moment(tally.first)),
        "last": timestamp(moment(tally.last)),
    })
}

fn failure(page: &Page, record: &Record) -> Value {
    let language = page.language;
    let spec = record.reason.spec();
    let mut object = Map::new();
    let mut put = |name: &str, value: Value| object.insert(name.to_owned(), value);
    put("id", format!("{:016x}", record.id).into());
    put("at", timestamp(moment(record.at)).into());
    put("code", record.reason.code().into());
    put("reason", spec.key.into());
    put("blame", spec.blame.word().into());
    put("sentence", spec.sentence.get(language).into());
    put("advice", spec.advice.get(language).into());
    let also = page.near.also(record).into_iter().map(|condition| {
        let spec = condition.spec();
        json!({"code": condition.code(), "reason": spec.key, "sentence": spec.sentence.get(language)})
    });
    put("also", also.collect());
    let subject = match record.subject {
        Subject::Request => "request",
        Subject::Connection => "connection",
    };
    put("subject", subject.into());
    put("status", record.status.into());
    put("took_ms", record.took.into());
    put("connect_ms", record.connect.into());
    put("answer_ms", record.answer.into());
    put("attempts", record.attempts.into());
    let attempts = record.failed_attempts.iter().map(|attempt| {
        let (code, status) = match attempt.outcome {
            Outcome::Failed(reason) => (Some(reason.code()), None),
            Outcome::Answered(status) => (None, Some(status)),
        };
        json!({"host": attempt.host.as_str(), "took_ms": attempt.took, "code": code, "status": status})
    });
    put("failed_attempts", attempts.collect());
    put("connection", record.connection.into());
    put("upstream_connection", record.upstream_connection.into());
    put("upstream_bytes_sent", record.upstream_sent.into());
    put("upstream_bytes_received", record.upstream_received.into());
    for fact in Fact::ALL {
        let text = record.fact(*fact);
        put(fact.key(), if text.is_empty() { Value::Null } else { text.into() });
    }
    Value::Object(object)
}

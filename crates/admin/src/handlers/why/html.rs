//! `/why` as a page.

use std::fmt::Write as _;

use causeway_journal::{Fact, Record};

use super::text::{answer, details, subject};
use super::{Page, millis, moment, words};
use crate::endpoints::find;
use crate::page::{escape, form, page as whole};
use crate::query::Query;
use crate::time::{between, human, timestamp};

pub(super) fn page(page: &Page, query: &Query) -> String {
    let mut body = String::from(
        "<header><h1><a href=\"/\">Causeway</a></h1> <span class=\"state\">why</span></header>\n",
    );
    if let Some(endpoint) = find("/why") {
        body.push_str(&form(endpoint, false, "show", query));
    }
    match &page.id {
        Some(id) if page.records.is_empty() => {
            let _ = writeln!(body, "<p>{}</p>", words::unknown(&escape(id), page.language));
        }
        Some(_) => {}
        None if page.only_failures && !page.records.is_empty() => {}
        None => causes(&mut body, page),
    }
    if page.id.is_none() && !page.records.is_empty() {
        let _ = writeln!(body, "<h2>{}</h2>", words::last(page.records.len(), page.language));
    }
    for record in &page.records {
        failure(&mut body, page, record);
    }
    whole("Causeway: why", &body)
}

fn causes(body: &mut String, page: &Page) {
    if page.count.0 == 0 {
        let _ = writeln!(body, "<p>{}</p>", words::none(page.language));
        return;
    }
    let _ = write!(body, "<p>{}</p>\n<table><tr>", words::counted(page.count, page.language));
    for title in words::titles(page.language) {
        let _ = write!(body, "<th>{title}</th>");
    }
    body.push_str("</tr>\n");
    for tally in &page.tallies {
        let ago = |at| human(between(moment(at), page.now));
        let (code, key) = (tally.reason.code(), tally.reason.key());
        let why = format!("<a href=\"/why?format=html&amp;code={code}\">{code}</a> {key}");
        let cells = [
            tally.total.to_string(),
            tally.per_minute(millis(page.now)).to_string(),
            ago(tally.first),
            ago(tally.last),
            why,
            escape(&tally.cluster),
            escape(&tally.route),
        ];
        body.push_str("<tr>");
        for cell in cells {
            let _ = write!(body, "<td>{cell}</td>");
        }
        body.push_str("</tr>\n");
    }
    body.push_str("</table>\n");
}

fn failure(body: &mut String, page: &Page, record: &Record) {
    let spec = record.reason.spec();
    let at = moment(record.at);
    let _ = write!(
        body,
        "<h3>{} {} <span class=\"dim\">{}, {} ({})</span></h3>\n<p>{}</p>\n<p>{} <span class=\"dim\">{}</span><br>{}</p>\n<dl>",
        record.reason.code(),
        spec.key,
        escape(&answer(record, page.language)),
        timestamp(at),
        words::ago(&human(between(at, page.now)), page.language),
        escape(&subject(record, page.language)),
        escape(spec.sentence.get(page.language)),
        escape(record.fact(Fact::Evidence)),
        escape(spec.advice.get(page.language)),
    );
    for (name, value) in details(page, record) {
        let _ = write!(body, "<dt>{name}</dt><dd>{}</dd>", escape(&value));
    }
    let _ = writeln!(
        body,
        "<dt>why</dt><dd><a href=\"/why/{0:016x}?format=html\">{0:016x}</a></dd></dl>",
        record.id
    );
}

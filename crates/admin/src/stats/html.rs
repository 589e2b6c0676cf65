//! `/stats?format=html`: the text, with its parameters as a form.

use crate::endpoints::find;
use crate::page::{escape, form, page};
use crate::query::Query;

pub(crate) fn html(query: &Query, text: &str) -> String {
    let form = find("/stats").map(|endpoint| form(endpoint, false, "show", query)).unwrap_or_default();
    let body = format!(
        "<header><h1>Statistics</h1> <a href=\"/\">admin server</a></header>\n{form}<pre>{}</pre>\n",
        escape(text)
    );
    page("Statistics", &body)
}

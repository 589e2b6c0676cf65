//! Pages for people. No scripts, nothing from elsewhere; the browser is told to allow neither.

use std::fmt::Write as _;

use crate::endpoints::{Endpoint, Param, ParamKind};
use crate::query::Query;

/// Where the style is.
pub(crate) const STYLE_PATH: &str = "/admin.css";

/// The style of all pages.
pub(crate) const STYLE: &str = include_str!("page.css");

/// A whole page.
pub(crate) fn page(title: &str, body: &str) -> String {
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{}</title>\n<link rel=\"stylesheet\" href=\"{STYLE_PATH}\">\n</head>\n<body>\n{body}</body>\n</html>\n",
        escape(title)
    )
}

/// A text as it stands in HTML, between tags and in quotes.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

/// A form that asks an endpoint, filled in with what was asked before.
pub(crate) fn form(endpoint: &Endpoint, post: bool, label: &str, filled: &Query) -> String {
    let method = if post { "post" } else { "get" };
    let mut out = format!("<form action=\"{}\" method=\"{method}\">", endpoint.path);
    for param in endpoint.params {
        field(&mut out, param, filled);
    }
    let _ = writeln!(out, "<button>{}</button></form>", escape(label));
    out
}

fn field(out: &mut String, param: &Param, filled: &Query) {
    let (name, text) = (param.name, escape(param.text));
    let _ = write!(out, "<label title=\"{text}\">");
    match param.kind {
        ParamKind::Flag => {
            let checked = if filled.has(name) { " checked" } else { "" };
            let _ = write!(out, "<input type=\"checkbox\" name=\"{name}\"{checked}> {name}");
        }
        ParamKind::Text => {
            let value = escape(filled.value(name).unwrap_or_default());
            let _ = write!(out, "{name} <input type=\"text\" name=\"{name}\" value=\"{value}\">");
        }
        ParamKind::Choice(choices) => {
            let _ = write!(out, "{name} <select name=\"{name}\">");
            for choice in choices {
                let selected = if filled.value(name) == Some(choice) { " selected" } else { "" };
                let _ = write!(out, "<option{selected}>{choice}</option>");
            }
            out.push_str("</select>");
        }
    }
    out.push_str("</label> ");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_gets_out_of_its_quotes() {
        assert_eq!(escape("<a href='x'>\"&"), "&lt;a href=&#39;x&#39;&gt;&quot;&amp;");
        let endpoint = crate::endpoints::find("/stats").unwrap();
        let form = form(endpoint, false, "ask", &Query::parse("filter=\"><script>&usedonly&format=json"));
        assert!(form.contains("value=\"&quot;&gt;&lt;script&gt;\""));
        assert!(form.contains("name=\"usedonly\" checked"));
        assert!(form.contains("<option selected>json</option>"));
    }
}

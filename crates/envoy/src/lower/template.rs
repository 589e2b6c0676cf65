//! Texts with operators.

use causeway_model::{AccessLogFormat, BodyFormat, JsonTemplate, OperatorKind, Template};

use super::Cx;
use super::value::value_of;
use crate::diagnostic::{At, Draft};
use crate::template::{self, Fault, Parsed};
use crate::tree::{Json, JsonKind, Message};

/// A `SubstitutionFormatString`.
pub(super) enum Format {
    Text { template: Template, omit_empty: bool },
    Json { object: JsonTemplate, omit_empty: bool },
}

/// Whether only a formatter brings the operator.
const fn is_of_formatter(kind: &OperatorKind) -> bool {
    matches!(kind, OperatorKind::RequestHeaderWithoutQuery { .. })
}

impl Cx<'_> {
    /// Parses a text; what is wrong with it is reported at its place.
    pub(super) fn template(&self, text: &str, at: &At) -> Template {
        self.parsed(text, at, template::parse(text))
    }

    /// The same for the value of a header field.
    pub(super) fn header_template(&self, text: &str, at: &At) -> Template {
        self.parsed(text, at, template::parse_header(text))
    }

    fn parsed(&self, text: &str, at: &At, parsed: Parsed<Template>) -> Template {
        self.faults(text, at, parsed.faults);
        self.no_formatter(parsed.template.any_operator(is_of_formatter), at);
        parsed.template
    }

    /// `REQ_WITHOUT_QUERY` is built in here, but Envoy knows it only where a formatter brings it.
    fn no_formatter(&self, needs_one: bool, at: &At) {
        if needs_one && !self.has_query_formatter.get() {
            let what = "`%REQ_WITHOUT_QUERY%` needs the formatter that brings it";
            let help =
                "name it in `formatters`: envoy.extensions.formatter.req_without_query.v3.ReqWithoutQuery";
            self.push(Draft::rejected("invalid-operator", what).at(at.clone()).help(help));
        }
    }

    fn faults(&self, text: &str, at: &At, faults: Vec<Fault>) {
        for fault in faults {
            let at = self.part(at, text, fault.range);
            let draft = if fault.unsupported {
                Draft::unsupported("unsupported-operator", fault.message)
            } else {
                Draft::rejected("invalid-operator", fault.message)
            };
            let draft = draft.at(at);
            self.push(match fault.help {
                Some(help) => draft.help(help),
                None => draft,
            });
        }
    }

    /// A structure whose strings are templates.
    pub(super) fn json_template(&self, json: &Json<'_>, at: &At) -> JsonTemplate {
        self.json_faults(json, at);
        let template = template::parse_json(&value_of(json)).template;
        self.no_formatter(template.any_operator(&is_of_formatter), at);
        template
    }

    /// Reports what is wrong with the strings of a structure, each at its own place.
    fn json_faults(&self, json: &Json<'_>, at: &At) {
        match &json.kind {
            JsonKind::Text(text) => {
                let at = At { span: json.span.or(at.span), owner: at.owner.clone() };
                self.faults(text, &at, template::parse(text).faults);
            }
            JsonKind::List(items) => items.iter().for_each(|item| self.json_faults(item, at)),
            JsonKind::Object(fields) => fields.iter().for_each(|(_, item)| self.json_faults(item, at)),
            JsonKind::Null | JsonKind::Bool(_) | JsonKind::Number(_) => {}
        }
    }

    /// A `SubstitutionFormatString`, and the `content_type` it sets.
    pub(super) fn format(&self, format: &Message<'_>) -> Option<(Format, Option<Box<str>>)> {
        let content_type = format.text_value("content_type").filter(|text| !text.is_empty()).map(Into::into);
        let omit_empty = format.bool("omit_empty_values");
        format.settle("json_format_options");
        let formatters = self.formatters(format);
        let text = |text: &str, at: &At| {
            let parsed = template::parse(text);
            self.faults(text, at, parsed.faults);
            self.no_formatter(!formatters && parsed.template.any_operator(is_of_formatter), at);
            Format::Text { template: parsed.template, omit_empty }
        };
        let parsed = match format.which("format")? {
            "json_format" => {
                let (json, at) = (format.json("json_format")?, format.at("json_format"));
                self.json_faults(json, &at);
                let object = template::parse_json(&value_of(json)).template;
                self.no_formatter(!formatters && object.any_operator(&is_of_formatter), &at);
                Format::Json { object, omit_empty }
            }
            "text_format" => text(format.text("text_format"), &format.at("text_format")),
            _ => {
                let source_text = self.text_source(format, "text_format_source")?;
                let source = format.message("text_format_source")?;
                let field = source.which("specifier").unwrap_or("inline_string");
                text(&source_text, &source.at(field))
            }
        };
        Some((parsed, content_type))
    }

    /// Extensions that add operators. What they add is either built in, or not there at all. Whether
    /// `REQ_WITHOUT_QUERY` is among it.
    pub(super) fn formatters(&self, format: &Message<'_>) -> bool {
        let mut without_query = false;
        for formatter in format.messages("formatters") {
            match self.typed(formatter).map(|config| config.schema.name()) {
                Some("envoy.extensions.formatter.metadata.v3.Metadata") => {}
                Some("envoy.extensions.formatter.req_without_query.v3.ReqWithoutQuery") => {
                    without_query = true;
                }
                Some(name) => {
                    let name = name.to_owned();
                    self.extension_not_implemented(
                        formatter,
                        &format!("the formatter {}", super::extension::short_kind(&name)),
                    );
                }
                None => formatter.settle_all(),
            }
        }
        without_query
    }

    /// A format for lines of an access log.
    pub(super) fn log_format(&self, message: &Message<'_>, field: &str) -> Option<AccessLogFormat> {
        // A content type says nothing about a line.
        let (format, _content_type) = self.format(message.message(field)?)?;
        Some(match format {
            Format::Text { template, omit_empty } => AccessLogFormat::Text { template, omit_empty },
            Format::Json { object, omit_empty } => AccessLogFormat::Json { object, omit_empty },
        })
    }

    /// A format for bodies.
    pub(super) fn body_format(&self, message: &Message<'_>, field: &str) -> Option<BodyFormat> {
        let (format, content_type) = self.format(message.message(field)?)?;
        Some(match format {
            Format::Text { template, omit_empty } => BodyFormat::Text { template, content_type, omit_empty },
            Format::Json { object, omit_empty } => BodyFormat::Json { object, content_type, omit_empty },
        })
    }
}

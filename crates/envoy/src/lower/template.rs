//! Texts with operators.

use causeway_model::{AccessLogFormat, BodyFormat, JsonTemplate, Template};

use super::Cx;
use super::value::value_of;
use crate::diagnostic::{At, Draft};
use crate::template::{self, Fault};
use crate::tree::{Json, JsonKind, Message};

/// A `SubstitutionFormatString`.
pub(super) enum Format {
    Text { template: Template, omit_empty: bool },
    Json { object: JsonTemplate, omit_empty: bool },
}

impl Cx<'_> {
    /// Parses a text; what is wrong with it is reported at its place.
    pub(super) fn template(&self, text: &str, at: &At) -> Template {
        let parsed = template::parse(text);
        self.faults(text, at, parsed.faults);
        parsed.template
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
        template::parse_json(&value_of(json)).template
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
        self.formatters(format);
        let parsed = match format.which("format")? {
            "json_format" => {
                let json = format.json("json_format")?;
                let object = self.json_template(json, &format.at("json_format"));
                Format::Json { object, omit_empty }
            }
            "text_format" => {
                let template = self.template(format.text("text_format"), &format.at("text_format"));
                Format::Text { template, omit_empty }
            }
            _ => {
                let text = self.text_source(format, "text_format_source")?;
                let source = format.message("text_format_source")?;
                let field = source.which("specifier").unwrap_or("inline_string");
                Format::Text { template: self.template(&text, &source.at(field)), omit_empty }
            }
        };
        Some((parsed, content_type))
    }

    /// Extensions that add operators. What they add is either built in, or not there at all.
    pub(super) fn formatters(&self, format: &Message<'_>) {
        for formatter in format.messages("formatters") {
            match self.typed(formatter).map(|config| config.schema.name()) {
                Some(
                    "envoy.extensions.formatter.metadata.v3.Metadata"
                    | "envoy.extensions.formatter.req_without_query.v3.ReqWithoutQuery",
                ) => {}
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

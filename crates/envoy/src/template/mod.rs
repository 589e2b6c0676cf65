//! Envoy's command operators: `%START_TIME%`, `%REQUEST_HEADER(X?Y):10%`.
//!
//! Texts of access logs, added headers and bodies become [`Template`]s here, and structures of JSON logs
//! become [`JsonTemplate`]s. What Envoy 1.40 refuses is refused, in better words.

mod coalesce;
mod operators;
mod parameters;
mod time;
mod tls;

use std::ops::Range;

use causeway_model::{JsonTemplate, Operator, Template, TemplatePart, Value};

/// What is wrong with a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The bytes of the text it is about.
    pub range: Range<usize>,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
    /// Whether Envoy knows the operator, and only Causeway does not. The template holds it all the same,
    /// as one that is always absent.
    pub unsupported: bool,
}

/// A template, and what is wrong with it.
#[derive(Debug, Clone, PartialEq)]
pub struct Parsed<T> {
    /// The template; what is wrong is left out.
    pub template: T,
    /// What is wrong, in the order of the text.
    pub faults: Vec<Fault>,
}

/// Envoy's default format of access logs; ends in a line end.
#[must_use]
pub fn default_access_log_format() -> Template {
    parse(DEFAULT_ACCESS_LOG).template
}

const DEFAULT_ACCESS_LOG: &str = "[%START_TIME%] \"%REQUEST_HEADER(:METHOD)% \
    %REQUEST_HEADER(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%\" %RESPONSE_CODE% %RESPONSE_FLAGS% \
    %BYTES_RECEIVED% %BYTES_SENT% %DURATION% %RESPONSE_HEADER(X-ENVOY-UPSTREAM-SERVICE-TIME)% \
    \"%REQUEST_HEADER(X-FORWARDED-FOR)%\" \"%REQUEST_HEADER(USER-AGENT)%\" \
    \"%REQUEST_HEADER(X-REQUEST-ID)%\" \"%REQUEST_HEADER(:AUTHORITY)%\" \"%UPSTREAM_HOST%\"\n";

/// Parses a text of a log, a body, a path or a host. `%%` stands for a percent sign.
#[must_use]
pub fn parse(text: &str) -> Parsed<Template> {
    parse_as(text, false)
}

/// Parses the value of a header field, which may have operators in forms that only headers have.
#[must_use]
pub fn parse_header(text: &str) -> Parsed<Template> {
    parse_as(text, true)
}

fn parse_as(text: &str, in_header: bool) -> Parsed<Template> {
    let mut parts = Vec::new();
    let mut literal = String::new();
    let mut faults = Vec::new();
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let Some(percent) = rest.find('%') else {
            literal.push_str(rest);
            break;
        };
        literal.push_str(rest.get(..percent).unwrap_or_default());
        at += percent;
        let rest = rest.get(percent..).unwrap_or_default();
        if rest.starts_with("%%") {
            literal.push('%');
            at += 2;
            continue;
        }
        let Some(command) = Command::read(rest) else {
            faults.push(no_command(text, at));
            // One stray sign makes nonsense of all that follow.
            break;
        };
        let range = at..at + command.length;
        at = range.end;
        match operators::operator(&command, in_header) {
            Ok(kind) => {
                if !literal.is_empty() {
                    parts.push(TemplatePart::Literal(std::mem::take(&mut literal).into()));
                }
                parts.push(TemplatePart::Operator(Operator { kind, max_length: command.max_length }));
            }
            Err(wrong) => {
                if let Some(kind) = wrong.absent {
                    if !literal.is_empty() {
                        parts.push(TemplatePart::Literal(std::mem::take(&mut literal).into()));
                    }
                    parts.push(TemplatePart::Operator(Operator { kind, max_length: command.max_length }));
                    faults.push(Fault { range, message: wrong.message, help: wrong.help, unsupported: true });
                } else {
                    faults.push(Fault {
                        range,
                        message: wrong.message,
                        help: wrong.help,
                        unsupported: false,
                    });
                }
            }
        }
    }
    if !literal.is_empty() {
        parts.push(TemplatePart::Literal(literal.into()));
    }
    Parsed { template: Template(parts), faults }
}

/// An operator as it is written.
struct Command<'a> {
    /// `REQUEST_HEADER`.
    name: &'a str,
    /// What stands in parentheses; none where that is nothing.
    parameter: Option<&'a str>,
    /// The number behind the colon.
    max_length: Option<usize>,
    /// Bytes, signs included.
    length: usize,
    /// The whole of it.
    text: &'a str,
}

impl<'a> Command<'a> {
    /// Reads `%NAME%`, `%NAME(…)%`, `%NAME:9%` or `%NAME(…):9%` at the beginning of a text.
    fn read(text: &'a str) -> Option<Self> {
        let body = text.strip_prefix('%')?;
        let end = body.find(|c: char| !matches!(c, 'A'..='Z' | '0'..='9' | '_'))?;
        let (name, rest) = body.split_at_checked(end)?;
        if name.is_empty() {
            return None;
        }
        if let Some(inner) = rest.strip_prefix('(') {
            // The first closing parenthesis behind which the operator can end.
            for (at, _) in inner.match_indices(')') {
                let (parameter, tail) = (inner.get(..at)?, inner.get(at + 1..)?);
                if parameter.contains('\n') {
                    return None;
                }
                if let Some((max_length, tail)) = Self::ending(tail) {
                    let parameter = Some(parameter).filter(|parameter| !parameter.is_empty());
                    return Self::new(text, name, parameter, max_length, tail);
                }
            }
            return None;
        }
        let (max_length, tail) = Self::ending(rest)?;
        Self::new(text, name, None, max_length, tail)
    }

    /// `%` or `:9%`, and what follows.
    fn ending(text: &str) -> Option<(Option<usize>, &str)> {
        if let Some(tail) = text.strip_prefix('%') {
            return Some((None, tail));
        }
        let (digits, tail) = text.strip_prefix(':')?.split_once('%')?;
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        digits.parse().ok().map(|length| (Some(length), tail))
    }

    fn new(
        text: &'a str,
        name: &'a str,
        parameter: Option<&'a str>,
        max_length: Option<usize>,
        tail: &str,
    ) -> Option<Self> {
        let length = text.len() - tail.len();
        Some(Self { name, parameter, max_length, length, text: text.get(..length)? })
    }
}

fn no_command(text: &str, at: usize) -> Fault {
    let rest = text.get(at..).unwrap_or_default();
    let shown: String = rest.chars().take_while(|c| !c.is_whitespace()).take(40).collect();
    let name: String = rest.chars().skip(1).take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
    let help =
        if name.chars().any(|c| c.is_ascii_lowercase()) && operators::is_known(&name.to_ascii_uppercase()) {
            format!("operators are written in capitals: `%{}%`", name.to_ascii_uppercase())
        } else if operators::is_known(&name) {
            format!("the operator does not end: it is written `%{name}%`, `%{name}(…)%` or `%{name}(…):9%`")
        } else {
            "a percent sign begins an operator; write `%%` for the sign itself".to_owned()
        };
    Fault {
        range: at..at + shown.len().max(1),
        message: format!("`{shown}` is not an operator"),
        help: Some(help),
        unsupported: false,
    }
}

/// Makes a template of untyped data: strings are parsed, and keys are sorted, as Envoy prints them.
#[must_use]
pub fn parse_json(value: &Value) -> Parsed<JsonTemplate> {
    let mut faults = Vec::new();
    let template = json(value, &mut faults);
    Parsed { template, faults }
}

fn json(value: &Value, faults: &mut Vec<Fault>) -> JsonTemplate {
    match value {
        Value::String(text) => {
            let parsed = parse(text);
            faults.extend(parsed.faults);
            JsonTemplate::Text(parsed.template)
        }
        Value::List(items) => JsonTemplate::List(items.iter().map(|item| json(item, faults)).collect()),
        Value::Object(fields) => JsonTemplate::Object(
            fields.iter().map(|(key, value)| (key.clone(), json(value, faults))).collect(),
        ),
        Value::Null | Value::Bool(_) | Value::Number(_) => JsonTemplate::Value(value.clone()),
    }
}

#[cfg(test)]
mod tests {
    use causeway_model::{HeaderName, OperatorKind};

    use super::*;

    fn faults(text: &str) -> Vec<Fault> {
        parse(text).faults
    }

    #[test]
    fn the_default_format_has_no_faults() {
        assert_eq!(faults(DEFAULT_ACCESS_LOG), []);
        assert_eq!(default_access_log_format().0.len(), 31);
    }

    #[test]
    fn texts_and_operators_alternate() {
        let parsed = parse("a%%b %REQ(X-A?:path):5%%PROTOCOL%c");
        let [
            TemplatePart::Literal(a),
            TemplatePart::Operator(request),
            TemplatePart::Operator(protocol),
            TemplatePart::Literal(c),
        ] = parsed.template.0.as_slice()
        else {
            panic!("{:?}", parsed.template)
        };
        assert_eq!((&**a, &**c), ("a%b ", "c"));
        assert_eq!(protocol.kind, OperatorKind::Protocol);
        assert_eq!(request.max_length, Some(5));
        assert_eq!(
            request.kind,
            OperatorKind::RequestHeader {
                name: HeaderName::new("x-a").unwrap(),
                alternative: Some(HeaderName::new(":path").unwrap())
            }
        );
    }

    #[test]
    fn a_fault_names_its_place_and_a_remedy() {
        for (text, range, message, help) in [
            ("up 100% now", 6..7, "`%` is not an operator", "`%%`"),
            ("%req(a)%", 0..8, "`%req(a)%` is not an operator", "`%REQ%`"),
            ("x %PROTOCOL", 2..11, "`%PROTOCOL` is not an operator", "does not end"),
        ] {
            let [fault] = faults(text).try_into().unwrap();
            assert_eq!((fault.range.clone(), fault.message.as_str()), (range, message));
            assert!(fault.help.as_ref().unwrap().contains(help), "{fault:?}");
        }
        let [fault] = faults("%PROTOCOLL%").try_into().unwrap();
        assert_eq!(fault.help.unwrap(), "did you mean `%PROTOCOL%`?");
    }

    #[test]
    fn all_faults_are_found() {
        assert_eq!(faults("%FOO% %BAR% %RESPONSE_CODE(x)%").len(), 3);
    }

    #[test]
    fn json_is_sorted_and_keeps_its_types() {
        let value = Value::Object(
            [
                ("zeta".into(), Value::String("%RESPONSE_CODE%".into())),
                ("Mid".into(), Value::Number(5.0)),
                ("alpha".into(), Value::List(vec![Value::Null])),
            ]
            .into(),
        );
        let JsonTemplate::Object(fields) = parse_json(&value).template else { panic!() };
        let keys: Vec<_> = fields.iter().map(|(key, _)| &**key).collect();
        assert_eq!(keys, ["Mid", "alpha", "zeta"]);
    }

    #[test]
    fn the_parenthesis_that_counts_is_the_one_before_the_end() {
        assert_eq!(faults("%START_TIME(%Y (x))%"), []);
        assert_eq!(faults("%REQ(a%b)%").len(), 0);
        assert_eq!(faults("%REQ(a\nb)%").len(), 1);
        assert_eq!(faults("%REQ(A):99999999999999999999%").len(), 1);
    }
}

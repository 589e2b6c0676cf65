//! What operators print of the filter state of a client's connection.

use causeway_model::{FilterStateForm, Value};

use super::View;
use super::json::write_escaped;
use super::operator::Operand;

/// An object of the filter state, in one of its forms.
pub(super) fn state<'a>(view: &View<'a>, key: &str, form: &FilterStateForm) -> Operand<'a> {
    let Some(value) = view.connection.filter_state(key) else { return Operand::Absent };
    match (form, value) {
        (FilterStateForm::Typed, value) => Operand::Json(value),
        (FilterStateForm::Plain, value) => Operand::Bytes(plain(value).into()),
        (FilterStateForm::Field(name), Value::Object(fields)) => fields.get(name).map(Operand::Json).into(),
        (FilterStateForm::Field(_), _) => Operand::Absent,
    }
}

/// An object as a text (`serializeAsString` in Envoy): what `PLAIN` prints, and what routes compare.
pub(crate) fn plain(value: &Value) -> Vec<u8> {
    let mut text = Vec::new();
    write_escaped(&mut text, value);
    text
}

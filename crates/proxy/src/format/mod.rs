//! Filling in templates: log lines, header values, bodies of local answers.

mod address;
mod common;
mod decimal;
mod field_size;
mod filter_state;
mod json;
mod operator;
mod query;
mod time;
mod tls;

use causeway_model::{Template, TemplatePart};

use crate::connection::ConnectionInfo;
use crate::exchange::Exchange;
use crate::moment::Moment;

use common::print;
pub(crate) use decimal::Decimal;
pub(crate) use field_size::{FieldSize, first_line};
pub(crate) use filter_state::plain;
pub(crate) use json::render_json;
pub(crate) use operator::{Operand, evaluate, grpc_status_of_any};
pub(crate) use time::Clock;

/// All that operators can speak of.
#[derive(Clone, Copy)]
pub(crate) struct View<'a> {
    /// The request and its response.
    pub(crate) exchange: &'a Exchange,
    /// The client's connection.
    pub(crate) connection: &'a ConnectionInfo,
    /// The worker's clock.
    pub(crate) clock: &'a Clock,
    /// `%UNIQUE_ID%` and `%STREAM_ID%` where the request has no id.
    pub(crate) unique: u64,
    /// `%ACCESS_LOG_TYPE%`.
    pub(crate) log_type: &'static str,
    /// Now, for a line about a request that has not ended: how long it has taken so far.
    pub(crate) unfinished: Option<Moment>,
    /// Now, for fields and bodies that are made while a request is served.
    pub(crate) now: Option<Moment>,
}

/// What stands for a value that is absent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Absent {
    /// `-`, as in access logs.
    Dash,
    /// Nothing, as in header values.
    Nothing,
}

impl Absent {
    /// In a text with or without `omit_empty_values`.
    pub(crate) const fn in_text(omit_empty: bool) -> Self {
        if omit_empty { Self::Nothing } else { Self::Dash }
    }
}

/// Fills in a template, at the end of `out`.
pub(crate) fn render(template: &Template, view: &View<'_>, absent: Absent, out: &mut Vec<u8>) {
    for part in &template.0 {
        match part {
            TemplatePart::Literal(text) => out.extend_from_slice(text.as_bytes()),
            TemplatePart::Operator(operator) => {
                let start = out.len();
                if print(&operator.kind, view, out) {
                    if let Some(most) = operator.max_length {
                        out.truncate(start + most);
                    }
                } else if absent == Absent::Dash {
                    out.push(b'-');
                }
            }
        }
    }
}

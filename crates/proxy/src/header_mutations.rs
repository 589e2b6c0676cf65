//! Fields that the configuration adds to requests and responses, and takes away.

use std::borrow::Cow;

use causeway_http::{HeaderBlock, Known};
use causeway_model::{AppendAction, HeaderMutation, HeaderMutations, HeaderValueOption};

use crate::exchange::Exchange;
use crate::format::{Absent, render};
use crate::record::Viewer;

/// Applies one level of added and removed fields.
pub(crate) fn mutate(
    exchange: &mut Exchange,
    message: Message,
    mutations: &HeaderMutations,
    viewer: &Viewer,
) {
    for name in &mutations.remove {
        message.block(exchange).remove(name.as_str());
    }
    add_all(exchange, message, &mutations.add, viewer);
}

/// Fields that are put together without a place on the heap.
const INLINE: usize = 8;

/// Adds fields as their actions say. All of them are made of what is there before, and what takes the place of
/// something comes before what is added, as with Envoy.
pub(crate) fn add_all(
    exchange: &mut Exchange,
    message: Message,
    options: &[HeaderValueOption],
    viewer: &Viewer,
) {
    let mut made: [Option<Made<'_>>; INLINE] = Default::default();
    let mut more = Vec::new();
    for (at, option) in options.iter().enumerate() {
        let value = rendered(exchange, option, viewer);
        let kept = (!value.is_empty() || option.keep_empty_value)
            && applies(option.action, message.block(exchange).get(option.name.as_str()).is_some());
        let one = kept.then_some((option, value));
        match made.get_mut(at) {
            Some(slot) => *slot = one,
            None => more.extend(one),
        }
    }
    let all = || made.iter().flatten().chain(&more);
    for (option, value) in all().filter(|(option, _)| overwrites(option.action)) {
        put(message, exchange, option, value);
    }
    for (option, value) in all().filter(|(option, _)| !overwrites(option.action)) {
        put(message, exchange, option, value);
    }
}

/// A field to add, and its value.
type Made<'o> = (&'o HeaderValueOption, Cow<'o, [u8]>);

/// Which fields of an exchange are changed.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Message {
    /// The request's.
    Request,
    /// The response's.
    Response,
    /// Trailers of the request.
    RequestTrailers,
    /// Trailers of the response.
    ResponseTrailers,
}

impl Message {
    fn block(self, exchange: &mut Exchange) -> &mut HeaderBlock {
        match self {
            Self::Request => &mut exchange.request,
            Self::Response => &mut exchange.response,
            Self::RequestTrailers => exchange.request_trailers.get_or_insert_default(),
            Self::ResponseTrailers => exchange.response_trailers.get_or_insert_default(),
        }
    }

    /// Whether values of this name are joined.
    fn joins(self, name: &str) -> bool {
        Known::from_bytes(name.as_bytes()).is_some_and(|known| match self {
            Self::Request => known.is_joined_in_request(),
            Self::Response => known.is_joined_in_response(),
            Self::RequestTrailers | Self::ResponseTrailers => false,
        })
    }
}

/// Applies changes one after the other, so that one sees what those before it have left.
pub(crate) fn mutate_in_order(
    exchange: &mut Exchange,
    message: Message,
    mutations: &[HeaderMutation],
    viewer: &Viewer,
) {
    for mutation in mutations {
        // What is added may be made of the fields that it is added to.
        let value = match mutation {
            HeaderMutation::Append(option) => rendered(exchange, option, viewer),
            HeaderMutation::Remove(_) | HeaderMutation::RemoveOnMatch(_) => Cow::Borrowed(&b""[..]),
        };
        let block = message.block(exchange);
        match mutation {
            HeaderMutation::Append(option) => {
                let exists = block.get(option.name.as_str()).is_some();
                if (!value.is_empty() || option.keep_empty_value) && applies(option.action, exists) {
                    put(message, exchange, option, &value);
                }
            }
            HeaderMutation::Remove(name) => {
                block.remove(name.as_str());
            }
            HeaderMutation::RemoveOnMatch(matcher) => block.remove_where(|field| {
                // `Host` is `:authority` to Envoy.
                field.known != Some(Known::Host) && matcher.matches(&field.name.to_ascii_lowercase())
            }),
        }
    }
}

fn rendered<'o>(exchange: &Exchange, option: &'o HeaderValueOption, viewer: &Viewer) -> Cow<'o, [u8]> {
    if let Some(literal) = option.value.as_literal() {
        return Cow::Borrowed(literal.as_bytes());
    }
    let mut value = Vec::new();
    viewer.view(exchange, |view| render(&option.value, view, Absent::Nothing, &mut value));
    without_controls(&mut value);
    Cow::Owned(value)
}

/// Takes out what can't stand in a field (RFC 9110 §5.5), what would end one among it: what a client sent must not,
/// whatever found its way into a text.
pub(crate) fn without_controls(text: &mut Vec<u8>) {
    text.retain(|byte| *byte == b'\t' || !byte.is_ascii_control());
}

/// Whether something is done, by whether there is a field of that name.
const fn applies(action: AppendAction, exists: bool) -> bool {
    match action {
        AppendAction::AppendIfExistsOrAdd | AppendAction::OverwriteIfExistsOrAdd => true,
        AppendAction::AddIfAbsent => !exists,
        AppendAction::OverwriteIfExists => exists,
    }
}

const fn overwrites(action: AppendAction) -> bool {
    matches!(action, AppendAction::OverwriteIfExistsOrAdd | AppendAction::OverwriteIfExists)
}

/// Adds a field; one that takes the place of others stands at the end all the same, as with Envoy. What is a
/// list by its nature stays one field.
fn put(message: Message, exchange: &mut Exchange, option: &HeaderValueOption, value: &[u8]) {
    let name = option.name.as_str();
    let joins = message.joins(name);
    let block = message.block(exchange);
    if overwrites(option.action) {
        block.remove(name);
    }
    if joins {
        block.extend_value(name, b",", value);
    } else {
        block.append(name, value);
    }
}

#[cfg(test)]
mod tests {
    use causeway_model::{HeaderName, Template};

    use super::*;

    fn option(name: &str, action: AppendAction) -> HeaderValueOption {
        HeaderValueOption {
            name: HeaderName::new(name).unwrap(),
            value: Template::literal("new"),
            action,
            keep_empty_value: false,
        }
    }

    #[test]
    fn what_is_replaced_moves_to_the_end_and_lists_stay_one_field() {
        let mut exchange = Exchange::default();
        for name in ["x-a", "user-agent", "x-b", "accept"] {
            exchange.request.append(name, b"old");
        }
        for (name, action) in [
            ("user-agent", AppendAction::OverwriteIfExists),
            ("x-a", AppendAction::OverwriteIfExists),
            ("x-b", AppendAction::AppendIfExistsOrAdd),
            ("accept", AppendAction::AppendIfExistsOrAdd),
        ] {
            put(Message::Request, &mut exchange, &option(name, action), b"new");
        }
        let fields: Vec<_> = exchange.request.iter().map(|field| (field.name, field.value)).collect();
        assert_eq!(
            fields,
            [
                (&b"x-b"[..], &b"old"[..]),
                (b"accept", b"old,new"),
                (b"user-agent", b"new"),
                (b"x-a", b"new"),
                (b"x-b", b"new")
            ]
        );
    }

    #[test]
    fn actions_ask_whether_a_field_exists() {
        for (action, there, absent) in [
            (AppendAction::AppendIfExistsOrAdd, true, true),
            (AppendAction::AddIfAbsent, false, true),
            (AppendAction::OverwriteIfExistsOrAdd, true, true),
            (AppendAction::OverwriteIfExists, true, false),
        ] {
            assert_eq!((applies(action, true), applies(action, false)), (there, absent), "{action:?}");
        }
    }
}

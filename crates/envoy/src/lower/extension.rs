//! Extensions: which one a `typed_config` is, or, where it has none, which one its name means.

use std::borrow::Cow;

use super::Cx;
use crate::diagnostic::{At, Draft, Kind};
use crate::extension::Category;
use crate::schema;
use crate::suggest;
use crate::tree::{Body, Message};

/// An extension, found.
pub(super) struct Extension<'m, 'a> {
    /// Its name in Envoy, whatever it is called in the file.
    pub(super) name: &'static str,
    /// The full name of its configuration's type.
    pub(super) kind: &'static str,
    /// Its configuration.
    pub(super) config: Cow<'m, Message<'a>>,
}

impl Cx<'_> {
    /// The extension that a message with `name` and `typed_config` stands for. `None` where it is none;
    /// then it has been said.
    pub(super) fn extension<'m, 'a>(
        &self,
        holder: &'m Message<'a>,
        category: Category,
    ) -> Option<Extension<'m, 'a>> {
        let name = holder.text("name");
        let any = holder.any("typed_config");
        let noun = category.noun();
        match any.map(|any| &any.body) {
            None | Some(Body::Empty) => self.extension_by_name(holder, category, name),
            Some(Body::Message(config) | Body::Struct { inner: Some(config), .. }) => {
                let kind = config.schema.name();
                let Some(name) = category.name_of(kind) else {
                    self.reject(
                        type_place(holder),
                        "wrong-extension",
                        format!("{} is not {} {noun}", config.schema.short_name(), article(noun)),
                    );
                    config.settle_all();
                    return None;
                };
                Some(Extension { name, kind, config: Cow::Borrowed(config) })
            }
            // An unknown type was reported where it was read.
            Some(Body::Struct { inner: None, .. } | Body::Unknown(_)) => None,
            Some(Body::Value(schema, _)) => {
                self.reject(
                    type_place(holder),
                    "wrong-extension",
                    format!("{} is not {} {noun}", schema.short_name(), article(noun)),
                );
                None
            }
        }
    }

    fn extension_by_name<'m, 'a>(
        &self,
        holder: &'m Message<'a>,
        category: Category,
        name: &str,
    ) -> Option<Extension<'m, 'a>> {
        let noun = category.noun();
        let kind = category.type_of(name);
        let schema = kind.and_then(schema::Message::find);
        let (Some(kind), Some(schema)) = (kind, schema) else {
            let names: Vec<_> = category.names().collect();
            let mut draft = Draft::rejected("missing-type", format!("this {noun} has no `typed_config`"))
                .at(holder.here())
                .help(format!("the type in `typed_config` says which {noun} it is; the name alone does not"));
            if let Some(meant) = suggest::among(name, &names) {
                let kind = category.type_of(meant).unwrap_or_default();
                draft = draft.suggestion(format!("typed_config:\n  \"@type\": type.googleapis.com/{kind}"));
            }
            self.push(draft);
            return None;
        };
        self.push(
            Draft::new(Kind::Lenient, "missing-type", format!("this {noun} is known by its name alone"))
                .at(holder.at("name"))
                .label("Envoy refuses it without a `typed_config`")
                .suggestion(format!("typed_config:\n  \"@type\": type.googleapis.com/{kind}")),
        );
        let config = Message::empty(schema, holder.span);
        crate::check::check(&config, self.sink);
        Some(Extension { name: category.name_of(kind)?, kind, config: Cow::Owned(config) })
    }

    /// The message inside a `TypedExtensionConfig` of a list without a category of its own; none where
    /// it has no type that is known, which is reported.
    pub(super) fn typed<'m, 'a>(&self, holder: &'m Message<'a>) -> Option<&'m Message<'a>> {
        holder.settle("name");
        let any = holder.any("typed_config")?;
        match &any.body {
            Body::Empty => {
                self.reject(type_place(holder), "missing-type", "this extension does not say what it is");
            }
            Body::Value(schema, _) => {
                let text = format!("{} is not an extension", schema.short_name());
                self.reject(type_place(holder), "wrong-extension", text);
            }
            // An unknown type was reported where it was read.
            Body::Message(_) | Body::Struct { .. } | Body::Unknown(_) => {}
        }
        any.message()
    }

    /// Says that an extension is not implemented, and takes note of all of it.
    pub(super) fn extension_not_implemented(&self, holder: &Message<'_>, what: &str) {
        self.unsupported(type_place(holder), format!("{what} is not implemented"));
        holder.settle_all();
    }
}

/// The place of an extension's type, or of its name.
pub(super) fn type_place(holder: &Message<'_>) -> At {
    let mut at = holder.at("typed_config");
    if let Some(any) = holder.any("typed_config")
        && any.type_span.is_some()
    {
        at.span = any.type_span;
    }
    at
}

fn article(noun: &str) -> &'static str {
    if noun.starts_with(['a', 'e', 'i', 'o', 'H']) { "an" } else { "a" }
}

/// The last part of a type's name, `ExtAuthz`.
pub(super) fn short_kind(kind: &str) -> &str {
    kind.rsplit('.').next().unwrap_or(kind)
}

//! Loading a configuration: all steps, one behind the other.

use causeway_model::{Bootstrap, NamedSecret};

use crate::check;
use crate::diagnostic::{At, Diagnostics, Draft, Kind, Sink};
use crate::dump::ConfigDump;
use crate::lower;
use crate::schema;
use crate::source::{Files, Format, Source, Span};
use crate::text::{self, TextError, TextWarning};
use crate::tree::wire::WireError;
use crate::tree::{self, Message};
use crate::unread;

/// How to load.
#[derive(Debug, Clone, Default)]
pub struct LoadOptions {
    /// What is not implemented is left out with a warning, unless that were dangerous.
    pub allow_unsupported: bool,
    /// Fields that the schema does not have are left out with a warning (`--allow-unknown-static-fields`).
    pub allow_unknown: bool,
    /// Files that the configuration names are read, and have to be there.
    pub check_files: bool,
    /// YAML or JSON that is merged over the file (`--config-yaml`).
    pub overlay: Option<String>,
    /// Replaces `node.id` (`--service-node`).
    pub service_node: Option<String>,
    /// Replaces `node.cluster` (`--service-cluster`).
    pub service_cluster: Option<String>,
    /// Replaces `node.locality.zone` (`--service-zone`).
    pub service_zone: Option<String>,
}

/// A configuration, loaded.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The model; `None` where there are errors.
    pub bootstrap: Option<Bootstrap>,
    /// What there is to say.
    pub diagnostics: Diagnostics,
    /// What the admin server shows.
    pub dump: ConfigDump,
}

/// Files larger than this are refused: 64 MiB.
const LARGEST: usize = 64 << 20;
/// Name of the overlay in diagnostics.
const OVERLAY: &str = "--config-yaml";

/// Loads a configuration. Never fails as such: what is wrong stands in the diagnostics.
#[must_use]
pub fn load(source: &Source, options: &LoadOptions) -> Loaded {
    let sink = Sink::new(options.allow_unknown);
    let mut files = Files::default();
    let Some(inputs) = Inputs::read(source, options, &mut files, &sink) else {
        let diagnostics = Diagnostics::new(sink.finish(&files, options.allow_unsupported, |_| None));
        return Loaded { bootstrap: None, diagnostics, dump: ConfigDump::default() };
    };
    let Some(root) = inputs.root("envoy.config.bootstrap.v3.Bootstrap", source, &files, &sink) else {
        let diagnostics = Diagnostics::new(sink.finish(&files, options.allow_unsupported, |_| None));
        return Loaded { bootstrap: None, diagnostics, dump: ConfigDump::default() };
    };
    check::check(&root, &sink);
    let bootstrap = lower::lower(&root, &files, options, &sink);
    unread::report(&root, &sink);
    let dump = ConfigDump::new(&root);
    let paths = tree::path::find(&root, &sink.addresses());
    let list = sink.finish(&files, options.allow_unsupported, |address| paths.get(&address).cloned());
    let diagnostics = Diagnostics::new(list);
    Loaded { bootstrap: (!diagnostics.has_errors()).then_some(bootstrap), diagnostics, dump }
}

/// Secrets out of a file, and what there is to say of it.
#[derive(Debug, Clone)]
pub struct LoadedSecrets {
    /// The secrets; those that are wrong are missing.
    pub secrets: Vec<NamedSecret>,
    /// What there is to say.
    pub diagnostics: Diagnostics,
}

/// Loads a file of secrets: a `service.discovery.v3.DiscoveryResponse` in YAML, JSON or protobuf, as
/// `SdsSecretConfig` with `path_config_source` names it.
#[must_use]
pub fn load_secrets(source: &Source, options: &LoadOptions) -> LoadedSecrets {
    let options = LoadOptions { overlay: None, ..options.clone() };
    let sink = Sink::new(options.allow_unknown);
    let mut files = Files::default();
    let secrets = Inputs::read(source, &options, &mut files, &sink)
        .and_then(|inputs| {
            let root = inputs.root("envoy.service.discovery.v3.DiscoveryResponse", source, &files, &sink)?;
            check::check(&root, &sink);
            let secrets = lower::lower_secrets(&root, &files, &options, &sink);
            unread::report(&root, &sink);
            Some(secrets)
        })
        .unwrap_or_default();
    let list = sink.finish(&files, options.allow_unsupported, |_| None);
    LoadedSecrets { secrets, diagnostics: Diagnostics::new(list) }
}

/// The texts of a run, by where their bytes begin.
pub(crate) struct Inputs {
    /// The file, unless it is protobuf.
    main: Option<(u32, Format)>,
    overlay: Option<u32>,
}

impl Inputs {
    pub(crate) fn read<'a>(
        source: &'a Source,
        options: &'a LoadOptions,
        files: &mut Files<'a>,
        sink: &Sink,
    ) -> Option<Self> {
        let refuse = |code, message: String| {
            sink.push(Draft::rejected(code, message));
            None
        };
        let overlay = options.overlay.as_ref().map_or(0, String::len);
        for (name, length) in [(&**source.name(), source.bytes().len()), (OVERLAY, overlay)] {
            if length > LARGEST {
                return refuse(
                    "too-large",
                    format!("{name} has {length} bytes, which is more than {LARGEST}"),
                );
            }
        }
        let main = match source.format() {
            Format::Protobuf => None,
            Format::TextProtobuf => {
                return refuse(
                    "unsupported-format",
                    format!(
                        "{}: the text format of protobuf is not implemented; YAML, JSON and .pb are",
                        source.name()
                    ),
                );
            }
            format @ (Format::Yaml | Format::Json) => {
                let (text, replaced) = source.text();
                let base = files.add(source.name().clone(), text)?;
                if replaced && format == Format::Json {
                    return refuse(
                        "invalid-utf8",
                        format!("{} is not UTF-8, which JSON has to be", source.name()),
                    );
                }
                if replaced {
                    let span = Span { start: base, end: base };
                    sink.push(
                        Draft::suspicious(
                            "invalid-utf8",
                            "this file is not UTF-8; what can't be read was replaced",
                        )
                        .span(span),
                    );
                }
                Some((base, format))
            }
        };
        let overlay = match &options.overlay {
            Some(overlay) => Some(files.add(OVERLAY.into(), overlay.as_str().into())?),
            None => None,
        };
        Some(Self { main, overlay })
    }

    /// The value tree of everything.
    pub(crate) fn root<'a>(
        &self,
        name: &str,
        source: &'a Source,
        files: &'a Files<'_>,
        sink: &Sink,
    ) -> Option<Message<'a>> {
        let schema = schema::Message::find(name)?;
        let mut root = match self.main {
            Some((base, format)) => document(schema, files, base, format, sink)?,
            None => match Self::protobuf(schema, source, sink) {
                Ok(mut root) => {
                    tree::any::settle(&mut root, sink);
                    root
                }
                Err(error) => {
                    sink.push(Draft::rejected(
                        "invalid-protobuf",
                        format!(
                            "{} is not a {} in protobuf's wire format: {error}",
                            source.name(),
                            schema.short_name()
                        ),
                    ));
                    return None;
                }
            },
        };
        if let Some(base) = self.overlay {
            root.merge(document(schema, files, base, Format::Yaml, sink)?);
        }
        Some(root)
    }

    fn protobuf<'a>(
        schema: schema::Message,
        source: &'a Source,
        sink: &Sink,
    ) -> Result<Message<'a>, WireError> {
        match tree::wire::decode(schema, source.bytes()) {
            Err(error @ WireError::UnknownField(_)) if sink.allows_unknown() => {
                let root = tree::wire::decode_known(schema, source.bytes())?;
                let message = format!("in {}, {error}; unknown fields have no effect", source.name());
                sink.push(Draft::suspicious("unknown-field", message));
                Ok(root)
            }
            result => result,
        }
    }
}

/// The value tree of one text; `None` where it is none, which has been said.
fn document<'a>(
    schema: schema::Message,
    files: &'a Files<'_>,
    base: u32,
    format: Format,
    sink: &Sink,
) -> Option<Message<'a>> {
    let parsed = match format {
        Format::Json => text::json::parse(files.text(base), base),
        Format::Yaml | Format::Protobuf | Format::TextProtobuf => yaml(files, base),
    };
    let parsed = match parsed {
        Ok(parsed) => parsed,
        Err(TextError { span, message, help }) => {
            let draft = Draft::rejected("syntax", message).span(span);
            sink.push(match help {
                Some(help) => draft.help(help),
                None => draft,
            });
            return None;
        }
    };
    for warning in parsed.warnings {
        sink.push(text_warning(warning));
    }
    let root = parsed.root;
    let usable = match &root.resolve().kind {
        text::NodeKind::Map(_) => true,
        // As protobuf has it: nothing is an empty message.
        text::NodeKind::Null => format == Format::Json,
        _ => false,
    };
    if !usable {
        let what = if root.resolve().kind == text::NodeKind::Null {
            "this file is empty"
        } else {
            "a configuration is a map"
        };
        sink.push(
            Draft::rejected("not-a-map", what)
                .at(At::span(root.span))
                .help("a configuration begins with `admin:`, `static_resources:` or the like"),
        );
        return None;
    }
    Some(tree::walk::walk(schema, root, sink))
}

/// Parses YAML, mended where that helps.
pub(crate) fn yaml<'a>(files: &'a Files<'_>, base: u32) -> Result<text::Parsed<'a>, TextError> {
    /// More flaws than this are no oversight.
    const MENDS: usize = 32;
    let text = files.text(base);
    let first = match text::yaml::parse(text, base) {
        Ok(parsed) => return Ok(parsed),
        Err(error) => error,
    };
    let mut error = first.clone();
    let mut mended = text.to_owned();
    for _ in 0..MENDS {
        let offset = error.span.start.saturating_sub(base) as usize;
        let Some(next) = text::yaml::mend(&mended, offset) else { return Err(first) };
        mended = next;
        match text::yaml::parse(&mended, base) {
            Ok(_) => return text::yaml::parse(files.keep_mended(base, mended), base),
            Err(next) => error = next,
        }
    }
    Err(first)
}

fn text_warning(warning: TextWarning) -> Draft {
    match warning {
        TextWarning::DuplicateKey { key, first, last } => {
            Draft::new(Kind::Suspicious, "duplicate-key", format!("`{key}` stands twice here"))
                .span(last)
                .label("this one counts")
                .related(first, "this one has no effect")
        }
        TextWarning::SecondDocument { span } => {
            Draft::new(Kind::Suspicious, "second-document", "a second document begins here")
                .span(span)
                .label("only the first is read")
        }
    }
}

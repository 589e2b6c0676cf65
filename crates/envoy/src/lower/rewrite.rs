//! Other paths and hosts for back-ends.

use causeway_model::{HostRewrite, PathMatch, PathRewrite};

use super::Cx;
use super::extension::short_kind;
use crate::diagnostic::Draft;
use crate::tree::Message;

impl Cx<'_> {
    /// How `RouteAction` changes the path.
    pub(super) fn path_rewrite(&self, action: &Message<'_>, path: Option<&PathMatch>) -> Option<PathRewrite> {
        let rewrites = ["prefix_rewrite", "regex_rewrite", "path_rewrite_policy", "path_rewrite"];
        let set: Vec<_> = rewrites.iter().filter(|field| action.has(field)).collect();
        if let [first, second, ..] = set.as_slice() {
            self.push(
                Draft::rejected("conflict", format!("`{first}` and `{second}` exclude each other"))
                    .at(action.at_key(second))
                    .related(action.at_key(first).span, "set here already"),
            );
        }
        let text = action.text("path_rewrite");
        let filled = (!text.is_empty()).then(|| self.template(text, &action.at("path_rewrite")));
        let regex = self.regex_substitution(action, "regex_rewrite");
        let template = self.path_rewrite_policy(action, path);
        let prefix = action.text("prefix_rewrite");
        if !prefix.is_empty() {
            self.doubled_slash(action, "prefix_rewrite", prefix, path);
            return Some(PathRewrite::Prefix(prefix.into()));
        }
        let regex = regex.map(|(regex, substitution)| PathRewrite::Regex { regex, substitution });
        regex.or(template).or(filled.map(PathRewrite::Template))
    }

    fn path_rewrite_policy(&self, action: &Message<'_>, path: Option<&PathMatch>) -> Option<PathRewrite> {
        let holder = action.message("path_rewrite_policy")?;
        let config = self.typed(holder)?;
        if short_kind(config.schema.name()) != "UriTemplateRewriteConfig" {
            self.not_implemented(action, "path_rewrite_policy", "");
            return None;
        }
        let template = config.text("path_template_rewrite");
        let variables = match path {
            Some(PathMatch::UriTemplate { variables, .. }) => variables.as_slice(),
            Some(_) => {
                self.reject(
                    action.at_key("path_rewrite_policy"),
                    "conflict",
                    "a rewrite by template needs a match by template: `match.path_match_policy`",
                );
                return None;
            }
            // The match is wrong, and that has been said.
            None => return None,
        };
        match super::uri_template::parse_rewrite(template, variables) {
            Ok(segments) => Some(PathRewrite::UriTemplate(segments)),
            Err(why) => {
                self.push(
                    Draft::rejected("invalid-path-template", format!("`{template}` is not a path template"))
                        .at(config.at("path_template_rewrite"))
                        .label(why),
                );
                None
            }
        }
    }

    /// The classic: `/good` → `/` makes `//x` of `/good/x`.
    fn doubled_slash(&self, action: &Message<'_>, field: &str, rewrite: &str, path: Option<&PathMatch>) {
        let Some(PathMatch::Prefix(prefix)) = path else { return };
        if rewrite.ends_with('/') && !prefix.ends_with('/') && prefix.len() > 1 {
            let rest = "/x";
            self.push(
                self.suspicious(
                    action.at(field),
                    "double-slash",
                    format!("`{prefix}{rest}` becomes `{rewrite}{rest}`, with two slashes"),
                )
                .help(format!("match `{prefix}/` as well, or instead: `prefix: {prefix}/`"))
                .help("`path_separated_prefix` does not help here: what it matches is replaced the same way"),
            );
        }
    }

    /// How `RouteAction` changes the host.
    pub(super) fn host_rewrite(&self, action: &Message<'_>) -> Option<HostRewrite> {
        match action.which("host_rewrite_specifier")? {
            "host_rewrite_literal" => {
                let host = action.text_value("host_rewrite_literal")?;
                (!host.is_empty()).then(|| HostRewrite::Literal(host.into()))
            }
            "auto_host_rewrite" => {
                (action.bool_value("auto_host_rewrite") == Some(true)).then_some(HostRewrite::Auto)
            }
            "host_rewrite_header" => {
                let name = action.text_value("host_rewrite_header")?;
                self.header_name(name, action.at("host_rewrite_header"), "no request has such a header")
                    .map(HostRewrite::Header)
            }
            "host_rewrite_path_regex" => {
                let (regex, substitution) = self.regex_substitution(action, "host_rewrite_path_regex")?;
                Some(HostRewrite::PathRegex { regex, substitution })
            }
            "host_rewrite" => {
                let template = self.template(action.text("host_rewrite"), &action.at("host_rewrite"));
                match template.as_literal() {
                    Some("") => None,
                    Some(host) => Some(HostRewrite::Literal(host.into())),
                    None => Some(HostRewrite::Template(template)),
                }
            }
            other => {
                self.not_implemented(action, other, "");
                None
            }
        }
    }
}

//! What local replies look like.

use causeway_model::{LocalReplyConfig, LocalReplyMapper};

use super::Cx;
use crate::tree::Message;

impl Cx<'_> {
    /// `LocalReplyConfig`.
    pub(super) fn local_reply(&self, hcm: &Message<'_>) -> LocalReplyConfig {
        let Some(config) = hcm.message("local_reply_config") else { return LocalReplyConfig::default() };
        LocalReplyConfig {
            mappers: config.messages("mappers").filter_map(|mapper| self.mapper(mapper)).collect(),
            body_format: self.body_format(config, "body_format"),
        }
    }

    fn mapper(&self, mapper: &Message<'_>) -> Option<LocalReplyMapper> {
        let filter = mapper.message("filter").and_then(|filter| self.log_filter(filter));
        let status = mapper.u32("status_code").and_then(|status| u16::try_from(status).ok());
        let body = self.text_source(mapper, "body").map(String::into_boxed_str);
        let body_format = self.body_format(mapper, "body_format_override");
        let headers_to_add = self.headers_to_add(mapper, "headers_to_add");
        Some(LocalReplyMapper { filter: filter?, status, body, body_format, headers_to_add })
    }
}

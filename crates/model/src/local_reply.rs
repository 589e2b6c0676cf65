//! What local replies look like (`local_reply_config`, `direct_response.body_format`).

use crate::{AccessLogFilter, HeaderValueOption, JsonTemplate, Template};

/// `HttpConnectionManager.local_reply_config`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LocalReplyConfig {
    /// The first whose filter matches changes the reply.
    pub mappers: Vec<LocalReplyMapper>,
    /// The body of every reply whose mapper sets none.
    pub body_format: Option<BodyFormat>,
}

/// `ResponseMapper`.
#[derive(Debug, Clone, PartialEq)]
pub struct LocalReplyMapper {
    /// Which replies it changes.
    pub filter: AccessLogFilter,
    /// Another status.
    pub status: Option<u16>,
    /// Another body, before it is formatted.
    pub body: Option<Box<str>>,
    /// Another format.
    pub body_format: Option<BodyFormat>,
    /// Headers to add.
    pub headers_to_add: Vec<HeaderValueOption>,
}

/// `config.core.v3.SubstitutionFormatString` for a body.
#[derive(Debug, Clone, PartialEq)]
pub enum BodyFormat {
    /// A text.
    Text {
        /// The text.
        template: Template,
        /// `content-type`; `text/plain` unless set.
        content_type: Option<Box<str>>,
        /// Whether nothing rather than `-` stands for a value that is absent.
        omit_empty: bool,
    },
    /// A JSON object and a line end.
    Json {
        /// The object.
        object: JsonTemplate,
        /// `content-type`; `application/json` unless set.
        content_type: Option<Box<str>>,
        /// Whether fields without a value are left out.
        omit_empty: bool,
    },
}

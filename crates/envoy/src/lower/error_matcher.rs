//! Which answers outlier detection takes for failures: `HttpProtocolOptions.outlier_detection`.

use causeway_model::ResponsePredicate;

use super::Cx;
use crate::tree::Message;

impl Cx<'_> {
    /// `HttpProtocolOptions.outlier_detection`; `None` where statuses decide.
    pub(super) fn error_matcher(
        &self,
        options: &Message<'_>,
        detected: bool,
    ) -> Option<Box<ResponsePredicate>> {
        let detection = options.message("outlier_detection")?;
        if !detected {
            self.ignored(
                options.at_key("outlier_detection"),
                "nobody looks for outliers in this cluster, which has no `outlier_detection` of its own",
            );
        }
        self.response_predicate(detection.message("error_matcher")?).map(Box::new)
    }

    /// `MatchPredicate`, where only the head of a response is looked at.
    fn response_predicate(&self, condition: &Message<'_>) -> Option<ResponsePredicate> {
        let all = |field: &str| -> Option<Vec<_>> {
            let set = condition.message(field)?;
            set.messages("rules").map(|rule| self.response_predicate(rule)).collect()
        };
        Some(match condition.which("rule")? {
            "any_match" => {
                condition.bool("any_match");
                ResponsePredicate::Any
            }
            "not_match" => {
                let inner = self.response_predicate(condition.message("not_match")?)?;
                ResponsePredicate::Not(Box::new(inner))
            }
            "and_match" => ResponsePredicate::And(all("and_match")?),
            "or_match" => ResponsePredicate::Or(all("or_match")?),
            "http_response_headers_match" => {
                let condition = condition.message("http_response_headers_match")?;
                match self.header_conditions(condition, "headers") {
                    (_, true) => ResponsePredicate::Never,
                    (headers, false) => ResponsePredicate::Headers(headers),
                }
            }
            other => {
                self.ignored(
                    condition.at_key(other),
                    format!("`{other}` never fits here, with Envoy neither: only the head of a response is looked at"),
                );
                condition.settle(other);
                ResponsePredicate::Never
            }
        })
    }
}

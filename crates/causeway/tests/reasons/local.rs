//! The proxy's own life.

use std::time::Duration;

use causeway_reason::Reason;
use causeway_testkit::{Answer, Request};

use crate::case::{Case, Seen, open};
use crate::site::Site;

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::of(Reason::DrainDeadline)
            .args(&["--shutdown-timeout-s", "1"])
            .plays(Answer::hang())
            .evidence("the back-end had not answered")
            .client(async |site: &mut Site| {
                let mut connection = open(site).await;
                connection.send(&Request::get("/")).await;
                tokio::time::sleep(Duration::from_millis(100)).await;
                assert!(site.proxy.stop(Duration::from_secs(10)).await.is_some(), "it has to end");
                Seen::Nothing
            }),
    ]
}

//! What several attempts bring, one after the other, and what the client gets of it.

use std::time::Duration;

use causeway_conformance::{Answer, Case, Reply, Request, Script};

use super::{ONCE, TWICE, base, case, late, limited, told};

/// What attempts bring, one after the other.
pub(super) fn cases() -> Vec<Case> {
    vec![
        told(case("the_second_answers_first", ONCE, [Answer::hang(), Reply::ok("second").into()])),
        told(case("the_first_answers_after_all", ONCE, [late(700, Reply::ok("first")), Answer::hang()])),
        case("the_second_is_never_made_where_the_first_is_in_time", ONCE, [late(100, Reply::ok("first"))]),
        case(
            "the_second_is_answered_badly_and_the_first_well",
            ONCE,
            [late(900, Reply::ok("first")), Reply::status(503).body("second").into()],
        ),
        case(
            "the_second_is_answered_badly_where_that_is_no_reason_and_the_first_is_waited_for_no_more",
            "timeout: 5s, retry_policy: {retry_on: connect-failure, num_retries: 1, per_try_timeout: 0.3s}",
            [late(900, Reply::ok("first")), Reply::status(503).body("second").into()],
        ),
        case(
            "the_second_is_cut_and_the_first_answers",
            ONCE,
            [late(900, Reply::ok("first")), Answer::close()],
        ),
        case(
            "the_first_is_answered_badly_and_the_second_well",
            ONCE,
            [late(450, Reply::status(503).body("first")), late(700, Reply::ok("second"))],
        ),
        case(
            "the_first_is_cut_and_the_second_answers",
            ONCE,
            [late(450, Answer::close()), late(700, Reply::ok("second"))],
        ),
        case(
            "the_second_is_answered_badly_without_a_body_and_the_first_well",
            ONCE,
            [late(900, Reply::ok("first")), Reply::status(503).into()],
        ),
        case(
            "the_first_is_answered_badly_without_a_body_and_the_second_well",
            ONCE,
            [late(450, Reply::status(503)), late(700, Reply::ok("second"))],
        ),
        case(
            "both_are_answered_badly",
            ONCE,
            [late(450, Reply::status(503).body("first")), late(700, Reply::status(500).body("second"))],
        ),
        case(
            "both_are_answered_badly_the_first_last",
            ONCE,
            [late(900, Reply::status(503).body("first")), late(100, Reply::status(500).body("second"))],
        ),
        case("both_are_cut", ONCE, [late(450, Answer::close()), late(700, Answer::close())]),
        case("both_are_cut_the_first_last", ONCE, [late(900, Answer::close()), late(100, Answer::reset())]),
        case(
            "a_third_after_the_second_is_late_too",
            TWICE,
            [Answer::hang(), Answer::hang(), Reply::ok("third").into()],
        ),
        case(
            "a_third_after_the_second_is_answered_badly",
            TWICE,
            [Answer::hang(), Reply::status(503).into(), Reply::ok("third").into()],
        ),
        case(
            "three_of_which_the_second_answers",
            TWICE,
            [Answer::hang(), late(600, Reply::ok("second")), Answer::hang()],
        ),
        case(
            "all_are_late",
            "timeout: 1s, retry_policy: {retry_on: 5xx, num_retries: 1, per_try_timeout: 0.3s}",
            [Answer::hang()],
        ),
        case(
            "none_may_be_made_beside_it",
            "timeout: 1s, retry_policy: {retry_on: 5xx, num_retries: 0, per_try_timeout: 0.3s}",
            [Answer::hang()],
        ),
        case(
            "none_may_be_made_beside_it_and_it_answers",
            "timeout: 2s, retry_policy: {retry_on: 5xx, num_retries: 0, per_try_timeout: 0.3s}",
            [late(700, Reply::ok("first"))],
        ),
        case(
            "without_a_reason_for_retries_time_of_attempts_is_nothing",
            "timeout: 2s, retry_policy: {num_retries: 1, per_try_timeout: 0.3s}",
            [late(700, Reply::ok("first"))],
        ),
        limited(
            "the_breaker_of_retries_is_open",
            "{max_retries: 0}",
            "timeout: 2s, retry_policy: {retry_on: 5xx, num_retries: 1, per_try_timeout: 0.3s}",
            [late(700, Reply::ok("first"))],
        ),
        base(
            "the_breaker_of_requests_is_open",
            "timeout: 2s, retry_policy: {retry_on: 5xx, num_retries: 1, per_try_timeout: 0.3s}",
            Script::in_turn([late(700, Reply::ok("first"))]),
        )
        .cluster("app", "circuit_breakers: {thresholds: [{max_requests: 1}]}")
        .send(Request::post("/", "body"))
        .asked("app")
        // Envoy finds out when there is a connection for it.
        .stats(&[
            "cluster.app.upstream_rq_total",
            "cluster.app.upstream_rq_completed",
            "cluster.app.upstream_rq_200",
            "cluster.app.upstream_rq_503",
            "cluster.app.external.upstream_rq_503",
            "cluster.app.upstream_rq_retry",
            "cluster.app.upstream_rq_retry_success",
        ]),
        case(
            "nothing_moves_on_the_first",
            "timeout: 2s, retry_policy: {retry_on: 5xx, num_retries: 1, per_try_idle_timeout: 0.3s}",
            [Answer::hang(), Reply::ok("second").into()],
        ),
        case(
            "a_pause_before_the_second_in_which_the_first_answers",
            "timeout: 9s, retry_policy: {retry_on: 5xx, num_retries: 1, per_try_timeout: 0.3s, retry_back_off: {base_interval: 90000s, max_interval: 90000s}}",
            [late(700, Reply::ok("first"))],
        ),
        case(
            "a_pause_before_the_second_in_which_the_first_is_answered_badly",
            "timeout: 1.5s, retry_policy: {retry_on: 5xx, num_retries: 1, per_try_timeout: 0.3s, retry_back_off: {base_interval: 90000s, max_interval: 90000s}}",
            [late(700, Reply::status(503).body("first"))],
        ),
        case(
            "a_pause_before_the_second_in_which_the_first_is_cut",
            "timeout: 1.5s, retry_policy: {retry_on: 5xx, num_retries: 1, per_try_timeout: 0.3s, retry_back_off: {base_interval: 90000s, max_interval: 90000s}}",
            [late(700, Answer::close())],
        ),
        case(
            "an_interim_answer_of_the_first_wins",
            ONCE,
            [
                late(450, Reply::status(103).header("link", "a"))
                    .then_pause(Duration::from_millis(300))
                    .then_send("HTTP/1.1 503 No\r\ncontent-length: 5\r\n\r\nfirst"),
                late(500, Reply::ok("second")),
            ],
        ),
        case(
            "an_interim_answer_of_the_second_wins",
            ONCE,
            [
                late(900, Reply::ok("first")),
                late(100, Reply::status(103).header("link", "a"))
                    .then_pause(Duration::from_millis(700))
                    .then_send("HTTP/1.1 503 No\r\ncontent-length: 6\r\n\r\nsecond"),
            ],
        ),
        case(
            "an_interim_answer_ends_retries",
            "retry_policy: {retry_on: 5xx, num_retries: 1}",
            [
                Answer::from(Reply::status(103).header("link", "a"))
                    .then_send("HTTP/1.1 503 No\r\ncontent-length: 5\r\n\r\nfirst"),
                Reply::ok("second").into(),
            ],
        ),
        case(
            "an_answer_that_goes_on_is_not_late",
            ONCE,
            [Answer::raw("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nfi")
                .then_pause(Duration::from_millis(700))
                .then_send("rst")],
        ),
        case(
            "the_first_answers_in_the_middle_of_its_head",
            ONCE,
            [
                Answer::raw("HTTP/1.1 200 OK\r\ncontent-le")
                    .then_pause(Duration::from_millis(700))
                    .then_send("ngth: 5\r\n\r\nfirst"),
                Answer::hang(),
            ],
        ),
    ]
}

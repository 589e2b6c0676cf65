//! What clients do wrong with HTTP/2.

use std::time::Duration;

use causeway_reason::Reason;
use causeway_testkit::frames::{Frame, Frames, request};
use causeway_testkit::{Answer, Reply};

use crate::case::{Case, Seen};
use crate::site::Site;

pub(crate) fn cases() -> Vec<Case> {
    [resets(), heads(), limits_of_requests(), connections(), floods()].into_iter().flatten().collect()
}

async fn open(site: &Site) -> Frames {
    Frames::open(site.address).await.expect("Causeway listens")
}

/// A client that sends these frames and reads to the end of the connection.
fn sends(case: Case, frames: impl Fn() -> Vec<Frame> + 'static) -> Case {
    case.client(async move |site: &mut Site| {
        let mut client = open(site).await;
        client.send(&frames()).await;
        client.rest().await;
        Seen::Nothing
    })
}

/// The same, with a request that is under way.
fn meanwhile(reason: Reason, frames: impl Fn() -> Vec<Frame> + 'static) -> Case {
    let case = Case::of(reason).plays(Answer::hang());
    case.client(async move |site: &mut Site| {
        let mut client = open(site).await;
        client.send(&[Frame::headers(1, &request("POST", "/"), false)]).await;
        // The back-end has to have it, or there would be no request to fail.
        tokio::time::sleep(Duration::from_millis(100)).await;
        client.send(&frames()).await;
        client.rest().await;
        Seen::Nothing
    })
}

/// A client whose stream is reset with this code.
fn is_reset(case: Case, code: u32, frames: impl Fn() -> Vec<Frame> + 'static) -> Case {
    case.client(async move |site: &mut Site| {
        let mut client = open(site).await;
        client.send(&frames()).await;
        let reset = client.expect(3, 1).await.expect("a RST_STREAM frame");
        assert_eq!(reset.code(), Some(code));
        client.send(&[Frame::get(3, "/")]).await;
        assert!(client.head(3).await.is_some(), "the connection lives on");
        Seen::Nothing
    })
}

fn with(field: (&'static str, &'static str)) -> Vec<Frame> {
    let mut fields = request("GET", "/").to_vec();
    fields.push(field);
    vec![Frame::headers(1, &fields, true)]
}

fn resets() -> Vec<Case> {
    let case = Case::of(Reason::ClientReset).plays(Answer::hang()).evidence("the code is 8 (CANCEL)");
    vec![case.client(async |site: &mut Site| {
        let mut client = open(site).await;
        client.send(&[Frame::get(1, "/")]).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
        client.send(&[Frame::reset(1, 8), Frame::ping()]).await;
        assert!(client.expect(6, 0).await.is_some(), "the connection lives on");
        Seen::Nothing
    })]
}

fn heads() -> Vec<Case> {
    let lenient = "http2_protocol_options: {override_stream_error_on_invalid_http_message: true}";
    let no_path = || vec![Frame::headers(1, &request("GET", "/")[..3], true)];
    let short = || {
        let mut fields = request("POST", "/").to_vec();
        fields.push(("content-length", "5"));
        vec![Frame::headers(1, &fields, false), Frame::data(1, "abc", true)]
    };
    vec![
        sends(Case::of(Reason::Http2FieldInvalid).evidence("in upper case"), || with(("X-Up", "1"))),
        is_reset(
            Case::of(Reason::Http2FieldInvalid).manager(lenient).evidence("RFC 9113 §8.2.2"),
            1,
            || with(("connection", "close")),
        ),
        sends(Case::of(Reason::Http2MessageInvalid).evidence("there is no path"), no_path),
        is_reset(Case::of(Reason::Http2LengthMismatch).evidence("less than content-length"), 1, short),
    ]
}

fn limits_of_requests() -> Vec<Case> {
    let underscores = "common_http_protocol_options: {headers_with_underscores_action: REJECT_REQUEST}";
    let few = "http2_protocol_options: {max_concurrent_streams: 1}";
    vec![
        is_reset(Case::of(Reason::Http2TooManyFields).evidence("max_headers_count"), 2, || {
            let mut fields = request("GET", "/").to_vec();
            fields.extend([("cookie", "a"); 97]);
            vec![Frame::headers(1, &fields, true)]
        }),
        is_reset(Case::of(Reason::Http2FieldsTooLarge).evidence("max_request_headers_kb"), 2, || {
            let large = "x".repeat(8000);
            let mut fields = request("GET", "/").to_vec();
            fields.extend(vec![("x-large", large.as_str()); 8]);
            let whole = Frame::headers(1, &fields, true);
            let mut pieces = whole.payload.chunks(16_000);
            let first = Frame::new(1, 1, 1, pieces.next().unwrap_or_default());
            let mut frames = vec![first];
            frames.extend(pieces.map(|piece| Frame::new(9, 0, 1, piece)));
            if let Some(last) = frames.last_mut() {
                last.flags |= 4;
            }
            frames
        }),
        is_reset(Case::of(Reason::Http2UnderscoreHeader).manager(underscores).evidence("a_b"), 2, || {
            with(("a_b", "1"))
        }),
        Case::of(Reason::Http2TooManyStreams)
            .manager(few)
            .plays(Answer::from(Reply::ok("late")).after(Duration::from_millis(300)))
            .evidence("1 streams are open")
            .client(async |site: &mut Site| {
                let mut client = open(site).await;
                client.send(&[Frame::get(1, "/"), Frame::get(3, "/")]).await;
                let reset = client.expect(3, 3).await.expect("a RST_STREAM frame");
                assert_eq!(reset.code(), Some(7), "REFUSED_STREAM");
                assert!(client.head(1).await.is_some(), "the other one is served");
                Seen::Nothing
            }),
    ]
}

fn connections() -> Vec<Case> {
    let keepalive = "http2_protocol_options: {connection_keepalive: {interval: 0.1s, timeout: 0.1s, interval_jitter: {value: 0}}}";
    vec![
        meanwhile(Reason::Http2ProtocolError, || vec![Frame::data(0, "x", false)])
            .evidence("a DATA frame is about no stream"),
        meanwhile(Reason::Http2PingTimeout, Vec::new).manager(keepalive).evidence("no answer to a PING"),
    ]
}

fn floods() -> Vec<Case> {
    let control = "http2_protocol_options: {max_outbound_control_frames: 9}";
    let outbound = "http2_protocol_options: {max_outbound_frames: 9}";
    vec![
        meanwhile(Reason::Http2ResetFlood, || {
            // Without an error, so that the requests themselves are no failures.
            let pair = |number: u32| [Frame::get(number * 2 + 3, "/"), Frame::reset(number * 2 + 3, 0)];
            (0..300).flat_map(pair).collect()
        })
        .evidence("streams were reset before they were answered"),
        meanwhile(Reason::Http2ContinuationFlood, || {
            let mut frames = vec![Frame::new(1, 1, 3, Vec::new())];
            frames.extend(vec![Frame::new(9, 0, 3, Vec::new()); 100]);
            frames
        })
        .evidence("has no end"),
        meanwhile(Reason::Http2ControlFlood, || vec![Frame::ping(); 200])
            .manager(control)
            .evidence("wait to be read"),
        meanwhile(Reason::Http2OutboundFlood, || vec![Frame::ping(); 200])
            .manager(outbound)
            .evidence("wait to be read"),
        meanwhile(Reason::Http2PriorityFlood, || vec![Frame::new(2, 0, 3, [0, 0, 0, 0, 1]); 300])
            .evidence("PRIORITY frames"),
        meanwhile(Reason::Http2WindowFlood, || vec![Frame::window(0, 1); 100])
            .evidence("WINDOW_UPDATE frames"),
        meanwhile(Reason::Http2EmptyFrameFlood, || vec![Frame::data(1, "", false); 10])
            .evidence("had nothing in them"),
    ]
}

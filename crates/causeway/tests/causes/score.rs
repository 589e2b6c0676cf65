//! The score: of the causes that there are, which a test makes happen, so that Causeway itself names it, and the doctor.
//!
//! The book is a catalogue of 145 causes of failed requests, in ten families. Causeway's own has all of their codes and more,
//! which are refinements (S320 is a certificate of the future, which the book has with those that are expired).

use std::collections::BTreeSet;

use causeway_reason::{Cause, Reason};

use crate::asked::is_asked;
use crate::families;
use crate::life;
use crate::running::Running;

/// The least that has to come out by both.
const LEAST: usize = 110;

/// The families of the book: the letter of their codes, the first and the last.
const BOOK: &[(&str, char, u32, u32)] = &[
    ("names", 'D', 101, 113),
    ("TCP", 'T', 201, 216),
    ("TLS to back-ends", 'S', 301, 315),
    ("back-ends", 'P', 401, 420),
    ("health checks", 'H', 501, 515),
    ("routing", 'R', 601, 617),
    ("limits", 'L', 701, 717),
    ("timeouts", 'O', 801, 810),
    ("clients", 'K', 901, 917),
    ("the configuration", 'C', 951, 955),
];

/// Where the book has one code and Causeway another. H508 of the book is a check that is put off by no_traffic_interval: requests
/// meet H508 here, that it is pending, and H516 is what a rule says of the setting.
const OTHERWISE: &[(&str, &[&str])] = &[("H508", &["H508", "H516"])];

const OTHER_PROXY: &str = "is HAProxy's, which Causeway is not; the doctor's side has its tests in tests/doctor_foreign and in \
                           doctor/src/foreign/haproxy";
const NO_FILTER: &str =
    "the HTTP filter is not implemented; the doctor reads counters and logs of an Envoy that has it";
const NOT_SEEN: &str = "what a proxy sees is a refused or closed connection or an answer; only a probe of the neighbouring \
                        hypotheses tells, which is the doctor's";

/// Why not, of those that do not come out by both.
const NOT_MADE: &[(&[&str], &str)] = &[
    (&["D103"], "Causeway sees the IPv6 address fail, and does not ask the other family; the doctor does"),
    (
        &["D106"],
        "the resolv.conf of the host that runs the tests is not theirs to change; decided in a table of the prober",
    ),
    (&["D107"], "Causeway follows its names, so that an address is not stale; HAProxy's are the doctor's"),
    (&["D109"], "is a note of the doctor, decided in a table of the prober"),
    (&["D110"], "needs a container whose host has the port; decided in a table of the prober"),
    (&["D111"], "needs two container networks; no rule of the doctor says it yet"),
    (&["D112"], NO_FILTER),
    (&["D113", "R610", "L716", "O807"], OTHER_PROXY),
    (
        &["T211"],
        "needs a sidecar's rules of iptables with the owner of another process; no rule of the doctor says it yet",
    ),
    (&["T215"], NOT_SEEN),
    (
        &["T216"],
        "a network namespace may not change nf_conntrack_max; decided in a test of the doctor's room for tables",
    ),
    (&["P413", "P414", "H505"], NOT_SEEN),
    (
        &["P420"],
        "the back-end answers 200, which is no failure to a journal; the doctor knows it by its details in a log",
    ),
    (
        &["H513"],
        "takes a checker that is refused and a doctor that is not, from the same host; graded possible",
    ),
    (&["H514"], "takes minutes of changes; no rule of the doctor says it yet"),
    (
        &["R611"],
        "takes a browser that reuses a connection for another name; no rule of the doctor says it yet",
    ),
    (&["L704", "L705", "L706", "L707", "L708", "L709", "L712"], NO_FILTER),
    (&["O809"], "takes a load balancer in front that gives up after a minute; what is seen of it is O808"),
];

/// The codes of the book.
fn book() -> impl Iterator<Item = (&'static str, String)> {
    BOOK.iter().flat_map(|(family, letter, first, last)| {
        (*first..=*last).map(move |number| (*family, format!("{letter}{number}")))
    })
}

/// Causes that cases make happen, by Causeway itself and by the doctor.
fn made() -> (BTreeSet<&'static str>, BTreeSet<&'static str>) {
    // Each reason has a case in tests/reasons, which fails where one has none; but for the one that is a defect.
    let reasons = || Reason::ALL.iter().filter(|reason| **reason != Reason::Dropped);
    let mut itself: BTreeSet<_> = reasons().map(|reason| reason.code()).collect();
    let mut doctor: BTreeSet<_> =
        reasons().filter(|reason| is_asked(**reason)).map(|reason| reason.code()).collect();
    let both: Vec<&str> = crate::running().iter().map(|running: &Running| running.code).collect();
    for code in both.into_iter().chain(life::REFUSED.iter().copied()) {
        itself.insert(code);
        doctor.insert(code);
    }
    doctor.extend(families().iter().flat_map(|(_, cases)| cases).flat_map(|case| case.codes).copied());
    doctor.extend(crate::haproxy::codes());
    (itself, doctor)
}

/// The score, and what is not covered.
#[test]
fn the_score_is_told() {
    let say = |line: String| causeway_testkit::say_skipped(&line);
    let healthy = families().iter().flat_map(|(_, cases)| cases).filter(|case| case.codes.is_empty()).count();
    assert!(healthy >= 15, "{healthy} healthy controls");
    let (itself, doctor) = made();
    let known: BTreeSet<&str> = Cause::all().map(Cause::code).collect();
    let unknown: Vec<_> = itself.union(&doctor).filter(|code| !known.contains(*code)).collect();
    assert!(unknown.is_empty(), "codes that the catalogue does not have: {unknown:?}");
    let is_made = |code: &str, by: &BTreeSet<&str>| match OTHERWISE.iter().find(|(book, _)| *book == code) {
        Some((_, here)) => here.iter().any(|code| by.contains(code)),
        None => by.contains(code),
    };
    let (mut j, mut d, mut b, mut all) = (0, 0, 0, 0);
    let mut missing = Vec::new();
    let mut line = String::new();
    let mut family = "";
    for (of, code) in book() {
        assert!(known.contains(&*code), "{code} of the book is not in the catalogue");
        if of != family {
            if !line.is_empty() {
                say(std::mem::take(&mut line));
            }
            family = of;
            line = format!("CAUSES of {family}:");
        }
        let (by_itself, by_doctor) = (is_made(&code, &itself), is_made(&code, &doctor));
        let mark = match (by_itself, by_doctor) {
            (true, true) => "",
            (true, false) => "(itself)",
            (false, true) => "(doctor)",
            (false, false) => "(-)",
        };
        line += &format!(" {code}{mark}");
        all += 1;
        j += usize::from(by_itself);
        d += usize::from(by_doctor);
        b += usize::from(by_itself && by_doctor);
        if !(by_itself && by_doctor) {
            missing.push(code);
        }
    }
    say(line);
    say(format!(
        "CAUSES: {j} of {all} by Causeway itself, {d} by the doctor, {b} by both; {healthy} healthy; of the {} codes of Causeway's own \
         catalogue {} are made",
        known.len(),
        itself.union(&doctor).count()
    ));
    for (codes, why) in NOT_MADE {
        let open: Vec<_> =
            codes.iter().filter(|code| missing.iter().any(|missing| missing == *code)).collect();
        assert_eq!(open.len(), codes.len(), "{codes:?}: some of these are made");
        say(format!("NOT MADE {}: {why}", codes.join(" ")));
    }
    let silent: Vec<_> = missing
        .iter()
        .filter(|code| !NOT_MADE.iter().any(|(codes, _)| codes.contains(&code.as_str())))
        .collect();
    assert!(silent.is_empty(), "nobody says why these are not made: {silent:?}");
    assert!(b >= LEAST, "{b} by both, and {LEAST} are wanted");
}

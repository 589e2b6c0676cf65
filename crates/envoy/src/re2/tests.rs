//! What Envoy takes and what it refuses, asked of it.

use super::*;

/// What Envoy 1.40 accepts.
const ACCEPTED: &[&str] = &[
    "/a.*",
    "a*?",
    "a+?",
    "a{2}?",
    "a{,5}",
    "a{",
    "a{1",
    "a{1,",
    "a{1,x}",
    "a}",
    "{",
    "}",
    "a{0}",
    "a{0,0}",
    "^*",
    "$*",
    "(|a)*",
    "()",
    "(?:)",
    "a||b",
    "|",
    "(?i)a",
    "(?i:a)",
    "(?-i)a",
    "(?ims)a",
    "(?U)a+",
    "(?)",
    "(?P<n>a)",
    "(?<n>a)",
    "(?P<1>a)",
    "(?P<n>a)(?P<n>b)",
    "[]a]",
    "[^]a]",
    "[a-z-9]",
    "[-a]",
    "[a-]",
    "[a\\-z]",
    "[\\d]",
    "[\\w-z]",
    "[[:alpha:]]",
    "[[:^alpha:]]",
    "[[:word:]]",
    "[[a]b]",
    "[a&&b]",
    "[a~~b]",
    "[[:alpha]",
    r"\d\D\s\S\w\W",
    r"\b\B",
    r"\A\z",
    r"\C",
    r"\Qa.b\E",
    r"\Qab",
    r"\pN",
    r"\p{Greek}",
    r"\p{^Greek}",
    r"\PN",
    r"\p{L}",
    r"\p{Lu}",
    r"\pZ",
    r"\p{Any}",
    r"\p{Latin}",
    r"\a\f\t\n\r\v",
    r"\x41",
    r"\x{41}",
    r"\0",
    r"\07",
    r"\123",
    r"\_",
    r"\-",
    r"\/",
    r"\.",
    r"\<",
    "\\\"",
    r"[\_]",
    r"[\x41-\x43]",
    r"[\01]",
    r"\ ",
    "é+",
    "(?i)é",
    "[é-ñ]",
    "a(?i)b|c",
    "(?s).",
    "(?m)^a$",
    "(?i-s:a)",
    "(?is-mU:x)",
    "a{01}",
    "a{1 }",
    "a{ 1}",
    "[[.a.]]",
    "[[=a=]]",
    "(?i)[^a]",
    "\n",
    "a\tb",
    r"[\p{L}\d]",
    r"[^\n]",
    r"\Q*\E*",
    r"(\Qa\E)+",
    "[[:alpha:]-z]",
    "[%-*]",
    "",
];
/// What it refuses.
const REFUSED: &[&str] = &[
    "/a(",
    "[a-",
    "/(?=x)",
    r"(a)\1",
    "a{5000}",
    "*a",
    "a++",
    "a**",
    "a?+",
    "a*??",
    "a{2}{3}",
    "a{2}+",
    "a{1001}",
    "a{2,1}",
    "(a{100}){100}",
    "(a{2}){501}",
    "((a{10}){10}){11}",
    "(a*){1001}",
    "a{1}{1}",
    "(?x)a b",
    "(?u)a",
    "(?:a",
    "(?i",
    "(?P<>a)",
    "(?P=n)",
    "(?P<n-m>a)",
    "(?#c)",
    "(?>a)",
    "(?<=a)",
    "(?<!a)",
    "(?!a)",
    "a)",
    ")",
    "[]",
    "[^]",
    "[a",
    "[z-a]",
    r"[a-\d]",
    "[[:foo:]]",
    "[a--b]",
    r"[\b]",
    r"[\Q]\E]",
    r"\Z",
    r"\E",
    r"\p{Foo}",
    r"\p{latin}",
    r"\p{Alphabetic}",
    r"\p{N",
    r"\p",
    r"\x4",
    r"\x{110000}",
    r"\x{}",
    r"\xg",
    r"\1",
    r"\8",
    r"\y",
    r"\é",
    r"\e",
    r"\h",
    r"\R",
    r"\K",
    r"\u0041",
    "\\",
    "a\\",
    r"[\y]",
    r"[\1]",
    "a|*",
    "(*a)",
    "(+a)",
    "x{2}{2}{2}",
    "(?:a{2,3}){400}",
    "(?--i)",
    "(?i-)a",
    "[a-[b]]",
    "(?P>n)",
    "(?&n)",
    "(?1)",
    "(?R)",
    "(?^)",
    r"\x{1F600}",
    r"\pé",
    "[a-[:alpha:]]",
];

#[test]
fn takes_what_envoy_takes() {
    for pattern in ACCEPTED {
        if let Err(error) = compile(pattern) {
            panic!("{pattern}: {error:?} ({:?})", translate(pattern));
        }
    }
}

#[test]
fn refuses_what_envoy_refuses_and_says_why() {
    for pattern in REFUSED {
        let error = compile(pattern).expect_err(pattern);
        assert!(
            error.range.end <= pattern.len() && error.range.start < error.range.end,
            "{pattern}: {error:?}"
        );
    }
    assert_eq!(compile("a++").unwrap_err().range, 1..3);
    assert!(compile(r"(a)\1").unwrap_err().message.contains("back-reference"));
    assert!(compile("(?<=a)").unwrap_err().message.contains("look-behind"));
}

#[test]
fn classes_mean_what_they_mean_to_re2() {
    let matches = |pattern: &str, text: &[u8]| compile(pattern).unwrap().is_full_match(text);
    // Digits are those of ASCII.
    assert!(matches(r"\d", b"5") && !matches(r"\d", "٣".as_bytes()));
    // Rust would intersect these.
    assert!(matches("[a&&b]", b"&"));
    assert!(matches("[[a]b]", b"[b]"));
    // A dot is one byte, of whatever value.
    assert!(matches(".", b"\xff") && matches("..", "é".as_bytes()));
    assert!(matches("é+", "é\u{e9}".as_bytes().get(..2).unwrap()));
    assert!(matches("(?i)[^a]", b"b") && !matches("(?i)[^a]", b"A"));
    assert!(matches(r"\pL+", b"abc") && !matches(r"\pL", b"1"));
    assert!(matches(r"\Q*.\E*", b"*..."));
    assert!(matches("a{,5}", b"a{,5}"));
    assert!(matches(r"\123\x{41}\07", b"SA\x07"));
    assert!(matches("[a-z-9]", b"-") && matches("[]a]", b"]"));
    assert!(matches("(?U)a+", b"aaa"));
}

#[test]
fn groups_keep_their_numbers() {
    let regex = compile("(?P<a>x)(?:y)(?<b>z)").unwrap();
    assert_eq!(regex.replace_all(b"xyz", r"\2\1"), b"zx".to_vec());
}

//! Answers of the proxy's own go through one door, `local_reply` of the crate `proxy`, which can only make
//! them from a reason or from what the file says. A status that is chosen anywhere else would be a failure
//! without a name; this reads the sources and finds it.

#![allow(clippy::expect_used, clippy::panic, reason = "a panic is a failed test")]

use std::fs;
use std::path::{Path, PathBuf};

/// The door itself.
const DOOR: &str = "local_reply.rs";

/// Numbers that look like a status and choose none: file and line.
const NUMBERS: &[(&str, &str)] = &[
    // The class of a status that somebody else chose.
    ("record.rs", "facts.status < 500;"),
    ("router/response.rs", "if head.status >= 500 {"),
    ("router/response.rs", "(200..400).contains(&head.status)"),
    ("router/mirror/task.rs", "else { status < 500 };"),
    ("downstream/manager.rs", "(300..400).contains(&response.status)"),
    // What RFC 9209 recommends in place of the status of the door.
    ("proxy_status.rs", ": Error = ("),
    // Streams.
    ("downstream/http2/limits.rs", "const FEW_STREAMS: u64 = 500;"),
    // Milliseconds.
    ("downstream/mod.rs", "const PARK_AFTER: Millis = 500;"),
];

/// What else would be a way past the door, and where it is none.
const WAYS: &[(&str, &[&str])] = &[
    // Only who has a response in hand, the back-end's or the door's, writes a head.
    ("HeadWriter::response(", &["downstream/respond.rs"]),
    // The back-end's status, also that of a redirect that is followed and of an answer in place of which there is
    // another attempt, what RFC 9209 recommends, and the admin server's own record.
    (
        ".status = ",
        &[
            "local_reply.rs",
            "router/response.rs",
            "router/internal_redirect.rs",
            // A mirror's, which no client sees.
            "router/mirror/task.rs",
            "router/leave.rs",
            "proxy_status.rs",
            "access_log/admin.rs",
            // What the journal has of it.
            "failures.rs",
        ],
    ),
    // Other people's constants.
    ("StatusCode::", &[]),
];

#[test]
fn no_status_is_chosen_but_by_a_reason() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../proxy/src");
    let mut files = Vec::new();
    collect(&root, &mut files);
    assert!(files.iter().any(|file| file.ends_with(DOOR)), "the door is not in {}", root.display());
    let mut found = Vec::new();
    for file in files {
        let name = file.strip_prefix(&root).expect("below the root").to_string_lossy().into_owned();
        let text = fs::read_to_string(&file).expect("a source can be read");
        found.extend(offences(&name, &text).map(|(number, line)| format!("{name}:{number}: {line}")));
    }
    assert!(
        found.is_empty(),
        "these lines choose a status by themselves; make a `LocalReply` from a `Reason`:\n{}",
        found.join("\n")
    );
}

#[test]
fn ways_past_the_door_are_found() {
    let lines =
        |text: &'static str| offences("some/file.rs", text).map(|(number, _)| number).collect::<Vec<_>>();
    assert_eq!(lines("let a = 1;\nlet status = 503;\nreply(404)\n"), [2, 3]);
    assert_eq!(lines("stream.write(b\"HTTP/1.1 502 Bad Gateway\\r\\n\");"), [1]);
    assert_eq!(lines("facts.status = status;\nHeadWriter::response(out)"), [1, 2]);
    assert_eq!(lines("let x = StatusCode::OK;"), [1]);
    assert_eq!(lines("// 503\nlet text = \"503\"; let n = 5_000; let m = x503;"), Vec::<usize>::new());
    assert_eq!(lines("let a = 1;\n#[cfg(test)]\nmod tests { const S: u16 = 503; }"), Vec::<usize>::new());
    assert_eq!(offences("record.rs", "let a = x && facts.status < 500;").count(), 0);
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder of sources") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// Lines of a file, counted from 1, that choose a status. Tests at its end may.
fn offences<'t>(name: &'t str, text: &'t str) -> impl Iterator<Item = (usize, &'t str)> {
    let code = text.lines().take_while(|line| line.trim() != "#[cfg(test)]");
    code.enumerate().map(|(at, line)| (at + 1, line)).filter(move |(_, line)| chooses(name, line))
}

fn chooses(name: &str, line: &str) -> bool {
    let (code, strings) = split(line);
    let message = ["HTTP/1.1 4", "HTTP/1.1 5", "HTTP/1.0 4", "HTTP/1.0 5"];
    let number = name != DOOR
        && numbers(&code).any(|number| (400..600).contains(&number))
        && !NUMBERS.iter().any(|(file, part)| *file == name && line.contains(part));
    let way = WAYS.iter().any(|(way, places)| code.contains(way) && !places.contains(&name));
    number || way || message.iter().any(|message| strings.contains(message))
}

/// A line's code, and what stands in its string literals. A comment is neither.
fn split(line: &str) -> (String, String) {
    let (mut code, mut strings) = (String::new(), String::new());
    let mut inside = false;
    let mut characters = line.chars().peekable();
    while let Some(character) = characters.next() {
        match (inside, character) {
            (true, '\\') => strings.extend(characters.next()),
            (_, '"') => inside = !inside,
            (true, other) => strings.push(other),
            (false, '/') if characters.peek() == Some(&'/') => break,
            (false, other) => code.push(other),
        }
    }
    (code, strings)
}

/// The whole numbers that stand for themselves, not in a name.
fn numbers(code: &str) -> impl Iterator<Item = u32> {
    code.split(|character: char| !character.is_ascii_alphanumeric() && character != '_')
        .filter_map(|word| word.trim_end_matches("u16").parse().ok())
}

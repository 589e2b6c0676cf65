//! URI templates for matching and rewriting paths: `/users/{id}/files/{name=**}`.

use causeway_model::{PathMatch, Regex, UriTemplateSegment};

/// Envoy's limits.
const MOST_VARIABLES: usize = 5;
const LONGEST_NAME: usize = 16;

/// The characters of a path segment that `*` stands for, as members of a class.
const SEGMENT: &str = r"a-zA-Z0-9\-._~%!$&'()+,;:@=";

/// Parses a template for matching. The error says what is wrong, in a few words.
pub(super) fn parse_match(template: &str) -> Result<PathMatch, String> {
    let body = template.strip_prefix('/').ok_or("a path template begins with `/`")?;
    if !template.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err("a path template holds printable ASCII characters only".to_owned());
    }
    let mut parser = Parser { regex: String::from("/"), variables: Vec::new(), text_glob: false };
    let segments = split(body)?;
    for (index, segment) in segments.iter().enumerate() {
        if index > 0 {
            parser.regex.push('/');
        }
        // The empty one behind a final slash.
        if segment.is_empty() && index + 1 == segments.len() {
            continue;
        }
        parser.segment(segment)?;
    }
    let regex = Regex::translated(template, &format!("(?-u){}", parser.regex))?;
    Ok(PathMatch::UriTemplate {
        template: template.into(),
        regex,
        variables: parser.variables.into_iter().map(String::into_boxed_str).collect(),
    })
}

/// Splits at slashes outside of braces.
fn split(text: &str) -> Result<Vec<&str>, String> {
    let mut segments = Vec::new();
    let mut depth = 0_usize;
    let mut start = 0;
    for (at, c) in text.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth = depth.checked_sub(1).ok_or("a `}` closes nothing")?,
            '/' if depth == 0 => {
                segments.push(text.get(start..at).unwrap_or_default());
                start = at + 1;
            }
            _ => {}
        }
    }
    if depth > 0 {
        return Err("a `{` is never closed".to_owned());
    }
    segments.push(text.get(start..).unwrap_or_default());
    Ok(segments)
}

struct Parser {
    regex: String,
    variables: Vec<String>,
    /// Whether `**` stood already: nothing may stand for anything behind it.
    text_glob: bool,
}

impl Parser {
    /// A literal, or an operator or variable with literals around it.
    fn segment(&mut self, segment: &str) -> Result<(), String> {
        let Some(start) = segment.find(['*', '{']) else { return self.literal(segment) };
        let (prefix, rest) = segment.split_at(start);
        if !prefix.is_empty() {
            self.literal(prefix)?;
        }
        let suffix = if let Some(rest) = rest.strip_prefix('{') {
            let (variable, suffix) = rest.split_once('}').ok_or("a `{` is never closed")?;
            self.variable(variable)?;
            suffix
        } else if let Some(suffix) = rest.strip_prefix("**") {
            self.glob(true)?;
            suffix
        } else {
            self.glob(false)?;
            rest.strip_prefix('*').unwrap_or(rest)
        };
        if suffix.is_empty() { Ok(()) } else { self.literal(suffix) }
    }

    fn glob(&mut self, text: bool) -> Result<(), String> {
        if self.text_glob {
            return Err("nothing can stand for anything behind `**`".to_owned());
        }
        self.text_glob = text;
        let class = if text { format!("[{SEGMENT}/]*") } else { format!("[{SEGMENT}]+") };
        self.regex.push_str(&class);
        Ok(())
    }

    fn literal(&mut self, literal: &str) -> Result<(), String> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~%!$&'()+,;:@=".contains(&byte);
        if literal.is_empty() {
            return Err("a segment of the path is empty".to_owned());
        }
        if !literal.bytes().all(allowed) {
            return Err(format!("`{literal}` can't stand in a path template"));
        }
        self.regex.push_str(&regex::escape(literal));
        Ok(())
    }

    /// `name` or `name=pattern`.
    fn variable(&mut self, text: &str) -> Result<(), String> {
        let (name, pattern) =
            text.split_once('=').map_or((text, None), |(name, pattern)| (name, Some(pattern)));
        let valid = name.starts_with(|c: char| c.is_ascii_alphabetic())
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if !valid {
            return Err(format!("`{name}` is not the name of a variable"));
        }
        if name.len() > LONGEST_NAME {
            return Err(format!("the name `{name}` is longer than {LONGEST_NAME} characters"));
        }
        if self.variables.iter().any(|other| other == name) {
            return Err(format!("the variable `{name}` stands twice"));
        }
        if self.variables.len() == MOST_VARIABLES {
            return Err(format!("a path template has at most {MOST_VARIABLES} variables"));
        }
        self.variables.push(name.to_owned());
        self.regex.push('(');
        match pattern {
            None => self.glob(false)?,
            Some("") => return Err(format!("the pattern of the variable `{name}` is empty")),
            Some(pattern) => {
                for (index, part) in pattern.split('/').enumerate() {
                    if index > 0 {
                        self.regex.push('/');
                    }
                    match part {
                        "*" => self.glob(false)?,
                        "**" => self.glob(true)?,
                        literal => self.literal(literal)?,
                    }
                }
            }
        }
        self.regex.push(')');
        Ok(())
    }
}

/// Parses a template for rewriting, made of the variables of a match.
pub(super) fn parse_rewrite(
    template: &str,
    variables: &[Box<str>],
) -> Result<Vec<UriTemplateSegment>, String> {
    if !template.starts_with('/') {
        return Err("a path template begins with `/`".to_owned());
    }
    if template.contains("//") {
        return Err("a segment of the path is empty".to_owned());
    }
    let mut segments = Vec::new();
    let mut rest = template;
    while !rest.is_empty() {
        let (literal, behind) = match rest.find('{') {
            Some(at) => (rest.get(..at).unwrap_or_default(), rest.get(at + 1..)),
            None => (rest, None),
        };
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"/-._~%!$&'()+,;:@=*".contains(&byte);
        if !literal.bytes().all(allowed) {
            return Err(format!("`{literal}` can't stand in a path template"));
        }
        if !literal.is_empty() {
            segments.push(UriTemplateSegment::Literal(literal.into()));
        }
        let Some(behind) = behind else { break };
        let (name, tail) = behind.split_once('}').ok_or("a `{` is never closed")?;
        let index = variables.iter().position(|variable| &**variable == name);
        let index = index.ok_or_else(|| format!("the template of the match has no variable `{name}`"))?;
        segments.push(UriTemplateSegment::Variable(index));
        rest = tail;
    }
    Ok(segments)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What Envoy 1.40 accepts and refuses.
    #[test]
    fn templates_are_those_of_envoy() {
        for template in [
            "/a",
            "/a/",
            "/",
            "/*",
            "/**",
            "/a/*/b",
            "/a/**/b",
            "/a/{b}",
            "/a/{b}/{c}",
            "/a/{b=*}",
            "/a/{b=**}",
            "/a/{b=x/*/y}",
            "/a/{b=x/**}",
            "/a/{b=**}/c",
            "/a/{b}.html",
            "/a/*.html",
            "/a/**.html",
            "/a/x*",
            "/{a}/{b}/{c}/{d}/{e}",
            "/{a_b1}",
            "/{abcdefghijklmnop}",
            "/%41",
            "/a=b",
            "/{a=x}",
            "/{a=*}/{b=**}",
            "/{a=**}.x",
            "/a/**/",
            "/a+b",
            "/a{b}",
            "/{a=b/c}/d",
            "/a/*/**",
        ] {
            assert!(parse_match(template).is_ok(), "{template}: {:?}", parse_match(template));
        }
        for template in [
            "a",
            "",
            "/{a}/{b}/{c}/{d}/{e}/{f}",
            "/{a}/{a}",
            "/{1a}",
            "/{abcdefghijklmnopq}",
            "/{}",
            "/{a",
            "/a}",
            "/{a={b}}",
            "/a?b",
            "/a b",
            "/a//b",
            "/é",
            "/a/{b=*.html}",
            "/{a}{b}",
            "/{a}-{b}",
            "/{a=/x}",
            "/[a]",
            "/**/*",
            "/{a=}",
        ] {
            assert!(parse_match(template).is_err(), "{template}");
        }
    }

    #[test]
    fn a_match_is_a_regex_whose_groups_are_the_variables() {
        let PathMatch::UriTemplate { regex, variables, .. } = parse_match("/u/{id}/f/{name=**}").unwrap()
        else {
            panic!()
        };
        assert_eq!(variables, ["id".into(), "name".into()]);
        assert!(regex.is_full_match(b"/u/7/f/a/b.txt") && !regex.is_full_match(b"/u/7/8/f/a"));
        assert_eq!(regex.replace_all(b"/u/7/f/a/b", r"\1:\2"), b"7:a/b");
    }

    #[test]
    fn rewrites_know_the_variables_of_the_match() {
        let variables = ["a".into(), "b".into()];
        assert_eq!(
            parse_rewrite("/x/{b}{a}.html", &variables).unwrap(),
            [
                UriTemplateSegment::Literal("/x/".into()),
                UriTemplateSegment::Variable(1),
                UriTemplateSegment::Variable(0),
                UriTemplateSegment::Literal(".html".into()),
            ]
        );
        assert!(parse_rewrite("/*", &variables).is_ok());
        for template in ["x", "/{c}", "/{a=*}", "/{a", "/a}", "/x?y={a}", "//{a}"] {
            assert!(parse_rewrite(template, &variables).is_err(), "{template}");
        }
    }
}

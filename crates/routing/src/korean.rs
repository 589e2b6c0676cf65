//! Why a route was not found or passed over, in Korean. The words of the configuration are the same as in English.

use std::fmt;

use causeway_model::{
    CertificateMatch, FilterStateMatcher, HeaderMatch, HeaderMatcher, PathMatch, Route, StringMatch,
    StringMatcher, ValueMatch,
};

use crate::conditions::Unmet;
use crate::examine::Step;
use crate::explain::{DomainHint, Miss, PathHint, PathWords};

/// Something that is told in English by itself, in Korean.
#[derive(Debug, Clone, Copy)]
pub struct Korean<'k, T>(pub &'k T);

impl fmt::Display for Korean<'_, Step<'_>> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Step::Path { wanted: PathMatch::Connect, .. } => f.write_str("CONNECT 요청만 받습니다"),
            Step::Path { wanted, case, slash } => {
                write!(f, "경로가 {}에 맞지 않습니다", PathWords(wanted))?;
                match (case, slash) {
                    (true, _) => f.write_str(". 대소문자만 다릅니다"),
                    (false, true) => f.write_str(". 끝의 슬래시만 다릅니다"),
                    (false, false) => Ok(()),
                }
            }
            Step::Unmet(unmet) => write!(f, "요구 조건을 충족하지 않습니다: {}", Korean(unmet)),
            Step::Taken => f.write_str("이 라우트가 요청을 받습니다"),
            Step::Behind => f.write_str("앞의 라우트가 요청을 받습니다"),
        }
    }
}

impl fmt::Display for Korean<'_, Unmet<'_>> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Unmet::Fraction(numerator, denominator) => {
                write!(f, "요청 {denominator}개 중 {numerator}개만(runtime_fraction), 이 요청은 제외")
            }
            Unmet::Grpc => f.write_str("gRPC 요청(content-type application/grpc)"),
            Unmet::Header(matcher) => header(f, matcher),
            Unmet::QueryParameter(matcher) => {
                write!(f, "쿼리 파라미터 `{}`", matcher.name)?;
                match &matcher.condition {
                    ValueMatch::Present(true) => f.write_str(" 있음"),
                    ValueMatch::Present(false) => f.write_str(" 없음"),
                    ValueMatch::String(matcher) => string(f, matcher, false),
                }
            }
            Unmet::Cookie(matcher) => {
                write!(f, "쿠키 `{}`", matcher.name)?;
                string(f, &matcher.value, matcher.invert)
            }
            Unmet::Certificate(wanted) => f.write_str(match wanted {
                CertificateMatch { presented: Some(false), .. } => "클라이언트 인증서 없음",
                CertificateMatch { validated: Some(true), .. } => "유효한 클라이언트 인증서 있음",
                CertificateMatch { validated: Some(false), .. } => "유효한 클라이언트 인증서 없음",
                CertificateMatch { presented: Some(true) | None, validated: None } => {
                    "클라이언트 인증서 있음"
                }
            }),
            Unmet::DynamicMetadata(namespace) => {
                write!(f, "`{namespace}`의 동적 메타데이터. 라우트를 찾기 전에는 어떤 요청에도 없습니다")
            }
            Unmet::FilterState(FilterStateMatcher { key, value: Some(value) }) => {
                write!(f, "필터 상태 `{key}`")?;
                string(f, value, false)
            }
            Unmet::FilterState(FilterStateMatcher { key, value: None }) => {
                write!(f, "필터 상태 `{key}`. 어떤 연결에도 없습니다")
            }
        }
    }
}

fn header(f: &mut fmt::Formatter<'_>, matcher: &HeaderMatcher) -> fmt::Result {
    match matcher.name.as_str() {
        ":method" => f.write_str("메서드")?,
        ":authority" | "host" => f.write_str("Host")?,
        ":path" => f.write_str("경로와 쿼리")?,
        ":scheme" => f.write_str("스킴")?,
        name => write!(f, "헤더 `{name}`")?,
    }
    match (&matcher.condition, matcher.invert) {
        (HeaderMatch::Present(wanted), invert) if *wanted == invert => f.write_str(" 없음"),
        (HeaderMatch::Present(_), _) => f.write_str(" 있음"),
        (HeaderMatch::String(text), invert) => string(f, text, invert),
        (HeaderMatch::Range { start, end }, invert) => {
            write!(f, ": {start} 이상 {end} 미만{}", if invert { "이 아님" } else { "" })
        }
    }
}

fn string(f: &mut fmt::Formatter<'_>, matcher: &StringMatcher, invert: bool) -> fmt::Result {
    let (text, is, is_not) = match &matcher.pattern {
        StringMatch::Exact(text) => (&**text, "과(와) 같음", "과(와) 같지 않음"),
        StringMatch::Prefix(text) => (&**text, "(으)로 시작함", "(으)로 시작하지 않음"),
        StringMatch::Suffix(text) => (&**text, "(으)로 끝남", "(으)로 끝나지 않음"),
        StringMatch::Contains(text) => (&**text, "을(를) 포함함", "을(를) 포함하지 않음"),
        StringMatch::Regex(regex) => (regex.pattern(), " 정규식에 맞음", " 정규식에 맞지 않음"),
    };
    write!(f, ": `{text}`{}", if invert { is_not } else { is })
}

impl fmt::Display for Korean<'_, Miss<'_>> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Miss::Domain { authority, hint } => {
                write!(f, "`{authority}`에 맞는 도메인이 없습니다")?;
                match hint {
                    Some(DomainHint::Port(domain, host)) => write!(
                        f,
                        ". 가상 호스트 `{}`에 `{domain}`이(가) 있지만, ignore_port_in_host_matching이나 strip_any_host_port가 \
                         없으면 포트까지 비교합니다",
                        host.name
                    ),
                    Some(DomainHint::Spelling(domain, host)) => {
                        write!(f, ". 가상 호스트 `{}`에 `{domain}`이(가) 있습니다", host.name)
                    }
                    None => Ok(()),
                }
            }
            Miss::Condition { virtual_host, route, number, unmet, others } => {
                write!(f, "가상 호스트 `{}`의 ", virtual_host.name)?;
                route_name(f, route, *number)?;
                write!(f, ": 경로는 맞지만 요구 조건을 충족하지 않습니다: {}", Korean(unmet))?;
                match others {
                    0 => Ok(()),
                    n => write!(f, ". 경로가 맞는 라우트가 {n}개 더 있습니다"),
                }
            }
            Miss::Path { virtual_host, path, hint } => {
                write!(f, "가상 호스트 `{}`에 경로 `{path}`에 맞는 라우트가 없습니다", virtual_host.name)?;
                let (route, number, how) = match hint {
                    Some(PathHint::Case(route, number)) => (route, number, "대소문자만 다름"),
                    Some(PathHint::Slash(route, number)) => (
                        route,
                        number,
                        if path.ends_with('/') {
                            "끝의 슬래시가 없으면 맞음"
                        } else {
                            "끝에 슬래시가 있으면 맞음"
                        },
                    ),
                    Some(PathHint::Beginning(route, number)) => (route, number, "가장 가까움"),
                    None => return Ok(()),
                };
                f.write_str(". ")?;
                route_name(f, route, *number)?;
                write!(f, ": {how}")
            }
            Miss::None => f.write_str("요청을 받는 라우트가 있습니다"),
        }
    }
}

fn route_name(f: &mut fmt::Formatter<'_>, route: &Route, number: usize) -> fmt::Result {
    write!(f, "라우트 {number}")?;
    if !route.name.is_empty() {
        write!(f, " `{}`", route.name)?;
    }
    write!(f, " ({})", PathWords(&route.matcher.path))
}

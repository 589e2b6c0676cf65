//! How far an examination is, on the terminal of whoever waits for it.

use std::io::{IsTerminal as _, Write as _};
use std::pin::pin;
use std::time::Duration;

use causeway_doctor::Progress;
use causeway_reason::Language;

/// Nobody has to be told within this time.
const PATIENCE: Duration = Duration::from_secs(1);
/// Between two lines.
const PAUSE: Duration = Duration::from_millis(200);

/// Waits for the examination; once that takes long, says how far it is, in one line that is gone in the end.
pub(super) async fn shown<T>(
    examination: impl Future<Output = T>,
    progress: &Progress,
    language: Language,
) -> T {
    let mut examination = pin!(examination);
    if !std::io::stderr().is_terminal() {
        return examination.await;
    }
    if let Ok(done) = tokio::time::timeout(PATIENCE, &mut examination).await {
        return done;
    }
    loop {
        let (done, all) = progress.get();
        let line = match (language, progress.holding().map(|left| left.as_secs()), all) {
            (Language::English, Some(left), _) => format!("holding idle connections, {left} s left …"),
            (Language::Korean, Some(left), _) => format!("유휴 연결 유지 중, {left}초 남음 …"),
            (Language::English, None, 0) => "looking names up …".to_owned(),
            (Language::Korean, None, 0) => "이름 조회 중 …".to_owned(),
            (Language::English, None, all) => format!("{done} of {all} endpoints …"),
            (Language::Korean, None, all) => format!("엔드포인트 {all}개 중 {done}개 …"),
        };
        write(&line);
        if let Ok(done) = tokio::time::timeout(PAUSE, &mut examination).await {
            write("");
            return done;
        }
    }
}

/// Writes a line over the last one. A terminal that is gone needs none.
fn write(line: &str) {
    let _ = write!(std::io::stderr(), "\r\x1b[K{line}");
    let _ = std::io::stderr().flush();
}

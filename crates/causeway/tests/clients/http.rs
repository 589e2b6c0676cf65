//! curl and h2load, with and without TLS.

use std::path::Path;

use causeway_testkit::{Backend, Pki, Reply, Script};

use super::site::{Listener, Site};
use super::{cluster, find, run, start, tls};

/// A back-end that says by which request it was asked, and two sites in front of it: without TLS, and with.
async fn sites(folder: &Path) -> (Backend, [Site; 2]) {
    let script = Script::by(|request| {
        Reply::ok(format!("{} {} {}", request.method, request.target, request.body.len())).into()
    });
    let backend = Backend::start(script).await;
    let clusters = cluster("app", backend.port());
    let clear = start(&Listener::default(), &clusters).await;
    let secure = start(&Listener { chain: tls(folder), ..Listener::default() }, &clusters).await;
    (backend, [clear, secure])
}

#[tokio::test]
async fn curl_gets_the_version_it_asks_for() {
    let Some(curl) = find("curl_gets_the_version_it_asks_for", "curl", "curl") else { return };
    let folder = Pki::get().folder();
    let (_backend, sites) = sites(folder.path()).await;
    let (ca, upload) = (folder.file("ca.pem").display().to_string(), "x".repeat(3_000_000));
    let upload = format!("@{}", folder.write("upload", &upload).display());
    // With TLS, and what is said, and what is spoken then.
    let cases: [(usize, &str, &str); 6] = [
        (0, "--http1.1", "1.1"),
        (0, "--http2-prior-knowledge", "2"),
        // `Upgrade: h2c` is not taken, so the answer comes as if it had not been offered.
        (0, "--http2", "1.1"),
        (1, "--http1.1", "1.1"),
        (1, "--http2", "2"),
        (1, "--tls-max=1.2", "2"),
    ];
    for (secure, flag, version) in cases {
        let port = sites[secure].address.port();
        let (resolve, scheme) = (format!("lab.test:{port}:127.0.0.1"), ["http", "https"][secure]);
        let flags: Vec<&str> = flag.split('=').collect();
        let mut words =
            vec!["-sS", "--cacert", &ca, "--resolve", &resolve, "-w", " %{http_version} %{response_code}\n"];
        words.extend(flags);
        let to = |path: &str| format!("{scheme}://lab.test:{port}{path}");
        let (one, two) = (to("/one"), to("/two"));
        let asked = run(&curl, &[&words[..], &[&one]].concat()).await;
        assert_eq!(asked, format!("GET /one 0 {version} 200\n"), "{scheme} {flag}");
        // Two on one connection, which curl 7.88 can't do by prior knowledge: it sends the preface again.
        if flag != "--http2-prior-knowledge" {
            let asked = run(&curl, &[&words[..], &[&one, &two]].concat()).await;
            assert_eq!(
                asked,
                format!("GET /one 0 {version} 200\nGET /two 0 {version} 200\n"),
                "{scheme} {flag}"
            );
        }
        // More than windows hold, and with HTTP/1 after `100 Continue`.
        let sent = run(&curl, &[&words[..], &["--data-binary", &upload, &one]].concat()).await;
        assert_eq!(sent, format!("POST /one 3000000 {version} 200\n"), "{scheme} {flag}");
    }
    for site in &sites {
        assert!(site.reasons().await.is_empty(), "{:?}", site.reasons().await);
    }
}

#[tokio::test]
async fn all_requests_of_h2load_succeed() {
    let Some(h2load) = find("all_requests_of_h2load_succeed", "h2load", "nghttp2-client") else { return };
    let folder = Pki::get().folder();
    let (backend, sites) = sites(folder.path()).await;
    let upload = folder.write("upload", &"x".repeat(100_000)).display().to_string();
    let (clear, secure) = (format!("http://{}/", sites[0].address), format!("https://{}/", sites[1].address));
    let cases: [(&[&str], usize, &str); 4] = [
        (&["-n2000", "-c10", "-m20", &clear], 2000, "h2c"),
        (&["-n2000", "-c10", "-m20", &secure], 2000, "h2"),
        (&["-n200", "-c4", "-m10", "-d", &upload, &secure], 200, "h2"),
        (&["-n500", "-c10", "--h1", &secure], 500, "http/1.1"),
    ];
    for (words, count, protocol) in cases {
        let before = backend.requests();
        let printed = run(&h2load, words).await;
        let succeeded = format!(
            "requests: {count} total, {count} started, {count} done, {count} succeeded, 0 failed, 0 errored, 0 timeout"
        );
        assert!(printed.contains(&succeeded), "{words:?}: {printed}");
        assert!(printed.contains(&format!("Application protocol: {protocol}\n")), "{words:?}: {printed}");
        assert_eq!(backend.requests() - before, count, "each once");
    }
    assert!(backend.received().iter().all(|request| [0, 100_000].contains(&request.body.len())));
    for site in &sites {
        assert!(site.reasons().await.is_empty(), "{:?}", site.reasons().await);
    }
}

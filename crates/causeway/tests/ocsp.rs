//! OCSP responses that `openssl ocsp` has signed, as a script of an operator would, and `openssl s_client` as the client
//! who asks for them. Which policy comes to what is compared with Envoy by the conformance cases.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic is a failed test")]

mod site;

use std::process::Command;
use std::time::Duration;

use causeway_testkit::{ProcessBuilder, Scratch, eventually, say_skipped};

use site::{Listener, Options, Ports, Site, config};

/// Longer than anything takes that is waited for.
const PATIENCE: Duration = Duration::from_secs(20);

const CONTEXT: &str = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext";

/// An authority and a certificate that demands a response (RFC 7633).
const MAKE: &str = r#"set -e
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -out ca.pem -subj /CN=root -days 30
openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout own.key -out own.csr -subj /CN=lab.test
printf 'subjectAltName=DNS:lab.test\ntlsfeature=status_request\n' > extensions
openssl x509 -req -in own.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out own.pem -days 30 -extfile extensions
printf 'V\t391231000000Z\t\t%s\tunknown\t/CN=lab.test\n' "$(openssl x509 -in own.pem -noout -serial | cut -d= -f2)" > index
"#;

/// What an operator's script does every day: asks, and puts the answer in place at once.
const ASK: &str = "set -e; openssl ocsp -index index -rsigner ca.pem -rkey ca.key -CA ca.pem -issuer ca.pem \
                   -cert own.pem -respout new.der HOLDS; mv new.der own.der";

fn sh(folder: &Scratch, script: &str) -> Result<(), String> {
    let output = Command::new("sh").args(["-c", script]).current_dir(folder.path()).output();
    let output = output.map_err(|error| error.to_string())?;
    if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
}

/// What `openssl s_client` says of a handshake in which it asks for a response.
async fn client(site: &Site, folder: &Scratch, version: &str) -> String {
    let to = site.address.to_string();
    let ca = folder.file("ca.pem").display().to_string();
    let scratch = Scratch::new();
    let arguments =
        ["s_client", "-connect", &to, "-servername", "lab.test", "-CAfile", &ca, "-status", version];
    let mut process = ProcessBuilder::new("openssl").args(arguments).start(scratch.path()).unwrap();
    assert!(process.wait(PATIENCE).await.is_some(), "it reads an empty standard input, and ends");
    process.stdout() + &process.stderr()
}

#[tokio::test]
async fn a_response_is_served_and_renewed_on_disk() {
    let (folder, ports) = (Scratch::new(), Ports::reserve());
    if sh(&folder, "openssl version").is_err() {
        say_skipped(
            "SKIPPED a_response_is_served_and_renewed_on_disk: there is no openssl; apt-get install openssl",
        );
        return;
    }
    sh(&folder, MAKE).unwrap();
    // At first it does not say how long it holds, so that it can't be shown.
    sh(&folder, &ASK.replace("HOLDS", "")).unwrap();
    let at = folder.path().display();
    let listener = Listener {
        routes: "- match: {prefix: /}\n  direct_response: {status: 200}\n".to_owned(),
        chain: format!(
            "transport_socket:\n  name: tls\n  typed_config:\n    \"@type\": {CONTEXT}\n    common_tls_context: \
             {{tls_certificates: [{{certificate_chain: {{filename: {at}/own.pem}}, private_key: {{filename: \
             {at}/own.key}}, ocsp_staple: {{filename: {at}/own.der}}}}]}}\n"
        ),
        ..Listener::default()
    };
    let text = config(ports.admin(), &listener.yaml(ports.listener()), "[]");
    let site = Site::start(&text, ports.listener(), ports.admin(), &Options::default()).await.unwrap();

    let refused = client(&site, &folder, "-tls1_3").await;
    assert!(refused.contains("alert handshake failure"), "{refused}");
    let line = site.logged("tls_ocsp_response_missing").await.expect("it is logged");
    assert!(line.evidence.contains("does not say how long it holds"), "{}", line.evidence);

    sh(&folder, &ASK.replace("HOLDS", "-ndays 2")).unwrap();
    let shown = async || client(&site, &folder, "-tls1_3").await.contains("OCSP Response Status: successful");
    assert!(eventually(PATIENCE, shown).await, "{}", site.proxy.log());
    for version in ["-tls1_2", "-tls1_3"] {
        let seen = client(&site, &folder, version).await;
        for words in ["Cert Status: good", "Verify return code: 0 (ok)"] {
            assert!(seen.contains(words), "{version}: {seen}");
        }
    }

    let page = site.json("/certs").await;
    let own = &page["certificates"][0]["cert_chain"][0];
    assert!(own["ocsp_details"]["valid_from"].is_string(), "{page}");
    assert!(own["ocsp_details"]["expiration"].is_string(), "{page}");
    let left = site.stat("server.seconds_until_first_ocsp_response_expiring").await;
    assert!((86_400..=172_800).contains(&left), "two days, and a machine that is slow: {left}");

    // What is no response changes nothing.
    sh(&folder, "echo none > own.der").unwrap();
    let told = async || site.proxy.log().contains("it is no OCSP response");
    assert!(eventually(PATIENCE, told).await, "{}", site.proxy.log());
    assert!(client(&site, &folder, "-tls1_3").await.contains("Cert Status: good"));
}

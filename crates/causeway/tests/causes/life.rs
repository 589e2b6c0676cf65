//! The life of a configuration: what is refused, what is not loaded, what has another on the disk.

use std::fs::{File, FileTimes};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::rc::Rc;
use std::time::{Duration, SystemTime};

use causeway_testkit::{Backend, Identity, ProcessBuilder, Request, Scratch, Script, Wish, exchange};

use crate::case::{all_codes, doctor};
use crate::running::{Given, Running, Says};
use crate::site::{Listener, Ports, Site, config};

/// What runs, with something done to its file.
pub(crate) fn cases() -> Vec<Running> {
    let of = |name, code, only| Running::new(name, code, Says::Log, Given::Admin(only));
    vec![
        of("a file that was changed and not loaded", "C951", "admin.config").client(
            async |site: &mut Site| {
                let text = site.proxy.config();
                site.proxy.replace_config(&text.replace("prefix: /}", "prefix: /other}"));
            },
        ),
        of("a reload that is refused", "C952", "admin.updates").client(async |site: &mut Site| {
            let text = site.proxy.config();
            site.proxy.replace_config(&text.replace("route: {cluster: app}", "route: {cluster: nowhere}"));
            let answer = exchange(site.admin, &Request::post("/reload", "")).await.unwrap();
            assert_eq!(answer.status, 422, "{}", answer.text());
        }),
        certificate(),
    ]
}

/// The certificate is renewed, and its key is not.
fn certificate() -> Running {
    let scratch = Rc::new(Scratch::new());
    let issue = |serial| Identity::self_signed(&Wish::server("www.test").serial(serial));
    let (old, new) = (issue(0x77), issue(0x78));
    let chain = scratch.write("chain.pem", &old.certificate);
    let key = scratch.write("key.pem", &old.key);
    let socket = format!(
        "transport_socket:\n  name: tls\n  typed_config:\n    \"@type\": \
         type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext\n    common_tls_context: \
         {{tls_certificates: [{{certificate_chain: {{filename: {}}}, private_key: {{filename: {}}}}}]}}\n",
        chain.display(),
        key.display()
    );
    Running::new(
        "a certificate that was renewed without its key",
        "C954",
        Says::Log,
        Given::Admin("admin.certificates"),
    )
    .chain(socket)
    .keeps(Rc::clone(&scratch))
    .client(async move |_: &mut Site| _ = scratch.write("chain.pem", &new.certificate))
}

/// A file with one listener and one cluster, changed by this.
async fn file(change: impl FnOnce(String, SocketAddr) -> String) -> (String, Backend) {
    let backend = Backend::start(Script::echo()).await;
    let ports = Ports::reserve();
    let cluster = format!(
        "- name: app\n  load_assignment: {{cluster_name: app, endpoints: [{{lb_endpoints: [{{endpoint: {{address: \
         {{socket_address: {{address: 127.0.0.1, port_value: {}}}}}}}}}]}}]}}\n",
        backend.port()
    );
    let text = config(ports.admin(), &Listener::default().yaml(ports.listener()), &cluster);
    (change(text, ports.listener()), backend)
}

/// What a Causeway prints that does not start, or that is stopped after a while.
async fn printed(path: &Path) -> String {
    let scratch = Scratch::new();
    let path = path.display().to_string();
    let mut process = ProcessBuilder::new(env!("CARGO_BIN_EXE_causeway"))
        .args(["-c", &path])
        .start(scratch.path())
        .unwrap();
    if process.wait(Duration::from_secs(2)).await.is_none() {
        process.terminate(Duration::from_secs(5)).await;
    }
    process.stdout() + &process.stderr()
}

/// Files with which nothing starts: what Causeway says of each, and the doctor.
pub(crate) const REFUSED: &[&str] = &["D108", "C953", "K916", "C955"];

/// Gives what is wrong with what either says of the file that has that fault.
pub(crate) async fn refused(code: &str) -> Result<(), String> {
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let busy = taken.local_addr().unwrap().port();
    let (text, _backend) = file(|text, listener| match code {
        "D108" => {
            let at = "endpoint: {address: {socket_address: {address: ";
            text.replace(&format!("{at}127.0.0.1"), &format!("{at}app.test"))
        }
        "C953" => text.replace(
            "- name: app\n",
            "- name: app\n    hosts: [{socket_address: {address: 127.0.0.1, port_value: 1}}]\n",
        ),
        "K916" => text.replace(&format!("port_value: {}", listener.port()), &format!("port_value: {busy}")),
        _ => text,
    })
    .await;
    let scratch = Scratch::new();
    let path = scratch.write("envoy.yaml", &text);
    if code == "C955" {
        let later = FileTimes::new().set_modified(SystemTime::now() + Duration::from_secs(86_400));
        File::options().write(true).open(&path).unwrap().set_times(later).unwrap();
    }
    let log = printed(&path).await;
    if !log.contains(code) {
        return Err(format!("Causeway itself does not say {code}\n{log}\n{text}"));
    }
    let report = match code {
        "C955" => {
            let path = path.display().to_string();
            crate::case::ask(&["--only", "host.clock", "-c", &path], None).await?
        }
        _ => doctor(&text, None, &["--only", "listeners"]).await?,
    };
    let found = all_codes(&report);
    if found.contains(code) {
        Ok(())
    } else {
        Err(format!("the doctor says {found:?}, not {code}: {report:#}"))
    }
}

//! Who is told what of a failure: a name for anybody, everything for those who may know.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic is a failed test")]

mod site;

use std::net::SocketAddr;
use std::path::Path;

use causeway_testkit::{Backend, Peer, Port, Proxy, Reply, Request, Scratch, exchange};

use site::{Listener, config};

const TOKEN: &str = "a token that nobody guesses";

async fn start(app: u16, args: &[String]) -> (Proxy, SocketAddr) {
    let (listener, admin) = (Port::reserve(), Port::reserve());
    let at = |port: &Port| SocketAddr::from(([127, 0, 0, 1], port.number()));
    let cluster = |name: &str, port: u16| {
        format!(
            "- name: {name}\n  load_assignment: {{cluster_name: {name}, endpoints: [{{lb_endpoints: [{{endpoint: {{address: \
             {{socket_address: {{address: 127.0.0.1, port_value: {port}}}}}}}}}]}}]}}\n"
        )
    };
    let routes =
        "- match: {prefix: /gone}\n  route: {cluster: gone}\n- match: {prefix: /}\n  route: {cluster: app}\n";
    let manager = Listener { routes: routes.to_owned(), ..Listener::default() }.yaml(at(&listener));
    let gone = Port::reserve();
    let text = config(at(&admin), &manager, &(cluster("app", app) + &cluster("gone", gone.number())));
    let mut builder = Proxy::build(Peer::Causeway, Path::new(env!("CARGO_BIN_EXE_causeway")), &text)
        .admin(at(&admin))
        .listener(listener.number());
    for arg in args {
        builder = builder.arg(arg);
    }
    (builder.start().await.unwrap(), at(&listener))
}

/// What a request is told: the name, and everything.
async fn told(address: SocketAddr, token: Option<&str>) -> (Option<String>, Option<String>) {
    let request = Request::get("/gone");
    let request = token.into_iter().fold(request, |request, token| request.header("x-causeway-token", token));
    let answer = exchange(address, &request).await.unwrap();
    assert_eq!(answer.status, 503);
    assert!(answer.body.starts_with(b"upstream connect error"), "the body is Envoy's: {answer:?}");
    let get = |name| answer.headers.get(name).map(str::to_owned);
    (get("x-causeway-reason"), get("x-causeway-why"))
}

#[tokio::test]
async fn nothing_is_said_unless_asked_for() {
    let app = Backend::start(Reply::ok("")).await;
    let (_proxy, address) = start(app.port(), &[]).await;
    assert_eq!(told(address, Some(TOKEN)).await, (None, None));
}

#[tokio::test]
async fn evidence_is_for_those_who_bring_the_token() {
    let app = Backend::start(Reply::ok("")).await;
    let scratch = Scratch::new();
    let path = scratch.write("token", &format!("{TOKEN}\n"));
    let (_proxy, address) =
        start(app.port(), &["--reason-token-path".to_owned(), path.display().to_string()]).await;
    let name = Some("connect_refused".to_owned());
    assert_eq!(told(address, None).await, (name.clone(), None));
    assert_eq!(told(address, Some("another token, just as long")).await, (name.clone(), None));
    let (given, why) = told(address, Some(TOKEN)).await;
    let why = why.unwrap();
    assert_eq!(given, name);
    assert!(why.starts_with("T201; id=") && why.contains("127.0.0.1:"), "{why}");
    // No back-end sees the token.
    let request = Request::get("/").header("x-causeway-token", TOKEN);
    assert_eq!(exchange(address, &request).await.unwrap().status, 200);
    assert_eq!(app.received()[0].headers.get("x-causeway-token"), None);
}

#[tokio::test]
async fn evidence_is_for_those_who_connect_from_a_trusted_address() {
    let app = Backend::start(Reply::ok("")).await;
    let near = ["--reason-trusted".to_owned(), "192.0.2.0/24,127.0.0.0/8".to_owned()];
    let (_proxy, address) = start(app.port(), &near).await;
    let (_, why) = told(address, None).await;
    assert!(why.is_some_and(|why| why.starts_with("T201; ")));
    let far = ["--reason-trusted".to_owned(), "192.0.2.0/24".to_owned()];
    let (_proxy, address) = start(app.port(), &far).await;
    assert_eq!(told(address, None).await, (Some("connect_refused".to_owned()), None));
}

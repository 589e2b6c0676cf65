//! Who is measured, and with which configuration.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use causeway_testkit::Peer;

use crate::work::{Work, prefixes};

const HAPROXY: &str = include_str!("../configs/haproxy.cfg");
const NGINX: &str = include_str!("../configs/nginx.conf");
const ENVOY: &str = include_str!("../configs/envoy.yaml");
const HAPROXY_TCP: &str = include_str!("../configs/tcp/haproxy.cfg");
const NGINX_TCP: &str = include_str!("../configs/tcp/nginx.conf");
const ENVOY_TCP: &str = include_str!("../configs/tcp/envoy.yaml");

/// Where the module `stream` of nginx may be, where it is not built in.
const STREAM_MODULES: &[&str] = &[
    "/usr/lib/nginx/modules/ngx_stream_module.so",
    "/usr/lib64/nginx/modules/ngx_stream_module.so",
    "target/nginx/ngx_stream_module.so",
];

/// A proxy with a name of its own: two builds of Causeway are two contenders.
#[derive(Clone, Debug)]
pub(crate) struct Contender {
    pub(crate) name: String,
    pub(crate) peer: Peer,
    pub(crate) binary: PathBuf,
    pub(crate) version: String,
    /// Options of its command line, besides those that it needs.
    pub(crate) options: Vec<String>,
}

/// What a configuration has to be told.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Places<'a> {
    pub(crate) listen: u16,
    pub(crate) admin: u16,
    pub(crate) origin: u16,
    pub(crate) directory: &'a Path,
}

impl Contender {
    pub(crate) fn new(name: &str, peer: Peer, binary: PathBuf) -> Self {
        let version = version_of(peer, &binary);
        Self { name: name.into(), peer, binary, version, options: Vec::new() }
    }

    /// The same with these options, separated by spaces.
    pub(crate) fn with(mut self, options: &str) -> Self {
        self.options = options.split_whitespace().map(str::to_owned).collect();
        self
    }

    /// The configuration for a kind of work.
    pub(crate) fn config(&self, work: &Work, places: &Places<'_>) -> String {
        let template = match (self.peer, work.tcp) {
            (Peer::Haproxy, false) => HAPROXY,
            (Peer::Nginx, false) => NGINX,
            (Peer::Causeway | Peer::Envoy, false) => ENVOY,
            (Peer::Haproxy, true) => HAPROXY_TCP,
            (Peer::Nginx, true) => NGINX_TCP,
            (Peer::Causeway | Peer::Envoy, true) => ENVOY_TCP,
        };
        let mut out = String::new();
        for line in template.lines() {
            let indent = &line[..line.len() - line.trim_start().len()];
            match line.trim() {
                "{{routes}}" => {
                    prefixes(work.routes).for_each(|prefix| self.route(&mut out, indent, &prefix));
                }
                "{{stream}}" => put(&mut out, indent, &load_stream()),
                "{{tls}}" if work.tls => self.tls().lines().for_each(|line| put(&mut out, indent, line)),
                "{{tls}}" => {}
                "{{log}}" => self.log(work.log).lines().for_each(|line| put(&mut out, indent, line)),
                line => put(&mut out, indent, line),
            }
        }
        // What stands behind the address in HAProxy's and nginx's files, and in the contexts of TLS of the others.
        let (bind, listen, alpn) = match (work.tls, work.http2.is_some()) {
            (false, false) => ("", "", ""),
            (false, true) => (" proto h2", " http2", ""),
            (true, false) => (" ssl crt {{dir}}/both.pem", " ssl", ""),
            (true, true) => {
                (" ssl crt {{dir}}/both.pem alpn h2", " ssl http2", "\n            alpn_protocols: [h2]")
            }
        };
        out.replace("{{bind}}", bind)
            .replace("{{ssl}}", listen)
            .replace("{{alpn}}", alpn)
            .replace("{{listen}}", &places.listen.to_string())
            .replace("{{admin}}", &places.admin.to_string())
            .replace("{{origin}}", &places.origin.to_string())
            .replace("{{dir}}", &places.directory.display().to_string())
    }

    fn route(&self, out: &mut String, indent: &str, prefix: &str) {
        match self.peer {
            Peer::Haproxy => put(out, indent, &format!("use_backend origin if {{ path_beg {prefix} }}")),
            Peer::Nginx => put(out, indent, &format!("location {prefix} {{ proxy_pass http://origin; }}")),
            Peer::Causeway | Peer::Envoy => {
                put(out, indent, &format!("- match: {{prefix: {prefix}}}"));
                put(out, indent, "  route: {cluster: origin}");
            }
        }
    }

    /// The certificate, where it is not named with the port.
    fn tls(&self) -> &'static str {
        match self.peer {
            Peer::Haproxy => "",
            Peer::Nginx => {
                "ssl_certificate {{dir}}/server.pem;\nssl_certificate_key {{dir}}/server.key;\n\
                 ssl_protocols TLSv1.2 TLSv1.3;\nssl_buffer_size 16k;"
            }
            Peer::Causeway | Peer::Envoy => {
                r#"transport_socket:
  name: tls
  typed_config:
    "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext
    common_tls_context:
      tls_certificates: [{certificate_chain: {filename: {{dir}}/server.pem}, private_key: {filename: {{dir}}/server.key}}]{{alpn}}"#
            }
        }
    }

    /// One line with the same content for each request.
    fn log(&self, on: bool) -> &'static str {
        match (self.peer, on) {
            (Peer::Haproxy, true) => {
                "log stdout format raw daemon\n\
                 log-format '[%t] \"%HM %HU %HV\" %ST %B %Ta %si:%sp'"
            }
            (Peer::Haproxy, false) => "no log",
            (Peer::Nginx, true) => {
                "log_format line '[$time_iso8601] \"$request\" $status $body_bytes_sent $request_time $upstream_addr';\n\
                 access_log {{dir}}/access.log line buffer=64k flush=1s;"
            }
            (Peer::Nginx, false) => "access_log off;",
            (Peer::Causeway | Peer::Envoy, true) => {
                r#"access_log:
- name: file
  typed_config:
    "@type": type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog
    path: {{dir}}/access.log
    log_format:
      text_format_source:
        inline_string: "[%START_TIME%] \"%REQ(:METHOD)% %REQ(:PATH)% %PROTOCOL%\" %RESPONSE_CODE% %BYTES_SENT% %DURATION% %UPSTREAM_HOST%\n""#
            }
            (Peer::Causeway | Peer::Envoy, false) => "",
        }
    }
}

/// The line that loads the module `stream` of nginx; nothing where it has to be built in.
fn load_stream() -> String {
    let module = STREAM_MODULES.iter().find_map(|path| Path::new(path).canonicalize().ok());
    module.map(|path| format!("load_module {};", path.display())).unwrap_or_default()
}

fn put(out: &mut String, indent: &str, line: &str) {
    // Writing to a string cannot fail.
    let _ = writeln!(out, "{indent}{line}");
}

/// The first line of what the program says of its version.
fn version_of(peer: Peer, binary: &Path) -> String {
    let flag = if matches!(peer, Peer::Haproxy | Peer::Nginx) { "-v" } else { "--version" };
    let Ok(output) = Command::new(binary).arg(flag).output() else { return "unknown".into() };
    // nginx says it on the error output; Envoy puts an empty line and its path before it.
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text);
    let line = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or("unknown");
    line.rsplit_once("version: ").map_or(line, |(_, version)| version).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::work::WORKS;

    #[test]
    fn every_place_is_filled_in() {
        let places = Places { listen: 1, admin: 2, origin: 3, directory: Path::new("/d") };
        for peer in [Peer::Causeway, Peer::Envoy, Peer::Haproxy, Peer::Nginx] {
            let contender = Contender::new("x", peer, PathBuf::new());
            for work in WORKS {
                let text = contender.config(work, &places);
                assert!(!text.contains("{{"), "{text}");
                assert_eq!(text.matches("/r/").count(), work.routes);
                assert_eq!(
                    text.contains("$status") || text.contains("%ST") || text.contains("%RESPONSE"),
                    work.log
                );
            }
        }
    }
}

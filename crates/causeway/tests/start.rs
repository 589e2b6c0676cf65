//! The start of the process, where it does not come to serving.

use std::net::TcpListener;
use std::time::Duration;

use causeway_testkit::{ProcessBuilder, Scratch, Signal, eventually};

const SOON: Duration = Duration::from_secs(15);

/// Whoever stops a service that is still starting wants it stopped; a supervisor that saw a failure would
/// start it again.
#[tokio::test]
async fn a_signal_while_starting_is_no_failure() {
    // Takes connections, and never answers a check: the cluster is not ready before that has timed out.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let scratch = Scratch::new();
    let config = scratch.write(
        "envoy.yaml",
        &format!(
            "static_resources:
  clusters:
  - name: silent
    health_checks:
    - {{timeout: 60s, interval: 60s, unhealthy_threshold: 1, healthy_threshold: 1, http_health_check: {{path: /}}}}
    load_assignment:
      cluster_name: silent
      endpoints:
      - lb_endpoints:
        - endpoint: {{address: {{socket_address: {{address: 127.0.0.1, port_value: {}}}}}}}
",
            silent.local_addr().unwrap().port()
        ),
    );
    for signal in [Signal::TERM, Signal::INT] {
        let builder = ProcessBuilder::new(env!("CARGO_BIN_EXE_causeway")).arg("-c").arg(&config);
        let mut process = builder.start(scratch.path()).unwrap();
        let waiting = async || process.stderr().contains("waiting for 1 clusters to be ready");
        assert!(eventually(SOON, waiting).await, "{}", process.stderr());
        process.signal(signal);
        let status = process.wait(SOON).await.unwrap();
        assert_eq!(status.code(), Some(0), "{}", process.stderr());
        assert!(process.stderr().contains("told to end while starting"), "{}", process.stderr());
    }
}

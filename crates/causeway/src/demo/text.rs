//! What the demo prints when it serves.

use std::path::Path;

use super::ports::Ports;

/// Where everything is, and what to try.
pub(super) fn what_to_try(ports: &Ports, file: &Path) -> String {
    let (site, admin) =
        (format!("http://127.0.0.1:{}", ports.proxy), format!("http://127.0.0.1:{}", ports.admin));
    let (file, pid) = (file.display(), std::process::id());
    format!(
        "
The demo runs: three apps behind /api, a front-end behind everything else, Causeway before them.

  {site}/    the site, for a browser too
  {admin}/    admin

To try in another terminal:

  Requests go round the three apps:
    curl -s '{site}/api/[1-6]'

  Stop app 2. Two health checks later, a log line here says that it is down, and why; so does /clusters:
    curl -X POST {site}/apps/2/stop
    curl -s {admin}/clusters | grep health

  Start it again. With the next health check it is back:
    curl -X POST {site}/apps/2/start

  Change the configuration and reload it:
    sed -i 's/version 1/version 2/' {file}
    kill -HUP {pid}
    curl {site}/version

  Stop all three, and see what becomes of a request, and why:
    curl -X POST '{site}/apps/[1-3]/stop'
    curl -i {site}/api

Ctrl-C ends everything.
"
    )
}

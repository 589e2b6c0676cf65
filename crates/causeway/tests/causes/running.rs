//! A Causeway that runs with a fault, what it says of that itself, and what the doctor says.

use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::rc::Rc;
use std::time::Duration;

use causeway_testkit::{Netns, Request, Scratch, Script, TlsServer, eventually, exchange};
use serde_json::Value;

use crate::case::{all_codes, ask, doctor};
use crate::site::{Listener, Options, Ports, Site, machines};
use crate::world::{Behind, World};

/// What it has to say comes with the next look at files, five seconds after they changed, or at once.
const SOON: Duration = Duration::from_secs(12);

/// Where Causeway itself says it.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Says {
    /// In its log, when it loads the file.
    Log,
    /// With the failure, in `/why`.
    Why,
    /// In its access log.
    AccessLog,
}

/// What the doctor is given.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Given {
    /// The file, for these checks.
    File(&'static str),
    /// The admin server, for these checks.
    Admin(&'static str),
    /// The access log and the file that has its format.
    AccessLog,
}

type Flow = Box<dyn for<'s> FnOnce(&'s mut Site) -> Pin<Box<dyn Future<Output = ()> + 's>>>;
type Edit = fn(&str, SocketAddr) -> String;

/// A Causeway with a fault.
pub(crate) struct Running {
    pub(crate) name: &'static str,
    pub(crate) code: &'static str,
    behind: Behind,
    inside: Option<fn(&Netns)>,
    cluster: String,
    listener: Listener,
    edit: Edit,
    top: &'static str,
    args: &'static [&'static str],
    flow: Flow,
    says: Says,
    given: Given,
    /// Files that the configuration names.
    _kept: Option<Rc<Scratch>>,
}

impl Running {
    /// It is said when the file is loaded, and by a rule of the doctor.
    pub(crate) fn loads(name: &'static str, code: &'static str) -> Self {
        Self::new(name, code, Says::Log, Given::File("lint"))
    }

    /// It is said with a request that fails, and by the doctor where that is all that it asks for.
    pub(crate) fn fails(name: &'static str, code: &'static str) -> Self {
        let running = Self::new(name, code, Says::Why, Given::Admin("admin.failures"));
        running.client(async |site: &mut Site| {
            let _ = exchange(site.address, &Request::get("/")).await;
        })
    }

    pub(crate) fn new(name: &'static str, code: &'static str, says: Says, given: Given) -> Self {
        Self {
            name,
            code,
            behind: Behind::Script(Script::echo()),
            inside: None,
            cluster: String::new(),
            listener: Listener::default(),
            edit: |text, _| text.to_owned(),
            top: "",
            args: &[],
            flow: Box::new(|_| Box::pin(async {})),
            says,
            given,
            _kept: None,
        }
    }

    pub(crate) fn behind(mut self, behind: Behind) -> Self {
        self.behind = behind;
        self
    }

    pub(crate) fn plays(self, script: impl Into<Script>) -> Self {
        self.behind(Behind::Script(script.into()))
    }

    pub(crate) fn secure(self, server: TlsServer) -> Self {
        self.behind(Behind::Secure(server, Script::echo()))
    }

    pub(crate) fn in_namespace(mut self, prepare: fn(&Netns)) -> Self {
        self.inside = Some(prepare);
        self
    }

    pub(crate) fn cluster(mut self, yaml: impl AsRef<str>) -> Self {
        self.cluster += yaml.as_ref();
        self.cluster.push('\n');
        self
    }

    pub(crate) fn routes(mut self, yaml: &str) -> Self {
        self.listener.routes = yaml.to_owned();
        self
    }

    pub(crate) fn manager(mut self, yaml: &str) -> Self {
        self.listener.manager = yaml.to_owned();
        self
    }

    pub(crate) fn chain(mut self, yaml: impl Into<String>) -> Self {
        self.listener.chain = yaml.into();
        self
    }

    /// HTTP filters in front of the router.
    pub(crate) fn filters(mut self, yaml: &str) -> Self {
        self.listener.filters = yaml.to_owned();
        self
    }

    /// Fields at the top of the file.
    pub(crate) fn top(mut self, yaml: &'static str) -> Self {
        self.top = yaml;
        self
    }

    pub(crate) fn tcp(mut self) -> Self {
        self.listener.tcp = Some("cluster: app".to_owned());
        self
    }

    pub(crate) fn domain(mut self, domain: &'static str) -> Self {
        self.listener.domains = domain;
        self
    }

    /// The text of the file is changed, with the address of the admin server at hand.
    pub(crate) fn edit(mut self, edit: Edit) -> Self {
        self.edit = edit;
        self
    }

    pub(crate) fn args(mut self, args: &'static [&'static str]) -> Self {
        self.args = args;
        self
    }

    /// These files are there until the end.
    pub(crate) fn keeps(mut self, files: Rc<Scratch>) -> Self {
        self._kept = Some(files);
        self
    }

    /// What happens before it is looked at.
    pub(crate) fn client(mut self, client: impl AsyncFnOnce(&mut Site) + 'static) -> Self {
        self.flow = Box::new(|site| Box::pin(client(site)));
        self
    }

    /// Whether it can be made here.
    ///
    /// # Errors
    /// The sentence says why not.
    pub(crate) fn possible(&self) -> Result<(), String> {
        if self.inside.is_some() { machines() } else { Ok(()) }
    }

    /// Gives what is wrong with what either says.
    pub(crate) async fn run(self) -> Result<(), String> {
        let world = World::make(&self.behind, self.inside, &self.cluster, &self.listener).await;
        let ports = Ports::reserve();
        let (listen, admin, reach) = match &world.netns {
            Some(netns) => {
                let any = |port| SocketAddr::from((Ipv4Addr::UNSPECIFIED, port));
                (any(80), any(9901), Some(netns.address()))
            }
            None => (ports.listener(), ports.admin(), None),
        };
        let text = (self.edit)(&world.file(admin, listen), admin) + self.top;
        let outside = |at: SocketAddr| reach.map_or(at, |ip| SocketAddr::new(ip, at.port()));
        let options = Options { args: self.args, netns: world.netns.as_ref(), ..Options::default() };
        let mut site = Site::start(&text, outside(listen), outside(admin), &options)
            .await
            .map_err(|error| format!("it does not start: {error}\n{text}"))?;
        (self.flow)(&mut site).await;
        let code = self.code;
        let itself = async || match self.says {
            Says::Log => site.proxy.log().contains(&format!("{code} ")),
            Says::Why => in_why(&site.json("/why?format=json").await, code),
            Says::AccessLog => site.access_log().iter().any(|line| line.why_code == code),
        };
        if !eventually(SOON, itself).await {
            let why = site.page("/why").await;
            return Err(format!("Causeway itself does not say {code}\n{}\n{why}\n{text}", site.proxy.log()));
        }
        let report = asked(self.given, &site, &text, world.netns.as_ref()).await?;
        let found = all_codes(&report);
        if !found.contains(code) {
            return Err(format!("the doctor says {found:?}, not {code}\n{report:#}\n{text}"));
        }
        Ok(())
    }
}

/// What the doctor says of it.
async fn asked(given: Given, site: &Site, text: &str, netns: Option<&Netns>) -> Result<Value, String> {
    let directory = site.proxy.directory();
    let file = || directory.path().join("envoy.yaml").display().to_string();
    match given {
        Given::File(only) => doctor(text, netns, &["--only", only]).await,
        Given::Admin(only) => {
            let admin = format!("http://{}", site.admin);
            let on_disk = directory.write("on-disk.yaml", &site.proxy.config());
            let on_disk = on_disk.display().to_string();
            ask(&["--envoy", &admin, "--interval", "0", "--only", only, "-c", &on_disk], None).await
        }
        Given::AccessLog => {
            let log = directory.path().join("access.log").display().to_string();
            let _ = directory.write("envoy.yaml", text);
            ask(&["--log", &log, "--no-probe", "--only", "log", "-c", &file()], None).await
        }
    }
}

/// Whether a failure has that code, or shows it beside its own.
fn in_why(page: &Value, code: &str) -> bool {
    let failures = page["failures"].as_array().into_iter().flatten();
    failures
        .flat_map(|failure| {
            let also = failure["also"].as_array().into_iter().flatten();
            also.map(|also| &also["code"]).chain([&failure["code"]])
        })
        .any(|named| named == code)
}

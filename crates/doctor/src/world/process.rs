//! Processes, as far as this one may look at them.

use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use super::kernel::DescriptorLimit;

/// A process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// Its number.
    pub pid: u32,
    /// Its name (`comm`).
    pub name: String,
    /// Its command line, with its arguments; empty where it has none.
    pub command: Vec<String>,
    /// Whose it is: the name of the user, or the number where it has no name.
    pub user: String,
    /// Files that it has open.
    pub descriptors: u64,
    /// How many it may have open, where it can be read.
    pub limit: Option<DescriptorLimit>,
    /// Whether it runs in a container, as its control group says.
    pub in_container: bool,
}

/// Who has which sockets.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Holders {
    by_inode: HashMap<u64, Process>,
    /// Some processes are another user's, and this one may not look at their files.
    pub blind: bool,
}

impl Holders {
    /// Looks for the processes that have these sockets.
    #[must_use]
    pub fn find(proc: &Path, inodes: &[u64]) -> Self {
        let mut found = Self::default();
        let Ok(entries) = fs::read_dir(proc) else { return Self { blind: true, ..Self::default() } };
        for entry in entries.flatten() {
            let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else {
                continue;
            };
            let path = entry.path();
            // One that has ended meanwhile is not there, and hides nothing.
            let descriptors = match fs::read_dir(path.join("fd")) {
                Ok(descriptors) => descriptors,
                Err(error) => {
                    found.blind |= error.kind() == std::io::ErrorKind::PermissionDenied;
                    continue;
                }
            };
            let mut count = 0;
            let mut own = Vec::new();
            for descriptor in descriptors.flatten() {
                count += 1;
                let inode = fs::read_link(descriptor.path()).ok().and_then(|link| socket(link.to_str()?));
                own.extend(inode.filter(|inode| inodes.contains(inode)));
            }
            if !own.is_empty() {
                let process = Process::read(&path, pid, count);
                found.by_inode.extend(own.into_iter().map(|inode| (inode, process.clone())));
            }
        }
        found
    }

    /// The process that has a socket.
    #[must_use]
    pub fn of(&self, inode: u64) -> Option<&Process> {
        self.by_inode.get(&inode)
    }
}

impl Process {
    fn read(path: &Path, pid: u32, descriptors: u64) -> Self {
        let text = |file: &str| {
            let bytes = fs::read(path.join(file)).unwrap_or_default();
            String::from_utf8_lossy(&bytes).into_owned()
        };
        let uid = fs::metadata(path).map_or(u32::MAX, |metadata| metadata.uid());
        let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
        Self {
            pid,
            name: text("comm").trim().to_owned(),
            command: text("cmdline").split('\0').filter(|word| !word.is_empty()).map(str::to_owned).collect(),
            user: user(&users, uid),
            descriptors,
            limit: DescriptorLimit::parse(&text("limits")),
            in_container: is_container(&text("cgroup")),
        }
    }

    /// In words: `process 4711 (nginx)`.
    #[must_use]
    pub fn shown(&self) -> String {
        format!("{} ({})", self.name, self.pid)
    }

    /// Whether it is an Envoy or a Causeway.
    #[must_use]
    pub fn is_proxy(&self) -> bool {
        let program = self.command.first().map_or("", |word| word.rsplit('/').next().unwrap_or_default());
        let known = |name: &str| name == "envoy" || name == "causeway" || name.starts_with("envoy-");
        known(program) || known(&self.name)
    }

    /// Whether it is one that runs this file: its arguments name it.
    #[must_use]
    pub fn runs(&self, file: &str) -> bool {
        let name = |path: &str| path.rsplit('/').next().unwrap_or_default().to_owned();
        self.is_proxy() && self.command.iter().skip(1).any(|word| word == file || name(word) == name(file))
    }
}

/// The number in `socket:[4711]`.
fn socket(link: &str) -> Option<u64> {
    link.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()
}

/// The name of a user (`/etc/passwd`), or the number.
fn user(passwd: &str, uid: u32) -> String {
    let name = passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(uid)).then(|| name.to_owned())
    });
    name.unwrap_or_else(|| uid.to_string())
}

/// Whether the control groups of a process are those of a container (`/proc/<pid>/cgroup`).
#[must_use]
pub fn is_container(cgroup: &str) -> bool {
    const SIGNS: [&str; 6] = ["/docker", "/kubepods", "/libpod", "/lxc", "/containerd", "/crio"];
    cgroup.lines().any(|line| SIGNS.iter().any(|sign| line.contains(sign)))
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;
    use crate::world::World;

    #[test]
    #[cfg(target_os = "linux")]
    fn this_process_is_found_by_its_socket() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let world = World::read();
        let socket = world.sockets.in_the_way(listener.local_addr().unwrap()).next().unwrap();
        let process = world.holders.of(socket.inode).unwrap();
        assert_eq!(process.pid, std::process::id());
        assert!(process.descriptors > 3 && process.limit.is_some(), "{process:?}");
    }

    #[test]
    fn a_proxy_is_known_by_its_program_and_its_file() {
        let process = |command: &str| Process {
            pid: 1,
            name: "main".into(),
            command: command.split(' ').map(str::to_owned).collect(),
            user: "root".into(),
            descriptors: 4,
            limit: None,
            in_container: false,
        };
        assert!(process("/usr/bin/envoy -c /etc/envoy/envoy.yaml").runs("envoy.yaml"));
        assert!(!process("/usr/bin/envoy -c /etc/envoy/other.yaml").runs("/etc/envoy/envoy.yaml"));
        assert!(!process("vi envoy.yaml").is_proxy());
    }

    #[test]
    fn users_and_containers() {
        let passwd = "root:x:0:0:root:/root:/bin/sh\nenvoy:x:101:101::/:/bin/false\n";
        assert_eq!((user(passwd, 101), user(passwd, 5)), ("envoy".to_owned(), "5".to_owned()));
        assert!(is_container("0::/kubepods.slice/pod1\n") && is_container("1:cpu:/docker/abc\n"));
        assert!(!is_container("0::/system.slice/envoy.service\n"));
        assert_eq!(socket("socket:[12]"), Some(12));
        assert_eq!(socket("/dev/null"), None);
    }
}

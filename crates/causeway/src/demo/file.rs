//! The configuration of the demo, in a folder of its own where it may be edited.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use super::ports::Ports;

const EXAMPLE: &str = include_str!("../../../../examples/demo/envoy.yaml");

/// What stands before each port in the file.
const PORT: &str = "port_value: ";

/// The file; removed with its folder when dropped.
#[derive(Debug)]
pub(super) struct File {
    folder: PathBuf,
    path: PathBuf,
}

impl File {
    /// Writes the example with these ports to a new folder.
    pub(super) fn write(ports: &Ports) -> io::Result<Self> {
        let folder = new_folder()?;
        let file = Self { path: folder.join("envoy.yaml"), folder };
        fs::write(&file.path, shifted(EXAMPLE, ports.offset))?;
        Ok(file)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for File {
    fn drop(&mut self) {
        // What can't be removed stays in the folder for temporary files, where it does no harm.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Makes a folder that nobody else can write to. One that is there already, because a process with the same
/// number was killed or because somebody wants to be written over, is left alone.
fn new_folder() -> io::Result<PathBuf> {
    let base = std::env::temp_dir().join(format!("causeway-demo-{}", std::process::id()));
    let mut folder = base.clone();
    for number in 2.. {
        match DirBuilder::new().mode(0o700).create(&folder) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && number < 100 => {
                folder.clone_from(&base);
                folder.as_mut_os_string().push(format!("-{number}"));
            }
            made => return made.map(|()| folder),
        }
    }
    Ok(folder)
}

/// The text with all ports moved.
fn shifted(text: &str, offset: u16) -> String {
    let mut parts = text.split(PORT);
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let end = part.find(|c: char| !c.is_ascii_digit()).unwrap_or(part.len());
        let (digits, rest) = part.split_at(end);
        out.push_str(PORT);
        match digits.parse::<u16>() {
            Ok(port) => out.push_str(&port.saturating_add(offset).to_string()),
            Err(_) => out.push_str(digits),
        }
        out.push_str(rest);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_has_the_ports_of_the_demo_and_no_others() {
        for offset in [0, 1000] {
            let ports = Ports::shifted(offset);
            let mut expected: Vec<_> = ports.all().into_iter().map(|(port, _)| port.to_string()).collect();
            let text = shifted(EXAMPLE, offset);
            let mut found: Vec<_> = text
                .split(PORT)
                .skip(1)
                .map(|part| part.split(|c: char| !c.is_ascii_digit()).next().unwrap().to_owned())
                .collect();
            expected.sort_unstable();
            found.sort_unstable();
            assert_eq!(found, expected);
        }
        assert_eq!(shifted(EXAMPLE, 0), EXAMPLE);
    }

    #[test]
    fn the_folder_is_ours_alone_and_goes() {
        use std::os::unix::fs::PermissionsExt as _;
        let ports = Ports::shifted(7);
        let (first, second) = (File::write(&ports).unwrap(), File::write(&ports).unwrap());
        assert_ne!(first.path(), second.path());
        assert_eq!(fs::metadata(&first.folder).unwrap().permissions().mode() & 0o777, 0o700);
        let folder = first.folder.clone();
        drop(first);
        assert!(!folder.exists() && second.path().exists());
    }
}

//! What passes over loopback, as a sniffer writes it down: tcpdump, or Wireshark's dumpcap. Nobody who takes part can
//! get it wrong, in what came first or in when.

use std::path::PathBuf;
use std::time::Duration;

use causeway_testkit::{Process, ProcessBuilder, Scratch, eventually};

/// Longer than a sniffer takes to begin and to end.
const PATIENCE: Duration = Duration::from_secs(20);

/// Sizes in files of libpcap: of what stands at their beginning, and before each packet.
const FILE_HEAD: usize = 24;
const PACKET_HEAD: usize = 16;
/// Size of what Ethernet puts before a packet.
const ETHERNET: usize = 14;

/// A sniffer at work.
#[derive(Debug)]
pub(crate) struct Capture {
    process: Process,
    scratch: Scratch,
}

/// A segment of TCP.
#[derive(Debug)]
pub(crate) struct Segment {
    /// When, since the epoch.
    pub(crate) at: Duration,
    /// The ports of who sent it and of who got it.
    pub(crate) ports: (u16, u16),
    /// It opens the connection, and is not an answer.
    pub(crate) opens: bool,
    /// It says that the sender sends no more, or knows nothing of the connection (FIN, RST).
    pub(crate) ends: bool,
    /// What it carries.
    pub(crate) bytes: Vec<u8>,
}

impl Capture {
    /// Begins to write down what is sent from and to these ports.
    ///
    /// # Errors
    /// The sentence says why there is no sniffer.
    pub(crate) async fn of(ports: &[u16]) -> Result<Self, String> {
        let filter = ports.iter().map(|port| format!("tcp port {port}")).collect::<Vec<_>>().join(" or ");
        let Some((program, options)) = sniffer() else {
            return Err("there is no tcpdump and no dumpcap; apt-get install tcpdump".to_owned());
        };
        let scratch = Scratch::new();
        let builder = ProcessBuilder::new(program).args(["-i", "lo", "-w", "-"]).args(options).arg(filter);
        let mut process = builder.start(scratch.path()).map_err(|error| error.to_string())?;
        let begun = async || written(&scratch).len() >= FILE_HEAD || !process.is_running();
        eventually(PATIENCE, begun).await;
        if written(&scratch).len() < FILE_HEAD {
            return Err(format!("nobody may look at loopback here: {}", process.stderr().trim()));
        }
        Ok(Self { process, scratch })
    }

    /// Ends it, and reads what it has written down, in order. What is on its way to the file comes first: `done` says
    /// of what there is whether it is all.
    pub(crate) async fn until(mut self, done: impl Fn(&[Segment]) -> bool) -> Vec<Segment> {
        eventually(PATIENCE, async || done(&segments(&written(&self.scratch)))).await;
        self.process.terminate(PATIENCE).await;
        segments(&written(&self.scratch))
    }
}

/// A program that is there, and what it has to be told: to write the old format, and at once.
fn sniffer() -> Option<(PathBuf, &'static [&'static str])> {
    let of = |name: &str| {
        let folders = std::env::var_os("PATH").unwrap_or_default();
        std::env::split_paths(&folders).map(|folder| folder.join(name)).find(|path| path.is_file())
    };
    let tcpdump = of("tcpdump").map(|program| (program, ["-U", "--immediate-mode"].as_slice()));
    tcpdump.or_else(|| of("dumpcap").map(|program| (program, ["-q", "-P", "-f"].as_slice())))
}

fn written(scratch: &Scratch) -> Vec<u8> {
    std::fs::read(scratch.file("stdout")).unwrap_or_default()
}

/// The segments of a file. One that is not complete yet ends it.
fn segments(file: &[u8]) -> Vec<Segment> {
    let mut rest = file.get(FILE_HEAD..).unwrap_or_default();
    let mut found = Vec::new();
    while let Some((head, behind)) = rest.split_at_checked(PACKET_HEAD) {
        let word = |at: usize| u32::from_le_bytes(head[at..at + 4].try_into().unwrap());
        let Some((packet, behind)) = behind.split_at_checked(word(8) as usize) else { break };
        rest = behind;
        let at = Duration::from_secs(word(0).into()) + Duration::from_micros(word(4).into());
        found.extend(segment(at, &packet[ETHERNET..]));
    }
    found
}

/// A segment in a packet of IPv4 (RFC 791 §3.1, RFC 9293 §3.1).
fn segment(at: Duration, packet: &[u8]) -> Option<Segment> {
    let number = |bytes: &[u8]| u16::from_be_bytes([bytes[0], bytes[1]]);
    let words = |byte: u8| usize::from(byte) * 4;
    let whole = packet.get(..usize::from(number(packet.get(2..4)?)))?;
    let tcp = whole.get(words(whole[0] & 0xf)..)?;
    let flags = *tcp.get(13)?;
    let [fin, syn, reset, acknowledges] = [0x01, 0x02, 0x04, 0x10].map(|bit| flags & bit != 0);
    Some(Segment {
        at,
        ports: (number(&tcp[0..2]), number(&tcp[2..4])),
        opens: syn && !acknowledges,
        ends: fin || reset,
        bytes: tcp.get(words(tcp[12] >> 4)..)?.to_vec(),
    })
}

//! What a host must be by itself to run K3s (K3s documentation: requirements, Raspberry Pi, iptables).

use super::Check;
use crate::blueprint::machine::{Facts, Firewall, Sudo};
use crate::ops::files::Source;
use crate::ops::joining::Join;

/// The memory that K3s asks of an agent, in MiB.
const MEMORY_MIB: u64 = 512;
/// What a board of that size keeps for itself, as a part of it: its kernel tells that much less.
const RESERVED: u64 = 4;
/// The disk that the binary, its images and their unpacked layers take, in MiB.
const DISK_MIB: u64 = 1024;
/// The disk with which there is room for workloads, in MiB.
const ROOM_MIB: u64 = 4096;
/// From how many seconds on a wrong clock makes certificates and tokens invalid.
const WRONG_CLOCK: u64 = 300;
/// From how many seconds on a clock is worth a word.
const LOOSE_CLOCK: u64 = 10;

pub(super) fn judge(join: &Join, facts: &Facts) -> Vec<Check> {
    vec![
        sudo(join, facts),
        arch(facts),
        userland(facts),
        memory_cgroup(join, facts),
        vxlan(join, facts),
        memory(facts),
        disk(facts),
        clock(facts),
        swap(facts),
        firewall(facts),
        iptables(facts),
        downloader(join, facts),
        init(facts),
        selinux(join, facts),
    ]
}

fn sudo(join: &Join, facts: &Facts) -> Check {
    match facts.sudo {
        Sudo::Root => Check::ok("sudo", "it is logged in to as root"),
        Sudo::Free => Check::ok("sudo", "sudo asks for nothing"),
        Sudo::Password if join.sudo_password => Check::ok("sudo", "sudo asks for the password, which is given"),
        Sudo::Password => Check::fail(
            "sudo",
            "sudo asks for a password",
            "give it once (--ask-sudo-password): it is kept in memory alone",
        ),
        Sudo::No => Check::fail(
            "sudo",
            "nobody becomes root there",
            "log in as root, or let the user use sudo",
        ),
    }
}

fn arch(facts: &Facts) -> Check {
    let word = &facts.machine;
    match facts.arch {
        _ if word.starts_with("armv6") => Check::fail(
            "arch",
            format!("{word}: K3s crashes on ARMv6 (the first Pis and the Zero)"),
            "use a board with ARMv7 or newer",
        ),
        Some(arch) => Check::ok("arch", format!("{} ({word})", arch.as_str())),
        None => Check::fail(
            "arch",
            format!("{word}: there is no K3s for it"),
            "K3s runs on amd64, arm64 and ARMv7",
        ),
    }
}

fn userland(facts: &Facts) -> Check {
    let wide = facts.machine.contains("64");
    match facts.userland_bits {
        Some(bits) if bits < 64 && wide => Check::warn(
            "userland",
            format!("a 64-bit kernel with {bits}-bit programs: K3s runs as 64-bit there"),
            "install a 64-bit system: its own tools and packages are of another architecture than its pods",
        ),
        Some(bits) => Check::ok("userland", format!("{bits}-bit programs")),
        None => Check::unknown("userland", "the width of its programs"),
    }
}

fn memory_cgroup(join: &Join, facts: &Facts) -> Check {
    const NAME: &str = "memory-cgroup";
    match (facts.memory_cgroup, &facts.cmdline) {
        (Some(true), _) => Check::ok(NAME, "the memory cgroup is on"),
        (Some(false), Some(file)) => Check {
            mendable: true,
            ..match join.mend {
                true => Check::warn(
                    NAME,
                    format!("the memory cgroup is off: it is turned on in {file}, and the host restarted"),
                    "",
                ),
                false => Check::fail(
                    NAME,
                    "the memory cgroup is off: K3s does not start without it",
                    format!("--mend turns it on in {file} (backed up) and restarts the host"),
                ),
            }
        },
        (Some(false), None) => Check::fail(
            NAME,
            "the memory cgroup is off: K3s does not start without it",
            "boot its kernel with cgroup_memory=1 cgroup_enable=memory",
        ),
        (None, _) => Check::unknown(NAME, "whether the memory cgroup is on"),
    }
}

fn vxlan(join: &Join, facts: &Facts) -> Check {
    match facts.vxlan {
        Some(true) => Check::ok("vxlan", "the kernel has vxlan"),
        Some(false) if join.vpn_auth_file.is_some() => {
            Check::ok("vxlan", "the kernel has no vxlan; pods go through the VPN")
        }
        Some(false) if join.wireguard => Check::ok("vxlan", "the kernel has no vxlan; pods go through WireGuard"),
        Some(false) => Check::fail(
            "vxlan",
            "the kernel has no vxlan: its pods would reach no others",
            "on Ubuntu 21.10 to 23.10 for the Pi: apt install linux-modules-extra-raspi; elsewhere a kernel with vxlan",
        ),
        None => Check::unknown("vxlan", "whether its kernel has vxlan"),
    }
}

fn memory(facts: &Facts) -> Check {
    let mend = "K3s asks for 512 MiB for an agent";
    match facts.memory_mib {
        Some(mib) if mib < MEMORY_MIB - MEMORY_MIB / RESERVED => {
            Check::fail("memory", format!("{mib} MiB of memory are too few"), mend)
        }
        Some(mib) if mib < MEMORY_MIB => Check::warn("memory", format!("{mib} MiB of memory are just enough"), mend),
        Some(mib) => Check::ok("memory", format!("{mib} MiB of memory")),
        None => Check::unknown("memory", "how much memory it has"),
    }
}

fn disk(facts: &Facts) -> Check {
    match facts.disk_free_mib {
        Some(mib) if mib < DISK_MIB => Check::fail(
            "disk",
            format!("{mib} MiB of disk are free"),
            format!("free {DISK_MIB} MiB for K3s and its images under /var/lib"),
        ),
        Some(mib) if mib < ROOM_MIB => Check::warn(
            "disk",
            format!("{mib} MiB of disk are free: little room for images"),
            "free some under /var/lib, or use a larger card",
        ),
        Some(mib) => Check::ok("disk", format!("{mib} MiB of disk are free")),
        None => Check::unknown("disk", "how much disk is free"),
    }
}

fn clock(facts: &Facts) -> Check {
    const MEND: &str = "let a time server keep it: timedatectl set-ntp true";
    let off = |skew: i64| match skew {
        0 => "its clock is right".to_owned(),
        1.. => format!("its clock is {skew} s ahead"),
        _ => format!("its clock is {} s behind", skew.unsigned_abs()),
    };
    match (facts.clock_skew, facts.clock_synced) {
        (Some(skew), _) if skew.unsigned_abs() > WRONG_CLOCK => Check::fail(
            "clock",
            format!("{}: certificates and tokens are not valid there", off(skew)),
            MEND,
        ),
        (Some(skew), _) if skew.unsigned_abs() > LOOSE_CLOCK => Check::warn("clock", off(skew), MEND),
        (Some(skew), Some(false)) => Check::warn("clock", format!("{}, but no time server keeps it", off(skew)), MEND),
        (Some(skew), _) => Check::ok("clock", off(skew)),
        (None, _) => Check::unknown("clock", "its time"),
    }
}

fn swap(facts: &Facts) -> Check {
    match facts.swap_mib {
        Some(0) => Check::ok("swap", "no swap"),
        Some(mib) => Check::warn(
            "swap",
            format!("{mib} MiB of swap: K3s bears it, but memory limits of pods are held less strictly"),
            "turn it off: swapoff -a, and take it out of /etc/fstab",
        ),
        None => Check::unknown("swap", "whether it swaps"),
    }
}

fn firewall(facts: &Facts) -> Check {
    let mend = match facts.firewall {
        None => return Check::ok("firewall", "no firewall is active"),
        Some(Firewall::Ufw) => {
            "turn it off (ufw disable), or: ufw allow from 10.42.0.0/16; ufw allow from 10.43.0.0/16; ufw allow 8472/udp; ufw \
             allow 10250/tcp"
        }
        Some(Firewall::Firewalld) => {
            "turn it off (systemctl disable --now firewalld), or trust 10.42.0.0/16 and 10.43.0.0/16 in it, and open 8472/udp \
             and 10250/tcp"
        }
    };
    let name = match facts.firewall {
        Some(Firewall::Firewalld) => "firewalld",
        _ => "ufw",
    };
    Check::warn("firewall", format!("{name} is active: it may cut pods off"), mend)
}

fn iptables(facts: &Facts) -> Check {
    let Some(version) = &facts.iptables else {
        return Check::ok("iptables", "none: K3s brings its own");
    };
    let doubles = matches!(
        version.strip_prefix("1.8.").map(|patch| patch.parse::<u32>()),
        Some(Ok(0..=4))
    );
    match doubles {
        true => Check::warn(
            "iptables",
            format!("iptables {version} doubles rules until the host is slow (1.8.0 to 1.8.4 do)"),
            "update it, or let K3s use its own: prefer-bundled-bin: true in /etc/rancher/k3s/config.yaml.d/",
        ),
        false => Check::ok("iptables", format!("iptables {version}")),
    }
}

fn downloader(join: &Join, facts: &Facts) -> Check {
    match &facts.downloader {
        _ if matches!(join.files, Some(Source::Directory(_))) => {
            Check::ok("downloader", "not needed: its files are brought to it")
        }
        Some(word) => Check::ok("downloader", word.as_str()),
        None => Check::fail(
            "downloader",
            "it has neither curl nor wget",
            "install one of them, or bring the files of K3s with --files",
        ),
    }
}

fn init(facts: &Facts) -> Check {
    match &facts.init {
        Some(word) => Check::ok("init", word.as_str()),
        None => Check::fail(
            "init",
            "neither systemd nor OpenRC starts services there",
            "K3s needs one of them",
        ),
    }
}

fn selinux(join: &Join, facts: &Facts) -> Check {
    match facts.selinux {
        Some(true) if join.files.is_some() => Check::warn(
            "selinux",
            "SELinux enforces, and no policy of K3s is brought",
            "install container-selinux and k3s-selinux there first",
        ),
        Some(true) => Check::warn(
            "selinux",
            "SELinux enforces: the installer adds the policy of K3s",
            "see that it finds one: container-selinux has to be there first on Amazon Linux",
        ),
        Some(false) => Check::ok("selinux", "SELinux does not enforce"),
        None => Check::ok("selinux", "no SELinux"),
    }
}

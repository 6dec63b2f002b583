//! The known ways in which K3s fails, found in its journal and put into plain words.

use smol_str::SmolStr;

/// Why K3s does not come up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// What is wrong.
    pub what: &'static str,
    /// What to do.
    pub mend: &'static str,
    /// Whether waiting does not help.
    pub lasting: bool,
}

/// A trouble, with the words of the journal that tell of it: each group stands for one way to say it, and all words of a
/// group have to be in one line.
struct Known {
    said: &'static [&'static [&'static str]],
    trouble: Trouble,
}

const fn lasting(what: &'static str, mend: &'static str) -> Trouble {
    Trouble {
        what,
        mend,
        lasting: true,
    }
}

const fn passing(what: &'static str, mend: &'static str) -> Trouble {
    Trouble {
        what,
        mend,
        lasting: false,
    }
}

/// In the order in which they count where one line tells of several: the more precise first.
const KNOWN: &[Known] = &[
    Known {
        said: &[&["Node password rejected"], &["may not match server node-passwd entry"]],
        trouble: lasting(
            "the cluster knows another machine by this node name: its node password was rejected",
            "let the old machine leave (k3fleet leave) or delete its node, with the secret NODE.node-password.k3s in \
             kube-system, or give this machine a name of its own; then try again",
        ),
    },
    Known {
        said: &[&["token CA hash does not match"]],
        trouble: lasting(
            "the token is of another cluster, or the cluster was made anew: its certificate authority is another one",
            "join it again with a token of this cluster",
        ),
    },
    Known {
        said: &[&["bootstrap data already found and encrypted with different token"]],
        trouble: lasting(
            "this server has another token than the one that the datastore is encrypted with",
            "put the cluster's server token in the place where this server keeps it, and restart K3s",
        ),
    },
    Known {
        said: &[&["critical configuration value mismatch"]],
        trouble: lasting(
            "this server is configured otherwise than the others of its cluster",
            "give it the others' settings for networks, datastore and disabled parts (config.yaml), and restart K3s",
        ),
    },
    Known {
        said: &[&["newer than datastore"]],
        trouble: lasting(
            "files of this server are newer than what the datastore holds, after its certificate authority was changed",
            "delete server/cred/passwd and server/cred/ipsec.psk below /var/lib/rancher/k3s, and restart K3s",
        ),
    },
    Known {
        said: &[&["duplicate node name found"]],
        trouble: lasting(
            "a member of etcd has this node name already",
            "delete the old node, wait until etcd has let it go, empty server/db on this machine, and try again",
        ),
    },
    Known {
        said: &[&["too many learner members in cluster"]],
        trouble: passing(
            "another server is just joining etcd: one at a time can",
            "wait; where it lasts, see which server does not finish joining",
        ),
    },
    Known {
        said: &[
            &["failed to find memory cgroup"],
            &["Failed to find memory cgroup"],
            &["memory cgroup", "not found"],
        ],
        trouble: lasting(
            "the memory cgroup is off, which K3s needs",
            "turn it on in the boot command line of the Raspberry Pi (k3fleet join --mend does), and restart the machine",
        ),
    },
    Known {
        said: &[
            &["is not in the allowed set", "node-role.kubernetes.io"],
            &["unknown 'kubernetes.io' or 'k8s.io' labels"],
            &["unknown kubernetes.io or k8s.io labels"],
        ],
        trouble: lasting(
            "a node may not give itself a label of Kubernetes' own, such as node-role.kubernetes.io",
            "take it out of node-label in config.yaml: such labels are set through the API once the node has joined",
        ),
    },
    Known {
        said: &[
            &["vxlan", "operation not supported"],
            &["vxlan", "not supported"],
            &["Unknown device type", "vxlan"],
            &["modprobe", "vxlan", "not found"],
        ],
        trouble: lasting(
            "the kernel has no module vxlan, which the pods' network needs",
            "install it (Ubuntu on a Raspberry Pi: linux-modules-extra-raspi), and restart the machine",
        ),
    },
    Known {
        said: &[
            &["invalid kernel flag"],
            &["Failed to start ContainerManager", "kernel"],
        ],
        trouble: lasting(
            "kernel settings are not those that protect-kernel-defaults asks for",
            "set vm.panic_on_oom=0, vm.overcommit_memory=1, kernel.panic=10 and kernel.panic_on_oops=1 by sysctl, and \
             restart K3s",
        ),
    },
    Known {
        said: &[&["certificate has expired or is not yet valid", "is before"]],
        trouble: passing(
            "the clock of this machine is behind: the server's certificate is not valid yet by it",
            "wait until a time server has set it, or set it (timedatectl set-ntp true)",
        ),
    },
    Known {
        said: &[&["certificate has expired or is not yet valid"]],
        trouble: lasting(
            "a certificate has expired, or the clock of this machine is wrong",
            "set its clock (timedatectl set-ntp true); where the clock is right, renew the certificates of K3s",
        ),
    },
    Known {
        said: &[&["certificate signed by unknown authority"]],
        trouble: lasting(
            "what answers at the server's address is signed by another authority than that of the cluster",
            "see that the address is that of this cluster, and that nothing between opens up TLS",
        ),
    },
    Known {
        said: &[&["certificate is valid for", "not "]],
        trouble: lasting(
            "the server does not know the address by which it is reached as its own",
            "add the address to tls-san on every server, and restart K3s there",
        ),
    },
    Known {
        said: &[
            &["v1-k3s", "401 Unauthorized"],
            &["v1-k3s", "403 Forbidden"],
            &["v1-k3s", "not authorized"],
        ],
        trouble: lasting(
            "the cluster does not take the token: it is wrong, or has expired",
            "join it again, or put the cluster's present token in the place where this machine keeps it",
        ),
    },
    Known {
        said: &[
            &["--token is required"],
            &["token must not be empty"],
            &["invalid token format"],
        ],
        trouble: lasting("K3s finds no token that it can use", "join the machine again"),
    },
    Known {
        said: &[&["no space left on device"]],
        trouble: lasting(
            "the disk is full",
            "make room below /var/lib/rancher/k3s, and restart K3s",
        ),
    },
    Known {
        said: &[&["exec format error"], &["Exec format error"]],
        trouble: lasting(
            "the program is for another processor",
            "install K3s anew with the files of this machine's architecture",
        ),
    },
    Known {
        said: &[&["Illegal instruction"], &["illegal instruction"], &["status=4/ILL"]],
        trouble: lasting(
            "the processor does not know the program's instructions: K3s needs ARMv7 or newer",
            "use another board: those with ARMv6 (Raspberry Pi 1 and Zero) cannot run K3s",
        ),
    },
    Known {
        said: &[&["address already in use"]],
        trouble: lasting(
            "another program listens on a port that K3s needs",
            "end it (ss -ltnp tells which it is), and restart K3s",
        ),
    },
    Known {
        said: &[
            &["no default routes found"],
            &["unable to select an IP from default routes"],
        ],
        trouble: lasting(
            "the machine has no default route, without which K3s does not start",
            "give it one; where there is no gateway a dummy route is enough",
        ),
    },
    Known {
        said: &[
            &["tailscale", "executable file not found"],
            &["error while starting the tailscale"],
            &["vpn-auth", "tailscale"],
        ],
        trouble: lasting(
            "the machine does not come into its VPN",
            "install Tailscale on it, see that its key is good, and join it again",
        ),
    },
    Known {
        said: &[
            &["failed to get CA certs", "no such host"],
            &["lookup", "no such host"],
            &["lookup", "server misbehaving"],
        ],
        trouble: passing(
            "the machine cannot find the server's name",
            "see that the name of the server is known on this machine (getent hosts NAME)",
        ),
    },
    Known {
        said: &[&["Failed to connect to proxy"]],
        trouble: passing(
            "the machine does not reach the addresses at which the API servers say that they are reached",
            "advertise addresses that it reaches (node-external-ip on the servers), or let it join a VPN",
        ),
    },
    Known {
        said: &[
            &["failed to get CA certs"],
            &["6443", "connection refused"],
            &["6443", "i/o timeout"],
            &["6443", "no route to host"],
            &["6443", "network is unreachable"],
            &["6443", "context deadline exceeded"],
        ],
        trouble: passing(
            "the machine does not reach the server on port 6443",
            "see that the server runs, and that no firewall is between them",
        ),
    },
    Known {
        said: &[
            &["v1-k3s", "429 Too Many Requests"],
            &["v1-k3s", "503 Service Unavailable"],
        ],
        trouble: passing("the server has too much to do, or is just starting", "wait"),
    },
];

/// The trouble that the last lines of a journal tell of, the newest first.
pub fn trouble(journal: &[SmolStr]) -> Option<Trouble> {
    let of_line = |line: &SmolStr| {
        let told = |said: &&[&str]| said.iter().all(|word| line.contains(word));
        KNOWN.iter().find(|known| known.said.iter().any(told))
    };
    journal
        .iter()
        .rev()
        .find_map(of_line)
        .map(|known| known.trouble.clone())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Lines as K3s and what it runs write them, and how their trouble begins, with whether it lasts.
    const SAID: &[(&str, &str, bool)] = &[
        (
            "level=error msg=\"token is not valid: Node password rejected, duplicate hostname or contents of \
             '/etc/rancher/node/password' may not match server node-passwd entry, try enabling a unique node name with the \
             --with-node-id flag\"",
            "the cluster knows another machine by this node name",
            true,
        ),
        (
            "level=fatal msg=\"token CA hash does not match the Cluster CA certificate hash: aa != bb\"",
            "the token is of another cluster",
            true,
        ),
        (
            "level=fatal msg=\"starting kubernetes: preparing server: bootstrap data already found and encrypted with \
             different token\"",
            "this server has another token",
            true,
        ),
        (
            "level=fatal msg=\"starting kubernetes: preparing server: failed to validate server configuration: critical \
             configuration value mismatch between servers\"",
            "this server is configured otherwise",
            true,
        ),
        (
            "level=fatal msg=\"/var/lib/rancher/k3s/server/cred/passwd newer than datastore and could cause a cluster \
             outage. Remove the file(s) from disk and restart to be recreated from datastore.\"",
            "files of this server are newer",
            true,
        ),
        (
            "level=fatal msg=\"starting kubernetes: failed to join the cluster: etcd cluster join failed: duplicate node \
             name found, please use a unique name for this node\"",
            "a member of etcd has this node name",
            true,
        ),
        (
            "level=warning msg=\"etcdserver: too many learner members in cluster\"",
            "another server is just joining etcd",
            false,
        ),
        (
            "level=fatal msg=\"failed to find memory cgroup (v2)\"",
            "the memory cgroup is off",
            true,
        ),
        (
            "[INFO]  Failed to find memory cgroup, you may need to add \"cgroup_memory=1 cgroup_enable=memory\"",
            "the memory cgroup is off",
            true,
        ),
        (
            "E1122 server.go:77] unknown 'kubernetes.io' or 'k8s.io' labels specified with --node-labels: \
             [node-role.kubernetes.io/worker]",
            "a node may not give itself a label",
            true,
        ),
        (
            "level=fatal msg=\"flannel exited: failed to create vxlan device: operation not supported\"",
            "the kernel has no module vxlan",
            true,
        ),
        (
            "E1122 kubelet.go:1 Failed to start ContainerManager: invalid kernel flag: vm/overcommit_memory",
            "kernel settings are not those",
            true,
        ),
        (
            "level=error msg=\"failed to get CA certs: Get https://192.0.2.7:6443/cacerts: tls: failed to verify \
             certificate: x509: certificate has expired or is not yet valid: current time 1970-01-01T00:03:11Z is before \
             2026-11-01T10:00:00Z\"",
            "the clock of this machine is behind",
            false,
        ),
        (
            "level=error msg=\"x509: certificate has expired or is not yet valid: current time 2027-11-23T00:03:11Z is after \
             2027-11-22T10:00:00Z\"",
            "a certificate has expired, or the clock",
            true,
        ),
        (
            "k3s-agent.service: Main process exited, code=dumped, status=4/ILL",
            "the processor does not know",
            true,
        ),
        (
            "level=error msg=\"Get https://192.0.2.7:6443/v1-k3s/config: x509: certificate signed by unknown authority\"",
            "what answers at the server's address",
            true,
        ),
        (
            "level=error msg=\"tls: failed to verify certificate: x509: certificate is valid for 10.43.0.1, not 192.0.2.7\"",
            "the server does not know the address",
            true,
        ),
        (
            "level=error msg=\"failed to retrieve configuration from server: https://127.0.0.1:6444/v1-k3s/config: 401 \
             Unauthorized\"",
            "the cluster does not take the token",
            true,
        ),
        (
            "level=error msg=\"failed to get node: https://127.0.0.1:6444/v1-k3s/serving-kubelet.crt: 403 Forbidden\"",
            "the cluster does not take the token",
            true,
        ),
        ("level=fatal msg=\"--token is required\"", "K3s finds no token", true),
        (
            "level=fatal msg=\"write /var/lib/rancher/k3s/data/x: no space left on device\"",
            "the disk is full",
            true,
        ),
        (
            "k3s-agent.service: Failed to execute /usr/local/bin/k3s: Exec format error",
            "the program is for another processor",
            true,
        ),
        (
            "level=fatal msg=\"listen tcp :6443: bind: address already in use\"",
            "another program listens",
            true,
        ),
        (
            "level=fatal msg=\"unable to select an IP from default routes.\"",
            "the machine has no default route",
            true,
        ),
        (
            "level=fatal msg=\"vpn-auth: exec: tailscale: executable file not found in $PATH\"",
            "the machine does not come into its VPN",
            true,
        ),
        (
            "level=error msg=\"failed to get CA certs: Get https://api.shop:6443/cacerts: dial tcp: lookup api.shop: no such \
             host\"",
            "the machine cannot find the server's name",
            false,
        ),
        (
            "level=error msg=\"Failed to connect to proxy. Empty dialer response\" error=\"dial tcp 10.0.0.7:6443: i/o \
             timeout\"",
            "the machine does not reach the addresses at which",
            false,
        ),
        (
            "level=error msg=\"failed to get CA certs: Get https://127.0.0.1:6444/cacerts: read: connection reset by peer\"",
            "the machine does not reach the server on port 6443",
            false,
        ),
        (
            "level=error msg=\"dial tcp 192.0.2.7:6443: connect: connection refused\"",
            "the machine does not reach the server on port 6443",
            false,
        ),
        (
            "level=info msg=\"Waiting to retrieve agent configuration; https://127.0.0.1:6444/v1-k3s/config: 503 Service \
             Unavailable\"",
            "the server has too much to do",
            false,
        ),
    ];

    #[test]
    fn what_k3s_says_is_told_in_plain_words() {
        for (line, what, lasts) in SAID {
            let found = trouble(&[(*line).into()]).unwrap_or_else(|| panic!("{line}"));
            assert!(found.what.starts_with(what), "{line}: {}", found.what);
            assert_eq!(found.lasting, *lasts, "{line}");
        }
        for known in KNOWN {
            let told = SAID.iter().any(|(_, what, _)| known.trouble.what.starts_with(what));
            assert!(told, "no line stands for: {}", known.trouble.what);
        }
    }

    #[test]
    fn the_newest_counts_and_what_is_well_is_none() {
        let journal = |lines: &[&str]| lines.iter().map(|line| SmolStr::from(*line)).collect::<Vec<_>>();
        let refused = "level=error msg=\"https://127.0.0.1:6444/v1-k3s/config: 401 Unauthorized\"";
        let unreachable = "level=error msg=\"failed to get CA certs: x\"";
        let found = trouble(&journal(&[refused, unreachable, "level=info msg=\"Waiting\""])).unwrap();
        assert!(!found.lasting);
        let found = trouble(&journal(&[unreachable, refused])).unwrap();
        assert!(found.lasting);
        assert_eq!(
            trouble(&journal(&["level=info msg=\"k3s agent is up and running\"", ""])),
            None
        );
        assert_eq!(trouble(&[]), None);
    }

    proptest! {
        #[test]
        fn no_journal_is_too_odd(lines in prop::collection::vec(".{0,80}", 0..6)) {
            let journal: Vec<SmolStr> = lines.iter().map(SmolStr::from).collect();
            let _ = trouble(&journal);
        }
    }
}

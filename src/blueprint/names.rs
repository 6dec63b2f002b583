//! Every name that a cluster has in AWS, from the cluster's own. Names that are unique in an account, not in a region,
//! hold the region; each fits the limit of its service.

use super::Spec;
use crate::fleet::Role;

/// The longest name of a role and of an instance profile.
const ROLE_LIMIT: usize = 64;

/// The names of one cluster's resources.
#[derive(Clone, Copy, Debug)]
pub struct Names<'a> {
    cluster: &'a str,
    region: &'a str,
}

impl<'a> Names<'a> {
    /// The names of a cluster in a region.
    pub fn new(cluster: &'a str, region: &'a str) -> Self {
        Self { cluster, region }
    }

    /// The cluster's own security group; unique in its VPC.
    pub fn security_group(&self) -> String {
        format!("k3fleet-{}", self.cluster)
    }

    /// The IAM role of the machines with this role. At most 64 characters; the region is part of it, since roles
    /// belong to the account.
    pub fn role(&self, role: Role) -> String {
        let tail = format!("-{}-{}", self.region, role.as_str());
        let whole = format!("k3fleet-{}{tail}", self.cluster);
        if whole.len() <= ROLE_LIMIT {
            return whole;
        }
        // Cut, but still another for each cluster.
        let mark = format!("-{:08x}-{}", fold(&whole), role.as_str());
        let kept: String = whole.chars().take(ROLE_LIMIT - mark.len()).collect();
        format!("{}{mark}", kept.trim_end_matches('-'))
    }

    /// Whether a role of this name, or an instance profile, is the cluster's in this region.
    pub fn has_role(&self, name: &str) -> bool {
        [Role::Server, Role::Agent].iter().any(|role| self.role(*role) == name)
    }

    /// The instance profile that holds [`Names::role`]: the same name.
    pub fn instance_profile(&self, role: Role) -> String {
        self.role(role)
    }

    /// The inline policy of a role.
    pub fn policy(&self) -> String {
        "k3fleet".to_owned()
    }

    /// The pool of the machines with this role.
    pub fn pool(&self, role: Role) -> &'static str {
        match role {
            Role::Server => "server",
            Role::Agent => "workers",
        }
    }

    /// The launch template of a pool; at most 128 characters.
    pub fn launch_template(&self, role: Role) -> String {
        format!("k3fleet-{}-{}", self.cluster, self.pool(role))
    }

    /// The Auto Scaling group of a pool; at most 255 characters.
    pub fn asg(&self, role: Role) -> String {
        self.launch_template(role)
    }

    /// The Auto Scaling group of a pool of a highly available cluster, and its launch template; at most 73 characters.
    pub fn group(&self, pool: &str) -> String {
        format!("k3fleet-{}-{pool}", self.cluster)
    }

    /// The CloudFormation stack of a highly available cluster; at most 128 characters.
    pub fn stack(&self) -> String {
        format!("k3fleet-{}", self.cluster)
    }

    /// The scheduled action that ends a pool of a `ci` cluster.
    pub fn expiry_action(&self) -> String {
        "k3fleet-expires".to_owned()
    }

    /// The tag `Name` of the machines with this role.
    pub fn machine(&self, role: Role) -> String {
        format!("{}-{}", self.cluster, self.pool(role))
    }

    /// The SSM parameter (SecureString) with the token that joins servers.
    pub fn server_token(&self) -> String {
        self.parameter("server-token")
    }

    /// The SSM parameter (SecureString) with the token that joins agents.
    pub fn agent_token(&self) -> String {
        self.parameter("agent-token")
    }

    /// How the SSM parameters begin that servers of a highly available cluster write to make it: `-1` for the first to try,
    /// `-2` for the one after that was lost, and so on. Each holds the instance's id and is written once.
    pub fn first_server(&self) -> String {
        self.parameter("first-server")
    }

    /// The SSM parameter that is there once a highly available cluster has been made: the id of the instance that did.
    pub fn initialised(&self) -> String {
        self.parameter("initialised")
    }

    /// The SSM parameter under which servers join one at a time: `free` or an instance's id, and seconds since 1970.
    pub fn join_lock(&self) -> String {
        self.parameter("join-lock")
    }

    /// The SSM parameter (SecureString) with the DSN of a database of the operator's own.
    pub fn dsn(&self) -> String {
        self.parameter("dsn")
    }

    /// The SSM parameter that holds who is changing the cluster.
    pub fn lock(&self) -> String {
        self.parameter("lock")
    }

    /// The SSM parameter with the spec as JSON.
    pub fn spec(&self) -> String {
        self.parameter("spec")
    }

    /// The SSM parameter with the place of a highly available cluster, as JSON.
    pub fn site(&self) -> String {
        self.parameter("site")
    }

    /// The secret with the kubeconfig.
    pub fn kubeconfig(&self) -> String {
        format!("k3fleet/{}/kubeconfig", self.cluster)
    }

    /// The secret with what the reaper reaches the API by: JSON with `server`, `ca` and `token`.
    pub fn reaper(&self) -> String {
        format!("k3fleet/{}/reaper", self.cluster)
    }

    fn parameter(&self, what: &str) -> String {
        format!("/k3fleet/{}/{what}", self.cluster)
    }
}

impl Spec {
    /// The names of the cluster's resources.
    pub fn names(&self) -> Names<'_> {
        Names::new(&self.name, &self.region)
    }
}

/// 32 bits that differ between texts (FNV-1a): the same on every machine and with every version.
pub(crate) fn fold(text: &str) -> u32 {
    text.bytes().fold(0x811c_9dc5, |hash, byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROLES: [Role; 2] = [Role::Server, Role::Agent];

    #[test]
    fn names_say_whose_they_are() {
        let names = Names::new("shop", "eu-west-1");
        assert_eq!(names.security_group(), "k3fleet-shop");
        assert_eq!(names.role(Role::Server), "k3fleet-shop-eu-west-1-server");
        assert!(names.has_role("k3fleet-shop-eu-west-1-agent"));
        assert!(!Names::new("shop", "eu-west-2").has_role("k3fleet-shop-eu-west-1-agent"));
        assert_eq!(names.asg(Role::Agent), "k3fleet-shop-workers");
        assert_eq!(names.server_token(), "/k3fleet/shop/server-token");
        assert_eq!(names.agent_token(), "/k3fleet/shop/agent-token");
        assert_eq!(names.spec(), "/k3fleet/shop/spec");
        assert_eq!(names.lock(), "/k3fleet/shop/lock");
        assert_eq!(names.first_server(), "/k3fleet/shop/first-server");
        assert_eq!(names.initialised(), "/k3fleet/shop/initialised");
        assert_eq!(names.join_lock(), "/k3fleet/shop/join-lock");
        assert_eq!(names.dsn(), "/k3fleet/shop/dsn");
        assert_eq!(names.stack(), "k3fleet-shop");
        assert_eq!(names.reaper(), "k3fleet/shop/reaper");
        assert_eq!(names.kubeconfig(), "k3fleet/shop/kubeconfig");
    }

    #[test]
    fn the_longest_names_fit_and_differ() {
        let [one, other] = ["a", "b"].map(|last| format!("{}{last}", "c".repeat(39)));
        let mut seen = std::collections::HashSet::new();
        for cluster in [&one, &other] {
            for region in ["ap-southeast-1", "ap-southeast-2"] {
                let names = Names::new(cluster, region);
                for role in ROLES {
                    let name = names.role(role);
                    assert!(name.len() <= 64 && name.ends_with(role.as_str()), "{name}");
                    assert!(names.launch_template(role).len() <= 128);
                    assert!(seen.insert(name));
                }
            }
        }
        assert_eq!(seen.len(), 8);
    }
}

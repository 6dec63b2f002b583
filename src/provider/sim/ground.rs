//! What the simulated regions offer to a launch: networks, instance types, images. Each region has a default VPC with one
//! public subnet in each zone; the scenario's clusters stand in VPCs of their own.

use smol_str::{SmolStr, format_smolstr};

use super::build::scope;
use super::noise::{hash, nth};
use super::scenario::RegionSpec;
use super::state::{ClusterNo, State};
use crate::blueprint::Image;
use crate::fleet::{Arch, Scope};
use crate::provider::{InstanceType, Subnet, Vpc};

/// The first half of the addresses in a region's default VPC.
const DEFAULT: [u8; 2] = [172, 31];

/// Where a machine is put.
#[derive(Clone, Debug)]
pub(super) struct Site {
    pub(super) vpc: SmolStr,
    /// The first half of its addresses.
    pub(super) net: [u8; 2],
    pub(super) zone: SmolStr,
    pub(super) zone_no: usize,
}

impl State {
    fn region_of(&self, at: &Scope) -> Option<&RegionSpec> {
        self.regions.iter().find(|r| scope(r) == *at)
    }

    /// The VPCs of a scope, the default one first.
    pub(super) fn vpcs(&self, at: &Scope) -> Vec<Vpc> {
        let Some(region) = self.region_of(at) else {
            return Vec::new();
        };
        let all = self.nets(at).into_iter().map(|(id, [a, b], cluster)| Vpc {
            name: cluster.clone(),
            is_default: cluster.is_none(),
            cidrs: vec![format_smolstr!("{a}.{b}.0.0/16")],
            subnets: region.zones.iter().map(|zone| self.subnet(&id, &zone.name)).collect(),
            id,
        });
        all.chain(self.made_vpcs(at)).collect()
    }

    /// The ids of the VPCs, the first halves of their addresses, and the cluster of each that is not the default one.
    fn nets(&self, at: &Scope) -> Vec<(SmolStr, [u8; 2], Option<SmolStr>)> {
        let n = hash(self.seed, &["default vpc", &at.profile, &at.region]);
        let mut all = vec![(format_smolstr!("vpc-0{n:016x}"), DEFAULT, None)];
        let own = self
            .clusters
            .iter()
            .enumerate()
            .filter(|(_, c)| !c.launched && c.scope == *at);
        all.extend(own.map(|(no, c)| {
            let net = [10, u8::try_from(no % 250).unwrap_or(0)];
            (cluster_vpc(self.seed, no), net, Some(c.spec.name.clone()))
        }));
        all
    }

    fn subnet(&self, vpc: &str, zone: &SmolStr) -> Subnet {
        let n = hash(self.seed, &["subnet", vpc, zone]);
        Subnet {
            id: format_smolstr!("subnet-0{n:016x}"),
            zone: zone.clone(),
            public: true,
        }
    }

    /// Where machines in a subnet are put; `None` where there is no such subnet.
    pub(super) fn site(&self, at: &Scope, subnet: &str) -> Option<Site> {
        if let Some(site) = self.made_site(at, subnet) {
            return Some(site);
        }
        let zones = self.region_of(at)?.zones.iter().enumerate();
        let nets = self.nets(at);
        let mut all = zones.flat_map(|(zone_no, zone)| nets.iter().map(move |net| (zone_no, zone, net)));
        let (zone_no, zone, (vpc, net, _)) =
            all.find(|(_, zone, (vpc, ..))| self.subnet(vpc, &zone.name).id == subnet)?;
        Some(Site {
            vpc: vpc.clone(),
            net: *net,
            zone: zone.name.clone(),
            zone_no,
        })
    }

    /// The instance types that are sold in a scope.
    pub(super) fn instance_types(&self, at: &Scope) -> Vec<InstanceType> {
        let sold = self.types.values().filter(|t| t.usd.contains_key(&at.region));
        let all = sold.map(|t| InstanceType {
            name: t.name.clone(),
            arch: t.arch,
            vcpus: t.vcpu,
            memory_mib: super::node::gib(t.memory_gib) / 1_048_576,
            spot: true,
        });
        all.collect()
    }

    /// The image that a public parameter names; `None` where there is no such parameter.
    pub(super) fn image(&self, at: &Scope, parameter: &str) -> Option<SmolStr> {
        let images = [Image::Ubuntu, Image::Al2023].into_iter();
        let mut all = images.flat_map(|i| [Arch::Amd64, Arch::Arm64].map(|arch| i.parameter(arch)));
        let known = all.any(|known| known.as_deref() == Some(parameter));
        known.then(|| format_smolstr!("ami-0{:016x}", hash(self.seed, &["image", &at.region, parameter])))
    }
}

/// The VPC of a scenario's cluster.
pub(super) fn cluster_vpc(seed: u64, cluster: ClusterNo) -> SmolStr {
    let n = nth(hash(seed, &["vpc"]), i64::try_from(cluster).unwrap_or(0));
    format_smolstr!("vpc-0{n:016x}")
}

//! Where the stack stands: a VPC given by parameters or one of the stack's own, and the endpoints by which its machines and
//! its function reach AWS.
//!
//! An endpoint answers under a service's usual name for a whole VPC, and only one can: in a VPC that is not the stack's own
//! the stack's endpoints leave that name alone, and the function asks them by the names they have themselves. So any number
//! of clusters share a VPC, and none breaks when another goes.

use serde_json::{Value, json};

use super::super::{MadeVpc, WayOut};
use super::{Draft, attribute, refer, substitute};
use crate::blueprint::Cidr;

/// What the function asks.
const OF_REAPER: [&str; 2] = ["autoscaling", "secretsmanager"];
/// What the machines ask besides, where nothing but endpoints leads out.
const OF_MACHINES: [&str; 4] = ["ec2", "ec2messages", "ssm", "ssmmessages"];
const EVERYWHERE: &str = "0.0.0.0/0";

/// Where the rest of the stack finds the VPC's parts.
pub(super) struct Place {
    pub(super) vpc: Value,
    /// The subnets of machines and of all that serves them.
    pub(super) subnets: Value,
    /// One of them each; zones differ as far as is known.
    pub(super) each: Vec<Value>,
    /// The subnets that the internet reaches.
    pub(super) public: Value,
    /// The VPC's networks.
    pub(super) cidrs: Vec<Value>,
    /// What must be there before a machine reaches anything.
    pub(super) way: Vec<String>,
}

/// Adds the VPC, or the parameters that name one.
pub(super) fn add(draft: &mut Draft<'_>) -> Place {
    let place = match &draft.ha.made_vpc {
        Some(made) => make(draft, made),
        None => given(draft),
    };
    draft.output("Vpc", place.vpc.clone());
    place
}

fn given(draft: &mut Draft<'_>) -> Place {
    let site = draft.site;
    let list = |of: &[smol_str::SmolStr]| (!of.is_empty()).then(|| Value::from(of.join(",")));
    let vpc = site.vpc.as_ref().map(|vpc| Value::from(vpc.as_str()));
    draft.parameter("Vpc", "AWS::EC2::VPC::Id", vpc, "The VPC");
    let about = "Subnets of the VPC, each in another zone";
    draft.parameter("Subnets", "List<AWS::EC2::Subnet::Id>", list(&site.subnets), about);
    let about = "The networks of the VPC";
    draft.parameter("VpcCidrs", "CommaDelimitedList", list(&site.cidrs), about);
    let select = |of: &'static str, n: usize| (0..n.max(1)).map(move |i| json!({"Fn::Select": [i, {"Ref": of}]}));
    Place {
        vpc: refer("Vpc"),
        subnets: refer("Subnets"),
        each: select("Subnets", site.subnets.len()).collect(),
        public: refer("Subnets"),
        cidrs: select("VpcCidrs", site.cidrs.len()).collect(),
        way: vec![],
    }
}

fn make(draft: &mut Draft<'_>, made: &MadeVpc) -> Place {
    let vpc = json!({"CidrBlock": made.cidr, "EnableDnsSupport": true, "EnableDnsHostnames": true});
    draft.add("Vpc", "EC2::VPC", vpc);
    let mut way = vec![];
    let mut public = vec![];
    if made.way_out != WayOut::Endpoints {
        draft.add("InternetGateway", "EC2::InternetGateway", json!({}));
        let attached = json!({"VpcId": refer("Vpc"), "InternetGatewayId": refer("InternetGateway")});
        draft.add("InternetAttachment", "EC2::VPCGatewayAttachment", attached);
        public = subnets(draft, made, "Public", 0);
        let route = json!({
            "RouteTableId": refer("PublicRoutes"),
            "DestinationCidrBlock": EVERYWHERE,
            "GatewayId": refer("InternetGateway"),
        });
        draft.add("PublicRoute", "EC2::Route", route);
        // Whoever waits for the way out waits for the subnets' share in it too.
        let mut before = shares(made, "Public");
        before.push("InternetAttachment".to_owned());
        draft.after("PublicRoute", &before);
        way.push("PublicRoute".to_owned());
    }
    let mut each = public.clone();
    if made.way_out != WayOut::Public {
        each = subnets(draft, made, "Private", 4);
        let gateway = json!({
            "VpcId": refer("Vpc"),
            "VpcEndpointType": "Gateway",
            "ServiceName": substitute("com.amazonaws.${AWS::Region}.s3"),
            "RouteTableIds": [refer("PrivateRoutes")],
        });
        draft.add("S3Endpoint", "EC2::VPCEndpoint", gateway);
        draft.after("S3Endpoint", &shares(made, "Private"));
        way.push("S3Endpoint".to_owned());
    }
    if made.way_out == WayOut::Nat {
        draft.add("NatAddress", "EC2::EIP", json!({"Domain": "vpc"}));
        draft.after("NatAddress", &["InternetAttachment".to_owned()]);
        let gateway = json!({
            "AllocationId": attribute("AllocationId", "NatAddress"),
            "SubnetId": refer("PublicSubnet1"),
        });
        draft.add("NatGateway", "EC2::NatGateway", gateway);
        let route = json!({
            "RouteTableId": refer("PrivateRoutes"),
            "DestinationCidrBlock": EVERYWHERE,
            "NatGatewayId": refer("NatGateway"),
        });
        draft.add("PrivateRoute", "EC2::Route", route);
        way.push("PrivateRoute".to_owned());
    }
    Place {
        vpc: refer("Vpc"),
        subnets: json!(each),
        each,
        public: json!(public),
        cidrs: vec![attribute("CidrBlock", "Vpc")],
        way,
    }
}

/// A subnet in each zone, the first of them the eighth part of the VPC with this number, with one table of routes.
fn subnets(draft: &mut Draft<'_>, made: &MadeVpc, kind: &str, first: u32) -> Vec<Value> {
    let length = Cidr::parse(&made.cidr).map_or(16, Cidr::length);
    let bits = 29_u8.saturating_sub(length);
    let cut = json!({"Fn::Cidr": [attribute("CidrBlock", "Vpc"), 8, bits]});
    let zones = match draft.site.zones.is_empty() {
        true => json!({"Fn::GetAZs": ""}),
        false => {
            let default = Some(draft.site.zones.join(",").into());
            draft.parameter("Zones", "List<AWS::EC2::AvailabilityZone::Name>", default, "Zones");
            refer("Zones")
        }
    };
    let table = format!("{kind}Routes");
    let routes = json!({"VpcId": refer("Vpc")});
    draft.add(table.as_str(), "EC2::RouteTable", routes);
    let mut made_here = vec![];
    for i in 0..made.zones {
        let name = format!("{kind}Subnet{}", i + 1);
        let subnet = json!({
            "VpcId": refer("Vpc"),
            "CidrBlock": {"Fn::Select": [first + i, cut]},
            "AvailabilityZone": {"Fn::Select": [i, zones]},
            "MapPublicIpOnLaunch": made.way_out == WayOut::Public,
        });
        draft.add(name.as_str(), "EC2::Subnet", subnet);
        let association = json!({"SubnetId": refer(name.as_str()), "RouteTableId": refer(table.as_str())});
        draft.add(format!("{name}Routes"), "EC2::SubnetRouteTableAssociation", association);
        made_here.push(refer(name));
    }
    made_here
}

/// The resources that give a table of routes to the subnets of a kind.
fn shares(made: &MadeVpc, kind: &str) -> Vec<String> {
    (1..=made.zones).map(|i| format!("{kind}Subnet{i}Routes")).collect()
}

/// The URLs at which the function asks Auto Scaling and Secrets Manager.
pub(super) struct Urls {
    pub(super) autoscaling: Value,
    pub(super) secrets: Value,
}

/// Adds the endpoints that nobody else has.
pub(super) fn endpoints(draft: &mut Draft<'_>, place: &mut Place) -> Urls {
    let only_way = draft
        .ha
        .made_vpc
        .as_ref()
        .is_some_and(|made| made.way_out == WayOut::Endpoints);
    for service in wanted(draft) {
        let endpoint = json!({
            "VpcId": place.vpc,
            "VpcEndpointType": "Interface",
            "ServiceName": substitute(format!("com.amazonaws.${{AWS::Region}}.{service}")),
            "PrivateDnsEnabled": draft.ha.made_vpc.is_some(),
            "SubnetIds": place.subnets,
            "SecurityGroupIds": [refer("EndpointSecurity")],
        });
        draft.add(endpoint_of(service), "EC2::VPCEndpoint", endpoint);
        if only_way {
            place.way.push(endpoint_of(service));
        }
    }
    let [autoscaling, secrets] = OF_REAPER.map(|service| {
        if draft.ha.made_vpc.is_some() || !wanted(draft).contains(&service) {
            return substitute(format!("https://{service}.${{AWS::Region}}.${{AWS::URLSuffix}}"));
        }
        // An entry is the id of a hosted zone, a colon and the name.
        let entry = json!({"Fn::Select": [0, attribute("DnsEntries", &endpoint_of(service))]});
        json!({"Fn::Join": ["", ["https://", {"Fn::Select": [1, {"Fn::Split": [":", entry]}]}]]})
    });
    Urls { autoscaling, secrets }
}

/// The services for which the stack makes an endpoint.
pub(super) fn wanted(draft: &Draft<'_>) -> Vec<&'static str> {
    let mut services = OF_REAPER.to_vec();
    match draft.ha.made_vpc.as_ref().map(|made| made.way_out) {
        None => services.retain(|service| !draft.site.endpoints.iter().any(|other| other == service)),
        Some(WayOut::Public) => {}
        Some(WayOut::Nat) => services.clear(),
        Some(WayOut::Endpoints) => {
            services.extend(OF_MACHINES);
            if draft.ha.shared_storage {
                services.push("elasticfilesystem");
            }
        }
    }
    services
}

fn endpoint_of(service: &str) -> String {
    let name = match service {
        "autoscaling" => "AutoScaling",
        "secretsmanager" => "Secrets",
        "ec2" => "Ec2",
        "ec2messages" => "Ec2Messages",
        "ssm" => "Ssm",
        "ssmmessages" => "SsmMessages",
        _ => "Efs",
    };
    format!("{name}Endpoint")
}

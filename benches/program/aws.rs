//! AWS as the program calls it, for one account and region: every answer is rendered once, at full length.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use crate::fleet::{Machine, REGION, TYPES, ZONES};
use crate::http::{Reply, Request, serve};

/// Instances on one page.
const PAGE: usize = 1000;

/// Serves the instances of so many machines, and what belongs to them; gives the endpoint's address.
pub(crate) fn start(machines: usize, now: Timestamp) -> io::Result<String> {
    let instances: Vec<Machine> = (0..machines).map(Machine).filter(|m| !m.is_edge()).collect();
    let count = instances.chunks(PAGE).len();
    let pages: Vec<Arc<[u8]>> = instances
        .chunks(PAGE)
        .enumerate()
        .map(|(n, page)| {
            let items: String = page.iter().map(|m| reservation(*m, now)).collect();
            let next = (n + 1 < count).then(|| format!("<nextToken>{}</nextToken>", n + 1));
            let set = format!("<reservationSet>{items}</reservationSet>{}", next.unwrap_or_default());
            ec2("DescribeInstances", &set)
        })
        .collect();
    let answers: HashMap<&str, Arc<[u8]>> = HashMap::from([
        ("DescribeAutoScalingGroups", groups(&instances)),
        (
            "DescribeScalingActivities",
            scaling("DescribeScalingActivities", "<Activities/>"),
        ),
        (
            "DescribeSpotFleetRequests",
            ec2("DescribeSpotFleetRequests", "<spotFleetRequestConfigSet/>"),
        ),
        (
            "DescribeSpotInstanceRequests",
            ec2("DescribeSpotInstanceRequests", "<spotInstanceRequestSet/>"),
        ),
        ("DescribeSpotPriceHistory", spot_prices(now)),
        ("GetCallerIdentity", identity()),
    ]);
    let answer = move |request: &Request| match request.form("Action") {
        Some("DescribeInstances") => {
            let page = request.form("NextToken").and_then(|token| token.parse().ok());
            xml(pages.get(page.unwrap_or(0_usize)))
        }
        Some(action) => xml(answers.get(action)),
        None => price_list(&request.body),
    };
    Ok(format!("http://{}", serve(answer)?))
}

fn xml(body: Option<&Arc<[u8]>>) -> Reply {
    body.map_or_else(Reply::missing, |body| {
        Reply::Whole(200, "text/xml;charset=UTF-8", Arc::clone(body))
    })
}

fn ec2(call: &str, inner: &str) -> Arc<[u8]> {
    let head = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
    let space = "http://ec2.amazonaws.com/doc/2016-11-15/";
    let request = "<requestId>59dbff89-35bd-4eac-99ed-be587EXAMPLE</requestId>";
    let text = format!("{head}<{call}Response xmlns=\"{space}\">{request}{inner}</{call}Response>");
    Arc::from(text.into_bytes())
}

fn scaling(call: &str, inner: &str) -> Arc<[u8]> {
    let space = "http://autoscaling.amazonaws.com/doc/2011-01-01/";
    let text = format!(
        "<{call}Response xmlns=\"{space}\"><{call}Result>{inner}</{call}Result><ResponseMetadata><RequestId>7c6e177f\
         </RequestId></ResponseMetadata></{call}Response>"
    );
    Arc::from(text.into_bytes())
}

fn identity() -> Arc<[u8]> {
    let text = "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><GetCallerIdentityResult>\
                <Arn>arn:aws:iam::123456789012:user/op</Arn><UserId>AIDA</UserId><Account>123456789012</Account>\
                </GetCallerIdentityResult></GetCallerIdentityResponse>";
    Arc::from(text.as_bytes())
}

fn tag(key: &str, value: &str) -> String {
    format!("<item><key>{key}</key><value>{value}</value></item>")
}

fn tags(m: Machine) -> String {
    let group = m.group();
    [
        ("Name", format!("{group}-{:05}", m.0)),
        ("k3fleet:cluster", m.cluster()),
        ("k3fleet:pool", group.clone()),
        (
            "k3fleet:role",
            if m.is_server() { "server" } else { "agent" }.to_owned(),
        ),
        ("k3fleet:shape", "ha".to_owned()),
        ("aws:autoscaling:groupName", group),
        ("aws:ec2launchtemplate:id", "lt-0abcdef1234567890".to_owned()),
        ("aws:ec2launchtemplate:version", "3".to_owned()),
    ]
    .map(|(key, value)| tag(key, &value))
    .concat()
}

/// A reservation of one instance, with all that EC2 says of a running Linux machine with one disk and one interface.
fn reservation(m: Machine, now: Timestamp) -> String {
    let minutes = i64::try_from(m.0).unwrap_or_default() + 600;
    let launched = now - SignedDuration::from_mins(minutes);
    let launched = launched.strftime("%Y-%m-%dT%H:%M:%S.000Z").to_string();
    let (id, ip, zone, n) = (m.instance_id(), m.ip(), m.zone(), m.0);
    let dns = format!("ip-{}.{REGION}.compute.internal", ip.to_string().replace('.', "-"));
    let groups =
        "<groupSet><item><groupId>sg-0abcdef1234567890</groupId><groupName>k3s-nodes</groupName></item></groupSet>";
    let spot = if m.is_spot() {
        format!("<instanceLifecycle>spot</instanceLifecycle><spotInstanceRequestId>sir-{n:08x}</spotInstanceRequestId>")
    } else {
        String::new()
    };
    let network = format!(
        "<networkInterfaceSet><item><networkInterfaceId>eni-0{n:016x}</networkInterfaceId><subnetId>subnet-0abcdef12345678</subnetId>\
         <vpcId>vpc-0abcdef1234567890</vpcId><description/><ownerId>123456789012</ownerId><status>in-use</status>\
         <macAddress>06:4f:5e:{:02x}:{:02x}:57</macAddress><privateIpAddress>{ip}</privateIpAddress><privateDnsName>{dns}</privateDnsName>\
         <sourceDestCheck>true</sourceDestCheck>{groups}<attachment><attachmentId>eni-attach-0{n:016x}</attachmentId>\
         <deviceIndex>0</deviceIndex><networkCardIndex>0</networkCardIndex><status>attached</status><attachTime>{launched}</attachTime>\
         <deleteOnTermination>true</deleteOnTermination></attachment><privateIpAddressesSet><item><privateIpAddress>{ip}</privateIpAddress>\
         <privateDnsName>{dns}</privateDnsName><primary>true</primary></item></privateIpAddressesSet><ipv6AddressesSet/>\
         <interfaceType>interface</interfaceType><operator><managed>false</managed></operator></item></networkInterfaceSet>",
        n / 256 % 256,
        n % 256,
    );
    let disk = format!(
        "<rootDeviceType>ebs</rootDeviceType><rootDeviceName>/dev/sda1</rootDeviceName><blockDeviceMapping><item><deviceName>/dev/sda1</deviceName>\
         <ebs><volumeId>vol-0{n:016x}</volumeId><status>attached</status><attachTime>{launched}</attachTime>\
         <deleteOnTermination>true</deleteOnTermination><operator><managed>false</managed></operator></ebs></item></blockDeviceMapping>"
    );
    let rest = "<virtualizationType>hvm</virtualizationType><clientToken>fleet-1a2b3c4d-0</clientToken><hypervisor>xen</hypervisor>\
         <iamInstanceProfile><arn>arn:aws:iam::123456789012:instance-profile/k3s-node</arn><id>AIPAEXAMPLE</id></iamInstanceProfile>\
         <ebsOptimized>true</ebsOptimized><enaSupport>true</enaSupport><cpuOptions><coreCount>2</coreCount><threadsPerCore>1</threadsPerCore></cpuOptions>\
         <capacityReservationSpecification><capacityReservationPreference>open</capacityReservationPreference></capacityReservationSpecification>\
         <hibernationOptions><configured>false</configured></hibernationOptions><metadataOptions><state>applied</state><httpTokens>required</httpTokens>\
         <httpPutResponseHopLimit>2</httpPutResponseHopLimit><httpEndpoint>enabled</httpEndpoint><httpProtocolIpv6>disabled</httpProtocolIpv6>\
         <instanceMetadataTags>enabled</instanceMetadataTags></metadataOptions><enclaveOptions><enabled>false</enabled></enclaveOptions>\
         <platformDetails>Linux/UNIX</platformDetails><usageOperation>RunInstances</usageOperation><maintenanceOptions><autoRecovery>default</autoRecovery>\
         </maintenanceOptions><privateDnsNameOptions><hostnameType>ip-name</hostnameType><enableResourceNameDnsARecord>false</enableResourceNameDnsARecord>\
         <enableResourceNameDnsAAAARecord>false</enableResourceNameDnsAAAARecord></privateDnsNameOptions><bootMode>uefi</bootMode>\
         <currentInstanceBootMode>uefi</currentInstanceBootMode><operator><managed>false</managed></operator>";
    format!(
        "<item><reservationId>r-0{n:016x}</reservationId><ownerId>123456789012</ownerId><groupSet/><instancesSet><item>\
         <instanceId>{id}</instanceId><imageId>ami-0abcdef1234567890</imageId><instanceState><code>16</code><name>running</name></instanceState>\
         <privateDnsName>{dns}</privateDnsName><dnsName/><reason/><amiLaunchIndex>0</amiLaunchIndex><productCodes/>\
         <instanceType>{}</instanceType><launchTime>{launched}</launchTime><placement><availabilityZone>{zone}</availabilityZone><groupName/>\
         <tenancy>default</tenancy></placement><monitoring><state>disabled</state></monitoring><subnetId>subnet-0abcdef12345678</subnetId>\
         <vpcId>vpc-0abcdef1234567890</vpcId><privateIpAddress>{ip}</privateIpAddress><sourceDestCheck>true</sourceDestCheck>{groups}\
         <architecture>arm64</architecture>{disk}{spot}<tagSet>{}</tagSet>{network}{rest}</item></instancesSet>\
         <requesterId>940372691376</requesterId></item>",
        m.instance_type(),
        tags(m),
    )
}

fn groups(instances: &[Machine]) -> Arc<[u8]> {
    let mut groups: BTreeMap<String, Vec<Machine>> = BTreeMap::new();
    for m in instances {
        groups.entry(m.group()).or_default().push(*m);
    }
    let members: String = groups.iter().map(|(name, members)| group(name, members)).collect();
    let inner = format!("<AutoScalingGroups>{members}</AutoScalingGroups>");
    scaling("DescribeAutoScalingGroups", &inner)
}

fn group(name: &str, members: &[Machine]) -> String {
    let template = "<LaunchTemplate><LaunchTemplateId>lt-0abcdef1234567890</LaunchTemplateId>\
                    <LaunchTemplateName>k3s-node</LaunchTemplateName><Version>3</Version></LaunchTemplate>";
    let instances: String = members
        .iter()
        .map(|m| {
            format!(
                "<member><LaunchConfigurationName/>{template}<InstanceId>{}</InstanceId><InstanceType>{}</InstanceType>\
                 <AvailabilityZone>{}</AvailabilityZone><LifecycleState>InService</LifecycleState>\
                 <HealthStatus>Healthy</HealthStatus><ProtectedFromScaleIn>false</ProtectedFromScaleIn></member>",
                m.instance_id(),
                m.instance_type(),
                m.zone(),
            )
        })
        .collect();
    let zones: String = ZONES.map(|zone| format!("<member>{zone}</member>")).concat();
    let cluster = members.first().map(|m| m.cluster()).unwrap_or_default();
    let tags: String = [("k3fleet:cluster", cluster.as_str()), ("k3fleet:pool", name)]
        .map(|(key, value)| {
            format!(
                "<member><ResourceId>{name}</ResourceId><ResourceType>auto-scaling-group</ResourceType><Key>{key}</Key>\
                 <Value>{value}</Value><PropagateAtLaunch>true</PropagateAtLaunch></member>"
            )
        })
        .concat();
    format!(
        "<member><AutoScalingGroupName>{name}</AutoScalingGroupName><MinSize>0</MinSize><MaxSize>{}</MaxSize>\
         <DesiredCapacity>{}</DesiredCapacity><DefaultCooldown>300</DefaultCooldown><AvailabilityZones>{zones}</AvailabilityZones>\
         <HealthCheckType>EC2</HealthCheckType><CreatedTime>2026-01-20T08:30:00.000Z</CreatedTime><Instances>{instances}</Instances>\
         <SuspendedProcesses/><Tags>{tags}</Tags>{template}</member>",
        members.len() * 2,
        members.len(),
    )
}

/// A day of prices: every type in every zone, changed every two hours.
fn spot_prices(now: Timestamp) -> Arc<[u8]> {
    let mut items = vec![];
    for hours in (1..24).step_by(2) {
        let at = now - SignedDuration::from_hours(hours);
        let at = at.strftime("%Y-%m-%dT%H:%M:%S.000Z");
        for (n, (instance_type, usd)) in TYPES.iter().enumerate() {
            for zone in ZONES {
                let usd = usd * (0.3 + 0.01 * (hours as f64 + n as f64));
                items.push(format!(
                    "<item><instanceType>{instance_type}</instanceType><productDescription>Linux/UNIX</productDescription>\
                     <spotPrice>{usd:.6}</spotPrice><timestamp>{at}</timestamp><availabilityZone>{zone}</availabilityZone></item>"
                ));
            }
        }
    }
    let set = format!(
        "<spotPriceHistorySet>{}</spotPriceHistorySet><nextToken/>",
        items.concat()
    );
    ec2("DescribeSpotPriceHistory", &set)
}

/// The price list's answer about the one type that a question names.
fn price_list(question: &str) -> Reply {
    let asked = TYPES.iter().find(|(name, _)| question.contains(&format!("\"{name}\"")));
    let items: Vec<String> = asked
        .map(|(name, usd)| {
            json!({
                "product": {"attributes": {"instanceType": name, "regionCode": REGION}, "sku": "ABC"},
                "terms": {"OnDemand": {"ABC.JRT": {"priceDimensions": {"ABC.JRT.6YS": {
                    "unit": "Hrs", "pricePerUnit": {"USD": format!("{usd:.10}")}}}}}},
            })
            .to_string()
        })
        .into_iter()
        .collect();
    let body = json!({"FormatVersion": "aws_v1", "PriceList": items}).to_string();
    Reply::Whole(200, "application/x-amz-json-1.1", Arc::from(body.into_bytes()))
}

//! Where the AWS console shows a thing: the pages of its region, in the partition that the region belongs to.

use crate::fleet::{InstanceId, Scope};

/// The host of a region's console.
fn host(region: &str) -> String {
    let domain = match region {
        _ if region.starts_with("cn-") => "console.amazonaws.cn",
        // Regions of GovCloud have one host for all.
        _ if region.starts_with("us-gov-") => return "console.amazonaws-us-gov.com".to_owned(),
        _ => "console.aws.amazon.com",
    };
    format!("{region}.{domain}")
}

/// The page of an instance.
pub(super) fn instance(scope: &Scope, id: &InstanceId) -> String {
    let region = &scope.region;
    format!(
        "https://{}/ec2/home?region={region}#InstanceDetails:instanceId={id}",
        host(region)
    )
}

/// The page of an Auto Scaling group.
pub(super) fn asg(scope: &Scope, name: &str) -> String {
    let region = &scope.region;
    let name = encoded(name);
    format!(
        "https://{}/ec2/home?region={region}#AutoScalingGroupDetails:id={name};view=details",
        host(region)
    )
}

/// The page of a Spot Fleet request.
pub(super) fn spot_fleet(scope: &Scope, id: &str) -> String {
    let region = &scope.region;
    format!(
        "https://{}/ec2/home?region={region}#SpotInstances:spotInstanceRequestId={}",
        host(region),
        encoded(id)
    )
}

/// Text as a part of an address.
fn encoded(text: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.~".contains(&b);
    let one = |b: u8| match plain(b) {
        true => char::from(b).to_string(),
        false => format!("%{b:02X}"),
    };
    text.bytes().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_of_the_regions_partition() {
        let page = |region: &str| instance(&Scope::new("", region), &InstanceId::new("i-0abc"));
        assert_eq!(
            page("eu-west-1"),
            "https://eu-west-1.console.aws.amazon.com/ec2/home?region=eu-west-1#InstanceDetails:instanceId=i-0abc"
        );
        assert!(page("cn-north-1").starts_with("https://cn-north-1.console.amazonaws.cn/ec2/home?region=cn-north-1#"));
        assert!(
            page("us-gov-west-1").starts_with("https://console.amazonaws-us-gov.com/ec2/home?region=us-gov-west-1#")
        );
    }

    #[test]
    fn names_are_encoded() {
        let page = asg(&Scope::new("", "eu-west-1"), "web/ä b");
        assert!(
            page.ends_with("#AutoScalingGroupDetails:id=web%2F%C3%A4%20b;view=details"),
            "{page}"
        );
    }
}

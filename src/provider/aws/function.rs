//! Taking a function out of its VPC. Lambda keeps the network interfaces of a function for a while, and with them the
//! security group and the subnets; it deletes them with the rights of the function's role. So a function leaves its VPC before
//! its stack is deleted, which would take the role away first and then wait for the interfaces.

use http::Method;
use smol_str::format_smolstr;

use super::AwsCloud;
use super::ec2::filter;
use super::signed::{self, Ask, name_in};
use crate::provider::Result;

/// Takes it out. One that is not there is no error.
pub(super) async fn release(cloud: &AwsCloud, arn: &str) -> Result<()> {
    const CALL: &str = "lambda:UpdateFunctionConfiguration";
    let name = name_in(arn);
    let body = serde_json::json!({"VpcConfig": {"SubnetIds": [], "SecurityGroupIds": []}});
    let path = format!(
        "/2015-03-31/functions/{}/configuration",
        signed::in_query(name.as_bytes())
    );
    let ask = Ask {
        call: CALL,
        service: "lambda",
        host: None,
        method: Method::PUT,
        path: &path,
        content: None,
        body: body.to_string().into_bytes(),
    };
    let answer = signed::send(cloud, ask).await?;
    match answer.status().is_success() || answer.status() == 404 {
        true => Ok(()),
        false => Err(signed::refused(cloud, CALL, &answer)),
    }
}

/// How many network interfaces Lambda keeps of it. It names the function in what it says of them.
pub(super) async fn interfaces(cloud: &AwsCloud, arn: &str) -> Result<usize> {
    const CALL: &str = "ec2:DescribeNetworkInterfaces";
    let of = format_smolstr!("AWS Lambda VPC ENI-{}-*", name_in(arn));
    let ask = cloud
        .ec2
        .describe_network_interfaces()
        .filters(filter("description", [of]));
    let left = cloud.call(CALL, ask.send()).await?.network_interfaces;
    Ok(left.map_or(0, |left| left.len()))
}

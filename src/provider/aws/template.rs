//! What the machines of a launch template run at boot, and a new version of it. Groups and launches take `$Latest`, so that
//! a new version is in force for the next machine, and for no running one.

use aws_sdk_ec2::types::RequestLaunchTemplateData;
use aws_smithy_types::base64;
use sha2::{Digest, Sha256};
use smol_str::format_smolstr;

use super::{AwsCloud, error};
use crate::provider::{ProviderError, Result};

const DESCRIBE: &str = "ec2:DescribeLaunchTemplateVersions";

/// The newest version of a template.
struct Newest {
    number: i64,
    user_data: String,
}

/// What the newest version runs at boot, which may be nothing; `None` when there is no such template.
pub(super) async fn user_data(cloud: &AwsCloud, template: &str) -> Result<Option<String>> {
    Ok(newest(cloud, template).await?.map(|newest| newest.user_data))
}

/// Gives a template a new version with other user data. One whose newest version has it already stays as it is.
pub(super) async fn renew(cloud: &AwsCloud, template: &str, user_data: &str) -> Result<()> {
    const CALL: &str = "ec2:CreateLaunchTemplateVersion";
    let newest = newest(cloud, template).await?.ok_or_else(|| {
        let message = format_smolstr!("there is no launch template {template}");
        error::refused(CALL, &cloud.scope, message)
    })?;
    if newest.user_data == user_data {
        return Ok(());
    }
    let data = RequestLaunchTemplateData::builder().user_data(base64::encode(user_data));
    let ask = cloud
        .ec2
        .create_launch_template_version()
        .launch_template_name(template)
        .source_version(newest.number.to_string())
        .version_description("k3fleet")
        .launch_template_data(data.build())
        .client_token(token(template, newest.number, user_data));
    let made = cloud.call(CALL, ask.send()).await?;
    let warned = made.warning.and_then(|warning| warning.errors).unwrap_or_default();
    match warned.into_iter().next() {
        None => Ok(()),
        // EC2 makes a version all the same that launches nothing.
        Some(wrong) => {
            let (code, message) = (wrong.code.unwrap_or_default(), wrong.message.unwrap_or_default());
            Err(error::said(CALL, &cloud.scope, &code, &message))
        }
    }
}

/// The same for each try to make the same version after the same one, and for no other.
fn token(template: &str, after: i64, user_data: &str) -> String {
    let mut hash = Sha256::new();
    for part in [template.as_bytes(), &after.to_be_bytes(), user_data.as_bytes()] {
        hash.update(part.len().to_be_bytes());
        hash.update(part);
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

async fn newest(cloud: &AwsCloud, template: &str) -> Result<Option<Newest>> {
    let ask = cloud
        .ec2
        .describe_launch_template_versions()
        .launch_template_name(template)
        .versions("$Latest");
    let unknown = |code: &str, _: &str| {
        code.starts_with("InvalidLaunchTemplateName.NotFound") || code == "InvalidLaunchTemplateId.VersionNotFound"
    };
    let Some(answer) = cloud.call_unless(DESCRIBE, ask.send(), unknown).await? else {
        return Ok(None);
    };
    let malformed = |what: &str| -> ProviderError {
        let message = format_smolstr!("the launch template {template} is told {what}");
        error::malformed(DESCRIBE, &cloud.scope, message)
    };
    let versions = answer.launch_template_versions.unwrap_or_default();
    let Some(newest) = versions.into_iter().max_by_key(|one| one.version_number) else {
        return Ok(None);
    };
    let number = newest
        .version_number
        .ok_or_else(|| malformed("without the number of its version"))?;
    let encoded = newest
        .launch_template_data
        .and_then(|data| data.user_data)
        .unwrap_or_default();
    let decoded = base64::decode(encoded).map_err(|_no_base64| malformed("with user data that is not base64"))?;
    let user_data = String::from_utf8(decoded).map_err(|_binary| malformed("with user data that is no text"))?;
    Ok(Some(Newest { number, user_data }))
}

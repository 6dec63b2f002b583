//! Encrypted parameters, in which a cluster's tokens are kept, and the versions of a parameter.
//!
//! The values go from SSM into a [`Secret`] and back, and nowhere else: what AWS says of a value it does not take is not
//! told where it repeats the value, and an answer that is not understood is not quoted.

use aws_sdk_ssm::types::{ParameterStringFilter, ParameterType};
use aws_smithy_types::DateTime;
use smol_str::{SmolStr, format_smolstr};

use super::{AwsCloud, error, timestamp};
use crate::fleet::FaultKind;
use crate::provider::{ParameterVersion, Result, Secret};

/// A version of an encrypted parameter, or its newest, with its number; `None` when there is none.
pub(super) async fn secure(cloud: &AwsCloud, name: &str, version: Option<u64>) -> Result<Option<(u64, Secret)>> {
    const CALL: &str = "ssm:GetParameter";
    let selected = match version {
        Some(version) => format_smolstr!("{name}:{version}"),
        None => SmolStr::new(name),
    };
    let ask = cloud.ssm.get_parameter().name(selected.as_str()).with_decryption(true);
    let Some(answer) = cloud.call_unless(CALL, ask.send(), is_unknown).await? else {
        return Ok(None);
    };
    let told = answer.parameter.and_then(|parameter| {
        let number = u64::try_from(parameter.version).ok().filter(|number| *number > 0)?;
        Some((number, Secret::new(parameter.value?)))
    });
    let told = told.ok_or_else(|| {
        let message = format_smolstr!("the parameter {selected} is told without its value or its version");
        error::malformed(CALL, &cloud.scope, message)
    })?;
    Ok(Some(told))
}

/// Gives an encrypted parameter a new version, and its number.
pub(super) async fn put(cloud: &AwsCloud, name: &str, value: &Secret) -> Result<u64> {
    const CALL: &str = "ssm:PutParameter";
    let ask = cloud
        .ssm
        .put_parameter()
        .name(name)
        .value(value.expose())
        .r#type(ParameterType::SecureString)
        .overwrite(true);
    let done = cloud.call(CALL, ask.send()).await;
    let done = done.map_err(|refused| refused.without(value))?;
    let number = u64::try_from(done.version).ok().filter(|number| *number > 0);
    number.ok_or_else(|| {
        let message = format_smolstr!("the new version of the parameter {name} is told without its number");
        error::malformed(CALL, &cloud.scope, message)
    })
}

/// The versions of a parameter, the newest first. Whoever may not read the history, which would give the values of
/// encrypted parameters too, is told the newest alone.
pub(super) async fn versions(cloud: &AwsCloud, name: &str) -> Result<Vec<ParameterVersion>> {
    let mut found = match history(cloud, name).await {
        Err(denied) if denied.kind == FaultKind::Denied => newest(cloud, name).await.map_err(|_also| denied)?,
        told => told?,
    };
    found.sort_unstable_by_key(|one| std::cmp::Reverse(one.version));
    Ok(found)
}

async fn history(cloud: &AwsCloud, name: &str) -> Result<Vec<ParameterVersion>> {
    const CALL: &str = "ssm:GetParameterHistory";
    let mut found = Vec::new();
    let mut token = None;
    loop {
        let ask = cloud.ssm.get_parameter_history().name(name).with_decryption(false);
        let ask = ask.max_results(cloud.page(50)).set_next_token(token.clone());
        let Some(page) = cloud.call_unless(CALL, ask.send(), is_unknown).await? else {
            return Ok(vec![]);
        };
        let told = page.parameters.unwrap_or_default().into_iter();
        found.extend(
            told.filter_map(|one| version(one.version, one.last_modified_date.as_ref(), one.last_modified_user)),
        );
        token = cloud.next_page(CALL, token, page.next_token)?;
        if token.is_none() {
            return Ok(found);
        }
    }
}

async fn newest(cloud: &AwsCloud, name: &str) -> Result<Vec<ParameterVersion>> {
    const CALL: &str = "ssm:DescribeParameters";
    let named = ParameterStringFilter::builder()
        .key("Name")
        .option("Equals")
        .values(name);
    let named = named
        .build()
        .map_err(|why| error::refused(CALL, &cloud.scope, why.to_string()))?;
    let ask = || cloud.ssm.describe_parameters().parameter_filters(named.clone());
    let listed = pages!(cloud, CALL, ask(), parameters);
    let told = listed.into_iter();
    let found = told.filter_map(|one| version(one.version, one.last_modified_date.as_ref(), one.last_modified_user));
    Ok(found.collect())
}

/// `None` where AWS does not tell which it is, or since when.
fn version(number: i64, at: Option<&DateTime>, by: Option<String>) -> Option<ParameterVersion> {
    Some(ParameterVersion {
        version: u64::try_from(number).ok().filter(|number| *number > 0)?,
        at: at.and_then(timestamp)?,
        by: by.map(SmolStr::from).unwrap_or_default(),
    })
}

fn is_unknown(code: &str, _: &str) -> bool {
    matches!(code, "ParameterNotFound" | "ParameterVersionNotFound")
}

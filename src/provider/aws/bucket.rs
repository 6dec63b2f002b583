//! Deleting a bucket with all it holds: each version of each object, and each mark of a deletion, then the bucket.

use futures::{StreamExt, TryStreamExt};
use http::Method;
use smol_str::format_smolstr;

use super::AwsCloud;
use super::signed::{self, Ask, decoded, element, in_path, in_query};
use crate::provider::Result;

const LIST: &str = "s3:ListBucketVersions";
const DELETE: &str = "s3:DeleteObjectVersion";
const DELETE_BUCKET: &str = "s3:DeleteBucket";

/// How many versions are deleted at once.
const AT_ONCE: usize = 8;

/// A version of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Version {
    key: Vec<u8>,
    id: String,
}

/// Empties it and deletes it. One that is not there is deleted.
pub(super) async fn delete(cloud: &AwsCloud, bucket: &str) -> Result<()> {
    // What is listed is deleted, so that the first page is always what is left.
    let mut before = vec![];
    while let Some(versions) = listed(cloud, bucket).await? {
        if versions.is_empty() {
            return drop_bucket(cloud, bucket).await;
        }
        if versions == before {
            let count = versions.len();
            let message = format_smolstr!("{count} versions in {bucket} are listed still, though they were deleted");
            return Err(cloud.not_yet(DELETE, message));
        }
        before.clone_from(&versions);
        let deletions = versions.into_iter().map(|version| drop_version(cloud, bucket, version));
        futures::stream::iter(deletions)
            .buffer_unordered(AT_ONCE)
            .try_collect::<()>()
            .await?;
    }
    Ok(())
}

fn ask<'a>(call: &'static str, bucket: &'a str, method: Method, path: &'a str) -> Ask<'a> {
    Ask {
        call,
        service: "s3",
        host: Some(bucket),
        method,
        path,
        content: None,
        body: vec![],
    }
}

/// A page of what it holds; `None` when it is not there.
async fn listed(cloud: &AwsCloud, bucket: &str) -> Result<Option<Vec<Version>>> {
    let answer = signed::send(cloud, ask(LIST, bucket, Method::GET, "/?encoding-type=url&versions=")).await?;
    match answer.status().as_u16() {
        200 => Ok(Some(versions(&String::from_utf8_lossy(answer.body())))),
        404 => Ok(None),
        _ => Err(signed::refused(cloud, LIST, &answer)),
    }
}

async fn drop_version(cloud: &AwsCloud, bucket: &str, version: Version) -> Result<()> {
    let path = format!(
        "/{}?versionId={}",
        in_path(&version.key),
        in_query(version.id.as_bytes())
    );
    let answer = signed::send(cloud, ask(DELETE, bucket, Method::DELETE, &path)).await?;
    match answer.status().is_success() || answer.status() == 404 {
        true => Ok(()),
        false => Err(signed::refused(cloud, DELETE, &answer)),
    }
}

async fn drop_bucket(cloud: &AwsCloud, bucket: &str) -> Result<()> {
    let answer = signed::send(cloud, ask(DELETE_BUCKET, bucket, Method::DELETE, "/")).await?;
    match answer.status().is_success() || answer.status() == 404 {
        true => Ok(()),
        false => Err(signed::refused(cloud, DELETE_BUCKET, &answer)),
    }
}

/// The versions and marks on a page. Its keys are encoded where it says so.
fn versions(xml: &str) -> Vec<Version> {
    let is_encoded = element(xml, "EncodingType") == Some("url");
    let entries = xml
        .split("<Version>")
        .skip(1)
        .chain(xml.split("<DeleteMarker>").skip(1));
    let version = |entry: &str| {
        Some(Version {
            key: match is_encoded {
                true => decoded(element(entry, "Key")?),
                false => element(entry, "Key")?.as_bytes().to_vec(),
            },
            id: element(entry, "VersionId")?.to_owned(),
        })
    };
    entries.filter_map(version).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_tells_versions_and_marks_of_deletions() {
        let xml = "<ListVersionsResult><KeyMarker></KeyMarker><EncodingType>url</EncodingType>\
                   <DeleteMarker><Key>etcd/a+b</Key><VersionId>d1</VersionId></DeleteMarker>\
                   <Version><Key>etcd%2Fc</Key><VersionId>v1</VersionId><IsLatest>true</IsLatest></Version>\
                   </ListVersionsResult>";
        let mut found = versions(xml);
        found.sort_by(|a, b| a.id.cmp(&b.id));
        let version = |key: &[u8], id: &str| Version {
            key: key.to_vec(),
            id: id.to_owned(),
        };
        assert_eq!(found, [version(b"etcd/a b", "d1"), version(b"etcd/c", "v1")]);
        assert_eq!(versions("<ListVersionsResult></ListVersionsResult>"), []);
    }
}

//! What a cluster is made of: from its [`Spec`] to names, tags, the role's policy and what its machines run at boot.
//!
//! A spec comes from a form, from flags or from the cluster's own SSM parameter. [`Spec::check`] judges it whole; then
//! [`Names`], [`tags`], [`iam`] and [`user_data`] each derive one part of the cluster from it. Nothing here acts, and
//! nothing knows the time: the same spec always gives the same cluster.

mod check;
mod cidr;
mod cloudformation;
pub mod ha;
pub mod iam;
mod image;
pub mod machine;
mod names;
pub mod pipeline;
mod quote;
mod spec;
pub mod tags;
pub mod user_data;

pub use check::Fault;
pub use cidr::Cidr;
pub use image::Image;
pub use names::Names;
pub(crate) use names::fold;
pub use spec::{Network, Profile, Spec, SshKey};
pub use user_data::{API_PORT, SSH_PORT};

/// An example for unit tests: a cluster of two workers with a role of its own.
#[cfg(test)]
pub(crate) fn example() -> Spec {
    Spec {
        name: "shop".into(),
        shape: crate::fleet::Shape::Quick,
        region: "eu-west-1".into(),
        arch: crate::fleet::Arch::Arm64,
        types: vec!["t4g.small".into(), "t4g.medium".into()],
        workers: 2,
        purchase: crate::fleet::Purchase::Spot,
        on_demand_fallback: false,
        volume_gib: 20,
        version: "v1.36.4+k3s1".into(),
        image: Image::Ubuntu,
        from: vec!["203.0.113.7/32".into()],
        ssh: Some(SshKey::Public(
            "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdd0bVZ0xUqWQ1VwQ8mQJ0aZbqGxN9lqL1k6Zc9b2Xy ana@desk".into(),
        )),
        network: None,
        profile: Profile::Own,
        expires_at: None,
        ha: None,
    }
}

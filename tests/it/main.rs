//! The integration tests: one binary, because the SDKs make each link slow and large.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on ends there"
)]

mod aws;
mod boot;
mod cli;
mod cli_changes;
mod cli_edge;
mod cli_export;
mod cli_hosts;
mod cli_launch;
mod cli_memory;
mod cli_reach;
mod edge;
mod house;
mod kube;
mod kubeconfig;
mod live;
mod machine;
mod operations;
mod pipeline;
mod pty;
mod rights;
mod scenarios;
mod screens;
mod support;
mod template;
mod user_data;
mod web;

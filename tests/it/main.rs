//! The integration tests: one binary, because the SDKs make each link slow and large.

#![expect(clippy::expect_used, clippy::panic, reason = "a test that cannot go on ends there")]

mod aws;
mod kube;
mod screens;
mod support;

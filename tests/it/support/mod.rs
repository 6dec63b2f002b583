//! What several integration tests share.

#![expect(dead_code, reason = "each test uses its part of the shared rigs")]

pub(crate) mod http;
pub(crate) mod moto;

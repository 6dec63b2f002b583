//! What several integration tests share.

pub(crate) mod http;
pub(crate) mod moto;

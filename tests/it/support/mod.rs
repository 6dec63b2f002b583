//! What several integration tests share.

pub(crate) mod http;
pub(crate) mod judges;
pub(crate) mod moto;
pub(crate) mod rig;
pub(crate) mod shellcheck;
pub(crate) mod terminal;
pub(crate) mod terraform;
pub(crate) mod tool;

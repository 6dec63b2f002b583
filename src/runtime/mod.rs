//! Where everything meets: the parts that know all others.

pub mod themes;

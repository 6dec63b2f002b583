//! The state of the screen and everything that may change it. Pure: no I/O, no clock, no runtime.

pub mod key;

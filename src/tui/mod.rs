//! The screen, drawn from the state. Pure: no I/O, no clock, no runtime.

pub mod colour;
pub mod glyphs;
pub mod theme;

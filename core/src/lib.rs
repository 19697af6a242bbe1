//! The brain of passgate: bytes and a time go in; a verdict, or "I need these keys", comes out.
//!
//! The core knows no host, clock, socket, global or random source. The shell asks it and does as it says.

#![forbid(unsafe_code)]

pub mod config;
pub mod crypto;
pub mod jose;
pub mod json;
pub mod limits;
pub mod time;

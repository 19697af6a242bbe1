//! A release is what it says, and anybody can see it: the commands of docs/verify.md, each where it
//! must succeed and each where it must fail. `make test-release` builds the release first.

mod action;
mod advisories;
mod chart;
mod container;
mod contents;
mod feed;
mod files;
mod harness;
mod images;
mod workflows;

//! The desk's JSON API from outside: who may what, what comes of bad input, and that money moves once.

mod audit;
mod bad_input;
mod document;
mod feed;
mod matrix;
mod resources;
mod signing_in;
mod world;

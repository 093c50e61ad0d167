//! The process: reads what it is asked for and becomes that.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    kwastage::cli::run().await
}

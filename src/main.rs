//! The process: reads what it is asked for and becomes that.

use std::process::ExitCode;

use mimalloc::MiMalloc;

/// A hop makes some two hundred small allocations: with the system's allocator they are a third of its time.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

#[tokio::main]
async fn main() -> ExitCode {
    kwastage::cli::run().await
}

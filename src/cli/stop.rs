//! When to end.

use tokio::signal::unix::{SignalKind, signal};

/// Waits for Ctrl-C, a service manager's or a container's wish to stop.
///
/// # Errors
/// The handlers cannot be installed.
pub async fn asked_to_stop() -> std::io::Result<()> {
    let (mut interrupt, mut terminate) = (
        signal(SignalKind::interrupt())?,
        signal(SignalKind::terminate())?,
    );
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    Ok(())
}

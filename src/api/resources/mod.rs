//! One file for each resource: routes with who may take them, types, handlers and documentation together.

mod api_keys;
mod audit;
mod broadcasts;
mod dashboard;
mod emergencies;
mod enrolments;
mod feed;
mod ledger;
mod me;
mod members;
mod payments;
mod sessions;
mod staff;
mod stages;
mod suspense;

use super::resource::Resource;

/// Every resource, in the order in which the documentation shows them.
pub(super) fn all() -> Vec<Resource> {
    vec![
        sessions::resource(),
        enrolments::resource(),
        me::resource(),
        dashboard::resource(),
        feed::resource(),
        members::resource(),
        stages::resource(),
        emergencies::resource(),
        payments::resource(),
        suspense::resource(),
        ledger::resource(),
        broadcasts::resource(),
        staff::resource(),
        api_keys::resource(),
        audit::resource(),
    ]
}

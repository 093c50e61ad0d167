//! How often somebody may ask.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::{Clock, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use uuid::Uuid;

use crate::config::Api;

const HOUR: Duration = Duration::from_secs(3600);
/// More keys than this and those that are whole again are let go.
const KEYS_MAX: usize = 100_000;

type Limiter<K> = DefaultKeyedRateLimiter<K, StateInformationMiddleware>;

/// A bucket for each address that nobody has signed in for, and one for each account or key.
pub(super) struct Limits {
    addresses: (NonZeroU32, Limiter<IpAddr>),
    officers: (NonZeroU32, Limiter<Uuid>),
}

/// How somebody stands after a request was counted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Standing {
    pub admitted: bool,
    pub limit: u32,
    pub remaining: u32,
    /// When nothing of the limit is used any more.
    pub whole_again_in: Duration,
    /// For who is not admitted.
    pub again_in: Duration,
}

impl Limits {
    pub fn new(config: &Api) -> Limits {
        let per_hour = |limit: NonZeroU32| {
            let one_in = HOUR / limit.get();
            let quota = Quota::with_period(one_in).unwrap_or(Quota::per_hour(limit));
            quota.allow_burst(limit)
        };
        let (addresses, officers) = (config.anonymous_per_hour, config.signed_in_per_hour);
        Limits {
            addresses: (
                addresses,
                RateLimiter::dashmap(per_hour(addresses)).with_middleware(),
            ),
            officers: (
                officers,
                RateLimiter::dashmap(per_hour(officers)).with_middleware(),
            ),
        }
    }

    pub fn count_address(&self, address: IpAddr) -> Standing {
        // Whoever holds a network of IPv6 holds all of its addresses.
        let network = match address {
            IpAddr::V6(address) => {
                let network = u128::from(address) & !u128::from(u64::MAX);
                IpAddr::V6(network.into())
            }
            IpAddr::V4(_) => address,
        };
        count(&self.addresses, network)
    }

    pub fn count_officer(&self, id: Uuid) -> Standing {
        count(&self.officers, id)
    }
}

fn count<K: Clone + Eq + std::hash::Hash>(
    (limit, limiter): &(NonZeroU32, Limiter<K>),
    key: K,
) -> Standing {
    if limiter.len() > KEYS_MAX {
        limiter.retain_recent();
    }
    let one_in = HOUR / limit.get();
    match limiter.check_key(&key) {
        Ok(state) => {
            let remaining = state.remaining_burst_capacity();
            Standing {
                admitted: true,
                limit: limit.get(),
                remaining,
                whole_again_in: one_in * limit.get().saturating_sub(remaining),
                again_in: Duration::ZERO,
            }
        }
        Err(until) => Standing {
            admitted: false,
            limit: limit.get(),
            remaining: 0,
            whole_again_in: HOUR,
            again_in: until.wait_time_from(DefaultClock::default().now()),
        },
    }
}

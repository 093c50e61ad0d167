//! What guarantors are asked for and what of it is held. Pure.

use super::schedule::share_of;
use crate::primitives::Money;

/// What one more guarantor is asked for: an even share of the principal, and never more than what is not pledged or asked for.
/// Nothing when everything is.
pub fn ask(principal: Money, wanted: u16, spoken_for: Money) -> Money {
    let wanted = i64::from(wanted.max(1));
    // Whole shillings, so that the shares of all are enough.
    let share = Money::from_shillings((principal.cents() + wanted * 100 - 1) / (wanted * 100));
    share.min(principal - spoken_for).max(Money::ZERO)
}

/// Whether enough has been pledged for staff to look at it: as many yeses as the product wants, and the whole principal.
pub fn enough(principal: Money, wanted: u16, pledges: &[Money]) -> bool {
    let pledged: Money = pledges.iter().copied().sum();
    wanted == 0 || (pledges.len() >= usize::from(wanted) && pledged >= principal)
}

/// What is held of a pledge while so much of the principal is out: its part of what is out, in the guarantor's favour.
pub fn held(pledged: Money, principal: Money, out: Money) -> Money {
    share_of(pledged, out.max(Money::ZERO).min(principal), principal)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shillings(amount: i64) -> Money {
        Money::from_shillings(amount)
    }

    #[test]
    fn everybody_is_asked_for_an_even_share() {
        assert_eq!(ask(shillings(5_000), 1, Money::ZERO), shillings(5_000));
        assert_eq!(ask(shillings(5_000), 3, Money::ZERO), shillings(1_667));
        assert_eq!(ask(shillings(5_000), 3, shillings(3_334)), shillings(1_666));
        // After one who gave a part only, the next is asked for what lacks.
        assert_eq!(ask(shillings(5_000), 1, shillings(3_000)), shillings(2_000));
        assert_eq!(ask(shillings(5_000), 2, shillings(5_000)), Money::ZERO);
    }

    #[test]
    fn enough_is_the_whole_and_by_as_many_as_wanted() {
        let enough = |pledges: &[i64]| {
            let pledges: Vec<_> = pledges.iter().copied().map(shillings).collect();
            enough(shillings(5_000), 2, &pledges)
        };
        assert!(enough(&[2_500, 2_500]) && enough(&[3_000, 1_000, 1_000]));
        assert!(!enough(&[5_000]) && !enough(&[2_500, 2_499]) && !enough(&[]));
        assert!(super::enough(shillings(5_000), 0, &[]));
    }

    proptest! {
        #[test]
        fn a_hold_falls_with_the_loan_and_never_passes_the_pledge(
            principal in 1i64..100_000_000, pledged in 1i64..100_000_000, outs in proptest::collection::vec(0i64..100_000_000, 1..20),
        ) {
            let mut outs: Vec<i64> = outs.into_iter().map(|out| out.min(principal)).collect();
            outs.sort_unstable_by(|one, next| next.cmp(one));
            let (principal, pledged) = (Money::from_cents(principal), Money::from_cents(pledged));
            prop_assert_eq!(held(pledged, principal, principal), pledged);
            let mut before = pledged;
            for out in outs {
                let now = held(pledged, principal, Money::from_cents(out));
                prop_assert!(now <= before && now >= Money::ZERO);
                before = now;
            }
            prop_assert_eq!(held(pledged, principal, Money::ZERO), Money::ZERO);
        }

        #[test]
        fn asked_one_after_the_other_the_whole_is_asked_for(principal in 100i64..1_000_000, wanted in 1u16..6) {
            let principal = shillings(principal);
            let mut asked = Money::ZERO;
            for _ in 0..wanted {
                asked = asked + ask(principal, wanted, asked);
            }
            prop_assert_eq!(asked, principal);
        }
    }
}

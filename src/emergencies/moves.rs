//! How a case moves. The database has the same rule in a trigger, so that a mistake here stops there.

use super::model::{CaseState, Responder};

/// Something that moves a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Move {
    /// Somebody comes.
    Accept,
    /// Somebody is there.
    Arrive,
    /// Somebody who was on it no longer is; this is how it stands without them.
    Release(OnIt),
    /// Who was there says that it is done.
    Resolve,
    /// A false alarm.
    Cancel,
    /// The desk, or time, puts it away.
    Close,
}

/// Who is on a case, as far as its state goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OnIt {
    /// Coming or there.
    pub people: usize,
    pub there: usize,
}

/// The case has ended, or waits with another one: nothing moves it so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the case has ended")]
pub struct Over;

impl OnIt {
    pub fn of(responders: &[Responder]) -> OnIt {
        let staying = responders.iter().filter(|one| one.left_at.is_none());
        OnIt {
            people: staying.clone().count(),
            there: staying.filter(|one| one.arrived_at.is_some()).count(),
        }
    }
}

/// How the case stands after the move. A move that changes nothing is an ordinary thing; one against the order of things
/// is refused.
pub fn moved(state: CaseState, by: Move) -> Result<CaseState, Over> {
    use CaseState::{Acknowledged, Cancelled, Closed, Joined, Reported, Resolved, Responding};
    Ok(match (state, by) {
        (Reported, Move::Accept) => Acknowledged,
        (Acknowledged | Responding, Move::Accept) => state,
        (Reported | Acknowledged | Responding, Move::Arrive) => Responding,
        (Reported, Move::Release(_)) => Reported,
        (Acknowledged | Responding, Move::Release(on_it)) => match (on_it.people, on_it.there) {
            (0, _) => Reported,
            (_, 0) => Acknowledged,
            _ => Responding,
        },
        (Reported | Acknowledged | Responding | Joined, Move::Resolve) => Resolved,
        (Reported | Acknowledged | Responding | Joined, Move::Cancel) => Cancelled,
        (Reported | Acknowledged | Responding | Joined | Resolved, Move::Close) => Closed,
        (Joined | Resolved | Closed | Cancelled, _) => return Err(Over),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_move() -> impl Strategy<Value = Move> {
        prop_oneof![
            Just(Move::Accept),
            Just(Move::Arrive),
            (0_usize..4, 0_usize..4).prop_map(|(people, there)| {
                Move::Release(OnIt {
                    people,
                    there: there.min(people),
                })
            }),
            Just(Move::Resolve),
            Just(Move::Cancel),
            Just(Move::Close),
        ]
    }

    #[test]
    fn who_comes_who_is_there_and_who_goes() {
        use CaseState::*;
        let left = |people, there| Move::Release(OnIt { people, there });
        for (state, by, wanted) in [
            (Reported, Move::Accept, Ok(Acknowledged)),
            (Reported, Move::Arrive, Ok(Responding)),
            (Responding, Move::Accept, Ok(Responding)),
            (Responding, left(0, 0), Ok(Reported)),
            (Responding, left(2, 0), Ok(Acknowledged)),
            (Responding, left(2, 1), Ok(Responding)),
            (Acknowledged, left(1, 0), Ok(Acknowledged)),
            (Reported, Move::Resolve, Ok(Resolved)),
            (Resolved, Move::Close, Ok(Closed)),
            (Resolved, Move::Accept, Err(Over)),
            (Resolved, Move::Cancel, Err(Over)),
            (Cancelled, Move::Close, Err(Over)),
            (Joined, Move::Accept, Err(Over)),
        ] {
            assert_eq!(moved(state, by), wanted, "{state:?} {by:?}");
        }
    }

    proptest! {
        /// Whatever people send, in any order: what has ended never begins again, and who waits never drops out of sight.
        #[test]
        fn an_ended_case_stays_ended(moves in proptest::collection::vec(any_move(), 0..40)) {
            let mut state = CaseState::Reported;
            let mut ended = false;
            for by in moves {
                let Ok(next) = moved(state, by) else {
                    prop_assert!(ended, "{state:?} refused {by:?}");
                    continue;
                };
                prop_assert!(!ended || (state, next) == (CaseState::Resolved, CaseState::Closed));
                prop_assert!(next.is_open() || matches!(by, Move::Resolve | Move::Cancel | Move::Close));
                state = next;
                ended = !state.is_open();
            }
        }
    }
}

//! Operators' USSD protocols: their wire to a [`Turn`](crate::conversation::Turn), a [`Reply`](crate::conversation::Reply) to their wire.

pub mod africastalking;

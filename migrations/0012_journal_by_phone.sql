-- The journal is written for every hop and read for few: two of its three B-trees cost more than the rows themselves. A phone's
-- last hours are found by the phone, also when one session is looked for.
drop index hop_session;

//! KwaStage: a USSD- and SMS-first gateway for the welfare of boda-boda riders.
//!
//! The map of the house, top floor first. A `use` only goes down; `tests/house/` keeps it so.
//!
//! | floor | rooms | what they may do |
//! |---|---|---|
//! | roles | [`cli`], [`serve`] | join everything, decide nothing |
//! | edges | [`channels`], [`conversation`], [`api`]; [`answering`], [`contributing`], [`settlement`], [`thawing`], [`welcome`]; [`forgetting`], [`seed`]; features' `jobs.rs` | begin and commit, choose words, join features |
//! | edges | [`channels`], [`conversation`]; [`answering`], [`contributing`], [`paying_out`], [`settlement`], [`welcome`]; [`forgetting`], [`seed`]; features' `jobs.rs` | begin and commit, choose words, join features |
//! | edges | [`channels`], [`conversation`]; [`answering`], [`contributing`], [`settlement`], [`welcome`]; [`forgetting`], [`fund_news`], [`seed`]; features' `jobs.rs` | begin and commit, choose words, join features |
//! | means | [`app`], [`integrations`], [`spool`] | hold the pool, the clock, the outside clients; keep on disk what Postgres cannot take |
//! | deeds | [`members`], [`stages`], [`welfare`], [`wallet`], [`payments`], [`receipts`], [`emergencies`], [`broadcasts`], [`questions`], [`messages`], [`staff`], [`audit`]; [`ledger`] | know [`work`]; a feature may call another, never each the other |
//! | deeds | [`members`], [`stages`], [`welfare`], [`wallet`], [`payments`], [`payouts`], [`receipts`], [`emergencies`], [`broadcasts`], [`questions`], [`messages`]; [`ledger`] | know [`work`]; a feature may call another, never each the other |
//! | edges | [`channels`], [`conversation`]; [`answering`], [`contributing`], [`dues`], [`settlement`], [`welcome`]; [`forgetting`], [`seed`]; features' `jobs.rs` | begin and commit, choose words, join features |
//! | means | [`app`], [`integrations`], [`spool`] | hold the pool, the clock, the outside clients; keep on disk what Postgres cannot take |
//! | deeds | [`members`], [`stages`], [`welfare`], [`wallet`], [`payments`], [`receipts`], [`membership`], [`invoices`], [`recovery`], [`emergencies`], [`broadcasts`], [`questions`], [`messages`]; [`ledger`] | know [`work`]; a feature may call another, never each the other |
//! | deeds | [`members`], [`stages`], [`welfare`], [`wallet`], [`payments`], [`receipts`], [`schedules`], [`emergencies`], [`broadcasts`], [`questions`], [`messages`]; [`ledger`] | know [`work`]; a feature may call another, never each the other |
//! | deeds | [`members`], [`stages`], [`welfare`], [`wallet`], [`payments`], [`receipts`], [`emergencies`], [`broadcasts`], [`questions`], [`loans`], [`messages`]; [`ledger`] | know [`work`]; a feature may call another, never each the other |
//! | deeds | [`members`], [`stages`], [`welfare`], [`wallet`], [`payments`], [`receipts`], [`emergencies`], [`broadcasts`], [`questions`], [`insurance`], [`messages`]; [`ledger`] | know [`work`]; a feature may call another, never each the other |
//! | deeds | [`members`], [`stages`], [`welfare`], [`wallet`], [`payments`], [`reconciling`], [`receipts`], [`emergencies`], [`broadcasts`], [`questions`], [`messages`]; [`ledger`] | know [`work`]; a feature may call another, never each the other |
//! | transaction | [`work`], [`events`], [`jobs`] | the open transaction and its two notebooks |
//! | operation | [`config`], [`http`], [`telemetry`], [`schema`], [`redis_connection`] | what any service needs, nothing of riders |
//! | rules | [`menu`], features' `model.rs` and the other files that `tests/house/` calls pure | no I/O, no async, never ask the time |
//! | words | [`primitives`], [`documents`], [`fault`], [`clock`] | shared by all |
//!
//! Deliberately absent: a trait per store (there is one database), a repository layer, anything named utils.

pub mod answering;
pub mod api;
pub mod app;
pub mod audit;
pub mod broadcasts;
pub mod channels;
pub mod cli;
pub mod clock;
pub mod config;
pub mod contributing;
pub mod conversation;
pub mod documents;
pub mod dues;
pub mod emergencies;
pub mod events;
pub mod fault;
pub mod forgetting;
pub mod fund_news;
pub mod http;
pub mod insurance;
pub mod integrations;
pub mod invoices;
pub mod jobs;
pub mod ledger;
pub mod loans;
pub mod members;
pub mod membership;
pub mod menu;
pub mod messages;
pub mod paying_out;
pub mod payments;
pub mod payouts;
pub mod primitives;
pub mod questions;
pub mod receipts;
pub mod reconciling;
pub mod recovery;
pub mod redis_connection;
pub mod schedules;
pub mod schema;
pub mod seed;
pub mod serve;
pub mod settlement;
pub mod spool;
pub mod staff;
pub mod stages;
pub mod telemetry;
pub mod thawing;
pub mod wallet;
pub mod welcome;
pub mod welfare;
pub mod work;

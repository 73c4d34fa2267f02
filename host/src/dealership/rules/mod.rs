//! Rules of the dealership: money, days, instalments, loans, books, identity papers, tickets, technicians. Values in,
//! values out: nothing here reads, writes, waits or asks what time it is.

pub mod book;
pub mod credit;
pub mod day;
pub mod instalment;
pub mod kyc;
pub mod loan;
pub mod money;
pub mod place;
pub mod quiet;
pub mod score;
pub mod switching;
pub mod template;
pub mod ticket;

//! Payments: booked together with what they settle, and with the intention to switch a battery on again.

use super::draft::Draft;
use super::records::{AssetStatus, LoanRecord, Payment, Reason};
use super::rules::day::Day;
use super::rules::instalment::Instalment;
use super::rules::template::Template;
use super::{Dealership, DealershipError, Member};
use crate::identity::Action;
use crate::store::records::Versioned;
use rust_decimal::Decimal;
use serde_json::json;

/// How somebody pays.
pub const METHODS: [&str; 6] = ["cash", "upi", "bank_transfer", "card", "cheque", "other"];
/// Longest reference.
const REFERENCE_MAX_BYTES: usize = 100;

/// A payment that came.
#[derive(Debug, Clone)]
pub struct NewPayment {
    /// For which loan.
    pub loan: u64,
    /// How much [₹].
    pub amount: Decimal,
    /// On which day; today where nobody says.
    pub on: Option<Day>,
    /// How.
    pub method: String,
    /// What whoever took it calls it; the same payment is booked once.
    pub reference: String,
}

/// A payment that is booked, and what is still owed.
#[derive(Debug, Clone)]
pub struct Paid {
    /// The payment.
    pub payment: Payment,
    /// Still to be paid [₹].
    pub owed: Decimal,
    /// How far the loan is.
    pub status: super::rules::loan::Status,
    /// Days past due after it.
    pub days_past_due: u32,
    /// Whether the battery is switched on again because of it.
    pub is_released: bool,
}

/// An instalment that is to be paid.
#[derive(Debug, Clone)]
pub struct Due {
    /// The loan.
    pub loan: LoanRecord,
    /// The instalment.
    pub instalment: Instalment,
}

impl Dealership {
    /// Takes a payment, and switches the battery on again where it was off because of what is now paid.
    ///
    /// # Errors
    /// What is wrong with it.
    pub async fn pay(&self, member: &Member, new: NewPayment) -> Result<Paid, DealershipError> {
        let (paid, intents) = self.take_payment(member, new).await?;
        self.carry_out_now(&intents).await;
        Ok(paid)
    }

    /// Books a payment with everything that follows from it; what is to be done outside is only intended, and
    /// [`Dealership::carry_out`] does it. All of that is one change: after a crash it is there wholly or not at all.
    ///
    /// # Errors
    /// What is wrong with it.
    pub async fn take_payment(
        &self,
        member: &Member,
        new: NewPayment,
    ) -> Result<(Paid, Vec<u64>), DealershipError> {
        self.loan_for(member, Action::FinanceWrite, new.loan).await?;
        if !METHODS.contains(&new.method.as_str()) {
            return Err(DealershipError::field("method", format!("one of {}", METHODS.join(", "))));
        }
        let reference = new.reference.trim().to_owned();
        if reference.is_empty() || reference.len() > REFERENCE_MAX_BYTES {
            return Err(DealershipError::field("reference", "1 to 100 characters"));
        }
        let today = self.today();
        let on = new.on.unwrap_or(today);
        let _turn = self.turn().await;
        let Versioned { value: mut record, version } =
            self.loan_for(member, Action::FinanceWrite, new.loan).await?;
        let id = record.loan.id;
        let unique = format!("{id}\u{1}{reference}");
        if let Some(known) = self.of::<Payment>().find("reference", unique.as_bytes()).await? {
            let payment = known.value;
            if payment.amount != new.amount || new.on.is_some_and(|on| on != payment.on) {
                let details = format!("Reference {reference} is of another payment");
                return Err(DealershipError::unfit("Duplicate reference", details));
            }
            return Ok((paid(payment, &record, today, false), Vec::new()));
        }
        let first = [record.loan.approved_on, record.loan.disbursed_on].into_iter().flatten().min();
        if on > today || first.is_some_and(|first| on < first) {
            return Err(DealershipError::field("payment_date", "before the loan or in the future"));
        }
        let was_overdue = record.loan.days_past_due(today) > 0;
        let (shares, entries) = record.loan.pay(new.amount, on)?;
        let mut draft = Draft::of(self);
        let number = draft.number("payment").await?;
        let payment = Payment {
            id: number,
            loan: id,
            amount: new.amount,
            on,
            method: new.method,
            reference,
            shares,
            was_overdue,
            at: self.now(),
        };
        draft.add(&payment)?;
        self.book(&mut draft, id, entries, on, "paid").await?;
        let by = member.name();
        let is_released = self.release_if_cleared(&mut draft, &record, &by).await?;
        let receipt = Template::Paid { amount: payment.amount, on };
        self.tell(&mut draft, record.consumer, record.dealer, &receipt, &by).await?;
        draft.change(&record, version)?;
        let detail = json!({
            "payment": number, "amount": payment.amount, "on": on, "shares": payment.shares, "released": is_released,
        });
        let intents = draft.keep(&format!("loan/{id}"), "payment taken", &by, detail).await?;
        Ok((paid(payment, &record, today, is_released), intents))
    }

    /// Switches a battery on again that was off because of a loan whose arrears are cleared.
    pub(super) async fn release_if_cleared(
        &self,
        draft: &mut Draft<'_>,
        record: &LoanRecord,
        by: &str,
    ) -> Result<bool, DealershipError> {
        if record.loan.days_past_due(self.today()) > 0 {
            return Ok(false);
        }
        let Versioned { value: mut asset, version } = self.asset_of(record).await?;
        let is_held = asset.held_for == Some(record.loan.id);
        if !is_held && asset.noticed_at.is_none() {
            return Ok(false);
        }
        asset.noticed_at = None;
        if is_held {
            asset.held_for = None;
            self.want(draft, &mut asset, AssetStatus::Active, Reason::Paid, by).await?;
            let text = Template::SwitchedOn { serial: &asset.serial };
            self.tell(draft, record.consumer, record.dealer, &text, by).await?;
        }
        draft.change(&asset, version)?;
        Ok(is_held)
    }

    /// Instalments that are to be paid, the oldest first: of one loan, or up to a day.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn dues(
        &self,
        member: &Member,
        loan: Option<u64>,
        until: Option<Day>,
    ) -> Result<Vec<Due>, DealershipError> {
        member.may(Action::FinanceRead)?;
        let loans = match loan {
            Some(loan) => vec![self.loan_for(member, Action::FinanceRead, loan).await?.value],
            None => self.loans_seen(member).await?,
        };
        let mut dues: Vec<Due> = Vec::new();
        for record in loans.into_iter().filter(|record| record.loan.status.is_running()) {
            let unpaid = record.loan.instalments.iter().filter(|one| !one.unpaid().is_zero());
            let due = unpaid.filter(|one| until.is_none_or(|until| one.due <= until));
            let due: Vec<Instalment> = due.cloned().collect();
            dues.extend(due.into_iter().map(|instalment| Due { loan: record.clone(), instalment }));
        }
        dues.sort_by_key(|due| (due.instalment.due, due.loan.loan.id, due.instalment.number));
        Ok(dues)
    }
}

fn paid(payment: Payment, record: &LoanRecord, today: Day, is_released: bool) -> Paid {
    Paid {
        payment,
        owed: record.loan.owed(),
        status: record.loan.status,
        days_past_due: record.loan.days_past_due(today),
        is_released,
    }
}

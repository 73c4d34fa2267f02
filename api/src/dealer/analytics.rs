//! Figures, all computed from records and twins. Where nothing is known a figure is null.

use super::Member;
use super::envelope::refused_by;
use super::given::{Amount, days, days_or_month};
use super::nbfc::share;
use super::wire::{in_days, percent, rounded};
use crate::body::Asked;
use crate::problem::Problem;
use crate::server::App;
use axum::Json;
use axum::extract::State;
use host::dealership::analytics::number;
use host::dealership::collection::Days;
use host::dealership::rules::day::Day;
use host::dealership::rules::money;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::{IntoParams, ToSchema};

/// Which days.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct SpanAsked {
    /// The first, as 2024-01-31.
    start_date: Option<String>,
    /// The last.
    end_date: Option<String>,
}

impl SpanAsked {
    fn days(&self, today: Day) -> Result<Option<Days>, Problem> {
        days(self.start_date.as_deref(), self.end_date.as_deref(), today)
    }
}

/// Consumers.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ConsumerMetrics {
    total_consumers: usize,
    verified_consumers: usize,
    pending_consumers: usize,
}

/// Batteries.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct BatteryMetrics {
    total_batteries: usize,
    active_batteries: usize,
    maintenance_batteries: usize,
    avg_health_score: Option<f64>,
}

/// Loans.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct FinanceMetrics {
    total_applications: usize,
    approved_applications: usize,
    disbursed_applications: usize,
    #[schema(value_type = f64)]
    total_disbursed: Amount,
}

/// Tickets.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ServiceMetrics {
    total_tickets: usize,
    resolved_tickets: usize,
    #[schema(example = "2.5 days")]
    avg_resolution_time: Option<String>,
}

/// A dealer's figures at a glance.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct DashboardAnswer {
    consumer_metrics: ConsumerMetrics,
    battery_metrics: BatteryMetrics,
    finance_metrics: FinanceMetrics,
    service_metrics: ServiceMetrics,
}

/// A dealer's figures at a glance; of some days, what was added or opened in them.
#[utoipa::path(get, path = "/analytics/dealer-dashboard", tag = "Analytics", params(SpanAsked), responses((status = 200, body = DashboardAnswer)))]
pub(super) async fn dealer_dashboard(
    State(app): State<App>,
    Member(member): Member,
    Asked(asked): Asked<SpanAsked>,
) -> Result<Json<DashboardAnswer>, Problem> {
    let dealership = app.dealership()?;
    let days = asked.days(dealership.today())?;
    let seen = dealership.dashboard(&member, days).await.map_err(refused_by)?;
    let [total_consumers, verified_consumers, pending_consumers] = seen.consumers;
    let [total_batteries, active_batteries, maintenance_batteries] = seen.batteries;
    let [total_tickets, resolved_tickets] = seen.tickets;
    Ok(Json(DashboardAnswer {
        consumer_metrics: ConsumerMetrics { total_consumers, verified_consumers, pending_consumers },
        battery_metrics: BatteryMetrics {
            total_batteries,
            active_batteries,
            maintenance_batteries,
            avg_health_score: seen.health.map(|health| rounded(health, 1)),
        },
        finance_metrics: FinanceMetrics {
            total_applications: seen.loans.applications,
            approved_applications: seen.loans.approved,
            disbursed_applications: seen.loans.disbursed,
            total_disbursed: Amount(seen.loans.total_disbursed),
        },
        service_metrics: ServiceMetrics {
            total_tickets,
            resolved_tickets,
            avg_resolution_time: in_days(seen.resolution_days),
        },
    }))
}

/// What was lent, counted.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PortfolioFigures {
    total_applications: usize,
    #[schema(example = "83.3%")]
    approval_rate: String,
    #[schema(example = "77.8%")]
    disbursement_rate: String,
    #[schema(value_type = f64)]
    total_disbursed: Amount,
    /// Of loans that were paid out.
    #[schema(value_type = f64)]
    avg_loan_amount: Amount,
}

/// A month.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct MonthBody {
    #[schema(example = "2024-01")]
    month: String,
    applications: usize,
    approvals: usize,
    disbursements: usize,
    #[schema(value_type = f64)]
    amount: Amount,
}

/// How safe it is.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RiskMetrics {
    /// What of the money that fell due did not come in.
    #[schema(example = "5.2%")]
    overdue_rate: String,
    #[schema(example = "94.8%")]
    collection_efficiency: String,
    /// This platform's own figure of how reliably people paid here, 300 to 900; no bureau's.
    avg_credit_score: Option<f64>,
}

/// What was lent, and how safe it is.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RiskAnswer {
    portfolio_summary: PortfolioFigures,
    monthly_trends: Vec<MonthBody>,
    risk_metrics: RiskMetrics,
}

/// What was lent on applications of some days, the last twelve months where none are named, and how safe it is.
#[utoipa::path(get, path = "/analytics/nbfc-portfolio", tag = "Analytics", params(SpanAsked), responses((status = 200, body = RiskAnswer)))]
pub(super) async fn nbfc_portfolio(
    State(app): State<App>,
    Member(member): Member,
    Asked(asked): Asked<SpanAsked>,
) -> Result<Json<RiskAnswer>, Problem> {
    let dealership = app.dealership()?;
    let today = dealership.today();
    let days = match asked.days(today)? {
        Some(days) => days,
        None => Days { from: today.first_of_month().months_before(11), to: today },
    };
    let seen = dealership.risk(&member, days).await.map_err(refused_by)?;
    let portfolio = seen.portfolio;
    let mean = match portfolio.disbursed {
        0 => Decimal::ZERO,
        count => money::rounded(portfolio.total_disbursed / Decimal::from(count)),
    };
    // Where nothing fell due, nothing is late.
    let efficiency = seen.efficiency_pct.map_or(100.0, number);
    Ok(Json(RiskAnswer {
        portfolio_summary: PortfolioFigures {
            total_applications: portfolio.applications,
            approval_rate: percent(Some(share(portfolio.approved, portfolio.applications))),
            disbursement_rate: percent(Some(share(portfolio.disbursed, portfolio.applications))),
            total_disbursed: Amount(portfolio.total_disbursed),
            avg_loan_amount: Amount(mean),
        },
        monthly_trends: portfolio
            .months
            .into_iter()
            .map(|month| MonthBody {
                month: month.first.month(),
                applications: month.applications,
                approvals: month.approvals,
                disbursements: month.disbursements,
                amount: Amount(month.amount),
            })
            .collect(),
        risk_metrics: RiskMetrics {
            overdue_rate: percent(Some(100.0 - efficiency)),
            collection_efficiency: percent(Some(efficiency)),
            avg_credit_score: seen.score.map(f64::round),
        },
    }))
}

/// Which days, and whose.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct CollectionAsked {
    /// The first; that of the month where nobody says.
    start_date: Option<String>,
    /// The last.
    end_date: Option<String>,
    /// Of this dealer.
    dealer_id: Option<u64>,
}

/// What fell due, and what came in.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct CollectionSummary {
    total_emi_due: usize,
    collected_emi: usize,
    overdue_emi: usize,
    /// Instalments that were paid, of those that fell due.
    #[schema(example = "95.0%")]
    collection_rate: String,
    #[schema(value_type = f64)]
    total_amount_due: Amount,
    #[schema(value_type = f64)]
    amount_collected: Amount,
}

/// Payments of a day.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct DayBody {
    #[schema(format = Date)]
    date: String,
    collections: usize,
    #[schema(value_type = f64)]
    amount: Amount,
    /// Of loans that were late.
    overdue_collections: usize,
}

/// Late instalments by how late they are.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct OverdueAnalysis {
    #[serde(rename = "1-7_days")]
    week: usize,
    #[serde(rename = "8-15_days")]
    fortnight: usize,
    /// 16 days and more.
    #[serde(rename = "15+_days")]
    more: usize,
    total_overdue: usize,
}

/// What fell due, and what came in.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct CollectionAnswer {
    collection_summary: CollectionSummary,
    daily_collections: Vec<DayBody>,
    overdue_analysis: OverdueAnalysis,
}

/// What fell due on some days, and what came in.
#[utoipa::path(get, path = "/analytics/collection-report", tag = "Analytics", params(CollectionAsked), responses((status = 200, body = CollectionAnswer)))]
pub(super) async fn collection_analytics(
    State(app): State<App>,
    Member(member): Member,
    Asked(asked): Asked<CollectionAsked>,
) -> Result<Json<CollectionAnswer>, Problem> {
    let dealership = app.dealership()?;
    let days = days_or_month(asked.start_date.as_deref(), asked.end_date.as_deref(), dealership.today())?;
    let seen = dealership.collections(&member, days, asked.dealer_id).await.map_err(refused_by)?;
    let [week, fortnight, more] = seen.by_days;
    let daily = seen.days.into_iter().map(|day| DayBody {
        date: day.on.to_string(),
        collections: day.count,
        amount: Amount(day.total),
        overdue_collections: day.overdue,
    });
    Ok(Json(CollectionAnswer {
        collection_summary: CollectionSummary {
            total_emi_due: seen.due,
            collected_emi: seen.collected,
            overdue_emi: seen.overdue,
            collection_rate: percent(Some(share(seen.collected, seen.due))),
            total_amount_due: Amount(seen.amount_due),
            amount_collected: Amount(seen.amount_collected),
        },
        daily_collections: daily.collect(),
        overdue_analysis: OverdueAnalysis { week, fortnight, more, total_overdue: seen.overdue },
    }))
}

/// Batteries of a band.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct BandBody {
    count: usize,
    #[schema(example = "40.0%")]
    percentage: String,
    avg_health: Option<f64>,
}

/// A month.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct HealthMonthBody {
    #[schema(example = "2024-01")]
    month: String,
    avg_health: Option<f64>,
    /// Tickets that were opened.
    maintenance_count: usize,
}

/// What is to be done.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Predictive {
    /// Below 70, or with an open ticket.
    batteries_needing_service: usize,
    #[schema(value_type = f64)]
    estimated_service_cost: Amount,
    /// Below 55.
    risk_batteries: usize,
}

/// How healthy batteries are.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct HealthAnswer {
    /// `excellent` from 90, `good` from 75, `fair` from 55, `poor` below.
    fleet_health: BTreeMap<&'static str, BandBody>,
    health_trends: Vec<HealthMonthBody>,
    predictive_maintenance: Predictive,
}

/// How healthy batteries are, and were in the months before.
#[utoipa::path(get, path = "/analytics/battery-health", tag = "Analytics", params(SpanAsked), responses((status = 200, body = HealthAnswer)))]
pub(super) async fn battery_health(
    State(app): State<App>,
    Member(member): Member,
    Asked(asked): Asked<SpanAsked>,
) -> Result<Json<HealthAnswer>, Problem> {
    let dealership = app.dealership()?;
    let days = asked.days(dealership.today())?;
    let seen = dealership.health_figures(&member, days).await.map_err(refused_by)?;
    let bands = seen.bands.into_iter().map(|band| {
        let body = BandBody {
            count: band.health.map_or(0, |health| health.count),
            percentage: percent(Some(band.share_pct)),
            avg_health: band.health.map(|health| rounded(health.mean, 1)),
        };
        (band.name, body)
    });
    let months = seen.months.into_iter().map(|month| HealthMonthBody {
        avg_health: month.health.map(|health| rounded(health, 1)),
        month: month.month,
        maintenance_count: month.maintenance,
    });
    Ok(Json(HealthAnswer {
        fleet_health: bands.collect(),
        health_trends: months.collect(),
        predictive_maintenance: Predictive {
            batteries_needing_service: seen.to_be_served,
            estimated_service_cost: Amount(seen.cost),
            risk_batteries: seen.at_risk,
        },
    }))
}

/// Tickets by state.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TicketMetrics {
    total_tickets: usize,
    open_tickets: usize,
    assigned_tickets: usize,
    in_progress_tickets: usize,
    resolved_tickets: usize,
}

/// How long tickets take.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ResolutionTimes {
    #[schema(example = "2.3 days")]
    avg_resolution_time: Option<String>,
    fastest_resolution: Option<String>,
    slowest_resolution: Option<String>,
    /// Resolved within 4, 24, 72 or 120 hours, by how urgent they were.
    #[schema(example = "92.0%")]
    sla_compliance: Option<String>,
}

/// What a technician did.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct WorkBody {
    technician_id: u64,
    name: String,
    tickets_resolved: usize,
    avg_resolution_time: Option<String>,
    customer_satisfaction: Option<f64>,
}

/// How service goes.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ServiceAnswer {
    ticket_metrics: TicketMetrics,
    resolution_times: ResolutionTimes,
    technician_performance: Vec<WorkBody>,
    issue_categories: BTreeMap<&'static str, usize>,
}

/// How service goes; of some days, tickets that were opened in them.
#[utoipa::path(get, path = "/analytics/service-metrics", tag = "Analytics", params(SpanAsked), responses((status = 200, body = ServiceAnswer)))]
pub(super) async fn service_metrics(
    State(app): State<App>,
    Member(member): Member,
    Asked(asked): Asked<SpanAsked>,
) -> Result<Json<ServiceAnswer>, Problem> {
    let dealership = app.dealership()?;
    let days = asked.days(dealership.today())?;
    let seen = dealership.service_figures(&member, days).await.map_err(refused_by)?;
    let of = |state: &str| seen.by_state.get(state).copied().unwrap_or(0);
    let time = |place: usize| in_days(seen.days.map(|days| days[place]));
    let work = seen.work.iter().map(|work| WorkBody {
        technician_id: work.technician,
        name: work.name.clone(),
        tickets_resolved: work.resolved,
        avg_resolution_time: in_days(work.days),
        customer_satisfaction: work.rating.map(|rating| rounded(rating, 1)),
    });
    Ok(Json(ServiceAnswer {
        ticket_metrics: TicketMetrics {
            total_tickets: seen.tickets,
            open_tickets: of("open"),
            assigned_tickets: of("assigned"),
            in_progress_tickets: of("in_progress"),
            resolved_tickets: of("resolved"),
        },
        resolution_times: ResolutionTimes {
            avg_resolution_time: time(0),
            fastest_resolution: time(1),
            slowest_resolution: time(2),
            sla_compliance: seen.in_time_pct.map(|pct| percent(Some(pct))),
        },
        technician_performance: work.collect(),
        issue_categories: seen.by_category,
    }))
}

//! What can be done, and which scopes and roles open it: the one table.

use super::{Role, Scope};
use Role::{Admin, Consumer, Dealer, Engineer, Financier, Technician, Viewer};
use std::fmt;

macro_rules! actions {
    ($($(#[$doc:meta])* $action:ident = $name:literal, [$($scope:ident),+], [$($role:ident),+];)*) => {
        /// Something that a caller can want.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Action { $($(#[$doc])* $action,)* }

        impl Action {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$action),*];

            /// Its name, for people.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$action => $name,)* }
            }

            /// The scopes that open it; one is enough.
            pub fn scopes(self) -> &'static [Scope] {
                match self { $(Self::$action => &[$(Scope::$scope),+],)* }
            }

            /// The roles that open it; one is enough.
            pub fn roles(self) -> &'static [Role] {
                match self { $(Self::$action => &[$($role),+],)* }
            }
        }
    };
}

actions! {
    /// Look at twins, their history and events.
    TwinRead = "read twins",
        [TwinsRead, TwinsWrite], [Admin, Engineer, Viewer, Dealer, Consumer, Technician, Financier];
    /// Create, change and retire twins.
    TwinWrite = "write twins", [TwinsWrite], [Admin, Engineer];
    /// Give a twin's hardware a command.
    TwinCommand = "command twins", [TwinsCommand], [Admin, Engineer];
    /// Say what hardware measured.
    TwinReport = "report telemetry", [TwinsTelemetry, WriteDevices, MqttAll], [Admin, Engineer];
    /// Look at runs and their results.
    RunRead = "read runs", [RunsRead, RunsWrite], [Admin, Engineer, Viewer];
    /// Start and cancel runs.
    RunWrite = "write runs", [RunsWrite], [Admin, Engineer];
    /// Set the clock of a simulated fleet, inject faults.
    SimulationControl = "control the simulation", [SimulationControl], [Admin, Engineer];
    /// Users, programs, keys, devices, outbox, audit.
    IdentityManage = "manage identities", [IdentityAdmin], [Admin];
    /// Make keys of one's own.
    OwnKeys = "make own keys",
        [IdentityAdmin, WriteDevices, WriteBatches, BatteryAdmin, FleetWrite], [Admin, Engineer];
    /// Look at passports.
    PassportRead = "read passports",
        [BatteryRead, BatteryWrite, BatteryAuthority, BatteryAdmin], [Admin, Engineer, Viewer];
    /// Change passports.
    PassportWrite = "write passports", [BatteryWrite, BatteryAdmin], [Admin, Engineer];
    /// Register batteries.
    PassportRegister = "register batteries",
        [BatteryWrite, BatteryRegister, BatteryAdmin], [Admin, Engineer];
    /// Declare the end of life, recycle.
    PassportRecycle = "recycle batteries", [BatteryWrite, BatteryRecycle, BatteryAdmin], [Admin, Engineer];
    /// See what only authorities see.
    PassportAuthority = "read passports as an authority", [BatteryAuthority, BatteryAdmin], [Admin];
    /// Look at batches.
    BatchRead = "read batches", [ReadBatches, WriteBatches], [Admin, Engineer, Viewer];
    /// Register batches.
    BatchCollect = "register batches", [WriteBatches], [Admin, Engineer];
    /// Change batches.
    BatchWrite = "write batches", [WriteBatches], [Admin, Engineer];
    /// Look at devices.
    DeviceRead = "read devices", [ReadDevices, WriteDevices], [Admin, Engineer, Viewer];
    /// Register and change devices.
    DeviceWrite = "write devices", [WriteDevices], [Admin, Engineer];
    /// Look at facilities.
    FacilityRead = "read facilities", [ReadFacilities, WriteFacilities], [Admin, Engineer, Viewer];
    /// Change facilities.
    FacilityWrite = "write facilities", [WriteFacilities], [Admin, Engineer];
    /// Look at reports.
    ReportRead = "read reports", [ReadReports, WriteReports], [Admin, Engineer, Viewer];
    /// Make reports.
    ReportWrite = "write reports", [WriteReports], [Admin, Engineer];
    /// Look at subscriptions.
    NotificationRead = "read notifications",
        [ReadNotifications, WriteNotifications], [Admin, Engineer, Viewer];
    /// Subscribe.
    NotificationWrite = "write notifications", [WriteNotifications], [Admin, Engineer];
    /// Look at analytics.
    AnalyticsRead = "read analytics", [ReadAnalytics], [Admin, Engineer, Viewer];
    /// Look at the swap fleet.
    FleetRead = "read the fleet", [FleetRead, FleetWrite], [Admin, Engineer, Viewer];
    /// Change the swap fleet.
    FleetWrite = "write the fleet", [FleetWrite], [Admin, Engineer];
    /// Look at monitored strings.
    MonitorRead = "read monitored batteries", [RulRead, RulWrite], [Admin, Engineer, Viewer];
    /// Change monitored strings, acknowledge alerts.
    MonitorWrite = "write monitored batteries", [RulWrite], [Admin, Engineer];
    /// Look at a dealership's consumers.
    ConsumerRead = "read consumers", [DealerRead, DealerWrite], [Admin, Dealer, Consumer, Financier];
    /// Change a dealership's consumers.
    ConsumerWrite = "write consumers", [DealerWrite], [Admin, Dealer];
    /// See the numbers of identity papers in full.
    PaperReveal = "reveal identity papers", [KycReveal], [Admin];
    /// Look at batteries on instalments.
    AssetRead = "read batteries on instalments",
        [DealerRead, DealerWrite], [Admin, Dealer, Consumer, Technician, Financier];
    /// Register, assign and switch batteries on instalments.
    AssetWrite = "write batteries on instalments", [DealerWrite], [Admin, Dealer];
    /// Look at loans and payments.
    FinanceRead = "read finance", [DealerRead, DealerWrite], [Admin, Dealer, Consumer, Financier];
    /// Apply for loans, take payments.
    FinanceWrite = "write finance", [DealerWrite], [Admin, Dealer, Financier];
    /// Approve and disburse.
    FinanceDecide = "decide on finance", [DealerWrite], [Admin, Financier];
    /// Look at tickets.
    TicketRead = "read tickets", [DealerRead, DealerWrite], [Admin, Dealer, Consumer, Technician];
    /// Open tickets.
    TicketOpen = "open tickets", [DealerWrite], [Admin, Dealer, Consumer];
    /// Assign and work on tickets.
    TicketWork = "work on tickets", [DealerWrite], [Admin, Dealer, Technician];
    /// Look at a dealership's figures.
    DealershipRead = "read dealership figures", [DealerRead, DealerWrite], [Admin, Dealer, Financier];
    /// Send messages to people.
    MessageSend = "send messages", [DealerWrite], [Admin, Dealer];
    /// Hear everything over MQTT.
    MqttListen = "hear everything over MQTT", [MqttListen, MqttAll], [Admin, Engineer, Viewer];
    /// Speak for every device over MQTT.
    MqttAll = "speak for every device over MQTT", [MqttAll], [Admin];
}

impl Action {
    /// Whether hardware may do it, for itself.
    pub fn is_of_devices(self) -> bool {
        matches!(self, Self::TwinReport | Self::BatchCollect | Self::DeviceRead)
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

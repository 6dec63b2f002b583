//! The screens and their panes.

use crate::fleet::TableKind;

/// A screen, on its number key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Screen {
    /// Clusters, pools, machines, prices and activity side by side.
    Fleet,
    /// All machines.
    Machines,
    /// All pools.
    Pools,
    /// Spot and on-demand prices with their history.
    Prices,
    /// Edge hosts.
    Edge,
    /// What has been and is being done.
    Operations,
    /// What wants looking at.
    Findings,
}

impl Screen {
    /// All screens, in the order of their number keys.
    pub const ALL: [Self; 7] = [
        Self::Fleet,
        Self::Machines,
        Self::Pools,
        Self::Prices,
        Self::Edge,
        Self::Operations,
        Self::Findings,
    ];

    /// Its number key.
    pub fn number(self) -> u8 {
        match self {
            Self::Fleet => 1,
            Self::Machines => 2,
            Self::Pools => 3,
            Self::Prices => 4,
            Self::Edge => 5,
            Self::Operations => 6,
            Self::Findings => 7,
        }
    }

    /// Its title.
    pub fn title(self) -> &'static str {
        match self {
            Self::Fleet => "Fleet",
            Self::Machines => "Machines",
            Self::Pools => "Pools",
            Self::Prices => "Prices",
            Self::Edge => "Edge",
            Self::Operations => "Operations",
            Self::Findings => "Findings",
        }
    }

    /// Its panes, in the order in which Tab visits them.
    pub fn panes(self) -> &'static [Pane] {
        match self {
            Self::Fleet => &[
                Pane::FleetClusters,
                Pane::FleetPools,
                Pane::FleetMachines,
                Pane::FleetSpot,
                Pane::FleetActivity,
            ],
            Self::Machines => &[Pane::Machines],
            Self::Pools => &[Pane::Pools],
            Self::Prices => &[Pane::Prices, Pane::PriceChart],
            Self::Edge => &[Pane::Edge],
            Self::Operations => &[Pane::Operations, Pane::Steps, Pane::Log],
            Self::Findings => &[Pane::Findings],
        }
    }
}

/// A pane: what can hold the focus.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Pane {
    /// Clusters on the Fleet screen; opening one narrows the others to it.
    FleetClusters,
    /// Pools on the Fleet screen.
    FleetPools,
    /// Machines on the Fleet screen.
    FleetMachines,
    /// The spot prices of the type under the cursor, on the Fleet screen.
    FleetSpot,
    /// What happened lately, on the Fleet screen.
    FleetActivity,
    /// The Machines screen.
    Machines,
    /// The Pools screen.
    Pools,
    /// The table of the Prices screen.
    Prices,
    /// The chart of the Prices screen.
    PriceChart,
    /// The Edge screen.
    Edge,
    /// The operations, on the Operations screen.
    Operations,
    /// The steps of the operation under the cursor.
    Steps,
    /// What happened lately, on the Operations screen.
    Log,
    /// The Findings screen.
    Findings,
}

impl Pane {
    /// All panes.
    pub const ALL: [Self; 14] = [
        Self::FleetClusters,
        Self::FleetPools,
        Self::FleetMachines,
        Self::FleetSpot,
        Self::FleetActivity,
        Self::Machines,
        Self::Pools,
        Self::Prices,
        Self::PriceChart,
        Self::Edge,
        Self::Operations,
        Self::Steps,
        Self::Log,
        Self::Findings,
    ];

    /// The table it shows; charts and the activity log show none.
    pub fn table(self) -> Option<TableKind> {
        match self {
            Self::FleetClusters => Some(TableKind::Clusters),
            Self::FleetPools | Self::Pools => Some(TableKind::Pools),
            Self::FleetMachines | Self::Machines => Some(TableKind::Machines),
            Self::Prices => Some(TableKind::Prices),
            Self::Edge => Some(TableKind::Edge),
            Self::Findings => Some(TableKind::Findings),
            Self::FleetSpot | Self::FleetActivity | Self::PriceChart | Self::Operations | Self::Steps | Self::Log => {
                None
            }
        }
    }

    /// The screen it belongs to.
    pub fn screen(self) -> Screen {
        match self {
            Self::FleetClusters | Self::FleetPools | Self::FleetMachines | Self::FleetSpot | Self::FleetActivity => {
                Screen::Fleet
            }
            Self::Machines => Screen::Machines,
            Self::Pools => Screen::Pools,
            Self::Prices | Self::PriceChart => Screen::Prices,
            Self::Edge => Screen::Edge,
            Self::Operations | Self::Steps | Self::Log => Screen::Operations,
            Self::Findings => Screen::Findings,
        }
    }
}

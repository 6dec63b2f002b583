//! Which columns of a table are shown, and how wide. The first column always stays. What does not fit is narrowed,
//! then left out, the least important first; scrolled to the side, columns stand in their plain order instead.

use crate::fleet::TableKind;

/// What a column would like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Want {
    /// The width it has when there is room.
    pub(super) usual: u16,
    /// The widest of its heading and the cells in the window.
    pub(super) content: u16,
    /// The least that makes sense.
    pub(super) least: u16,
    /// What a gauge in it would add.
    pub(super) gauge: u16,
    /// Its importance: 0 is the highest.
    pub(super) rank: usize,
}

/// The widths found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Fit {
    /// Per column its width; `None` for those out of sight.
    pub(super) widths: Vec<Option<u16>>,
    /// Cells between two columns.
    pub(super) gap: u16,
    /// How many columns are out of sight.
    pub(super) hidden: usize,
}

/// Fits columns into `room` cells, with `scrolled` columns beyond the first scrolled out.
pub(super) fn fit(wants: &[Want], room: u16, scrolled: usize) -> Fit {
    let mut fit = if scrolled == 0 {
        by_importance(wants, room)
    } else {
        in_order(wants, room, scrolled)
    };
    fit.hidden = fit.widths.iter().filter(|w| w.is_none()).count();
    fit
}

fn by_importance(wants: &[Want], room: u16) -> Fit {
    let mut by_rank: Vec<usize> = (1..wants.len()).collect();
    by_rank.sort_by_key(|i| wants.get(*i).map(|w| w.rank));
    let mut kept: Vec<usize> = (0..wants.len().min(1)).chain(by_rank).collect();
    let sum = |kept: &[usize]| {
        let widths = kept.iter().filter_map(|i| wants.get(*i)).map(|w| w.least);
        widths
            .fold(0u16, |all, w| all.saturating_add(w).saturating_add(1))
            .saturating_sub(1)
    };
    while kept.len() > 1 && sum(&kept) > room {
        kept.pop();
    }
    let mut share = Share {
        spare: room.saturating_sub(sum(&kept)),
        widths: vec![None; wants.len()],
        kept,
        wants,
    };
    share.start();
    share.grow(|w| w.content.min(w.usual));
    share.add_gauges();
    let gaps = u16::try_from(share.kept.len().saturating_sub(1)).unwrap_or(u16::MAX);
    let gap = match share.spare.checked_sub(gaps) {
        Some(rest) => {
            share.spare = rest;
            2
        }
        None => 1,
    };
    share.grow(|w| w.content);
    share.grow(|w| w.usual);
    if let Some(Some(first)) = share.widths.first_mut() {
        *first = (*first).min(room);
    }
    Fit {
        widths: share.widths,
        gap,
        hidden: 0,
    }
}

/// Room being shared out among the columns that are kept, in the order of their importance.
struct Share<'w> {
    wants: &'w [Want],
    kept: Vec<usize>,
    widths: Vec<Option<u16>>,
    spare: u16,
}

impl Share<'_> {
    fn start(&mut self) {
        for i in &self.kept {
            if let (Some(slot), Some(want)) = (self.widths.get_mut(*i), self.wants.get(*i)) {
                *slot = Some(want.least);
            }
        }
    }

    /// Widens columns up to what `goal` says, as far as room is left.
    fn grow(&mut self, goal: impl Fn(&Want) -> u16) {
        for i in &self.kept {
            if let (Some(Some(width)), Some(want)) = (self.widths.get_mut(*i), self.wants.get(*i)) {
                let more = goal(want).saturating_sub(*width).min(self.spare);
                *width += more;
                self.spare -= more;
            }
        }
    }

    /// Gives gauges to columns whose numbers are whole.
    fn add_gauges(&mut self) {
        for i in &self.kept {
            if let (Some(Some(width)), Some(want)) = (self.widths.get_mut(*i), self.wants.get(*i))
                && want.gauge <= self.spare
                && *width >= want.content
            {
                *width = width.saturating_add(want.gauge);
                self.spare -= want.gauge;
            }
        }
    }
}

fn in_order(wants: &[Want], room: u16, scrolled: usize) -> Fit {
    let gap = 2;
    let mut widths = vec![None; wants.len()];
    let mut left = room;
    for (i, want) in wants.iter().enumerate() {
        if i > 0 && i <= scrolled.min(wants.len().saturating_sub(2)) {
            continue;
        }
        let wanted = want.content.max(want.usual);
        let width = wanted.min(left);
        if i > 0 && width < wanted.min(4) {
            break;
        }
        if let Some(slot) = widths.get_mut(i) {
            *slot = Some(width);
        }
        match left.checked_sub(width.saturating_add(gap)) {
            Some(rest) => left = rest,
            None => break,
        }
    }
    Fit { widths, gap, hidden: 0 }
}

/// The columns of a table by importance, the most important first.
pub(super) fn order(kind: TableKind) -> &'static [&'static str] {
    match kind {
        TableKind::Clusters => &[
            "name", "ready", "price", "ttl", "shape", "saving", "version", "region", "spot", "machines",
        ],
        TableKind::Pools => &[
            "name", "ready", "price", "desired", "cluster", "spot", "saving", "kind", "types", "role", "zones", "max",
            "min",
        ],
        TableKind::Machines => &[
            "name", "state", "price", "type", "cluster", "cpu", "mem", "pool", "age", "zone", "buy", "pods", "role",
        ],
        TableKind::Prices => &[
            "type",
            "zone",
            "spot",
            "on-demand",
            "saving",
            "cheaper",
            "change",
            "machines",
            "since",
        ],
        TableKind::Edge => &[
            "host", "state", "cluster", "seen", "temp", "load", "mem", "disk", "latency", "group", "model", "version",
            "arch", "node",
        ],
        TableKind::Findings => &["severity", "finding", "subject", "cluster", "since", "mend"],
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn want(content: u16, rank: usize) -> Want {
        Want {
            usual: 10,
            content,
            least: content.min(6),
            gauge: 0,
            rank,
        }
    }

    #[test]
    fn the_least_important_goes_first_and_the_first_column_never() {
        let wants = [want(10, 9), want(8, 2), want(8, 1)];
        assert_eq!(fit(&wants, 40, 0).widths, [Some(10), Some(10), Some(10)]);
        assert_eq!(fit(&wants, 14, 0).widths, [Some(7), None, Some(6)]);
        assert_eq!(fit(&wants, 14, 0).hidden, 1);
        assert_eq!(fit(&wants, 3, 0).widths, [Some(3), None, None]);
    }

    #[test]
    fn scrolled_columns_stand_in_their_order() {
        let wants = [want(10, 9), want(8, 2), want(8, 1)];
        assert_eq!(fit(&wants, 30, 1).widths, [Some(10), None, Some(10)]);
        assert_eq!(fit(&wants, 30, 9).widths, [Some(10), None, Some(10)]);
    }

    proptest! {
        #[test]
        fn columns_never_exceed_their_room(
            raw in prop::collection::vec((0u16..40, 0u16..40, 0u16..40, 0u16..8, 0usize..9), 0..14),
            room in 0u16..240,
            scrolled in 0usize..16,
        ) {
            let wants: Vec<_> = raw
                .into_iter()
                .map(|(usual, content, least, gauge, rank)| Want { usual, content, least: least.min(content), gauge, rank })
                .collect();
            let fit = fit(&wants, room, scrolled);
            let shown: Vec<u16> = fit.widths.iter().flatten().copied().collect();
            let gaps = fit.gap * u16::try_from(shown.len().saturating_sub(1)).unwrap();
            prop_assert!(shown.iter().sum::<u16>() + gaps <= room || shown.len() <= 1 && shown.iter().sum::<u16>() <= room);
        }
    }
}

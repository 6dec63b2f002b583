//! A bill as a table to read: the same on the screen and on the command line.

use super::{Bill, BillRow, Sum};
use crate::fleet::table::money;
use crate::ops::plan::CostChange;

/// A line of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// What it is about.
    pub what: String,
    /// USD per hour on-demand and as it is bought, and USD per month of the latter, each as wide as its column; blank where
    /// it is not known.
    pub sums: [String; 3],
    /// What kind of line it is.
    pub kind: Kind,
}

/// Kinds of lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The names of the columns.
    Head,
    /// A part.
    Row,
    /// What a part, or all of it, costs without load.
    AtRest,
    /// The sum.
    Total,
}

/// The bill, line by line.
pub fn table(bill: &Bill) -> Vec<Line> {
    let heads = ["on-demand $/h", "as bought $/h", "$ a month"].map(str::to_owned);
    let mut lines = vec![Line {
        what: String::new(),
        sums: heads,
        kind: Kind::Head,
    }];
    for row in &bill.rows {
        lines.push(line(row.what.clone(), row.on_demand, row.as_bought, Kind::Row));
        lines.extend(at_rest(row.at_rest));
    }
    lines.push(total(bill));
    lines.extend(at_rest(bill.at_rest));
    let widths: [usize; 3] = std::array::from_fn(|column| {
        let width = |line: &Line| line.sums.get(column).map_or(0, String::len);
        lines.iter().map(width).max().unwrap_or(0)
    });
    for line in &mut lines {
        for (sum, width) in line.sums.iter_mut().zip(widths) {
            *sum = format!("{sum:>width$}");
        }
    }
    lines
}

fn line(what: String, on_demand: Option<f64>, as_bought: Option<f64>, kind: Kind) -> Line {
    let hour = |usd: Option<f64>| usd.map_or_else(String::new, money);
    let month = as_bought.map_or_else(String::new, |usd| format!("{:.2}", usd * CostChange::HOURS_PER_MONTH));
    Line {
        what,
        sums: [hour(on_demand), hour(as_bought), month],
        kind,
    }
}

fn at_rest(usd: Option<f64>) -> Option<Line> {
    let what = "  of that without load".to_owned();
    usd.map(|usd| line(what, None, Some(usd), Kind::AtRest))
}

fn total(bill: &Bill) -> Line {
    let known = |sum: Sum, price: fn(&BillRow) -> Option<f64>| {
        let any = bill.rows.iter().any(|row| price(row).is_some());
        any.then_some(sum.known)
    };
    let on_demand = known(bill.on_demand, |row| row.on_demand);
    let as_bought = known(bill.as_bought, |row| row.as_bought);
    let is_whole = bill.on_demand.is_whole && bill.as_bought.is_whole;
    let what = match (is_whole, on_demand.or(as_bought)) {
        (_, None) => "total: not known",
        (true, _) => "total",
        (false, _) => "total: at least, without what is blank",
    };
    line(what.to_owned(), on_demand, as_bought, Kind::Total)
}

/// What is billed by its use, each with the price of a unit where it is known.
pub fn by_use(bill: &Bill) -> Vec<String> {
    let told = bill.by_use.iter().map(|one| match one.usd {
        Some(usd) => format!("{} (${} per {})", one.what, money(usd), one.unit),
        None => one.what.clone(),
    });
    told.collect()
}

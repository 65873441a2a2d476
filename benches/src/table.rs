//! A table of words and figures for the terminal.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Rows of cells; the first column is aligned left, the others right. It prints as Markdown, so that a run can be
/// pasted into a page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Table {
    /// The head first; all rows have as many cells as it has.
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with its head.
    pub fn new<S: Into<String>>(head: impl IntoIterator<Item = S>) -> Self {
        Self { rows: vec![head.into_iter().map(Into::into).collect()] }
    }

    /// Adds a row.
    ///
    /// # Panics
    /// If it has more cells than the head; missing ones are empty.
    pub fn row<S: Into<String>>(&mut self, cells: impl IntoIterator<Item = S>) {
        let mut cells: Vec<String> = cells.into_iter().map(Into::into).collect();
        let columns = self.rows[0].len();
        assert!(cells.len() <= columns, "the table has {columns} columns, the row {}", cells.len());
        cells.resize(columns, String::new());
        self.rows.push(cells);
    }

    /// The head, then the rows.
    pub fn rows(&self) -> &[Vec<String>] {
        &self.rows
    }
}

/// How wide a cell is on the screen.
fn width(cell: &str) -> usize {
    cell.chars().count()
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let widths: Vec<usize> = (0..self.rows[0].len())
            .map(|column| self.rows.iter().map(|row| width(&row[column])).max().unwrap_or(0).max(3))
            .collect();
        for (index, row) in self.rows.iter().enumerate() {
            for (column, (cell, &wide)) in row.iter().zip(&widths).enumerate() {
                if column == 0 {
                    write!(f, "| {cell:<wide$} ")?;
                } else {
                    write!(f, "| {cell:>wide$} ")?;
                }
            }
            writeln!(f, "|")?;
            if index == 0 {
                for (column, &wide) in widths.iter().enumerate() {
                    write!(f, "|{}{}", "-".repeat(wide + 1), if column == 0 { "-" } else { ":" })?;
                }
                writeln!(f, "|")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let mut table = Table::new(["case", "GFLOP/s"]);
        table.row(["64³", "110.5"]);
        table.row(["a longer one"]);
        let expected = "\
| case         | GFLOP/s |
|--------------|--------:|
| 64³          |   110.5 |
| a longer one |         |
";
        assert_eq!(table.to_string(), expected);
    }

    #[test]
    #[should_panic(expected = "the table has 1 columns, the row 2")]
    fn a_row_that_is_too_long_panics() {
        Table::new(["one"]).row(["1", "2"]);
    }
}

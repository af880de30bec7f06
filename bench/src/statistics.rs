//! The median of several rounds, with its range and its confidence interval.

#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub(crate) struct Summary {
    pub(crate) median: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub(crate) struct MedianInterval {
    pub(crate) median: f64,
    /// The bounds of the 95 % interval of the median.
    pub(crate) low: f64,
    pub(crate) high: f64,
}

pub(crate) fn summary(figures: &[f64]) -> Option<Summary> {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    Some(Summary {
        median: median(&sorted)?,
        min: *sorted.first()?,
        max: *sorted.last()?,
    })
}

pub(crate) fn median_interval(mut figures: Vec<f64>) -> Option<MedianInterval> {
    figures.sort_by(f64::total_cmp);
    let (low, high) = interval(figures.len());
    Some(MedianInterval {
        median: median(&figures)?,
        low: *figures.get(low)?,
        high: *figures.get(high)?,
    })
}

fn median(sorted: &[f64]) -> Option<f64> {
    let middle = sorted.len() / 2;
    let upper = *sorted.get(middle)?;
    Some(if sorted.len() % 2 == 1 {
        upper
    } else {
        f64::midpoint(*sorted.get(middle - 1)?, upper)
    })
}

/// The indices of the two sorted figures that enclose the median with at least 95 % certainty.
///
/// It is the interval of the sign test, which assumes no distribution: each figure is below the median with a
/// probability of one half. Fewer than six figures have no such pair, so the first and the last are taken.
fn interval(count: usize) -> (usize, usize) {
    let Some(last) = count.checked_sub(1) else {
        return (0, 0);
    };
    let mut below = 0;
    // The probability of at most `below` figures on one side. Both sides together must stay under 5 %.
    let (mut term, mut probability) = (0.5_f64.powi(i32::try_from(count).unwrap_or(i32::MAX)), 0.0);
    loop {
        probability += term;
        if probability > 0.025 || below >= last / 2 {
            break;
        }
        #[allow(clippy::cast_precision_loss)] // Rounds are few.
        {
            term *= (count - below) as f64 / (below + 1) as f64;
        }
        below += 1;
    }
    let low = below.saturating_sub(1);
    (low, last - low)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[allow(clippy::float_cmp)] // Halves are exact.
    fn the_median_of_an_even_number_of_figures_is_the_mean_of_the_middle_two() {
        assert_eq!(summary(&[4.0, 1.0, 3.0, 2.0]).unwrap().median, 2.5);
        assert_eq!(summary(&[]), None);
    }

    #[test]
    fn the_interval_equals_the_tables_of_the_sign_test() {
        // In the tables, the interval starts at the second of ten figures, the sixth of twenty, the first of six.
        assert_eq!(interval(10), (1, 8));
        assert_eq!(interval(20), (5, 14));
        assert_eq!(interval(6), (0, 5));
        assert_eq!(interval(3), (0, 2));
        assert_eq!(interval(1), (0, 0));
    }

    #[test]
    #[allow(clippy::float_cmp)]
    fn the_interval_contains_the_median() {
        let found = median_interval((1..=10).map(f64::from).collect()).unwrap();
        assert_eq!((found.low, found.median, found.high), (2.0, 5.5, 9.0));
        assert_eq!(median_interval(Vec::new()), None);
    }
}

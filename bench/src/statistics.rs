//! The median of several rounds, its spread and its interval.

#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub(crate) struct Summary {
    pub(crate) median: f64,
    pub(crate) least: f64,
    pub(crate) most: f64,
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
        least: *sorted.first()?,
        most: *sorted.last()?,
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

/// The indices of the two sorted figures that enclose the median with at least 95 % certainty. This is the sign test,
/// which assumes no distribution: each figure is below or above the median with even odds. Fewer than six figures have no
/// such pair, and the outermost two are taken.
fn interval(count: usize) -> (usize, usize) {
    let Some(last) = count.checked_sub(1) else {
        return (0, 0);
    };
    let mut below = 0;
    // The odds of at most `below` figures on one side. Both sides together must stay under 5 %.
    let (mut term, mut odds) = (0.5_f64.powi(i32::try_from(count).unwrap_or(i32::MAX)), 0.0);
    loop {
        odds += term;
        if odds > 0.025 || below >= last / 2 {
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
    fn the_median_of_an_even_number_lies_between_two() {
        assert_eq!(summary(&[4.0, 1.0, 3.0, 2.0]).unwrap().median, 2.5);
        assert_eq!(summary(&[]), None);
    }

    #[test]
    fn the_interval_is_that_of_the_sign_test() {
        // From tables of the sign test: the second of ten, the sixth of twenty, the first of six.
        assert_eq!(interval(10), (1, 8));
        assert_eq!(interval(20), (5, 14));
        assert_eq!(interval(6), (0, 5));
        assert_eq!(interval(3), (0, 2));
        assert_eq!(interval(1), (0, 0));
    }

    #[test]
    #[allow(clippy::float_cmp)]
    fn the_median_stands_within_its_interval() {
        let found = median_interval((1..=10).map(f64::from).collect()).unwrap();
        assert_eq!((found.low, found.median, found.high), (2.0, 5.5, 9.0));
        assert_eq!(median_interval(Vec::new()), None);
    }
}

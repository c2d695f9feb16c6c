//! Windows of seven days and the close that follows each, split into past and future.

use anyhow::{Result, ensure};
use tch::{Device, Tensor};

use super::{CLOSE, COLUMNS, MIN_ROWS, MinMaxScaler, Prices, SEQ_LENGTH};

/// Windows and their answers, scaled, float32.
#[derive(Debug)]
pub struct Windows {
    /// (windows, days, columns), here (_, 7, 5).
    pub x: Tensor,
    /// The next day's close: (windows, 1).
    pub y: Tensor,
}

/// How many windows of a series of `days` are for training: 70 %.
///
/// # Errors
/// If there are fewer than two windows.
pub fn train_windows(days: usize) -> Result<usize> {
    ensure!(
        days >= MIN_ROWS,
        "too few days: {days}; {MIN_ROWS} are needed, for two windows of {SEQ_LENGTH} days, each with a day to follow"
    );
    Ok(((days - SEQ_LENGTH) as f64 * 0.7) as usize)
}

/// The first 70 % of the windows to train on, the rest to test with.
#[derive(Debug)]
pub struct Dataset {
    /// The past.
    pub train: Windows,
    /// The days that training does not see.
    pub test: Windows,
}

impl Dataset {
    /// Scales the series and cuts it, as the notebook does.
    ///
    /// # Errors
    /// If the days are too few, or libtorch refuses the tensors.
    pub fn new(prices: &Prices, scaler: &MinMaxScaler, device: Device) -> Result<Dataset> {
        let scaled: Vec<_> = prices.rows().iter().map(|row| scaler.transform_f32(row)).collect();
        let mut data_x = Vec::new();
        let mut data_y = Vec::new();
        for days in scaled.windows(SEQ_LENGTH + 1) {
            data_x.extend_from_slice(days[..SEQ_LENGTH].as_flattened());
            data_y.push(days[SEQ_LENGTH][CLOSE]);
        }
        let train_size = train_windows(prices.rows().len())?;
        let (train_x, test_x) = data_x.split_at(train_size * SEQ_LENGTH * COLUMNS.len());
        let (train_y, test_y) = data_y.split_at(train_size);
        Ok(Dataset { train: Windows::new(train_x, train_y, device)?, test: Windows::new(test_x, test_y, device)? })
    }
}

/// The scaled days of one window as a batch: (1, days, columns).
///
/// # Errors
/// If libtorch refuses the tensors.
pub fn one_window(days: &[[f32; COLUMNS.len()]], device: Device) -> Result<Tensor> {
    let x = Tensor::from_slice(days.as_flattened()).f_view([1, -1, COLUMNS.len() as i64])?;
    Ok(x.f_to_device(device)?)
}

impl Windows {
    fn new(x: &[f32], y: &[f32], device: Device) -> Result<Windows> {
        let x = Tensor::from_slice(x).f_view([-1, SEQ_LENGTH as i64, COLUMNS.len() as i64])?;
        let y = Tensor::from_slice(y).f_view([-1, 1])?;
        Ok(Windows { x: x.f_to_device(device)?, y: y.f_to_device(device)? })
    }

    /// How many there are.
    pub fn count(&self) -> i64 {
        self.y.size()[0]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Order;

    /// Day `n` has n, 2n, 3n, 4n and n^2.
    fn days(count: usize) -> Prices {
        let line = |n: usize| format!("{n},{},{},{},{}\n", 2 * n, 3 * n, 4 * n, n * n);
        Prices::parse(&(1..=count).map(line).collect::<String>(), Order::OldestFirst).unwrap()
    }

    fn cut(days: &Prices) -> Dataset {
        Dataset::new(days, &MinMaxScaler::fit(days.rows()).unwrap(), Device::Cpu).unwrap()
    }

    fn f32s(tensor: &Tensor) -> Vec<f32> {
        Vec::try_from(tensor.reshape([-1])).unwrap()
    }

    // .venv/bin/python -c "import numpy as np; n = np.arange(1, 13.); x = np.stack([n, 2*n, 3*n, 4*n, n*n], 1)
    //   x = (x - x.min(0)) / (x.max(0) - x.min(0) + 1e-7); w = np.array([x[i:i+7] for i in range(5)], 'float32')
    //   size = int(5 * 0.7); print(size, w[size, 0].tolist(), w[size, 6].tolist(), x[7:, 4].astype('float32').tolist())"
    #[test]
    fn windows_are_numpys() {
        let Dataset { train, test } = cut(&days(12));
        assert_eq!((train.x.size(), train.y.size()), (vec![3, 7, 5], vec![3, 1]));
        assert_eq!((test.x.size(), test.y.size()), (vec![2, 7, 5], vec![2, 1]));
        let first = test.x.get(0);
        assert_eq!(f32s(&first.get(0)), [0.272_727_28, 0.272_727_28, 0.272_727_28, 0.272_727_28, 0.104_895_11]);
        assert_eq!(f32s(&first.get(6)), [0.818_181_8, 0.818_181_8, 0.818_181_8, 0.818_181_8, 0.692_307_7]);
        assert_eq!(f32s(&train.y), [0.440_559_45, 0.559_440_55, 0.692_307_7]);
        assert_eq!(f32s(&test.y), [0.839_160_86, 1.0]);
    }

    #[test]
    fn the_split_is_seventy_to_thirty_rounded_down() {
        // .venv/bin/python -c "print([int(n * 0.7) for n in range(2, 12)])"
        let train_sizes = [1, 2, 2, 3, 4, 4, 5, 6, 7, 7];
        for (train_size, count) in train_sizes.into_iter().zip(2..) {
            let data = cut(&days(SEQ_LENGTH + count));
            assert_eq!((data.train.count(), data.test.count()), (train_size, count as i64 - train_size), "{count}");
        }
        let message = train_windows(8).unwrap_err().to_string();
        assert_eq!(message, "too few days: 8; 9 are needed, for two windows of 7 days, each with a day to follow");
    }
}

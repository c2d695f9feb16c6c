//! Sequences of different lengths.

use ndarray::{Array3, ArrayView3, Axis, Ix3};
use rnn_kernels::{Batch, Sequence};

use super::rank::sealed::Sealed;
use super::stack::Stack;
use super::state::State;
use crate::arrays::{array, product, with_capacity, zeros};
use crate::error::{Error, Result};

impl Stack {
    /// Packs the sequences in the order of decreasing length, runs them, and pads the output with zeros.
    pub(super) fn forward_lengths<S: State<Ix3>>(
        &self,
        x: ArrayView3<'_, f32>,
        lengths: &[usize],
        state: Option<&S>,
    ) -> Result<(Array3<f32>, S)> {
        let x = Ix3::sequences(x, self.batch_first());
        let views = state.map_or([None, None], State::views);
        self.check(&x, &views)?;
        let (steps, sequences, features) = x.dim();
        check_lengths(lengths, steps, sequences)?;

        let row_count = lengths.iter().fold(0, |sum: usize, length| sum.saturating_add(*length));
        let mut packed = with_capacity(product(&[row_count, features]))?; // fails before long lists are made

        let mut order: Vec<usize> = (0..sequences).collect();
        order.sort_by_key(|sequence| std::cmp::Reverse(lengths[*sequence])); // a stable sort
        let longest = order.first().map_or(0, |first| lengths[*first]);
        let mut batch_sizes = Vec::with_capacity(longest);
        let mut size = sequences;
        for step in 0..longest {
            while size > 0 && lengths[order[size - 1]] <= step {
                size -= 1;
            }
            batch_sizes.push(size);
        }
        // The step and the sequence of each row.
        let rows =
            || batch_sizes.iter().enumerate().flat_map(|(step, size)| order[..*size].iter().map(move |n| (step, *n)));
        rows().for_each(|(step, sequence)| packed.extend(x.index_axis(Axis(0), step).row(sequence)));
        let mut sorted = [None, None];
        for (sorted, view) in sorted.iter_mut().zip(&views) {
            *sorted = view.as_ref().map(|view| reordered(view, &order)).transpose()?;
        }
        let sorted_views = [0, 1].map(|i| sorted[i].as_ref().map(|state| state.view()));

        let outputs = self.config().output_size();
        let (output, h, c) = self.run_kernels(
            Batch::Packed(&batch_sizes),
            Sequence::contiguous(&packed, sequences, features),
            product(&[row_count, outputs]),
            &sorted_views,
        )?;
        let shape = [longest, sequences, outputs];
        let mut padded = zeros(product(&shape))?;
        for ((step, sequence), row) in rows().zip(output.chunks_exact(outputs)) {
            padded[(step * sequences + sequence) * outputs..][..outputs].copy_from_slice(row);
        }
        let mut restore = vec![0; sequences];
        order.iter().enumerate().for_each(|(place, sequence)| restore[*sequence] = place);
        let (h, c) = (reordered(&h.view(), &restore)?, reordered(&c.view(), &restore)?);
        Ok((Ix3::from_sequences(array(shape, padded)?, self.batch_first()), S::from_arrays(h, c)))
    }
}

fn check_lengths(lengths: &[usize], steps: usize, sequences: usize) -> Result<()> {
    if lengths.len() != sequences {
        return Err(Error::LengthsCount { expected: sequences, got: lengths.len() });
    }
    if sequences == 0 {
        return Err(Error::NoSequences);
    }
    for (sequence, &length) in lengths.iter().enumerate() {
        if length == 0 {
            return Err(Error::ZeroLength { sequence });
        }
        if length > steps {
            return Err(Error::LengthTooLong { sequence, length, steps });
        }
    }
    Ok(())
}

/// A copy of (rows, batch, features) with the samples in this order. An array without features (the c of a GRU) stays as
/// it is.
fn reordered(state: &ArrayView3<'_, f32>, order: &[usize]) -> Result<Array3<f32>> {
    let (rows, _, features) = state.dim();
    let batch = if features == 0 { 0 } else { order.len() };
    let mut copy = with_capacity(product(&[rows, batch, features]))?;
    for row in state.outer_iter() {
        order.iter().take(batch).for_each(|sequence| copy.extend(row.row(*sequence)));
    }
    array([rows, batch, features], copy)
}

//! The command `gates`: the gates of a recurrent layer over time, as a picture or as JSON.

use anyhow::Result;
use recurrent::Trace;
use serde::{Serialize, Serializer};
use tch::Tensor;

use crate::exit::UsageError;
use crate::plot::{self, GateLines, GateMap, GateMaps, LinePanel, Plot, Scale};
use crate::{DrawArgs, RunArgs, Session};

/// The name of the picture.
const PICTURE: &str = "gates";

/// The gates of all layers for one example: the object of `--json`.
#[derive(Debug, Clone, Serialize)]
pub struct Gates<I> {
    /// The example, and the network's prediction.
    #[serde(flatten)]
    pub input: I,
    /// From the first layer to the last.
    pub layers: Vec<LayerGates>,
}

/// The gates of one layer by name (torch's names: LSTM i, f, g, o, c, h; GRU r, z, n, h; RNN h), as `[step][unit]`.
#[derive(Debug, Clone)]
pub struct LayerGates(Vec<(&'static str, Vec<Vec<f32>>)>);

impl Serialize for LayerGates {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, values)| (name, values)))
    }
}

impl LayerGates {
    /// The gates of `layers` unidirectional layers for the only example of a traced batch; `batch_dim` is the dimension of the
    /// batch.
    pub fn from_trace<S>(trace: &Trace<S>, layers: i64, batch_dim: i64) -> Result<Vec<LayerGates>> {
        let values = |(name, gate): (&'static str, &Tensor)| Ok((name, Vec::try_from(gate.f_select(batch_dim, 0)?)?));
        let layer = |layer: i64| Ok(LayerGates(trace.gates(layer as usize, 0)?.map(values).collect::<Result<_>>()?));
        (0..layers).map(layer).collect()
    }

    /// A map for each gate whose name is one of the letters `names`, below its equation. `input` is the layer's input in the
    /// equation.
    pub fn maps(&self, names: &str, input: &str) -> Vec<GateMap> {
        let map = |(equation, scale, values)| GateMap::new(equation, scale, values);
        self.chosen(names, input).map(map).collect()
    }

    /// A panel of lines for each gate whose name is one of the letters `names`; see [`LayerGates::maps`].
    pub fn lines(&self, names: &str, input: &str) -> Vec<LinePanel> {
        self.chosen(names, input).map(|(equation, _, values)| LinePanel::new(equation, values)).collect()
    }

    /// The gates whose names are the letters `names`, in this order: equation, range, and values.
    fn chosen(&self, names: &str, input: &str) -> impl Iterator<Item = (String, Scale, Vec<Vec<f32>>)> {
        let gate = |wanted: char| self.0.iter().find(|(name, _)| name.chars().eq([wanted]));
        names.chars().filter_map(gate).map(move |(name, values)| {
            let (equation, scale) = self.equation(name, input);
            (equation, scale, values.clone())
        })
    }

    /// The equation of a gate in torch's notation, and the range of its values.
    fn equation(&self, name: &str, input: &str) -> (String, Scale) {
        let has = |wanted: &str| self.0.iter().any(|(name, _)| *name == wanted);
        let affine = |function: &str| {
            format!("{name}_t = {function}(W_i{name} {input} + b_i{name} + W_h{name} h_{{t−1}} + b_h{name})")
        };
        match name {
            "c" => ("c_t = f_t * c_{t−1} + i_t * g_t".to_owned(), Scale::Unbounded),
            "g" => (affine("tanh"), Scale::Tanh),
            "n" => (format!("n_t = tanh(W_in {input} + b_in + r_t * (W_hn h_{{t−1}} + b_hn))"), Scale::Tanh),
            "h" if has("c") => ("h_t = o_t * tanh(c_t)".to_owned(), Scale::Tanh),
            "h" if has("z") => ("h_t = (1 − z_t) * n_t + z_t * h_{t−1}".to_owned(), Scale::Tanh),
            "h" => (format!("h_t = tanh(W_ih {input} + b_ih + W_hh h_{{t−1}} + b_hh)"), Scale::Tanh),
            _ => (affine("σ"), Scale::Sigmoid),
        }
    }
}

/// The input of a layer in an equation: `x_t`, or the hidden state of the previous layer.
fn layer_input(layer: usize) -> String {
    if layer == 0 { "x_t".to_owned() } else { format!("h_t of layer {}", layer - 1) }
}

impl<I> Gates<I> {
    /// Adds a column of maps to `picture` for each layer and each of `columns`: a heading and the letters of its gates. With
    /// several layers the heading begins with the layer.
    pub fn columns(&self, picture: GateMaps, columns: &[(&str, &str)]) -> GateMaps {
        self.layer_columns(columns).fold(picture, |picture, column| {
            picture.column(column.heading, column.gates.maps(column.names, &layer_input(column.layer)))
        })
    }

    /// Adds a column of lines to `picture` for each layer and each of `columns`, as [`Gates::columns`] does. `inputs` are
    /// above the gates, one in each of the first columns.
    pub fn line_columns(&self, picture: GateLines, inputs: &[LinePanel], columns: &[(&str, &str)]) -> GateLines {
        let mut inputs = inputs.iter().cloned();
        self.layer_columns(columns).fold(picture, |picture, column| {
            let mut panels: Vec<_> = inputs.next().into_iter().collect();
            panels.extend(column.gates.lines(column.names, &layer_input(column.layer)));
            picture.column(column.heading, panels)
        })
    }

    /// The columns of every layer.
    fn layer_columns<'a>(&'a self, columns: &'a [(&str, &'a str)]) -> impl Iterator<Item = LayerColumn<'a>> {
        let several = self.layers.len() > 1;
        self.layers.iter().enumerate().flat_map(move |(layer, gates)| {
            columns.iter().map(move |&(heading, names)| {
                let heading = match (several, heading.is_empty()) {
                    (false, _) => heading.to_owned(),
                    (true, true) => format!("layer {layer}"),
                    (true, false) => format!("layer {layer}: {heading}"),
                };
                LayerColumn { heading, layer, gates, names }
            })
        })
    }
}

/// A column of a picture of gates: some of the gates of a layer.
struct LayerColumn<'a> {
    heading: String,
    layer: usize,
    gates: &'a LayerGates,
    names: &'a str,
}

impl<I: Serialize> Gates<I> {
    /// Saves the picture, unless `--no-plots`, and prints its path; with `--json` prints the numbers.
    pub fn show(&self, picture: &impl Plot, draw: &DrawArgs, args: &RunArgs, session: &Session) -> Result<()> {
        Gates::show_all(std::slice::from_ref(self), picture, draw, args, session)
    }

    /// [`Gates::show`] for several examples in one picture. With `--json` prints one object, or an array if there are several.
    pub fn show_all(
        examples: &[Gates<I>],
        picture: &impl Plot,
        draw: &DrawArgs,
        args: &RunArgs,
        session: &Session,
    ) -> Result<()> {
        if !args.no_plots {
            let stem = draw.folder(session.lesson())?.join(PICTURE);
            plot::save(picture, &stem)?;
            session.print(format_args!("{0}.png and {0}.svg", stem.display()))?;
        }
        match examples {
            [only] => session.print_json(only),
            _ => session.print_json(&examples),
        }
    }
}

impl DrawArgs {
    /// Checks that there is something to show.
    ///
    /// # Errors
    /// [`UsageError`] for `--no-plots` without `--json`.
    pub fn check(args: &RunArgs) -> Result<()> {
        if args.no_plots && !args.json {
            return Err(UsageError("--no-plots: there is nothing to do; add --json to print the numbers".into()).into());
        }
        Ok(())
    }
}

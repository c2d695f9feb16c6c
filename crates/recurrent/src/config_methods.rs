//! The macro `config!`: the builder of a layer, with torch's option names and defaults.

macro_rules! config {
    ($(#[$doc:meta])* $Config:ident builds $Layer:ident, $mode:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq)]
        pub struct $Config {
            options: $crate::options::Options,
        }

        impl $Config {
            /// `input_size` features of x at each step, `hidden_size` features of h; torch's defaults for the rest.
            pub fn new(input_size: i64, hidden_size: i64) -> Self {
                $Config { options: $crate::options::Options::new($mode, input_size, hidden_size) }
            }

            /// Number of stacked layers, default 1. Each layer reads the output of the layer below.
            pub fn num_layers(mut self, num_layers: i64) -> Self {
                self.options.num_layers = num_layers;
                self
            }

            /// Whether the layer has `b_ih` and `b_hh`, default true.
            pub fn bias(mut self, bias: bool) -> Self {
                self.options.bias = bias;
                self
            }

            /// Whether input and output are (batch, time, feature), default false: (time, batch, feature).
            /// States are not affected.
            pub fn batch_first(mut self, batch_first: bool) -> Self {
                self.options.batch_first = batch_first;
                self
            }

            /// Dropout probability of every layer's output except the last layer's, in training, default 0.
            pub fn dropout(mut self, dropout: f64) -> Self {
                self.options.dropout = dropout;
                self
            }

            /// Whether a second direction reads the sequence backwards, default false.
            pub fn bidirectional(mut self, bidirectional: bool) -> Self {
                self.options.bidirectional = bidirectional;
                self
            }

            /// The warnings that torch prints when it builds this layer. This library prints nothing.
            ///
            /// ```
            /// let config = recurrent::GruConfig::new(3, 4).dropout(0.5);
            /// assert!(config.warnings()[0].starts_with("dropout option adds dropout after all but last"));
            /// ```
            pub fn warnings(&self) -> Vec<String> {
                self.options.warnings()
            }

            /// Builds the layer and registers its parameters on `path`, under torch's names.
            ///
            /// Initial values are drawn from U(-1/sqrt(hidden_size), 1/sqrt(hidden_size)) in torch's order. After the
            /// same `manual_seed` they have the same bits as in Python. They are drawn on the CPU and then moved to
            /// `path`'s device, like Python's `Layer(..).to(device)`. Their dtype is `path`'s.
            ///
            /// # Errors
            /// torch's checks in torch's order: [`Dropout`](crate::Error::Dropout),
            /// [`NotPositive`](crate::Error::NotPositive), [`NegativeProjSize`](crate::Error::NegativeProjSize),
            /// [`ProjSizeTooLarge`](crate::Error::ProjSizeTooLarge), [`NotFloat`](crate::Error::NotFloat). This library
            /// adds [`TooManyLayers`](crate::Error::TooManyLayers),
            /// [`DuplicateParameter`](crate::Error::DuplicateParameter) if `path` already has one of the names, and
            /// [`Torch`](crate::Error::Torch) if the parameters do not fit in memory. After an error, the random number
            /// generator and `path` are unchanged.
            pub fn build<'a>(
                &self,
                path: impl std::borrow::Borrow<tch::nn::Path<'a>>,
            ) -> $crate::error::Result<$Layer> {
                let base = $crate::layer_base::LayerBase::build(self.options.clone(), path.borrow())?;
                Ok($Layer { base })
            }
        }

        impl $Layer {
            /// Builds a layer with torch's defaults: one layer, one direction, biases, time first, no dropout.
            pub fn new<'a>(
                path: impl std::borrow::Borrow<tch::nn::Path<'a>>,
                input_size: i64,
                hidden_size: i64,
            ) -> $crate::error::Result<Self> {
                $Config::new(input_size, hidden_size).build(path)
            }
        }
    };
}

pub(crate) use config;

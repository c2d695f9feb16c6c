//! Tuning constants: thresholds and block sizes, measured on x86-64. They change the speed. They do not change the
//! results, except the last bits of sums over steps and samples.
//!
//! Miri runs small problems only. There the second value is used, so that these problems take every path: several
//! threads, teams, shards, chunks and blocks.

macro_rules! constants {
    ($($(#[$doc:meta])* $name:ident = $value:expr, miri $miri:expr;)*) => {
        $($(#[$doc])* pub(crate) const $name: usize = if cfg!(miri) { $miri } else { $value };)*
    };
}

constants! {
    /// The feature-major layout is faster where the features of h fill fewer vectors than this.
    SAMPLE_MAJOR_VECTORS = 2, miri 2;

    /// Smallest number of shards in the feature-major layout, if each has a whole vector. It does not depend on the
    /// number of threads, because the shards decide the bits of the sums over the batch.
    MIN_FEATURE_MAJOR_SHARDS = 2, miri 2;

    /// Largest shard in the sample-major layout, in samples: the data of its steps stays in the cache.
    MAX_SHARD = 64, miri 2;

    /// The same if the weights of a layer do not stay in the cache: with more samples the weights are loaded less
    /// often.
    MAX_SHARD_LARGE_WEIGHTS = 128, miri 2;

    /// Numbers of a layer's weights that stay in the second-level cache: 1 MiB.
    CACHED_WEIGHTS = 1 << 18, miri 90;

    /// Numbers of a layer's weight gradients that a thread keeps in its cache, in addition to a chunk: 1 MiB.
    CACHED_GRADIENTS = 1 << 18, miri 90;

    /// Steps times samples of d gates that are added to the gradients of the parameters at a time.
    CHUNK_ROWS = 96, miri 2;

    /// The least work for a thread, in multiply-adds. It takes a few times as long as starting the thread.
    MIN_THREAD_WORK = 250_000, miri 50;

    /// The cost of a sigmoid or tanh, in multiply-adds.
    NONLINEARITY_COST = 10, miri 10;

    /// Numbers in W_hh from which on threads without a sequence of their own share the columns of each step.
    MIN_TEAM_WEIGHTS = 100_000, miri 50;

    /// Where W_hh fills a core's cache and a thread has fewer samples than this, threads share the columns of each step:
    /// then the cache of each core holds that thread's part of W_hh.
    MIN_SAMPLES_PER_THREAD = 16, miri 0;

    /// Numbers in W_hh from which on a second thread is faster for work on the weights of each layer and direction.
    MIN_SHARED_WEIGHTS = 4096, miri 9;

    /// Steps times samples whose gates are projected at a time.
    PROJECTED_ROWS = 256, miri 4;

    /// Rows that are multiplied by all panels of a weight before the next rows are: the second-level cache holds them.
    ROW_BLOCK = 128, miri 4;

    /// Depth of a block of a matrix product. The first-level cache holds the block of B while the rows of A are read.
    GEMM_DEPTH_BLOCK = 128, miri 4;

    /// Depth (steps times samples) of a block of the weight gradients in the sample-major layout: its rows stay in the
    /// first-level cache.
    GRADIENT_DEPTH_BLOCK = 128, miri 2;

    /// Numbers in a group of segments of the weight gradients in the feature-major layout: 64 KiB. The rows of a tile
    /// stay in the first-level cache.
    GRADIENT_GROUP = 1 << 14, miri 1 << 7;

    /// Rows of a weight (over all gates, or classes) that one task computes: enough to use what is loaded into the cache
    /// several times, few enough to divide a weight among threads. A multiple of every vector length.
    TASK_ROWS = 192, miri 8;

    /// Rows of scores (logits) that are computed together. With up to 5000 classes they stay in a second-level cache of
    /// 1 MiB until their gradients replace them.
    SCORE_ROWS = 48, miri 2;

    /// The most rows of one gate that are computed together: a multiple of every vector length.
    BLOCK_ROWS = 64, miri 4;
}

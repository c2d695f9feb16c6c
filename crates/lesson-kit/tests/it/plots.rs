//! Pictures are written as PNG and SVG, with the same bytes on every run, and contain their labels.

use std::fs;
use std::path::Path;

use lesson_kit::plot::{
    self, GateLines, GateMap, GateMaps, HeatMap, ImageGrid, Line, LineChart, LinePanel, Plot, Scale, Stack, Tile,
};

/// The width and height in the header of a PNG file.
fn png_size(png: &[u8]) -> (u32, u32) {
    assert_eq!(&png[..8], b"\x89PNG\r\n\x1a\n");
    let number = |at: usize| u32::from_be_bytes(png[at..at + 4].try_into().unwrap());
    (number(16), number(20))
}

fn save(plot: &impl Plot, folder: &Path, name: &str) -> (Vec<u8>, String) {
    let stem = folder.join(name);
    plot::save(plot, &stem).unwrap();
    let png = fs::read(stem.with_added_extension("png")).unwrap();
    (png, fs::read_to_string(stem.with_added_extension("svg")).unwrap())
}

/// Saves the picture twice and checks its size and its labels. A height of 0 means any height.
fn check(plot: &impl Plot, size: (u32, u32), labels: &[&str]) {
    let dir = tempfile::tempdir().unwrap();
    let (png, svg) = save(plot, dir.path(), "v1.0 first");
    assert_eq!((png.clone(), svg.clone()), save(plot, dir.path(), "second"), "the same bytes on a rerun");
    let drawn = png_size(&png);
    let size = (size.0, if size.1 == 0 { drawn.1 } else { size.1 });
    assert_eq!(drawn, size);
    assert!(svg.contains(&format!("width=\"{}\" height=\"{}\" viewBox=", size.0, size.1)), "{}", &svg[..200]);
    for label in labels {
        assert!(svg.contains(label), "{label:?} is not in the SVG");
    }
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 4, "temporary files are removed");
}

#[test]
fn a_line_chart_has_linear_or_logarithmic_ticks() {
    let points = (1..=500).map(|epoch| (f64::from(epoch), 2.2 * (-f64::from(epoch) / 70.0).exp())).collect();
    let chart = LineChart::new("text-rnn: training loss", "epoch", "loss").line(Line::new("loss", points));
    check(&chart, (800, 500), &["text-rnn: training loss", "epoch", "loss", "500", "1.5"]);
    check(&chart.log_y(), (800, 500), &["0.01", "0.1"]);
}

#[test]
fn a_chart_of_two_lines_has_a_legend() {
    let line = |label: &str, shift: f64| Line::new(label, vec![(0.0, 700.0 + shift), (1.0, 1200.0), (2.0, 900.0)]);
    let chart =
        LineChart::new("closes", "day", "US dollars").line(line("true", 0.0)).line(line("predicted < now", 9.0));
    check(&chart, (800, 500), &["true", "predicted &lt; now", "1,000", "US dollars"]);
}

#[test]
fn a_line_chart_has_named_ticks_and_steps_without_dots() {
    let ticks = vec![(0.0, "2012-05".to_owned()), (2.0, "2012-07".to_owned()), (9.0, "outside".to_owned())];
    let steps = Line::steps("epoch mean", [(0.0..1.0, 0.4), (1.0..2.0, 0.1)]);
    let chart = LineChart::new("loss", "date", "loss").line(steps).x_ticks(ticks);
    check(&chart, (800, 500), &["2012-05", "2012-07"]);
    let dir = tempfile::tempdir().unwrap();
    let svg = save(&chart, dir.path(), "steps").1;
    assert!(!svg.contains("outside") && !svg.contains("<circle"), "{svg}");
}

#[test]
fn a_line_chart_accepts_any_numbers() {
    for points in [
        vec![],
        vec![(1.0, 0.5)],
        vec![(1.0, f64::NAN), (2.0, f64::INFINITY)],
        vec![(1.0, 0.0), (2.0, 0.0)],
        vec![(1.0, -3.0), (2.0, f64::NAN), (3.0, 1e300)],
        vec![(1.0, 1e-300), (1e9, 2e-300)],
        vec![(1.0, 5.0), (2.0, 5.000_000_000_000_001)],
        vec![(f64::MIN, f64::MIN), (f64::MAX, f64::MAX)],
    ] {
        let chart = LineChart::new("odd", "x", "y").line(Line::new("a", points));
        check(&chart.clone(), (800, 500), &["odd"]);
        check(&chart.log_y(), (800, 500), &["odd"]);
    }
}

#[test]
fn a_heat_map_has_names_and_counts() {
    let counts = vec![vec![980, 0], vec![3, 1132]];
    let map = HeatMap::new("test digits", vec!["zero".into(), "one".into()], counts);
    check(&map, (224, 240), &["test digits", "predicted", "true", "zero", "one", "980", "1132"]);
    check(&HeatMap::new("nothing", vec![], vec![]), (120, 136), &["nothing"]);
}

#[test]
fn an_image_grid_has_captions_and_room_for_its_title() {
    let tile =
        |caption: &str| Tile { pixels: (0..784).map(|index| (index % 256) as u8).collect(), caption: caption.into() };
    let grid = ImageGrid::new("wrong digits", 28, 2, vec![tile("7 → 1"), tile("4 → 9"), tile("2 → 8")]);
    check(&grid, (278, 366), &["wrong digits", "7 → 1", "4 → 9", "2 → 8"]);
    check(&ImageGrid::new("none wrong", 28, 8, vec![]), (148, 58), &["none wrong"]);
    check(
        &ImageGrid::new("a title wider than its only image", 28, 8, vec![tile("7 → 1")]),
        (404, 212),
        &["only image"],
    );
}

#[test]
fn adjacent_pixels_of_an_image_touch() {
    let tile = Tile { pixels: vec![255, 128], caption: String::new() };
    let dir = tempfile::tempdir().unwrap();
    let (_, svg) = save(&ImageGrid::new("t", 2, 1, vec![tile]), dir.path(), "two");
    // An image pixel has 4 pixels of the picture, which are 12 units of the view box.
    let starts: Vec<i64> = svg
        .split("<rect ")
        .filter(|rect| rect.contains("width=\"12\" height=\"12\""))
        .map(|rect| rect.split('"').nth(1).unwrap().parse().unwrap())
        .collect();
    assert_eq!(starts.len(), 2, "{svg}");
    assert_eq!(starts[1] - starts[0], 12);
}

#[test]
fn the_error_for_a_missing_folder_has_the_path() {
    let chart = LineChart::new("t", "x", "y");
    let message = format!("{:#}", plot::save(&chart, Path::new("no/such/folder/loss")).unwrap_err());
    assert!(message.starts_with("cannot write no/such/folder/loss.svg: "), "{message}");
}

fn gate(formula: &str, scale: Scale, steps: usize, units: usize) -> GateMap {
    let value = |step: usize, unit: usize| ((step * 7 + unit * 3) % 11) as f32 / 10.0;
    GateMap::new(formula, scale, (0..steps).map(|step| (0..units).map(|unit| value(step, unit)).collect()).collect())
}

#[test]
fn a_gate_map_has_its_equation_and_the_values_of_large_cells() {
    let names = vec!["i".to_owned(), "like".to_owned()];
    let maps = GateMaps::new("text-rnn: i like", "word", names)
        .column("", vec![gate("h_t = tanh(W_ih x_t + h_{t\u{2212}1})", Scale::Tanh, 2, 5)]);
    // A subscript is a text element of its own.
    check(
        &maps,
        (800, 286),
        &["text-rnn: i like", "tanh(W", "ih", "t\u{2212}1", "like", "word", "hidden unit", "0.70"],
    );
}

#[test]
fn gate_maps_have_columns_an_image_and_color_bars() {
    let maps = || vec![gate("z_t", Scale::Sigmoid, 28, 128), gate("c_t", Scale::Unbounded, 28, 128)];
    let plot = GateMaps::new("a digit", "row", (0..28).map(|row| row.to_string()).collect())
        .column("layer 0", maps())
        .column("layer 1", maps())
        .image(28, Tile { pixels: vec![9; 784], caption: "test digit 3\npredicted 4".into() });
    check(
        &plot,
        (800, 542),
        &["layer 0", "layer 1", "0 closed", "1 open", "test digit 3", "predicted 4", "24", "\u{2212}1"],
    );
}

#[test]
fn gate_lines_have_equations_names_and_a_legend_of_the_units() {
    let days = |count: usize| (0..count).map(|day| format!("03-0{day}")).collect();
    let values = |units: usize| (0..7).map(|day| (0..units).map(|unit| (day * unit) as f32 / 50.0).collect()).collect();
    let prices = LinePanel::new("x_t", values(2)).named(vec!["Open".into(), "Close".into()]);
    let lines = GateLines::new("a week", "trading day", days(7))
        .column("the gates", vec![prices, LinePanel::new("i_t = σ(x_t)", values(3)), LinePanel::new("f_t", values(3))])
        .column("layer 1", vec![LinePanel::new("i_t", values(12)), LinePanel::new("f_t", values(12))]);
    let labels = ["a week", "the gates", "layer 1", "Open", "Close", "= σ(x", "trading day", "03-06", "0, 10, .."];
    check(&lines, (816, 0), &labels);
    for values in [vec![], vec![vec![]], vec![vec![f32::NAN, f32::INFINITY]], vec![vec![0.0; 3], vec![], vec![1e30]]] {
        check(&GateLines::new("odd", "step", vec![]).column("", vec![LinePanel::new("", values)]), (816, 0), &["odd"]);
    }
    check(&GateLines::new("none", "step", vec![]), (816, 0), &["none"]);
}

#[test]
fn gate_maps_have_steps_of_their_own_and_rows_with_names() {
    let names = |words: &[&str]| words.iter().map(ToString::to_string).collect::<Vec<_>>();
    let share = GateMap::new("p = softmax(y)", Scale::Probability, vec![vec![f32::NAN; 2], vec![0.962, 0.038]]);
    let maps = GateMaps::new("two sentences", "word", names(&["i", "like"]))
        .column("i like", vec![gate("h_t", Scale::Tanh, 2, 5)])
        .below(share.rows(names(&["dog", "hippopotamus"])))
        .step_names(names(&["you", "hate"]))
        .column("you hate", vec![gate("h_t", Scale::Tanh, 2, 5)]);
    check(&maps, (800, 0), &["like", "you", "hate", "dog", "hippopotamus", "96.2", "3.8", "0 %", "100 %"]);
    let words: Vec<_> = (0..12).map(|word| format!("a-long-word-{word}")).collect();
    let wide =
        GateMaps::new("a text", "word", words).every_step_named().column("", vec![gate("h_t", Scale::Tanh, 12, 64)]);
    check(&wide, (800, 0), &["a-long-word-0"]);
}

#[test]
fn gate_maps_accept_any_values_and_any_number_of_columns() {
    for values in [vec![], vec![vec![]], vec![vec![f32::NAN, f32::INFINITY]], vec![vec![0.0; 3], vec![]]] {
        let map = GateMap::new("", Scale::Unbounded, values);
        check(&GateMaps::new("odd", "step", vec![]).column("", vec![map]), (800, 0), &["odd"]);
    }
    check(&GateMaps::new("none", "step", vec![]), (800, 0), &["none"]);
    let many = GateMaps::new("layers", "step", vec![]);
    let many = (0..5).fold(many, |many, layer| many.column(layer.to_string(), vec![gate("h", Scale::Tanh, 3, 3)]));
    check(&many, (1332, 0), &["layers"]);
}

#[test]
fn the_charts_of_a_stack_are_aligned() {
    let chart = |height: f64| LineChart::new("t", "x", "y").line(Line::new("a", vec![(0.0, 0.0), (1.0, height)]));
    let dir = tempfile::tempdir().unwrap();
    let (_, svg) = save(&Stack(vec![chart(1.0), chart(2_000_000.0)]), dir.path(), "stack");
    // The x axes are the grey lines between two points that are far apart.
    let left = |line: &str| {
        let points = line
            .strip_prefix("<polyline fill=\"none\" stroke=\"#6E6E6E\"")?
            .split_once("points=\"")?
            .1
            .split([' ', ',']);
        let numbers: Vec<i64> = points.filter_map(|number| number.parse().ok()).collect();
        (numbers.len() == 4 && numbers[2] - numbers[0] > 1000).then(|| numbers[0])
    };
    let lefts: Vec<i64> = svg.lines().filter_map(left).collect();
    assert_eq!(lefts.len(), 2);
    assert_eq!(lefts[0], lefts[1]);
}

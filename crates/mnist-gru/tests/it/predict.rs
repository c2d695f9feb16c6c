//! `predict`, `gates` and `--explain`, with test digits and with a user's pictures.

use std::fs;
use std::path::Path;

use image::codecs::jpeg::JpegEncoder;
use image::{DynamicImage, GrayImage, ImageEncoder, Luma, LumaA, Rgb, Rgba};
use mnist_gru::commands::jpeg;
use serde_json::Value;
use tempfile::TempDir;
use test_support::lesson::text;

use crate::support::{TRAIN_IMAGES, mnist_gru, write_mnist};

/// A folder with digits in `data/mnist` and a model in `models/mnist-gru`, the default paths.
fn home() -> TempDir {
    let home = tempfile::tempdir().unwrap();
    fs::create_dir_all(home.path().join("data/mnist")).unwrap();
    write_mnist(&home.path().join("data/mnist"), 30, 7);
    let trained = mnist_gru(home.path(), "--device cpu --hidden-size 6 --epochs 1 --no-plots");
    assert_eq!(trained.status.code(), Some(0), "{}", text(&trained.stderr));
    home
}

fn json(home: &Path, args: &str) -> Value {
    let output = mnist_gru(home, args);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The digit 7 as a picture, dark on light.
fn seven(width: u32, height: u32) -> GrayImage {
    GrayImage::from_fn(width, height, |x, y| {
        let (x, y) = (f64::from(x) / f64::from(width), f64::from(y) / f64::from(height));
        let bar = (0.2..0.3).contains(&y) && (0.3..0.7).contains(&x);
        let leg = (0.3..0.8).contains(&y) && (x + 0.5 * y - 0.8).abs() < 0.05;
        Luma([if bar || leg { 20 } else { 240 }])
    })
}

/// The first line of the error message, and the exit code.
fn error_line(home: &Path, args: &str) -> (String, Option<i32>) {
    let output = mnist_gru(home, args);
    assert_eq!(text(&output.stdout), "", "{args}");
    let stderr = text(&output.stderr);
    (stderr.lines().next().unwrap_or_default().to_owned(), output.status.code())
}

#[test]
fn index_predicts_a_test_digit_and_prints_its_picture() {
    let home = home();
    let output = mnist_gru(home.path(), "predict --index 3");
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    assert!(stdout.starts_with("test digit 3 -> "), "{stdout}");
    assert_eq!(stdout.lines().count(), 2 + 10);
    assert!(stdout.contains(" %  █"), "{stdout}");
    assert!(stderr.starts_with("test digit 3 of 7, labelled "), "{stderr}");
    assert_eq!(stderr.lines().count(), 1 + 30, "28 rows and a frame");

    let object = json(home.path(), "predict --index 3 --json");
    assert!(object["label"].is_u64() && object["predicted"].is_u64(), "{object}");
    let probabilities: Vec<f64> = serde_json::from_value(object["probabilities"].clone()).unwrap();
    assert!(probabilities.len() == 10 && (probabilities.iter().sum::<f64>() - 1.0).abs() < 1e-9);
    let predicted = object["predicted"].as_u64().unwrap() as usize;
    assert!(probabilities.iter().all(|share| *share <= probabilities[predicted]));
    assert_eq!(text(&mnist_gru(home.path(), "predict --index 3 -q").stderr), "");

    fs::remove_file(home.path().join("data/mnist").join(TRAIN_IMAGES)).unwrap();
    assert_eq!(json(home.path(), "predict --index 3 --json"), object, "the training digits are not read");
}

#[test]
fn every_color_format_of_a_drawing_gives_the_same_digit() {
    let home = home();
    let drawing = seven(120, 90);
    let inverted = GrayImage::from_fn(120, 90, |x, y| Luma([255 - drawing.get_pixel(x, y).0[0]]));
    let rgb = image::RgbImage::from_fn(120, 90, |x, y| Rgb([drawing.get_pixel(x, y).0[0]; 3]));
    let deep = image::ImageBuffer::<Luma<u16>, _>::from_fn(120, 90, |x, y| {
        Luma([u16::from(drawing.get_pixel(x, y).0[0]) * 257])
    });
    // black or white ink on a transparent background
    let alpha = |ink: u8| {
        image::GrayAlphaImage::from_fn(120, 90, |x, y| {
            LumaA([ink, if drawing.get_pixel(x, y).0[0] < 100 { 255 } else { 0 }])
        })
    };
    let clear = image::RgbaImage::from_fn(120, 90, |x, y| {
        let ink = drawing.get_pixel(x, y).0[0];
        Rgba([ink, ink, ink, 255])
    });
    let forms: [(&str, DynamicImage, &str); 7] = [
        ("grey", drawing.clone().into(), "grey, dark on light"),
        ("inverted", inverted.into(), "grey, light on dark"),
        ("rgb", rgb.into(), "colour, dark on light"),
        ("deep", deep.into(), "grey, dark on light"),
        ("black", alpha(0).into(), "grey, dark on light"),
        ("white", alpha(255).into(), "grey, light on dark"),
        ("clear", clear.into(), "colour, dark on light"),
    ];
    for (name, picture, how) in forms {
        // the format is detected by the content, not by the file name
        let path = home.path().join(name);
        picture.save_with_format(&path, image::ImageFormat::Png).unwrap();
        let read = mnist_gru::commands::image::read(&path).unwrap();
        assert!(read.description.contains(&format!("{name}: 120 x 90, {how}; ")), "{}", read.description);
        let grey = mnist_gru::commands::image::read(&home.path().join("grey")).unwrap();
        let worst = read.pixels.iter().zip(&grey.pixels).map(|(one, other)| one.abs_diff(*other)).max();
        assert!(worst <= Some(1), "{name}: {worst:?}");
    }
    let object = json(home.path(), "predict --image inverted --json");
    assert_eq!((&object["input"], &object["label"]), (&"inverted".into(), &Value::Null));
}

#[test]
fn a_photograph_is_rotated_by_its_exif_orientation() {
    let home = home();
    let path = home.path().join("photo.jpg");
    // A horizontal bar with the EXIF orientation (tag 0x0112, a short) 6: rotate by 90 degrees clockwise.
    let lying = GrayImage::from_fn(100, 60, |x, y| {
        Luma([if (20..80).contains(&x) && (25..35).contains(&y) { 30 } else { 230 }])
    });
    let exif = [&b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0"[..]].concat();
    let mut encoder = JpegEncoder::new(fs::File::create(&path).unwrap());
    encoder.set_exif_metadata(exif).unwrap();
    encoder.write_image(&lying, 100, 60, image::ExtendedColorType::L8).unwrap();
    let how = mnist_gru::commands::image::read(&path).unwrap().description;
    assert!(how.contains("60 x 100, grey, dark on light; ") && how.contains(" as 3 x 20, "), "{how}");
}

/// The error for a picture, after the path.
fn picture_error(path: &Path, bytes: &[u8]) -> String {
    fs::write(path, bytes).unwrap();
    let error = format!("{:#}", mnist_gru::commands::image::read(path).unwrap_err());
    error.strip_prefix(&format!("{}: ", path.display())).unwrap().to_owned()
}

/// The decoder gives these markers a length before the first scan.
#[test]
fn markers_at_wrong_places_do_not_hide_the_segments_of_a_jpeg() {
    let scan = b"\xff\xda\x00\x02";
    for marker in [&b"\xff\xd0"[..], b"\xff\x00"] {
        let file = [b"\xff\xd8", marker, b"\x00\x08", scan, b"\xff\xd9"].concat();
        let message = jpeg::check(&file).unwrap_err().to_string();
        assert!(message.ends_with("before its first scan"), "{message}");
    }
    // TEM has a length, so the end marker in it is not the end of the file.
    assert!(jpeg::check(&[b"\xff\xd8", &scan[..], b"\xff\x01\x00\x04\xff\xd9"].concat()).is_err());
    assert!(jpeg::check(&[b"\xff\xd8", &scan[..], b"pixels\xff\x00\xff\xd0\xff\xd9"].concat()).is_ok());
}

#[test]
fn the_size_of_a_picture_is_checked_before_it_is_decoded() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("picture");
    seven(90, 90).save_with_format(&path, image::ImageFormat::Jpeg).unwrap();
    let mut jpeg = fs::read(&path).unwrap();
    let frame = jpeg.windows(4).position(|bytes| bytes == [0xff, 0xc0, 0, 11]).unwrap();
    let started = std::time::Instant::now();
    for (width, height, takes) in
        [(65_500u16, 65_500u16, 4_290_250_000u64), (23_000, 23_000, 529_000_000), (16_385, 8, 131_080)]
    {
        jpeg[frame + 5..frame + 7].copy_from_slice(&height.to_be_bytes());
        jpeg[frame + 7..frame + 9].copy_from_slice(&width.to_be_bytes());
        let expected = format!(
            "the image has {width} x {height} pixels and takes {takes} bytes; at most 16384 pixels on a side, "
        );
        let error = picture_error(&path, &jpeg);
        assert!(error.contains(&expected) && error.ends_with(": scale it down first"), "{error}");
    }
    // a PNG of 65 KB
    image::GrayImage::new(8000, 8000).save_with_format(&path, image::ImageFormat::Png).unwrap();
    let error = picture_error(&path, &fs::read(&path).unwrap());
    assert!(error.contains("the image has 8000 x 8000 pixels and takes 64000000 bytes; at most "), "{error}");
    assert!(started.elapsed().as_secs() < 60);

    let gif = picture_error(&path, b"GIF89a........................");
    assert_eq!(gif, "cannot be read as a PNG or JPEG image: it has another format");
}

#[test]
fn a_large_picture_gives_the_same_digit_as_a_small_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("picture");
    let read = |side: u32| {
        seven(side, side).save_with_format(&path, image::ImageFormat::Png).unwrap();
        mnist_gru::commands::image::read(&path).unwrap().pixels
    };
    let (large, small) = (read(3500), read(175)); // 12 megapixels
    assert!(large.iter().zip(&small).all(|(one, other)| one.abs_diff(*other) < 32));
}

#[test]
fn a_jpeg_that_ends_early_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("seven.jpg");
    seven(90, 90).save_with_format(&path, image::ImageFormat::Jpeg).unwrap();
    let whole = fs::read(&path).unwrap();
    let ends_early = "cannot be read as a PNG or JPEG image: the JPEG file is not complete: its end is missing";
    for length in [20, whole.len() / 2, whole.len() - 2, whole.len() - 1] {
        assert_eq!(picture_error(&path, &whole[..length]), ends_early, "{length} bytes");
        let with_zeros = [&whole[..length], &[0; 1000]].concat();
        assert_eq!(picture_error(&path, &with_zeros), ends_early, "{length} bytes and zeros");
    }
    assert!(picture_error(&path, b"\xff\xd8\xff\xd9").ends_with("the JPEG file has no pixels"));

    fs::write(&path, &whole).unwrap();
    let digit = mnist_gru::commands::image::read(&path).unwrap();
    // A camera can store a second picture after the end, fill bytes before a marker, and a comment.
    let (start, rest) = whole.split_at(2);
    let comment = b"\xff\xff\xff\xfe\0\x04\xff\xd9";
    fs::write(&path, [start, comment, rest, &whole[..100]].concat()).unwrap();
    assert_eq!(mnist_gru::commands::image::read(&path).unwrap(), digit);

    let comments = [0xff, 0xfe, 0, 2].repeat(1001);
    let error = picture_error(&path, &[start, &comments, rest].concat());
    assert!(error.contains("the JPEG file has more than 1000 segments or more than 64 scans: "), "{error}");
}

#[test]
fn a_model_whose_sizes_do_not_fit_its_weights_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.pt");
    let empty = tch::Tensor::zeros([0, 20_000], tch::kind::FLOAT_CPU); // a GRU of this size takes 9.6 GB
    let state_dict: torch_ext::StateDict = [("gru.weight_hh_l0".to_owned(), empty)].into_iter().collect();
    state_dict.save(&path).unwrap();
    let saved = lesson_kit::SavedModel::read(&path, &mnist_gru::LESSON).unwrap();
    let error = mnist_gru::model::MnistNn::load(&saved, tch::Device::Cpu).unwrap_err().to_string();
    assert!(error.ends_with("has gru.weight_hh_l0 of shape [0, 20000]; expected (3 * hidden, hidden)"), "{error}");
}

#[test]
fn a_picture_without_a_digit_is_an_error_with_its_path() {
    let home = home();
    let at = |name: &str| home.path().join(name);
    GrayImage::from_pixel(30, 30, Luma([128])).save(at("blank.png")).unwrap();
    image::GrayAlphaImage::new(30, 30).save(at("clear.png")).unwrap();
    seven(90, 90).save(at("cut.png")).unwrap();
    let whole = fs::read(at("cut.png")).unwrap();
    fs::write(at("cut.png"), &whole[..whole.len() / 2]).unwrap();
    fs::write(at("text.png"), "a digit, honestly").unwrap();
    for (name, why) in [
        ("blank.png", "the image has the same brightness everywhere: there is no digit on it"),
        ("clear.png", "the image has the same brightness everywhere: there is no digit on it"),
        ("cut.png", "cannot be read as a PNG or JPEG image: "),
        ("text.png", "cannot be read as a PNG or JPEG image: "),
        ("nowhere.png", "there is no such file"),
    ] {
        let (error, code) = error_line(home.path(), &format!("predict --image {name}"));
        assert!(error.starts_with(&format!("error: {name}: {why}")), "{error}");
        assert_eq!(code, Some(1));
    }
}

#[test]
fn a_usage_error_exits_with_2() {
    let home = home();
    for (args, error) in [
        ("predict --index 7", "error: --index 7: the test digits are 0 to 6"),
        ("predict --index -1", "error: invalid value '-1' for '--index <N>': expected a whole number of at least 0"),
        ("predict", "error: the following required arguments were not provided:"),
        ("gates", "error: the following required arguments were not provided:"),
        ("predict --index 1 --image a.png", "error: the argument '--index <N>' cannot be used with '--image <FILE>'"),
        ("gates --index 1 --no-plots", "error: --no-plots: there is nothing to do; add --json to print the numbers"),
        ("--explain --resume", "error: the argument '--explain' cannot be used with '--resume'"),
    ] {
        let (found, code) = error_line(home.path(), args);
        assert!(found.starts_with(error), "{args}: {found}");
        assert_eq!(code, Some(2), "{args}");
    }
}

#[test]
fn a_missing_model_is_an_error_with_the_command_that_trains() {
    let home = home();
    fs::remove_file(home.path().join("models/mnist-gru/model.pt")).unwrap();
    for (args, path) in [
        ("predict --index 1", "models/mnist-gru/model.pt"),
        ("gates --index 1", "models/mnist-gru/model.pt"),
        ("eval", "models/mnist-gru/model.pt"),
        ("predict --index 1 --model other.pt", "other.pt"),
    ] {
        let (error, code) = error_line(home.path(), args);
        assert_eq!(error, format!("error: {path}: there is no such file; cargo run -p mnist-gru trains a model"));
        assert_eq!(code, Some(1));
    }
    let best = mnist_gru(home.path(), "predict --index 1 --model models/mnist-gru/best.pt");
    assert_eq!(best.status.code(), Some(0));
}

#[test]
fn gates_are_drawn_and_printed_as_numbers() {
    let home = home();
    let output = mnist_gru(home.path(), "gates --index 2 --out pictures");
    assert_eq!(text(&output.stdout), "pictures/gates.png and pictures/gates.svg\n", "{}", text(&output.stderr));
    let svg = fs::read_to_string(home.path().join("pictures/gates.svg")).unwrap();
    for label in
        ["test digit 2", "true ", "predicted ", "row of the image", "hidden unit", "layer 0, x: the row", "layer 1"]
    {
        assert!(svg.contains(label), "{label:?} is not in the SVG");
    }

    let object = json(home.path(), "gates --index 2 --json --no-plots");
    let layers = object["layers"].as_array().unwrap();
    assert_eq!(layers.len(), 2);
    for layer in layers {
        let names: Vec<_> = layer.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(names, ["r", "z", "n", "h"]);
        for (name, values) in layer.as_object().unwrap() {
            let values: Vec<Vec<f32>> = serde_json::from_value(values.clone()).unwrap();
            assert!(values.len() == 28 && values.iter().all(|units| units.len() == 6));
            let low = if matches!(name.as_str(), "r" | "z") { 0.0 } else { -1.0 };
            assert!(values.iter().flatten().all(|value| (low..=1.0).contains(value)));
        }
    }
    assert_eq!(object["predicted"], json(home.path(), "predict --index 2 --json")["predicted"]);
    assert!(!home.path().join("models/mnist-gru/gates.png").exists());
}

#[test]
fn explain_counts_the_parameters_and_trains_nothing() {
    let home = tempfile::tempdir().unwrap();
    let output = mnist_gru(home.path(), "--explain --hidden-size 6 --num-layers 1 --batch-size 3");
    let stdout = text(&output.stdout);
    // 18 * 28 + 18 * 6 + 2 * 18 + 10 * 6 + 10
    for line in [
        "mnist-gru: GRU(28, 6, num_layers=1, batch_first=True), then Linear(6, 10)",
        "  r_t = σ(W_ir x_t + b_ir + W_hr h_{t-1} + b_hr) ",
        "  gru.weight_ih_l0  (18, 28)  504",
        "  total                       718",
        "  inputs: images, rows, pixels of a row      (3, 28, 28)",
        "  outputs: scores of the digits              (3, 10)",
    ] {
        assert!(stdout.lines().any(|found| found.starts_with(line)), "{line:?} is not in\n{stdout}");
    }
    assert_eq!(fs::read_dir(home.path()).unwrap().count(), 0);
    let object = json(home.path(), "--explain --json");
    assert_eq!(object["total"], 161_034);
}

//! Weights that others have written, and models whose names are unusual: nothing is lost, and messages say it all.

use std::fs;
use std::path::{Path, PathBuf};

use autograd::{Param, Tensor};
use nn::checkpoint::{self, CheckpointError, Difference};
use nn::{Member, Module};
use optim::{Optimizer, Sgd};
use safetensors::Dtype;
use safetensors::tensor::TensorView;

/// Parameters under given names.
struct Named(Vec<(String, Param)>);

impl Module for Named {
    fn kind(&self) -> &'static str {
        "Named"
    }

    fn members(&self, f: &mut dyn FnMut(&str, Member<'_>)) {
        self.0.iter().for_each(|(name, param)| f(name, Member::Param(param)));
    }
}

fn param(values: &[f32]) -> Param {
    Param::new(Tensor::from_vec(values.to_vec(), [values.len()]))
}

fn model(parameters: &[(&str, &Param)]) -> Named {
    Named(parameters.iter().map(|(name, param)| ((*name).to_owned(), (*param).clone())).collect())
}

/// A file of one-dimensional tensors.
fn write(path: &Path, tensors: &[(&str, Dtype, &[u8])]) {
    let views = tensors.iter().map(|&(name, dtype, bytes)| {
        let length = bytes.len() * 8 / dtype.bitsize();
        (name, TensorView::new(dtype, vec![length], bytes).unwrap())
    });
    fs::write(path, safetensors::serialize(views, None).unwrap()).unwrap();
}

fn bytes(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

fn refused(model: &Named, path: &Path) -> String {
    let values =
        || -> Vec<u32> { model.0.iter().flat_map(|(_, param)| param.tensor().to_vec()).map(f32::to_bits).collect() };
    let before = values();
    let error = checkpoint::load(model, path).expect_err("this file does not fit");
    assert_eq!(values(), before, "a file that was refused changed the model");
    let message = error.to_string();
    assert!(message.starts_with(path.to_str().unwrap()) && !message.contains('\n'), "{message}");
    message[path.to_str().unwrap().len()..].to_owned()
}

fn folder() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weights.safetensors");
    (folder, path)
}

#[test]
fn two_parameters_with_one_name_are_neither_saved_nor_loaded() {
    let (_folder, path) = folder();
    let (one, other) = (param(&[1.0, 2.0]), param(&[3.0]));
    let both = model(&[("scale", &one), ("scale", &other)]);
    let message = ": found two parameters named scale, of shapes [2] and [1], expected a name for each";
    let error = checkpoint::save(&both, &path).unwrap_err();
    assert!(matches!(error, CheckpointError::SameName { .. }) && error.to_string().ends_with(message), "{error}");
    assert!(!path.exists(), "nothing is written");
    checkpoint::save(&model(&[("scale", &one)]), &path).unwrap();
    assert_eq!(refused(&both, &path), message);
    // As large as each other, and still two.
    let alike = model(&[("scale", &one), ("scale", &param(&[1.0, 2.0]))]);
    assert!(matches!(checkpoint::save(&alike, &path), Err(CheckpointError::SameName { .. })));
    // The format's own key is no name either.
    let reserved = model(&[("__metadata__", &one)]);
    assert!(checkpoint::save(&reserved, &path).unwrap_err().to_string().contains("does not reserve"));
}

#[test]
fn tied_weights_are_saved_under_both_names_and_loaded_from_either() {
    let (_folder, path) = folder();
    let (tied, own) = (param(&[1.0, f32::NAN]), param(&[5.0]));
    let saved = model(&[("embedding", &tied), ("bias", &own), ("head", &tied)]);
    assert_eq!((saved.parameter_count(), Sgd::new(saved.parameters(), 0.1).state().len()), (3, 2));
    checkpoint::save(&saved, &path).unwrap();
    checkpoint::load(&saved, &path).expect("a NaN is the same as itself");
    let file = fs::read(&path).unwrap();
    let names = safetensors::SafeTensors::deserialize(&file).unwrap().len();
    assert_eq!(names, 3, "each name is in the file");

    let (values, bias) = (bytes(&[1.0, 2.0]), bytes(&[5.0]));
    let whole = [("embedding", Dtype::F32, &values[..]), ("head", Dtype::F32, &values), ("bias", Dtype::F32, &bias)];
    for tensors in [&whole[..], &whole[1..], &[whole[0], whole[2]]] {
        write(&path, tensors);
        let target = param(&[0.0, 0.0]);
        checkpoint::load(&model(&[("embedding", &target), ("head", &target), ("bias", &param(&[0.0]))]), &path)
            .unwrap();
        assert_eq!(target.tensor().to_vec(), [1.0, 2.0]);
    }
    write(&path, &[whole[0], ("head", Dtype::F32, &bytes(&[1.0, 2.5])), whole[2]]);
    let message = refused(&saved, &path);
    assert!(message.contains("found different values under embedding and head, expected the same"), "{message}");
    write(&path, &[whole[2]]);
    assert_eq!(refused(&saved, &path), ": embedding or head: found no such tensor, expected f32 of shape [2]");
}

#[test]
fn half_precision_is_loaded_and_other_types_are_refused() {
    let (_folder, path) = folder();
    // 1, -2, 1/3 rounded, as both types write them.
    let of_bits = |bits: [u16; 3]| bits.map(u16::to_le_bytes).concat();
    let (f16, bf16) = (of_bits([0x3c00, 0xc000, 0x3555]), of_bits([0x3f80, 0xc000, 0x3eab]));
    write(&path, &[("half", Dtype::F16, &f16), ("brain", Dtype::BF16, &bf16)]);
    let (half, brain) = (param(&[0.0; 3]), param(&[0.0; 3]));
    checkpoint::load(&model(&[("half", &half), ("brain", &brain)]), &path).unwrap();
    assert_eq!(half.tensor().to_vec(), [1.0, -2.0, 0.333_251_95]);
    assert_eq!(brain.tensor().to_vec(), [1.0, -2.0, 0.333_984_38]);
    for (dtype, name) in [(Dtype::I64, "i64"), (Dtype::U8, "u8"), (Dtype::BOOL, "bool"), (Dtype::F8_E4M3, "f8_e4m3")] {
        write(&path, &[("half", dtype, &[0; 24][..3 * dtype.bitsize() / 8])]);
        let message = refused(&model(&[("half", &half)]), &path);
        assert_eq!(message, format!(": half: found {name} of shape [3], expected f32 of shape [3]"));
    }
}

#[test]
fn all_that_does_not_fit_is_named_at_once() {
    let (_folder, path) = folder();
    let four = bytes(&[1.0]);
    write(&path, &[("a", Dtype::F32, &four), ("new\nline", Dtype::F32, &four), ("z", Dtype::F32, &four)]);
    let (a, b, c) = (param(&[0.0; 2]), param(&[0.0; 3]), param(&[0.0]));
    let wanted = model(&[("a", &a), ("b", &b), ("c", &c)]);
    assert_eq!(
        refused(&wanted, &path),
        ": found 5 tensors that do not fit the model: \
         2 missing (b: found no such tensor, expected f32 of shape [3]; \
         c: found no such tensor, expected f32 of shape [1]), \
         2 unexpected (new\\nline: found a tensor, expected none: the model has no such parameter; \
         z: found a tensor, expected none: the model has no such parameter), \
         1 of another shape or type (a: found f32 of shape [1], expected f32 of shape [2])"
    );
    let Err(CheckpointError::Mismatch { differences, prefix, .. }) = checkpoint::load(&wanted, &path) else {
        panic!("the file does not fit");
    };
    assert!(differences.len() == 5 && prefix.is_none());
    assert!(differences.contains(&Difference::Unexpected { name: "z".to_owned() }));
}

#[test]
fn hundreds_that_do_not_fit_are_a_readable_line() {
    let (_folder, path) = folder();
    let names: Vec<String> = (0..332).map(|index| format!("layer{index}")).collect();
    let long = "x".repeat(100_000);
    write(&path, &[(&long, Dtype::F32, &bytes(&[1.0]))]);
    let zero = param(&[0.0]);
    let wanted = Named(names.iter().map(|name| (name.clone(), param(&zero.tensor().to_vec()))).collect());
    let message = refused(&wanted, &path);
    assert!(message.contains("332 missing (layer0: ") && message.contains("; and 312 more)"), "{message}");
    assert!(message.contains("layer19:") && !message.contains("layer20:"), "{message}");
    assert!(message.contains("1 unexpected (xxx") && message.len() < 3000, "{message}");
}

#[test]
fn a_prefix_of_all_names_is_recognized_and_taken_off() {
    let (_folder, path) = folder();
    let (weight, bias) = (bytes(&[1.0, 2.0]), bytes(&[3.0]));
    for prefix in ["module.", "model.module."] {
        let names = [format!("{prefix}fc.weight"), format!("{prefix}fc.bias")];
        write(&path, &[(&names[0], Dtype::F32, &weight), (&names[1], Dtype::F32, &bias)]);
        let parameters = [param(&[0.0; 2]), param(&[0.0])];
        let target = model(&[("fc.weight", &parameters[0]), ("fc.bias", &parameters[1])]);
        let message = refused(&target, &path);
        assert_eq!(
            message,
            format!(
                ": found names that all begin with \"{prefix}\", expected names such as fc.weight; \
                 nn::checkpoint::load_with_prefix(model, path, \"{prefix}\") takes it off"
            )
        );
        checkpoint::load_with_prefix(&target, &path, prefix).unwrap();
        assert_eq!(parameters.map(|parameter| parameter.tensor().to_vec()), [vec![1.0, 2.0], vec![3.0]]);
    }
    // With a part of the prefix taken off, the message has the whole.
    let target = model(&[("fc.weight", &param(&[0.0; 2])), ("fc.bias", &param(&[0.0]))]);
    write(&path, &[("a.a.fc.weight", Dtype::F32, &weight), ("a.a.fc.bias", Dtype::F32, &bias)]);
    let error = checkpoint::load_with_prefix(&target, &path, "a.").unwrap_err().to_string();
    assert!(error.contains("load_with_prefix(model, path, \"a.a.\")"), "{error}");
    // A tensor without the prefix is one too many, and a name that the model has itself is no prefix.
    write(&path, &[("a.fc.weight", Dtype::F32, &weight), ("a.fc.bias", Dtype::F32, &bias), ("b", Dtype::F32, &bias)]);
    let error = checkpoint::load_with_prefix(&target, &path, "a.").unwrap_err().to_string();
    assert!(error.contains("b: found a tensor, expected none"), "{error}");
    write(&path, &[("fc.weight", Dtype::F32, &weight)]);
    assert_eq!(refused(&target, &path), ": fc.bias: found no such tensor, expected f32 of shape [1]");
}

#[test]
fn other_kinds_of_file_are_called_what_they_are() {
    let (_folder, path) = folder();
    let target = model(&[("weight", &param(&[0.0]))]);
    // The beginnings of what torch.save writes, now and before version 1.6, and enough commas for a long header.
    let zip = [&b"PK\x03\x04\0\0\x08\x08\0\0\0\0archive/data.pklFB\x14\0ZZZZ\x80\x02}q\0"[..], &[b','; 9999]].concat();
    let pickle = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.\x80\x02}q\0(X\x10\0\0\0protocol".to_vec();
    let page = b"<!doctype html>\n<html><head><title>Sign in</title></head></html>".to_vec();
    for (bytes, kind) in [(zip, "a PyTorch file"), (pickle, "an old PyTorch file"), (page, "a web page (HTML)")] {
        fs::write(&path, bytes).unwrap();
        let message = refused(&target, &path);
        assert!(
            message.starts_with(&format!(": found {kind}")) && message.contains("expected a safetensors"),
            "{message}"
        );
        let name = path.to_str().unwrap();
        let conversion = format!(
            "safetensors.torch.save_file(torch.load(\"{name}\", map_location=\"cpu\"), \"{name}.safetensors\")"
        );
        assert_eq!(message.contains(&conversion), kind.contains("PyTorch"), "{message}");
    }
}

//! What the compiler says to programs that a newcomer writes. Those that could be made to work are compiled; the others
//! get a message that names what to write instead. Only our parts of the messages are compared: the rest is the
//! compiler's, and differs between its versions.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

/// Compiles programs against the libraries that cargo built for this test.
struct Compiler {
    rustc: PathBuf,
    dependencies: PathBuf,
    target: Option<String>,
    /// The libraries `autograd`, `nn` and `optim` that belong together.
    libraries: [PathBuf; 3],
    folder: tempfile::TempDir,
}

/// The libraries of a crate in a folder, the newest first.
fn libraries(folder: &Path, name: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut found: Vec<(SystemTime, PathBuf)> = entries
        .filter(|path| {
            let file = path.file_name().unwrap_or_default().to_string_lossy();
            file.starts_with(&format!("lib{name}-")) && file.ends_with(".rlib")
        })
        .map(|path| (fs::metadata(&path).unwrap().modified().unwrap(), path))
        .collect();
    found.sort();
    found.into_iter().rev().map(|(_, path)| path).collect()
}

impl Compiler {
    /// Beside the libraries of this test there may be others of the same names, which were built with other features:
    /// those that belong together compile a program that uses all three.
    fn new() -> Self {
        let dependencies = env::current_exe().unwrap().parent().unwrap().to_owned();
        let rustc = env::var_os("CARGO").map_or("rustc".into(), |cargo| Path::new(&cargo).with_file_name("rustc"));
        // `target/aarch64-unknown-linux-gnu/debug/deps`, if the tests were compiled for another machine.
        let above = dependencies.ancestors().nth(2).and_then(Path::file_name).unwrap_or_default().to_string_lossy();
        let target = above.starts_with(env::consts::ARCH).then(|| above.into_owned());
        let [engine, layers, optimizers] = ["autograd", "nn", "optim"].map(|name| libraries(&dependencies, name));
        let folder = tempfile::tempdir().unwrap();
        let mut compiler = Compiler { rustc, dependencies, target, libraries: Default::default(), folder };
        for autograd in engine {
            for nn in &layers {
                for optim in &optimizers {
                    compiler.libraries = [autograd.clone(), nn.clone(), optim.clone()];
                    if compiler.compile(WORKS[0].1).is_none() {
                        return compiler;
                    }
                }
            }
        }
        panic!("no libraries in {} compile a correct program", compiler.dependencies.display());
    }

    /// What the compiler says, unless it compiles the program.
    fn compile(&self, body: &str) -> Option<String> {
        let source = self.folder.path().join("program.rs");
        fs::write(&source, format!("{PREAMBLE}\nfn main() {{\n{body}\n}}\n")).unwrap();
        let mut command = Command::new(&self.rustc);
        command.args(["--edition=2024", "--emit=metadata", "-A", "warnings", "--out-dir"]).arg(self.folder.path());
        command.arg("-L").arg(format!("dependency={}", self.dependencies.display()));
        if let Some(target) = &self.target {
            command.args(["--target", target]);
            // Macros run on this machine, and are compiled for it: their folder is `target/debug/deps`.
            let mut above = self.dependencies.ancestors().skip(1);
            let profile = above.next().and_then(Path::file_name).unwrap_or_default();
            let macros = above.nth(1).unwrap_or(Path::new("")).join(profile).join("deps");
            command.arg("-L").arg(format!("dependency={}", macros.display()));
        }
        for (name, path) in ["autograd", "nn", "optim"].iter().zip(&self.libraries) {
            command.arg("--extern").arg(format!("{name}={}", path.display()));
        }
        // The sources are named relative to the workspace, so that the compiler shows their lines.
        let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let output = command.arg(&source).current_dir(workspace).output().expect("rustc runs");
        (!output.status.success()).then(|| String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

const PREAMBLE: &str = "use autograd::{Indices, Param, Random, Stream};
use nn::data::Batches;
use nn::{CrossEntropyLoss, Layer, Mode, Module, ReLU};
use optim::{Adam, Optimizer};
";

/// What works, by name.
const WORKS: &[(&str, &str)] = &[
    (
        "all three libraries",
        "let layer = nn::Linear::<f32>::new(2, 2, 0); let _ = Adam::new(layer.parameters(), 0.1);
         let _ = layer.forward(&autograd::Tensor::ones([1, 2]), Mode::Eval);",
    ),
    ("an array of literals", "let x = autograd::Tensor::from([[1.0, 2.0]]); println!(\"{}\", x.t());"),
    (
        "an array of literals as the input of a layer of f32",
        "let layer: nn::Linear = nn::Linear::new(2, 1, 0);
         let _: autograd::Tensor = layer.forward(&autograd::Tensor::from([[1.0, 2.0]]), Mode::Eval);",
    ),
    (
        "an array of literals is of f32 in the prelude",
        "use autograd::prelude::*; let x = Tensor::from([[1.0, 2.0]]); let _: Vec<f32> = x.to_vec();",
    ),
    ("zeros without a type", "use autograd::prelude::*; let x = Tensor::zeros([2]); println!(\"{x}\");"),
    (
        "Sequential::new() without a type",
        "use nn::prelude::*; let model = Sequential::new().add(Linear::new(2, 2, 0)).add(ReLU); println!(\"{model}\");",
    ),
    ("a layer alone", "use nn::prelude::*; let layer = Linear::new(2, 2, 0); println!(\"{layer}\");"),
    (
        "a tensor times a parameter",
        "let (tensor, param) = (autograd::Tensor::<f32>::ones([2]), Param::new(autograd::Tensor::ones([2])));
         let _ = (&tensor * &param, &param * &tensor, tensor.clone() - &param, 2.0 * &param, &param / 2.0, -&param);",
    ),
    (
        "the value of a loss before backward",
        "let w = Param::<f32>::new(autograd::Tensor::ones([2])); let loss = w.tensor().sum();
         let value = loss.item(); let _ = loss.backward(); println!(\"{value}\");",
    ),
    ("parameters by reference", "let w = Param::<f32>::new(autograd::Tensor::ones([2])); Adam::new([&w], 0.1);"),
    ("a prelude and a type of f64", "use autograd::prelude::*; use autograd::Tensor; Tensor::<f64>::ones([1]);"),
];

/// What cannot work: a name, the program, and what the message has.
const ANSWERED: &[(&str, &str, &[&str])] = &[
    (
        "Sequential::new() without a type",
        "let model = nn::Sequential::new().add(nn::Linear::new(2, 2, 0)).add(ReLU);",
        &["error[E0283]", "the default: `let x: Tensor = ...`, or `use autograd::prelude::*;`, `use nn::prelude::*;`"],
    ),
    (
        "a layer alone",
        "let layer = nn::Linear::new(2, 2, 0);",
        &["error[E0283]", "the default: `let x: Tensor = ...`, or `use autograd::prelude::*;`, `use nn::prelude::*;`"],
    ),
    (
        "the value of a loss after backward",
        "let w = Param::<f32>::new(autograd::Tensor::ones([2])); let loss = w.tensor().sum();
         let gradients = loss.backward(); println!(\"{}\", loss.item());",
        &["error[E0382]", "The graph goes with it: call `loss.item()` before `loss.backward()`."],
    ),
    (
        "a tensor of integers",
        "let x: autograd::Tensor<i64> = autograd::Tensor::zeros([2]);",
        &["tensors have elements of `f32` or `f64`, not of `i64`", "class labels and positions are `Indices`"],
    ),
    (
        "a seed of another type",
        "let layer: nn::Linear = nn::Linear::new(2, 2, \"seed\");",
        &["`&str` is not a source of random numbers", "a seed is a `u64`, such as `0`"],
    ),
    (
        "a model whose parameters are not declared",
        "struct Net; let x: &dyn Module = &Net;",
        &["`Net` is not a `Module` with elements of `f32`", "`nn::module!(Net { hidden, output });`"],
    ),
    (
        "a layer of f32 in a model of f64",
        "let _ = nn::Sequential::<f64>::new().add(nn::Linear::<f32>::new(2, 2, 0));",
        &["`nn::Linear` is not a `Layer` from a tensor of `f64`"],
    ),
    (
        "a closure as a layer",
        "let _ = nn::Sequential::<f32>::new().add(|x: &autograd::Tensor| x.exp());",
        &["a closure becomes a layer by `nn::layer(|x| ...)`"],
    ),
    (
        "a setting that is named as a parameter",
        "struct Net { width: usize } nn::module!(Net { width });",
        &["`usize` has no parameters of `f32` that `nn::module!` could name", "leave a field that is a setting out"],
    ),
    (
        "batches of vectors",
        "for _ in Batches::new(2).epoch(&vec![1.0], 0) {}",
        &["batches cannot be taken of `Vec<", "examples are a `Tensor`, `Indices`, or a tuple of these"],
    ),
    (
        "an optimizer of tensors",
        "let _: Adam = Adam::new([autograd::Tensor::<f32>::ones([2])], 0.1);",
        &["`Tensor` is not a parameter", "a model hands them over: `model.parameters()`"],
    ),
];

#[test]
fn what_a_newcomer_writes_is_compiled_or_answered() {
    let compiler = Compiler::new();
    for (name, program) in WORKS {
        assert_eq!(compiler.compile(program), None, "{name}");
    }
    for (name, program, parts) in ANSWERED {
        let message = compiler.compile(program).unwrap_or_else(|| panic!("{name}: it is compiled"));
        // The crate's name is written where more than one build of it lies in the folder.
        let message = message.replace("`autograd::Tensor`", "`Tensor`");
        for part in *parts {
            assert!(message.contains(part), "{name}: no \"{part}\" in\n{message}");
        }
    }
}

//! The golden files: rows of the manifest, and tensors by name.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use autograd::{Float, Indices, Mask, Param, Tensor};
use safetensors::{Dtype, SafeTensors};
use serde_json::Value;

/// A set of cases: its rows, and its files in memory.
pub struct Golden {
    pub folder: PathBuf,
    pub rows: Vec<Row>,
    files: BTreeMap<String, Vec<u8>>,
}

/// A row of the manifest.
pub struct Row {
    pub name: String,
    pub op: String,
    pub kind: String,
    pub json: Value,
}

impl Golden {
    pub fn open(folder: &Path) -> Result<Self, String> {
        let read = |name: &str| {
            let path = folder.join(name);
            std::fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))
        };
        let manifest: Value =
            serde_json::from_slice(&read("manifest.json")?).map_err(|error| format!("manifest.json: {error}"))?;
        let cases = manifest["cases"].as_array().ok_or("manifest.json has no cases")?;
        let mut rows = Vec::new();
        let mut files = BTreeMap::new();
        for json in cases {
            let text = |key: &str| {
                json[key].as_str().map(str::to_owned).ok_or_else(|| format!("a case without {key}: {json}"))
            };
            for file in json["files"].as_object().into_iter().flat_map(|files| files.values()).filter_map(Value::as_str)
            {
                if !files.contains_key(file) {
                    files.insert(file.to_owned(), read(file)?);
                }
            }
            rows.push(Row { name: text("name")?, op: text("op")?, kind: text("kind")?, json: json.clone() });
        }
        Ok(Golden { folder: folder.to_owned(), rows, files })
    }

    /// The tensors of one of the row's files (`f32`, `start`, ...), if it has that one.
    pub fn file(&self, row: &Row, key: &str) -> Option<SafeTensors<'_>> {
        let name = row.json["files"][key].as_str()?;
        Some(SafeTensors::deserialize(&self.files[name]).expect("a golden file is whole"))
    }
}

/// A case in one number type.
pub struct Case<'a, T: Float> {
    pub row: &'a Row,
    file: SafeTensors<'a>,
    /// The inputs as they are stored; leaves, where a gradient is wanted.
    stored: BTreeMap<String, Tensor<T>>,
    /// The parameters of layers that took the value of an input.
    bound: RefCell<BTreeMap<String, Param<T>>>,
}

impl<'a, T: Float> Case<'a, T> {
    pub fn new(row: &'a Row, file: SafeTensors<'a>) -> Self {
        let mut stored = BTreeMap::new();
        for input in row.json["inputs"].as_array().into_iter().flatten() {
            let name = input["name"].as_str().expect("an input has a name");
            if input["dtype"] != "float" {
                continue;
            }
            let tensor = tensor(&file, &format!("{}/in/{name}", row.name)).expect("an input is stored");
            let wanted = input["grad"] == true;
            stored.insert(name.to_owned(), if wanted { tensor.requires_grad() } else { tensor });
        }
        Case { row, file, stored, bound: RefCell::default() }
    }

    /// A tensor of the case, by key.
    pub fn golden(&self, key: &str) -> Option<Tensor<T>> {
        tensor(&self.file, &format!("{}/{key}", self.row.name))
    }

    /// Whole numbers of the case, by key; booleans are 0 and 1.
    pub fn golden_indices(&self, key: &str) -> Option<Indices> {
        indices(&self.file, &format!("{}/{key}", self.row.name))
    }

    /// The inputs that want a gradient, as they are stored.
    pub fn leaves(&self) -> Vec<(&str, &Tensor<T>)> {
        self.stored
            .iter()
            .filter(|(_, tensor)| tensor.is_tracked())
            .map(|(name, tensor)| (name.as_str(), tensor))
            .collect()
    }

    /// Gives a layer's parameter the value of an input, whose gradient is then the parameter's.
    pub fn bind(&self, name: &str, param: &Param<T>) {
        param.set(&self.input(name).detach());
        self.bound.borrow_mut().insert(name.to_owned(), param.clone());
    }

    /// The parameter that took the value of an input.
    pub fn bound(&self, name: &str) -> Option<Param<T>> {
        self.bound.borrow().get(name).cloned()
    }

    /// An input as the operation sees it, if there is one of that name.
    pub fn find(&self, name: &str) -> Option<Tensor<T>> {
        let stored = self.stored.get(name)?;
        let rows = self.row.json["inputs"].as_array().into_iter().flatten();
        let steps = rows.filter(|input| input["name"] == name).find_map(|input| input["view"].as_array());
        Some(steps.into_iter().flatten().fold(stored.clone(), |tensor, step| view(&tensor, step)))
    }

    /// An input as the operation sees it.
    pub fn input(&self, name: &str) -> Tensor<T> {
        self.find(name).unwrap_or_else(|| panic!("the case has no input {name}"))
    }

    /// The input `a`.
    pub fn a(&self) -> Tensor<T> {
        self.input("a")
    }

    /// The input `b`; where there is none, both operands are `a`.
    pub fn b(&self) -> Tensor<T> {
        self.find("b").unwrap_or_else(|| self.a())
    }

    /// All inputs of floats as the operation sees them, in the manifest's order.
    pub fn operands(&self) -> Vec<Tensor<T>> {
        let rows = self.row.json["inputs"].as_array().into_iter().flatten();
        rows.filter_map(|input| self.find(input["name"].as_str()?)).collect()
    }

    /// An input of whole numbers.
    pub fn index(&self, name: &str) -> Indices {
        self.golden_indices(&format!("in/{name}")).unwrap_or_else(|| panic!("the case has no input {name}"))
    }

    /// An input of booleans.
    pub fn mask(&self, name: &str) -> Mask {
        let index = self.index(name);
        Mask::new(index.as_slice().iter().map(|&is| is != 0).collect::<Vec<_>>(), index.shape())
    }

    pub fn attribute(&self, name: &str) -> &Value {
        &self.row.json["attrs"][name]
    }

    /// A number among the attributes; infinities are strings.
    pub fn number(&self, name: &str) -> Option<f64> {
        match self.attribute(name) {
            Value::String(text) => Some(text.parse().expect("inf or -inf")),
            value => value.as_f64(),
        }
    }

    pub fn integer(&self, name: &str) -> Option<isize> {
        self.attribute(name).as_i64().map(|number| number as isize)
    }

    pub fn flag(&self, name: &str) -> bool {
        self.attribute(name) == true
    }

    /// One whole number or a list of them; `None` if the attribute is missing or null.
    pub fn integers(&self, name: &str) -> Option<Vec<isize>> {
        integers(self.attribute(name))
    }

    /// A list of extents among the attributes.
    pub fn sizes(&self, name: &str) -> Option<Vec<usize>> {
        self.integers(name)?.into_iter().map(|number| usize::try_from(number).ok()).collect()
    }

    /// The number nearest to an attribute that must be there.
    pub fn scalar(&self, name: &str) -> T {
        T::from_f64(self.number(name).unwrap_or_else(|| panic!("the case has no attribute {name}")))
    }
}

fn integers(value: &Value) -> Option<Vec<isize>> {
    match value {
        Value::Array(list) => {
            Some(list.iter().map(|number| number.as_i64().expect("a whole number") as isize).collect())
        }
        value => value.as_i64().map(|number| vec![number as isize]),
    }
}

/// Applies a step such as `["transpose", 0, 1]`.
fn view<T: Float>(tensor: &Tensor<T>, step: &Value) -> Tensor<T> {
    let number = |position: usize| step[position].as_i64().expect("a whole number") as isize;
    let list = || integers(&step[1]).expect("a list");
    match step[0].as_str().expect("a step has a name") {
        "transpose" => tensor.transpose(number(1), number(2)),
        "permute" => tensor.permute(list()),
        "expand" => tensor.expand(list()),
        "flip" => tensor.flip(list()),
        "unsqueeze" => tensor.unsqueeze(number(1)),
        "slice" => tensor.slice(number(1), number(2) as usize, number(3) as usize, number(4) as usize),
        other => panic!("a view by {other}"),
    }
}

/// A tensor of floats, whatever their type in the file.
pub fn tensor<T: Float>(file: &SafeTensors<'_>, name: &str) -> Option<Tensor<T>> {
    let view = file.tensor(name).ok()?;
    let numbers = match view.dtype() {
        Dtype::F32 => {
            view.data().as_chunks().0.iter().map(|&bytes| T::from_f64(f32::from_le_bytes(bytes).into())).collect()
        }
        Dtype::F64 => view.data().as_chunks().0.iter().map(|&bytes| T::from_f64(f64::from_le_bytes(bytes))).collect(),
        _ => return None,
    };
    Some(Tensor::from_vec(numbers, view.shape()))
}

/// Whole numbers, or booleans as 0 and 1.
pub fn indices(file: &SafeTensors<'_>, name: &str) -> Option<Indices> {
    let view = file.tensor(name).ok()?;
    let numbers: Vec<i64> = match view.dtype() {
        Dtype::I64 => view.data().as_chunks().0.iter().map(|&bytes| i64::from_le_bytes(bytes)).collect(),
        Dtype::BOOL => view.data().iter().map(|&byte| i64::from(byte)).collect(),
        _ => return None,
    };
    Some(Indices::new(numbers, view.shape()))
}

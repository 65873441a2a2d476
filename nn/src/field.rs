//! What a field of a module may be, and the macro that declares a module by the names of its fields.

use std::marker::PhantomData;

use autograd::{Float, Param};

use crate::module::{Member, Module};

/// A field that [`module!`](crate::module!) can name: a [`Param`], a [`Module`], an `Option`, `Vec`, array or tuple of
/// them.
///
/// `Kind` says which of these it is; the compiler finds it. It is there because the rules of Rust would not let a
/// `Param` and every type that is a `Module` implement one trait otherwise.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no parameters of `{T}` that `nn::module!` could name",
    label = "neither a `Param` nor a `Module`, nor an `Option`, `Vec`, array or tuple of these",
    note = "leave a field that is a setting out of the line: `nn::module!(Net {{ hidden, output }});`"
)]
pub trait Field<T: Float, Kind> {
    /// Calls `f` with the members that the field named `name` adds to its module.
    fn add_members(&self, name: &str, f: &mut dyn FnMut(&str, Member<'_, T>));
}

/// The kinds of [`Field`].
pub mod kind {
    use std::marker::PhantomData;

    /// A parameter.
    pub struct OfParam;
    /// A module.
    pub struct OfModule;
    /// An `Option` of a field of kind `Kind`: without a value it adds nothing.
    pub struct OfOption<Kind>(PhantomData<Kind>);
    /// A `Vec` or an array of fields of kind `Kind`, whose names are their positions.
    pub struct OfList<Kind>(PhantomData<Kind>);
    /// A tuple of fields of these kinds, whose names are their positions.
    pub struct OfTuple<Kinds>(PhantomData<Kinds>);
}

impl<T: Float> Field<T, kind::OfParam> for Param<T> {
    fn add_members(&self, name: &str, f: &mut dyn FnMut(&str, Member<'_, T>)) {
        f(name, Member::Param(self));
    }
}

impl<T: Float, M: Module<T>> Field<T, kind::OfModule> for M {
    fn add_members(&self, name: &str, f: &mut dyn FnMut(&str, Member<'_, T>)) {
        f(name, Member::Module(self));
    }
}

impl<T: Float, Kind, F: Field<T, Kind>> Field<T, kind::OfOption<Kind>> for Option<F> {
    fn add_members(&self, name: &str, f: &mut dyn FnMut(&str, Member<'_, T>)) {
        if let Some(field) = self {
            field.add_members(name, f);
        }
    }
}

impl<T: Float, Kind: 'static, F: Field<T, Kind> + Send + Sync> Field<T, kind::OfList<Kind>> for Vec<F> {
    fn add_members(&self, name: &str, f: &mut dyn FnMut(&str, Member<'_, T>)) {
        f(name, Member::Module(&List(self, PhantomData)));
    }
}

impl<T: Float, Kind: 'static, F: Field<T, Kind> + Send + Sync, const COUNT: usize> Field<T, kind::OfList<Kind>>
    for [F; COUNT]
{
    fn add_members(&self, name: &str, f: &mut dyn FnMut(&str, Member<'_, T>)) {
        f(name, Member::Module(&List(self, PhantomData)));
    }
}

/// What PyTorch calls a `ModuleList`, or a `ParameterList` if there are parameters in it.
struct List<'a, F, Kind>(&'a [F], PhantomData<fn() -> Kind>);

impl<T: Float, Kind: 'static, F: Field<T, Kind> + Send + Sync> Module<T> for List<'_, F, Kind> {
    fn kind(&self) -> &'static str {
        let mut has_parameters = false;
        self.members(&mut |_, member| has_parameters |= matches!(member, Member::Param(_)));
        if has_parameters { "ParameterList" } else { "ModuleList" }
    }

    fn members(&self, f: &mut dyn FnMut(&str, Member<'_, T>)) {
        for (index, field) in self.0.iter().enumerate() {
            field.add_members(&index.to_string(), f);
        }
    }
}

macro_rules! tuples {
    ($($($field:ident $kind:ident $index:tt),+;)+) => {$(
        impl<T: Float, $($kind, $field: Field<T, $kind>),+> Field<T, kind::OfTuple<($($kind,)+)>> for ($($field,)+) {
            fn add_members(&self, name: &str, f: &mut dyn FnMut(&str, Member<'_, T>)) {
                $(self.$index.add_members(&format!("{name}.{}", $index), f);)+
            }
        }
    )+};
}

tuples! {
    A KindA 0, B KindB 1;
    A KindA 0, B KindB 1, C KindC 2;
    A KindA 0, B KindB 1, C KindC 2, D KindD 3;
}

/// Makes a [`Module`] of a struct, by the names of the fields that are parameters or modules, and lets it print its
/// tree. A field may be a [`Param`](autograd::Param), any [`Module`] (boxed ones too), or an `Option`, `Vec`, array or
/// tuple of them. Other fields (numbers, settings) are left out.
///
/// ```
/// use autograd::{Param, Stream, Tensor};
/// use nn::{Layer, Linear, Mode, Module};
///
/// struct Block { linear: Linear, gain: Option<Param> }
/// nn::module!(Block { linear, gain });
///
/// struct Net { blocks: Vec<Block>, head: Box<dyn Layer> }
/// nn::module!(Net { blocks, head });
///
/// impl Net {
///     fn forward(&self, x: &Tensor, mode: Mode<'_>) -> Tensor {
///         let x = self.blocks.iter().fold(x.clone(), |x, block| block.linear.forward(&x, mode).relu());
///         self.head.forward(&x, mode)
///     }
/// }
///
/// let seeds = Stream::new(0);
/// let block = || Block { linear: Linear::new(4, 4, &seeds), gain: None };
/// let net = Net { blocks: vec![block(), block()], head: Box::new(Linear::without_bias(4, 2, &seeds)) };
/// let names: Vec<String> = net.named_parameters().into_iter().map(|(name, _)| name).collect();
/// assert_eq!(
///     names,
///     [
///         "blocks.0.linear.weight", "blocks.0.linear.bias",
///         "blocks.1.linear.weight", "blocks.1.linear.bias",
///         "head.weight",
///     ]
/// );
/// assert_eq!(net.forward(&Tensor::ones([3, 4]), Mode::Train(&seeds)).shape(), &[3, 2]);
/// ```
///
/// A struct with an element type is declared as `Net<T>`; with more, the declaration is written out:
///
/// ```
/// use autograd::{Float, Tensor};
/// use nn::{Layer, Linear, Mode, Module};
///
/// struct Twice<T: Float, L> { inner: L, scale: T }
/// nn::module!(impl[T: Float, L: Layer<T>] Module<T> for Twice<T, L> { inner }, |twice| {
///     format!("scale={}", twice.scale)
/// });
///
/// impl<T: Float, L: Layer<T>> Layer<T> for Twice<T, L> {
///     fn forward(&self, x: &Tensor<T>, mode: Mode<'_>) -> Tensor<T> {
///         self.inner.forward(&self.inner.forward(x, mode), mode) * self.scale
///     }
/// }
///
/// let twice = Twice { inner: Linear::<f64>::without_bias(2, 2, 0), scale: 0.5 };
/// assert!(twice.to_string().starts_with("Twice(\n  scale=0.5\n  (inner): Linear(in_features=2"));
/// ```
///
/// - The closure behind the fields gives the settings that are printed; it may be left out.
/// - `name as "other"` gives a field another name in files, and `Net as "Network" { ... }` the type another name in
///   print.
#[macro_export]
macro_rules! module {
    ($name:ident $(as $kind:literal)? { $($fields:tt)* } $(, $settings:expr)?) => {
        $crate::module!(@ [] f32, $name, [$($kind)?], { $($fields)* }, [$($settings)?]);
    };
    ($name:ident<$t:ident> $(as $kind:literal)? { $($fields:tt)* } $(, $settings:expr)?) => {
        $crate::module!(@ [$t: $crate::Float] $t, $name<$t>, [$($kind)?], { $($fields)* }, [$($settings)?]);
    };
    (impl [$($generics:tt)*] Module<$t:ty> for $type:ty as $kind:literal { $($fields:tt)* } $(, $settings:expr)?) => {
        $crate::module!(@ [$($generics)*] $t, $type, [$kind], { $($fields)* }, [$($settings)?]);
    };
    (impl [$($generics:tt)*] Module<$t:ty> for $type:ty { $($fields:tt)* } $(, $settings:expr)?) => {
        $crate::module!(@ [$($generics)*] $t, $type, [], { $($fields)* }, [$($settings)?]);
    };
    (
        @ [$($generics:tt)*] $t:ty, $type:ty, [$($kind:literal)?],
        { $($field:ident $(as $other:literal)?),* $(,)? }, [$($settings:expr)?]
    ) => {
        impl<$($generics)*> $crate::Module<$t> for $type {
            fn kind(&self) -> &'static str {
                $crate::short_name(&[$($kind,)? stringify!($type)])
            }

            $(
                fn settings(&self) -> String {
                    let settings: fn(&Self) -> String = $settings;
                    settings(self)
                }
            )?

            #[allow(unused_variables)] // `f`, if there are no fields.
            fn members(&self, f: &mut dyn FnMut(&str, $crate::Member<'_, $t>)) {
                $(
                    let name = $crate::short_name(&[$($other,)? stringify!($field)]);
                    $crate::Field::<$t, _>::add_members(&self.$field, name, f);
                )*
            }
        }

        impl<$($generics)*> ::std::fmt::Display for $type {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.write_str(&$crate::Module::<$t>::tree(self))
            }
        }
    };
}

/// The first of some names, without a path before it, type parameters behind it, or the mark of a raw identifier.
#[doc(hidden)]
pub fn short_name(names: &[&'static str]) -> &'static str {
    let name = names[0].split('<').next().unwrap_or_default().trim_end();
    let name = name.rsplit("::").next().unwrap_or_default().trim();
    name.strip_prefix("r#").unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use autograd::Tensor;

    use super::*;
    use crate::{Layer, Linear};

    fn names<T: Float>(module: &impl Module<T>) -> Vec<String> {
        module.named_parameters().into_iter().map(|(name, _)| name).collect()
    }

    fn param<T: Float>() -> Param<T> {
        Param::new(Tensor::zeros([2]))
    }

    struct All<T: Float> {
        one: Param<T>,
        some: Option<Param<T>>,
        none: Option<Linear<T>>,
        list: Vec<Option<Linear<T>>>,
        scales: [Param<T>; 2],
        pair: (Param<T>, Vec<Linear<T>>),
        boxed: Box<dyn Layer<T>>,
        shared: Option<Arc<Linear<T>>>,
        r#type: Param<T>,
        renamed: Param<T>,
    }

    module!(All<T> as "Everything" {
        one, some, none, list, scales, pair, boxed, shared, r#type, renamed as "weight_ih_l0",
    }, |all| format!("none={}", all.none.is_some()));

    #[test]
    fn fields_of_all_kinds_have_the_names_of_a_state_dict() {
        let linear = || Linear::<f64>::without_bias(1, 1, 0);
        let all: All<f64> = All {
            one: param(),
            some: Some(param()),
            none: None,
            list: vec![Some(linear()), None, Some(linear())],
            scales: [param(), param()],
            pair: (param(), vec![linear()]),
            boxed: Box::new(linear()),
            shared: Some(Arc::new(linear())),
            r#type: param(),
            renamed: param(),
        };
        let own = ["one", "some", "pair.0", "type", "weight_ih_l0"];
        let inner = ["list.0.weight", "list.2.weight", "scales.0", "scales.1", "pair.1.0.weight", "boxed.weight"];
        assert_eq!(names(&all), [&own[..], &inner, &["shared.weight"]].concat());
        assert!(all.to_string().starts_with("Everything(\n  none=false\n  (list): ModuleList(\n    (0): Linear("));
        assert!(all.to_string().contains("(scales): ParameterList"));
    }

    mod nested {
        pub struct Inner;
    }

    module!(impl[] Module<f32> for nested::Inner {});

    #[test]
    fn a_module_may_have_no_members_and_a_path() {
        assert_eq!((names(&nested::Inner), nested::Inner.to_string()), (Vec::new(), "Inner()".to_owned()));
    }
}

//! Mistakes with operations on each element.

use crate::{check, leaf, x};

#[test]
fn mistakes_are_answered_in_plain_words() {
    check(
        file!(),
        &[
            ("add: shapes [2, 3] and [4] do not broadcast: dimension -1 is 3 and 4", &|| drop(x(&[2, 3]) + x(&[4]))),
            ("sub: shapes [2, 3] and [2] do not broadcast: dimension -1 is 3 and 2", &|| drop(x(&[2, 3]) - x(&[2]))),
            ("mul: shapes [2, 3] and [3, 2] do not broadcast: dimension -1 is 3 and 2", &|| {
                drop(x(&[2, 3]) * x(&[3, 2]))
            }),
            ("div: shapes [5, 1, 4] and [3, 3] do not broadcast: dimension -1 is 4 and 3", &|| {
                drop(x(&[5, 1, 4]) / x(&[3, 3]))
            }),
            ("maximum: shapes [2] and [3] do not broadcast: dimension -1 is 2 and 3", &|| {
                drop(x(&[2]).maximum(&x(&[3])))
            }),
            ("minimum: shapes [2, 2] and [3] do not broadcast: dimension -1 is 2 and 3", &|| {
                drop(x(&[2, 2]).minimum(&x(&[3])))
            }),
            ("pow: shapes [2] and [3] do not broadcast: dimension -1 is 2 and 3", &|| drop(x(&[2]).pow(&x(&[3])))),
            ("atan2: shapes [2] and [3] do not broadcast: dimension -1 is 2 and 3", &|| drop(x(&[2]).atan2(&x(&[3])))),
            ("fmod: shapes [2] and [3] do not broadcast: dimension -1 is 2 and 3", &|| drop(x(&[2]).fmod(&x(&[3])))),
            ("remainder: shapes [2] and [3] do not broadcast: dimension -1 is 2 and 3", &|| {
                drop(x(&[2]).remainder(&x(&[3])))
            }),
            ("hypot: shapes [2] and [3] do not broadcast: dimension -1 is 2 and 3", &|| drop(x(&[2]).hypot(&x(&[3])))),
            ("lerp: shapes [2] and [3] do not broadcast: dimension -1 is 2 and 3", &|| {
                drop(x(&[2]).lerp(&x(&[3]), 0.5))
            }),
            ("xlogy: shapes [2] and [3] do not broadcast: dimension -1 is 2 and 3", &|| drop(x(&[2]).xlogy(&x(&[3])))),
            ("add: shapes [4, 3] and [3, 4] do not broadcast: dimension -1 is 3 and 4", &|| {
                drop(x(&[3, 4]).t() + x(&[3, 4]))
            }),
            ("hardtanh: the lower bound 1 is above the upper bound -1", &|| drop(x(&[2]).hardtanh(1.0, -1.0))),
            ("softshrink: lambda is -0.5: wanted 0 or more", &|| drop(x(&[2]).softshrink(-0.5))),
            ("celu: alpha is 0, by which x would be divided", &|| drop(x(&[2]).celu(0.0))),
            ("clamp: neither min nor max is given", &|| drop(x(&[2]).clamp(None, None))),
            ("backward: shape [2] is not a single number: use backward_with(seed), or reduce it first", &|| {
                drop(x(&[2]).tanh().backward())
            }),
            ("backward: shape [2] is not a single number: use backward_with(seed), or reduce it first", &|| {
                drop(leaf(&[2]).relu().backward())
            }),
            (
                "backward: this tensor cannot have a gradient: it was not computed from a leaf (requires_grad) or a \
                parameter, or it was detached or computed under no_grad",
                &|| drop(x(&[1]).sigmoid().backward()),
            ),
            ("backward_with: the seed has shape [3], the tensor [2]", &|| {
                drop(leaf(&[2]).exp().backward_with(&x(&[3])))
            }),
        ],
    );
}

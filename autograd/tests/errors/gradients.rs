//! Mistakes with gradients.

use autograd::{Order, Param, grad, hessian, hvp, jvp, vjp};

use crate::{check, leaf, x};

#[test]
fn mistakes_are_answered_in_plain_words() {
    check(
        file!(),
        &[
            ("backward: shape [2] is not a single number: use backward_with(seed), or reduce it first", &|| {
                drop(x(&[2]).backward())
            }),
            ("backward: shape [2] is not a single number: use backward_with(seed), or reduce it first", &|| {
                drop(leaf(&[2]).backward())
            }),
            (
                "backward: this tensor cannot have a gradient: it was not computed from a leaf (requires_grad) or a \
                parameter, or it was detached or computed under no_grad",
                &|| drop(x(&[1]).backward()),
            ),
            ("backward_with: the seed has shape [3], the tensor [2]", &|| drop(leaf(&[2]).backward_with(&x(&[3])))),
            (
                "backward: this tensor cannot have a gradient: it was not computed from a leaf (requires_grad) or a \
                parameter, or it was detached or computed under no_grad",
                &|| drop(leaf(&[]).detach().backward()),
            ),
            (
                "backward: this graph was walked before and its values are freed (found at exp): compute the result \
                again, or ask for Order::RetainGraph or Order::Higher the first time",
                &|| {
                    drop({
                        let y = leaf(&[1]).exp();
                        let z = y.clone();
                        y.backward();
                        z.backward()
                    })
                },
            ),
            ("grad: shape [2] is not a single number: use grad_with and a seed, or reduce it first", &|| {
                drop(grad(&leaf(&[2]).exp(), &[&leaf(&[2])], Order::First))
            }),
            ("grad: tensor 0 of those asked for is not tracked, so it has no gradient", &|| {
                drop(grad(&leaf(&[1]).exp(), &[&x(&[2])], Order::First))
            }),
            ("vjp: the result has shape [2], the vector [3]: they must be the same", &|| {
                drop(vjp(|x| x.exp(), &x(&[2]), &x(&[3])))
            }),
            ("jvp: the inputs have shapes [[2]], the vectors [[3]]: they must be the same", &|| {
                drop(jvp(|x| x.exp(), &x(&[2]), &x(&[3])))
            }),
            ("hvp: the function returned shape [2], not a single number", &|| {
                drop(hvp(|x| x.exp(), &x(&[2]), &x(&[2])))
            }),
            ("hessian: the function returned shape [2], not a single number", &|| drop(hessian(|x| x.exp(), &x(&[2])))),
            ("Param::set: the parameter has shape [2], the new value [3]", &|| {
                Param::new(x(&[2])).set(&x(&[3]));
            }),
        ],
    );
}

//! Mistakes with attention and dropout.

use autograd::{Attention, Random};

use crate::{check, x};

fn attend(query: &[usize], key: &[usize], value: &[usize], mask: Option<&[usize]>) {
    let options = Attention { attn_mask: mask.map(x), ..Attention::default() };
    drop(x(query).scaled_dot_product_attention(&x(key), &x(value), &options));
}

fn causal_with_a_mask() {
    let options = Attention { attn_mask: Some(x(&[2, 4])), is_causal: true, ..Attention::default() };
    drop(x(&[2, 3]).scaled_dot_product_attention(&x(&[4, 3]), &x(&[4, 5]), &options));
}

#[test]
fn mistakes_are_answered_in_plain_words() {
    check(
        file!(),
        &[
            (
                "scaled_dot_product_attention: shapes [3], [4, 3] and [4, 5]: wanted [..., L, E], [..., S, E] and \
                [..., S, W]",
                &|| attend(&[3], &[4, 3], &[4, 5], None),
            ),
            (
                "scaled_dot_product_attention: shapes [2, 3], [4, 2] and [4, 5]: wanted [..., L, E], [..., S, E] \
                and [..., S, W]",
                &|| attend(&[2, 3], &[4, 2], &[4, 5], None),
            ),
            (
                "scaled_dot_product_attention: shapes [2, 3], [4, 3] and [5, 5]: wanted [..., L, E], [..., S, E] \
                and [..., S, W]",
                &|| attend(&[2, 3], &[4, 3], &[5, 5], None),
            ),
            (
                "scaled_dot_product_attention: shapes [2, 3], [4, 3] and [4]: wanted [..., L, E], [..., S, E] and \
                [..., S, W]",
                &|| attend(&[2, 3], &[4, 3], &[4], None),
            ),
            (
                "scaled_dot_product_attention: shapes [7, 2, 3], [6, 4, 3] and [7, 4, 5]: wanted [..., L, E], \
                [..., S, E] and [..., S, W]",
                &|| attend(&[7, 2, 3], &[6, 4, 3], &[7, 4, 5], None),
            ),
            (
                "scaled_dot_product_attention: shapes [7, 2, 3], [7, 4, 3] and [6, 4, 5]: wanted [..., L, E], \
                [..., S, E] and [..., S, W]",
                &|| attend(&[7, 2, 3], &[7, 4, 3], &[6, 4, 5], None),
            ),
            (
                "scaled_dot_product_attention: the mask has shape [3, 4], which does not broadcast to the scores' \
                [2, 4]",
                &|| attend(&[2, 3], &[4, 3], &[4, 5], Some(&[3, 4])),
            ),
            (
                "scaled_dot_product_attention: the mask has shape [7, 2, 4], which does not broadcast to the \
                scores' [2, 4]",
                &|| attend(&[2, 3], &[4, 3], &[4, 5], Some(&[7, 2, 4])),
            ),
            ("scaled_dot_product_attention: a mask is given for causal attention, which has its own", &|| {
                causal_with_a_mask()
            }),
            ("dropout: -0.1 is no probability: wanted 0 to 1", &|| drop(x(&[2]).dropout(-0.1, 0))),
            ("dropout: 1.5 is no probability: wanted 0 to 1", &|| drop(x(&[2]).dropout(1.5, 0))),
            ("dropout: NaN is no probability: wanted 0 to 1", &|| drop(x(&[2]).dropout(f64::NAN, &mut Random::new(0)))),
        ],
    );
}

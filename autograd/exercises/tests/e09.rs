use super::expect;
use crate::e09_gemm::multiply;

#[test]
fn it_is_the_product() {
    let sizes = [[1, 1, 1], [4, 4, 16], [5, 7, 9], [64, 64, 64], [65, 33, 17], [3, 100, 50], [130, 1, 2], [2, 0, 3]];
    for size in sizes.into_iter().chain([[0, 3, 2], [3, 2, 0]]) {
        let [m, k, n] = size;
        // Integers, so that the order of the sums does not matter.
        let values =
            |count: usize, factor: usize| (0..count).map(|i| (i * factor % 11) as f32 - 5.0).collect::<Vec<f32>>();
        let (a, b, mut c) = (values(m * k, 3), values(k * n, 7), vec![f32::NAN; m * n]);
        multiply(&a, &b, &mut c, size);
        for i in 0..m {
            for j in 0..n {
                let expected: f32 = (0..k).map(|p| a[i * k + p] * b[p * n + j]).sum();
                let think = "sizes that no tile divides: what happens to the last rows and columns? C begins as NaN: \
                             it is written, not added to; with k = 0 it is 0";
                expect(&format!("multiply of m, k, n = {size:?}: row {i}, column {j}"), c[i * n + j], expected, think);
            }
        }
    }
}

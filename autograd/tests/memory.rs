//! The pool of buffers: buffers dropped on another thread are used again, idle buffers can be released, and the pool
//! can be switched off.

mod again;

use std::sync::mpsc::sync_channel;
use std::thread;

use autograd::{
    Attention, Convolution, MaxPool, Padding, Random, Tensor, memory_statistics, release_memory, with_threads,
};

/// Runs one test of this program in a separate process, where no other test changes the counters.
fn alone(test: &str, setting: &str) {
    let outcome =
        again::this_program().args([test, "--exact", "--ignored"]).env("AUTOGRAD_POOL", setting).output().unwrap();
    let printed = String::from_utf8_lossy(&outcome.stdout);
    assert!(
        outcome.status.success() && printed.contains("1 passed"),
        "{printed}{}",
        String::from_utf8_lossy(&outcome.stderr)
    );
}

#[test]
fn memory_is_constant_if_another_thread_drops_the_tensors_of_this_one() {
    alone("alone_dropped_elsewhere", "1");
}

#[test]
#[ignore = "run by the test above, in a process of its own"]
fn alone_dropped_elsewhere() {
    let (send, receive) = sync_channel::<Tensor>(4);
    // Each tensor is waited for until it has been dropped. Otherwise the number of tensors that exist at the same time,
    // and so the number of buffers, would depend on the scheduling of the system.
    let (tell, gone) = sync_channel::<usize>(4);
    let consumer = thread::spawn(move || {
        for tensor in receive {
            let count = tensor.numel();
            drop(tensor);
            tell.send(count).unwrap();
        }
    });
    let mut dropped = 0;
    let mut make = |count: usize| {
        for number in 0..count {
            // A small and a large block: the first is kept in a thread's own list, the second in the shared list.
            send.send(Tensor::full([1000], number as f32)).unwrap();
            send.send(Tensor::full([100_000], number as f32)).unwrap();
            dropped += gone.recv().unwrap() + gone.recv().unwrap();
        }
        memory_statistics().pool_misses
    };
    // The consumer's own list fills up first; after that the blocks return through the shared list.
    let before = make(3000);
    assert_eq!(make(3000), before, "the system was asked for memory again and again");
    drop(send);
    consumer.join().unwrap();
    assert_eq!(dropped, 6000 * 101_000);
}

#[test]
fn idle_memory_is_released_on_request() {
    alone("alone_released", "1");
}

#[test]
#[ignore = "run by the test above, in a process of its own"]
fn alone_released() {
    drop((Tensor::<f32>::zeros([10]), Tensor::<f32>::zeros([1000, 1000])));
    assert!(memory_statistics().idle_bytes > 4_000_000);
    release_memory();
    assert_eq!(memory_statistics().idle_bytes, 0);
    let before = memory_statistics().pool_misses;
    drop(Tensor::<f32>::zeros([1000, 1000]));
    assert_eq!(memory_statistics().pool_misses, before + 1);
}

#[test]
fn of_many_classes_only_the_gradient_is_another_array() {
    alone("alone_many_classes", "1");
}

#[test]
#[ignore = "run by the test above, in a process of its own"]
fn alone_many_classes() {
    let bytes = 64 * 32_000 * size_of::<f32>();
    let labels: Vec<i64> = (0..64).map(|row| row * 499).collect();
    release_memory();
    let scores = Tensor::<f32>::randn([64, 32_000], 0).requires_grad();
    let gradients = scores.cross_entropy(&labels.into()).backward();
    assert!(gradients.get(&scores).is_some());
    drop((scores, gradients));
    // Every buffer is idle now: together they are what was in use at most.
    let used = memory_statistics().idle_bytes;
    assert!((2 * bytes..2 * bytes + (1 << 20)).contains(&used), "{used} bytes, the scores have {bytes}");
}

#[test]
fn attention_keeps_no_weights() {
    alone("alone_attention", "1");
}

#[test]
#[ignore = "run by the test above, in a process of its own"]
fn alone_attention() {
    let (length, heads, width) = (512, 8, 16);
    let weights = heads * length * length * size_of::<f32>();
    with_threads(1, || {
        release_memory();
        let x = Tensor::<f32>::randn([length, 3 * heads * width], 0).requires_grad();
        let mask = Tensor::<f32>::randn([1, length], 1);
        let dropout = Some((0.1, Random::new(2)));
        let options = Attention { attn_mask: Some(mask), dropout, ..Attention::default() };
        let gradients = x.packed_attention(heads, &options).sum().backward();
        assert!(gradients.get(&x).is_some());
        drop((x, gradients, options));
        let used = memory_statistics().idle_bytes;
        assert!(used < weights / 2, "{used} bytes, the weights would be {weights}");
    });
}

#[test]
fn the_pool_can_be_switched_off() {
    alone("alone_without_a_pool", "0");
}

#[test]
#[ignore = "run by the test above, in a process of its own"]
fn alone_without_a_pool() {
    for made in 1..10 {
        drop((Tensor::<f32>::zeros([10]), Tensor::<f32>::zeros([1000, 1000])));
        let statistics = memory_statistics();
        assert_eq!((statistics.pool_misses, statistics.idle_bytes), (2 * made, 0));
    }
}

#[test]
fn convolutions_and_pools_ask_the_system_for_no_memory_once_they_have_run() {
    alone("alone_convolutions", "1");
}

#[test]
#[ignore = "run by the test above, in a process of its own"]
fn alone_convolutions() {
    let options = Convolution { padding: Padding::Zeros([1, 1]), ..Convolution::default() };
    let depthwise = Convolution { groups: 16, stride: [2, 2], ..options };
    let step = || {
        let x: Tensor = Tensor::ones([9, 3, 20, 20]);
        let [first, second] = [[16, 3, 3, 3], [16, 1, 3, 3]].map(|shape| Tensor::ones(shape).requires_grad());
        let y = x.conv2d(&first, None, &options).max_pool2d(&MaxPool::new([2, 2])).conv2d(&second, None, &depthwise);
        assert_eq!(y.sum().backward().len(), 2);
    };
    for threads in [1, 2] {
        with_threads(threads, || {
            (0..3).for_each(|_| step());
            let before = memory_statistics().pool_misses;
            (0..10).for_each(|_| step());
            assert_eq!(memory_statistics().pool_misses, before, "{threads} threads");
        });
    }
}

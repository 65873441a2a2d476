//! Policy gradient: a network learns to balance a pole on a cart, from nothing but how long it stood.
//!
//! `cargo run --release -p nn --example 15_pole`
//!
//! REINFORCE (Williams, 1992): play whole games by the network's probabilities, then make likelier what was done in
//! games and moments that went better than others. The cart is that of Barto, Sutton and Anderson (1983).

use autograd::{Indices, Random, Stream, Tensor, no_grad};
use nn::{Layer, Linear, Mode, Module, Sequential, Tanh};
use optim::Adam;

/// Position, speed, angle and turning speed.
type State = [f64; 4];

/// The state a fiftieth of a second later, after a push to the right or to the left.
fn push([x, speed, angle, turning]: State, right: bool) -> State {
    let (gravity, cart, pole, half_length, seconds) = (9.8, 1.0, 0.1, 0.5, 0.02);
    let force = if right { 10.0 } else { -10.0 };
    let total = cart + pole;
    let inner = (force + pole * half_length * turning * turning * angle.sin()) / total;
    let swing = (gravity * angle.sin() - angle.cos() * inner)
        / (half_length * (4.0 / 3.0 - pole * angle.cos() * angle.cos() / total));
    let pull = inner - pole * half_length * swing * angle.cos() / total;
    [x + seconds * speed, speed + seconds * pull, angle + seconds * turning, turning + seconds * swing]
}

fn stands([x, _, angle, _]: State) -> bool {
    x.abs() < 2.4 && angle.abs() < 12.0_f64.to_radians()
}

/// What was seen and done at each moment of a game.
struct Game {
    states: Vec<f32>,
    pushes: Vec<i64>,
}

const LONGEST: usize = 200;

fn play(policy: &Sequential, random: &mut Random) -> Game {
    let mut state: State = std::array::from_fn(|_| 0.1 * random.uniform() - 0.05);
    let mut game = Game { states: Vec::new(), pushes: Vec::new() };
    while stands(state) && game.pushes.len() < LONGEST {
        let seen = state.map(|value| value as f32);
        let scores = no_grad(|| policy.forward(&Tensor::from_vec(seen.to_vec(), [1, 4]), Mode::Eval).to_vec());
        let right = 1.0 / (1.0 + f64::from(scores[0] - scores[1]).exp());
        let push_right = random.uniform() < right;
        game.states.extend(seen);
        game.pushes.push(i64::from(push_right));
        state = push(state, push_right);
    }
    game
}

/// For each moment, the discounted number of moments for which the pole stood from then on.
fn returns(moments: usize) -> Vec<f32> {
    let mut sum = 0.0;
    let mut returns: Vec<f32> = (0..moments)
        .map(|_| {
            sum = 1.0 + 0.99 * sum;
            sum
        })
        .collect();
    returns.reverse();
    returns
}

fn main() {
    println!("Shows: reinforcement learning: a network learns to balance a pole by policy gradients");
    println!("Uses:  Tensor::log_softmax, gather, std, no_grad, Adam\n");
    let rounds = std::env::args().nth(1).map_or(60, |text| text.parse().expect("a number of rounds"));
    let mut random = Random::new(0);
    let policy: Sequential =
        Sequential::new().add(Linear::new(4, 32, &mut random)).add(Tanh).add(Linear::new(32, 2, &mut random));
    let (mut adam, stream) = (Adam::new(policy.parameters(), 0.01), Stream::new(1));
    let (mut first, mut last) = (0.0, 0.0);
    for round in 0..rounds {
        let games: Vec<Game> = (0..16).map(|_| play(&policy, &mut random)).collect();
        let lengths: Vec<usize> = games.iter().map(|game| game.pushes.len()).collect();
        let moments: usize = lengths.iter().sum();
        let returns = Tensor::from_vec(lengths.iter().flat_map(|&length| returns(length)).collect(), [moments]);
        // Better or worse than the average moment, in units of how much they differ.
        let advantages = (&returns - returns.mean()) / (returns.std([0], 0, false) + 1e-6);
        let states = games.iter().flat_map(|game| game.states.iter().copied()).collect();
        let pushes = games.iter().flat_map(|game| game.pushes.iter().copied()).collect::<Vec<i64>>();
        let scores = policy.forward(&Tensor::from_vec(states, [moments, 4]), Mode::Train(&stream));
        let chosen = scores.log_softmax(1).gather(1, &Indices::new(pushes, [moments, 1])).squeeze(1);
        adam.step(&(-(chosen * advantages)).mean().backward());
        last = moments as f64 / 16.0;
        if round == 0 {
            first = last;
        }
        if round % (rounds / 12).max(1) == 0 || round + 1 == rounds {
            println!("round {round:3}  stood for {last:5.1} of {LONGEST} moments  {}", "#".repeat(last as usize / 4));
        }
    }
    assert!(last > 2.0 * first, "the pole does not stand longer than before: {first} and {last}");
    assert!(rounds < 60 || last > 150.0, "the pole falls after {last} moments");
}
